//! Parameters of modules: set by the boot line, the arguments of a load and afterwards, and read back.
#![cfg(feature = "parameters")]

use low_heap::{MARKED, live};
use modlink::arch::{Arch, ByteOrder, Class};
use modlink::module::Taints;
use modlink::parameters::{Element, Kind, Operations, Parameter, ParameterError, Type};
use modlink::platform::{Event, Faulted, Level, Protection};
use modlink::{Errno, LoadError, Name, Reference, State, UnloadError};
use modlink_host::{HostKernel, HostLoader, ParameterCall, Step, corpus, on_every_architecture};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::{Duration, Instant};

#[path = "parameters/low_heap.rs"]
mod low_heap;

/// Compiles a module in C, of which the first lines include `parameter.h`.
fn compile<A: Arch>(source: &str) -> Vec<u8> {
    let (compiler, options) = match A::NAME {
        "x86_64" => ("gcc", &["-mcmodel=kernel", "-mno-red-zone"][..]),
        "i386" => ("i686-linux-gnu-gcc", &[][..]),
        "m68k" => ("m68k-linux-gnu-gcc", &[][..]),
        other => panic!("no compiler for {other}"),
    };
    let root = env!("CARGO_MANIFEST_DIR");
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("module.c"), folder.path().join("module.ko"));
    std::fs::write(&from, source).unwrap();
    let flags = "-r -nostdlib -std=gnu11 -O2 -Wall -Wextra -Werror -ffreestanding -fno-pic -fno-pie \
         -fno-common -fno-stack-protector -fno-asynchronous-unwind-tables";
    let status = Command::new(compiler)
        .args(flags.split_whitespace())
        .args(options)
        .arg(format!("-I{root}/qemu/modules"))
        .args(["-T", &format!("{root}/src/guide/module.ld")])
        .arg("-o")
        .args([&to, &from])
        .status();
    assert!(status.expect("a compiler").success());
    std::fs::read(to).unwrap()
}

/// The module with a parameter of each type.
fn module<A: Arch>() -> &'static [u8] {
    static FILES: OnceLock<Mutex<BTreeMap<&str, &'static [u8]>>> = OnceLock::new();
    let mut files = FILES.get_or_init(Mutex::default).lock().unwrap();
    files
        .entry(A::NAME)
        .or_insert_with(|| compile::<A>(include_str!("../qemu/modules/parameters.c")).leak())
}

fn kernel<A: Arch>() -> HostKernel<A> {
    HostKernel::new().export_all_for(module::<A>(), &[])
}

fn boot<A: Arch>() -> Arc<HostLoader<A>> {
    kernel::<A>().boot()
}

fn load<A: Arch>(loader: &HostLoader<A>, arguments: &str) -> Reference<HostKernel<A>> {
    loader.load_with(module::<A>(), arguments.as_bytes()).unwrap()
}

fn read<A: Arch>(
    loader: &HostLoader<A>,
    module: &Reference<HostKernel<A>>,
    name: &str,
) -> Result<String, ParameterError> {
    let text = loader.read_parameter(module, name.as_bytes())?;
    Ok(String::from_utf8(text).unwrap())
}

fn set<A: Arch>(
    loader: &HostLoader<A>,
    module: &Reference<HostKernel<A>>,
    name: &str,
    value: &str,
) -> Result<(), ParameterError> {
    loader.set_parameter(module, name.as_bytes(), Some(value.as_bytes()))
}

fn warnings<A: Arch>(loader: &HostLoader<A>) -> Vec<String> {
    let log = loader.platform().take_log().into_iter();
    let warnings = log.filter(|(level, _)| *level == Level::Warning).map(|(_, line)| line);
    // Said of all modules that are built here.
    let of_all =
        [": taints the kernel (O), out of tree", ": loaded by force: no versions of its exports"];
    warnings.filter(|line| !of_all.iter().any(|end| line.ends_with(end))).collect()
}

fn unset(parameter: &str, value: &str, error: ParameterError) -> LoadError {
    let name = |text: &str| Name::from(text.as_bytes());
    LoadError::Parameter { parameter: name(parameter), value: name(value), error }
}

/// The address of the variable of a parameter, from the table as it stands in memory.
fn variable<A: Arch>(loader: &HostLoader<A>, module: &Reference<HostKernel<A>>, name: &str) -> u64 {
    let table = modlink_host::address_in(module, crate::module::<A>(), "__param");
    let index = module.parameters().position(|parameter| parameter.name == name.as_bytes());
    let (size, words) = match A::CLASS {
        Class::Elf64 => (40, 5),
        Class::Elf32 => (20, 5),
    };
    let at = table + size * index.expect("a parameter") as u64;
    loader.platform().peek_words(at, words)[words - 1]
}

fn bytes<A: Arch>(value: u64, size: usize) -> Vec<u8> {
    match A::ORDER {
        ByteOrder::Little => value.to_le_bytes()[..size].to_vec(),
        ByteOrder::Big => value.to_be_bytes()[8 - size..].to_vec(),
    }
}

const fn long<A: Arch>() -> usize {
    match A::CLASS {
        Class::Elf64 => 8,
        Class::Elf32 => 4,
    }
}

on_every_architecture! {
    fn a_module_lists_its_parameters_with_types_and_permissions<A>() {
        let loader = boot::<A>();
        let module = load(&loader, "");
        let all: Vec<Parameter<'_>> = module.parameters().collect();
        assert_eq!(all.len(), 25);
        let by_name = |name: &str| module.parameter(name.as_bytes()).unwrap();
        for (name, kind) in [
            ("byte", Kind::Value(Type::Byte)),
            ("short_", Kind::Value(Type::Short)),
            ("ushort", Kind::Value(Type::Ushort)),
            ("int_", Kind::Value(Type::Int)),
            ("uint", Kind::Value(Type::Uint)),
            ("long_", Kind::Value(Type::Long)),
            ("ulong", Kind::Value(Type::Ulong)),
            ("ullong", Kind::Value(Type::Ullong)),
            ("hexint", Kind::Value(Type::HexInt)),
            ("bool_", Kind::Value(Type::Bool)),
            ("invbool", Kind::Value(Type::InvBool)),
            ("bint", Kind::Value(Type::BInt)),
            ("bool_enable_only", Kind::Value(Type::BoolEnableOnly)),
            ("bool-enable-only", Kind::Value(Type::BoolEnableOnly)),
            ("charp", Kind::Value(Type::CharP)),
            ("string", Kind::String),
            ("ints", Kind::Array(Element::Value(Type::Int))),
            ("charps", Kind::Array(Element::Value(Type::CharP))),
            ("sum", Kind::Own),
            ("sums", Kind::Array(Element::Own)),
        ] {
            assert_eq!(by_name(name).kind, kind, "{name}");
        }
        assert_eq!(by_name("byte").permissions, 0o644);
        assert_eq!((by_name("hidden").permissions, by_name("hidden").flags.bits()), (0, 0));
        assert_eq!((by_name("dangerous").permissions, by_name("dangerous").flags.bits()), (0o600, 1));
        assert!(module.parameter(b"bytes").is_none());
        assert_eq!(warnings(&loader), [""; 0]);
    }

    fn what_nobody_sets_has_the_module_s_own_values<A>() {
        let loader = boot::<A>();
        let module = load(&loader, "");
        for (name, text) in [
            ("byte", "1"), ("short_", "-2"), ("ushort", "3"), ("int_", "-4"), ("uint", "5"),
            ("long_", "-6"), ("ulong", "7"), ("ullong", "8"), ("hexint", "0x000009"),
            ("bool_", "N"), ("invbool", "Y"), ("bint", "0"), ("bool_enable_only", "N"),
            ("charp", "default"), ("no_charp", "(null)"), ("string", "room"), ("ints", "1,2"),
            ("bools", "N,N"), ("hidden", "10"), ("until_live", "12"), ("dangerous", "13"),
            ("charps", "a,b,(null)"),
        ] {
            assert_eq!(read(&loader, &module, name).as_deref(), Ok(text), "{name}");
        }
        assert_eq!(read(&loader, &module, "for_init"), Err(ParameterError::Gone));
        assert_eq!(read(&loader, &module, "none"), Err(ParameterError::NotFound));
    }

    fn arguments_set_each_type_before_init_in_the_module_s_byte_order<A>() {
        let loader = boot::<A>();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let found = seen.clone();
        loader.platform().on_init("parameters", move |loader| {
            let kernel = loader.platform();
            let module = loader.find(b"parameters").expect("it is coming");
            let mut found = found.lock().unwrap();
            for (name, size) in [
                ("byte", 1), ("short_", 2), ("ushort", 2), ("int_", 4), ("uint", 4),
                ("long_", long::<A>()), ("ulong", long::<A>()), ("ullong", 8), ("hexint", 4),
                ("bool_", 1), ("invbool", 1), ("bint", 4), ("bool_enable_only", 1),
                ("for_init", 4), ("until_live", 4),
            ] {
                let at = variable(loader, &module, name);
                found.push((name, kernel.peek(at, size).unwrap()));
            }
            0
        });
        let module = load(&loader, "byte=255 short_=-0x8000 ushort=0xffff int_=-2147483648 uint=4294967295 \
             long-=-17 ulong=017 ullong=0xfedcba9876543210 hexint=0xbeef bool_ invbool=1 bint \
             bool_enable_only=y charp=\"a b\" no_charp= string=1234567 ints=7,-8,9 charps=x,,z \
             bools=on,off hidden=-1 for_init=0x01020304 until_live=0x05060708 dangerous=0");
        let number = |value: i64, size| bytes::<A>(value as u64, size);
        assert_eq!(*seen.lock().unwrap(), [
            ("byte", number(255, 1)), ("short_", number(-0x8000, 2)), ("ushort", number(-1, 2)),
            ("int_", number(-2147483648, 4)), ("uint", number(-1, 4)),
            ("long_", number(-17, long::<A>())), ("ulong", number(15, long::<A>())),
            ("ullong", number(0xfedc_ba98_7654_3210_u64 as i64, 8)), ("hexint", number(0xbeef, 4)),
            ("bool_", number(1, 1)), ("invbool", number(0, 1)), ("bint", number(1, 4)),
            ("bool_enable_only", number(1, 1)), ("for_init", number(0x0102_0304, 4)),
            ("until_live", number(0x0506_0708, 4)),
        ]);
        for (name, text) in [
            ("byte", "255"), ("short_", "-32768"), ("ushort", "65535"), ("int_", "-2147483648"),
            ("uint", "4294967295"), ("long_", "-17"), ("ulong", "15"),
            ("ullong", "18364758544493064720"), ("hexint", "0x00beef"), ("bool_", "Y"),
            ("invbool", "Y"), ("bint", "1"), ("bool_enable_only", "Y"), ("charp", "a b"),
            ("no_charp", ""), ("string", "1234567"), ("ints", "7,-8,9"), ("charps", "x,,z"),
            ("bools", "Y,N"), ("hidden", "-1"), ("until_live", "84281096"), ("dangerous", "0"),
        ] {
            assert_eq!(read(&loader, &module, name).as_deref(), Ok(text), "{name}");
        }
        assert_eq!(warnings(&loader), [
            "parameters: setting dangerous option dangerous: tainting kernel",
        ]);
        assert!(loader.taints().contains(Taints::USER));
        assert_eq!(module.taints(), Taints::OOT_MODULE);
        let string = loader.platform().peek(variable(&loader, &module, "charp"), long::<A>()).unwrap();
        assert_ne!(string, vec![0; long::<A>()]);
    }

    fn a_value_that_a_parameter_cannot_have_ends_the_load_and_leaves_nothing<A>() {
        use ParameterError::*;
        let loader = boot::<A>();
        let before = loader.platform().snapshot();
        let above_long = if long::<A>() == 8 { "9223372036854775808" } else { "2147483648" };
        drop(load(&loader, ""));
        loader.unload(b"parameters", false).unwrap();
        for (name, value, error, errno) in [
            ("byte", "256", OutOfRange, Errno::ERANGE),
            ("byte", "-1", Invalid, Errno::EINVAL),
            ("short_", "32768", OutOfRange, Errno::ERANGE),
            ("short_", "-32769", OutOfRange, Errno::ERANGE),
            ("ushort", "65536", OutOfRange, Errno::ERANGE),
            ("int_", "2147483648", OutOfRange, Errno::ERANGE),
            ("int_", "", Invalid, Errno::EINVAL),
            ("int_", "5x", Invalid, Errno::EINVAL),
            ("uint", "4294967296", OutOfRange, Errno::ERANGE),
            ("long_", above_long, OutOfRange, Errno::ERANGE),
            ("ulong", "18446744073709551616", OutOfRange, Errno::ERANGE),
            ("ullong", "18446744073709551616", OutOfRange, Errno::ERANGE),
            ("hexint", "0x100000000", OutOfRange, Errno::ERANGE),
            ("bool_", "maybe", Invalid, Errno::EINVAL),
            ("invbool", "", Invalid, Errno::EINVAL),
            ("bint", "2", Invalid, Errno::EINVAL),
            ("bool_enable_only", "x", Invalid, Errno::EINVAL),
            ("string", "12345678", TooLong, Errno::ENOSPC),
            ("ints", "1,2,3,4,5", TooMany, Errno::EINVAL),
            ("ints", "1,,3", Invalid, Errno::EINVAL),
            ("ints", "", Invalid, Errno::EINVAL),
            ("bools", "1,2", Invalid, Errno::EINVAL),
            ("for_init", "x", Invalid, Errno::EINVAL),
        ] {
            let marked = "x".repeat(MARKED - 1);
            let arguments = format!("charp={marked} charps={marked},b {name}={value}");
            let strings = live();
            let result = loader.load_with(module::<A>(), arguments.as_bytes()).map(drop);
            assert_eq!(result, Err(unset(name, value, error)), "{arguments}");
            assert_eq!(result.as_ref().unwrap_err().errno(), errno, "{arguments}");
            drop(result);
            assert_eq!(loader.platform().snapshot(), before);
            assert_eq!(live(), strings, "{arguments} leaves something on the heap");
        }
        let long = format!("charp={}", "x".repeat(1025));
        let error = loader.load_with(module::<A>(), long.as_bytes()).unwrap_err();
        assert_eq!(error.errno(), Errno::ENOSPC);
        let text = error.to_string();
        assert!(text.starts_with("`xxx") && text.contains("' too large for parameter `charp'"), "{text}");
        let longest = format!("charp={}", "x".repeat(1024));
        assert!(loader.load_with(module::<A>(), longest.as_bytes()).is_ok());
    }

    fn a_name_without_a_value_is_for_truth_alone<A>() {
        let loader = boot::<A>();
        for name in ["byte", "int_", "invbool", "charp", "string", "ints", "bools"] {
            let error = loader.load_with(module::<A>(), name.as_bytes()).unwrap_err();
            assert_eq!(error, unset(name, "", ParameterError::NoValue));
            assert_eq!(error.errno(), Errno::EINVAL);
            assert!(error.to_string().starts_with(&format!("`' invalid for parameter `{name}'")));
        }
        let module = load(&loader, "bool_ bint bool_enable_only");
        for (name, text) in [("bool_", "Y"), ("bint", "1"), ("bool_enable_only", "Y")] {
            assert_eq!(read(&loader, &module, name).as_deref(), Ok(text));
        }
    }

    fn the_last_of_several_wrong_values_is_the_result_and_the_others_are_logged<A>() {
        let loader = boot::<A>();
        let error = loader.load_with(module::<A>(), b"byte=x int_=5 string=12345678").unwrap_err();
        assert_eq!(error, unset("string", "12345678", ParameterError::TooLong));
        let mut log = loader.platform().take_log();
        log.retain(|(level, _)| *level == Level::Error);
        assert_eq!(log, [(
            Level::Error,
            "parameters: `x' invalid for parameter `byte': not a value of its type".into(),
        )]);
        // However many there are.
        let many = "byte=x ".repeat(1000);
        loader.load_with(module::<A>(), many.as_bytes()).unwrap_err();
        assert_eq!(loader.platform().take_log().len(), 16);
    }

    fn the_boot_line_comes_before_the_arguments_and_ends_at_dashes<A>() {
        let line = "quiet parameters.int-=1 parameters.uint=2 other.byte=9 root=/dev/sda \
             parameters.charp=\"of the boot line\" -- parameters.byte=7";
        let loader = kernel::<A>().with_boot_line(line).boot();
        let module = load(&loader, "int_=3");
        for (name, text) in
            [("int_", "3"), ("uint", "2"), ("charp", "of the boot line"), ("byte", "1")]
        {
            assert_eq!(read(&loader, &module, name).as_deref(), Ok(text));
        }
        assert_eq!(warnings(&loader), [""; 0]);
        let loader = kernel::<A>().with_boot_line("parameters.int_=x parameters.y").boot();
        let error = loader.load(self::module::<A>()).unwrap_err();
        assert_eq!(error, unset("int_", "x", ParameterError::Invalid));
        assert_eq!(warnings(&loader), ["parameters: unknown parameter 'y' ignored"]);
    }

    fn what_means_nothing_is_said_and_ignored<A>() {
        let loader = boot::<A>();
        let module = load(&loader, "x=1 dyndbg=+p y async_probe dyndbg int_=1 -- uint=9 z");
        assert_eq!(warnings(&loader), [
            "parameters: unknown parameter 'x' ignored",
            "parameters: parameter 'dyndbg' ignored: nobody prints debug messages here",
            "parameters: unknown parameter 'y' ignored",
            "parameters: parameter 'async_probe' ignored: whoever probes for devices does so by itself",
            "parameters: parameters 'uint=9 z' after `--' ignored",
        ]);
        assert_eq!(read(&loader, &module, "int_").as_deref(), Ok("1"));
        assert_eq!(read(&loader, &module, "uint").as_deref(), Ok("5"));
        drop(module);
        loader.unload(b"parameters", false).unwrap();

        let long = "n".repeat(1000);
        let many = format!("{long} \"a\nb\" {}", "u=1 ".repeat(100));
        drop(load(&loader, &many));
        let warnings = warnings(&loader);
        assert_eq!(warnings.len(), 17);
        assert_eq!(warnings[0], format!("parameters: unknown parameter '{}…' ignored", "n".repeat(64)));
        assert_eq!(warnings[1], "parameters: unknown parameter 'a\\nb' ignored");
        assert_eq!(warnings[16], "parameters: 86 more unknown parameters ignored");
    }

    fn a_parameter_can_be_set_and_read_afterwards<A>() {
        let loader = boot::<A>();
        let module = load(&loader, "");
        for (name, value, text) in [
            ("byte", "0x10\n", "16"), ("short_", "-7", "-7"), ("ulong", "+1", "1"),
            ("bool_", "y\n", "Y"), ("invbool", "y", "Y"), ("bint", "on", "1"),
            ("charp", "one", "one"), ("charp", "another", "another"), ("charp", "", ""),
            ("string", "abc", "abc"), ("ints", "4,3,2,1", "4,3,2,1"), ("ints", "5", "5"),
            ("charps", "p,q", "p,q,(null)"), ("bools", "1,1", "Y,Y"), ("int-", "6\0garbage", "6"),
            ("hexint", "-1", "?"), ("ints", "1,2,x", "?"), ("ints", "", "?"),
        ] {
            let result = set(&loader, &module, name, value);
            if text == "?" {
                assert_eq!(result, Err(ParameterError::Invalid), "{name}={value}");
            } else {
                assert_eq!(result, Ok(()), "{name}={value}");
                assert_eq!(read(&loader, &module, name).as_deref(), Ok(text), "{name}={value}");
            }
        }
        // As in Linux: the elements before the one that is wrong have been set.
        assert_eq!(set(&loader, &module, "ints", "8,9,x"), Err(ParameterError::Invalid));
        assert_eq!(read(&loader, &module, "ints").as_deref(), Ok("8,9"));
        assert_eq!(set(&loader, &module, "bool_enable_only", "n"), Ok(()));
        assert_eq!(set(&loader, &module, "bool_enable_only", "1"), Ok(()));
        assert_eq!(set(&loader, &module, "bool_enable_only", "n"), Err(ParameterError::EnableOnly));
        assert_eq!(ParameterError::EnableOnly.errno(), Errno::EROFS);
        assert_eq!(read(&loader, &module, "bool_enable_only").as_deref(), Ok("Y"));
        assert_eq!(loader.set_parameter(&module, b"bool_", None), Ok(()));
        assert_eq!(loader.set_parameter(&module, b"int_", None), Err(ParameterError::NoValue));
        assert_eq!(set(&loader, &module, "none", ""), Err(ParameterError::NotFound));
        assert_eq!(ParameterError::NotFound.errno(), Errno::ENOENT);
    }

    fn what_only_init_may_write_is_not_written_afterwards<A>() {
        let loader = boot::<A>();
        let module = load(&loader, "until_live=5 for_init=6");
        let at = variable(&loader, &module, "until_live");
        assert_eq!(loader.platform().protection(at), Some(Protection::ReadOnly));
        assert_eq!(set(&loader, &module, "until_live", "7"), Err(ParameterError::ReadOnly));
        assert_eq!(ParameterError::ReadOnly.errno(), Errno::EROFS);
        assert_eq!(read(&loader, &module, "until_live").as_deref(), Ok("5"));
        assert_eq!(set(&loader, &module, "for_init", "7"), Err(ParameterError::Gone));
        assert_eq!(read(&loader, &module, "for_init"), Err(ParameterError::Gone));
    }

    fn an_init_part_in_the_same_block_keeps_its_parameters<A>() {
        let loader = boot::<A>();
        let kernel = loader.platform();
        let blocks = kernel.requests();
        assert!(blocks.is_empty());
        let room = match A::CLASS {
            Class::Elf64 => 0xffff_ffff_c000_0000..=0xffff_ffff_c00f_ffff_u64,
            Class::Elf32 => 0xf800_0000..=0xf80f_ffff,
        };
        kernel.set_room(modlink::platform::Purpose::Init, &[modlink_host::OUT_OF_REACH]);
        kernel.set_room(modlink::platform::Purpose::Contiguous, &[room]);
        let loaded = loader.load_with(module::<A>(), b"for_init=6 int_=7");
        // On an architecture whose words reach everything the init part finds room of its own.
        if let Ok(module) = loaded && module.statistics().contiguous {
            assert_eq!(read(&loader, &module, "for_init").as_deref(), Ok("6"));
            assert_eq!(read(&loader, &module, "int_").as_deref(), Ok("7"));
            assert_eq!(set(&loader, &module, "for_init", "8"), Ok(()));
            assert_eq!(read(&loader, &module, "for_init").as_deref(), Ok("8"));
        } else {
            assert_ne!(A::NAME, "x86_64");
        }
    }

    fn a_string_is_freed_when_another_takes_its_place_and_with_the_module<A>() {
        let loader = boot::<A>();
        let marked = "x".repeat(MARKED - 1);
        let before = live();
        let module = load(&loader, &format!("charp={marked} charps={marked},{marked}"));
        assert_eq!(live(), before + 3);
        for _ in 0..5 {
            set(&loader, &module, "charp", &marked).unwrap();
            set(&loader, &module, "charps", &format!("{marked},{marked},{marked}")).unwrap();
            assert_eq!(live(), before + 4);
        }
        set(&loader, &module, "charps", &format!("{marked},x")).unwrap();
        assert_eq!(live(), before + 3);
        set(&loader, &module, "charp", "x").unwrap();
        assert_eq!(live(), before + 2);
        drop(module);
        loader.unload(b"parameters", false).unwrap();
        assert_eq!(live(), before);
    }

    fn two_parameters_of_one_variable_have_one_string<A>() {
        let file = compile::<A>(
            "#include \"parameter.h\"\nMODULE(\"alias\", \"GPL\");\n\
             static char *one;\nPARAMETER(charp, one, 0644);\n\
             PARAMETER_OF(other, &param_ops_charp, &one, 0644, 0, \"charp\");\n",
        );
        let loader = HostKernel::<A>::new().export("param_ops_charp").boot();
        let marked = "x".repeat(MARKED - 1);
        let before = live();
        let module = loader.load_with(&file, format!("one={marked} other={marked}").as_bytes());
        let module = module.unwrap();
        assert_eq!(live(), before + 1);
        set(&loader, &module, "one", "short").unwrap();
        assert_eq!(live(), before);
        assert_eq!(read(&loader, &module, "other").as_deref(), Ok("short"));
    }

    fn a_string_whose_address_the_module_has_taken_stays<A>() {
        let loader = boot::<A>();
        let module = load(&loader, "charp=first");
        let kernel = loader.platform();
        let at = variable(&loader, &module, "charp");
        let first = kernel.peek_words(at, 1)[0];
        kernel.poke(at, &bytes::<A>(0, long::<A>())).unwrap();
        assert_eq!(read(&loader, &module, "charp").as_deref(), Ok("(null)"));
        set(&loader, &module, "charp", "second").unwrap();
        // SAFETY: it stays until the module is gone.
        let kept = unsafe { std::ffi::CStr::from_ptr(std::ptr::with_exposed_provenance(first as usize)) };
        assert_eq!(kept.to_bytes(), b"first");
        let second = kernel.peek_words(at, 1)[0];
        assert_ne!(first, second);
        // The first is not the one of that parameter any more.
        kernel.poke(at, &bytes::<A>(first, long::<A>())).unwrap();
        assert_eq!(read(&loader, &module, "charp"), Err(ParameterError::Pointer));
        set(&loader, &module, "charp", "third").unwrap();
        assert_eq!(read(&loader, &module, "charp").as_deref(), Ok("third"));
    }

    fn what_a_module_writes_to_its_variables_is_not_trusted<A>() {
        let loader = boot::<A>();
        let module = load(&loader, "");
        let kernel = loader.platform();
        let charp = variable(&loader, &module, "charp");
        let core = module.core();
        for pointer in [1, core.end, core.start.wrapping_sub(1), u64::MAX, core.start] {
            kernel.poke(charp, &bytes::<A>(pointer, long::<A>())).unwrap();
            assert_eq!(read(&loader, &module, "charp"), Err(ParameterError::Pointer), "{pointer:#x}");
        }
        assert_eq!(ParameterError::Pointer.errno(), Errno::EFAULT);
        // A string of its own that does not end ends with its memory.
        let string = variable(&loader, &module, "byte");
        let last = core.end - 4;
        kernel.poke(last, b"abcd").unwrap();
        kernel.poke(charp, &bytes::<A>(last, long::<A>())).unwrap();
        assert_eq!(read(&loader, &module, "charp").as_deref(), Ok("abcd"));
        kernel.poke(string, b"\x07").unwrap();
        assert_eq!(read(&loader, &module, "byte").as_deref(), Ok("7"));
        // So does one in the room for a string.
        let room = loader.platform().peek_words(variable(&loader, &module, "string"), 2);
        let room = room[1];
        kernel.poke(room, b"12345678").unwrap();
        assert_eq!(read(&loader, &module, "string").as_deref(), Ok("12345678"));
        // There are no more elements than there is room for.
        let ints = loader.platform().peek_words(variable(&loader, &module, "ints"), 5);
        let count = if long::<A>() == 8 { ints[1] } else { ints[2] };
        kernel.poke(count, &[0xff; 4]).unwrap();
        assert_eq!(read(&loader, &module, "ints").as_deref(), Ok("1,2,3,4"));
        kernel.poke(count, &[0; 4]).unwrap();
        assert_eq!(read(&loader, &module, "ints").as_deref(), Ok(""));
    }

    fn functions_of_the_module_s_own_set_show_and_free<A>() {
        let loader = boot::<A>();
        let kernel = loader.platform();
        let module = load(&loader, "sum=123 sums=1,22,3");
        let calls = kernel.take_parameter_calls();
        let values: Vec<_> = calls
            .iter()
            .map(|call| match call {
                ParameterCall::Set { value, .. } => value.as_deref().unwrap(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(values, ["123", "1", "22", "3"]);
        let ParameterCall::Set { parameter, .. } = &calls[0] else { panic!("{calls:?}") };
        // It gets the structure that is in the module.
        assert_eq!(kernel.peek_words(*parameter, 5)[4], variable(&loader, &module, "sum"));
        assert_eq!(read(&loader, &module, "sum").as_deref(), Ok("123"));
        loader.set_parameter(&module, b"sum", None).unwrap();
        assert_eq!(read(&loader, &module, "sum").as_deref(), Ok(""));
        kernel.take_parameter_calls();
        drop(module);
        kernel.take_trace();
        let loader_of = loader.clone();
        kernel.on_exit("parameters", move |_| {
            assert_eq!(loader_of.platform().take_parameter_calls(), [], "not before exit");
        });
        loader.unload(b"parameters", false).unwrap();
        let calls = kernel.take_parameter_calls();
        assert!(calls.iter().all(|call| matches!(call, ParameterCall::Free { .. })), "{calls:?}");
        assert_eq!(calls.len(), 4);
        assert_eq!(kernel.names(), [""; 0]);
    }

    fn an_element_of_own_functions_gets_a_structure_with_its_variable<A>() {
        let loader = boot::<A>();
        let kernel = loader.platform();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let found = seen.clone();
        kernel.on_parameter(move |call| {
            let ParameterCall::Set { parameter, .. } = call else { panic!("{call:?}") };
            let size = if long::<A>() == 8 { 40 } else { 20 };
            let start = std::ptr::with_exposed_provenance::<u8>(*parameter as usize);
            // SAFETY: it is a `struct kernel_param` of the architecture, on the stack of the caller.
            let bytes = unsafe { std::slice::from_raw_parts(start, size) };
            let word = |at: usize| {
                let bytes = bytes[at..at + long::<A>()].iter();
                let more = |all: u64, byte: &u8| all << 8 | u64::from(*byte);
                match A::ORDER {
                    ByteOrder::Little => bytes.rev().fold(0, more),
                    ByteOrder::Big => bytes.fold(0, more),
                }
            };
            found.lock().unwrap().push((word(0), word(2 * long::<A>()), word(size - long::<A>())));
            Ok(0)
        });
        let module = load(&loader, "sums=1,2");
        let table = kernel.peek_words(variable(&loader, &module, "sums"), 5);
        let (operations, elements) =
            if long::<A>() == 8 { (table[2], table[3]) } else { (table[3], table[4]) };
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 2);
        for (index, (name, ops, argument)) in (0..).zip(&*seen) {
            let name = kernel.peek(*name, 5).unwrap();
            assert_eq!((&name[..], *ops), (&b"sums\0"[..], operations));
            assert_eq!(*argument, elements + 4 * index);
        }
    }

    fn what_own_functions_return_is_the_result<A>() {
        let loader = boot::<A>();
        let kernel = loader.platform();
        kernel.on_parameter(|_| Ok(-19));
        let error = loader.load_with(module::<A>(), b"sum=1").unwrap_err();
        assert_eq!(error, unset("sum", "1", ParameterError::Function(-19)));
        assert_eq!(error.errno(), Errno::ENODEV);
        assert!(error.to_string().ends_with("the module's own function returned -19"), "{error}");
        // What may have been begun is freed.
        let frees = kernel.take_parameter_calls().into_iter();
        assert_eq!(frees.filter(|call| matches!(call, ParameterCall::Free { .. })).count(), 4);
        let trace = kernel.take_trace();
        assert!(trace.contains(&Step::Told(Event::Going, "parameters".into())), "{trace:?}");
        assert!(!trace.contains(&Step::Init("parameters".into())));
    }

    fn a_function_that_faults_leaves_the_module_as_it_is<A>() {
        let loader = boot::<A>();
        let kernel = loader.platform();
        kernel.on_parameter(|_| Err(Faulted));
        let error = loader.load_with(module::<A>(), b"sum=1").unwrap_err();
        assert_eq!(error, LoadError::Faulted);
        assert!(loader.taints().contains(Taints::DIE));
        assert_eq!(kernel.look("parameters", |module| module.state()), State::Faulted);
        assert_eq!(loader.unload(b"parameters", true), Err(UnloadError::Busy));

        let loader = boot::<A>();
        let module = load(&loader, "");
        loader.platform().on_parameter(|_| Err(Faulted));
        assert_eq!(set(&loader, &module, "sum", "1"), Err(ParameterError::Faulted));
        assert!(loader.taints().contains(Taints::DIE));
    }

    fn a_type_of_the_kernel_s_own_is_set_by_its_functions<A>() {
        let source = "#include \"parameter.h\"\nMODULE(\"own_type\", \"GPL\");\n\
             extern const struct kernel_param_ops param_ops_colour;\n\
             static int colour, colours[2];\n\
             PARAMETER(colour, colour, 0644);\n\
             ARRAY_PARAMETER(colour, colours, 0, 0644);\n";
        let file = compile::<A>(source);
        let all = HostKernel::<A>::new().export("colour_set").export("colour_get");
        let operations = Operations {
            takes_no_value: true,
            set: all.address_of("colour_set"),
            get: all.address_of("colour_get"),
            free: 0,
        };
        let loader = all
            .with_parameter_type("param_ops_colour", operations)
            .export("param_array_ops")
            .boot();
        let module = loader.load_with(&file, b"colour=red colours=green,blue").unwrap();
        let kind = |name: &[u8]| module.parameter(name).unwrap().kind;
        assert_eq!(kind(b"colour"), Kind::Kernel);
        assert_eq!(kind(b"colours"), Kind::Array(Element::Kernel));
        assert_eq!(read(&loader, &module, "colour").as_deref(), Ok("red"));
        let calls = loader.platform().take_parameter_calls();
        assert_eq!(calls.len(), 4);
        let is_right = |call: &ParameterCall| match call {
            ParameterCall::Set { function, .. } => *function == operations.set,
            ParameterCall::Get { function, .. } => *function == operations.get,
            ParameterCall::Free { .. } => false,
        };
        assert!(calls.iter().all(is_right), "{calls:?}");
        // Without it, nobody knows the type.
        let stranger = HostKernel::<A>::new().export_all_for(&file, &[]).boot();
        let error = stranger.load(&file).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("parameter colour") && text.ends_with(": nobody knows its type"));
    }

    fn a_variable_may_be_that_of_a_module_that_is_used<A>() {
        let owner = compile::<A>(
            "#include \"parameter.h\"\nMODULE(\"owner\", \"GPL\");\n\
             int shared = 3; EXPORT(shared); int late RO_AFTER_INIT = 4; EXPORT(late);\n",
        );
        let user = compile::<A>(
            "#include \"parameter.h\"\nMODULE(\"user\", \"GPL\");\n\
             extern int shared, late;\nPARAMETER(int, shared, 0644); PARAMETER(int, late, 0644);\n",
        );
        let kernel = HostKernel::<A>::new().export("param_ops_int");
        let loader = kernel.boot();
        let owner = loader.load(&owner).unwrap();
        let module = loader.load_with(&user, b"shared=5").unwrap();
        assert_eq!(read(&loader, &module, "shared").as_deref(), Ok("5"));
        let at = owner.export(b"shared").unwrap().address;
        assert_eq!(loader.platform().peek(at, 4).unwrap(), bytes::<A>(5, 4));
        assert_eq!(read(&loader, &module, "late").as_deref(), Ok("4"));
        assert_eq!(set(&loader, &module, "late", "5"), Err(ParameterError::ReadOnly));
        // A variable of the kernel's is listed, and nobody here knows how to reach it.
        let loader = HostKernel::<A>::new()
            .export("param_ops_int").export("shared").export("late").boot();
        let error = loader.load_with(&user, b"shared=5").unwrap_err();
        assert_eq!(error, unset("shared", "5", ParameterError::Foreign));
        assert_eq!(error.errno(), Errno::EPERM);
        let module = loader.load(&user).unwrap();
        assert_eq!(module.parameters().count(), 2);
    }

    fn one_thread_at_a_time_sets_parameters_and_the_others_wait<A>() {
        let loader = kernel::<A>().with_waiting(Duration::from_secs(10)).boot();
        let module = load(&loader, "");
        let (entered, has_entered) = mpsc::channel();
        let (leave, may_leave) = mpsc::channel::<()>();
        let (entered, may_leave) = (Mutex::new(entered), Mutex::new(may_leave));
        loader.platform().on_parameter(move |_| {
            entered.lock().unwrap().send(()).unwrap();
            may_leave.lock().unwrap().recv().unwrap();
            Ok(0)
        });
        std::thread::scope(|scope| {
            let first = scope.spawn(|| set(&loader, &module, "sum", "1"));
            has_entered.recv().unwrap();
            let second = scope.spawn(|| set(&loader, &module, "int_", "77"));
            let start = Instant::now();
            while loader.platform().waiting() == 0 {
                assert!(start.elapsed() < Duration::from_secs(9), "it does not wait");
                assert!(!second.is_finished());
                std::thread::yield_now();
            }
            let at = variable(&loader, &module, "int_");
            assert_eq!(loader.platform().peek(at, 4).unwrap(), bytes::<A>(-4_i64 as u64, 4));
            leave.send(()).unwrap();
            assert_eq!(first.join().unwrap(), Ok(()));
            assert_eq!(second.join().unwrap(), Ok(()));
        });
        assert_eq!(read(&loader, &module, "int_").as_deref(), Ok("77"));
    }

    fn the_module_takes_the_lock_itself_and_who_cannot_wait_is_told<A>() {
        let loader = boot::<A>();
        let module = load(&loader, "");
        let inside = module.core().start + 8;
        assert_eq!(loader.lock_parameters(inside), Ok(true));
        assert_eq!(set(&loader, &module, "int_", "1"), Err(ParameterError::Busy));
        assert_eq!(read(&loader, &module, "int_"), Err(ParameterError::Busy));
        assert_eq!(ParameterError::Busy.errno(), Errno::EBUSY);
        assert!(loader.lock_parameters(inside).is_err());
        // SAFETY: it was taken above.
        unsafe { loader.unlock_parameters(inside) };
        assert_eq!(set(&loader, &module, "int_", "1"), Ok(()));
        assert_eq!(loader.lock_parameters(0x10), Ok(false));
    }
}

/// What is found of the types of parameters in `.modinfo`, without the loader's own reading.
fn stated(file: &[u8]) -> BTreeMap<String, String> {
    use object::{Object, ObjectSection};
    let object = object::File::parse(file).unwrap();
    let modinfo = object.section_by_name(".modinfo").unwrap();
    let strings = modinfo.data().unwrap().split(|byte| *byte == 0);
    let types = strings.filter_map(|string| string.strip_prefix(b"parmtype="));
    types
        .map(|text| {
            let (name, kind) = std::str::from_utf8(text).unwrap().split_once(':').unwrap();
            (name.to_owned(), kind.to_owned())
        })
        .collect()
}

/// How `.modinfo` calls a type.
fn called(kind: Kind) -> Option<String> {
    let value = |kind| match kind {
        Type::Byte => "byte",
        Type::Short => "short",
        Type::Ushort => "ushort",
        Type::Int => "int",
        Type::Uint => "uint",
        Type::Long => "long",
        Type::Ulong => "ulong",
        Type::Ullong => "ullong",
        Type::HexInt => "hexint",
        Type::Bool => "bool",
        Type::InvBool => "invbool",
        Type::BInt => "bint",
        Type::BoolEnableOnly => "bool_enable_only",
        Type::CharP => "charp",
        other => panic!("{other:?}"),
    };
    match kind {
        Kind::Value(kind) => Some(value(kind).into()),
        Kind::String => Some("string".into()),
        Kind::Array(Element::Value(kind)) => Some(format!("array of {}", value(kind))),
        _ => None,
    }
}

/// A value for a type, what it reads as, and one that it cannot have.
fn sample(kind: Type, long: usize) -> (&'static str, &'static str, &'static str) {
    match kind {
        Type::Byte => ("0xfe", "254", "256"),
        Type::Short => ("-32767", "-32767", "32768"),
        Type::Ushort => ("65534", "65534", "65536"),
        Type::Int => ("-2147483647", "-2147483647", "2147483648"),
        Type::Uint => ("4294967294", "4294967294", "4294967296"),
        Type::Long if long == 8 => {
            ("-9223372036854775807", "-9223372036854775807", "0x8000000000000000")
        }
        Type::Long => ("-2147483647", "-2147483647", "0x80000000"),
        Type::Ulong if long == 8 => {
            ("0xfffffffffffffffe", "18446744073709551614", "18446744073709551616")
        }
        Type::Ulong => ("0xfffffffe", "4294967294", "0x100000000"),
        Type::Ullong => ("18446744073709551614", "18446744073709551614", "18446744073709551616"),
        Type::HexInt => ("0xfffffffe", "0xfffffffe", "0x100000000"),
        Type::Bool | Type::BoolEnableOnly => ("y", "Y", "2"),
        Type::InvBool => ("n", "N", ""),
        Type::BInt => ("on", "1", "-1"),
        Type::CharP => ("some text", "some text", ""),
        other => panic!("{other:?}"),
    }
}

/// What is done with all modules of the corpus that have parameters.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    modules: usize,
    parameters: usize,
    /// By types.
    types: BTreeMap<String, usize>,
    /// Set by the arguments of a load and read back.
    by_load: usize,
    /// Set afterwards, read back, and refused once.
    afterwards: usize,
    /// Whose variable is gone with init, or is the kernel's, or that only init may write.
    out_of_reach: usize,
    own: usize,
}

/// Of how many modules of a corpus one is tried: `EVERY=1` for all.
fn every() -> usize {
    std::env::var("EVERY").map_or(8, |every| every.parse().unwrap())
}

fn each_module_of_the_corpus<A: Arch>(every: usize) -> Tally {
    let mut tally = Tally::default();
    let long = long::<A>();
    let mut files: Vec<_> = corpus::files::<A>().into_iter().collect();
    files.sort();
    for (name, path) in files.into_iter().step_by(every) {
        let file = std::fs::read(&path).unwrap();
        let stated = stated(&file);
        if !file.windows(8).any(|bytes| bytes == b"__param\0") {
            assert!(stated.is_empty(), "{name}");
            continue;
        }
        let loader = HostKernel::<A>::new().export_all_for(&file, &[]).boot();
        let module = loader.load(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        tally.modules += 1;
        let mut arguments = String::new();
        let mut expected = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for parameter in module.parameters() {
            tally.parameters += 1;
            let text = str::from_utf8(parameter.name).unwrap();
            // Of two with one name the first counts.
            if !seen.insert(text.to_owned()) {
                continue;
            }
            let kind = called(parameter.kind);
            if let (Some(kind), Some(stated)) = (&kind, stated.get(text)) {
                assert_eq!(kind, stated, "{name}.{text}");
            }
            *tally.types.entry(kind.unwrap_or("own".into())).or_default() += 1;
            let is_gone = |error| {
                matches!(
                    error,
                    ParameterError::Gone | ParameterError::Foreign | ParameterError::ReadOnly
                )
            };
            let (value, reads, wrong) = match parameter.kind {
                Kind::Value(kind) => {
                    let (value, reads, wrong) = sample(kind, long);
                    let wrong = if kind == Type::CharP { "x".repeat(1025) } else { wrong.into() };
                    (value.to_owned(), reads.to_owned(), wrong)
                }
                Kind::String => ("a".into(), "a".into(), "x".repeat(5000)),
                Kind::Array(Element::Value(kind)) => {
                    let (value, reads, wrong) = sample(kind, long);
                    let wrong = if kind == Type::CharP { "x".repeat(1025) } else { wrong.into() };
                    (value.to_owned(), reads.to_owned(), wrong)
                }
                _ => {
                    tally.own += 1;
                    let set = set(&loader, &module, text, "1");
                    if !matches!(set, Err(ParameterError::Gone | ParameterError::NoFunction)) {
                        assert_eq!(set, Ok(()), "{name}.{text}");
                        match read(&loader, &module, text) {
                            Ok(text) => assert!(text == "1" || text.starts_with("unset"), "{text}"),
                            Err(error) => assert_eq!(error, ParameterError::NoFunction),
                        }
                    }
                    continue;
                }
            };
            let is_array = matches!(parameter.kind, Kind::Array(_));
            match set(&loader, &module, text, &value) {
                Err(error) if is_gone(error) => tally.out_of_reach += 1,
                result => {
                    assert_eq!(result, Ok(()), "{name}.{text}");
                    let found = read(&loader, &module, text).unwrap();
                    let first = if is_array { found.split(',').next().unwrap() } else { &found };
                    assert_eq!(first, reads, "{name}.{text}");
                    let refused = set(&loader, &module, text, &wrong);
                    assert!(refused.is_err(), "{name}.{text}={wrong} is taken");
                    tally.afterwards += 1;
                }
            }
            if !matches!(read(&loader, &module, text), Err(ParameterError::Foreign)) {
                arguments += &format!("\"{text}={value}\" ");
                expected.push((text.to_owned(), reads, is_array));
            }
        }
        let loaded = module.name().as_bytes().to_vec();
        drop(module);
        loader.unload(&loaded, true).unwrap();
        let module = loader.load_with(&file, arguments.as_bytes());
        let module = module.unwrap_or_else(|error| panic!("{name} {arguments}: {error}"));
        for (text, reads, is_array) in expected {
            match read(&loader, &module, &text) {
                Err(ParameterError::Gone) => {}
                found => {
                    let found = found.unwrap_or_else(|error| panic!("{name}.{text}: {error}"));
                    let first = if is_array { found.split(',').next().unwrap() } else { &found };
                    assert_eq!(first, reads, "{name}.{text}");
                    tally.by_load += 1;
                }
            }
        }
        let unknown = warnings(&loader).into_iter().find(|line| line.contains("unknown parameter"));
        assert_eq!(unknown, None, "{name}");
    }
    println!("{}: {tally:#?}", A::NAME);
    tally
}

#[test]
fn each_parameter_of_debian_s_modules_is_set_read_back_and_refused_once_on_x86_64() {
    let tally = each_module_of_the_corpus::<modlink::arch::X86_64>(every());
    assert!(tally.modules >= 1250 / every() / 2, "{tally:?}");
    assert!(tally.afterwards >= 4600 / 2 / every(), "{tally:?}");
}

#[test]
fn each_parameter_of_debian_s_modules_is_set_read_back_and_refused_once_on_i386() {
    let tally = each_module_of_the_corpus::<modlink::arch::I386>(every());
    assert!(tally.modules >= 1338 / every() / 2, "{tally:?}");
    assert!(tally.afterwards >= 4600 / 2 / every(), "{tally:?}");
}

#[test]
fn each_parameter_of_modules_built_for_m68k_is_set_read_back_and_refused_once() {
    let tally = each_module_of_the_corpus::<modlink::arch::M68k>(1);
    assert!(tally.modules >= 2, "{tally:?}");
}

/// Files of parameters below /sys/module.
#[cfg(feature = "proc")]
mod files {
    use super::*;
    use modlink::text::Addresses;
    use modlink::text::sys::{Error, Kind, Path};

    fn file<A: Arch>(loader: &HostLoader<A>, path: &str) -> Result<String, Error> {
        let mut text = String::new();
        let path = Path::parse(path.as_bytes()).ok_or(Error::NotFound)?;
        path.write(loader, Addresses::Shown, &mut text)?;
        Ok(text)
    }

    fn write<A: Arch>(loader: &HostLoader<A>, path: &str, text: &[u8]) -> Result<(), Error> {
        Path::parse(path.as_bytes()).ok_or(Error::NotFound)?.store(loader, text)
    }

    fn list<A: Arch>(loader: &HostLoader<A>, path: &str) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        let path = Path::parse(path.as_bytes()).ok_or(Error::NotFound)?;
        path.list(loader, &mut |_, name| found.push(String::from_utf8_lossy(name).into_owned()))?;
        found.sort();
        Ok(found)
    }

    on_every_architecture! {
        fn each_parameter_with_permissions_has_a_file<A>() {
            let loader = boot::<A>();
            let module = load(&loader, "");
            assert!(list(&loader, "parameters").unwrap().contains(&"parameters".into()));
            let names = list(&loader, "parameters/parameters").unwrap();
            assert_eq!(names.len(), 23, "{names:?}");
            let hidden = ["hidden", "for_init"].map(String::from);
            assert!(hidden.iter().all(|name| !names.contains(name)));
            for name in &names {
                let path = format!("parameters/parameters/{name}");
                let kind = Path::parse(path.as_bytes()).unwrap().kind(&loader);
                assert_eq!(kind, Ok(Kind::File));
                let text = file(&loader, &path);
                assert_eq!(text, Ok(read(&loader, &module, name).unwrap() + "\n"), "{name}");
                assert_eq!(list(&loader, &path), Err(Error::NotDirectory));
            }
            for path in ["hidden", "none", "int-", "", "int_/x"] {
                let path = format!("parameters/parameters/{path}");
                assert_eq!(file(&loader, &path), Err(Error::NotFound), "{path}");
                assert_eq!(write(&loader, &path, b"1"), Err(Error::NotFound), "{path}");
            }
            assert_eq!(file(&loader, "parameters/parameters"), Err(Error::IsDirectory));
            assert_eq!(write(&loader, "parameters/parameters", b""), Err(Error::IsDirectory));
            drop(module);
            loader.unload(b"parameters", false).unwrap();
            assert_eq!(list(&loader, "parameters/parameters"), Err(Error::NotFound));
            // A module without any has no folder.
            loader.load(&modlink_host::ModuleFile::<A>::new("bare").build()).unwrap();
            assert_eq!(list(&loader, "bare/parameters"), Err(Error::NotFound));
            assert!(!list(&loader, "bare").unwrap().contains(&"parameters".into()));
        }

        fn a_file_can_be_written_if_its_permissions_allow_it<A>() {
            let loader = boot::<A>();
            let _module = load(&loader, "");
            let at = |name: &str| format!("parameters/parameters/{name}");
            assert_eq!(write(&loader, &at("int_"), b"-77\n"), Ok(()));
            assert_eq!(file(&loader, &at("int_")).as_deref(), Ok("-77\n"));
            assert_eq!(write(&loader, &at("charp"), b"a line\n"), Ok(()));
            assert_eq!(file(&loader, &at("charp")).as_deref(), Ok("a line\n"));
            assert_eq!(write(&loader, &at("charp"), b"\xff\xc3\xa4"), Ok(()));
            assert_eq!(file(&loader, &at("charp")).as_deref(), Ok("\\xff\u{e4}\n"));
            let wrong = Error::Parameter(ParameterError::Invalid);
            assert_eq!(write(&loader, &at("int_"), b"x"), Err(wrong));
            assert_eq!(wrong.errno(), Errno::EINVAL);
            let denied = Error::Parameter(ParameterError::Permission);
            assert_eq!(write(&loader, &at("charps"), b"x"), Err(denied));
            assert_eq!(write(&loader, "parameters/taint", b"x"), Err(denied));
            assert_eq!(denied.errno(), Errno::EACCES);
            assert_eq!(write(&loader, &at("ints"), b"3,2,1\n"), Ok(()));
            assert_eq!(file(&loader, &at("ints")).as_deref(), Ok("3,2,1\n"));
        }
    }
}
