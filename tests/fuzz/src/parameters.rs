//! Modules with parameters that an input decides.

use crate::work;
use modlink::arch::{Arch, ByteOrder, Class, X86_64};
use modlink::image::Image;
use modlink::link::Plan;
use modlink_host::{HostKernel, HostLoader, ModuleFile, Snapshot, corpus};
use object::SectionKind;
use std::sync::{Arc, Mutex, OnceLock};

/// A real module with parameters of many types.
const NAME: &str = "snd_dummy";

/// Loads a real module with a line of arguments, which may set its parameters, and reads and sets them if
/// it is loaded.
///
/// # Panics
/// If anything is left of it, or it was more work than such a line may be.
pub fn set(line: &[u8]) {
    type State = (Arc<HostLoader<X86_64>>, Vec<u8>, u64, Snapshot);
    static STATE: OnceLock<Mutex<State>> = OnceLock::new();
    let state = STATE.get_or_init(|| {
        let file = corpus::module::<X86_64>(NAME);
        let loader = HostKernel::new().export_all_for(&file, &[]).boot();
        let before = loader.platform().snapshot();
        loader.load(&file).map(drop).expect("it loads");
        loader.unload(NAME.as_bytes(), true).expect("nobody uses it");
        let start = work::done();
        loader.load(&file).map(drop).expect("it loads");
        let bare = work::done() - start;
        loader.unload(NAME.as_bytes(), true).expect("nobody uses it");
        Mutex::new((loader, file, bare, before))
    });
    let (loader, file, bare, before) = &*state.lock().expect("the first panic ends the process");
    let start = work::done();
    let result = loader.load_with(file, line);
    let blocks = (work::done() - start).saturating_sub(*bare);
    match result {
        Ok(module) => {
            exercise(loader, &module);
            drop(module);
            loader.unload(NAME.as_bytes(), true).expect("nobody uses it");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    forget(loader);
    assert_eq!(&loader.platform().snapshot(), before);
    work::check_against(line.len(), blocks, PER_BYTE, 40_000);
}

/// Basic blocks that a byte of a line may take: a word of it is looked for among some names, each of which is
/// compared, and said if it is unknown.
const PER_BYTE: u64 = 2_000;

/// Reads and sets all parameters, whatever comes of it.
fn exercise<A: Arch>(loader: &HostLoader<A>, module: &modlink::Reference<HostKernel<A>>) {
    let names: Vec<Vec<u8>> =
        module.parameters().take(64).map(|parameter| parameter.name.to_vec()).collect();
    for name in names {
        let before = loader.read_parameter(module, &name);
        assert!(before.as_ref().map_or(0, Vec::len) <= modlink::parameters::MAX_TEXT);
        for value in [Some(&b"1"[..]), None, Some(b"a,b"), Some(b"")] {
            let _ = loader.set_parameter(module, &name, value);
        }
        let _ = loader.read_parameter(module, &name);
    }
}

/// What a kernel remembers of loads for tests.
fn forget<A: Arch>(loader: &HostLoader<A>) {
    let kernel = loader.platform();
    drop((kernel.take_log(), kernel.take_trace(), kernel.take_called()));
    kernel.take_parameter_calls();
}

/// The kernel of an architecture into which tables are loaded.
pub struct Table<A: Arch>(Mutex<Option<(Arc<HostLoader<A>>, Snapshot, usize)>>);

impl<A: Arch> Table<A> {
    /// No kernel yet.
    #[expect(clippy::new_without_default, reason = "a table is a static")]
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }
}

const NAMES: [&str; 4] =
    ["param_ops_int", "param_ops_charp", "param_ops_string", "param_array_ops"];

fn kernel<A: Arch>() -> HostKernel<A> {
    NAMES.iter().fold(HostKernel::new(), |kernel, name| kernel.export(name))
}

/// How many bytes of the constants are the table: room for four entries.
fn table_size<A: Arch>() -> usize {
    match A::CLASS {
        Class::Elf32 => 4 * 20,
        Class::Elf64 => 4 * 40,
    }
}

/// How many bytes there are of variables.
const DATA: usize = 256;

/// A module with these constants, of which the first are its table.
fn file<A: Arch>(constants: &[u8]) -> Vec<u8> {
    let size = table_size::<A>();
    let (table, rest) = constants.split_at(constants.len().min(size));
    let table = &table[..table.len() / (size / 4) * (size / 4)];
    ModuleFile::<A>::new("table")
        .section("__param", SectionKind::ReadOnlyData, table, 8)
        .section(".rodata.more", SectionKind::ReadOnlyData, rest, 8)
        .section(".data.more", SectionKind::Data, &[0; DATA], 8)
        .build()
}

/// Loads a module with these constants, and reads and sets the parameters that they are.
///
/// # Panics
/// If anything is left of it, or it was more work than so many bytes may be.
pub fn load<A: Arch>(table: &Table<A>, constants: &[u8]) {
    let mut state = table.0.lock().expect("the first panic ends the process");
    if state.as_ref().is_none_or(|(_, _, loads)| *loads == 1000) {
        let loader = kernel::<A>().boot();
        let before = loader.platform().snapshot();
        *state = Some((loader, before, 0));
    }
    let Some((loader, before, loads)) = &mut *state else { return };
    *loads += 1;
    let file = file::<A>(constants);
    let start = work::done();
    let result = loader.load(&file);
    work::check(file.len(), work::done() - start);
    match result {
        Ok(module) => {
            exercise(loader, &module);
            drop(module);
            loader.unload(b"table", true).expect("nobody uses it");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    forget(loader);
    assert_eq!(&loader.platform().snapshot(), before);
}

/// The constants of a table with parameters of four kinds, which all lead to where they should.
///
/// # Panics
/// If it cannot be loaded.
pub fn seed<A: Arch>() -> Vec<u8> {
    let word = match A::CLASS {
        Class::Elf32 => 4,
        Class::Elf64 => 8,
    };
    let number = |value: u64, size: usize| match A::ORDER {
        ByteOrder::Little => value.to_le_bytes()[..size].to_vec(),
        ByteOrder::Big => value.to_be_bytes()[8 - size..].to_vec(),
    };
    let loader = kernel::<A>().boot();
    let kernel = loader.platform();
    let empty = file::<A>(&[0; 512]);
    let image = Image::<A>::check(&empty, u64::MAX >> 1).expect("a module");
    let plan = Plan::new(&image, 4096).expect("a module");
    let core = match A::CLASS {
        Class::Elf64 => 0xffff_ffff_c000_0000_u64,
        Class::Elf32 => 0xf800_0000,
    };
    let at = |name: &str| {
        let (index, _) = image.section(name.as_bytes()).expect("a section");
        core + plan.location(index).expect("it is loaded").offset
    };
    let (rest, data) = (at(".rodata.more"), at(".data.more"));
    let mut table = Vec::new();
    let (name, string, array) = (rest, rest + 16, rest + 32);
    let arguments = [data, data + 16, string, array];
    for (operations, argument) in NAMES.iter().zip(arguments) {
        table.extend(number(name, word));
        table.extend(number(0, word));
        table.extend(number(kernel.address_of(operations), word));
        table.extend(number(0o644, 2));
        table.extend([0xff, 0]);
        table.resize(table.len().next_multiple_of(word), 0);
        table.extend(number(argument, word));
    }
    assert_eq!(table.len(), table_size::<A>());
    let mut constants = b"name\0".to_vec();
    constants.resize(16, 0);
    constants.extend(number(8, 4));
    constants.resize(16 + word, 0);
    constants.extend(number(data + 32, word));
    constants.resize(32, 0);
    constants.extend([number(4, 4), number(4, 4)].concat());
    constants.extend(number(data + 48, word));
    constants.extend(number(kernel.address_of("param_ops_int"), word));
    constants.extend(number(data + 64, word));
    constants.resize(512 - table.len(), 0);
    table.extend(constants);
    loader.load(&file::<A>(&table)).map(drop).expect("the seed is a module");
    table
}
