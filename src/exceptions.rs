//! Exception tables: where code goes on after a fault that it expects (Linux: the section
//! `__ex_table` of the kernel and of each module).
//!
//! Code that reads memory which may not be there, or a register that the processor may not have, says so
//! here. A handler of faults looks the address of the instruction up: for one in a module by
//! [`Loader::exception`](crate::Loader::exception), for one in the kernel itself in a [`Table`] over
//! the kernel's own section. What it finds says where to go on, and what to do before.
//!
//! How entries hold addresses is the architecture's affair ([`ExtableFormat`]).

use crate::arch::{Arch, Class, ExtableFormat};
use crate::image::raw::{Fields, wrap};
use crate::sort::{Sortable, heap_sort};
use core::fmt;
use core::marker::PhantomData;

/// Where code goes on after a fault of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The address at which it goes on.
    pub fixup: u64,
    /// What is to be done before.
    pub kind: Kind,
}

/// What is to be done before code goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: the table holds addresses alone ([`ExtableFormat::Absolute`]).
    Jump,
    /// What x86 asks for.
    X86(X86),
}

/// What an entry of x86 asks for (Linux 6.1, `asm/extable_fixup_types.h`): an action, and what that is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct X86 {
    /// The action, as the number that stands in the table.
    pub number: u8,
    /// The number of a register in the processor's encoding, 0 (`ax`) to 15 (`r15`).
    pub register: u8,
    /// Which registers are to be 0 afterwards: [`CLEAR_AX`](Self::CLEAR_AX), [`CLEAR_DX`](Self::CLEAR_DX).
    pub flags: u8,
    /// A number that the action may need.
    pub immediate: i16,
}

/// What x86 does before code goes on, by the names of Linux 6.1 without their `EX_TYPE_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum X86Action {
    /// `DEFAULT`: nothing.
    Default,
    /// `FAULT`: `ax` becomes the number of the fault's vector.
    Fault,
    /// `UACCESS`: nothing; a general protection fault is worth a warning, since the address was not canonical.
    UserAccess,
    /// `COPY`: as `FAULT`, and `UACCESS`'s warning.
    Copy,
    /// `CLEAR_FS`: `fs` becomes 0.
    ClearFs,
    /// `FPU_RESTORE`: the registers of the floating-point unit are to be those of a new process.
    FpuRestore,
    /// `BPF`: its own entries are made at run time.
    Bpf,
    /// `WRMSR`: nothing; the write to a register that the processor does not have is worth a warning.
    Wrmsr,
    /// `RDMSR`: `ax` and `dx` become 0, as if that had been read; worth a warning.
    Rdmsr,
    /// `WRMSR_SAFE`: the register becomes -EIO.
    WrmsrSafe,
    /// `RDMSR_SAFE`: the register becomes -EIO, `ax` and `dx` 0.
    RdmsrSafe,
    /// `WRMSR_IN_MCE`: the machine cannot go on.
    WrmsrInMce,
    /// `RDMSR_IN_MCE`: the machine cannot go on.
    RdmsrInMce,
    /// `DEFAULT_MCE_SAFE`: as `DEFAULT`, for a machine check too.
    DefaultMceSafe,
    /// `FAULT_MCE_SAFE`: as `FAULT`, for a machine check too.
    FaultMceSafe,
    /// `POP_REG`: the immediate and a word from the stack become the register.
    PopRegister,
    /// `IMM_REG`: the register becomes the immediate, with its sign.
    ImmediateRegister,
    /// `FAULT_SGX`: as `FAULT`, with a bit that says so.
    FaultSgx,
    /// `UCOPY_LEN`: `cx` becomes the immediate times `cx`, plus the register.
    CopyLength,
    /// `ZEROPAD`: the register is loaded as far as the page goes, and the rest is 0.
    ZeroPad,
}

impl X86 {
    /// That `ax` is to be 0.
    pub const CLEAR_AX: u8 = 1;
    /// That `dx` is to be 0.
    pub const CLEAR_DX: u8 = 2;

    const fn of(data: u32) -> Self {
        Self {
            number: data as u8,
            register: (data >> 8) as u8 & 0xf,
            flags: (data >> 12) as u8 & 0xf,
            immediate: (data >> 16) as u16 as i16,
        }
    }

    /// The action; `None` if Linux 6.1 has none of that number.
    pub const fn action(self) -> Option<X86Action> {
        Some(match self.number {
            1 => X86Action::Default,
            2 => X86Action::Fault,
            3 => X86Action::UserAccess,
            4 => X86Action::Copy,
            5 => X86Action::ClearFs,
            6 => X86Action::FpuRestore,
            7 => X86Action::Bpf,
            8 => X86Action::Wrmsr,
            9 => X86Action::Rdmsr,
            10 => X86Action::WrmsrSafe,
            11 => X86Action::RdmsrSafe,
            12 => X86Action::WrmsrInMce,
            13 => X86Action::RdmsrInMce,
            14 => X86Action::DefaultMceSafe,
            15 => X86Action::FaultMceSafe,
            16 => X86Action::PopRegister,
            17 => X86Action::ImmediateRegister,
            18 => X86Action::FaultSgx,
            19 => X86Action::CopyLength,
            20 => X86Action::ZeroPad,
            _ => return None,
        })
    }
}

/// What is wrong with an exception table. An index is that of an entry in the order in which they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableProblem {
    /// It is not in memory that is read alone.
    Memory,
    /// It ends within an entry: it has this many bytes.
    Size(usize),
    /// The instruction of this entry is not in the module's code.
    Instruction {
        /// Which entry.
        index: usize,
        /// The address that it has.
        address: u64,
    },
    /// Code would go on where there is no code of the module's, or, for an instruction that stays,
    /// in code that is freed once the init function has returned.
    Fixup {
        /// Which entry.
        index: usize,
        /// The address that it has.
        address: u64,
    },
    /// The instruction of this entry comes before that of the entry before it.
    Order {
        /// Which entry.
        index: usize,
    },
    /// What this entry refers to is out of reach of where it would have to stand.
    Distance {
        /// Which entry.
        index: usize,
    },
}

impl fmt::Display for TableProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("__ex_table")?;
        match self {
            Self::Memory => f.write_str(" is not in memory that is read alone"),
            Self::Size(size) => write!(f, " ends within an entry: it has {size} bytes"),
            Self::Instruction { index, address } => {
                write!(f, ": entry {index} is for an instruction at {address:#x}, where is no code")
            }
            Self::Fixup { index, address } => write!(
                f,
                ": entry {index} goes on at {address:#x}, where is no code for as long as it is needed"
            ),
            Self::Order { index } => write!(f, ": entry {index} is not in order"),
            Self::Distance { index } => {
                write!(f, ": entry {index} is out of reach of its place in order")
            }
        }
    }
}

impl core::error::Error for TableProblem {}

/// An exception table, in the order of the instructions.
///
/// For a kernel's own, whose bytes are those between the symbols that its linker script puts around the
/// section; the format is the architecture's.
#[derive(Clone, Copy, Debug)]
pub struct Table<'t, A> {
    entries: Entries<'t, A>,
}

impl<'t, A: Arch> Table<'t, A> {
    /// The table of these bytes, which stand at `address`. That costs as much as it has entries. From
    /// any context.
    ///
    /// # Errors
    /// [`TableProblem::Size`]; [`TableProblem::Order`], as the linker leaves it if code is in several sections:
    /// [`sort`](Self::sort) helps.
    pub fn new(bytes: &'t [u8], address: u64) -> Result<Self, TableProblem> {
        let entries = Entries::whole(bytes, address)?;
        match entries.disorder() {
            Some(index) => Err(TableProblem::Order { index }),
            None => Ok(Self { entries }),
        }
    }

    /// Puts the entries of the table of these bytes, which stand at `address`, in order. Takes nothing from the
    /// heap. A table that is in order costs as much as it has entries, another n log n. From any
    /// context, by whoever alone has the bytes.
    ///
    /// # Errors
    /// [`TableProblem::Size`], [`TableProblem::Distance`]: nothing has been changed then.
    pub fn sort(bytes: &mut [u8], address: u64) -> Result<(), TableProblem> {
        let entries = Entries::<A>::whole(bytes, address)?;
        if entries.disorder().is_none() {
            return Ok(());
        }
        let count = entries.len();
        if A::EXTABLE == ExtableFormat::Relative {
            entries.check_distances()?;
            rebase::<A>(bytes, Rebase::ToTable);
        }
        heap_sort(&mut Unordered { bytes: &mut *bytes, address, arch: PhantomData::<A> }, count);
        if A::EXTABLE == ExtableFormat::Relative {
            rebase::<A>(bytes, Rebase::ToFields);
        }
        Ok(())
    }

    /// The same of what is known to be in order.
    pub(crate) fn in_order(bytes: &'t [u8], address: u64) -> Self {
        Self { entries: Entries { bytes, address, arch: PhantomData } }
    }

    /// Where to go on after a fault of the instruction at `address`. If there are several entries for
    /// it, one of them, as in Linux. From any context, at the cost of a binary search.
    pub fn find(&self, address: u64) -> Option<Exception> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let instruction = self.entries.instruction(middle)?;
            if instruction == address {
                return self.entries.exception(middle);
            } else if instruction < address {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        None
    }

    /// All entries, each with the address of its instruction.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Exception)> {
        self.entries.iter()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The bytes of a table, which are those of whole entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entries<'t, A> {
    bytes: &'t [u8],
    /// Where they stand.
    address: u64,
    arch: PhantomData<A>,
}

/// The size of an entry in bytes.
pub(crate) const fn entry_size<A: Arch>() -> usize {
    match (A::EXTABLE, A::CLASS) {
        (ExtableFormat::Relative, _) => 3 * FIELD,
        (ExtableFormat::Absolute, Class::Elf32) => 2 * 4,
        (ExtableFormat::Absolute, Class::Elf64) => 2 * 8,
    }
}

/// The size of a distance in bytes.
const FIELD: usize = 4;

impl<'t, A: Arch> Entries<'t, A> {
    /// Those of these bytes, which stand at `address`.
    pub fn whole(bytes: &'t [u8], address: u64) -> Result<Self, TableProblem> {
        if !bytes.len().is_multiple_of(entry_size::<A>()) {
            return Err(TableProblem::Size(bytes.len()));
        }
        Ok(Self { bytes, address, arch: PhantomData })
    }

    pub fn len(&self) -> usize {
        self.bytes.chunks_exact(entry_size::<A>()).len()
    }

    /// All entries, each with the address of its instruction.
    pub fn iter(self) -> impl Iterator<Item = (u64, Exception)> {
        (0..self.len())
            .map_while(move |index| Some((self.instruction(index)?, self.exception(index)?)))
    }

    /// The offset of an entry, and its bytes.
    #[inline]
    fn at(&self, index: usize) -> Option<(usize, &'t [u8])> {
        let start = index.checked_mul(entry_size::<A>())?;
        Some((start, self.bytes.get(start..)?))
    }

    /// The address of the instruction of an entry.
    #[inline]
    fn instruction(&self, index: usize) -> Option<u64> {
        let (start, bytes) = self.at(index)?;
        let mut fields = Fields::<A>::new(bytes);
        self.reference(&mut fields, start)
    }

    fn exception(&self, index: usize) -> Option<Exception> {
        let (start, bytes) = self.at(index)?;
        let mut fields = Fields::<A>::new(bytes);
        self.reference(&mut fields, start)?;
        let fixup = self.reference(&mut fields, start.wrapping_add(FIELD))?;
        let kind = match A::EXTABLE {
            ExtableFormat::Relative => Kind::X86(X86::of(fields.word()?)),
            ExtableFormat::Absolute => Kind::Jump,
        };
        Some(Exception { fixup, kind })
    }

    /// The address that the next field refers to, which is at that offset.
    #[inline]
    fn reference(&self, fields: &mut Fields<'_, A>, offset: usize) -> Option<u64> {
        match A::EXTABLE {
            ExtableFormat::Absolute => fields.native(),
            ExtableFormat::Relative => {
                let distance = i64::from(fields.word()? as i32);
                let field = self.address.wrapping_add(offset as u64);
                Some(wrap::<A>(field.wrapping_add_signed(distance)))
            }
        }
    }

    /// The first entry whose instruction comes before that of the entry before it.
    fn disorder(&self) -> Option<usize> {
        let mut before = 0;
        (0..self.len()).find(|index| {
            let instruction = self.instruction(*index).unwrap_or_default();
            let is_before = instruction < before;
            before = instruction;
            is_before
        })
    }

    /// Whether what each entry refers to is within reach of all places in the table. Where distances
    /// are as wide as addresses, it is.
    fn check_distances(&self) -> Result<(), TableProblem> {
        if A::CLASS == Class::Elf32 {
            return Ok(());
        }
        let last = self.bytes.len().saturating_sub(const { entry_size::<A>() }) as i64;
        for (index, entry) in self.bytes.chunks_exact(entry_size::<A>()).enumerate() {
            let start = index.wrapping_mul(entry_size::<A>()) as i64;
            let mut fields = Fields::<A>::new(entry);
            for _ in 0..2 {
                let distance = i64::from(fields.word().unwrap_or_default() as i32);
                // From the same field of the first entry, and of the last.
                let from_first = distance.saturating_add(start);
                let from_last = from_first.saturating_sub(last);
                if i32::try_from(from_first).is_err() || i32::try_from(from_last).is_err() {
                    return Err(TableProblem::Distance { index });
                }
            }
        }
        Ok(())
    }
}

/// From where distances are.
#[derive(Clone, Copy, PartialEq)]
enum Rebase {
    /// From each field to the same field of the first entry.
    ToTable,
    /// The other way round.
    ToFields,
}

/// Changes all distances, which are within reach of either.
fn rebase<A: Arch>(bytes: &mut [u8], rebase: Rebase) {
    for (index, entry) in bytes.chunks_exact_mut(entry_size::<A>()).enumerate() {
        let start = index.wrapping_mul(entry_size::<A>()) as u32;
        let by = if rebase == Rebase::ToTable { start } else { start.wrapping_neg() };
        let (fields, _) = entry.as_chunks_mut::<FIELD>();
        for field in fields.iter_mut().take(2) {
            let distance = Fields::<A>::new(field).word().unwrap_or_default();
            *field = match A::ORDER {
                crate::arch::ByteOrder::Little => distance.wrapping_add(by).to_le_bytes(),
                crate::arch::ByteOrder::Big => distance.wrapping_add(by).to_be_bytes(),
            };
        }
    }
}

/// Entries whose distances are from the start of the table, which is at `address`.
struct Unordered<'t, A> {
    bytes: &'t mut [u8],
    address: u64,
    arch: PhantomData<A>,
}

impl<A: Arch> Unordered<'_, A> {
    /// The address of the instruction of an entry.
    fn key(&self, index: usize) -> u64 {
        let start = index.wrapping_mul(entry_size::<A>());
        let mut fields = Fields::<A>::new(self.bytes.get(start..).unwrap_or_default());
        let entries = Entries::<A> { bytes: self.bytes, address: self.address, arch: PhantomData };
        entries.reference(&mut fields, 0).unwrap_or_default()
    }
}

impl<A: Arch> Sortable for Unordered<'_, A> {
    fn is_less(&self, one: usize, other: usize) -> bool {
        self.key(one) < self.key(other)
    }

    fn swap(&mut self, first: usize, second: usize) {
        let size = entry_size::<A>();
        let (first, second) = (first.wrapping_mul(size), second.wrapping_mul(size));
        let Some((front, back)) = self.bytes.split_at_mut_checked(second) else { return };
        let front = front.get_mut(first..).unwrap_or_default();
        for (a, b) in front.iter_mut().zip(back).take(size) {
            core::mem::swap(a, b);
        }
    }
}
