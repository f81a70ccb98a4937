//! Variables: packed structs of byte runs and addresses, so that C's layout rules have no say.

use crate::error::{Construct, Unsupported};
use crate::ir::{Operand, Value};

use super::context::Context;
use super::initializer::{ADDRESS_SIZE, Initializer};
use super::quoted::quoted_bytes;
use super::symbol::is_kept_list;

/// All variables of a module in C.
#[derive(Default)]
pub struct Variables {
    /// Declarations, so that variables may refer to each other.
    pub declarations: String,
    /// Definitions with initialisers.
    pub definitions: String,
}

/// Translates all variables.
pub fn translated<'m>(context: &mut Context<'m>, found: &mut Vec<Unsupported>) -> Variables {
    let mut variables = Variables::default();
    for variable in context.module.variables() {
        // Others with such names, and thread-local ones, have been rejected already.
        if is_kept_list(variable) || variable.name().starts_with("llvm.") {
            continue;
        }
        if let Err(construct) = add(context, variable, &mut variables) {
            found.push(Unsupported::in_symbol(&variable.name(), construct));
        }
    }
    variables
}

fn add<'m>(
    context: &mut Context<'m>,
    variable: Value<'m>,
    variables: &mut Variables,
) -> Result<(), Construct> {
    let identifier = context.names.identifier(variable);
    let Some(initializer) = variable.initializer() else {
        let suffix = context.names.suffix(variable, &[])?;
        variables.declarations += &format!("extern u8 {identifier}[] {suffix};\n");
        return Ok(());
    };

    let ty = variable.value_type();
    let size = context.module.size_of(ty) as usize;
    let alignment = variable.symbol_alignment().unwrap_or(context.module.alignment_of(ty));
    let contents = match initializer.operand() {
        // Not flattened: it may be a heap of many megabytes.
        Operand::Zero | Operand::Undefined => Contents::zero(size),
        _ => Contents::of(context, &context.flattened(initializer, size)?),
    };

    let storage = context.names.storage(variable);
    let constness = if context.names.is_const(variable) { "const " } else { "" };
    let suffix = context.names.suffix(variable, &[format!("aligned({alignment})")])?;
    let declared = if storage.is_empty() { "extern " } else { storage };
    let Contents { fields, values } = contents;
    variables.declarations += &format!(
        "struct {identifier}_type {{{fields}}} __attribute__((packed));\n\
         {declared}{constness}struct {identifier}_type {identifier} {suffix};\n"
    );
    variables.definitions +=
        &format!("{storage}{constness}struct {identifier}_type {identifier}{values};\n");
    Ok(())
}

/// The fields of a variable's struct, and its initialiser with the sign of equality.
struct Contents {
    fields: String,
    values: String,
}

impl Contents {
    fn zero(size: usize) -> Self {
        let values = if size == 0 { "" } else { " = {{0}}" };
        Contents { fields: format!("u8 b0[{size}];"), values: values.into() }
    }

    fn of(context: &Context<'_>, initializer: &Initializer<'_>) -> Self {
        let size = initializer.bytes.len();
        let (mut fields, mut values) = (String::new(), String::new());
        let mut done = 0;
        let run = |from: usize, to: usize, fields: &mut String, values: &mut String| {
            if to > from {
                *fields += &format!("u8 b{from}[{}];", to - from);
                *values += &byte_run(&initializer.bytes[from..to]);
            }
        };
        for (&offset, address) in &initializer.addresses {
            run(done, offset, &mut fields, &mut values);
            fields += &format!("pointer p{offset};");
            values += &format!("{}+({}),", context.names.address(address.symbol), address.offset);
            done = offset + ADDRESS_SIZE;
        }
        run(done, size, &mut fields, &mut values);
        if fields.is_empty() {
            return Contents::zero(size);
        }
        Contents { fields, values: format!(" = {{{values}}}") }
    }
}

/// An array of bytes: a string, without the zeros at its end, which C adds.
fn byte_run(bytes: &[u8]) -> String {
    match bytes.iter().rposition(|byte| *byte != 0) {
        Some(last) => format!("{},", quoted_bytes(&bytes[..=last])),
        None => "{0},".into(),
    }
}
