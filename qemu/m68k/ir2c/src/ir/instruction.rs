//! Instructions, taken apart.

use llvm_sys::LLVMValueKind;
use llvm_sys::core::*;
use llvm_sys::debuginfo::{
    LLVMDIFileGetDirectory, LLVMDIFileGetFilename, LLVMDIScopeGetFile, LLVMDISubprogramGetLine,
    LLVMGetSubprogram,
};
use llvm_sys::{
    LLVMAtomicOrdering, LLVMAtomicRMWBinOp, LLVMInlineAsmDialect, LLVMIntPredicate, LLVMOpcode,
    LLVMRealPredicate, LLVMTailCallKind,
};

use super::module::Block;
use super::text;
use super::types::Type;
use super::value::Value;

/// What an instruction does, with everything it needs for it.
pub enum Operation<'m> {
    /// Leaves the function.
    Return(Option<Value<'m>>),
    /// Goes to a block.
    Jump(Block<'m>),
    /// Goes to one of two blocks.
    Branch { condition: Value<'m>, then: Block<'m>, otherwise: Block<'m> },
    /// Goes to the block of the case that equals the value.
    Switch { value: Value<'m>, cases: Vec<(Value<'m>, Block<'m>)>, default: Block<'m> },
    /// Is never reached.
    Unreachable,
    /// Arithmetic or logic on two values of one type.
    Binary(LLVMOpcode, Value<'m>, Value<'m>),
    /// Changes the sign of a floating-point number.
    NegateFloat(Value<'m>),
    /// Room on the stack for `count` values of a type.
    StackSlot { ty: Type<'m>, count: Value<'m>, alignment: u32 },
    /// Reads memory.
    Load(Access<'m>),
    /// Writes memory.
    Store(Value<'m>, Access<'m>),
    /// Computes the address of an element.
    ElementPointer,
    /// Converts a value to the type of the instruction.
    Cast(LLVMOpcode, Value<'m>),
    /// Compares integers or pointers.
    CompareIntegers(LLVMIntPredicate, Value<'m>, Value<'m>),
    /// Compares floating-point numbers.
    CompareFloats(LLVMRealPredicate, Value<'m>, Value<'m>),
    /// Takes the value that belongs to the block control came from.
    Phi(Vec<(Block<'m>, Value<'m>)>),
    /// Calls a function.
    Call(Call<'m>),
    /// Executes assembly.
    Assembly(InlineAssembly<'m>),
    /// Chooses one of two values.
    Select { condition: Value<'m>, then: Value<'m>, otherwise: Value<'m> },
    /// Takes the next argument from a list of unnamed ones.
    VariadicArgument(Value<'m>),
    /// Reads an element of a struct or array.
    Extract { aggregate: Value<'m>, indices: Vec<u32> },
    /// Copies a struct or array and replaces an element.
    Insert { aggregate: Value<'m>, element: Value<'m>, indices: Vec<u32> },
    /// Orders memory accesses.
    Fence { ordering: LLVMAtomicOrdering, single_thread: bool },
    /// Writes memory if it holds the expected value.
    CompareExchange {
        pointer: Value<'m>,
        expected: Value<'m>,
        replacement: Value<'m>,
        success: LLVMAtomicOrdering,
        failure: LLVMAtomicOrdering,
    },
    /// Reads memory and writes what an operation makes of it, in one step.
    ReadModifyWrite(ReadModifyWrite<'m>),
    /// Makes any one value of an undefined one.
    Freeze(Value<'m>),
    /// A tail call that must not use the stack.
    MustTailCall,
    /// A call that carries operand bundles.
    CallWithBundles,
    /// Something the translation does not know.
    Other(LLVMOpcode),
}

/// A read or write of memory.
pub struct Access<'m> {
    /// The address.
    pub pointer: Value<'m>,
    /// What the address is a multiple of, in bytes.
    pub alignment: u32,
    /// Whether the access itself matters, not only the value.
    pub volatile: bool,
    /// What it is to other threads.
    pub atomic: Atomic,
}

/// What an access is to other threads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Atomic {
    /// Nothing.
    No,
    /// One step, ordered so.
    Yes(LLVMAtomicOrdering),
}

/// A call of a function.
pub struct Call<'m> {
    /// The function or a pointer to it.
    pub callee: Value<'m>,
    /// The type it is called with, whatever the function's own may be.
    pub function_type: Type<'m>,
    /// The arguments.
    pub arguments: Vec<Value<'m>>,
    /// The number of the calling convention.
    pub convention: u32,
}

/// Assembly with operands.
pub struct InlineAssembly<'m> {
    /// The text, in LLVM's notation for operands.
    pub template: String,
    /// Constraints, separated by commas.
    pub constraints: String,
    /// Whether it does more than compute its outputs.
    pub side_effects: bool,
    /// Whether it is in the dialect of m68k's assembler (LLVM's default one).
    pub default_dialect: bool,
    /// The inputs.
    pub arguments: Vec<Value<'m>>,
}

/// An atomic operation on memory.
pub struct ReadModifyWrite<'m> {
    /// What is done.
    pub operator: LLVMAtomicRMWBinOp,
    /// The address.
    pub pointer: Value<'m>,
    /// The right operand.
    pub operand: Value<'m>,
    /// How it is ordered among other accesses.
    pub ordering: LLVMAtomicOrdering,
}

/// A line of source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file, with its directory.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

impl<'m> Value<'m> {
    /// Takes an instruction apart.
    ///
    /// # Panics
    /// When the value is no instruction.
    pub fn operation(self) -> Operation<'m> {
        use LLVMOpcode::*;
        let opcode = self.opcode().expect("an instruction");
        let raw = self.raw();
        let operand = |index: usize| self.operand_at(index);
        // SAFETY: a live, verified instruction; each accessor is called for the opcode it is made
        // for, and with indices below the counts LLVM gives.
        unsafe {
            match opcode {
                LLVMRet => Operation::Return(self.operands().first().copied()),
                LLVMBr if LLVMIsConditional(raw) == 0 => {
                    Operation::Jump(Block::new(LLVMGetSuccessor(raw, 0)))
                }
                LLVMBr => Operation::Branch {
                    condition: Value::new(LLVMGetCondition(raw)),
                    then: Block::new(LLVMGetSuccessor(raw, 0)),
                    otherwise: Block::new(LLVMGetSuccessor(raw, 1)),
                },
                LLVMSwitch => Operation::Switch {
                    value: operand(0),
                    cases: (1..LLVMGetNumSuccessors(raw))
                        .map(|index| {
                            let value = Value::new(LLVMGetSwitchCaseValue(raw, index));
                            (value, Block::new(LLVMGetSuccessor(raw, index)))
                        })
                        .collect(),
                    default: Block::new(LLVMGetSuccessor(raw, 0)),
                },
                LLVMUnreachable => Operation::Unreachable,
                LLVMAdd | LLVMFAdd | LLVMSub | LLVMFSub | LLVMMul | LLVMFMul | LLVMUDiv
                | LLVMSDiv | LLVMFDiv | LLVMURem | LLVMSRem | LLVMFRem | LLVMShl | LLVMLShr
                | LLVMAShr | LLVMAnd | LLVMOr | LLVMXor => {
                    Operation::Binary(opcode, operand(0), operand(1))
                }
                LLVMFNeg => Operation::NegateFloat(operand(0)),
                LLVMAlloca => Operation::StackSlot {
                    ty: Type::new(LLVMGetAllocatedType(raw)),
                    count: operand(0),
                    alignment: LLVMGetAlignment(raw),
                },
                LLVMLoad => Operation::Load(self.access(operand(0))),
                LLVMStore => Operation::Store(operand(0), self.access(operand(1))),
                LLVMGetElementPtr => Operation::ElementPointer,
                LLVMTrunc | LLVMZExt | LLVMSExt | LLVMFPToUI | LLVMFPToSI | LLVMUIToFP
                | LLVMSIToFP | LLVMFPTrunc | LLVMFPExt | LLVMPtrToInt | LLVMPtrToAddr
                | LLVMIntToPtr | LLVMBitCast => Operation::Cast(opcode, operand(0)),
                LLVMICmp => {
                    Operation::CompareIntegers(LLVMGetICmpPredicate(raw), operand(0), operand(1))
                }
                LLVMFCmp => {
                    Operation::CompareFloats(LLVMGetFCmpPredicate(raw), operand(0), operand(1))
                }
                LLVMPHI => Operation::Phi(
                    (0..LLVMCountIncoming(raw))
                        .map(|index| {
                            let value = Value::new(LLVMGetIncomingValue(raw, index));
                            (Block::new(LLVMGetIncomingBlock(raw, index)), value)
                        })
                        .collect(),
                ),
                LLVMCall => self.call(),
                LLVMSelect => Operation::Select {
                    condition: operand(0),
                    then: operand(1),
                    otherwise: operand(2),
                },
                LLVMVAArg => Operation::VariadicArgument(operand(0)),
                LLVMExtractValue => {
                    Operation::Extract { aggregate: operand(0), indices: self.indices() }
                }
                LLVMInsertValue => Operation::Insert {
                    aggregate: operand(0),
                    element: operand(1),
                    indices: self.indices(),
                },
                LLVMFence => Operation::Fence {
                    ordering: LLVMGetOrdering(raw),
                    single_thread: LLVMIsAtomicSingleThread(raw) != 0,
                },
                LLVMAtomicCmpXchg => Operation::CompareExchange {
                    pointer: operand(0),
                    expected: operand(1),
                    replacement: operand(2),
                    success: LLVMGetCmpXchgSuccessOrdering(raw),
                    failure: LLVMGetCmpXchgFailureOrdering(raw),
                },
                LLVMAtomicRMW => Operation::ReadModifyWrite(ReadModifyWrite {
                    operator: LLVMGetAtomicRMWBinOp(raw),
                    pointer: operand(0),
                    operand: operand(1),
                    ordering: LLVMGetOrdering(raw),
                }),
                LLVMFreeze => Operation::Freeze(operand(0)),
                other => Operation::Other(other),
            }
        }
    }

    fn access(self, pointer: Value<'m>) -> Access<'m> {
        let raw = self.raw();
        // SAFETY: only called for loads and stores.
        unsafe {
            Access {
                pointer,
                alignment: LLVMGetAlignment(raw),
                volatile: LLVMGetVolatile(raw) != 0,
                atomic: match LLVMGetOrdering(raw) {
                    LLVMAtomicOrdering::LLVMAtomicOrderingNotAtomic => Atomic::No,
                    ordering => Atomic::Yes(ordering),
                },
            }
        }
    }

    fn indices(self) -> Vec<u32> {
        // SAFETY: only called for extractvalue and insertvalue, which have that number of indices.
        unsafe {
            let count = LLVMGetNumIndices(self.raw()) as usize;
            std::slice::from_raw_parts(LLVMGetIndices(self.raw()), count).to_vec()
        }
    }

    fn call(self) -> Operation<'m> {
        let raw = self.raw();
        // SAFETY: only called for calls; inline assembly is only asked what it has.
        unsafe {
            let callee = Value::new(LLVMGetCalledValue(raw));
            let count = LLVMGetNumArgOperands(raw) as usize;
            let arguments: Vec<_> = self.operands().into_iter().take(count).collect();
            if callee.raw_kind() == LLVMValueKind::LLVMInlineAsmValueKind {
                let mut length = 0;
                let start = LLVMGetInlineAsmAsmString(callee.raw(), &raw mut length);
                let template = text::copied(start, length);
                let start = LLVMGetInlineAsmConstraintString(callee.raw(), &raw mut length);
                let constraints = text::copied(start, length);
                let dialect = LLVMGetInlineAsmDialect(callee.raw());
                return Operation::Assembly(InlineAssembly {
                    template,
                    constraints,
                    side_effects: LLVMGetInlineAsmHasSideEffects(callee.raw()) != 0,
                    default_dialect: dialect == LLVMInlineAsmDialect::LLVMInlineAsmDialectATT,
                    arguments,
                });
            }
            if LLVMGetTailCallKind(raw) == LLVMTailCallKind::LLVMTailCallKindMustTail {
                return Operation::MustTailCall;
            }
            // The bundles of an assumption are part of the assumption, which is not translated.
            if LLVMGetNumOperandBundles(raw) != 0 && callee.name() != "llvm.assume" {
                return Operation::CallWithBundles;
            }
            Operation::Call(Call {
                callee,
                function_type: Type::new(LLVMGetCalledFunctionType(raw)),
                arguments,
                convention: LLVMGetInstructionCallConv(raw),
            })
        }
    }

    /// The line of source that this instruction comes from.
    pub fn location(self) -> Option<Location> {
        self.opcode()?;
        let raw = self.raw();
        let (mut file_length, mut directory_length) = (0, 0);
        // SAFETY: a live instruction; the strings are copied.
        unsafe {
            let line = LLVMGetDebugLocLine(raw);
            let file = LLVMGetDebugLocFilename(raw, &raw mut file_length);
            let directory = LLVMGetDebugLocDirectory(raw, &raw mut directory_length);
            let file = text::copied(file, file_length as usize);
            let directory = text::copied(directory, directory_length as usize);
            Location::new(&directory, &file, line)
        }
    }

    /// The line of source at which this function begins.
    pub fn function_location(self) -> Option<Location> {
        assert!(self.is_function(), "not a function");
        let (mut file_length, mut directory_length) = (0, 0);
        // SAFETY: a live function; a subprogram, if it has one, always has a file in a verified
        // module or none at all, which is checked; the strings are copied.
        unsafe {
            let subprogram = LLVMGetSubprogram(self.raw());
            if subprogram.is_null() {
                return None;
            }
            let line = LLVMDISubprogramGetLine(subprogram);
            let file = LLVMDIScopeGetFile(subprogram);
            if file.is_null() {
                return None;
            }
            let directory = LLVMDIFileGetDirectory(file, &raw mut directory_length);
            let name = LLVMDIFileGetFilename(file, &raw mut file_length);
            let name = text::copied(name, file_length as usize);
            let directory = text::copied(directory, directory_length as usize);
            Location::new(&directory, &name, line)
        }
    }
}

impl Location {
    /// Line 0 stands for code that no line of source gave rise to.
    fn new(directory: &str, file: &str, line: u32) -> Option<Self> {
        if line == 0 || file.is_empty() {
            return None;
        }
        let file = std::path::Path::new(directory).join(file);
        Some(Location { file: file.to_string_lossy().into_owned(), line })
    }
}
