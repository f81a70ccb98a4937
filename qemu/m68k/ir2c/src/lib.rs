//! interim
pub mod driver;
#[allow(warnings, clippy::all)]
mod first;
#[allow(warnings, clippy::all)]
mod llvm;

/// What was made of one module.
pub struct Translation {
    /// GNU C.
    pub source: String,
    /// Whether `#line` directives are in it.
    pub has_debug_info: bool,
}

/// Everything in a module that cannot be translated.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: cannot translate\n{}", messages.join("\n"))]
pub struct TranslateError {
    origin: String,
    messages: Vec<String>,
}

/// Translates bitcode.
///
/// # Errors
/// All constructs that have no translation.
pub fn translate(bitcode: &[u8], origin: &str) -> Result<Translation, TranslateError> {
    first::run(bitcode, true)
        .map(|source| Translation {
            has_debug_info: source.contains("\n#line "),
            source,
        })
        .map_err(|messages| TranslateError {
            origin: origin.into(),
            messages,
        })
}
