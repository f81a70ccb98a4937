//! Rejections of modules whose parameters are not what they should be, or cannot be set.

use crate::bare_kernel::BareKernel;
use crate::compiled::compile_with;
use crate::heap::with_failure;
use crate::real::{Architecture, with_arch};
use modlink::arch::Arch;
use modlink::parameters::{ParameterError, ParameterProblem};
use modlink::{Errno, LoadError, Loader, Name};
use modlink_host::HostKernel;
use std::sync::OnceLock;

/// A module that has what `rest` says.
fn module(on: Architecture, rest: &str) -> Vec<u8> {
    let source = format!("#include \"parameter.h\"\nMODULE(\"wrong\", \"GPL\");\n{rest}\n");
    let include = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/qemu/modules");
    compile_with(on, &[include], "c", &source)
}

/// What is wrong with a parameter `p`, and in what words.
type Case = (&'static str, fn(Name) -> ParameterProblem, &'static str);

const CASES: &[Case] = &[
    (
        "static int p; PARAMETER(int, p, 0);
         static const char more __attribute__((section(\"__param\"), used)) = 1;",
        |_| ParameterProblem::Table(0),
        "bytes are no table in the module's constants",
    ),
    (
        "static struct kernel_param p __attribute__((section(\"__param\"), used));",
        |_| ParameterProblem::Table(0),
        "bytes are no table in the module's constants",
    ),
    (
        "static int p; PARAMETER(int, p, 0);
         __asm__(\".pushsection __param, \\\"a\\\", %progbits, unique, 1\\n.long 1\\n.popsection\");",
        |_| ParameterProblem::Repeated,
        "there are two sections __param",
    ),
    (
        "static const struct kernel_param p __attribute__((section(\"__param\"), used)) = {
             .ops = &param_ops_int };",
        |_| ParameterProblem::Name(0),
        "parameter 0 has no name in the module's constants",
    ),
    (
        "static char name[] = \"name\"; static int v;
         static const struct kernel_param p __attribute__((section(\"__param\"), used)) = {
             .name = name, .ops = &param_ops_int, .argument = &v };",
        |_| ParameterProblem::Name(0),
        "parameter 0 has no name in the module's constants",
    ),
    (
        "static const char name[300] = { [0 ... 255] = 'n' }; static int v;
         static const struct kernel_param p __attribute__((section(\"__param\"), used)) = {
             .name = name, .ops = &param_ops_int, .argument = &v };",
        |_| ParameterProblem::Name(0),
        "parameter 0 has no name in the module's constants",
    ),
    (
        "static struct kernel_param_ops ops = { .flags = 1 }; static int p;
         PARAMETER_OF(p, &ops, &p, 0, 0, \"own\");",
        ParameterProblem::Operations,
        "parameter p: nobody knows its type",
    ),
    (
        "extern const struct kernel_param_ops strange; static int p;
         PARAMETER_OF(p, &strange, &p, 0, 0, \"own\");",
        ParameterProblem::Operations,
        "parameter p: nobody knows its type",
    ),
    (
        "static int p; PARAMETER_OF(p, 0, &p, 0, 0, \"none\");",
        ParameterProblem::Operations,
        "parameter p: nobody knows its type",
    ),
    (
        "extern const struct kernel_param_ops strange; static int p[2];
         static const struct kparam_array array = { 2, sizeof(int), 0, &strange, p };
         PARAMETER_OF(p, &param_array_ops, &array, 0, 0, \"array\");",
        ParameterProblem::Operations,
        "parameter p: nobody knows its type",
    ),
    (
        "static int data = 1; static int p;
         static const struct kernel_param_ops ops = { .set = (void *)&data };
         PARAMETER_OF(p, &ops, &p, 0, 0, \"own\");",
        ParameterProblem::Function,
        "parameter p: a function of its type is in no code",
    ),
    (
        "static int p; static const struct kernel_param_ops ops = { .free = (void *)16 };
         PARAMETER_OF(p, &ops, &p, 0, 0, \"own\");",
        ParameterProblem::Function,
        "parameter p: a function of its type is in no code",
    ),
    (
        "static char p[4]; static struct kparam_string string = { 4, p };
         PARAMETER_OF(p, &param_ops_string, &string, 0, 0, \"string\");",
        ParameterProblem::Description,
        "parameter p: what describes it is not in the module's constants",
    ),
    (
        "static int p[4]; static struct kparam_array array = { 4, 4, 0, &param_ops_int, p };
         PARAMETER_OF(p, &param_array_ops, &array, 0, 0, \"array\");",
        ParameterProblem::Description,
        "parameter p: what describes it is not in the module's constants",
    ),
    (
        "static int p[4]; static const struct kparam_array array = { 4, 2, 0, &param_ops_int, p };
         PARAMETER_OF(p, &param_array_ops, &array, 0, 0, \"array\");",
        ParameterProblem::Element,
        "parameter p: its elements are none",
    ),
    (
        "static int p[4]; static const struct kparam_array array = { 4, 4, 0, &param_ops_string, p };
         PARAMETER_OF(p, &param_array_ops, &array, 0, 0, \"array\");",
        ParameterProblem::Element,
        "parameter p: its elements are none",
    ),
    (
        "static const int v = 1; PARAMETER_OF(p, &param_ops_int, &v, 0, 0, \"int\");",
        ParameterProblem::Variable,
        "parameter p: its variable is not in memory that can be written",
    ),
    (
        "static char v[8] __attribute__((aligned(8)));
         PARAMETER_OF(p, &param_ops_int, v + 1, 0, 0, \"int\");",
        ParameterProblem::Variable,
        "parameter p: its variable is not in memory that can be written",
    ),
    (
        "PARAMETER_OF(p, &param_ops_int, 0, 0, 0, \"int\");",
        ParameterProblem::Variable,
        "parameter p: its variable is not in memory that can be written",
    ),
    (
        "static int v; PARAMETER_OF(p, &param_ops_int, (char *)&v + 4096, 0, 0, \"int\");",
        ParameterProblem::Variable,
        "parameter p: its variable is not in memory that can be written",
    ),
    (
        "static char v[4]; static const struct kparam_string string = { 0x10000, v };
         PARAMETER_OF(p, &param_ops_string, &string, 0, 0, \"string\");",
        ParameterProblem::Variable,
        "parameter p: its variable is not in memory that can be written",
    ),
    (
        "static int v[4]; static const struct kparam_array array = {
             0xffffffff, 0xfffffffc, 0, &param_ops_int, v };
         PARAMETER_OF(p, &param_array_ops, &array, 0, 0, \"array\");",
        ParameterProblem::Variable,
        "parameter p: its variable is not in memory that can be written",
    ),
    (
        "static int v[4]; static const unsigned count = 1;
         static const struct kparam_array array = { 4, 4, (unsigned *)&count, &param_ops_int, v };
         PARAMETER_OF(p, &param_array_ops, &array, 0, 0, \"array\");",
        ParameterProblem::Variable,
        "parameter p: its variable is not in memory that can be written",
    ),
];

/// What comes of one of the modules above, what should, and in what words.
type Outcome = (LoadError, ParameterProblem, &'static str);

/// What comes of the modules above.
fn outcomes<A: Arch>(on: Architecture) -> &'static [Outcome] {
    static OUTCOMES: [OnceLock<Vec<Outcome>>; 3] = [const { OnceLock::new() }; 3];
    OUTCOMES[on as usize].get_or_init(|| compile_and_load::<A>(on))
}

fn compile_and_load<A: Arch>(on: Architecture) -> Vec<Outcome> {
    let load = |(source, problem, text): &Case| {
        let file = module(on, source);
        let kernel = HostKernel::<A>::new().export_all_for(&file, &["strange"]).export("strange");
        let loader = kernel.boot();
        let before = loader.platform().snapshot();
        let error = loader.load(&file).expect_err(source);
        assert_eq!(loader.platform().snapshot(), before);
        (error, problem(b"p"[..].into()), *text)
    };
    CASES.iter().map(load).collect()
}

/// All errors, a wrong value's too.
pub fn errors(on: Architecture) -> Vec<LoadError> {
    with_arch!(on, A => {
        let file = module(on, "static int p; PARAMETER(int, p, 0);");
        let loader = HostKernel::<A>::new().export("param_ops_int").boot();
        let wrong = loader.load_with(&file, b"p=x").expect_err("it is no number");
        outcomes::<A>(on).iter().map(|(error, ..)| error.clone()).chain([wrong]).collect()
    })
}

#[test]
fn a_table_of_parameters_that_is_not_what_it_should_be_is_rejected() {
    for on in Architecture::ALL {
        for (error, problem, text) in with_arch!(on, A => outcomes::<A>(on)) {
            assert_eq!(error.errno(), Errno::ENOEXEC, "{on:?}: {error}");
            assert!(error.to_string().ends_with(text), "{on:?}: {error} is not {text}");
            match (error, problem) {
                (
                    LoadError::Parameters(ParameterProblem::Table(size)),
                    ParameterProblem::Table(_),
                ) => {
                    assert_ne!(*size, 0);
                }
                (error, problem) => {
                    assert_eq!(*error, LoadError::Parameters(problem.clone()), "{on:?}");
                }
            }
        }
    }
}

#[test]
fn the_loader_gives_no_parameter_to_a_kernel_without_access_to_data() {
    for on in Architecture::ALL {
        with_arch!(on, A => {
            let file = module(on, "static int p; static const int v[2]; PARAMETER(int, p, 0);\n\
                 int use(int index) { return v[index]; }");
            let loader = Loader::new(BareKernel::<A>::exporting(on, &["param_ops_int"], false));
            let error = loader.load_with(&file, b"p=1").expect_err("there is no access");
            let LoadError::Parameter { error, .. } = error else { panic!("{error}") };
            assert_eq!((error, error.errno()), (ParameterError::NoAccess, Errno::EIO));
            assert_eq!(loader.platform().pieces_in_use(), 0);
        });
    }
}

#[test]
fn every_allocation_for_parameters_may_fail() {
    for on in Architecture::ALL {
        with_arch!(on, A => {
            let file = module(on, "static int p, ps[4]; static char *s, *ss[3];\n\
                 PARAMETER(int, p, 0); ARRAY_PARAMETER(int, ps, 0, 0);\n\
                 PARAMETER(charp, s, 0); ARRAY_PARAMETER(charp, ss, 0, 0);");
            let ops = ["param_ops_int", "param_ops_charp", "param_array_ops"];
            // Other pointers are too short for what this machine's heap has.
            let line: &[u8] = if on.is_wide() {
                b"p=1 ps=1,2 s=one ss=two,three s=four unknown=1"
            } else {
                b"p=1 ps=1,2 unknown=1"
            };
            let mut failures = 0;
            for nth in 0.. {
                let loader = Loader::new(BareKernel::<A>::exporting(on, &ops, true));
                let load = || loader.load_with(&file, line).map(drop);
                let (result, has_failed) = with_failure(nth, load);
                assert_eq!(result.is_err(), has_failed, "{on:?} {nth}: {result:?}");
                if !has_failed {
                    let module = loader.find(b"wrong").expect("it is live");
                    let (text, has_failed) = with_failure(0, || loader.read_parameter(&module, b"ps"));
                    assert!(has_failed);
                    assert_eq!(text, Err(ParameterError::OutOfMemory));
                    assert_eq!(loader.read_parameter(&module, b"ps"), Ok(b"1,2,0,0".to_vec()));
                    break;
                }
                failures += 1;
                assert_eq!(result, Err(LoadError::OutOfMemory));
                assert_eq!(loader.platform().pieces_in_use(), 0, "{on:?} {nth}");
            }
            assert!(failures > 8, "{failures}");
        });
    }
}

#[test]
fn every_allocation_for_a_string_may_fail_and_the_old_one_stays() {
    let on = Architecture::X86_64;
    let file = module(on, "static char *ss[64]; ARRAY_PARAMETER(charp, ss, 0, 0);");
    let ops = ["param_ops_charp", "param_array_ops"];
    let kernel = BareKernel::<modlink::arch::X86_64>::exporting(on, &ops, true);
    let loader = Loader::new(kernel);
    let module = loader.load_with(&file, b"ss=old").unwrap();
    let all = ["new"; 64].join(",");
    for nth in 0.. {
        let set = || loader.set_parameter(&module, b"ss", Some(all.as_bytes()));
        let (result, has_failed) = with_failure(nth, set);
        let text = String::from_utf8(loader.read_parameter(&module, b"ss").unwrap()).unwrap();
        assert!(text.starts_with(if nth == 0 { "old," } else { "" }), "{text}");
        if !has_failed {
            assert_eq!((result, text), (Ok(()), all));
            assert!(nth >= 64, "{nth}");
            break;
        }
        assert_eq!(result, Err(ParameterError::OutOfMemory));
    }
}
