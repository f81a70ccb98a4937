//! From a module to the text of a C file.

mod abi;
mod arithmetic;
mod call;
mod cast;
mod comparison;
mod constant;
mod context;
mod control_flow;
mod float;
mod function;
mod initializer;
mod inline_asm;
mod instruction;
mod integer;
mod intrinsic;
mod memory;
mod overflow;
mod quoted;
mod stack_slots;
mod symbol;
mod types;
mod variable;

use crate::error::{Construct, TranslateError, Unsupported};
use crate::ir::Module;

use self::context::Context;
use self::quoted::quoted;

/// The data layout of `m68k-kernel.json`. With any other, sizes and offsets would differ.
const DATA_LAYOUT: &str = "E-m:e-p:32:16:32-i8:8:8-i16:16:16-i32:16:32-n8:16:32-a:0:16-S16";

const PRELUDE: &str = include_str!("prelude.h");

/// What the translation may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Whether `f32` and `f64` may be used.
    pub floats: Floats,
    /// What becomes of a function that has no translation.
    pub unsupported: UnsupportedFunctions,
}

/// Whether `f32` and `f64` may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Floats {
    /// No value may be of such a type: a kernel that does not save the FPU's registers must not
    /// touch them.
    #[default]
    Rejected,
    /// They are computed with the FPU.
    Allowed,
}

/// What becomes of a function that has no translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnsupportedFunctions {
    /// There is no translation of the module.
    #[default]
    Rejected,
    /// It calls `void ir2c_unsupported(const char *reason)` and then traps. For test suites, of
    /// which only a part is expected to work.
    Trap,
}

/// A translated module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    /// GNU C.
    pub source: String,
    /// Whether `#line` directives say where in Rust it comes from.
    pub has_debug_info: bool,
    /// What was left out under [`UnsupportedFunctions::Trap`].
    pub left_out: Vec<Unsupported>,
}

/// Translates one module, given as LLVM bitcode or LLVM assembly. `origin` names it in messages.
///
/// # Errors
/// When LLVM cannot read the input, or with all that cannot be translated.
pub fn translate(
    input: &[u8],
    origin: &str,
    options: Options,
) -> Result<Translation, TranslateError> {
    let malformed = |message| TranslateError::Malformed { origin: origin.to_string(), message };
    let mut module = Module::parse(input, origin).map_err(malformed)?;
    let layout = module.data_layout();
    if layout != DATA_LAYOUT {
        let found = vec![Unsupported::in_module(Construct::DataLayout(layout))];
        return Err(TranslateError::Unsupported { origin: origin.into(), found });
    }
    module.drop_unused().map_err(malformed)?;

    let mut context = Context::new(&module, options);
    let mut found = symbol::rejections(&module);
    let functions = function::declarations(&mut context, &mut found);
    let variables = variable::translated(&mut context, &mut found);
    let aliases = symbol::aliases(&mut context, &mut found);
    let mut left_out = Vec::new();
    let bodies = function::definitions(&mut context, &mut found, &mut left_out);
    if !found.is_empty() {
        let found = without_repetition(found);
        return Err(TranslateError::Unsupported { origin: origin.into(), found });
    }

    let source = [
        PRELUDE,
        &module_assembly(&module),
        &context.types.definitions(),
        &functions,
        &variables.declarations,
        &aliases,
        &variables.definitions,
        &bodies,
    ]
    .concat();
    Ok(Translation { source, has_debug_info: module.has_debug_info(), left_out })
}

/// What is wrong with a prototype is found where a function is declared and where it is defined.
fn without_repetition(found: Vec<Unsupported>) -> Vec<Unsupported> {
    let mut kept: Vec<Unsupported> = Vec::new();
    for unsupported in found {
        if !kept.contains(&unsupported) {
            kept.push(unsupported);
        }
    }
    kept
}

/// `global_asm!` and naked functions, which rustc makes of them.
fn module_assembly(module: &Module) -> String {
    let assembly = module.assembly();
    if assembly.is_empty() {
        return String::new();
    }
    format!("__asm__({});\n", quoted(&format!(".text\n{assembly}\n\t.text\n")))
}
