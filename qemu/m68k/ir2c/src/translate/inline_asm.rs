//! Inline assembly: LLVM's notation for templates and constraints becomes GCC's.

use crate::error::Construct;
use crate::ir::{InlineAssembly, TypeKind, Value};

use super::function::Body;
use super::quoted::quoted;

/// One constraint, taken apart.
#[derive(Debug, PartialEq, Eq)]
enum Constraint {
    /// A register, condition codes or memory that the assembly changes.
    Clobber(String),
    /// A result.
    Output { early: bool, place: Place },
    /// An argument.
    Input(Place),
}

/// Where an operand goes.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// In this register.
    Register(String),
    /// Wherever these letters of GCC's allow, or where the output of this number is.
    Class(String),
    /// Into the text, as a constant.
    Immediate(String),
}

impl Constraint {
    fn parse(text: &str) -> Result<Self, Construct> {
        let unsupported = || Construct::AssemblyConstraint(text.into());
        if let Some(register) = text.strip_prefix("~{") {
            let register = register.strip_suffix('}').ok_or_else(unsupported)?;
            let name = if register == "ccr" { "cc" } else { register };
            return Ok(Constraint::Clobber(name.into()));
        }
        let (is_output, rest) = match text.strip_prefix('=') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (early, rest) = match rest.strip_prefix('&') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let place = if let Some(register) = rest.strip_prefix('{') {
            Place::Register(register.strip_suffix('}').ok_or_else(unsupported)?.into())
        } else if rest.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(unsupported());
        } else if matches!(rest, "i" | "n" | "s") {
            Place::Immediate(rest.into())
        } else {
            Place::Class(rest.into())
        };
        Ok(match (is_output, early) {
            (true, early) => Constraint::Output { early, place },
            (false, false) => Constraint::Input(place),
            (false, true) => return Err(unsupported()),
        })
    }
}

/// LLVM's template in GCC's notation: `$0` or `${0}` is `%0`, `${0:c}` is `%c0`, `$$` is `$`, `%`
/// is `%%`.
fn gcc_template(template: &str) -> Result<String, Construct> {
    let mut text = String::new();
    let mut characters = template.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '%' => text.push_str("%%"),
            '$' => match characters.next() {
                Some('$') => text.push('$'),
                Some(digit) if digit.is_ascii_digit() => {
                    text.push('%');
                    text.push(digit);
                    while let Some(digit) = characters.next_if(char::is_ascii_digit) {
                        text.push(digit);
                    }
                }
                Some('{') => {
                    let operand: String =
                        characters.by_ref().take_while(|character| *character != '}').collect();
                    let (number, modifier) = operand.split_once(':').unwrap_or((&operand, ""));
                    let is_number =
                        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
                    // `c` prints a constant or symbol as it is, in both notations.
                    if !is_number || !matches!(modifier, "" | "c") {
                        return Err(Construct::AssemblyOperand(format!("${{{operand}}}")));
                    }
                    text.push_str(&format!("%{modifier}{number}"));
                }
                other => {
                    let operand: String = std::iter::once('$').chain(other).collect();
                    return Err(Construct::AssemblyOperand(operand));
                }
            },
            other => text.push(other),
        }
    }
    Ok(text)
}

/// The parts of a GCC asm statement and what goes around it.
#[derive(Default)]
struct Statement {
    /// Values of inputs, before any register is bound.
    values: String,
    /// Variables bound to registers.
    bindings: String,
    outputs: Vec<String>,
    inputs: Vec<String>,
    clobbers: Vec<String>,
    /// Copies from outputs to the result.
    results: String,
}

impl<'m> Body<'_, 'm> {
    /// Writes inline assembly.
    pub fn assembly(
        &mut self,
        instruction: Value<'m>,
        assembly: &InlineAssembly<'m>,
        target: &str,
    ) -> Result<(), Construct> {
        if !assembly.default_dialect {
            return Err(Construct::AssemblyDialect);
        }
        let template = quoted(&gcc_template(&assembly.template)?);
        let mut statement = Statement::default();
        for constraint in assembly.constraints.split(',').filter(|text| !text.is_empty()) {
            match Constraint::parse(constraint)? {
                Constraint::Clobber(name) => statement.clobbers.push(quoted(&name)),
                Constraint::Output { early, place } => {
                    self.assembly_output(instruction, early, &place, target, &mut statement)?;
                }
                Constraint::Input(place) => {
                    let value = assembly
                        .arguments
                        .get(statement.inputs.len())
                        .ok_or_else(|| Construct::AssemblyConstraint(constraint.into()))?;
                    self.assembly_input(*value, &place, &mut statement)?;
                }
            }
        }
        let volatile = if assembly.side_effects { " volatile" } else { "" };
        let Statement { values, bindings, outputs, inputs, clobbers, results } = statement;
        self.emit(&format!(
            "{{{values}{bindings}__asm__{volatile}({template}:{}:{}:{});{results}}}",
            outputs.join(","),
            inputs.join(","),
            clobbers.join(",")
        ));
        Ok(())
    }

    fn assembly_output(
        &mut self,
        instruction: Value<'m>,
        early: bool,
        place: &Place,
        target: &str,
        statement: &mut Statement,
    ) -> Result<(), Construct> {
        let number = statement.outputs.len();
        let unsupported = || Construct::AssemblyConstraint(format!("output {number}"));
        let (ty, field) = match instruction.ty().kind() {
            TypeKind::Void => return Err(unsupported()),
            TypeKind::Struct(count) if number < count as usize => {
                (instruction.ty().element(number as u64), format!(".f{number}"))
            }
            TypeKind::Struct(_) => return Err(unsupported()),
            _ => (instruction.ty(), String::new()),
        };
        let c_type = self.c_type(ty)?;
        let (storage, binding, letters) = match place {
            Place::Register(name) => ("register ", format!(" __asm__({})", quoted(name)), "r"),
            Place::Class(letters) => ("", String::new(), letters.as_str()),
            Place::Immediate(_) => return Err(unsupported()),
        };
        let early = if early { "&" } else { "" };
        statement.bindings += &format!("{storage}{c_type} output{number}{binding};");
        statement.outputs.push(format!("\"={early}{letters}\"(output{number})"));
        statement.results += &format!("{target}{field} = output{number};");
        Ok(())
    }

    fn assembly_input(
        &mut self,
        value: Value<'m>,
        place: &Place,
        statement: &mut Statement,
    ) -> Result<(), Construct> {
        let number = statement.inputs.len();
        let c_type = self.c_type(value.ty())?;
        let value = self.value(value)?;
        match place {
            Place::Immediate(letters) => statement.inputs.push(format!("\"{letters}\"({value})")),
            Place::Class(letters) => {
                statement.values += &format!("{c_type} input{number} = {value};");
                statement.inputs.push(format!("\"{letters}\"(input{number})"));
            }
            // Whatever computes the values must not come between the registers being set and the
            // assembly, so the values are computed first.
            Place::Register(name) => {
                let name = quoted(name);
                statement.values += &format!("{c_type} value{number} = {value};");
                statement.bindings +=
                    &format!("register {c_type} input{number} __asm__({name}) = value{number};");
                statement.inputs.push(format!("\"r\"(input{number})"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_percent_signs_and_dollars_are_rewritten() {
        assert_eq!(gcc_template("move.w %sr,${0}").unwrap(), "move.w %%sr,%0");
        assert_eq!(gcc_template("add $12,$$5").unwrap(), "add %12,$5");
        assert_eq!(gcc_template("jsr ${1:c}").unwrap(), "jsr %c1");
    }

    #[test]
    fn operand_modifiers_are_rejected() {
        for template in ["${0:w}", "${0:cc}", "${:uid}", "$(a$|b$)", "end$"] {
            assert!(gcc_template(template).is_err(), "{template}");
        }
    }

    #[test]
    fn constraints_are_taken_apart() {
        let class = |letters: &str| Place::Class(letters.into());
        assert_eq!(
            Constraint::parse("=&d"),
            Ok(Constraint::Output { early: true, place: class("d") })
        );
        assert_eq!(Constraint::parse("0"), Ok(Constraint::Input(class("0"))));
        assert_eq!(Constraint::parse("{d3}"), Ok(Constraint::Input(Place::Register("d3".into()))));
        assert_eq!(Constraint::parse("~{ccr}"), Ok(Constraint::Clobber("cc".into())));
        assert_eq!(Constraint::parse("i"), Ok(Constraint::Input(Place::Immediate("i".into()))));
    }

    #[test]
    fn indirect_alternative_and_label_constraints_are_rejected() {
        for text in ["*m", "=*m", "r|m", "!i", "&r", "{d0", ""] {
            assert!(Constraint::parse(text).is_err(), "{text}");
        }
    }
}
