//! Calls.

use crate::error::Construct;
use crate::ir::{Attribute, Call, Position, TypeKind, Value};

use super::abi::check_convention;
use super::function::Body;
use super::integer;

impl<'m> Body<'_, 'm> {
    /// Calls a function, or writes what an intrinsic stands for.
    pub fn call(
        &mut self,
        instruction: Value<'m>,
        call: &Call<'m>,
        target: &str,
    ) -> Result<(), Construct> {
        let callee = call.callee;
        if callee.is_intrinsic() {
            return self.intrinsic(instruction, call, target);
        }
        check_convention(call.convention)?;
        let arguments = self.arguments(instruction, call)?;

        if callee.is_function()
            && callee.is_declaration()
            && let Some(size) = self.context.returned_struct(callee)
        {
            let c_type = self.context.types.byte_struct(size);
            let identifier = self.context.names.identifier(callee);
            let (result, arguments) =
                arguments.split_first().ok_or(Construct::Parameter("missing sret"))?;
            let arguments = arguments.join(",");
            self.assign(&format!("*({c_type} *)({result})"), &format!("{identifier}({arguments})"));
            return Ok(());
        }

        let is_direct = callee.is_function() && callee.value_type() == call.function_type;
        let function = if is_direct {
            self.context.names.identifier(callee)
        } else {
            let signature = self.context.call_signature(instruction, call.function_type)?;
            let declaration = signature.declare("(*function)", false);
            let address = self.value(callee)?;
            self.emit(&format!("{{{declaration} = (void *)({address});"));
            "function".into()
        };
        let called = format!("{function}({})", arguments.join(","));
        match instruction.ty().kind() {
            TypeKind::Void => self.emit(&format!("{called};")),
            // A foreign function may leave anything in the bits that are not used.
            TypeKind::Integer(width) if width < 32 => {
                self.assign(target, &integer::masked(&called, width));
            }
            _ => self.assign(target, &called),
        }
        if !is_direct {
            self.emit("}");
        }
        Ok(())
    }

    fn arguments(
        &mut self,
        instruction: Value<'m>,
        call: &Call<'m>,
    ) -> Result<Vec<String>, Construct> {
        let named = call.function_type.parameters().len();
        let mut arguments = Vec::new();
        for (number, argument) in call.arguments.iter().enumerate() {
            let value = self.value(*argument)?;
            let position = Position::Parameter(number);
            let by_value = instruction.call_attribute_type(position, Attribute::ByValue);
            arguments.push(match (by_value, argument.ty().integer_width()) {
                (Some(ty), _) => {
                    let size = self.context.module.size_of(ty);
                    format!("*({} *)({value})", self.context.types.byte_struct(size))
                }
                (None, Some(width)) if number >= named && width < 32 => {
                    return Err(Construct::NarrowVariadicArgument(width));
                }
                _ => value,
            });
        }
        Ok(arguments)
    }
}
