//! A module, its lists, its data layout.

use std::ffi::CString;
use std::marker::PhantomData;
use std::ptr;

use llvm_sys::LLVMValueKind;
use llvm_sys::analysis::{LLVMVerifierFailureAction, LLVMVerifyModule};
use llvm_sys::core::*;
use llvm_sys::error::{LLVMDisposeErrorMessage, LLVMGetErrorMessage};
use llvm_sys::ir_reader::LLVMParseIRInContext2;
use llvm_sys::prelude::{LLVMBasicBlockRef, LLVMContextRef, LLVMModuleRef, LLVMValueRef};
use llvm_sys::target::{
    LLVMABIAlignmentOfType, LLVMABISizeOfType, LLVMGetModuleDataLayout, LLVMOffsetOfElement,
    LLVMTargetDataRef,
};
use llvm_sys::transforms::pass_builder::{
    LLVMCreatePassBuilderOptions, LLVMDisposePassBuilderOptions, LLVMRunPasses,
};

use super::text;
use super::types::{Type, TypeKind};
use super::value::Value;

/// A parsed and verified module, with the context it lives in.
pub struct Module {
    context: LLVMContextRef,
    module: LLVMModuleRef,
}

impl Module {
    /// Reads bitcode or LLVM assembly.
    ///
    /// # Errors
    /// LLVM's own words, when it cannot parse or verify the input.
    pub fn parse(input: &[u8], name: &str) -> Result<Self, String> {
        let name = CString::new(name.replace('\0', " ")).unwrap_or_default();
        let mut message = ptr::null_mut();
        // SAFETY: the buffer is copied from a live slice and belongs to us until it is disposed of
        // below; the context is new, and `Module` disposes of it, after the module.
        unsafe {
            let mut module = Module { context: LLVMContextCreate(), module: ptr::null_mut() };
            let buffer = LLVMCreateMemoryBufferWithMemoryRangeCopy(
                input.as_ptr().cast(),
                input.len(),
                name.as_ptr(),
            );
            let failed = LLVMParseIRInContext2(
                module.context,
                buffer,
                &raw mut module.module,
                &raw mut message,
            ) != 0;
            LLVMDisposeMemoryBuffer(buffer);
            if failed {
                module.module = ptr::null_mut();
                return Err(text::taken(message));
            }
            let action = LLVMVerifierFailureAction::LLVMReturnStatusAction;
            let broken = LLVMVerifyModule(module.module, action, &raw mut message) != 0;
            let message = text::taken(message);
            if broken { Err(message) } else { Ok(module) }
        }
    }

    /// Removes functions and variables that nothing needs.
    ///
    /// # Errors
    /// LLVM's own words, when its pass fails.
    pub fn drop_unused(&mut self) -> Result<(), String> {
        // SAFETY: a live module that nothing borrows, a valid pass name, no target machine (the
        // pass needs none), and options that are disposed of after their use.
        unsafe {
            let options = LLVMCreatePassBuilderOptions();
            let passes = c"globaldce".as_ptr();
            let error = LLVMRunPasses(self.module, passes, ptr::null_mut(), options);
            LLVMDisposePassBuilderOptions(options);
            if error.is_null() {
                return Ok(());
            }
            let message = LLVMGetErrorMessage(error);
            let text = text::borrowed(message);
            LLVMDisposeErrorMessage(message);
            Err(text)
        }
    }

    /// The data layout string.
    pub fn data_layout(&self) -> String {
        // SAFETY: a live module; the string stays LLVM's.
        unsafe { text::borrowed(LLVMGetDataLayoutStr(self.module)) }
    }

    /// Assembly outside all functions.
    pub fn assembly(&self) -> String {
        let mut length = 0;
        // SAFETY: a live module; the string stays LLVM's.
        unsafe {
            let start = LLVMGetModuleInlineAsm(self.module, &raw mut length);
            text::copied(start, length)
        }
    }

    /// Whether the module has line numbers.
    pub fn has_debug_info(&self) -> bool {
        // SAFETY: a live module and a NUL-terminated name.
        unsafe { LLVMGetNamedMetadataNumOperands(self.module, c"llvm.dbg.cu".as_ptr()) > 0 }
    }

    /// All functions, declared ones too, without LLVM's intrinsics.
    pub fn functions(&self) -> Vec<Value<'_>> {
        // SAFETY: a live module and the functions that walk its list of functions.
        let all = unsafe { self.list(LLVMGetFirstFunction, LLVMGetNextFunction) };
        all.into_iter().filter(|function| !function.is_intrinsic()).collect()
    }

    /// All variables, declared ones too.
    pub fn variables(&self) -> Vec<Value<'_>> {
        // SAFETY: a live module and the functions that walk its list of variables.
        unsafe { self.list(LLVMGetFirstGlobal, LLVMGetNextGlobal) }
    }

    /// All aliases.
    pub fn aliases(&self) -> Vec<Value<'_>> {
        // SAFETY: a live module and the functions that walk its list of aliases.
        unsafe { self.list(LLVMGetFirstGlobalAlias, LLVMGetNextGlobalAlias) }
    }

    /// All symbols whose address a resolver function decides at run time.
    pub fn ifuncs(&self) -> Vec<Value<'_>> {
        // SAFETY: a live module and the functions that walk its list of ifuncs.
        unsafe { self.list(LLVMGetFirstGlobalIFunc, LLVMGetNextGlobalIFunc) }
    }

    /// # Safety
    /// `first` and `next` walk a list of values that live as long as the module.
    unsafe fn list(
        &self,
        first: unsafe extern "C" fn(LLVMModuleRef) -> LLVMValueRef,
        next: unsafe extern "C" fn(LLVMValueRef) -> LLVMValueRef,
    ) -> Vec<Value<'_>> {
        let mut values = Vec::new();
        // SAFETY: as the caller vouches.
        unsafe {
            let mut current = first(self.module);
            while !current.is_null() {
                values.push(Value::new(current));
                current = next(current);
            }
        }
        values
    }

    fn layout(&self) -> LLVMTargetDataRef {
        // SAFETY: a live module, which keeps the layout.
        unsafe { LLVMGetModuleDataLayout(self.module) }
    }

    /// The bytes from one element of an array of this type to the next.
    pub fn size_of(&self, ty: Type<'_>) -> u64 {
        // SAFETY: a live layout and a type that has a size, as every operand's type has.
        unsafe { LLVMABISizeOfType(self.layout(), ty.raw()) }
    }

    /// The alignment that the ABI asks for, in bytes.
    pub fn alignment_of(&self, ty: Type<'_>) -> u32 {
        // SAFETY: a live layout and a type that has a size, as every variable's type has.
        unsafe { LLVMABIAlignmentOfType(self.layout(), ty.raw()) }
    }

    /// Where in a struct or array an element begins, in bytes.
    pub fn offset_of(&self, aggregate: Type<'_>, index: u64) -> u64 {
        match aggregate.kind() {
            TypeKind::Struct(count) => {
                assert!(index < u64::from(count), "no element {index} in {aggregate}");
                // SAFETY: a live layout and a struct type that has this element.
                unsafe { LLVMOffsetOfElement(self.layout(), aggregate.raw(), index as u32) }
            }
            TypeKind::Array(element, _) => self.size_of(element) * index,
            kind => panic!("element of {kind:?}"),
        }
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // SAFETY: both are ours, and no handle outlives `self`.
        unsafe {
            if !self.module.is_null() {
                LLVMDisposeModule(self.module);
            }
            LLVMContextDispose(self.context);
        }
    }
}

/// A basic block of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Block<'m>(LLVMBasicBlockRef, PhantomData<&'m Module>);

impl<'m> Block<'m> {
    /// # Safety
    /// `raw` is a block of the module that `'m` stands for.
    pub unsafe fn new(raw: LLVMBasicBlockRef) -> Self {
        Block(raw, PhantomData)
    }

    /// The instructions, in order.
    pub fn instructions(self) -> Vec<Value<'m>> {
        let mut instructions = Vec::new();
        // SAFETY: a live block, and the functions that walk its list.
        unsafe {
            let mut current = LLVMGetFirstInstruction(self.0);
            while !current.is_null() {
                instructions.push(Value::new(current));
                current = LLVMGetNextInstruction(current);
            }
        }
        instructions
    }

    /// The blocks that control may pass to from here.
    pub fn successors(self) -> Vec<Block<'m>> {
        // SAFETY: a live block, whose terminator (every verified block has one) has successors
        // numbered below their count.
        unsafe {
            let terminator = LLVMGetBasicBlockTerminator(self.0);
            let count = LLVMGetNumSuccessors(terminator);
            (0..count).map(|index| Block::new(LLVMGetSuccessor(terminator, index))).collect()
        }
    }
}

impl<'m> Value<'m> {
    /// The blocks of this function, the entry first; none when it is only declared.
    pub fn blocks(self) -> Vec<Block<'m>> {
        assert_eq!(self.raw_kind(), LLVMValueKind::LLVMFunctionValueKind);
        let mut blocks = Vec::new();
        // SAFETY: a live function, and the functions that walk its list.
        unsafe {
            let mut current = LLVMGetFirstBasicBlock(self.raw());
            while !current.is_null() {
                blocks.push(Block::new(current));
                current = LLVMGetNextBasicBlock(current);
            }
        }
        blocks
    }
}
