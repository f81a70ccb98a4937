//! Constants as C expressions.

use crate::error::Construct;
use crate::ir::{ConstantExpression, Integer, Opcode, Operand, TypeKind, Value};

use super::context::Context;
use super::integer;

/// An address known up to the linker: a symbol plus an offset in bytes.
#[derive(Clone, Copy)]
pub struct SymbolAddress<'m> {
    pub symbol: Value<'m>,
    pub offset: i64,
}

impl<'m> Context<'m> {
    /// A constant as a C expression that needs no parentheses around it.
    pub fn constant(&mut self, value: Value<'m>) -> Result<String, Construct> {
        let ty = value.ty();
        match value.operand() {
            Operand::Symbol => Ok(self.names.address(value)),
            Operand::Integer(number) => Ok(integer_constant(number)),
            Operand::Real(number) => Ok(match ty.kind() {
                TypeKind::Float => format!("float_of_bits({}u)", (number as f32).to_bits()),
                _ => format!("double_of_bits({}ull)", number.to_bits()),
            }),
            // Any value will do for an undefined one, but it must be the same at every use once
            // it is frozen, which a C variable that is never set does not promise.
            Operand::Zero | Operand::Undefined => self.zero(value),
            Operand::Elements(elements) => {
                let mut fields = String::new();
                for element in elements {
                    fields += &format!("{},", self.constant(element)?);
                }
                Ok(format!("(({}){{{fields}}})", self.types.c_type(ty)?))
            }
            Operand::Bytes(bytes) => {
                let fields: String = bytes.iter().map(|byte| format!("{byte},")).collect();
                Ok(format!("(({}){{{fields}}})", self.types.c_type(ty)?))
            }
            Operand::Expression(expression) => self.expression(value, &expression),
            Operand::Local | Operand::Other => Err(Construct::constant(value)),
        }
    }

    fn zero(&mut self, value: Value<'m>) -> Result<String, Construct> {
        let ty = value.ty();
        let c_type = self.types.c_type(ty)?;
        Ok(match ty.kind() {
            TypeKind::Struct(0) | TypeKind::Array(_, 0) => format!("(({c_type}){{}})"),
            TypeKind::Struct(_) | TypeKind::Array(..) | TypeKind::Quad => {
                format!("(({c_type}){{0}})")
            }
            TypeKind::Integer(width) if integer::is_wide(width) => format!("(({c_type}){{0}})"),
            _ => format!("(({c_type})0)"),
        })
    }

    fn expression(
        &mut self,
        value: Value<'m>,
        expression: &ConstantExpression<'m>,
    ) -> Result<String, Construct> {
        let ty = value.ty();
        let native_width = || match ty.integer_width() {
            Some(width) if !integer::is_wide(width) => Ok(width),
            _ => Err(Construct::constant(value)),
        };
        match *expression {
            ConstantExpression::ElementPointer => {
                let base = self.constant(value.operand_at(0))?;
                Ok(format!("({base}+({}))", self.constant_element_offset(value)?))
            }
            ConstantExpression::PointerToInteger(operand) => {
                let address = self.constant(operand)?;
                Ok(integer::masked(&format!("(u32){address}"), native_width()?))
            }
            ConstantExpression::IntegerToPointer(operand) => match operand.ty().integer_width() {
                Some(width) if !integer::is_wide(width) => {
                    Ok(format!("((pointer)(u32){})", self.constant(operand)?))
                }
                _ => Err(Construct::constant(value)),
            },
            ConstantExpression::BitCast(operand) if operand.ty() == ty => self.constant(operand),
            ConstantExpression::Truncate(operand) => match operand.ty().integer_width() {
                Some(width) if !integer::is_wide(width) => {
                    Ok(integer::masked(&self.constant(operand)?, native_width()?))
                }
                _ => Err(Construct::constant(value)),
            },
            ConstantExpression::Binary(opcode, left, right) => {
                let operator = match opcode {
                    Opcode::LLVMAdd => '+',
                    Opcode::LLVMSub => '-',
                    _ => '^',
                };
                let width = native_width()?;
                let (left, right) = (self.constant(left)?, self.constant(right)?);
                Ok(integer::masked(&format!("{left}{operator}{right}"), width))
            }
            ConstantExpression::BitCast(_) | ConstantExpression::Other => {
                Err(Construct::constant(value))
            }
        }
    }

    /// A constant that the linker computes by adding an offset to a symbol's address.
    pub fn symbol_address(&self, value: Value<'m>) -> Result<SymbolAddress<'m>, Construct> {
        let unsupported = || Construct::constant(value);
        match value.operand() {
            Operand::Symbol => Ok(SymbolAddress { symbol: value, offset: 0 }),
            Operand::Expression(ConstantExpression::ElementPointer) => {
                let base = self.symbol_address(value.operand_at(0))?;
                let offset = base.offset + self.constant_element_offset(value)?;
                Ok(SymbolAddress { offset, ..base })
            }
            Operand::Expression(
                ConstantExpression::PointerToInteger(operand)
                | ConstantExpression::IntegerToPointer(operand)
                | ConstantExpression::BitCast(operand),
            ) => {
                let same_size =
                    |ty: crate::ir::Type<'_>| ty.is_pointer() || ty.integer_width() == Some(32);
                if !same_size(operand.ty()) || !same_size(value.ty()) {
                    return Err(unsupported());
                }
                self.symbol_address(operand)
            }
            _ => Err(unsupported()),
        }
    }

    /// The bytes that a constant element pointer adds to its base.
    pub fn constant_element_offset(&self, value: Value<'m>) -> Result<i64, Construct> {
        let mut ty = value.element_pointer_base_type();
        let mut offset = 0i64;
        for (step, index) in value.operands().into_iter().skip(1).enumerate() {
            let index = index
                .integer()
                .filter(|index| !integer::is_wide(index.width))
                .ok_or_else(|| Construct::constant(value))?
                .signed();
            // The first index steps over whole objects, the further ones into them.
            let bytes = if step == 0 {
                (self.module.size_of(ty) as i64).wrapping_mul(index)
            } else if let TypeKind::Array(element, _) = ty.kind() {
                ty = element;
                (self.module.size_of(element) as i64).wrapping_mul(index)
            } else {
                let bytes = self.module.offset_of(ty, index as u64);
                ty = ty.element(index as u64);
                bytes as i64
            };
            offset = offset.wrapping_add(bytes);
        }
        Ok(offset)
    }
}

fn integer_constant(number: Integer) -> String {
    let width = number.width;
    if !integer::is_wide(width) {
        let suffix = if width > 32 { "ull" } else { "u" };
        return format!("((u{}){}{suffix})", integer::container(width), number.low());
    }
    let words: String = (0..8).map(|index| format!("{}u,", number.word32(index))).collect();
    format!("((wide){{{{{words}}}}})")
}
