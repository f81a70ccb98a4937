//! What sections mean: each name to which Linux or the gABI gives a meaning, in one table.
//!
//! A section that is not in it is ordinary memory of the module, whose contents mean something to
//! the module alone. docs/sections.md says of each how it is treated and why, and how many modules
//! have it.

use super::strings::Text;
use core::fmt;
use core::ops::Range;
use goblin::elf::section_header::{SHT_FINI_ARRAY, SHT_INIT_ARRAY, SHT_PREINIT_ARRAY};
use static_assertions::const_assert;

/// What becomes of a section that a module has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// The loader does what it asks for.
    Handled,
    /// It is ignored, and the module runs as it would otherwise.
    Harmless,
    /// It is ignored, which is said once by its name: the module runs, and lacks something.
    Reported,
    /// The module would go wrong without what it asks for, so it is rejected.
    Rejected,
}

macro_rules! table {
    ($($name:literal $treatment:ident $why:literal)*) => {
        /// Ascending. A `*` at the end stands for any rest.
        const NAMES: &[&str] = &[$($name,)*];
        const TREATMENTS: &[Treatment] = &[$(Treatment::$treatment,)*];
        /// Apart from the others: a kernel that prints nothing links none of them.
        static WHY: &[&str] = &[$($why,)*];
        /// All names without anything between them, which is half as large as a list of them.
        static TEXT: &str = concat!($($name),*);
    };
}

// What it is for where it is handled; what nobody does where it is not.
table! {
    ".BTF*"                       Harmless "types for BPF programs"
    ".altinstructions"            Reported "every CPU runs the baseline instructions"
    ".call_sites"                 Harmless "calls that may be patched to count their depth"
    ".cfi_sites"                  Harmless "checks of calls that may be patched to be finer"
    ".codetag.*"                  Reported "its allocations are not counted"
    ".ctors*"                     Rejected "nobody would run its constructors"
    ".data..percpu*"              Rejected "its per-CPU variables would not be copied for each CPU"
    ".data..ro_after_init"        Handled  "data that is read-only once init has returned"
    ".data.percpu*"               Rejected "its per-CPU variables would not be copied for each CPU"
    ".dtors*"                     Rejected "nobody would run its destructors"
    ".eh_frame*"                  Harmless "how to unwind the stack"
    ".exitcall.exit"              Rejected "compiled as part of a kernel: its exit function has no name"
    ".export_symbol"              Rejected "its exports are not in one table: link it with module.ld"
    ".fini"                       Rejected "nobody would run its termination code"
    ".fini_array*"                Rejected "nobody would run its destructors"
    ".gcc_except_table*"          Harmless "how to unwind the stack"
    ".gnu.linkonce.this_module"   Handled  "its init and exit functions"
    ".ibt_endbr_seal"             Harmless "functions that may be barred from indirect calls"
    ".init"                       Rejected "nobody would run its initialisation code"
    ".init_array*"                Rejected "nobody would run its constructors"
    ".initcall*"                  Rejected "compiled as part of a kernel: its init function has no name"
    ".kcfi_traps"                 Reported "a failed check of a call is an unknown trap"
    ".klp.*"                      Rejected "nobody would apply it once what it patches is loaded"
    ".kunit_*"                    Reported "its unit tests do not run"
    ".m68k_fixup"                 Rejected "nobody would write the memory's layout into its code"
    ".modinfo"                    Handled  "what the module says of itself"
    ".note*"                      Harmless "notes for tools"
    ".orc_*"                      Harmless "how to unwind the stack"
    ".parainstructions"           Harmless "calls that may be patched to be direct"
    ".preinit_array*"             Rejected "nobody would run its constructors"
    ".printk_index"               Harmless "a list of its messages"
    ".retpoline_sites"            Harmless "jumps through thunks, which may be patched"
    ".return_sites"               Harmless "returns through thunks, which may be patched"
    ".smp_locks"                  Harmless "lock prefixes that one CPU can do without"
    ".static_call_sites"          Harmless "calls that may be patched to be direct"
    "___ksymtab*"                 Rejected "its exports are not in one table: link it with module.ld"
    "___srcu_struct_ptrs"         Rejected "nobody would initialise its SRCU domains"
    "__bpf_raw_tp_map"            Reported "BPF programs do not see its tracepoints"
    "__bug_table"                 Reported "a WARN or BUG is an unknown trap"
    "__dyndbg*"                   Harmless "messages that may be turned on"
    "__ex_table"                  Rejected "a fault that it expects would be fatal"
    "__jump_table"                Reported "static branches stay as compiled"
    "__kcrctab*"                  Harmless "versions of its exports"
    "__kflagstab"                 Handled  "which of its exports are for GPL-compatible modules"
    "__ksymtab"                   Handled  "its exports"
    "__ksymtab_gpl"               Handled  "its exports for GPL-compatible modules"
    "__ksymtab_gpl_future"        Rejected "its exports are in a table of Linux before 5.12"
    "__ksymtab_unused*"           Rejected "its exports are in a table of Linux before 5.12"
    "__mcount_loc"                Harmless "where a tracer may patch in calls"
    "__obsparm"                   Reported "obsolete parameters are not warned of"
    "__param"                     Reported "parameters keep their defaults"
    "__patchable_function_entries" Harmless "where a tracer may patch in calls"
    "__trace_printk_fmt"          Harmless "texts for readers of traces"
    "__tracepoint_check"          Harmless "a list for the build"
    "__tracepoint_str"            Harmless "texts for readers of traces"
    "__tracepoints_ptrs"          Reported "tracepoints stay off"
    "__version_ext_*"             Harmless "versions of its imports"
    "__versions"                  Harmless "versions of its imports"
    "_error_injection_whitelist"  Harmless "functions that may be made to fail"
    "_ftrace_eval_map"            Reported "trace events stay off"
    "_ftrace_events"              Reported "trace events stay off"
    "_kprobe_blacklist"           Harmless "functions that may not be probed"
    "alloc_tags"                  Reported "its allocations are not counted"
}

const COUNT: usize = NAMES.len();
// Sets of rows have a bit for each.
const_assert!(COUNT <= u64::BITS as usize);

/// A row of the table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KnownSection(u8);

impl KnownSection {
    /// All rows, by name.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..COUNT).map(|row| Self(row as u8))
    }

    /// The row of a section. An array of functions is one under any name.
    pub(super) fn of(name: Text<'_>, kind: u32) -> Option<Self> {
        match kind {
            SHT_INIT_ARRAY => Some(const { Self::row(".init_array*") }),
            SHT_FINI_ARRAY => Some(const { Self::row(".fini_array*") }),
            SHT_PREINIT_ARRAY => Some(const { Self::row(".preinit_array*") }),
            _ => Self::named(name),
        }
    }

    /// The row that a name is in. Most names are in none, and their first bytes tell.
    fn named(name: Text<'_>) -> Option<Self> {
        let mut next = *LOOKUP.first.get(slot(name.first_bytes()?))?;
        // Ends at the index of no row.
        while let Some(after) = LOOKUP.next.get(usize::from(next)) {
            let found = match Self(next).pattern() {
                [prefix @ .., b'*'] => name.starts_with(prefix),
                whole => name.is(whole),
            };
            if found {
                return Some(Self(next));
            }
            next = *after;
        }
        None
    }

    /// The row of that name.
    pub(crate) const fn row(name: &str) -> Self {
        let (mut row, mut rest) = (0, NAMES);
        while let [first, others @ ..] = rest {
            if equal(first.as_bytes(), name.as_bytes()) {
                return Self(row);
            }
            (row, rest) = (row.wrapping_add(1), others);
        }
        assert!(!rest.is_empty(), "no such row");
        Self(row)
    }

    /// The name of the section; with a `*` at the end, any that starts so.
    pub fn name(self) -> &'static str {
        TEXT.get(self.range()).unwrap_or_default()
    }

    fn pattern(self) -> &'static [u8] {
        TEXT.as_bytes().get(self.range()).unwrap_or_default()
    }

    /// Where its name stands in [`TEXT`].
    fn range(self) -> Range<usize> {
        let end = |row: u8| LOOKUP.ends.get(usize::from(row)).map_or(0, |end| usize::from(*end));
        end(self.0.wrapping_sub(1))..end(self.0)
    }

    /// What becomes of it unless the kernel provides what it asks for.
    pub fn treatment(self) -> Treatment {
        let is = |treated: KnownSections| treated.has(Some(self));
        if is(HANDLED) {
            Treatment::Handled
        } else if is(HARMLESS) {
            Treatment::Harmless
        } else if is(REPORTED) {
            Treatment::Reported
        } else {
            Treatment::Rejected
        }
    }

    /// What it is for, if it is handled or harmless; else, or if it is handled with a feature alone, what
    /// is lost without that.
    pub fn why(self) -> &'static str {
        WHY.get(usize::from(self.0)).copied().unwrap_or_default()
    }

    const fn bit(self) -> u64 {
        1_u64.wrapping_shl(self.0 as u32)
    }
}

impl fmt::Debug for KnownSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Rows of the table, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KnownSections(u64);

/// Harmless in the table, and handled where versions are compared.
const VERSIONS: KnownSections = if cfg!(feature = "versions") {
    KnownSections::of(["__kcrctab*", "__version_ext_*", "__versions"])
} else {
    KnownSections(0)
};
/// Rejected in the table, and handled where a fault goes on as an exception table says.
const EXCEPTIONS: KnownSections =
    if cfg!(feature = "exceptions") { KnownSections::of(["__ex_table"]) } else { KnownSections(0) };
/// Reported in the table, and handled where parameters are set.
const PARAMETERS: KnownSections =
    if cfg!(feature = "parameters") { KnownSections::of(["__param"]) } else { KnownSections(0) };
const HANDLED: KnownSections = KnownSections(
    KnownSections::treated(Treatment::Handled).0 | VERSIONS.0 | EXCEPTIONS.0 | PARAMETERS.0,
);
const HARMLESS: KnownSections =
    KnownSections(KnownSections::treated(Treatment::Harmless).0 & !VERSIONS.0);
const REPORTED: KnownSections =
    KnownSections(KnownSections::treated(Treatment::Reported).0 & !PARAMETERS.0);

impl KnownSections {
    /// Those of these names.
    pub const fn of<const N: usize>(names: [&str; N]) -> Self {
        let (mut set, mut rest) = (0, names.as_slice());
        while let [first, others @ ..] = rest {
            (set, rest) = (set | KnownSection::row(first).bit(), others);
        }
        Self(set)
    }

    const fn treated(treatment: Treatment) -> Self {
        let (mut set, mut row, mut rest) = (0, KnownSection(0), TREATMENTS);
        while let [first, others @ ..] = rest {
            if *first as u8 == treatment as u8 {
                set |= row.bit();
            }
            (row, rest) = (KnownSection(row.0.wrapping_add(1)), others);
        }
        Self(set)
    }

    #[inline]
    pub fn has(self, section: Option<KnownSection>) -> bool {
        section.is_some_and(|section| self.0 & section.bit() != 0)
    }

    pub fn insert(&mut self, section: KnownSection) {
        self.0 |= section.bit();
    }

    /// Those of which something is lost if they are ignored.
    pub fn losses(self) -> Self {
        Self(self.0 & !HARMLESS.0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// All of them, by name.
    pub fn iter(self) -> impl Iterator<Item = KnownSection> {
        KnownSection::all().filter(move |section| self.has(Some(*section)))
    }
}

/// How a name is found: the rows whose first bytes are in the same slot, one after the other.
struct Lookup {
    /// The first row of each slot, or [`NONE`].
    first: [u8; SLOTS],
    /// The row after each, or [`NONE`].
    next: [u8; COUNT],
    /// Where each name ends in [`TEXT`], where it starts at the end of the one before.
    ends: [u16; COUNT],
}

const SLOTS: usize = 64;
const NONE: u8 = u8::MAX;
static LOOKUP: Lookup = Lookup::new();

/// A factor with which no name that most modules have, and that is no row's, shares a slot.
const fn slot(first_bytes: [u8; 4]) -> usize {
    (u32::from_le_bytes(first_bytes).wrapping_mul(0x0943_feab) >> 26) as usize
}

impl Lookup {
    #[expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "it runs when the crate is compiled"
    )]
    const fn new() -> Self {
        let (mut first, mut next, mut ends) = ([NONE; SLOTS], [NONE; COUNT], [0; COUNT]);
        let (mut row, mut end) = (0, 0);
        while row < COUNT {
            let name = NAMES[row].as_bytes();
            let slot = slot([name[0], name[1], name[2], name[3]]);
            (next[row], first[slot]) = (first[slot], row as u8);
            end += name.len();
            ends[row] = end as u16;
            row += 1;
        }
        Self { first, next, ends }
    }
}

const fn equal(mut a: &[u8], mut b: &[u8]) -> bool {
    while let ([first, rest @ ..], [other, others @ ..]) = (a, b) {
        if *first != *other {
            return false;
        }
        (a, b) = (rest, others);
    }
    a.is_empty() && b.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::strings::Strings;
    use alloc::format;

    #[test]
    fn the_table_ascends_by_names_that_are_long_enough_to_be_found() {
        assert!(NAMES.is_sorted_by(|a, b| a < b));
        assert!(NAMES.iter().all(|name| name.trim_end_matches('*').len() >= 4));
    }

    #[test]
    fn each_row_is_found_by_its_name_and_by_no_other() {
        let found = |name: &str| {
            let table = format!("\0{name}\0");
            let name = Strings::new(table.as_bytes()).and_then(|table| table.at(1));
            KnownSection::of(name.expect("a name"), 1)
        };
        for row in KnownSection::all() {
            let name = row.name();
            if let Some(prefix) = name.strip_suffix('*') {
                assert_eq!(found(prefix), Some(row), "{prefix}");
                assert_eq!(found(&format!("{prefix}0")), Some(row), "{prefix}0");
                assert_eq!(found(&prefix[..prefix.len() - 1]), None, "less than {prefix}");
            } else {
                assert_eq!(found(name), Some(row), "{name}");
                assert_ne!(found(&format!("{name}0")), Some(row), "{name}0");
                assert_ne!(found(&name[..name.len() - 1]), Some(row), "less than {name}");
            }
            assert_eq!(KnownSection::row(name), row);
        }
        for name in ["", ".", ".te", ".text", ".data", ".bss", ".init.text", ".rodata.str1.1"] {
            assert_eq!(found(name), None, "{name}");
        }
    }
}
