//! A label for each variant of each error.
//!
//! Compiled twice: within the crate, where no wildcard hides a variant that has no label, and within
//! `tests/rejections`, for which the errors may have more variants than they know.
//! `match_variants!`, which each of them defines, is a `match` without the wildcard or with it.

#[cfg(feature = "exceptions")]
use modlink::exceptions::TableProblem;
use modlink::image::{Error as ImageError, HeaderProblem, SectionProblem, SymbolProblem};
use modlink::link::{Error as LinkError, Part, Problem};
use modlink::module::{EntryProblem, ModInfoProblem};
#[cfg(feature = "parameters")]
use modlink::parameters::ParameterProblem;
use modlink::platform::AllocateError;
use modlink::symbols::ExportProblem;
use modlink::{ImportProblem, LoadError, UnloadError};

/// Makes a function that labels the variants of an error, and a list of the labels.
macro_rules! labels {
    ($function:ident, $all:ident, $error:ty:
        $($(#[$if:meta])* $pattern:pat => $label:literal,)*
        $(; $($(#[$inner_if:meta])* $inner:pat => $inner_label:expr,)*)?
    ) => {
        pub fn $function(error: &$error) -> &'static str {
            match_variants!(error { $($(#[$if])* $pattern => $label,)* $($($(#[$inner_if])* $inner => $inner_label,)*)? })
        }

        pub const $all: &[&str] = &[$($(#[$if])* $label,)*];
    };
}

labels! { header_label, HEADER, HeaderProblem:
    HeaderProblem::Truncated => "header: Truncated",
    HeaderProblem::Magic => "header: Magic",
    HeaderProblem::Class(_) => "header: Class",
    HeaderProblem::ByteOrder(_) => "header: ByteOrder",
    HeaderProblem::IdentVersion(_) => "header: IdentVersion",
    HeaderProblem::Version(_) => "header: Version",
    HeaderProblem::Type(_) => "header: Type",
    HeaderProblem::Machine(_) => "header: Machine",
    HeaderProblem::HeaderSize { .. } => "header: HeaderSize",
    HeaderProblem::SectionHeaderSize { .. } => "header: SectionHeaderSize",
    HeaderProblem::SectionCount(_) => "header: SectionCount",
    HeaderProblem::TooManySections(_) => "header: TooManySections",
    HeaderProblem::SectionTable => "header: SectionTable",
    HeaderProblem::NameTable(_) => "header: NameTable",
}

labels! { section_label, SECTION, SectionProblem:
    SectionProblem::NotNull => "section: NotNull",
    SectionProblem::OutsideFile => "section: OutsideFile",
    SectionProblem::Alignment(_) => "section: Alignment",
    SectionProblem::AlignmentLimit(_) => "section: AlignmentLimit",
    SectionProblem::TooLarge(_) => "section: TooLarge",
    SectionProblem::EntrySize(_) => "section: EntrySize",
    SectionProblem::PartialEntry => "section: PartialEntry",
    SectionProblem::Name => "section: Name",
    SectionProblem::StringTable => "section: StringTable",
    SectionProblem::Link(_) => "section: Link",
    SectionProblem::Target(_) => "section: Target",
    SectionProblem::RelocationFormat(_) => "section: RelocationFormat",
    SectionProblem::Overlap => "section: Overlap",
    SectionProblem::AddendKind => "section: AddendKind",
    SectionProblem::ThreadLocal => "section: ThreadLocal",
    SectionProblem::Compressed => "section: Compressed",
    SectionProblem::Nonconforming(_) => "section: Nonconforming",
    SectionProblem::UnknownType(_) => "section: UnknownType",
    SectionProblem::NotAllocated => "section: NotAllocated",
    SectionProblem::WritableCode => "section: WritableCode",
    SectionProblem::Repeated => "section: Repeated",
    SectionProblem::NoBytes => "section: NoBytes",
    SectionProblem::Type(_) => "section: Type",
    SectionProblem::ModInfo(_) => "section: ModInfo",
}

labels! { symbol_label, SYMBOL, SymbolProblem:
    SymbolProblem::Name => "symbol: Name",
    SymbolProblem::Section(_) => "symbol: Section",
    SymbolProblem::ExtendedIndex => "symbol: ExtendedIndex",
    SymbolProblem::Common { .. } => "symbol: Common",
    SymbolProblem::SlimLto => "symbol: SlimLto",
    SymbolProblem::ThreadLocal => "symbol: ThreadLocal",
    SymbolProblem::IndirectFunction => "symbol: IndirectFunction",
    SymbolProblem::Binding(_) => "symbol: Binding",
    SymbolProblem::NotNull => "symbol: NotNull",
    #[cfg(feature = "kallsyms")]
    SymbolProblem::SharedNames => "symbol: SharedNames",
}

labels! { link_label, LINK, LinkError:
    LinkError::Block(Part::Core) => "link: core Block",
    LinkError::Block(Part::Init) => "link: init Block",
    LinkError::Relocation { problem: Problem::UnknownType, .. } => "link: UnknownType",
    LinkError::Relocation { problem: Problem::OutsideSection, .. } => "link: OutsideSection",
    LinkError::Relocation { problem: Problem::NoSymbol, .. } => "link: NoSymbol",
    LinkError::Relocation { problem: Problem::Overflow { .. }, .. } => "link: Overflow",
    LinkError::Relocation { problem: Problem::TargetNotZero, .. } => "link: TargetNotZero",
    LinkError::Relocation { problem: Problem::NotLoaded, .. } => "link: NotLoaded",
}

labels! { import_label, IMPORT, ImportProblem:
    ImportProblem::GplOnly => "import: GplOnly",
    ImportProblem::Proprietary(_) => "import: Proprietary",
    ImportProblem::Namespace(_) => "import: Namespace",
    #[cfg(feature = "versions")]
    ImportProblem::Version { .. } => "import: Version",
    #[cfg(feature = "versions")]
    ImportProblem::Unversioned => "import: Unversioned",
    ImportProblem::Coming(_) => "import: Coming",
    ImportProblem::Interrupted(_) => "import: Interrupted",
    ImportProblem::Going(_) => "import: Going",
    ImportProblem::Faulted(_) => "import: Faulted",
}

labels! { unload_label, UNLOAD, UnloadError:
    UnloadError::Disabled => "unload: Disabled",
    UnloadError::NotFound => "unload: NotFound",
    UnloadError::UsedBy(_) => "unload: UsedBy",
    UnloadError::Busy => "unload: Busy",
    UnloadError::Permanent => "unload: Permanent",
    UnloadError::Referenced(_) => "unload: Referenced",
    UnloadError::Interrupted => "unload: Interrupted",
    UnloadError::Faulted => "unload: Faulted",
}

labels! { load_label, LOAD, LoadError:
    LoadError::Image(ImageError::SymbolTables(_)) => "image: SymbolTables",
    LoadError::Image(ImageError::TooLarge { .. }) => "image: TooLarge",
    LoadError::Unsupported { .. } => "load: Unsupported",
    LoadError::Refused(_) => "load: Refused",
    LoadError::Disabled => "load: Disabled",
    LoadError::ModInfo(ModInfoProblem::NoName) => "load: NoName",
    LoadError::ModInfo(ModInfoProblem::NameLength(_)) => "load: NameLength",
    LoadError::ModInfo(ModInfoProblem::Namespaces) => "load: Namespaces",
    LoadError::ModInfo(ModInfoProblem::Collision) => "load: name Collision",
    LoadError::Denied(_) => "load: Denied",
    LoadError::ModuleNamespace(_) => "load: ModuleNamespace",
    #[cfg(feature = "versions")]
    LoadError::Versions(_) => "load: Versions",
    #[cfg(feature = "versions")]
    LoadError::Vermagic { .. } => "load: Vermagic",
    #[cfg(feature = "versions")]
    LoadError::ModuleLayout { .. } => "load: ModuleLayout",
    #[cfg(feature = "versions")]
    LoadError::Unversioned(_) => "load: Unversioned",
    LoadError::Exists(_) => "load: Exists",
    LoadError::Busy(_) => "load: Busy",
    LoadError::Interrupted(_) => "load: Interrupted",
    LoadError::Memory(AllocateError::Exhausted) => "load: no memory",
    LoadError::Memory(AllocateError::OutOfReach) => "load: no memory within reach",
    LoadError::Unreachable(_) => "load: Unreachable",
    LoadError::Ksymtab(_) => "load: Ksymtab",
    LoadError::Export(ExportProblem::Table(_)) => "load: export Table",
    LoadError::Export(ExportProblem::Flags { .. }) => "load: export Flags",
    #[cfg(feature = "versions")]
    LoadError::Export(ExportProblem::Versions { .. }) => "load: export Versions",
    #[cfg(feature = "versions")]
    LoadError::Export(ExportProblem::Version { .. }) => "load: export Version",
    LoadError::Export(ExportProblem::String { .. }) => "load: export String",
    LoadError::Export(ExportProblem::Value(_)) => "load: export Value",
    LoadError::Export(ExportProblem::Outside(_)) => "load: export Outside",
    LoadError::Export(ExportProblem::Collision(_)) => "load: export Collision",
    LoadError::Duplicate { .. } => "load: Duplicate",
    LoadError::Entry { problem: EntryProblem::NotInCode, .. } => "load: entry NotInCode",
    LoadError::Entry { problem: EntryProblem::Contradiction, .. } => "load: entry Contradiction",
    LoadError::Entry { problem: EntryProblem::Undecided, .. } => "load: entry Undecided",
    #[cfg(feature = "exceptions")]
    LoadError::Exceptions(TableProblem::Memory) => "load: exceptions Memory",
    #[cfg(feature = "exceptions")]
    LoadError::Exceptions(TableProblem::Size(_)) => "load: exceptions Size",
    #[cfg(feature = "exceptions")]
    LoadError::Exceptions(TableProblem::Instruction { .. }) => "load: exceptions Instruction",
    #[cfg(feature = "exceptions")]
    LoadError::Exceptions(TableProblem::Fixup { .. }) => "load: exceptions Fixup",
    LoadError::Arguments(_) => "load: Arguments",
    #[cfg(feature = "parameters")]
    LoadError::Parameters(ParameterProblem::Table(_)) => "load: parameters Table",
    #[cfg(feature = "parameters")]
    LoadError::Parameters(ParameterProblem::Repeated) => "load: parameters Repeated",
    #[cfg(feature = "parameters")]
    LoadError::Parameters(ParameterProblem::Name(_)) => "load: parameter Name",
    #[cfg(feature = "parameters")]
    LoadError::Parameters(ParameterProblem::Operations(_)) => "load: parameter Operations",
    #[cfg(feature = "parameters")]
    LoadError::Parameters(ParameterProblem::Function(_)) => "load: parameter Function",
    #[cfg(feature = "parameters")]
    LoadError::Parameters(ParameterProblem::Description(_)) => "load: parameter Description",
    #[cfg(feature = "parameters")]
    LoadError::Parameters(ParameterProblem::Element(_)) => "load: parameter Element",
    #[cfg(feature = "parameters")]
    LoadError::Parameters(ParameterProblem::Variable(_)) => "load: parameter Variable",
    #[cfg(feature = "parameters")]
    LoadError::Parameter { .. } => "load: Parameter",
    LoadError::Protect => "load: Protect",
    #[cfg(feature = "notifiers")]
    LoadError::Notifier(_) => "load: Notifier",
    LoadError::Init(_) => "load: Init",
    LoadError::Faulted => "load: Faulted",
    LoadError::UnknownSymbols(_) => "load: UnknownSymbols",
    LoadError::OutOfMemory => "load: OutOfMemory",
    ;
    LoadError::Image(ImageError::Header(problem)) => header_label(problem),
    LoadError::Image(ImageError::Section { problem, .. }) => section_label(problem),
    LoadError::Image(ImageError::Symbol { problem, .. }) => symbol_label(problem),
    LoadError::Link(error) => link_label(error),
    LoadError::Import { problem, .. } => import_label(problem),
    #[cfg(feature = "exceptions")]
    LoadError::Exceptions(TableProblem::Order { .. } | TableProblem::Distance { .. }) => "not of a module",
    LoadError::Image(ImageError::OutOfMemory) => "load: OutOfMemory in another guise",
}
