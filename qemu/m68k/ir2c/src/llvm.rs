//! The part of LLVM's stable C interface that the translator uses (libLLVM-22.so).
#![allow(non_camel_case_types, non_snake_case, dead_code)]
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
macro_rules! handle { ($($n:ident)*) => { $( #[derive(Clone,Copy,PartialEq,Eq,Hash,Debug)] #[repr(transparent)] pub struct $n(pub *mut c_void); impl $n { pub fn ok(self)->Option<Self>{ if self.0.is_null(){None}else{Some(self)} } } )* } }
handle!(Ctx Mod Val Ty Bb Buf Td Attr);
#[link(name = "LLVM-22")]
unsafe extern "C" {
    pub fn LLVMContextCreate() -> Ctx;
    pub fn LLVMCreateMemoryBufferWithContentsOfFile(
        p: *const c_char,
        b: *mut Buf,
        m: *mut *mut c_char,
    ) -> c_int;
    pub fn LLVMParseIRInContext(c: Ctx, b: Buf, m: *mut Mod, e: *mut *mut c_char) -> c_int;
    pub fn LLVMGetModuleDataLayout(m: Mod) -> Td;
    pub fn LLVMGetModuleInlineAsm(m: Mod, l: *mut usize) -> *const c_char;
    pub fn LLVMGetFirstFunction(m: Mod) -> Val;
    pub fn LLVMGetNextFunction(v: Val) -> Val;
    pub fn LLVMGetFirstGlobal(m: Mod) -> Val;
    pub fn LLVMGetNextGlobal(v: Val) -> Val;
    pub fn LLVMGetFirstGlobalAlias(m: Mod) -> Val;
    pub fn LLVMGetNextGlobalAlias(v: Val) -> Val;
    pub fn LLVMGetFirstGlobalIFunc(m: Mod) -> Val;
    pub fn LLVMAliasGetAliasee(v: Val) -> Val;
    pub fn LLVMGetValueName2(v: Val, l: *mut usize) -> *const c_char;
    pub fn LLVMIsDeclaration(v: Val) -> c_int;
    pub fn LLVMGetLinkage(v: Val) -> c_uint;
    pub fn LLVMGetVisibility(v: Val) -> c_uint;
    pub fn LLVMGetSection(v: Val) -> *const c_char;
    pub fn LLVMGetAlignment(v: Val) -> c_uint;
    pub fn LLVMIsGlobalConstant(v: Val) -> c_int;
    pub fn LLVMIsThreadLocal(v: Val) -> c_int;
    pub fn LLVMGetInitializer(v: Val) -> Val;
    pub fn LLVMGlobalGetValueType(v: Val) -> Ty;
    pub fn LLVMGetTypeKind(t: Ty) -> c_uint;
    pub fn LLVMGetIntTypeWidth(t: Ty) -> c_uint;
    pub fn LLVMCountStructElementTypes(t: Ty) -> c_uint;
    pub fn LLVMStructGetTypeAtIndex(t: Ty, i: c_uint) -> Ty;
    pub fn LLVMGetElementType(t: Ty) -> Ty;
    pub fn LLVMGetArrayLength2(t: Ty) -> u64;
    pub fn LLVMGetReturnType(t: Ty) -> Ty;
    pub fn LLVMCountParamTypes(t: Ty) -> c_uint;
    pub fn LLVMGetParamTypes(t: Ty, o: *mut Ty);
    pub fn LLVMIsFunctionVarArg(t: Ty) -> c_int;
    pub fn LLVMABISizeOfType(d: Td, t: Ty) -> u64;
    pub fn LLVMStoreSizeOfType(d: Td, t: Ty) -> u64;
    pub fn LLVMABIAlignmentOfType(d: Td, t: Ty) -> c_uint;
    pub fn LLVMOffsetOfElement(d: Td, t: Ty, i: c_uint) -> u64;
    pub fn LLVMGetFirstBasicBlock(v: Val) -> Bb;
    pub fn LLVMGetNextBasicBlock(v: Bb) -> Bb;
    pub fn LLVMGetFirstInstruction(v: Bb) -> Val;
    pub fn LLVMGetNextInstruction(v: Val) -> Val;
    pub fn LLVMGetInstructionOpcode(v: Val) -> c_uint;
    pub fn LLVMGetNumOperands(v: Val) -> c_int;
    pub fn LLVMGetOperand(v: Val, i: c_uint) -> Val;
    pub fn LLVMTypeOf(v: Val) -> Ty;
    pub fn LLVMGetValueKind(v: Val) -> c_uint;
    pub fn LLVMConstIntGetZExtValue(v: Val) -> u64;
    pub fn LLVMConstRealGetDouble(v: Val, l: *mut c_int) -> f64;
    pub fn LLVMGetConstOpcode(v: Val) -> c_uint;
    pub fn LLVMGetICmpPredicate(v: Val) -> c_uint;
    pub fn LLVMGetFCmpPredicate(v: Val) -> c_uint;
    pub fn LLVMGetCalledFunctionType(v: Val) -> Ty;
    pub fn LLVMGetCalledValue(v: Val) -> Val;
    pub fn LLVMGetNumArgOperands(v: Val) -> c_uint;
    pub fn LLVMGetTailCallKind(v: Val) -> c_uint;
    pub fn LLVMCountIncoming(v: Val) -> c_uint;
    pub fn LLVMGetIncomingValue(v: Val, i: c_uint) -> Val;
    pub fn LLVMGetIncomingBlock(v: Val, i: c_uint) -> Bb;
    pub fn LLVMGetNumSuccessors(v: Val) -> c_uint;
    pub fn LLVMGetSuccessor(v: Val, i: c_uint) -> Bb;
    pub fn LLVMIsConditional(v: Val) -> c_int;
    pub fn LLVMGetCondition(v: Val) -> Val;
    pub fn LLVMGetSwitchCaseValue(v: Val, i: c_uint) -> Val;
    pub fn LLVMGetVolatile(v: Val) -> c_int;
    pub fn LLVMGetOrdering(v: Val) -> c_uint;
    pub fn LLVMIsAtomicSingleThread(v: Val) -> c_int;
    pub fn LLVMGetAtomicRMWBinOp(v: Val) -> c_uint;
    pub fn LLVMGetCmpXchgSuccessOrdering(v: Val) -> c_uint;
    pub fn LLVMGetCmpXchgFailureOrdering(v: Val) -> c_uint;
    pub fn LLVMGetAllocatedType(v: Val) -> Ty;
    pub fn LLVMGetGEPSourceElementType(v: Val) -> Ty;
    pub fn LLVMGetNumIndices(v: Val) -> c_uint;
    pub fn LLVMGetIndices(v: Val) -> *const c_uint;
    pub fn LLVMGetParam(v: Val, i: c_uint) -> Val;
    pub fn LLVMGetEnumAttributeKindForName(p: *const c_char, l: usize) -> c_uint;
    pub fn LLVMGetEnumAttributeAtIndex(f: Val, i: c_uint, k: c_uint) -> Attr;
    pub fn LLVMGetCallSiteEnumAttribute(f: Val, i: c_uint, k: c_uint) -> Attr;
    pub fn LLVMGetTypeAttributeValue(a: Attr) -> Ty;
    pub fn LLVMGetEnumAttributeValue(a: Attr) -> u64;
    pub fn LLVMGetInlineAsmAsmString(v: Val, l: *mut usize) -> *const c_char;
    pub fn LLVMGetInlineAsmConstraintString(v: Val, l: *mut usize) -> *const c_char;
    pub fn LLVMGetInlineAsmHasSideEffects(v: Val) -> c_int;
    pub fn LLVMGetRawDataValues(v: Val, l: *mut usize) -> *const c_char;
    pub fn LLVMGetAggregateElement(v: Val, i: c_uint) -> Val;
    pub fn LLVMPrintValueToString(v: Val) -> *mut c_char;
    pub fn LLVMPrintTypeToString(v: Ty) -> *mut c_char;
    pub fn LLVMGetDebugLocLine(v: Val) -> c_uint;
    pub fn LLVMGetDebugLocFilename(v: Val, l: *mut c_uint) -> *const c_char;
    pub fn LLVMIsAInstruction(v: Val) -> Val;
}
pub fn text(p: *const c_char, n: usize) -> String {
    if p.is_null() {
        return String::new();
    }
    String::from_utf8_lossy(unsafe { std::slice::from_raw_parts(p as *const u8, n) }).into_owned()
}
pub fn name(v: Val) -> String {
    let mut n = 0;
    let p = unsafe { LLVMGetValueName2(v, &mut n) };
    text(p, n)
}
pub fn show(v: Val) -> String {
    unsafe {
        CStr::from_ptr(LLVMPrintValueToString(v))
            .to_string_lossy()
            .into_owned()
    }
}
pub fn showty(v: Ty) -> String {
    unsafe {
        CStr::from_ptr(LLVMPrintTypeToString(v))
            .to_string_lossy()
            .into_owned()
    }
}
