//! Threads that set parameters of one module, and loads of it that fail meanwhile.
#![allow(missing_docs, reason = "a test has no interface")]
#![cfg(feature = "parameters")]

use modlink::arch::X86_64;
use modlink::parameters::ParameterError;
use modlink::platform::{Event, Faulted};
use modlink::{LoadError, Reference, State};
use modlink_host::{HostKernel, HostLoader, ParameterCall};
use std::process::Command;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

type Loader = HostLoader<X86_64>;
type Module = Reference<HostKernel<X86_64>>;

/// A module with a parameter that its own functions set, and one that is a number.
const OWN: &str = r#"
#include "parameter.h"
MODULE("own", "GPL");
static int own, number = 1;
int set(const char *value, const struct kernel_param *parameter) { *(int *)parameter->argument = *value; return 0; }
int get(char *text, const struct kernel_param *parameter) { (void)parameter; text[0] = 'x'; return 1; }
void release(void *argument) { *(int *)argument = 0; }
static const struct kernel_param_ops operations = { .set = set, .get = get, .free = release };
PARAMETER_OF(own, &operations, &own, 0644, 0, "own");
PARAMETER(int, number, 0644);
int init_module(void) { return 0; }
void cleanup_module(void) {}
"#;

/// Two parameters of which the names differ in what makes no difference to a line.
#[cfg(feature = "proc")]
const ALIKE: &str = r#"
#include "parameter.h"
MODULE("alike", "GPL");
static int one, other;
static const char one_name[] = "x-y", other_name[] = "x_y";
#define ROW(row, its, mode, variable) \
    static const struct kernel_param row __attribute__((section("__param"), used, aligned(8))) = \
        { .name = its, .ops = &param_ops_int, .permissions = mode, .level = -1, .argument = &variable }
ROW(a, one_name, FIRST, one);
ROW(b, other_name, SECOND, other);
int init_module(void) { return 0; }
void cleanup_module(void) {}
"#;

fn compile(source: &str, defines: &[&str]) -> Vec<u8> {
    let root = env!("CARGO_MANIFEST_DIR");
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("module.c"), folder.path().join("module.ko"));
    std::fs::write(&from, source).unwrap();
    let flags = "-r -nostdlib -std=gnu11 -O2 -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone \
         -fno-common -fno-stack-protector -fno-asynchronous-unwind-tables";
    let mut gcc = Command::new("gcc");
    gcc.args(flags.split_whitespace()).args(defines).arg(format!("-I{root}/qemu/modules"));
    gcc.args(["-T", &format!("{root}/src/guide/module.ld"), "-o"]).args([&to, &from]);
    assert!(gcc.status().unwrap().success());
    std::fs::read(to).unwrap()
}

fn boot(file: &[u8]) -> Arc<Loader> {
    let kernel = HostKernel::new().export_all_for(file, &[]);
    kernel.with_waiting(Duration::from_secs(20)).boot()
}

fn wait_for_a_waiter(loader: &Loader) {
    while loader.platform().waiting() == 0 {
        thread::yield_now();
    }
}

#[test]
fn of_three_threads_that_set_a_parameter_none_sleeps_on() {
    let file = compile(OWN, &[]);
    let loader = boot(&file);
    let module = loader.load(&file).unwrap();
    thread::scope(|scope| {
        for _ in 0..3 {
            // A wait that lasts 20 seconds has not been woken, and ends in an error.
            scope.spawn(|| {
                for _ in 0..200_000 {
                    loader.set_parameter(&module, b"number", Some(b"1")).unwrap();
                }
            });
        }
    });
}

#[test]
fn a_module_that_is_going_is_not_asked_to_set_what_somebody_was_about_to() {
    let file = compile(OWN, &[]);
    let loader = boot(&file);
    let (found, is_found) = channel::<Module>();
    let (go, may_go) = channel::<()>();
    let (weak, may_go) = (Arc::downgrade(&loader), Mutex::new(may_go));
    loader.platform().on_parameter(move |call| match call {
        ParameterCall::Set { value: Some(value), .. } if value == "bad" => {
            found.send(weak.upgrade().unwrap().find(b"own").unwrap()).unwrap();
            may_go.lock().unwrap().recv().unwrap();
            Ok(-22)
        }
        _ => Ok(0),
    });
    thread::scope(|scope| {
        let load = scope.spawn(|| loader.load_with(&file, b"own=bad").map(drop));
        let module = is_found.recv().unwrap();
        let late = scope.spawn({
            let loader = &loader;
            move || loader.set_parameter(&module, b"own", Some(b"late"))
        });
        wait_for_a_waiter(&loader);
        go.send(()).unwrap();
        assert!(matches!(load.join().unwrap(), Err(LoadError::Parameter { .. })));
        assert_eq!(late.join().unwrap(), Err(ParameterError::Gone));
    });
    let calls = loader.platform().take_parameter_calls();
    let is_late = |call: &ParameterCall| matches!(call, ParameterCall::Set { value: Some(value), .. } if value == "late");
    assert!(!calls.iter().any(is_late), "{calls:?}");
    assert!(matches!(calls.last(), Some(ParameterCall::Free { .. })), "{calls:?}");
}

#[test]
fn what_a_module_has_for_parameters_is_freed_once_nobody_sets_them() {
    let file = compile(OWN, &[]);
    let loader = boot(&file);
    let (begun, has_begun) = channel::<()>();
    let (end, may_end) = channel::<()>();
    let order = Arc::new(Mutex::new(Vec::new()));
    let (seen, may_end) = (order.clone(), Mutex::new(may_end));
    loader.platform().on_parameter(move |call| {
        match call {
            ParameterCall::Set { .. } => {
                begun.send(()).unwrap();
                may_end.lock().unwrap().recv().unwrap();
                seen.lock().unwrap().push("set");
            }
            ParameterCall::Free { .. } => seen.lock().unwrap().push("free"),
            _ => {}
        }
        Ok(0)
    });
    let (weak, has_begun) = (Arc::downgrade(&loader), Mutex::new(has_begun));
    let setter = Arc::new(Mutex::new(None));
    let its = setter.clone();
    loader.platform().on_init("own", move |found| {
        let (loader, module) = (weak.upgrade().unwrap(), found.find(b"own").unwrap());
        *its.lock().unwrap() =
            Some(thread::spawn(move || loader.set_parameter(&module, b"own", Some(b"late"))));
        has_begun.lock().unwrap().recv().unwrap();
        -5
    });
    thread::scope(|scope| {
        let load = scope.spawn(|| loader.load(&file).map(drop));
        wait_for_a_waiter(&loader);
        assert!(order.lock().unwrap().is_empty());
        end.send(()).unwrap();
        assert_eq!(load.join().unwrap(), Err(LoadError::Init(-5)));
    });
    assert_eq!(setter.lock().unwrap().take().unwrap().join().unwrap(), Ok(()));
    assert_eq!(*order.lock().unwrap(), ["set", "free"]);
}

#[test]
fn who_waits_for_a_module_is_woken_if_it_faults_while_it_frees() {
    let file = compile(OWN, &[]);
    let loader = boot(&file);
    loader.platform().on_parameter(|call| match call {
        ParameterCall::Free { .. } => Err(Faulted),
        _ => Ok(0),
    });
    let (inside, is_inside) = channel::<()>();
    let (go, may_go) = channel::<()>();
    let (inside, may_go) = (Mutex::new(inside), Mutex::new(may_go));
    loader.platform().on_init("own", move |_| {
        inside.lock().unwrap().send(()).unwrap();
        may_go.lock().unwrap().recv().unwrap();
        -5
    });
    thread::scope(|scope| {
        let first = scope.spawn(|| loader.load(&file).map(drop));
        is_inside.recv().unwrap();
        let second = scope.spawn(|| loader.load(&file).map(drop));
        wait_for_a_waiter(&loader);
        go.send(()).unwrap();
        assert_eq!(first.join().unwrap(), Err(LoadError::Faulted));
        assert!(matches!(second.join().unwrap(), Err(LoadError::Busy(_))));
    });
    let mut states = Vec::new();
    loader.for_each(|module| states.push(module.state()));
    assert_eq!(states, [State::Faulted]);
}

#[test]
fn a_load_waits_for_who_has_the_lock_whatever_interrupts_it() {
    let file = compile(OWN, &[]);
    let loader = boot(&file);
    let weak = Arc::downgrade(&loader);
    let (taken, is_taken) = channel::<u64>();
    let taken = Mutex::new(taken);
    loader.platform().on_event(move |_, event, module| {
        if event == Event::Coming {
            let address = module.core().start;
            assert_eq!(weak.upgrade().unwrap().lock_parameters(address), Ok(true));
            taken.lock().unwrap().send(address).unwrap();
        }
    });
    thread::scope(|scope| {
        let load = scope.spawn(|| loader.load_with(&file, b"number=5"));
        let address = is_taken.recv().unwrap();
        wait_for_a_waiter(&loader);
        loader.platform().interrupt_waiting();
        // SAFETY: it has been taken above, for whoever is to give it back.
        unsafe { loader.unlock_parameters(address) };
        let module = load.join().unwrap().unwrap();
        assert_eq!(loader.read_parameter(&module, b"number").unwrap(), b"5");
    });
}

#[cfg(feature = "proc")]
#[test]
fn a_file_sets_the_parameter_whose_permissions_it_has() {
    use modlink::text::{Addresses, sys::Path};
    for modes in [["-DFIRST=0", "-DSECOND=0644"], ["-DFIRST=0644", "-DSECOND=0"]] {
        let file = compile(ALIKE, &modes);
        let loader = boot(&file);
        let module = loader.load(&file).unwrap();
        let writable = module.parameters().find(|one| one.permissions != 0).unwrap().name;
        let path = [&b"alike/parameters/"[..], writable].concat();
        Path::parse(&path).unwrap().store(&loader, b"77").unwrap();
        let mut text = String::new();
        Path::parse(&path).unwrap().write(&loader, Addresses::Hidden, &mut text).unwrap();
        assert_eq!(text, "77\n");
    }
}
