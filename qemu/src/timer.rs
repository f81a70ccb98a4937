//! What the timer's interrupt does, thousands of times a second and whatever it stops: it looks
//! modules, exported symbols and addresses up, and checks the answers against what the kernel knows.

use crate::context::{self, Shared};
use crate::kernel::{LOADER, TestKernel};
use crate::machine::{Machine, Outcome, This};
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use core::time::Duration;
use modlink::module::State;
use modlink::platform::Event;
use modlink::{Exported, Handle, Module};

/// How often the timer interrupts in a second.
pub const RATE: u32 = 4000;

/// How often it has to have interrupted a boot that succeeds.
const LEAST: u32 = 1000;

static WATCH: Shared<Watch> = Shared::new(Watch {
    is_started: false,
    change: None,
    modules: Vec::new(),
    counts: Counts::NONE,
});

/// What the interrupt knows, and what it counts.
struct Watch {
    is_started: bool,
    /// What is being done to the modules now.
    change: Option<Change>,
    /// The modules that have been loaded, no name twice.
    modules: Vec<Known>,
    counts: Counts,
}

/// What a system call does to the modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It loads one.
    Load,
    /// It unloads one.
    Unload,
}

/// What the kernel has been told of a module.
struct Known {
    name: Vec<u8>,
    /// A symbol that it exports.
    symbol: Option<Vec<u8>>,
    core: Range<u64>,
    stage: Stage,
    /// What the interrupt keeps of it from one time to the next.
    handle: Option<Handle<TestKernel>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Coming,
    Live,
    /// Its init or exit function has faulted: it stays, and nobody gets a reference to it.
    Faulted,
    Gone,
}

/// How often the interrupt came, and what it was told.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// How often it came.
    pub fired: u32,
    /// How often in the midst of a load or an unload.
    pub in_change: u32,
    /// How often it found a module by name, and how often none.
    pub modules: Answers,
    /// How often it found a symbol that a module exports, and how often none.
    pub symbols: Answers,
    /// How often it found a symbol that the kernel exports, and how often none.
    pub kernel_symbols: Answers,
    /// How often it found out whose an address is, and how often that it is nobody's.
    pub addresses: Answers,
}

/// How often something was found, and how often not.
#[derive(Clone, Copy, Debug)]
pub struct Answers {
    /// How often it was.
    pub some: u32,
    /// How often not.
    pub none: u32,
}

/// Lets the interrupt come from now on.
pub fn start() {
    WATCH.with(|watch| watch.is_started = true);
    This::start_timer();
}

/// What it has counted.
pub fn counts() -> Counts {
    WATCH.with(|watch| watch.counts)
}

/// How long the timer has been interrupting, as far as that is known from how often; `None` if it
/// does not.
pub fn time() -> Option<Duration> {
    WATCH
        .with(|watch| watch.is_started.then_some(watch.counts.fired))
        .map(|fired| Duration::from_micros(u64::from(fired) * 1_000_000 / u64::from(RATE)))
}

/// Says what it has counted, once it has come [`LEAST`] times; fails if it does not come any more.
pub fn conclude(outcome: Outcome) -> Outcome {
    if !WATCH.with(|watch| watch.is_started) {
        return outcome;
    }
    let has_fired = outcome != Outcome::Success || fires(LEAST);
    println!("timer: {}", counts());
    if !has_fired {
        println!("timer: that is less than {LEAST} times, and it comes no more");
        return Outcome::Failure;
    }
    outcome
}

/// Waits until the interrupt has come `least` times; false if it has stopped coming.
fn fires(least: u32) -> bool {
    /// Some seconds, in units of the clock: a machine may be slow, but not stand still.
    const LONG: u64 = 1 << 34;
    let (mut seen, mut since) = (counts().fired, This::clock());
    while seen < least {
        core::hint::spin_loop();
        let (fired, now) = (counts().fired, This::clock());
        if fired != seen {
            (seen, since) = (fired, now);
        } else if now.wrapping_sub(since) > LONG {
            return false;
        }
    }
    true
}

/// Takes note of what happens to a module.
pub fn follow(event: Event, module: &Module<TestKernel>) {
    let stage = match event {
        Event::Coming => Stage::Coming,
        Event::Live => Stage::Live,
        Event::Going => Stage::Gone,
        // It stays as it is.
        _ => return,
    };
    let name = module.name().as_bytes();
    WATCH.with(|watch| {
        let known = watch.modules.iter_mut().find(|known| known.name == name);
        match known {
            Some(known) if stage != Stage::Coming => known.stage = stage,
            known => {
                let symbol = module.exports().next().map(|symbol| Vec::from(symbol.name));
                let (name, core) = (Vec::from(name), module.core());
                let new = Known { name, symbol, core, stage, handle: None };
                match known {
                    Some(known) => *known = new,
                    None => watch.modules.push(new),
                }
            }
        }
    });
}

/// Takes note that the function at `entry`, the init or exit function of a module, has faulted.
pub fn note_fault(entry: u64) {
    let Some((name, _)) = LOADER.locate(entry) else { return };
    WATCH.with(|watch| {
        let known = watch.modules.iter_mut().find(|known| known.name == name.as_bytes());
        known.into_iter().for_each(|known| known.stage = Stage::Faulted);
    });
}

/// Makes a change to the modules, which the interrupt is told of.
pub fn during<R>(change: Change, what: impl FnOnce() -> R) -> R {
    WATCH.with(|watch| watch.change = Some(change));
    let result = what();
    WATCH.with(|watch| watch.change = None);
    result
}

/// The interrupt. Called by the machine, with interrupts off.
pub fn tick() {
    context::in_interrupt(|| WATCH.with(Watch::look));
}

impl Watch {
    fn look(&mut self) {
        let turn = self.counts.fired as usize;
        self.counts.fired += 1;
        self.counts.in_change += u32::from(self.change.is_some());
        self.look_for_kernels_and_nobodys(turn);
        self.look_at_all();
        if let Some(index) = turn.checked_rem(self.modules.len()) {
            let round = turn / self.modules.len();
            self.look_for_module(index);
            self.look_for_symbol(index);
            self.look_for_address(index, round);
        }
    }

    /// What the kernel exports is always found, and what there is not is never.
    fn look_for_kernels_and_nobodys(&mut self, turn: usize) {
        let printk = LOADER.symbol(b"_printk");
        let is_kernels = |found: &Exported<TestKernel>| {
            found.owner.is_none() && This::kernel().contains(&(found.address as usize))
        };
        assert!(printk.is_some_and(|found| is_kernels(&found)), "_printk is not the kernel's");
        assert!(LOADER.symbol(b"nobody_exports_it").is_none(), "somebody exports what nobody does");
        assert!(LOADER.find(b"nobody").is_none(), "a module that there is not was found");
        self.counts.kernel_symbols.count(true);
        self.counts.symbols.count(false);
        self.counts.modules.count(false);
        let after = (*This::MODULE_REGION.end() + 1) as usize;
        let nobodys = [0, *This::kernel().start(), This::stack_guard(), after];
        let address = nobodys[turn % nobodys.len()];
        assert!(LOADER.locate(address as u64).is_none(), "{address:#x} is no module's");
        self.counts.addresses.count(false);
    }

    /// The list has the modules that are live or have faulted, and one more or less in the midst of a change.
    fn look_at_all(&self) {
        let mut listed = 0;
        LOADER.for_each(|module| {
            check_core(&module.core());
            listed += 1;
        });
        let stays = |known: &&Known| matches!(known.stage, Stage::Live | Stage::Faulted);
        let live = self.modules.iter().filter(stays).count();
        let right = match self.change {
            None => listed == live,
            Some(_) => listed.abs_diff(live) <= 1,
        };
        assert!(right, "{listed} modules are listed, {live} live, change {:?}", self.change);
    }

    fn look_for_module(&mut self, index: usize) {
        let known = &self.modules[index];
        let found = LOADER.find(&known.name);
        self.check(known, found.is_some(), "find");
        let mut new_handle = None;
        if let Some(module) = &found {
            known.check_core(module);
            assert!(module.name().as_bytes() == known.name, "find({known}) found another");
            // The handle is to be one to the module that is known.
            if known.handle.is_none() && known.stage != Stage::Gone {
                new_handle = Some(module.clone().handle());
            }
        }
        if let Some(handle) = &known.handle {
            let again = handle.try_get();
            self.check(known, again.is_some(), "try_get");
            let is_gone = known.stage == Stage::Gone;
            assert!(!is_gone || again.is_none(), "{known} has gone, and try_get finds it");
        }
        self.counts.modules.count(found.is_some());
        if new_handle.is_some() {
            self.modules[index].handle = new_handle;
        }
    }

    fn look_for_symbol(&mut self, index: usize) {
        let known = &self.modules[index];
        let Some(name) = &known.symbol else { return };
        let found = LOADER.symbol(name);
        match &found {
            None => self.check(known, false, "symbol"),
            Some(Exported { address, owner: Some(module) }) => {
                assert!(module.state() == State::Live, "a symbol of {known} from one not live");
                assert!(module.core().contains(address), "{address:#x} is outside of its module");
                // Another may export it once the module has gone.
                let name = module.name().as_bytes();
                let owner = self.modules.iter().find(|known| known.name == name);
                let is_live = owner.is_some_and(|owner| owner.stage == Stage::Live);
                assert!(is_live || self.change.is_some(), "a symbol of a module that has gone");
            }
            // The kernel may have made up a stub of that name since.
            Some(Exported { address, owner: None }) => {
                assert!(!known.core.contains(address), "nobody holds a symbol of {known}");
            }
        }
        self.counts.symbols.count(found.is_some());
    }

    fn look_for_address(&mut self, index: usize, round: usize) {
        let known = &self.modules[index];
        let size = known.core.end - known.core.start;
        let offset = [0, size / 2, size - 1][round % 3];
        let address = known.core.start + offset;
        let found = LOADER.locate(address);
        match &found {
            None if known.stage == Stage::Faulted => {
                panic!("{known} has faulted, and is not there")
            }
            None => self.check(known, false, "locate"),
            Some((name, found)) if known.stage != Stage::Gone => {
                let right = name.as_bytes() == known.name && *found == offset;
                assert!(right, "{known}+{offset:#x} is said to be {name}+{found:#x}");
            }
            // Another may be there, or the same once more.
            Some((name, found)) => {
                if let Some(module) = LOADER.find(name.as_bytes()) {
                    let parts = [Some(module.core()), module.init()].into_iter().flatten();
                    let mut part = parts.filter(|part| part.contains(&address));
                    let start = part.next().map(|part| part.start);
                    assert!(start == Some(address - found), "{address:#x} is not in {name}");
                } else {
                    assert!(self.change.is_some(), "{address:#x} is {name}'s, which has gone");
                }
            }
        }
        self.counts.addresses.count(found.is_some());
    }

    /// Panics if a module that has to be there was not found, or one that has gone was.
    fn check(&self, known: &Known, found: bool, what: &str) {
        let right = match (known.stage, self.change) {
            (Stage::Live, None | Some(Change::Load)) => found,
            (Stage::Gone, None) => !found,
            // Whoever changes it has not seen to it yet.
            (Stage::Faulted, None) => !found,
            _ => true,
        };
        let Known { stage, .. } = known;
        let change = self.change;
        assert!(right, "{what}({known}): found: {found}, but it is {stage:?}, change {change:?}");
    }
}

impl Known {
    /// Panics if the module is not one that can be referred to, or lies elsewhere than it did.
    fn check_core(&self, module: &Module<TestKernel>) {
        assert!(matches!(module.state(), State::Coming | State::Live), "find({self}): it is going");
        check_core(&module.core());
        let moved = self.stage != Stage::Gone && module.core() != self.core;
        assert!(!moved, "find({self}): it has moved");
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.escape_ascii().fmt(f)
    }
}

/// Panics if no module can lie there.
fn check_core(core: &Range<u64>) {
    let region = This::MODULE_REGION;
    let is_inside = region.contains(&core.start) && region.contains(&(core.end - 1));
    assert!(is_inside && !core.is_empty(), "a module at {core:#x?}");
}

impl Counts {
    const NONE: Self = Self {
        fired: 0,
        in_change: 0,
        modules: Answers::NONE,
        symbols: Answers::NONE,
        kernel_symbols: Answers::NONE,
        addresses: Answers::NONE,
    };

    /// The number of what has been counted least often.
    pub fn least(&self) -> u32 {
        let Self { fired, in_change, modules, symbols, kernel_symbols, addresses } = self;
        let answers = [modules, symbols, addresses].map(|answers| answers.some.min(answers.none));
        answers.into_iter().chain([*fired, *in_change, kernel_symbols.some]).min().unwrap_or(0)
    }
}

impl Answers {
    const NONE: Self = Self { some: 0, none: 0 };

    fn count(&mut self, found: bool) {
        *(if found { &mut self.some } else { &mut self.none }) += 1;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fired, in_change, modules, symbols, kernel_symbols, addresses } = self;
        write!(f, "fired {fired} times, {in_change} in a load or unload; found modules {modules}")?;
        write!(f, ", symbols of modules {symbols}, of the kernel {}", kernel_symbols.some)?;
        write!(f, ", addresses {addresses}")
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} and none {}", self.some, self.none)
    }
}
