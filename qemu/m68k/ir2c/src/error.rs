//! What cannot be translated.

use std::fmt;

/// A construct for which there is no translation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Construct {
    /// The module was compiled for another machine.
    #[error("data layout {0:?}, which is not that of m68k-kernel.json")]
    DataLayout(String),
    /// A vector.
    #[error("vector type {0}")]
    Vector(String),
    /// An f16 or f128.
    #[error("floating point of 16 or 128 bits")]
    ExtendedFloat,
    /// An f32 or f64, where they are not allowed.
    #[error("floating point, which a kernel that does not save FPU registers must not use")]
    Float,
    /// An integer of more than 256 bits.
    #[error("integer of {0} bits; at most 256 are supported")]
    IntegerWidth(u32),
    /// A struct or array of many elements as one value.
    #[error("value of {0} elements; at most 64 are supported")]
    LargeAggregate(u64),
    /// A type with no counterpart in C.
    #[error("type {0}")]
    Type(String),
    /// An instruction that nothing is known about.
    #[error("{0} instruction")]
    Instruction(String),
    /// Unwinding.
    #[error("unwinding ({0}); build with panic=abort")]
    Unwinding(String),
    /// A jump to a computed address.
    #[error("indirect branch")]
    IndirectBranch,
    /// A stack slot whose size is not known or that is not made on entry.
    #[error("stack slot of variable size or outside the entry block")]
    DynamicAlloca,
    /// A call that must not use the stack.
    #[error("musttail call")]
    MustTail,
    /// A call with operand bundles.
    #[error("call with operand bundles")]
    OperandBundles,
    /// A calling convention other than C's.
    #[error("calling convention {0}")]
    CallingConvention(u32),
    /// A parameter passed in a way that C has no words for.
    #[error("{0} parameter")]
    Parameter(&'static str),
    /// An integer that C has no type for, in the interface to C.
    #[error("integer of {0} bits between Rust and C")]
    ForeignInteger(u32),
    /// A struct returned to C.
    #[error("struct returned by an exported function; write it through a pointer instead")]
    ExportedStructReturn,
    /// A naked function that was not lowered to module assembly.
    #[error("naked function")]
    Naked,
    /// A narrow integer among unnamed arguments.
    #[error("integer of {0} bits as a variadic argument")]
    NarrowVariadicArgument(u32),
    /// `va_start` in a function without named parameters.
    #[error("variadic arguments without a named parameter before them")]
    UnnamedVariadic,
    /// An intrinsic that nothing is known about, for these types.
    #[error("intrinsic {0}")]
    Intrinsic(String),
    /// A volatile memcpy, memmove or memset.
    #[error("volatile {0}")]
    VolatileBlock(String),
    /// A volatile access to what takes several accesses.
    #[error("volatile access to {0}")]
    VolatileAccess(String),
    /// An atomic access to what the processor has no atomic access for.
    #[error("atomic access to {0}; the 68040 has them for 8, 16 and 32 bits")]
    AtomicType(String),
    /// An atomic operation that is not supported.
    #[error("atomic operation {0}")]
    AtomicOperation(String),
    /// A conversion that is not supported.
    #[error("conversion from {from} to {to}")]
    Conversion {
        /// The operand's type.
        from: String,
        /// The result's type.
        to: String,
    },
    /// An inline assembly constraint that is not supported.
    #[error("assembly constraint {0:?}")]
    AssemblyConstraint(String),
    /// Something in an inline assembly template that is not supported.
    #[error("assembly operand {0:?}")]
    AssemblyOperand(String),
    /// Inline assembly in another dialect.
    #[error("assembly in a foreign dialect")]
    AssemblyDialect,
    /// A constant that is not supported.
    #[error("constant {0}")]
    Constant(String),
    /// A thread-local variable.
    #[error("thread-local variable")]
    ThreadLocal,
    /// A symbol whose address is decided at run time.
    #[error("ifunc")]
    IndirectFunction,
    /// Functions to be run before or after the program.
    #[error("{0}: there is nobody to run constructors or destructors")]
    Constructors(String),
    /// A variable that means something to LLVM.
    #[error("special variable {0}")]
    SpecialVariable(String),
    /// A linkage that has no counterpart.
    #[error("unsupported linkage")]
    Linkage,
    /// An alias to the middle of something.
    #[error("alias to something that is no symbol")]
    Alias,
    /// A name that the assembler would not take for one.
    #[error("symbol name {0:?} cannot be written in assembly")]
    SymbolName(String),
    /// A section that holds both code and data.
    #[error("section {0:?} holds both functions and variables")]
    MixedSection(String),
}

impl Construct {
    /// A constant, as LLVM prints it, cut to a readable length.
    pub(crate) fn constant(value: impl fmt::Display) -> Self {
        Construct::Constant(abbreviated(&value.to_string()))
    }
}

/// One place in a module that cannot be translated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// The function, variable or alias; none if it is the module as a whole.
    pub symbol: Option<String>,
    /// The instruction as LLVM prints it, if it is one.
    pub instruction: Option<String>,
    /// What it is about it.
    pub construct: Construct,
}

impl Unsupported {
    pub(crate) fn in_module(construct: Construct) -> Self {
        Unsupported { symbol: None, instruction: None, construct }
    }

    pub(crate) fn in_symbol(symbol: &str, construct: Construct) -> Self {
        Unsupported { symbol: Some(symbol.into()), instruction: None, construct }
    }

    pub(crate) fn in_instruction(symbol: &str, instruction: &str, construct: Construct) -> Self {
        Unsupported {
            symbol: Some(symbol.into()),
            instruction: Some(abbreviated(instruction.trim())),
            construct,
        }
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(symbol) = &self.symbol {
            write!(out, "{symbol}: ")?;
        }
        write!(out, "{}", self.construct)?;
        if let Some(instruction) = &self.instruction {
            write!(out, "\n    in: {instruction}")?;
        }
        Ok(())
    }
}

/// Why there is no translation of a module.
#[derive(Debug, thiserror::Error)]
pub enum TranslateError {
    /// LLVM cannot read the input.
    #[error("{origin}: {message}")]
    Malformed {
        /// What the input is called.
        origin: String,
        /// LLVM's own words.
        message: String,
    },
    /// The input is sound, but there are things in it that have no translation.
    #[error("{origin}: no translation for {} construct(s)\n{}", found.len(), lines(found))]
    Unsupported {
        /// What the input is called.
        origin: String,
        /// Every one of them.
        found: Vec<Unsupported>,
    },
}

fn lines(found: &[Unsupported]) -> String {
    found.iter().map(|one| format!("  {one}")).collect::<Vec<_>>().join("\n")
}

const MAX_PRINTED: usize = 200;

fn abbreviated(text: &str) -> String {
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(MAX_PRINTED).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}
