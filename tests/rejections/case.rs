//! One rejection: a real module, what is changed in it, and the error that has to come.

use crate::edit::Edit;
use crate::real::{Architecture, with_arch};
use modlink::arch::Arch;
use modlink::image::{self, RelocationRef, SectionRef, SymbolRef};
use modlink::link::{self, UnknownSymbols};
use modlink::{Errno, LoadError, Name};
use modlink_host::{HostKernel, ModuleFile};

/// A changed module and how it has to be rejected.
pub struct Case {
    /// What is wrong with it.
    pub name: String,
    /// The changed file.
    pub file: Vec<u8>,
    /// The error.
    pub error: LoadError,
    /// The number that Linux gives.
    pub errno: Errno,
    /// What the text has to contain beside the place.
    pub says: String,
}

impl Case {
    /// Whether the file is rejected by the linker alone, whatever kernel it is for.
    fn is_linkers(&self) -> bool {
        let is_kernels_limit = matches!(
            self.error,
            LoadError::Image(
                image::Error::TooLarge { .. }
                    | image::Error::Section {
                        problem: image::SectionProblem::AlignmentLimit(_),
                        ..
                    }
            )
        );
        !is_kernels_limit
            && matches!(
                self.error,
                LoadError::Image(_) | LoadError::Link(_) | LoadError::UnknownSymbols(_)
            )
    }
}

/// The cases of one subject on one architecture.
pub struct Cases {
    /// The architecture.
    pub on: Architecture,
    /// The module that is changed.
    pub real: Edit,
    all: Vec<Case>,
}

impl Cases {
    /// None yet.
    pub fn on(architecture: Architecture) -> Self {
        Self { on: architecture, real: architecture.module(), all: Vec::new() }
    }

    /// Adds a case: `change` changes the module and returns the error, which says `says` and has
    /// the number `ENOEXEC`.
    pub fn add<E: Into<LoadError>>(
        &mut self,
        name: impl Into<String>,
        says: impl Into<String>,
        change: impl FnOnce(&mut Edit) -> E,
    ) {
        self.add_with(Errno::ENOEXEC, name, says, change);
    }

    /// The same with another error number.
    pub fn add_with<E: Into<LoadError>>(
        &mut self,
        errno: Errno,
        name: impl Into<String>,
        says: impl Into<String>,
        change: impl FnOnce(&mut Edit) -> E,
    ) {
        let mut file = self.real.clone();
        let error = change(&mut file).into();
        self.all.push(Case {
            name: name.into(),
            file: file.into_bytes(),
            error,
            errno,
            says: says.into(),
        });
    }

    /// Adds a case whose file is not a changed module but these bytes.
    pub fn add_file(&mut self, errno: Errno, name: &str, file: Vec<u8>, error: image::Error) {
        self.all.push(Case {
            name: name.into(),
            file,
            error: error.into(),
            errno,
            says: String::new(),
        });
    }

    /// All of them.
    pub fn into_vec(self) -> Vec<Case> {
        self.all
    }
}

/// How an error names a section.
pub fn section(index: usize, name: &str) -> SectionRef {
    SectionRef { index, name: bytes(name) }
}

/// How an error names a symbol.
pub fn symbol(index: usize, name: &str) -> SymbolRef {
    SymbolRef { index, name: bytes(name) }
}

/// The error for these symbols, which nobody defines.
pub fn unknown(symbols: impl IntoIterator<Item = SymbolRef>) -> LoadError {
    let first: Vec<_> = symbols.into_iter().collect();
    LoadError::UnknownSymbols(UnknownSymbols { count: first.len(), first })
}

fn bytes(name: &str) -> Name {
    name.as_bytes().into()
}

/// Tries every case on its architecture, without a kernel and in one, and panics with a list of
/// those that do not come out as they have to or leave something behind.
#[track_caller]
pub fn expect_rejections(cases: impl Fn(Architecture) -> Vec<Case>) {
    let mut wrong = Vec::new();
    for architecture in Architecture::ALL {
        let cases = cases(architecture);
        assert!(!cases.is_empty(), "no cases on {architecture:?}");
        for case in cases.iter().filter(|case| case.is_linkers()) {
            let result = architecture.link(&case.file);
            let differences = differences(case, result.err().as_ref());
            wrong
                .extend(differences.iter().map(|what| format!("{architecture:?}: linked: {what}")));
        }
        let outcomes = with_arch!(architecture, A => load_all::<A>(architecture, &cases));
        wrong.extend(outcomes.into_iter().map(|what| format!("{architecture:?}: loaded: {what}")));
    }
    let first = &wrong[..wrong.len().min(20)];
    assert!(wrong.is_empty(), "{} are wrong:\n{}\n", wrong.len(), first.join("\n"));
}

/// Loads every case into a kernel that has a module already. Returns what is wrong.
fn load_all<A: Arch>(on: Architecture, cases: &[Case]) -> Vec<String> {
    let real = on.signed_module();
    let neighbour = ModuleFile::<A>::new("neighbour").exports("neighbourly");
    let loader = HostKernel::<A>::new().export_all_for(real, &[]).boot();
    loader.load(&neighbour.build()).expect("it loads");
    let kernel = loader.platform();
    let before = kernel.snapshot();

    let mut wrong = Vec::new();
    for case in cases {
        let outcome = loader.load(&case.file).err();
        wrong.extend(differences(case, outcome.as_ref()));
        let after = kernel.snapshot();
        if after != before {
            wrong.push(format!("{}: {after:?} instead of {before:?}", case.name));
            return wrong;
        }
    }
    // What made the difference was the change, and no name is taken.
    match loader.load(real).map(drop) {
        Ok(_) => loader.unload(b"crc_itu_t", false).expect("nobody uses it"),
        Err(error) => wrong.push(format!("the unchanged module: {error}")),
    }
    assert_eq!(kernel.snapshot(), before);
    wrong
}

/// In what an outcome differs from the one that a case wants.
fn differences(case: &Case, outcome: Option<&LoadError>) -> Vec<String> {
    let mut wrong = Vec::new();
    match outcome {
        None => wrong.push(format!("accepted; it should fail with {:?}", case.error)),
        Some(error) if *error != case.error => {
            wrong.push(format!("{error:?} instead of {:?}", case.error));
        }
        Some(error) => {
            if error.errno() != case.errno {
                wrong.push(format!("{} instead of {}", error.errno(), case.errno));
            }
            let text = error.to_string();
            for part in place(error).iter().chain([&case.says]) {
                if !text.contains(part.as_str()) {
                    wrong.push(format!("“{text}” does not say “{part}”"));
                }
            }
        }
    }
    wrong.iter().map(|what| format!("{}: {what}", case.name)).collect()
}

/// What the text of an error has to contain so that one can find the place.
fn place(error: &LoadError) -> Vec<String> {
    use image::Error as Image;
    match error {
        LoadError::Image(Image::Header(_)) => vec!["ELF header".into()],
        LoadError::Image(Image::Section { section, .. }) => vec![section_text(section)],
        LoadError::Image(Image::Symbol { symbol, .. }) => vec![symbol_text(symbol)],
        LoadError::Image(Image::SymbolTables(found)) => {
            vec!["symbol table".into(), found.to_string()]
        }
        LoadError::Image(Image::TooLarge { size, limit }) => {
            vec![format!("{size} bytes"), limit.to_string()]
        }
        LoadError::Link(link::Error::Relocation { relocation, .. }) => relocation_texts(relocation),
        LoadError::UnknownSymbols(symbols) => symbols.first.iter().map(symbol_text).collect(),
        LoadError::Import { symbol, .. } => vec![symbol_text(symbol)],
        LoadError::Entry { symbol, .. } => vec![symbol_text(symbol)],
        LoadError::Exists(name) | LoadError::Busy(name) => vec![format!("module {name}")],
        _ => Vec::new(),
    }
}

fn section_text(section: &SectionRef) -> String {
    format!("section {} ({})", section.index, section.name)
}

fn symbol_text(symbol: &SymbolRef) -> String {
    format!("symbol {} ({})", symbol.index, symbol.name)
}

fn relocation_texts(relocation: &RelocationRef) -> Vec<String> {
    vec![
        format!("{}+{:#x}", section_text(&relocation.section), relocation.offset),
        type_text(relocation),
        symbol_text(&relocation.symbol),
    ]
}

/// How the psABI calls the type of a relocation.
fn type_text(relocation: &RelocationRef) -> String {
    let names = match relocation.machine {
        62 => &object::elf::NAMES_R_X86_64,
        3 => &object::elf::NAMES_R_386,
        _ => &object::elf::NAMES_R_68K,
    };
    match names.name(object::elf::RelocationType(relocation.r_type)) {
        Some(name) => format!(": {name} to"),
        None => format!("relocation of type {} to", relocation.r_type),
    }
}
