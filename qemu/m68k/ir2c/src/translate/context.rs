//! What all parts of the translation of one module share.

use crate::ir::{Module, Type, TypeKind};

use super::symbol::Names;
use super::types::Types;
use super::{Construct, Floats, Options};

/// The module, what its symbols and types are called in C, and what is allowed.
pub struct Context<'m> {
    pub module: &'m Module,
    pub options: Options,
    pub types: Types<'m>,
    pub names: Names<'m>,
}

impl<'m> Context<'m> {
    pub fn new(module: &'m Module, options: Options) -> Self {
        Context { module, options, types: Types::default(), names: Names::new(module) }
    }

    /// Whether values of this type may be computed with.
    pub fn check_usable(&self, ty: Type<'m>) -> Result<(), Construct> {
        match ty.kind() {
            TypeKind::Half | TypeKind::Quad => Err(Construct::ExtendedFloat),
            TypeKind::Float | TypeKind::Double if self.options.floats == Floats::Rejected => {
                Err(Construct::Float)
            }
            TypeKind::Vector => Err(Construct::Vector(ty.to_string())),
            TypeKind::Array(element, _) => self.check_usable(element),
            TypeKind::Struct(_) => ty.elements().try_for_each(|element| self.check_usable(element)),
            _ => Ok(()),
        }
    }
}
