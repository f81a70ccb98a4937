//! Models of what listens and is taken off while it is called, and of a file that is loaded twice.

use crate::errno::Errno;
use crate::models::Queue;
use crate::registry::files::{FileId, Files, Turn};
use crate::registry::ordered::{Added, Held, Ordered};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicU32;
use loom::thread;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A listener: called by many, and dropped once, when nobody calls it. loom rejects a call that does not
/// come before that, or after which it does not come.
struct Listener(Arc<Watch>);

#[derive(Default)]
struct Watch {
    calls: UnsafeCell<()>,
    turns: AtomicU32,
    drops: AtomicUsize,
}

// SAFETY: loom looks at who uses it when.
unsafe impl Sync for Watch {}
// SAFETY: as above.
unsafe impl Send for Watch {}

impl Listener {
    fn call(&self) {
        self.0.calls.with(|_| assert_eq!(self.0.drops(), 0, "it has been freed"));
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // It takes a while, in which others run.
        self.0.turns.fetch_add(1, Ordering::SeqCst);
        self.0.calls.with_mut(|_| self.0.drops.fetch_add(1, Ordering::SeqCst));
    }
}

impl Watch {
    fn drops(&self) -> usize {
        self.drops.load(Ordering::SeqCst)
    }
}

/// The loader, of which there are its listeners and the platform's wait and wake.
#[derive(Default)]
struct Loader {
    listeners: Listeners,
    queue: Queue,
}

struct Listeners(Ordered<u64, Listener>);

impl Default for Listeners {
    fn default() -> Self {
        Self(Ordered::new())
    }
}

impl Loader {
    /// Calls all listeners, as an event does. How many there are.
    fn tell(&self) -> usize {
        let (came, mut last, mut count) = (self.listeners.0.count_added(), None, 0);
        while let Some((key, listener)) = self.listeners.0.after(last, |key| key < came) {
            listener.call();
            if listener.put() {
                self.queue.wake();
                self.listeners.0.reap();
            }
            (last, count) = (Some(key), count + 1);
        }
        count
    }

    /// Registers a listener, takes it off, and waits until it is not called.
    fn register_and_unregister(&self) {
        let watch = Arc::new(Watch::default());
        let added = self.listeners.0.add(Listener(watch.clone()), |number| number);
        let mut added = added.expect("there is heap");
        added.close();
        self.queue.wait(|| added.is_empty());
        // Its code may go now.
        assert_eq!(watch.drops(), 1);
        drop(added);
        assert_eq!(watch.drops(), 1);
    }
}

#[test]
fn unregistering_a_listener_against_who_calls_it() {
    loom::model(|| {
        let loader = Arc::new(Loader::default());
        let tells = {
            let loader = loader.clone();
            thread::spawn(move || loader.tell())
        };
        loader.register_and_unregister();
        assert!(tells.join().unwrap() <= 1);
        assert_eq!(loader.tell(), 0);
    });
}

/// One leaves while another comes: neither change is lost.
#[test]
fn registering_against_unregistering_another() {
    loom::model(|| {
        let loader = Arc::new(Loader::default());
        let watches = [(); 2].map(|()| Arc::new(Watch::default()));
        let [first, second] = watches.clone().map(Listener);
        let first = loader.listeners.0.add(first, |number| number);
        let registers = {
            let loader = loader.clone();
            thread::spawn(move || {
                let added = loader.listeners.0.add(second, |number| number);
                Box::into_raw(Box::new(added.expect("there is heap"))) as usize
            })
        };
        drop(first);
        let second = registers.join().unwrap();
        assert_eq!(loader.tell(), 1);
        assert_eq!(watches.each_ref().map(|watch| watch.drops()), [1, 0]);
        // SAFETY: it was a box, and the loader is there.
        drop(unsafe { Box::from_raw(second as *mut Added<'_, u64, Listener>) });
        assert_eq!(watches[1].drops(), 1);
    });
}

/// The call has begun: who waits until there is none sees all that it and the end of the listener did.
#[test]
fn unregistering_a_listener_against_the_end_of_its_call() {
    loom::model(|| {
        let loader = Arc::new(Loader::default());
        let watch = Arc::new(Watch::default());
        let added = loader.listeners.0.add(Listener(watch.clone()), |number| number);
        let mut added = added.expect("there is heap");
        let call = Moved(loader.listeners.0.get(0).expect("it is there"));
        let calls = {
            let loader = loader.clone();
            thread::spawn(move || {
                let Moved(listener) = { call };
                listener.call();
                if listener.put() {
                    loader.queue.wake();
                }
            })
        };
        added.close();
        loader.queue.wait(|| added.is_empty());
        assert_eq!(watch.drops(), 1);
        watch.calls.with_mut(|_| "its code goes");
        calls.join().unwrap();
        drop(added);
    });
}

/// Two use it, of whom one is the last, while it is taken off by who does not wait.
#[test]
fn dropping_a_registration_against_who_puts_the_last_reference() {
    loom::model(|| {
        let set = Arc::new(Ordered::<u64, Listener>::new());
        let watch = Arc::new(Watch::default());
        let added = set.add(Listener(watch.clone()), |number| number);
        let take = || set.get(0).expect("it is there");
        let (held, others) = (take(), Moved(take()));
        let puts = thread::spawn(move || {
            let Moved(held) = { others };
            held.call();
            held.put()
        });
        drop(added);
        held.call();
        let was_last = held.put();
        assert!(was_last ^ puts.join().unwrap(), "one is the last");
        assert_eq!(watch.drops(), 1);
        set.reap();
    });
}

/// A reference that another thread gets.
struct Moved(Held<Listener>);

// SAFETY: one thread at a time has it.
unsafe impl Send for Moved {}

const BOUND: usize = 1;

#[test]
fn one_file_that_is_loaded_twice_at_once() {
    for result in [Ok(()), Err(Errno::ENODEV)] {
        // With two changes of thread that nothing forces it takes many minutes.
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(BOUND);
        builder.check(move || {
            let kernel = Arc::new((Files::new(), Queue::default()));
            let links = Arc::new(AtomicUsize::new(0));
            // Whether the load was its own, and what came of it.
            let load = move |kernel: Arc<(Files, Queue)>, links: Arc<AtomicUsize>| {
                let (files, queue) = &*kernel;
                match files.turn(FileId { file_system: 0, file: 7 }).unwrap() {
                    Turn::Own(own) => {
                        assert_eq!(links.fetch_add(1, Ordering::SeqCst), 0, "by one at a time");
                        // Somebody else could be waiting already.
                        thread::yield_now();
                        links.fetch_sub(1, Ordering::SeqCst);
                        own.end(result);
                        queue.wake();
                        (true, result)
                    }
                    Turn::Others(others) => {
                        queue.wait(|| others.outcome().is_some());
                        let outcome = others.outcome().expect("it is known");
                        drop(others);
                        files.reap();
                        (false, outcome)
                    }
                }
            };
            let other = {
                let (kernel, links) = (kernel.clone(), links.clone());
                thread::spawn(move || load(kernel, links))
            };
            let one = load(kernel.clone(), links.clone());
            let both = [one, other.join().unwrap()];
            assert!(both.iter().all(|(_, got)| *got == result), "both get the result");
            // Who comes when the first is done makes a load of its own.
            assert!(both.iter().any(|(own, _)| *own));
        });
    }
}
