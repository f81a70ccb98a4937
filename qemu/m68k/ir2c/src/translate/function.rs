//! Functions: prototypes, and bodies block by block.

use std::collections::HashMap;

use crate::error::{Construct, Unsupported};
use crate::ir::{Attribute, Block, Linkage, Location, Operation, Position, Type, TypeKind, Value};

use super::UnsupportedFunctions;
use super::context::Context;
use super::integer;
use super::quoted::quoted;
use super::stack_slots::StackSlots;

/// Functions that GCC may call for a loop that does what they do, and that must therefore not
/// consist of such a call themselves.
const MEMORY_FUNCTIONS: [&str; 6] = ["memcpy", "memmove", "memset", "memcmp", "bcmp", "strlen"];

/// Declares all functions.
pub fn declarations<'m>(context: &mut Context<'m>, found: &mut Vec<Unsupported>) -> String {
    let mut text = String::new();
    for function in context.module.functions() {
        match declaration(context, function) {
            Ok(declaration) => text += &declaration,
            Err(construct) => found.push(Unsupported::in_symbol(&function.name(), construct)),
        }
    }
    text
}

fn declaration<'m>(context: &mut Context<'m>, function: Value<'m>) -> Result<String, Construct> {
    context.check_interface(function)?;
    let has = |attribute| function.has_attribute(Position::Function, attribute);
    if has(Attribute::Naked) {
        return Err(Construct::Naked);
    }
    let mut attributes = Vec::new();
    for (attribute, name) in [
        (Attribute::NoInline, "noinline"),
        (Attribute::NoReturn, "noreturn"),
        (Attribute::Cold, "cold"),
    ] {
        if has(attribute) {
            attributes.push(name.to_string());
        }
    }
    if let Some(alignment) = function.symbol_alignment().filter(|alignment| *alignment > 2) {
        attributes.push(format!("aligned({alignment})"));
    }
    if MEMORY_FUNCTIONS.contains(&function.name().as_str()) && !function.is_declaration() {
        attributes.push("optimize(\"no-tree-loop-distribute-patterns\")".into());
    }
    let identifier = context.names.identifier(function);
    let prototype = context.function_signature(function)?.declare(&identifier, false);
    let suffix = context.names.suffix(function, &attributes)?;
    Ok(format!("{}{prototype} {suffix};\n", context.names.storage(function)))
}

/// Translates the bodies of all functions that have one. Those with something unsupported in them
/// go to `found`, or are replaced by a trap and go to `left_out`, as the options say.
pub fn definitions<'m>(
    context: &mut Context<'m>,
    found: &mut Vec<Unsupported>,
    left_out: &mut Vec<Unsupported>,
) -> String {
    let mut text = String::new();
    for function in context.module.functions() {
        if function.is_declaration() {
            continue;
        }
        match definition(context, function) {
            Ok(definition) => text += &definition,
            Err(reasons) => match context.options.unsupported {
                UnsupportedFunctions::Rejected => found.extend(reasons),
                UnsupportedFunctions::Trap => {
                    // A function without so much as a prototype is in `found` already.
                    if let Ok(trap) = trapping(context, function, &reasons) {
                        text += &trap;
                        left_out.extend(reasons);
                    }
                }
            },
        }
    }
    text
}

fn trapping<'m>(
    context: &mut Context<'m>,
    function: Value<'m>,
    reasons: &[Unsupported],
) -> Result<String, Construct> {
    let head = head(context, function)?;
    let reason = reasons.first().map(ToString::to_string).unwrap_or_default();
    let reason = quoted(&reason);
    Ok(format!(
        "{head} {{ extern void ir2c_unsupported(const char *); ir2c_unsupported({reason}); \
         __builtin_trap(); }}\n"
    ))
}

fn head<'m>(context: &mut Context<'m>, function: Value<'m>) -> Result<String, Construct> {
    let identifier = context.names.identifier(function);
    let prototype = context.function_signature(function)?.declare(&identifier, true);
    let storage = match function.linkage() {
        Linkage::Internal | Linkage::Private => "static ",
        _ => "",
    };
    Ok(format!("{storage}{prototype}"))
}

fn definition<'m>(
    context: &mut Context<'m>,
    function: Value<'m>,
) -> Result<String, Vec<Unsupported>> {
    let name = function.name();
    let in_symbol = |construct| vec![Unsupported::in_symbol(&name, construct)];
    let head = head(context, function).map_err(in_symbol)?;
    let mut body = Body::new(context, function).map_err(in_symbol)?;
    let mut found = Vec::new();
    body.declare_results(&mut found);
    if found.is_empty() {
        body.write_blocks(&mut found);
    }
    if !found.is_empty() {
        return Err(found);
    }
    let Body { variables, statements, .. } = body;
    let line = function.function_location().map(|location| line_directive(&location));
    let line = line.unwrap_or_default();
    Ok(format!("{line}{head}\n{{\n{variables}{statements}}}\n"))
}

/// The body of one function while it is written.
pub struct Body<'c, 'm> {
    pub context: &'c mut Context<'m>,
    pub function: Value<'m>,
    pub blocks: HashMap<Block<'m>, usize>,
    pub slots: StackSlots<'m>,
    locals: HashMap<Value<'m>, String>,
    /// Declarations of C variables.
    variables: String,
    /// What has been written of the blocks.
    statements: String,
}

impl<'c, 'm> Body<'c, 'm> {
    fn new(context: &'c mut Context<'m>, function: Value<'m>) -> Result<Self, Construct> {
        let blocks = function.blocks();
        let numbers: HashMap<_, _> =
            blocks.iter().enumerate().map(|(number, block)| (*block, number)).collect();
        let mut body = Body {
            slots: StackSlots::assign(context.module, &blocks, &numbers),
            context,
            function,
            blocks: numbers,
            locals: HashMap::new(),
            variables: String::new(),
            statements: String::new(),
        };
        body.context.check_usable(function.value_type().result())?;
        for (number, parameter) in function.function_parameters().into_iter().enumerate() {
            body.declare_parameter(number, parameter)?;
        }
        for (number, slot) in body.slots.sizes().iter().enumerate() {
            body.variables += &format!(
                "u8 slot{number}[{}] __attribute__((aligned({})));\n",
                slot.size.max(1),
                slot.alignment
            );
        }
        Ok(body)
    }

    fn declare_parameter(&mut self, number: usize, parameter: Value<'m>) -> Result<(), Construct> {
        let ty = parameter.ty();
        self.context.check_usable(ty)?;
        let c_type = self.context.types.c_type(ty)?;
        let passed = format!("parameter{number}");
        let position = Position::Parameter(number);
        let value = if self.function.has_attribute(position, Attribute::ByValue) {
            format!("(pointer)&{passed}")
        } else {
            match ty.integer_width() {
                // A foreign caller may leave anything in the bits that are not used.
                Some(width) if width < 32 => integer::masked(&passed, width),
                _ => passed,
            }
        };
        let local = format!("argument{number}");
        self.variables += &format!("{c_type} {local} = {value};\n");
        self.locals.insert(parameter, local);
        Ok(())
    }

    /// One variable for the result of each instruction, and for a phi a second one, which the
    /// edges set and the head of the block copies: so phis of one block may use each other.
    fn declare_results(&mut self, found: &mut Vec<Unsupported>) {
        let instructions: Vec<_> =
            self.function.blocks().into_iter().flat_map(Block::instructions).collect();
        for instruction in instructions {
            let kind = instruction.ty().kind();
            if matches!(kind, TypeKind::Void | TypeKind::Token) {
                continue;
            }
            let local = format!("v{}", self.locals.len());
            match self.context.types.c_type(instruction.ty()) {
                Ok(c_type) => {
                    self.variables += &format!("{c_type} {local};\n");
                    if matches!(instruction.operation(), Operation::Phi(_)) {
                        self.variables += &format!("{c_type} {local}_next;\n");
                    }
                }
                Err(construct) => found.push(self.unsupported(instruction, construct)),
            }
            self.locals.insert(instruction, local);
        }
    }

    fn write_blocks(&mut self, found: &mut Vec<Unsupported>) {
        let mut current: Option<Location> = None;
        for (number, block) in self.function.blocks().into_iter().enumerate() {
            self.emit(&format!("block{number}:;\n"));
            for instruction in block.instructions() {
                current = instruction.location().or(current);
                // For each instruction anew, for every line that is written counts on.
                if let Some(location) = &current {
                    self.emit(&line_directive(location));
                }
                if let Err(construct) = self.instruction(instruction, block) {
                    found.push(self.unsupported(instruction, construct));
                }
                self.emit("\n");
            }
        }
    }

    fn unsupported(&self, instruction: Value<'m>, construct: Construct) -> Unsupported {
        let text = instruction.to_string();
        Unsupported::in_instruction(&self.function.name(), &text, construct)
    }

    /// Appends to the statements.
    pub fn emit(&mut self, text: &str) {
        self.statements += text;
    }

    /// Appends the assignment of a result.
    pub fn assign(&mut self, target: &str, expression: &str) {
        self.emit(&format!("{target} = {expression};"));
    }

    /// The C variable that holds what an instruction computes; empty if it computes nothing.
    pub fn result(&self, instruction: Value<'m>) -> String {
        self.locals.get(&instruction).cloned().unwrap_or_default()
    }

    /// A value as a C expression that needs no parentheses around it.
    pub fn value(&mut self, value: Value<'m>) -> Result<String, Construct> {
        match self.locals.get(&value) {
            Some(local) => Ok(local.clone()),
            None => self.context.constant(value),
        }
    }

    /// The C type of values of this type.
    pub fn c_type(&mut self, ty: Type<'m>) -> Result<String, Construct> {
        self.context.types.c_type(ty)
    }
}

fn line_directive(location: &Location) -> String {
    format!("#line {} {}\n", location.line, quoted(&location.file))
}
