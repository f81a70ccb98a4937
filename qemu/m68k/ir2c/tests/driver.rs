//! The driver as rustc sees it: what it takes, what it leaves behind, how it fails.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const HEADER: &str = "\
target datalayout = \"E-m:e-p:32:16:32-i8:8:8-i16:16:16-i32:16:32-n8:16:32-a:0:16-S16\"
target triple = \"m68k\"
";
const START: &str = "define void @_start() {\n  ret void\n}\n";
const UNSUPPORTED: &str = "\
define void @vectors(ptr %p) {
  %v = load <4 x i32>, ptr %p
  ret void
}
";

/// A folder with files to link.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes LLVM assembly.
    fn module(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, format!("{HEADER}{text}")).expect("a module");
        path
    }

    /// Compiles C with GCC.
    fn object(&self, name: &str, text: &str) -> PathBuf {
        let (source, object) = (self.path(&format!("{name}.c")), self.path(name));
        fs::write(&source, text).expect("a C file");
        run(Command::new("m68k-linux-gnu-gcc").arg("-c").arg(&source).arg("-o").arg(&object));
        object
    }

    /// Makes bitcode of LLVM assembly.
    fn bitcode(&self, name: &str, text: &str) -> PathBuf {
        let source = self.module(&format!("{name}.ll"), text);
        let bitcode = self.path(name);
        run(Command::new("llvm-as-22").arg(&source).arg("-o").arg(&bitcode));
        bitcode
    }

    /// Links into `kernel` with some settings.
    fn link(&self, inputs: &[&Path], settings: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ld-ir2c"));
        command.args(inputs).arg("-o").arg(self.path("kernel"));
        for name in ["IR2C_CC", "IR2C_LD", "IR2C_CFLAGS", "IR2C_KEEP"] {
            command.env_remove(name);
        }
        command.envs(settings.iter().copied()).output().expect("ld-ir2c")
    }

    fn symbols(&self) -> String {
        run(Command::new("m68k-linux-gnu-nm").arg(self.path("kernel")))
    }
}

/// Runs a program that must succeed.
fn run(command: &mut Command) -> String {
    let output = command.output().expect("a program that can be run");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The messages of a failure.
fn fails(output: &Output) -> String {
    assert!(!output.status.success(), "ld-ir2c succeeds");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn bitcode_assembly_and_objects_are_linked_together() {
    let folder = Folder::new();
    let start = folder.bitcode("start.o", START);
    let module = folder.module("module.ll", "define void @from_assembly() {\n  ret void\n}\n");
    let object = folder.object("object.o", "void from_c(void) {}");
    succeeds(&folder.link(&[&start, &module, &object], &[]));
    let symbols = folder.symbols();
    for name in ["_start", "from_assembly", "from_c", "memcpy"] {
        assert!(symbols.contains(&format!(" {name}\n")), "no {name} in\n{symbols}");
    }
}

#[test]
fn archives_with_bitcode_are_unpacked_whole() {
    let folder = Folder::new();
    let bitcode = folder.bitcode("bitcode.o", START);
    let object = folder.object("object.o", "void from_c(void) {}");
    let metadata = folder.path("lib.rmeta");
    fs::write(&metadata, "not an object").expect("metadata");
    let archive = folder.path("libmixed.rlib");
    let files = [&bitcode, &object, &metadata];
    run(Command::new("m68k-linux-gnu-ar").arg("rcs").arg(&archive).args(files));
    succeeds(&folder.link(&[&archive], &[]));
    let symbols = folder.symbols();
    assert!(symbols.contains(" _start\n") && symbols.contains(" from_c\n"), "{symbols}");
}

#[test]
fn archives_of_objects_are_left_to_ld() {
    let folder = Folder::new();
    let start = folder.module("start.ll", START);
    let object = folder.object("object.o", "void from_c(void) {}");
    let archive = folder.path("libobjects.a");
    run(Command::new("m68k-linux-gnu-ar").arg("rcs").arg(&archive).arg(&object));
    succeeds(&folder.link(&[&start, &archive], &[]));
    assert!(!folder.symbols().contains("from_c"), "ld takes only what is needed");
}

#[test]
fn compiler_builtins_is_replaced() {
    let folder = Folder::new();
    let start = folder.module(
        "start.ll",
        "define i64 @_start(i64 %a, i64 %b) {\n  %q = udiv i64 %a, %b\n  ret i64 %q\n}\n",
    );
    let builtins = folder.path("libcompiler_builtins-0123.rlib");
    fs::write(&builtins, "not an archive").expect("an rlib");
    succeeds(&folder.link(&[&start, &builtins], &[]));
    assert!(folder.symbols().contains("__udivdi3"), "libgcc divides");
}

#[test]
fn memory_functions_of_the_kernel_win() {
    let folder = Folder::new();
    let start = folder.module("start.ll", START);
    let own = folder.object("own.o", "void *memcpy(void *to) { return to; }");
    succeeds(&folder.link(&[&start, &own], &[]));
    assert!(folder.symbols().contains(" T memcpy\n"), "{}", folder.symbols());
}

#[test]
fn what_the_linker_must_keep_survives_its_garbage_collection() {
    let folder = Folder::new();
    let start = folder.module(
        "start.ll",
        &format!(
            "{START}\
             @retained = internal constant i32 1, section \".table.retained\"\n\
             @kept = internal constant i32 2, section \".table.kept\"\n\
             @llvm.used = appending global [1 x ptr] [ptr @retained]\n\
             @llvm.compiler.used = appending global [1 x ptr] [ptr @kept]\n"
        ),
    );
    succeeds(&folder.link(&[&start], &[]));
    let symbols = folder.symbols();
    assert!(symbols.contains(" retained\n") && symbols.contains(" kept\n"), "{symbols}");
    succeeds(&folder.link(&[Path::new("--gc-sections"), &start], &[]));
    let symbols = folder.symbols();
    assert!(symbols.contains(" retained\n") && !symbols.contains(" kept\n"), "{symbols}");
}

#[test]
fn a_rejection_writes_nothing() {
    let folder = Folder::new();
    let start = folder.module("start.ll", START);
    let unsupported = folder.module("unsupported.ll", UNSUPPORTED);
    let keep = folder.path("kept");
    let keep_text = keep.to_str().expect("a path in UTF-8");
    let messages = fails(&folder.link(&[&unsupported, &start], &[("IR2C_KEEP", keep_text)]));
    assert!(messages.contains("unsupported.ll: no translation for 1 construct"), "{messages}");
    assert!(messages.contains("vectors: vector type <4 x i32>"), "{messages}");
    assert!(messages.contains("in: %v = load <4 x i32>"), "{messages}");
    assert!(!folder.path("kernel").exists());
    let kept = fs::read_dir(keep).expect("the folder of kept files");
    let names: Vec<_> = kept.map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(names, ["kernel.1.bc"], "only the input is kept");
}

#[test]
fn intermediate_files_are_kept_when_asked() {
    let folder = Folder::new();
    let start = folder.module("start.ll", START);
    let keep = folder.path("kept");
    let keep_text = keep.to_str().expect("a path in UTF-8");
    succeeds(&folder.link(&[&start], &[("IR2C_KEEP", keep_text)]));
    for name in ["kernel.1.bc", "kernel.1.c", "kernel.1.o", "kernel.mem.o"] {
        assert!(keep.join(name).exists(), "no {name}");
    }
}

#[test]
fn failures_of_gcc_and_ld_are_passed_on() {
    let folder = Folder::new();
    let start = folder.module("start.ll", START);
    for variable in ["IR2C_CC", "IR2C_LD"] {
        let messages = fails(&folder.link(&[&start], &[(variable, "false")]));
        assert!(messages.contains("false failed"), "{messages}");
        let messages = fails(&folder.link(&[&start], &[(variable, "/nonexistent/program")]));
        assert!(messages.contains("cannot run /nonexistent/program"), "{messages}");
        assert!(!folder.path("kernel").exists());
    }
    let messages = fails(&folder.link(&[&start], &[("IR2C_CFLAGS", "-fno-such-flag")]));
    assert!(messages.contains("-fno-such-flag"), "{messages}");
}

#[test]
fn undefined_symbols_are_ld_errors() {
    let folder = Folder::new();
    let start = folder.module(
        "start.ll",
        "declare void @missing()\ndefine void @_start() {\n  call void @missing()\n  ret void\n}\n",
    );
    let messages = fails(&folder.link(&[&start], &[]));
    assert!(messages.contains("missing"), "{messages}");
}

#[test]
fn missing_and_malformed_inputs_are_named() {
    let folder = Folder::new();
    let messages = fails(&folder.link(&[&folder.path("absent.o")], &[]));
    assert!(messages.contains("absent.o"), "{messages}");
    let broken = folder.path("broken.rlib");
    fs::write(&broken, "!<arch>\nnot a member").expect("an archive");
    let messages = fails(&folder.link(&[&broken], &[]));
    assert!(messages.contains("broken.rlib: not a sound archive"), "{messages}");
}

#[test]
fn misspelt_settings_are_errors() {
    let folder = Folder::new();
    let start = folder.module("start.ll", START);
    let messages = fails(&folder.link(&[&start], &[("IR2C_FLOATS", "yes")]));
    assert!(messages.contains("IR2C_FLOATS=yes means nothing"), "{messages}");
}

#[test]
fn help_is_printed() {
    let text = run(Command::new(env!("CARGO_BIN_EXE_ld-ir2c")).arg("--help"));
    assert!(text.contains("usage: ld-ir2c") && text.contains("IR2C_KEEP"), "{text}");
}
