//! Sequences of the three system calls with any arguments, and failures in between.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use modlink::arch::{Arch, I386, M68k, X86_64};
use modlink::syscall::dispatch;
use modlink_fuzz::bounded;
use modlink_host::{FileKind, HostKernel, ModuleFile, Operation};
use std::sync::LazyLock;

/// What a process does.
#[derive(Arbitrary, Debug)]
enum Step {
    Call { number: Number, arguments: [Argument; 4] },
    Fail { operation: u8, nth: u8 },
    Privilege(bool),
}

#[derive(Arbitrary, Debug)]
enum Number {
    Init,
    Finit,
    Delete,
    Any(usize),
}

/// A number that means something, or any.
#[derive(Arbitrary, Debug)]
enum Argument {
    Module(u8),
    Length(u8),
    Name(u8),
    Descriptor(u8),
    Flags(u8),
    Near { what: u8, by: i8 },
    Any(usize),
}

const NAMES: [&str; 3] = ["provider", "user", "lasting"];

/// The modules of these names for each architecture. They are made once, since that is slow and
/// its steps differ from time to time.
static MODULES: LazyLock<[[Vec<u8>; NAMES.len()]; 3]> =
    LazyLock::new(|| [modules::<X86_64>(), modules::<I386>(), modules::<M68k>()]);

fn modules<A: Arch>() -> [Vec<u8>; NAMES.len()] {
    let [provider, user, lasting] = NAMES.map(ModuleFile::<A>::new);
    [
        provider.init().exit().exports("f").build(),
        user.init().exit().imports("f").imports("printk").build(),
        lasting.init().build(),
    ]
}

fuzz_target!(
    init: {
        LazyLock::force(&MODULES);
    },
    |input: (u8, Vec<Step>)| {
        let (architecture, steps) = input;
        let [x86_64, i386, m68k] = &*MODULES;
        match architecture % 3 {
            0 => play::<X86_64>(x86_64, &steps),
            1 => play::<I386>(i386, &steps),
            _ => play::<M68k>(m68k, &steps),
        }
    }
);

fn play<A: Arch>(files: &[Vec<u8>], steps: &[Step]) {
    let loader = HostKernel::<A>::new().export("printk").boot();
    let kernel = loader.platform();
    let before = kernel.snapshot();
    let modules: Vec<_> = files.iter().map(|file| kernel.user_put(file)).collect();
    let strings: Vec<_> = NAMES.iter().map(|name| kernel.user_string(name)).collect();
    let mut descriptors: Vec<_> =
        files.iter().map(|file| kernel.put_file(FileKind::regular(file))).collect();
    descriptors.push(kernel.put_file(FileKind::folder()));
    descriptors.push(kernel.put_file(FileKind::regular(b"").claiming(u64::MAX)));

    let value = |argument: &Argument| -> usize {
        let pick = |from: &[u64], index: u8| from[usize::from(index) % from.len()] as usize;
        match argument {
            Argument::Module(index) => pick(&modules, *index),
            Argument::Length(index) => files[usize::from(*index) % files.len()].len(),
            Argument::Name(index) => pick(&strings, *index),
            Argument::Descriptor(index) => {
                descriptors[usize::from(*index) % descriptors.len()] as usize
            }
            Argument::Flags(flags) => usize::from(*flags),
            Argument::Near { what, by } => pick(&[&modules[..], &strings[..]].concat(), *what)
                .wrapping_add_signed(isize::from(*by)),
            Argument::Any(any) => *any,
        }
    };
    // No call is about more than a file.
    let longest = files.iter().map(Vec::len).max().unwrap_or(0);
    for step in steps.iter().take(40) {
        match step {
            Step::Call { number, arguments } => {
                let number = match number {
                    Number::Init => A::SYSCALLS.init_module,
                    Number::Finit => A::SYSCALLS.finit_module,
                    Number::Delete => A::SYSCALLS.delete_module,
                    Number::Any(any) => *any,
                };
                let [a, b, c, d] = arguments.each_ref().map(value);
                let result = bounded(longest, || dispatch(&loader, number, [a, b, c, d, 0, 0]));
                assert!((-4095..=0).contains(&result), "{result}");
            }
            Step::Fail { operation, nth } => {
                let operation = Operation::ALL[usize::from(*operation) % Operation::ALL.len()];
                kernel.fail(operation, usize::from(*nth).max(1));
            }
            Step::Privilege(privileged) => kernel.set_privileged(*privileged),
        }
    }
    kernel.fail_nothing();
    while let Some(name) = kernel.names().first() {
        assert_eq!(loader.unload(name.as_bytes(), true), Ok(()));
    }
    assert_eq!(kernel.snapshot(), before);
}
