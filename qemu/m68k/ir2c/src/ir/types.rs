//! Types and their layout in memory.

use std::fmt;
use std::marker::PhantomData;

use llvm_sys::LLVMTypeKind;
use llvm_sys::core::*;
use llvm_sys::prelude::LLVMTypeRef;

use super::module::Module;
use super::text;

/// A type of a [`Module`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Type<'m>(LLVMTypeRef, PhantomData<&'m Module>);

/// What a type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeKind<'m> {
    /// No value.
    Void,
    /// An integer of that width in bits.
    Integer(u32),
    /// IEEE binary16.
    Half,
    /// IEEE binary32.
    Float,
    /// IEEE binary64.
    Double,
    /// IEEE binary128.
    Quad,
    /// An address in address space 0.
    Pointer,
    /// A struct of that number of elements.
    Struct(u32),
    /// An array.
    Array(Type<'m>, u64),
    /// A token, which no instruction computes with.
    Token,
    /// Metadata passed as an argument.
    Metadata,
    /// A vector, of fixed length or scalable.
    Vector,
    /// Anything else, such as a pointer in another address space.
    Other,
}

impl<'m> Type<'m> {
    /// # Safety
    /// `raw` is a type of the module that `'m` stands for.
    pub unsafe fn new(raw: LLVMTypeRef) -> Self {
        Type(raw, PhantomData)
    }

    /// LLVM's handle.
    pub fn raw(self) -> LLVMTypeRef {
        self.0
    }

    /// What it is.
    pub fn kind(self) -> TypeKind<'m> {
        // SAFETY: a live type; each accessor is called on the kind it is made for.
        unsafe {
            match LLVMGetTypeKind(self.0) {
                LLVMTypeKind::LLVMVoidTypeKind => TypeKind::Void,
                LLVMTypeKind::LLVMIntegerTypeKind => TypeKind::Integer(LLVMGetIntTypeWidth(self.0)),
                LLVMTypeKind::LLVMHalfTypeKind => TypeKind::Half,
                LLVMTypeKind::LLVMFloatTypeKind => TypeKind::Float,
                LLVMTypeKind::LLVMDoubleTypeKind => TypeKind::Double,
                LLVMTypeKind::LLVMFP128TypeKind => TypeKind::Quad,
                LLVMTypeKind::LLVMPointerTypeKind if LLVMGetPointerAddressSpace(self.0) == 0 => {
                    TypeKind::Pointer
                }
                LLVMTypeKind::LLVMStructTypeKind => {
                    TypeKind::Struct(LLVMCountStructElementTypes(self.0))
                }
                LLVMTypeKind::LLVMArrayTypeKind => TypeKind::Array(
                    Type::new(LLVMGetElementType(self.0)),
                    LLVMGetArrayLength2(self.0),
                ),
                LLVMTypeKind::LLVMTokenTypeKind => TypeKind::Token,
                LLVMTypeKind::LLVMMetadataTypeKind => TypeKind::Metadata,
                LLVMTypeKind::LLVMVectorTypeKind | LLVMTypeKind::LLVMScalableVectorTypeKind => {
                    TypeKind::Vector
                }
                _ => TypeKind::Other,
            }
        }
    }

    /// The number of bits of an integer type.
    pub fn integer_width(self) -> Option<u32> {
        match self.kind() {
            TypeKind::Integer(width) => Some(width),
            _ => None,
        }
    }

    /// Whether it is a pointer in address space 0.
    pub fn is_pointer(self) -> bool {
        self.kind() == TypeKind::Pointer
    }

    /// How many elements a struct or array has; none for other types.
    pub fn element_count(self) -> u64 {
        match self.kind() {
            TypeKind::Struct(count) => u64::from(count),
            TypeKind::Array(_, length) => length,
            _ => 0,
        }
    }

    /// The type of the element at `index` of a struct or array.
    ///
    /// # Panics
    /// When there is no such element; LLVM's verifier has seen to it that there is.
    pub fn element(self, index: u64) -> Type<'m> {
        match self.kind() {
            TypeKind::Struct(count) if index < u64::from(count) => {
                // SAFETY: a live struct type that has this element.
                unsafe { Type::new(LLVMStructGetTypeAtIndex(self.0, index as u32)) }
            }
            TypeKind::Array(element, _) => element,
            kind => panic!("no element {index} in {kind:?}"),
        }
    }

    /// The elements of a struct or array, in order.
    pub fn elements(self) -> impl Iterator<Item = Type<'m>> {
        (0..self.element_count()).map(move |index| self.element(index))
    }

    /// What a function type returns.
    pub fn result(self) -> Type<'m> {
        self.assert_function();
        // SAFETY: a live function type.
        unsafe { Type::new(LLVMGetReturnType(self.0)) }
    }

    /// The parameters of a function type.
    pub fn parameters(self) -> Vec<Type<'m>> {
        self.assert_function();
        // SAFETY: a live function type, and the buffer has room for all its parameters.
        unsafe {
            let mut types = vec![std::ptr::null_mut(); LLVMCountParamTypes(self.0) as usize];
            LLVMGetParamTypes(self.0, types.as_mut_ptr());
            types.into_iter().map(|raw| Type::new(raw)).collect()
        }
    }

    /// Whether a function type takes further arguments.
    pub fn is_variadic(self) -> bool {
        self.assert_function();
        // SAFETY: a live function type.
        unsafe { LLVMIsFunctionVarArg(self.0) != 0 }
    }

    fn assert_function(self) {
        // SAFETY: a live type.
        let kind = unsafe { LLVMGetTypeKind(self.0) };
        assert_eq!(kind, LLVMTypeKind::LLVMFunctionTypeKind, "not a function type");
    }
}

impl fmt::Display for Type<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: a live type, and a message made for us.
        out.write_str(&unsafe { text::taken(LLVMPrintTypeToString(self.0)) })
    }
}

impl fmt::Debug for Type<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}
