//! Loads of files of which nothing is known.

use crate::{HostKernel, HostLoader, Snapshot, audit, work};
use modlink::LoadError;
use modlink::arch::Arch;
use modlink::platform::Event;
use std::sync::{Arc, Mutex};

/// The count of loads after which there is a new kernel, since the old one remembers them all.
const LOADS_OF_A_KERNEL: usize = 1000;

/// A kernel that loads one file after the other and checks what comes of it.
pub struct Trial<A: Arch> {
    boot: Box<dyn Fn() -> HostKernel<A> + Send>,
    loader: Arc<HostLoader<A>>,
    file: Arc<Mutex<Vec<u8>>>,
    before: Snapshot,
    loads: usize,
    work: u64,
}

impl<A: Arch> Trial<A> {
    /// Trials in kernels that `boot` makes.
    pub fn new(boot: impl Fn() -> HostKernel<A> + Send + 'static) -> Self {
        let file = Arc::new(Mutex::new(Vec::new()));
        let loader = watched(boot(), &file);
        let before = loader.platform().snapshot();
        Self { boot: Box::new(boot), loader, file, before, loads: 0, work: 0 }
    }

    /// Loads a file; if that succeeds, [audits](audit()) the module and unloads it.
    ///
    /// # Errors
    /// Why the file was rejected.
    ///
    /// # Panics
    /// If the module is not what the file says, or the kernel does not get back all that it gave.
    pub fn load(&mut self, file: &[u8]) -> Result<(), LoadError> {
        self.loads += 1;
        if self.loads.is_multiple_of(LOADS_OF_A_KERNEL) {
            self.loader = watched((self.boot)(), &self.file);
        }
        {
            let mut known = self.file.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            known.clear();
            known.extend_from_slice(file);
        }
        let kernel = self.loader.platform();
        let start = work::done();
        let result = self.loader.load_with(file, b"a=1 b").map(drop);
        self.work = work::done() - start;
        if let Err(error) = &result {
            assert!(!error.to_string().is_empty(), "{error:?} says nothing");
        } else {
            let names = kernel.names();
            assert_eq!(names.len(), 1, "{names:?} are loaded");
            let mut name = Vec::new();
            self.loader.for_each(|module| name = module.name().as_bytes().to_vec());
            #[cfg(feature = "proc")]
            tell(&self.loader);
            let start = work::done();
            assert_eq!(self.loader.unload(&name, true), Ok(()));
            self.work += work::done() - start;
        }
        assert_eq!(kernel.snapshot(), self.before);
        result
    }

    /// How much [work](crate::work) the last load was, with the unload if there was one.
    pub fn work(&self) -> u64 {
        self.work
    }
}

/// Writes all text about the one module, whatever it is called and says of itself.
#[cfg(feature = "proc")]
fn tell<A: Arch>(loader: &HostLoader<A>) {
    use modlink::text::{self, Addresses, sys::Kind, sys::Path};
    let mut line = String::new();
    text::modules(loader, Addresses::Shown, &mut line).expect("a string takes it");
    let words = line.trim_end_matches('\n').split(' ').count();
    assert!(line.ends_with('\n') && line.lines().count() == 1 && line.is_ascii(), "{line:?}");
    assert!((6..=7).contains(&words), "{line:?}");
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    Path::Root.list(loader, &mut |_, name| folders.push(name.to_vec())).expect("it is there");
    // No path leads to `.` and `..`.
    let Some(folder) = Path::parse(&folders[0]) else { return };
    folder.list(loader, &mut |kind, name| files.push((kind, name.to_vec()))).expect("it is there");
    for (_, file) in files.iter().filter(|(kind, _)| *kind == Kind::File) {
        let path = [&folders[0], &b"/"[..], file].concat();
        let mut text = String::new();
        let path = Path::parse(&path).expect("it is listed");
        path.write(loader, Addresses::Shown, &mut text).expect("a string takes it");
        assert!(text.ends_with('\n'), "{text:?}");
    }
}

fn watched<A: Arch>(kernel: HostKernel<A>, file: &Arc<Mutex<Vec<u8>>>) -> Arc<HostLoader<A>> {
    let loader = kernel.boot();
    let file = file.clone();
    loader.platform().on_event(move |kernel, event, module| {
        if event != Event::Going {
            work::uncounted(|| audit(kernel, event, module, &file.lock().unwrap()));
        }
    });
    loader
}
