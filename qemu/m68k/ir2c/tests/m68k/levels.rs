//! All kernels at several levels of optimisation, with and without checks.

use std::path::Path;
use std::process::Command;

use crate::cases::Report;
use crate::harness::{Checks, Floats, Level, TIME_LIMIT, boot, build, differences};
use crate::{cases, float_cases};

macro_rules! levels {
    ($($(#[$attribute:meta])* $name:ident: $optimisation:literal, $checks:ident;)*) => {$(
        #[test]
        $(#[$attribute])*
        fn $name() {
            let optimisation = $optimisation;
            kernels_print_what_they_should(Level { optimisation, checks: Checks::$checks });
        }
    )*};
}
levels! {
    opt_0: "0", Nowhere;
    opt_0_with_checks: "0", InKernels;
    opt_2: "2", Nowhere;
    opt_2_with_checks: "2", InKernels;
    opt_s: "s", Nowhere;
    opt_s_with_checks: "s", InKernels;
    #[ignore = "part of the full matrix"] opt_1: "1", Nowhere;
    #[ignore = "part of the full matrix"] opt_3: "3", Nowhere;
    #[ignore = "part of the full matrix"] opt_z: "z", Nowhere;
    #[ignore = "part of the full matrix"] opt_0_with_checks_in_core: "0", Everywhere;
    #[ignore = "part of the full matrix"] opt_1_with_checks_in_core: "1", Everywhere;
    #[ignore = "part of the full matrix"] opt_2_with_checks_in_core: "2", Everywhere;
    #[ignore = "part of the full matrix"] opt_3_with_checks_in_core: "3", Everywhere;
    #[ignore = "part of the full matrix"] opt_s_with_checks_in_core: "s", Everywhere;
    #[ignore = "part of the full matrix"] opt_z_with_checks_in_core: "z", Everywhere;
}

const BATTERY: &str = "\
literal
text
7 12345
abc 0x0000001f
    3|4    |  5  |
123456789012345
\"q\\n\" Some(3)
passed 362
";
const ABI: &str = "passed 35\n";

fn kernels_print_what_they_should(level: Level) {
    let folder = build(level, &["battery", "differential", "symbols"], Floats::Rejected);
    prints(level, &folder.path().join("battery"), BATTERY);
    prints(level, &folder.path().join("differential"), &on_the_host(cases::run));
    symbols_and_lines(level, &folder.path().join("symbols"));
    let folder = build(level, &["abi", "floats"], Floats::Allowed);
    prints(level, &folder.path().join("abi"), ABI);
    prints(level, &folder.path().join("floats"), &on_the_host(float_cases::run));
}

fn prints(level: Level, kernel: &Path, want: &str) {
    let got = boot(kernel, &[], TIME_LIMIT).unwrap_or_else(|hang| {
        panic!("{level:?}: {} hangs after {:?}", kernel.display(), hang.printed)
    });
    let found = differences(&got, want);
    assert!(found.is_empty(), "{level:?}: {}:\n{}", kernel.display(), found.join("\n"));
}

/// What a kernel with these cases should print.
pub fn on_the_host(run: fn(&mut Report)) -> String {
    let mut text = String::new();
    run(&mut |group, name, hash| text += &format!("{group} {name}: {hash:016x}\n"));
    text + "end\n"
}

/// Besides its own checks, the kernel prints an address and the line it comes from.
fn symbols_and_lines(level: Level, kernel: &Path) {
    let got = boot(kernel, &[], TIME_LIMIT)
        .unwrap_or_else(|hang| panic!("{level:?}: symbols hang after {:?}", hang.printed));
    let (line, rest) = got.split_once('\n').unwrap_or_default();
    assert_eq!(rest, "passed 61\n", "{level:?}: symbols:\n{got}");
    let words: Vec<&str> = line.split(' ').collect();
    let ["line", number, "at", address] = words[..] else {
        panic!("{level:?}: symbols: no line and address in {line:?}");
    };
    let address = address.trim_start_matches("0x");
    let address = u32::from_str_radix(address, 16).expect("an address");
    // The address is that of the instruction after the call.
    let (function, place) = addr2line(kernel, address - 2);
    assert!(function.contains("lines"), "{level:?}: {function} is not the function");
    let expected = format!("src/bin/symbols.rs:{number}");
    assert!(place.ends_with(&expected), "{level:?}: {place} is not {expected}");
}

/// The function and line that debug information gives for an address.
fn addr2line(kernel: &Path, address: u32) -> (String, String) {
    let output = Command::new("m68k-linux-gnu-addr2line")
        .args(["-f", "-e"])
        .arg(kernel)
        .arg(format!("{address:#x}"))
        .output()
        .expect("m68k-linux-gnu-addr2line");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (function, place) = text.split_once('\n').unwrap_or_default();
    let place = place.trim().split(" (").next().unwrap_or_default();
    (function.to_string(), place.to_string())
}
