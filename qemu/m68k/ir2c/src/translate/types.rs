//! Types of values, as C writes them.

use std::collections::{BTreeSet, HashMap};

use crate::error::Construct;
use crate::ir::{Type, TypeKind};

use super::integer;

/// Structs and arrays that are values become C structs with a field an element; more elements than
/// this are memory, not a value.
const MAX_ELEMENTS: u64 = 64;

/// The C types in use.
#[derive(Default)]
pub struct Types<'m> {
    aggregates: HashMap<Type<'m>, usize>,
    aggregate_definitions: String,
    byte_structs: BTreeSet<u64>,
}

impl<'m> Types<'m> {
    /// The type of a C variable that holds such a value.
    ///
    /// f16 and f128 get a type too, so that functions that mention them can be declared; no
    /// function that computes with them is translated.
    pub fn c_type(&mut self, ty: Type<'m>) -> Result<String, Construct> {
        match ty.kind() {
            TypeKind::Void => Ok("void".into()),
            TypeKind::Integer(width) => integer::c_type(width),
            TypeKind::Half => Ok("u16".into()),
            TypeKind::Float => Ok("float".into()),
            TypeKind::Double => Ok("double".into()),
            TypeKind::Quad => Ok("wide".into()),
            TypeKind::Pointer => Ok("pointer".into()),
            TypeKind::Struct(_) | TypeKind::Array(..) => self.aggregate(ty),
            TypeKind::Vector => Err(Construct::Vector(ty.to_string())),
            TypeKind::Token | TypeKind::Metadata | TypeKind::Other => {
                Err(Construct::Type(ty.to_string()))
            }
        }
    }

    fn aggregate(&mut self, ty: Type<'m>) -> Result<String, Construct> {
        let count = ty.element_count();
        if count > MAX_ELEMENTS {
            return Err(Construct::LargeAggregate(count));
        }
        let number = match self.aggregates.get(&ty) {
            Some(number) => *number,
            None => {
                let mut fields = String::new();
                for (index, element) in ty.elements().enumerate() {
                    fields += &format!(" {} f{index};", self.c_type(element)?);
                }
                let number = self.aggregates.len();
                self.aggregates.insert(ty, number);
                self.aggregate_definitions += &format!("struct aggregate{number} {{{fields} }};\n");
                number
            }
        };
        Ok(format!("struct aggregate{number}"))
    }

    /// A struct of `size` bytes, passed and returned by value as GCC does with any struct of that
    /// size: for that, its alignment must be what GCC gives a struct of words.
    pub fn byte_struct(&mut self, size: u64) -> String {
        self.byte_structs.insert(size);
        format!("struct bytes{size}")
    }

    /// The definitions of all types asked for so far.
    pub fn definitions(&self) -> String {
        let mut text = String::new();
        for size in &self.byte_structs {
            let alignment = if size % 2 == 0 { " __attribute__((aligned(2)))" } else { "" };
            text += &format!("struct bytes{size} {{ u8 byte[{size}]; }}{alignment};\n");
        }
        text + &self.aggregate_definitions
    }
}
