//! Functions, variables and aliases: what they are called in C, and what GCC must be told so that
//! the object file has them under their own names.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::error::{Construct, Unsupported};
use crate::ir::{Linkage, Module, Operand, Value, Visibility};

use super::context::Context;
use super::quoted::quoted;

/// The variable of LLVM's whose initialiser lists what the linker must keep.
const RETAINED_LIST: &str = "llvm.used";
/// The one that lists what the compiler must keep, but the linker may drop.
const KEPT_LIST: &str = "llvm.compiler.used";
/// Variables of LLVM's that list functions to run before or after the program.
const CONSTRUCTOR_LISTS: [&str; 2] = ["llvm.global_ctors", "llvm.global_dtors"];

/// The C names of a module's symbols. They are made up, so that no symbol can clash with a
/// keyword, a type, a builtin function or another symbol; `__asm__` gives the object file the real
/// names.
pub struct Names<'m> {
    numbers: HashMap<Value<'m>, usize>,
    kept: HashSet<Value<'m>>,
    retained: HashSet<Value<'m>>,
    writable_sections: HashSet<String>,
}

impl<'m> Names<'m> {
    pub fn new(module: &'m Module) -> Self {
        let (functions, variables) = (module.functions(), module.variables());
        let symbols = functions.iter().chain(&variables).copied().chain(module.aliases());
        let writable = |variable: &&Value<'m>| !variable.is_constant_variable();
        Names {
            numbers: symbols.enumerate().map(|(number, symbol)| (symbol, number)).collect(),
            kept: listed(&variables, KEPT_LIST),
            retained: listed(&variables, RETAINED_LIST),
            writable_sections: variables
                .iter()
                .filter(writable)
                .filter_map(|variable| variable.section())
                .collect(),
        }
    }

    /// The C identifier. That of a function ends in its real name where C allows, for debuggers
    /// show it.
    pub fn identifier(&self, symbol: Value<'m>) -> String {
        let number = self.numbers[&symbol];
        if !symbol.is_function() {
            return format!("g{number}");
        }
        let name = symbol.name();
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if plain { format!("f{number}_{name}") } else { format!("f{number}") }
    }

    /// The symbol's address as a C expression.
    pub fn address(&self, symbol: Value<'m>) -> String {
        let identifier = self.identifier(symbol);
        let reference = if symbol.is_function() { "" } else { "&" };
        format!("((pointer){reference}{identifier})")
    }

    /// The symbol's name in the object file.
    pub fn label(&self, symbol: Value<'m>) -> Result<String, Construct> {
        let name = symbol.name();
        let number = self.numbers[&symbol];
        match symbol.linkage() {
            Linkage::Private => Ok(format!(".Lir2c_{number}")),
            _ if is_assembler_name(&name) => Ok(name),
            Linkage::Internal => Ok(format!("ir2c.{number}")),
            _ => Err(Construct::SymbolName(name)),
        }
    }

    /// `static`, `extern` or nothing, for a declaration.
    pub fn storage(&self, symbol: Value<'m>) -> &'static str {
        match symbol.linkage() {
            Linkage::Internal | Linkage::Private => "static ",
            _ if symbol.is_declaration() => "extern ",
            _ => "",
        }
    }

    /// What follows a declarator: the real name, and the attributes that linkage, visibility,
    /// section and the lists of kept symbols ask for.
    pub fn suffix(&self, symbol: Value<'m>, more: &[String]) -> Result<String, Construct> {
        let mut attributes = vec!["unused".to_string()];
        match symbol.linkage() {
            Linkage::External | Linkage::Internal | Linkage::Private => {}
            Linkage::Weak => attributes.push("weak".into()),
            Linkage::Common => attributes.push("common".into()),
            Linkage::Other => return Err(Construct::Linkage),
        }
        match symbol.visibility() {
            Visibility::Default => {}
            Visibility::Hidden => attributes.push("visibility(\"hidden\")".into()),
            Visibility::Protected => attributes.push("visibility(\"protected\")".into()),
        }
        if let Some(section) = symbol.section() {
            attributes.push(format!("section({})", quoted(&section)));
        }
        if self.kept.contains(&symbol) {
            attributes.push("used".into());
        }
        if self.retained.contains(&symbol) {
            attributes.push("used,retain".into());
        }
        attributes.extend_from_slice(more);
        let label = quoted(&self.label(symbol)?);
        Ok(format!("__asm__({label}) __attribute__(({}))", attributes.join(",")))
    }

    /// Whether a variable can be `const`: GCC makes a section writable or not as a whole, so that
    /// one variable that is written makes all others of its section writable.
    pub fn is_const(&self, variable: Value<'m>) -> bool {
        let section = variable.section();
        variable.is_constant_variable()
            && !section.is_some_and(|section| self.writable_sections.contains(&section))
    }
}

/// The symbols in the initialiser of the variable of this name.
fn listed<'m>(variables: &[Value<'m>], name: &str) -> HashSet<Value<'m>> {
    let list = variables.iter().find(|variable| variable.name() == name);
    match list.and_then(|list| list.initializer()).map(Value::operand) {
        Some(Operand::Elements(elements)) => elements.into_iter().collect(),
        _ => HashSet::new(),
    }
}

/// Whether a variable only tells LLVM something.
pub fn is_kept_list(variable: Value<'_>) -> bool {
    [RETAINED_LIST, KEPT_LIST].contains(&variable.name().as_str())
}

fn is_assembler_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$');
    !name.is_empty() && name.chars().all(allowed) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// What is wrong with the module's symbols, apart from what they contain.
pub fn rejections(module: &Module) -> Vec<Unsupported> {
    let mut found = Vec::new();
    for symbol in module.ifuncs() {
        found.push(Unsupported::in_symbol(&symbol.name(), Construct::IndirectFunction));
    }
    for variable in module.variables() {
        let name = variable.name();
        if CONSTRUCTOR_LISTS.contains(&name.as_str()) {
            found.push(Unsupported::in_module(Construct::Constructors(name)));
        } else if name.starts_with("llvm.") && !is_kept_list(variable) {
            found.push(Unsupported::in_module(Construct::SpecialVariable(name)));
        } else if variable.is_thread_local() {
            found.push(Unsupported::in_symbol(&name, Construct::ThreadLocal));
        }
    }
    let mut code_sections = BTreeMap::new();
    for function in module.functions() {
        if let Some(section) = function.section() {
            code_sections.insert(section, ());
        }
    }
    for variable in module.variables() {
        if let Some(section) = variable.section().filter(|name| code_sections.contains_key(name)) {
            let construct = Construct::MixedSection(section);
            found.push(Unsupported::in_symbol(&variable.name(), construct));
        }
    }
    found
}

/// Declares all aliases.
pub fn aliases<'m>(context: &mut Context<'m>, found: &mut Vec<Unsupported>) -> String {
    let mut text = String::new();
    for alias in context.module.aliases() {
        match alias_declaration(context, alias) {
            Ok(declaration) => text += &declaration,
            Err(construct) => found.push(Unsupported::in_symbol(&alias.name(), construct)),
        }
    }
    text
}

fn alias_declaration<'m>(context: &Context<'m>, alias: Value<'m>) -> Result<String, Construct> {
    let address = context.symbol_address(alias.aliasee()).map_err(|_| Construct::Alias)?;
    if address.offset != 0 {
        return Err(Construct::Alias);
    }
    let names = &context.names;
    let target = quoted(&names.label(address.symbol)?);
    let suffix = names.suffix(alias, &[format!("alias({target})")])?;
    let identifier = names.identifier(alias);
    let storage = match alias.linkage() {
        Linkage::Internal | Linkage::Private => "static",
        _ => "extern",
    };
    Ok(if address.symbol.is_function() {
        format!("{storage} void {identifier}(void) {suffix};\n")
    } else {
        // GCC takes it for granted that nothing reaches beyond the end.
        let size = context.module.size_of(alias.value_type()).max(1);
        format!("{storage} u8 {identifier}[{size}] {suffix};\n")
    })
}
