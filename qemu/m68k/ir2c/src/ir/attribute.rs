//! Attributes of functions, parameters and return values.

use llvm_sys::core::{
    LLVMGetCallSiteEnumAttribute, LLVMGetEnumAttributeAtIndex, LLVMGetEnumAttributeKindForName,
    LLVMGetTypeAttributeValue,
};
use llvm_sys::prelude::LLVMAttributeRef;
use llvm_sys::{LLVMAttributeFunctionIndex, LLVMAttributeReturnIndex};

use super::types::Type;
use super::value::Value;

/// The attributes that mean something to the translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// The argument is a struct that is passed by value; the operand points to it.
    ByValue,
    /// The function is rarely called.
    Cold,
    /// The parameter is passed in a register.
    InRegister,
    /// The function has no prologue or epilogue.
    Naked,
    /// The static chain of a nested function.
    Nest,
    /// The function is not to be inlined.
    NoInline,
    /// The function does not return.
    NoReturn,
    /// The value is sign-extended to a word.
    SignExtended,
    /// The pointer says where the result, a struct, is to be written.
    StructReturn,
}

impl Attribute {
    fn name(self) -> &'static str {
        match self {
            Attribute::ByValue => "byval",
            Attribute::Cold => "cold",
            Attribute::InRegister => "inreg",
            Attribute::Naked => "naked",
            Attribute::Nest => "nest",
            Attribute::NoInline => "noinline",
            Attribute::NoReturn => "noreturn",
            Attribute::SignExtended => "signext",
            Attribute::StructReturn => "sret",
        }
    }

    fn kind(self) -> u32 {
        let name = self.name();
        // SAFETY: the pointer and length are those of a live string.
        unsafe { LLVMGetEnumAttributeKindForName(name.as_ptr().cast(), name.len()) }
    }
}

/// What an attribute belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The function as a whole.
    Function,
    /// The value it returns.
    Result,
    /// The parameter of this number, from 0.
    Parameter(usize),
}

impl Position {
    fn index(self) -> u32 {
        match self {
            Position::Function => LLVMAttributeFunctionIndex,
            Position::Result => LLVMAttributeReturnIndex,
            Position::Parameter(number) => number as u32 + 1,
        }
    }
}

impl<'m> Value<'m> {
    /// Whether this function has the attribute.
    pub fn has_attribute(self, position: Position, attribute: Attribute) -> bool {
        !self.function_attribute(position, attribute).is_null()
    }

    /// Whether this call has the attribute.
    pub fn call_has_attribute(self, position: Position, attribute: Attribute) -> bool {
        !self.call_attribute(position, attribute).is_null()
    }

    /// The type that a `byval` or `sret` attribute of this function names.
    pub fn attribute_type(self, position: Position, attribute: Attribute) -> Option<Type<'m>> {
        attributed_type(self.function_attribute(position, attribute), attribute)
    }

    /// The type that a `byval` or `sret` attribute of this call names.
    pub fn call_attribute_type(self, position: Position, attribute: Attribute) -> Option<Type<'m>> {
        attributed_type(self.call_attribute(position, attribute), attribute)
    }

    fn function_attribute(self, position: Position, attribute: Attribute) -> LLVMAttributeRef {
        assert!(self.is_function(), "attributes of a value that is no function");
        // SAFETY: a live function.
        unsafe { LLVMGetEnumAttributeAtIndex(self.raw(), position.index(), attribute.kind()) }
    }

    fn call_attribute(self, position: Position, attribute: Attribute) -> LLVMAttributeRef {
        assert!(self.is_call(), "call attributes of another instruction");
        // SAFETY: a live call instruction.
        unsafe { LLVMGetCallSiteEnumAttribute(self.raw(), position.index(), attribute.kind()) }
    }
}

fn attributed_type<'m>(found: LLVMAttributeRef, attribute: Attribute) -> Option<Type<'m>> {
    assert!(matches!(attribute, Attribute::ByValue | Attribute::StructReturn));
    // SAFETY: `byval` and `sret` are type attributes in every module that LLVM 22 has verified.
    (!found.is_null()).then(|| unsafe { Type::new(LLVMGetTypeAttributeValue(found)) })
}
