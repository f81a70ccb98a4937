//! What a variable holds at first, flattened: bytes, and addresses that the linker fills in.

use std::collections::BTreeMap;

use crate::error::Construct;
use crate::ir::{ConstantExpression, Operand, TypeKind, Value};

use super::constant::SymbolAddress;
use super::context::Context;

/// Bytes of an address.
pub const ADDRESS_SIZE: usize = 4;

/// A flattened initialiser.
pub struct Initializer<'m> {
    /// The bytes, big-endian; zero where an address goes.
    pub bytes: Vec<u8>,
    /// The addresses, by their offset.
    pub addresses: BTreeMap<usize, SymbolAddress<'m>>,
}

impl<'m> Context<'m> {
    /// Flattens an initialiser of `size` bytes.
    pub fn flattened(&self, value: Value<'m>, size: usize) -> Result<Initializer<'m>, Construct> {
        let mut flat = Initializer { bytes: vec![0; size], addresses: BTreeMap::new() };
        self.flatten(value, 0, &mut flat)?;
        Ok(flat)
    }

    fn flatten(
        &self,
        value: Value<'m>,
        at: usize,
        flat: &mut Initializer<'m>,
    ) -> Result<(), Construct> {
        let mut put = |bytes: &[u8]| flat.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        match value.operand() {
            Operand::Zero | Operand::Undefined => {}
            Operand::Integer(number) => put(&number.to_be_bytes()),
            Operand::Real(number) => match value.ty().kind() {
                TypeKind::Float => put(&(number as f32).to_bits().to_be_bytes()),
                _ => put(&number.to_bits().to_be_bytes()),
            },
            Operand::Bytes(bytes) => put(&bytes),
            Operand::Elements(elements) => {
                for (index, element) in elements.into_iter().enumerate() {
                    let offset = self.module.offset_of(value.ty(), index as u64) as usize;
                    self.flatten(element, at + offset, flat)?;
                }
            }
            Operand::Expression(ConstantExpression::IntegerToPointer(operand))
                if operand.integer().is_some() =>
            {
                let address = operand.integer().map_or(0, |number| number.low());
                put(&(address as u32).to_be_bytes());
            }
            Operand::Symbol | Operand::Expression(_) => {
                let is_address = value.ty().is_pointer() || value.ty().integer_width() == Some(32);
                if !is_address {
                    return Err(Construct::constant(value));
                }
                flat.addresses.insert(at, self.symbol_address(value)?);
            }
            Operand::Local | Operand::Other => return Err(Construct::constant(value)),
        }
        Ok(())
    }
}
