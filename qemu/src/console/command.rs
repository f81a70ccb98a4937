//! The table of commands.

use super::failure::Failure;
use super::words::Words;
use super::{Console, buffers, calls, integer, modules, notifier, parameters, proc, usage};
use crate::stubs::{self, NoStub};
use crate::{files, kernel, policy, timer};
use alloc::format;
use modlink::image::{KnownSection, Treatment};
use modlink::{Errno, Taints};

/// A command.
pub struct Command {
    /// Its name.
    name: &'static str,
    /// What follows the name.
    arguments: &'static str,
    /// What it does; lines after the first belong to the details.
    help: &'static str,
    /// Carries it out.
    pub run: fn(&mut Console, &mut Words<'_>) -> Result<(), Failure>,
}

/// The command of that name.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

const COMMANDS: &[Command] = &[
    Command {
        name: "insmod",
        arguments: "[--init] FILE [ARGUMENTS]",
        help: "load a module by finit_module, with --init by init_module",
        run: |_, words| modules::insmod(words),
    },
    Command {
        name: "rmmod",
        arguments: "[-f|--force] [-w SECONDS] NAME",
        help: "unload a module, in whose name `-` is taken for `_`; --force: even one that has\n\
               no exit function, or that somebody has references to; -w: wait so long for\n\
               these to be put",
        run: |_, words| modules::rmmod(words),
    },
    Command {
        name: "param",
        arguments: "MODULE [NAME [VALUE]]",
        help: "show all parameters of a module with their types and permissions, or one; set one",
        run: |_, words| parameters::param(words),
    },
    Command {
        name: "bootline",
        arguments: "[WORDS]",
        help: "let this be the kernel's boot line from now on, of which MODULE.NAME=VALUE sets\n\
               parameters of modules that are loaded",
        run: |_, words| {
            policy::set_boot_line(words.rest());
            Ok(())
        },
    },
    Command {
        name: "lsmod",
        arguments: "",
        help: "list the modules as /proc/modules has them: bytes, references, the modules that\n\
               use it, state, address, taints",
        run: |_, words| proc::lsmod(words),
    },
    Command {
        name: "cat",
        arguments: "[--hidden] PATH",
        help: "show /proc/modules, /proc/kallsyms, /proc/sys/kernel/tainted or a file below\n\
               /sys/module, with --hidden as who may not see addresses reads them",
        run: |_, words| proc::cat(words),
    },
    Command {
        name: "kallsyms",
        arguments: "[NAME|0xADDRESS]",
        help: "show /proc/kallsyms, or the address of a symbol of a module, also as MODULE:NAME,\n\
               or what there is at an address",
        run: |_, words| proc::kallsyms(words),
    },
    Command {
        name: "ls",
        arguments: "PATH",
        help: "list /sys/module or a folder below it: folder/, file, link@",
        run: |_, words| proc::ls(words),
    },
    Command {
        name: "counters",
        arguments: "",
        help: "show what has been loaded and what has not: how often, bytes, reasons, time",
        run: |_, words| proc::counters(words),
    },
    Command {
        name: "notifier",
        arguments: "on [NAME]|off",
        help: "register a listener that tells what becomes of modules, and rejects the one of that\n\
               name; take it off",
        run: |_, words| notifier::notifier(words),
    },
    Command {
        name: "ignored",
        arguments: "",
        help: "list the sections of modules that nobody makes use of",
        run: |_, words| modules::ignored(words),
    },
    Command {
        name: "modinfo",
        arguments: "FILE",
        help: "show what a file says of the module in it",
        run: |_, words| modules::modinfo(words),
    },
    Command {
        name: "mem",
        arguments: "[mark|same]",
        help: "show the memory that modules have; remember it; compare it with what\n\
               was remembered, at first nothing",
        run: usage::mem,
    },
    Command {
        name: "audit",
        arguments: "",
        help: "compare the page tables with what they should be: no page writable and\n\
               executable, modules protected as their files ask, no way around it,\n\
               and nothing mapped that is nobody's",
        run: |_, words| usage::audit(words),
    },
    Command {
        name: "cycle",
        arguments: "COUNT FILE...",
        help: "load modules in this order and unload them in the opposite one, COUNT times,\n\
               without a report or an audit of each",
        run: |_, words| modules::cycle(words),
    },
    Command {
        name: "interrupts",
        arguments: "[LEAST]",
        help: "show what the timer's interrupt has looked up so far; nothing of it may have\n\
               happened less than LEAST times",
        run: |_, words| interrupts(words),
    },
    Command {
        name: "buf",
        arguments: "NAME LENGTH|\"TEXT\"|hex:DIGITS",
        help: "make a buffer of zeros, of text (a NUL follows it), or of given bytes",
        run: buffers::buf,
    },
    Command {
        name: "hex",
        arguments: "NAME [LENGTH]",
        help: "show what is in a buffer",
        run: buffers::hex,
    },
    Command {
        name: "call",
        arguments: "SYMBOL ARGUMENT... [= VALUE]",
        help: "call an exported function. An argument is an integer, N:64 for a 64-bit\n\
               one, \"TEXT\" for the address of a C string, or &NAME for that of a buffer.\n\
               The result must be VALUE, compared at the width at which it is written:\n\
               0xEA is 8 bits, 0x31C3 is 16, up to 8 digits are 32 and more are 64;\n\
               a decimal number is 32 bits (a C int); VALUE:8, :16, :32, :64 say it",
        run: calls::call,
    },
    Command {
        name: "syscall",
        arguments: "NAME ARGUMENT...",
        help: "call init_module, finit_module or delete_module itself. An argument is one as\n\
               `call` takes them, or file:FILE for the address of a file in memory, size:FILE\n\
               for its length, or guard, guard+N or guard-N for the address of the page below\n\
               the stack, which is not mapped, or one N bytes after or before it",
        run: calls::syscall,
    },
    Command {
        name: "expect",
        arguments: "ERRNO COMMAND...",
        help: "run a command that must fail with just that error number",
        run: Console::expect,
    },
    Command {
        name: "versioned",
        arguments: "COMMAND...",
        help: "run a command if what the kernel exports has versions, those of a build of Linux",
        run: |console, words| {
            if kernel::versions().is_empty() {
                println!("what this kernel exports has no versions");
                return Ok(());
            }
            console.run(words.rest())
        },
    },
    Command {
        name: "time",
        arguments: "COMMAND...",
        help: "run insmod, rmmod or call, and say how long the system call or the function\n\
               took: nanoseconds, or ticks of the time stamp counter; under QEMU's\n\
               -icount shift=0 either is the number of instructions",
        run: Console::time,
    },
    Command {
        name: "stub",
        arguments: "SYMBOL [VALUE] | --all FILE",
        help: "export a function that returns VALUE, or 0; with --all under each name in a\n\
               text file that nobody exports yet",
        run: |_, words| stub(words),
    },
    Command {
        name: "drop",
        arguments: "",
        help: "give up the right to load and unload modules",
        run: |_, words| {
            words.end()?;
            kernel::drop_privilege();
            Ok(())
        },
    },
    Command {
        name: "disable",
        arguments: "",
        help: "disable modules: none is loaded or unloaded any more",
        run: |_, words| {
            words.end()?;
            kernel::LOADER.disable();
            Ok(())
        },
    },
    Command {
        name: "deny",
        arguments: "NAME[,NAME...]",
        help: "put modules on the list of those that may not be loaded",
        run: |_, words| {
            let names = words.need("a name")?;
            words.end()?;
            policy::deny(names);
            Ok(())
        },
    },
    Command {
        name: "signatures",
        arguments: "",
        help: "from now on a module whose file does not end in the mark of a signature is tainted\n\
               for that; what stands before the mark is not verified here",
        run: |_, words| {
            words.end()?;
            policy::tell_signed();
            Ok(())
        },
    },
    Command {
        name: "strict",
        arguments: "",
        help: "from now on a module is not loaded that lacks versions or vermagic",
        run: |_, words| {
            words.end()?;
            policy::never_force();
            Ok(())
        },
    },
    Command {
        name: "taint",
        arguments: "NUMBER",
        help: "taint the kernel by these bits",
        run: |_, words| taint(words),
    },
    Command {
        name: "accept",
        arguments: "SECTION",
        help: "load modules with a section that they would be rejected for, such as .init_array*,\n\
               without what it asks for",
        run: |_, words| accept(words),
    },
    Command {
        name: "echo",
        arguments: "TEXT",
        help: "print a text",
        run: |_, words| {
            println!("{}", words.rest());
            Ok(())
        },
    },
    Command { name: "#", arguments: "TEXT", help: "a comment", run: |_, _| Ok(()) },
    Command { name: "help", arguments: "", help: "show this list", run: |_, words| help(words) },
    Command {
        name: "poweroff",
        arguments: "",
        help: "end",
        run: |console, words| {
            words.end()?;
            console.done = true;
            Ok(())
        },
    },
];

fn taint(words: &mut Words<'_>) -> Result<(), Failure> {
    let bits = integer::bits(words.need("a number")?, u32::BITS)? as u32;
    words.end()?;
    let taints = Taints::from_bits(bits)
        .ok_or_else(|| Failure::Usage(format!("{bits:#x} has a bit that is no taint")))?;
    println!("new: ({})", kernel::LOADER.taint(taints));
    Ok(())
}

fn accept(words: &mut Words<'_>) -> Result<(), Failure> {
    let name = words.need("a section")?;
    words.end()?;
    let rejected = KnownSection::all().filter(|known| known.treatment() == Treatment::Rejected);
    let Some(known) = rejected.into_iter().find(|known| known.name() == name) else {
        return Err(Failure::Usage(format!("no module is rejected for a section {name}")));
    };
    policy::accept_loss(known);
    Ok(())
}

fn interrupts(words: &mut Words<'_>) -> Result<(), Failure> {
    let least = words.bare()?.map_or(Ok(0), |word| integer::bits(word, u32::BITS))?;
    words.end()?;
    let counts = timer::counts();
    println!("{counts}");
    match u64::from(counts.least()) {
        count if count < least => Err(Failure::Wrong(format!("one of these is less than {least}"))),
        _ => Ok(()),
    }
}

fn help(words: &mut Words<'_>) -> Result<(), Failure> {
    words.end()?;
    for command in COMMANDS {
        println!("{} {}", command.name, command.arguments);
        for line in command.help.lines() {
            println!("    {line}");
        }
    }
    Ok(())
}

fn stub(words: &mut Words<'_>) -> Result<(), Failure> {
    let name = words.need("a symbol")?;
    if name == "--all" {
        return stub_all(words);
    }
    let value = match words.bare()? {
        Some(text) => integer::bits(text, usize::BITS)? as usize,
        None => 0,
    };
    words.end()?;
    stubs::add(name, value).map_err(|why| no_stub(why, name))
}

fn stub_all(words: &mut Words<'_>) -> Result<(), Failure> {
    let path = words.need("a file")?;
    words.end()?;
    let file = files::find(path).ok_or(Failure::Errno(Errno::ENOENT))?;
    let text = core::str::from_utf8(file.bytes)
        .map_err(|_| Failure::Usage(format!("{path} is no text")))?;
    let count = stubs::add_missing(text.split_whitespace()).map_err(|why| no_stub(why, path))?;
    println!("{count} stubs");
    Ok(())
}

fn no_stub(why: NoStub, name: &str) -> Failure {
    match why {
        NoStub::Exists => Failure::Errno(Errno::EEXIST),
        NoStub::Memory => Failure::Wrong(format!("no memory for {name}")),
    }
}
