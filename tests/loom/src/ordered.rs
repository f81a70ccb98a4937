//! Models of what listens and is taken off while it is called, and of a file that is loaded twice.

use crate::errno::Errno;
use crate::models::Queue;
use crate::registry::files::{FileId, Files, Turn};
use crate::registry::ordered::{Held, Ordered};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A listener: called by many, and dropped once, when nobody calls it. loom rejects a call that does not
/// come before that, or after which it does not come.
struct Listener(Arc<Watch>);

#[derive(Default)]
struct Watch {
    calls: UnsafeCell<()>,
    drops: AtomicUsize,
}

impl Listener {
    fn call(&self) {
        self.0.calls.with(|_| assert_eq!(self.0.drops(), 0, "it has been freed"));
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
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

/// Two call it, of whom one is the last, while it is taken off by who does not wait.
#[test]
fn dropping_a_registration_against_two_who_call_the_listener() {
    loom::model(|| {
        let loader = Arc::new(Loader::default());
        let watch = Arc::new(Watch::default());
        let added = loader.listeners.0.add(Listener(watch.clone()), |number| number);
        let tell = || {
            let loader = loader.clone();
            thread::spawn(move || loader.tell())
        };
        let tells = [tell(), tell()];
        drop(added);
        for told in tells {
            assert!(told.join().unwrap() <= 1);
        }
        assert_eq!(watch.drops(), 1, "by the last who had it");
        assert_eq!(loader.tell(), 0);
    });
}

/// One leaves while another comes; the one that stays is told of, before and after.
#[test]
fn registering_against_unregistering_another() {
    loom::model(|| {
        let loader = Arc::new(Loader::default());
        let watches = [(); 2].map(|()| Arc::new(Watch::default()));
        let first = loader.listeners.0.add(Listener(watches[0].clone()), |number| number);
        let takes_off = {
            let loader = loader.clone();
            thread::spawn(move || loader.register_and_unregister())
        };
        let second = loader.listeners.0.add(Listener(watches[1].clone()), |number| number);
        drop(first);
        takes_off.join().unwrap();
        assert_eq!(loader.tell(), 1);
        drop(second);
        assert_eq!(loader.tell(), 0);
        assert_eq!(watches.map(|watch| watch.drops()), [1, 1]);
    });
}

/// The members of the set are freed when none is used, those that have been taken off while they were.
#[test]
fn what_is_left_of_a_member_against_who_puts_the_last_reference() {
    loom::model(|| {
        let set = Arc::new(Ordered::<u64, Listener>::new());
        let watch = Arc::new(Watch::default());
        let added = set.add(Listener(watch.clone()), |number| number);
        let held: Held<Listener> = set.get(0).expect("it is there");
        let address = Box::into_raw(Box::new(held)) as usize;
        let puts = {
            let set = set.clone();
            thread::spawn(move || {
                // SAFETY: it is this thread's from here on.
                let held = unsafe { Box::from_raw(address as *mut Held<Listener>) };
                held.call();
                assert!(set.get(1).is_none());
                (*held).put()
            })
        };
        drop(added);
        set.reap();
        puts.join().unwrap();
        assert_eq!(watch.drops(), 1);
        set.reap();
    });
}

#[test]
fn one_file_that_is_loaded_twice_at_once() {
    for result in [Ok(()), Err(Errno::ENODEV)] {
        loom::model(move || {
            let kernel = Arc::new((Files::new(), Queue::default()));
            let links = Arc::new(AtomicUsize::new(0));
            // How many loads there have been when one gets its result.
            let load = |kernel: Arc<(Files, Queue)>, links: Arc<AtomicUsize>| {
                let (files, queue) = &*kernel;
                let got = match files.turn(FileId { file_system: 0, file: 7 }).unwrap() {
                    Turn::Own(own) => {
                        links.fetch_add(1, Ordering::SeqCst);
                        // Somebody else could be waiting already.
                        thread::yield_now();
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
                };
                got
            };
            let other = {
                let (kernel, links) = (kernel.clone(), links.clone());
                thread::spawn(move || load(kernel, links))
            };
            let one = load(kernel.clone(), links.clone());
            let both = [one, other.join().unwrap()];
            assert!(both.iter().all(|(_, got)| *got == result), "both get the result");
            let own = both.iter().filter(|(own, _)| *own).count();
            // Who comes when the first is done makes a load of its own.
            assert_eq!(links.load(Ordering::SeqCst), own);
            assert!(own >= 1);
            let (files, _) = &*kernel;
            let after = files.turn(FileId { file_system: 0, file: 7 });
            assert!(matches!(after, Ok(Turn::Own(_))), "nothing is left of it");
        });
    }
}
