//! Names of modules, which are taken from when their linking begins.

use modlink::arch::Arch;
use modlink::{Errno, LoadError, LoadOptions};
use modlink_host::{HostKernel, HostLoader, ModuleFile, on_every_architecture};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// A test that waits longer fails.
const LIMIT: Duration = Duration::from_secs(60);

fn load<A: Arch>(loader: &HostLoader<A>, name: &str) -> Result<(), LoadError> {
    loader.load(&ModuleFile::<A>::new(name).build()).map(drop)
}

fn busy(name: &str) -> Result<(), LoadError> {
    Err(LoadError::Busy(name.as_bytes().into()))
}

/// Loads a module that says when it is linked, and then waits before it is listed.
fn load_slowly<A: Arch>(loader: &HostLoader<A>, name: &str, linked: Sender<()>, go: Receiver<()>) {
    let wait = || {
        linked.send(()).unwrap();
        go.recv_timeout(LIMIT).map_err(|_| Errno::EFAULT)?;
        Ok(Vec::new())
    };
    let file = ModuleFile::<A>::new(name).build();
    loader.load_reading(&file, LoadOptions::default(), wait).unwrap();
}

on_every_architecture! {
    fn names_are_free_again_in_whichever_order_loads_end<A>() {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let loader = HostKernel::<A>::new().boot();
            let names = ["a", "b", "c"];
            thread::scope(|scope| {
                let mut loads = names.map(|name| {
                    let ((linked, is_linked), (go, may_go)) = (channel(), channel());
                    let loader = &loader;
                    let load = scope.spawn(move || load_slowly(loader, name, linked, may_go));
                    is_linked.recv_timeout(LIMIT).unwrap();
                    Some((load, go))
                });
                names.iter().for_each(|name| assert_eq!(load(&loader, name), busy(name)));
                for index in order {
                    let (ended, go) = loads[index].take().unwrap();
                    go.send(()).unwrap();
                    ended.join().unwrap();
                    loader.unload(names[index].as_bytes(), false).unwrap();
                    for (name, pending) in names.iter().zip(&loads) {
                        if pending.is_some() {
                            assert_eq!(load(&loader, name), busy(name), "{order:?}");
                        } else {
                            load(&loader, name).unwrap();
                            loader.unload(name.as_bytes(), false).unwrap();
                        }
                    }
                }
            });
            assert_eq!(loader.platform().snapshot().blocks, []);
        }
    }
}
