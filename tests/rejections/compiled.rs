//! What compilers and assemblers make of sources that loaders have met in the field.

use crate::real::{Architecture, LIMIT, PAGE, with_arch};
use modlink::LoadError;
use modlink::arch::{Arch, ByteOrder, Class};
use modlink::image::Image;
use modlink::link::{Block, Plan};
use modlink::platform::Provision;
use modlink_host::HostKernel;
use std::convert::Infallible;
use std::process::Command;

const MODINFO: &str = "
    .section .modinfo, \"a\", %progbits
    .asciz \"name=compiled\"
    .asciz \"license=GPL\"
";

/// Symbols at the end of a section, after it, before it, and one that is larger than it.
const SYMBOLS: &str = "
    .section .rodata.tab, \"a\", %progbits
tab: .byte 1, 2, 3, 4, 5, 6, 7, 8
tab_end:
    .globl after, before, big
    .set after, tab + 24
    .set before, tab - 16
    .data
    .type big, %object
    .size big, 4096
big: .long tab_end - .
    .long after - .
    .long before - .
    .long tab + 100 - .
    .long tab - 100 - .
";

const CONSTRUCTOR: &str = "
static int ran;
__attribute__((constructor)) static void construct(void) { ran = 1; }
int init_module(void) { return ran ? 0 : -5; }
";

const DESTRUCTOR: &str = "
static int ran;
__attribute__((destructor)) static void destroy(void) { ran = 1; }
int init_module(void) { return ran; }
";

/// Compiles a source in C (`c`) or assembles one (`s`).
fn compile(on: Architecture, language: &str, source: &str) -> Vec<u8> {
    compile_with(on, &[], language, source)
}

/// The same with more options.
pub fn compile_with(on: Architecture, more: &[&str], language: &str, source: &str) -> Vec<u8> {
    let (compiler, options) = match on {
        Architecture::X86_64 => ("gcc", &["-mcmodel=kernel", "-mno-red-zone"][..]),
        Architecture::I386 => ("i686-linux-gnu-gcc", &[][..]),
        Architecture::M68k => ("m68k-linux-gnu-gcc", &[][..]),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (input, output) =
        (folder.path().join(format!("in.{language}")), folder.path().join("out.o"));
    std::fs::write(&input, source).expect("a file");
    let done = Command::new(compiler)
        .args(["-c", "-O1", "-ffreestanding", "-fno-pic", "-fno-asynchronous-unwind-tables"])
        .args(options)
        .args(more)
        .arg("-o")
        .args([&output, &input])
        .output()
        .unwrap_or_else(|error| panic!("{compiler}: {error}: run `make setup`"));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read(&output).expect("an object")
}

/// `.modinfo` for a source in C.
fn with_modinfo(source: &str) -> String {
    let lines: Vec<String> =
        MODINFO.trim().lines().map(|line| format!("{:?}", format!("{line}\n"))).collect();
    format!("__asm__({} \"    .text\\n\");\n{source}", lines.join("\n"))
}

fn load(
    on: Architecture,
    file: &[u8],
    provision: Provision,
) -> Result<Vec<&'static str>, LoadError> {
    with_arch!(on, A => {
        let kernel = HostKernel::<A>::new().with_all_sections(provision);
        let loader = kernel.export_all_for(file, &[]).boot();
        loader.load(file)?;
        Ok(loader.platform().look("compiled", |module| module.ignored_sections().collect()))
    })
}

/// Rejected for a section of this row, or listed if the kernel accepts the loss.
fn expect_rejection(on: Architecture, file: &[u8], rows: &[&str]) {
    let error = load(on, file, Provision::Missing).expect_err("the module cannot do without");
    let LoadError::Unsupported { known, .. } = error else { panic!("{on:?}: {error}") };
    assert!(rows.contains(&known.name()), "{on:?}: {error}");
    let ignored = load(on, file, Provision::LossAccepted).expect("the kernel accepts the loss");
    assert!(ignored.contains(&known.name()), "{on:?}: {ignored:?}");
}

#[test]
fn constructors_and_destructors_are_not_ignored_in_silence() {
    for architecture in Architecture::ALL {
        let constructor = compile(architecture, "c", &with_modinfo(CONSTRUCTOR));
        expect_rejection(architecture, &constructor, &[".init_array*", ".ctors*"]);
        let destructor = compile(architecture, "c", &with_modinfo(DESTRUCTOR));
        expect_rejection(architecture, &destructor, &[".fini_array*", ".dtors*"]);
    }
}

#[test]
fn an_object_for_link_time_optimisation_is_loaded_only_if_it_has_code_of_its_own() {
    for architecture in Architecture::ALL {
        let source = with_modinfo("int init_module(void) { return 0; }\n");
        let slim = compile_with(architecture, &["-flto", "-fno-fat-lto-objects"], "c", &source);
        let error = load(architecture, &slim, Provision::Missing).expect_err("it has no code");
        assert!(error.to_string().contains("(__gnu_lto_slim): no code"), "{error}");
        let fat = compile_with(architecture, &["-flto", "-ffat-lto-objects"], "c", &source);
        let loaded = load(architecture, &fat, Provision::Missing);
        assert!(loaded.is_ok(), "{architecture:?}: {loaded:?}");
    }
}

#[test]
fn a_per_cpu_variable_is_not_taken_for_an_ordinary_one() {
    for architecture in Architecture::ALL {
        let source = format!(
            "{MODINFO} .section .data..percpu, \"aw\", %progbits\n.globl variable\nvariable: .long 5\n"
        );
        let file = compile(architecture, "s", &source);
        expect_rejection(architecture, &file, &[".data..percpu*"]);
    }
}

#[test]
fn symbols_beside_their_section_have_the_values_that_they_say() {
    for architecture in Architecture::ALL {
        let file = compile(architecture, "s", &format!("{MODINFO}{SYMBOLS}"));
        let (tab, data, words) = with_arch!(architecture, A => placed::<A>(architecture, &file));
        let distance =
            |index: usize, target: u64| (target.wrapping_sub(data + 4 * index as u64)) as u32;
        let targets = [tab + 8, tab + 24, tab - 16, tab + 100, tab - 100];
        let wanted: Vec<u32> =
            targets.iter().enumerate().map(|(index, target)| distance(index, *target)).collect();
        assert_eq!(words, wanted, "{architecture:?}");
    }
}

/// The addresses of `.rodata.tab` and `.data` in a linked file, and the words of the second.
fn placed<A: Arch>(on: Architecture, file: &[u8]) -> (u64, u64, Vec<u32>) {
    let image = Image::<A>::check(file, LIMIT).expect("it is good");
    let plan = Plan::new(&image, PAGE).expect("memory");
    let (mut core, mut init) = (vec![0; plan.core.size as usize], vec![0; plan.init.size as usize]);
    let core = Block { address: on.core(), bytes: &mut core };
    let init = Block { address: on.core() + (16 << 20), bytes: &mut init };
    let mut placed = plan.place(&image, core, init).expect("they suit");
    let values = placed.resolve(&image, |_, _| Ok::<_, Infallible>(None)).expect("nothing");
    placed.relocate(&image, &values).expect("all are in reach");
    let location = |name: &[u8]| {
        let (index, _) = image.section(name).expect("it is there");
        plan.location(index).expect("it is loaded")
    };
    let (tab, data) = (location(b".rodata.tab"), location(b".data"));
    let word = |bytes: &[u8; 4]| match A::ORDER {
        ByteOrder::Little => u32::from_le_bytes(*bytes),
        ByteOrder::Big => u32::from_be_bytes(*bytes),
    };
    let words = placed.bytes(data).as_chunks().0.iter().map(word).collect();
    let address = |location| match A::CLASS {
        Class::Elf64 => placed.address(location),
        Class::Elf32 => placed.address(location) & u64::from(u32::MAX),
    };
    (address(tab), address(data), words)
}

#[test]
fn common_symbols_are_rejected_and_those_of_link_time_optimisation_are_not() {
    for architecture in Architecture::ALL {
        let mark = format!("{MODINFO} .comm __gnu_lto_v1, 1, 1\n .data\n .long 0\n");
        let file = compile(architecture, "s", &mark);
        assert!(load(architecture, &file, Provision::Missing).is_ok(), "{architecture:?}");
        let file = compile(architecture, "s", &format!("{MODINFO} .comm buffer, 64, 16\n"));
        let error = load(architecture, &file, Provision::Missing).expect_err("it is rejected");
        let text = error.to_string();
        assert!(text.contains("(buffer): common symbol of 64 bytes"), "{text}");
    }
}
