//! LLVM's intermediate representation, as far as the translator reads it.
//!
//! All `unsafe` code of the crate is in this folder. [`Module`] owns what LLVM has parsed and
//! verified; [`Value`], [`Type`] and [`Block`] are handles into it that cannot outlive it. LLVM's
//! accessors ask two things of their caller, that a handle is alive and that it is of the kind
//! the accessor is made for; the lifetime settles the first, a match on the kind the second.

mod attribute;
mod instruction;
mod integer;
mod module;
mod text;
mod types;
mod value;

pub use self::attribute::{Attribute, Position};
pub use self::instruction::{
    Access, Atomic, Call, InlineAssembly, Location, Operation, ReadModifyWrite,
};
pub use self::integer::Integer;
pub use self::module::{Block, Module};
pub use self::types::{Type, TypeKind};
pub use self::value::{ConstantExpression, Linkage, Operand, Value, Visibility};

// LLVM's own names for what an instruction computes need no second set beside them.
pub use llvm_sys::{
    LLVMAtomicOrdering as Ordering, LLVMAtomicRMWBinOp as UpdateOperator,
    LLVMIntPredicate as IntegerPredicate, LLVMOpcode as Opcode,
    LLVMRealPredicate as FloatPredicate,
};
