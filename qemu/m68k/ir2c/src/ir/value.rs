//! Values: constants, symbols, what instructions compute.

use std::fmt;
use std::marker::PhantomData;

use llvm_sys::core::*;
use llvm_sys::prelude::LLVMValueRef;
use llvm_sys::{LLVMLinkage, LLVMOpcode, LLVMValueKind, LLVMVisibility};

use super::integer::Integer;
use super::module::Module;
use super::text;
use super::types::Type;

/// A value of a [`Module`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Value<'m>(LLVMValueRef, PhantomData<&'m Module>);

/// What a value is where it is used.
pub enum Operand<'m> {
    /// An argument or the result of an instruction.
    Local,
    /// A function, variable or alias: its address.
    Symbol,
    /// An integer of at most 256 bits.
    Integer(Integer),
    /// A number of type `float` or `double`.
    Real(f64),
    /// Zero of any type, the null pointer included.
    Zero,
    /// Any value: `undef` or `poison`.
    Undefined,
    /// The characters of a byte array.
    Bytes(Vec<u8>),
    /// A struct or array by its elements.
    Elements(Vec<Value<'m>>),
    /// Something computed when the program is linked.
    Expression(ConstantExpression<'m>),
    /// Nothing that has a value in C: metadata, a block, a constant of an exotic kind.
    Other,
}

/// A constant expression.
pub enum ConstantExpression<'m> {
    /// The address of an element.
    ElementPointer,
    /// A pointer as an integer.
    PointerToInteger(Value<'m>),
    /// An integer as a pointer.
    IntegerToPointer(Value<'m>),
    /// Another type for the same bits.
    BitCast(Value<'m>),
    /// The low bits.
    Truncate(Value<'m>),
    /// Addition, subtraction, exclusive or.
    Binary(LLVMOpcode, Value<'m>, Value<'m>),
    /// Anything else.
    Other,
}

/// Who sees a symbol, and whose definition wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linkage {
    /// Everybody.
    External,
    /// Everybody, but another definition may take its place.
    Weak,
    /// This module; the name is kept for debugging.
    Internal,
    /// This module; the name does not matter.
    Private,
    /// Like a variable of C that is declared and never initialised.
    Common,
    /// Any other.
    Other,
}

/// Who sees a symbol after linking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody.
    Default,
    /// The linked file only.
    Hidden,
    /// Everybody, but nobody can put another definition in its place.
    Protected,
}

impl<'m> Value<'m> {
    /// # Safety
    /// `raw` is a value of the module that `'m` stands for.
    pub unsafe fn new(raw: LLVMValueRef) -> Self {
        Value(raw, PhantomData)
    }

    /// LLVM's handle.
    pub fn raw(self) -> LLVMValueRef {
        self.0
    }

    /// LLVM's classification.
    pub fn raw_kind(self) -> LLVMValueKind {
        // SAFETY: a live value.
        unsafe { LLVMGetValueKind(self.0) }
    }

    /// Its type.
    pub fn ty(self) -> Type<'m> {
        // SAFETY: a live value, whose type lives as long.
        unsafe { Type::new(LLVMTypeOf(self.0)) }
    }

    /// Its name, without the mark that forbids mangling. Empty when it has none.
    pub fn name(self) -> String {
        let mut length = 0;
        // SAFETY: a live value, whose name is copied.
        let name = unsafe {
            let start = LLVMGetValueName2(self.0, &raw mut length);
            text::copied(start, length)
        };
        name.strip_prefix('\u{1}').map(String::from).unwrap_or(name)
    }

    /// What it is where it is used.
    pub fn operand(self) -> Operand<'m> {
        match self.raw_kind() {
            LLVMValueKind::LLVMArgumentValueKind | LLVMValueKind::LLVMInstructionValueKind => {
                Operand::Local
            }
            LLVMValueKind::LLVMFunctionValueKind
            | LLVMValueKind::LLVMGlobalVariableValueKind
            | LLVMValueKind::LLVMGlobalAliasValueKind => Operand::Symbol,
            LLVMValueKind::LLVMConstantIntValueKind => {
                self.integer().map_or(Operand::Other, Operand::Integer)
            }
            LLVMValueKind::LLVMConstantFPValueKind => self.real(),
            LLVMValueKind::LLVMConstantPointerNullValueKind
            | LLVMValueKind::LLVMConstantAggregateZeroValueKind => Operand::Zero,
            LLVMValueKind::LLVMUndefValueValueKind | LLVMValueKind::LLVMPoisonValueKind => {
                Operand::Undefined
            }
            LLVMValueKind::LLVMConstantStructValueKind
            | LLVMValueKind::LLVMConstantArrayValueKind => Operand::Elements(self.elements()),
            LLVMValueKind::LLVMConstantDataArrayValueKind => {
                self.bytes().map_or_else(|| Operand::Elements(self.elements()), Operand::Bytes)
            }
            LLVMValueKind::LLVMConstantExprValueKind => Operand::Expression(self.expression()),
            _ => Operand::Other,
        }
    }

    /// The value of an integer constant of at most 256 bits.
    pub fn integer(self) -> Option<Integer> {
        if self.raw_kind() != LLVMValueKind::LLVMConstantIntValueKind {
            return None;
        }
        let width = self.ty().integer_width()?;
        if width <= 64 {
            // SAFETY: a live integer constant of at most 64 bits.
            return Some(Integer::small(unsafe { LLVMConstIntGetZExtValue(self.0) }, width));
        }
        // LLVM's C interface gives wide constants only as text: the type, then the number.
        self.to_string().rsplit(' ').next().and_then(|number| Integer::parse(number, width))
    }

    fn real(self) -> Operand<'m> {
        use super::types::TypeKind;
        if !matches!(self.ty().kind(), TypeKind::Float | TypeKind::Double) {
            return Operand::Other;
        }
        let mut inexact = 0;
        // SAFETY: a live constant of type float or double, which a double holds exactly.
        Operand::Real(unsafe { LLVMConstRealGetDouble(self.0, &raw mut inexact) })
    }

    /// The elements of a constant struct or array.
    fn elements(self) -> Vec<Value<'m>> {
        let count = self.ty().element_count();
        // SAFETY: a live constant aggregate, and indices below the number of its elements.
        let element = |index| unsafe { Value::new(LLVMGetAggregateElement(self.0, index as u32)) };
        (0..count).map(element).collect()
    }

    fn bytes(self) -> Option<Vec<u8>> {
        let mut length = 0;
        // SAFETY: a live constant array; only if it is one of bytes is it read as a string, of
        // the length that LLVM gives.
        unsafe {
            if LLVMIsConstantString(self.0) == 0 {
                return None;
            }
            let start = LLVMGetAsString(self.0, &raw mut length);
            Some(std::slice::from_raw_parts(start.cast::<u8>(), length).to_vec())
        }
    }

    fn expression(self) -> ConstantExpression<'m> {
        // SAFETY: a live constant expression.
        match unsafe { LLVMGetConstOpcode(self.0) } {
            LLVMOpcode::LLVMGetElementPtr => ConstantExpression::ElementPointer,
            LLVMOpcode::LLVMPtrToInt | LLVMOpcode::LLVMPtrToAddr => {
                ConstantExpression::PointerToInteger(self.operand_at(0))
            }
            LLVMOpcode::LLVMIntToPtr => ConstantExpression::IntegerToPointer(self.operand_at(0)),
            LLVMOpcode::LLVMBitCast => ConstantExpression::BitCast(self.operand_at(0)),
            LLVMOpcode::LLVMTrunc => ConstantExpression::Truncate(self.operand_at(0)),
            opcode @ (LLVMOpcode::LLVMAdd | LLVMOpcode::LLVMSub | LLVMOpcode::LLVMXor) => {
                ConstantExpression::Binary(opcode, self.operand_at(0), self.operand_at(1))
            }
            _ => ConstantExpression::Other,
        }
    }

    /// The operands of an instruction or constant expression.
    pub fn operands(self) -> Vec<Value<'m>> {
        let kind = self.raw_kind();
        let has_operands = matches!(
            kind,
            LLVMValueKind::LLVMInstructionValueKind | LLVMValueKind::LLVMConstantExprValueKind
        );
        if !has_operands {
            return Vec::new();
        }
        // SAFETY: a live instruction or expression, and indices below the number of operands.
        unsafe {
            let count = LLVMGetNumOperands(self.0) as u32;
            (0..count).map(|index| Value::new(LLVMGetOperand(self.0, index))).collect()
        }
    }

    /// The operand of this number.
    ///
    /// # Panics
    /// When there is no such operand; LLVM's verifier has seen to it that there is.
    pub fn operand_at(self, index: usize) -> Value<'m> {
        self.operands()[index]
    }

    /// The type that an element pointer, instruction or constant, steps through.
    pub fn element_pointer_base_type(self) -> Type<'m> {
        assert!(
            self.opcode() == Some(LLVMOpcode::LLVMGetElementPtr)
                || matches!(
                    self.operand(),
                    Operand::Expression(ConstantExpression::ElementPointer)
                ),
            "no element pointer"
        );
        // SAFETY: a live getelementptr.
        unsafe { Type::new(LLVMGetGEPSourceElementType(self.0)) }
    }

    /// The opcode, if it is an instruction.
    pub fn opcode(self) -> Option<LLVMOpcode> {
        (self.raw_kind() == LLVMValueKind::LLVMInstructionValueKind)
            // SAFETY: a live instruction.
            .then(|| unsafe { LLVMGetInstructionOpcode(self.0) })
    }

    /// Whether it is a call.
    pub fn is_call(self) -> bool {
        self.opcode() == Some(LLVMOpcode::LLVMCall)
    }

    /// Whether it is a function, declared or defined.
    pub fn is_function(self) -> bool {
        self.raw_kind() == LLVMValueKind::LLVMFunctionValueKind
    }

    /// Whether it is a function that LLVM itself knows the meaning of.
    pub fn is_intrinsic(self) -> bool {
        self.is_function() && self.name().starts_with("llvm.")
    }

    fn is_symbol(self) -> bool {
        matches!(
            self.raw_kind(),
            LLVMValueKind::LLVMFunctionValueKind
                | LLVMValueKind::LLVMGlobalVariableValueKind
                | LLVMValueKind::LLVMGlobalAliasValueKind
        )
    }

    /// The type of what a symbol names, for a function its function type.
    pub fn value_type(self) -> Type<'m> {
        assert!(self.is_symbol(), "not a symbol");
        // SAFETY: a live global value.
        unsafe { Type::new(LLVMGlobalGetValueType(self.0)) }
    }

    /// Whether a symbol is defined elsewhere.
    pub fn is_declaration(self) -> bool {
        assert!(self.is_symbol(), "not a symbol");
        // SAFETY: a live global value.
        unsafe { LLVMIsDeclaration(self.0) != 0 }
    }

    /// The linkage of a symbol.
    pub fn linkage(self) -> Linkage {
        assert!(self.is_symbol(), "not a symbol");
        // SAFETY: a live global value.
        match unsafe { LLVMGetLinkage(self.0) } {
            LLVMLinkage::LLVMExternalLinkage => Linkage::External,
            LLVMLinkage::LLVMLinkOnceAnyLinkage
            | LLVMLinkage::LLVMLinkOnceODRLinkage
            | LLVMLinkage::LLVMLinkOnceODRAutoHideLinkage
            | LLVMLinkage::LLVMWeakAnyLinkage
            | LLVMLinkage::LLVMWeakODRLinkage
            | LLVMLinkage::LLVMExternalWeakLinkage => Linkage::Weak,
            LLVMLinkage::LLVMInternalLinkage => Linkage::Internal,
            LLVMLinkage::LLVMPrivateLinkage => Linkage::Private,
            LLVMLinkage::LLVMCommonLinkage => Linkage::Common,
            _ => Linkage::Other,
        }
    }

    /// The visibility of a symbol.
    pub fn visibility(self) -> Visibility {
        assert!(self.is_symbol(), "not a symbol");
        // SAFETY: a live global value.
        match unsafe { LLVMGetVisibility(self.0) } {
            LLVMVisibility::LLVMDefaultVisibility => Visibility::Default,
            LLVMVisibility::LLVMHiddenVisibility => Visibility::Hidden,
            LLVMVisibility::LLVMProtectedVisibility => Visibility::Protected,
        }
    }

    /// The section a symbol asks to be in.
    pub fn section(self) -> Option<String> {
        assert!(self.is_symbol(), "not a symbol");
        // SAFETY: a live global value, whose section name is copied.
        let section = unsafe { text::borrowed(LLVMGetSection(self.0)) };
        (!section.is_empty()).then_some(section)
    }

    /// The alignment a function or variable asks for, in bytes.
    pub fn symbol_alignment(self) -> Option<u32> {
        assert!(self.is_symbol() && self.raw_kind() != LLVMValueKind::LLVMGlobalAliasValueKind);
        // SAFETY: a live function or variable.
        let alignment = unsafe { LLVMGetAlignment(self.0) };
        (alignment != 0).then_some(alignment)
    }

    fn assert_variable(self) {
        assert_eq!(self.raw_kind(), LLVMValueKind::LLVMGlobalVariableValueKind);
    }

    /// Whether a variable is never written.
    pub fn is_constant_variable(self) -> bool {
        self.assert_variable();
        // SAFETY: a live variable.
        unsafe { LLVMIsGlobalConstant(self.0) != 0 }
    }

    /// Whether each thread has its own copy of a variable.
    pub fn is_thread_local(self) -> bool {
        self.assert_variable();
        // SAFETY: a live variable.
        unsafe { LLVMIsThreadLocal(self.0) != 0 }
    }

    /// What a variable holds at first; none when it is only declared.
    pub fn initializer(self) -> Option<Value<'m>> {
        self.assert_variable();
        // SAFETY: a live variable; a null result is not wrapped.
        unsafe {
            let raw = LLVMGetInitializer(self.0);
            (!raw.is_null()).then(|| Value::new(raw))
        }
    }

    /// What an alias stands for.
    pub fn aliasee(self) -> Value<'m> {
        assert_eq!(self.raw_kind(), LLVMValueKind::LLVMGlobalAliasValueKind);
        // SAFETY: a live alias.
        unsafe { Value::new(LLVMAliasGetAliasee(self.0)) }
    }

    /// The parameters of a function, as values.
    pub fn function_parameters(self) -> Vec<Value<'m>> {
        assert!(self.is_function(), "not a function");
        // SAFETY: a live function, and indices below the number of its parameters.
        unsafe {
            (0..LLVMCountParams(self.0)).map(|i| Value::new(LLVMGetParam(self.0, i))).collect()
        }
    }

    /// The number of a function's calling convention.
    pub fn calling_convention(self) -> u32 {
        assert!(self.is_function(), "not a function");
        // SAFETY: a live function.
        unsafe { LLVMGetFunctionCallConv(self.0) }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: a live value, and a message made for us.
        out.write_str(&unsafe { text::taken(LLVMPrintValueToString(self.0)) })
    }
}
