//! What a kernel decides about a module, when it is asked, and what it is told.

use modlink::platform::Refusal;
use modlink::{Errno, LoadError};
use modlink_host::{HostKernel, ModuleFile, Step, on_every_architecture};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const UNSIGNED: Refusal = Refusal { errno: Errno::EPERM, reason: "nobody has signed it" };
const UNWANTED: Refusal = Refusal { errno: Errno::E2BIG, reason: "nobody wants it" };

on_every_architecture! {
    fn a_file_is_verified_whole_and_before_anything_of_it_is_looked_at<A>() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let by = seen.clone();
        let loader = HostKernel::<A>::new()
            .verify_by(move |file| {
                by.lock().unwrap().push(file.to_vec());
                Err(UNSIGNED)
            })
            .boot();
        // It is no ELF file at all, which nobody finds out.
        let mut file = b"anything~Module signature appended~\n".to_vec();
        assert_eq!(loader.load(&file).unwrap_err(), LoadError::Refused(UNSIGNED));
        file = ModuleFile::<A>::new("m").build();
        let error = loader.load(&file).unwrap_err();
        assert_eq!((error.errno(), error.to_string()), (Errno::EPERM, UNSIGNED.reason.to_owned()));
        assert_eq!(*seen.lock().unwrap(), [&b"anything~Module signature appended~\n"[..], &file]);
        assert_eq!(loader.platform().take_trace(), []);
    }

    fn nobody_is_asked_for_a_file_when_modules_are_disabled<A>() {
        let asked = Arc::new(AtomicUsize::new(0));
        let by = asked.clone();
        let loader = HostKernel::<A>::new()
            .verify_by(move |_| {
                by.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })
            .boot();
        loader.load(&ModuleFile::<A>::new("m").build()).unwrap();
        loader.disable();
        loader.load(&ModuleFile::<A>::new("n").build()).unwrap_err();
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    fn a_module_is_permitted_by_what_it_says_and_before_anything_is_taken_for_it<A>() {
        let loader = HostKernel::<A>::new()
            .permit_by(|image| match image.modinfo().get(b"name") {
                Some(b"wanted") => Ok(()),
                _ => Err(UNWANTED),
            })
            .boot();
        let before = loader.platform().snapshot();
        let error = loader.load(&ModuleFile::<A>::new("m").build()).unwrap_err();
        assert_eq!(error, LoadError::Refused(UNWANTED));
        assert_eq!((error.errno(), error.to_string()), (Errno::E2BIG, UNWANTED.reason.to_owned()));
        assert_eq!(loader.platform().snapshot(), before);
        assert_eq!(loader.platform().take_trace(), []);
        loader.load(&ModuleFile::<A>::new("wanted").build()).unwrap();
    }

    fn a_load_returns_the_module_and_who_holds_it_keeps_it<A>() {
        let loader = HostKernel::<A>::new().boot();
        let module = loader.load(&ModuleFile::<A>::new("m").init().exit().build()).unwrap();
        assert_eq!((module.name().as_bytes(), module.references()), (&b"m"[..], 1));
        assert_eq!(loader.unload(b"m", false).unwrap_err().errno(), Errno::EWOULDBLOCK);
        drop(module);
        loader.unload(b"m", false).unwrap();
    }

    fn arguments_are_those_that_were_given<A>() {
        let loader = HostKernel::<A>::new().boot();
        let module = loader.load_with(&ModuleFile::<A>::new("m").build(), b"a=1 b").unwrap();
        assert_eq!(module.arguments(), b"a=1 b");
        let module = loader.load(&ModuleFile::<A>::new("n").build()).unwrap();
        assert_eq!(module.arguments(), b"");
    }

    fn going_is_told_after_the_exit_function<A>() {
        let loader = HostKernel::<A>::new().boot();
        loader.load(&ModuleFile::<A>::new("m").init().exit().build()).unwrap();
        loader.platform().take_trace();
        loader.unload(b"m", false).unwrap();
        let trace = loader.platform().take_trace();
        let at = |wanted: &dyn Fn(&Step) -> bool| trace.iter().position(wanted).expect("it is told");
        let exit = at(&|step| matches!(step, Step::Exit(_)));
        let going = at(&|step| matches!(step, Step::Told(modlink::platform::Event::Going, _)));
        assert!(exit < going, "{trace:?}");
    }
}
