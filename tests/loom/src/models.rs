//! The models, each named for its race. Each has as few threads and steps as show it.

use crate::module::header::Header;
use crate::module::{Count, State};
use crate::registry::members::{Member, Members};
use crate::registry::published::{Pin, Published};
use crate::registry::readers::Readers;
use crate::registry::retired::{Retire, Retired, Taken};
use crate::sync::{AtomicPtr, AtomicU16};
use loom::cell::UnsafeCell;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What tells of each use of a module's content: loom rejects one that another does not precede.
#[derive(Default)]
struct Watch {
    content: UnsafeCell<()>,
    drops: AtomicUsize,
    /// How many headers have been freed whose content this watches.
    freed: AtomicUsize,
}

impl Watch {
    fn drops(&self) -> usize {
        self.drops.load(Ordering::SeqCst)
    }

    fn freed(&self) -> usize {
        self.freed.load(Ordering::SeqCst)
    }

    fn assert_freed_once(&self) {
        assert_eq!(self.drops(), 1);
        assert_eq!(self.freed(), 1);
    }
}

/// The content of a module: looked at by readers, dropped once.
struct Content(Arc<Watch>);

impl Content {
    fn look(&self) {
        self.0.content.with(|_| assert_eq!(self.0.drops(), 0, "it is gone"));
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        self.0.content.with_mut(|_| self.0.drops.fetch_add(1, Ordering::SeqCst));
    }
}

/// A module.
struct Module {
    next: AtomicPtr<Module>,
    header: Header<Content>,
    /// Tells of uses of the header's memory.
    memory: Content,
    watch: Arc<Watch>,
}

impl Drop for Module {
    fn drop(&mut self) {
        self.watch.freed.fetch_add(1, Ordering::SeqCst);
    }
}

impl Retire for Module {
    fn next(&self) -> &AtomicPtr<Self> {
        &self.next
    }

    fn retired(&self) -> &AtomicU16 {
        &self.header.retired
    }
}

fn module(watch: &Arc<Watch>) -> NonNull<Module> {
    let next = AtomicPtr::new(ptr::null_mut());
    let memory = Content(Arc::new(Watch::default()));
    let module = Box::new(Module { next, header: Header::new(), memory, watch: watch.clone() });
    unsafe { module.header.fill(Content(watch.clone())) };
    NonNull::from(Box::leak(module))
}

/// The header of a module that a snapshot has.
fn header(module: &NonNull<Module>) -> &Header<Content> {
    let Module { memory, header, .. } = unsafe { module.as_ref() };
    memory.look();
    header
}

/// The modules that are listed.
struct Snapshot {
    next: AtomicPtr<Snapshot>,
    retired: AtomicU16,
    modules: Vec<NonNull<Module>>,
    content: Content,
}

impl Retire for Snapshot {
    fn next(&self) -> &AtomicPtr<Self> {
        &self.next
    }

    fn retired(&self) -> &AtomicU16 {
        &self.retired
    }
}

impl Snapshot {
    /// The modules, for a reader.
    fn modules(&self) -> &[NonNull<Module>] {
        self.content.look();
        &self.modules
    }

    fn of(modules: Vec<NonNull<Module>>) -> Box<Self> {
        let content = Content(Arc::new(Watch::default()));
        let (next, retired) = (AtomicPtr::new(ptr::null_mut()), AtomicU16::new(0));
        Box::new(Self { next, retired, modules, content })
    }
}

/// Frees what has been replaced, as the registry does.
fn reap(published: &Published<Snapshot>) {
    let replaced = published.take_replaced();
    let now = published.readers().after_grace_period();
    unsafe { published.free(replaced, now) };
}

/// The registry with nothing but its list.
#[derive(Clone)]
struct Registry(Arc<Members<Snapshot, Module>>);

// SAFETY: modules are shared as in the registry.
unsafe impl Send for Registry {}
unsafe impl Sync for Registry {}

impl Member for Module {
    fn count(&self) -> &Count {
        &self.header.count
    }

    unsafe fn empty(&self) -> bool {
        unsafe { self.header.empty() }
    }
}

impl Registry {
    fn new() -> Self {
        Self(Arc::new(Members::new()))
    }

    fn pin(&self) -> Pin<'_, Snapshot> {
        self.0.pin()
    }

    /// Looks at the content of those that stay, as who makes an index does.
    fn list(&self, module: NonNull<Module>) {
        let after = |old: Option<&Snapshot>, clean, _| {
            let mut modules = old.map_or(Vec::new(), |old| old.modules.clone());
            modules.retain(|module| clean || !header(module).count.is_gone());
            modules.push(module);
            for module in &modules {
                unsafe { header(module).content() }.look();
            }
            Ok::<_, ()>(Some(Snapshot::of(modules)))
        };
        unsafe { self.0.change(after) }.unwrap();
    }

    /// What a reader from any context does: looks at each module that is not gone.
    fn look(&self) -> usize {
        let pin = self.pin();
        let modules = pin.get().map_or(&[][..], Snapshot::modules);
        let there = modules.iter().map(header).filter(|header| !header.count.is_gone());
        there.map(|header| unsafe { header.content() }.look()).count()
    }

    fn remove(&self, module: NonNull<Module>) {
        unsafe { self.0.remove(module, |module| module.header.content().look()) };
    }

    /// With a heap that rejects a smaller snapshot or does not.
    fn reap(&self, heap: bool) {
        let purge = || {
            let after = |old: Option<&Snapshot>, clean: bool, _| {
                let is_gone = |module: &NonNull<Module>| header(module).count.is_gone();
                let old = old.filter(|old| !clean && old.modules.iter().any(is_gone));
                let Some(old) = old else { return Ok(None) };
                let kept = old.modules.iter().filter(|one| !is_gone(one)).copied().collect();
                if heap { Ok(Some(Snapshot::of(kept))) } else { Err(()) }
            };
            unsafe { self.0.change(after) }.is_ok()
        };
        unsafe { self.0.reap(purge) };
    }
}

/// A registry with one module that is listed, and what tells of that.
fn listed() -> (Registry, Arc<Watch>, NonNull<Module>) {
    let watch = Arc::new(Watch::default());
    let registry = Registry::new();
    let module = module(&watch);
    registry.list(module);
    (registry, watch, module)
}

#[test]
fn take_and_put_against_unload() {
    loom::model(|| {
        let (registry, watch, module) = listed();
        let count = unsafe { &module.as_ref().header.count };
        count.go_live();

        let unloads = {
            let registry = registry.clone();
            thread::spawn(move || {
                let found = {
                    let pin = registry.pin();
                    pin.get().and_then(|snapshot| {
                        let module = *snapshot.modules().first()?;
                        unsafe { module.as_ref() }.header.count.take().then_some(module)
                    })
                };
                // Without pin, the reference alone keeps the module.
                if let Some(module) = found {
                    let header = unsafe { &module.as_ref().header };
                    unsafe { header.content() }.look();
                    header.count.put();
                }
            })
        };
        let closed = count.stop_new_references();
        if closed {
            registry.remove(module);
            registry.reap(true);
        }
        unloads.join().unwrap();
        if !closed {
            assert!(count.stop_new_references(), "it has been put");
            registry.remove(module);
        }
        registry.reap(true);
        watch.assert_freed_once();
    });
}

/// Closes the module that is listed, as an unload does; it is the caller's to remove then.
fn close(registry: &Registry, force: bool) -> Option<NonNull<Module>> {
    let pin = registry.pin();
    let module = *pin.get()?.modules().first()?;
    let count = &header(&module).count;
    let is_live = count.is_there() && count.state() == State::Live;
    let closed = is_live && (count.stop_new_references() || (force && count.close()));
    closed.then_some(module)
}

/// Of who has a reference the content is there until that has been put, though the module is gone.
#[test]
fn unload_by_force_against_who_has_a_reference() {
    loom::model(|| {
        let (registry, watch, module) = listed();
        let count = unsafe { &module.as_ref().header.count };
        count.go_live();
        assert!(count.take());

        let unloads = {
            let registry = registry.clone();
            thread::spawn(move || {
                let closed = close(&registry, true).expect("nobody else unloads it");
                registry.remove(closed);
                registry.reap(true);
            })
        };
        let again = count.take();
        unsafe { module.as_ref().header.content() }.look();
        count.put();
        if again {
            unsafe { module.as_ref().header.content() }.look();
            count.put();
        }
        unloads.join().unwrap();
        registry.reap(true);
        watch.assert_freed_once();
    });
}

/// While the last reference is put. One of them removes the module.
#[test]
fn unload_by_force_against_another_and_put() {
    for force in [true, false] {
        loom::model(move || {
            let (registry, watch, module) = listed();
            let count = unsafe { &module.as_ref().header.count };
            count.go_live();
            assert!(count.take());

            let other = {
                let registry = registry.clone();
                thread::spawn(move || match close(&registry, force) {
                    Some(closed) => {
                        registry.remove(closed);
                        true
                    }
                    None => false,
                })
            };
            unsafe { module.as_ref().header.content() }.look();
            count.put();
            let closed = close(&registry, true);
            if let Some(closed) = closed {
                registry.remove(closed);
            }
            assert!(closed.is_some() ^ other.join().unwrap(), "one unloads it");
            registry.reap(true);
            watch.assert_freed_once();
        });
    }
}

/// Two put what is one reference: the count does not become less than nothing.
#[test]
fn put_of_what_is_counted_against_put_and_take() {
    loom::model(|| {
        let count = Arc::new(Count::new());
        count.fill(true);
        count.go_live();
        assert!(count.take());
        let other = {
            let count = count.clone();
            thread::spawn(move || count.put_counted())
        };
        let one = count.put_counted();
        assert!(one ^ other.join().unwrap());
        assert_eq!((count.references(), count.state()), (0, State::Live));
        assert!(count.stop_new_references());
    });
}

#[test]
fn a_handle_against_unload_and_reap() {
    loom::model(|| {
        let (registry, watch, module) = listed();
        let header = unsafe { &module.as_ref().header };
        header.count.go_live();
        header.add_handle();

        let address = module.as_ptr() as usize;
        let uses = thread::spawn(move || {
            let Module { header, memory, .. } = unsafe { &*(address as *const Module) };
            if header.count.take() {
                unsafe { header.content() }.look();
                header.count.put();
            }
            memory.look();
            header.drop_handle();
        });
        let closed = header.count.stop_new_references();
        if closed {
            registry.remove(module);
            registry.reap(true);
        }
        uses.join().unwrap();
        if !closed {
            registry.remove(module);
        }
        registry.reap(true);
        watch.assert_freed_once();
    });
}

/// What is published is the list of names: both look, and build, and one has to look again.
#[test]
fn two_loads_of_one_name() {
    loom::model(|| {
        let registry = Registry::new();
        let load = |registry: Registry| {
            // Of the one name the list says only whether it is there.
            let name = NonNull::dangling();
            let after = |old: Option<&Snapshot>, _, _| match old {
                Some(_) => Err(()),
                None => Ok(Some(Snapshot::of(vec![name]))),
            };
            let loaded = unsafe { registry.0.change(after) };
            registry.reap(true);
            loaded.is_ok()
        };
        let other = {
            let registry = registry.clone();
            thread::spawn(move || load(registry))
        };
        let one = load(registry.clone());
        assert!(one ^ other.join().unwrap(), "one wins");
    });
}

#[test]
fn loads_of_two_names() {
    loom::model(|| {
        let registry = Registry::new();
        let watches = [(); 2].map(|()| Arc::new(Watch::default()));
        let other = {
            let (registry, watch) = (registry.clone(), watches[1].clone());
            thread::spawn(move || registry.list(module(&watch)))
        };
        registry.list(module(&watches[0]));
        other.join().unwrap();
        assert_eq!(registry.look(), 2, "neither is lost");
        let modules = registry.pin().get().unwrap().modules.clone();
        for module in modules {
            registry.remove(module);
        }
        registry.reap(true);
        assert_eq!(registry.look(), 0);
        assert_eq!(watches.map(|watch| watch.drops()), [1, 1]);
    });
}

/// The module has no content any more, and is listed still for want of heap.
#[test]
fn listing_another_against_unlisting_one_that_is_gone() {
    loom::model(|| {
        let watches = [(); 2].map(|()| Arc::new(Watch::default()));
        let registry = Registry::new();
        let [gone, comes] = [0, 1].map(|index| module(&watches[index]));
        registry.list(gone);
        registry.remove(gone);
        registry.reap(false);
        assert_eq!(watches[0].drops(), 1);
        let other = {
            let registry = registry.clone();
            thread::spawn(move || registry.reap(true))
        };
        registry.list(comes);
        other.join().unwrap();
        assert_eq!(registry.look(), 1);
        registry.remove(comes);
        registry.reap(true);
        assert_eq!(watches.map(|watch| (watch.drops(), watch.freed())), [(1, 1); 2]);
    });
}

#[test]
fn address_lookup_against_list_and_unlist() {
    for heap in [true, false] {
        loom::model(move || {
            let watch = Arc::new(Watch::default());
            let registry = Registry::new();
            let module = module(&watch);
            let looks = {
                let registry = registry.clone();
                thread::spawn(move || registry.look())
            };
            registry.list(module);
            registry.remove(module);
            registry.reap(heap);
            assert!(looks.join().unwrap() <= 1);
            registry.reap(true);
            watch.assert_freed_once();
        });
    }
}

/// A fault on another CPU asks whose table has its instruction, as one in the exit function does, while
/// the module goes with its table.
#[test]
fn fault_lookup_against_unload() {
    for heap in [true, false] {
        loom::model(move || {
            let (registry, watch, module) = listed();
            let count = unsafe { &module.as_ref().header.count };
            count.go_live();
            let faults = {
                let registry = registry.clone();
                thread::spawn(move || registry.look())
            };
            let closed = close(&registry, false).expect("nobody has a reference");
            assert_eq!(registry.look(), 1, "its exit function may fault");
            registry.remove(closed);
            assert_eq!(registry.look(), 0);
            registry.reap(heap);
            assert!(faults.join().unwrap() <= 1);
            registry.reap(true);
            watch.assert_freed_once();
        });
    }
}

#[test]
fn two_retire_at_once_against_who_takes() {
    loom::model(|| {
        let stack = Arc::new((Retired::<Module>::new(), Readers::new()));
        let watch = Arc::new(Watch::default());
        let others = [(); 2].map(|()| {
            let (stack, watch) = (stack.clone(), watch.clone());
            thread::spawn(move || unsafe { stack.0.retire(module(&watch), &stack.1) })
        });
        let look = |mut taken: Taken<Module>| {
            let mut count = 0;
            while let Some(module) = taken.pop() {
                unsafe { module.as_ref() }.memory.look();
                drop(unsafe { Box::from_raw(module.as_ptr()) });
                count += 1;
            }
            count
        };
        let early = look(stack.0.take());
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(early + look(stack.0.take()), 2);
        assert_eq!(watch.drops(), 2);
    });
}

/// Two reap at once, the module's last reference is put meanwhile.
#[test]
fn reap_against_reap_and_put() {
    loom::model(|| {
        let (registry, watch, module) = listed();
        let count = unsafe { &module.as_ref().header.count };
        assert!(count.take());
        // Its init has failed while somebody had it.
        count.fail();
        registry.remove(module);

        let other = {
            let registry = registry.clone();
            thread::spawn(move || registry.reap(true))
        };
        unsafe { module.as_ref().header.content() }.look();
        count.put();
        registry.reap(true);
        other.join().unwrap();
        registry.reap(true);
        watch.assert_freed_once();
    });
}

/// Somebody who has seen no reader before a value is replaced ends that phase afterwards, while
/// another reader is counted late where that one has looked.
#[test]
fn readers_against_replace_and_who_ends_a_phase_late() {
    // Four changes of thread that nothing forces show what fewer phases would do.
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(4);
    builder.check(|| {
        let published = Arc::new(Published::<Snapshot>::new());
        let replace = |published: &Published<Snapshot>| {
            let replaced = published.change(|_, _| Ok::<_, ()>(Some(Snapshot::of(Vec::new()))));
            replaced.unwrap();
        };
        replace(&published);
        let read = {
            let published = published.clone();
            thread::spawn(move || {
                let pin = published.pin();
                pin.get().unwrap().modules();
            })
        };
        let ends = {
            let published = published.clone();
            thread::spawn(move || published.readers().after_grace_period())
        };
        replace(&published);
        reap(&published);
        read.join().unwrap();
        let _ = ends.join().unwrap();
    });
}

/// The platform's wait and wake, as a kernel with a lock and a queue has them.
#[derive(Default)]
pub struct Queue {
    lock: Mutex<()>,
    changed: Condvar,
}

impl Queue {
    pub fn wait(&self, ready: impl Fn() -> bool) {
        let mut lock = self.lock.lock().unwrap();
        while !ready() {
            lock = self.changed.wait(lock).unwrap();
        }
    }

    pub fn wake(&self) {
        drop(self.lock.lock().unwrap());
        self.changed.notify_all();
    }
}

#[test]
fn waiting_for_a_coming_module() {
    for becomes in [State::Live, State::Going, State::Faulted] {
        loom::model(move || {
            let watch = Arc::new(Watch::default());
            let queue = Arc::new(Queue::default());
            let registry = Registry::new();
            let module = module(&watch);
            registry.list(module);
            let waits = {
                let (queue, registry) = (queue.clone(), registry.clone());
                thread::spawn(move || {
                    // Pins for each look, and not while it waits.
                    let state = || {
                        let pin = registry.pin();
                        let module = *pin.get().unwrap().modules().first()?;
                        Some(unsafe { module.as_ref() }.header.count.state())
                    };
                    queue.wait(|| state() != Some(State::Coming));
                    state()
                })
            };
            let count = unsafe { &module.as_ref().header.count };
            match becomes {
                State::Live => count.go_live(),
                State::Faulted => count.fault(),
                _ => count.fail(),
            }
            queue.wake();
            if becomes == State::Going {
                registry.remove(module);
                registry.reap(true);
            }
            let saw = waits.join().unwrap();
            assert!(saw == Some(becomes) || (saw.is_none() && becomes == State::Going));
            if becomes == State::Live {
                assert!(count.stop_new_references());
                registry.remove(module);
            }
            registry.reap(true);
            if becomes == State::Faulted {
                assert!(close(&registry, true).is_none());
                assert_eq!((watch.drops(), registry.look()), (0, 1), "it stays");
                // For the model's own sake.
                registry.remove(module);
                registry.reap(true);
            }
            assert_eq!(watch.drops(), 1);
        });
    }
}
