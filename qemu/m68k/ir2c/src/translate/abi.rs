//! C prototypes, such that GCC passes and returns everything as the m68k C ABI says.
//!
//! Narrow integers are declared in the narrow type, signed if the IR extends them by their sign,
//! for GCC extends them in the caller and relies on nothing in the callee. Structs passed by value
//! are structs of bytes of the same size. A struct that a C function returns is declared as such,
//! for GCC returns one of 1, 2, 4 or 8 bytes in registers and any other through %a1; between
//! Rust functions, the pointer to the result stays the ordinary first argument that it is in the
//! IR.

use crate::error::Construct;
use crate::ir::{Attribute, Linkage, Position, Type, Value};

use super::context::Context;
use super::integer;

/// Prefixes of mangled Rust names: of functions that C cannot call.
const RUST_PREFIXES: [&str; 2] = ["_R", "_ZN"];
/// LLVM's numbers for the calling conventions that are C's as far as GCC is concerned. `fastcc`
/// and `coldcc` are for functions that only this module calls.
const C_CONVENTIONS: [u32; 3] = [0, 8, 9];

/// A prototype without a name.
pub struct Signature {
    pub result: String,
    pub parameters: Vec<String>,
    pub variadic: bool,
}

impl Signature {
    /// `result declarator(parameters)`, with parameters called `parameter0` and so on if `named`.
    pub fn declare(&self, declarator: &str, named: bool) -> String {
        let mut parameters: Vec<String> = self.parameters.clone();
        if named {
            for (number, parameter) in parameters.iter_mut().enumerate() {
                *parameter += &format!(" parameter{number}");
            }
        }
        if self.variadic {
            parameters.push("...".into());
        } else if parameters.is_empty() {
            parameters.push("void".into());
        }
        format!("{} {declarator}({})", self.result, parameters.join(", "))
    }
}

/// Where attributes of parameters are looked up.
#[derive(Clone, Copy)]
enum Attributed<'m> {
    Function(Value<'m>),
    Call(Value<'m>),
}

impl<'m> Attributed<'m> {
    fn has(self, position: Position, attribute: Attribute) -> bool {
        match self {
            Attributed::Function(function) => function.has_attribute(position, attribute),
            Attributed::Call(call) => call.call_has_attribute(position, attribute),
        }
    }

    fn type_of(self, position: Position, attribute: Attribute) -> Option<Type<'m>> {
        match self {
            Attributed::Function(function) => function.attribute_type(position, attribute),
            Attributed::Call(call) => call.call_attribute_type(position, attribute),
        }
    }
}

/// Rejects calling conventions other than C's.
pub fn check_convention(number: u32) -> Result<(), Construct> {
    if C_CONVENTIONS.contains(&number) { Ok(()) } else { Err(Construct::CallingConvention(number)) }
}

impl<'m> Context<'m> {
    /// The prototype of a function of this module or elsewhere.
    pub fn function_signature(&mut self, function: Value<'m>) -> Result<Signature, Construct> {
        let function_type = function.value_type();
        let mut signature = self.signature(function_type, Attributed::Function(function))?;
        if function.is_declaration()
            && let Some(size) = self.returned_struct(function)
        {
            signature.result = self.types.byte_struct(size);
            signature.parameters.remove(0);
        }
        Ok(signature)
    }

    /// The prototype that a call uses, whatever the function's own may be.
    pub fn call_signature(
        &mut self,
        call: Value<'m>,
        function_type: Type<'m>,
    ) -> Result<Signature, Construct> {
        self.signature(function_type, Attributed::Call(call))
    }

    /// The bytes of the struct that a function returns through a pointer, by its attributes.
    pub fn returned_struct(&self, function: Value<'m>) -> Option<u64> {
        function
            .attribute_type(Position::Parameter(0), Attribute::StructReturn)
            .map(|ty| self.module.size_of(ty))
    }

    fn signature(
        &mut self,
        function_type: Type<'m>,
        attributed: Attributed<'m>,
    ) -> Result<Signature, Construct> {
        let result = self.passed_type(function_type.result(), attributed, Position::Result)?;
        let mut parameters = Vec::new();
        for (number, ty) in function_type.parameters().into_iter().enumerate() {
            let position = Position::Parameter(number);
            if attributed.has(position, Attribute::InRegister) {
                return Err(Construct::Parameter("inreg"));
            }
            if attributed.has(position, Attribute::Nest) {
                return Err(Construct::Parameter("nest"));
            }
            let by_value = attributed.type_of(position, Attribute::ByValue);
            parameters.push(match by_value {
                Some(ty) => self.types.byte_struct(self.module.size_of(ty)),
                None => self.passed_type(ty, attributed, position)?,
            });
        }
        Ok(Signature { result, parameters, variadic: function_type.is_variadic() })
    }

    fn passed_type(
        &mut self,
        ty: Type<'m>,
        attributed: Attributed<'m>,
        position: Position,
    ) -> Result<String, Construct> {
        match ty.integer_width() {
            Some(width) if width < 32 && attributed.has(position, Attribute::SignExtended) => {
                Ok(format!("s{}", integer::container(width)))
            }
            _ => self.types.c_type(ty),
        }
    }

    /// Rejects what C and Rust would not understand alike in a function that C defines or calls.
    pub fn check_interface(&self, function: Value<'m>) -> Result<(), Construct> {
        check_convention(function.calling_convention())?;
        let is_foreign = matches!(function.linkage(), Linkage::External | Linkage::Weak)
            && !RUST_PREFIXES.iter().any(|prefix| function.name().starts_with(prefix));
        if !is_foreign {
            return Ok(());
        }
        if !function.is_declaration() && self.returned_struct(function).is_some() {
            return Err(Construct::ExportedStructReturn);
        }
        let function_type = function.value_type();
        let types = std::iter::once(function_type.result()).chain(function_type.parameters());
        for width in types.filter_map(Type::integer_width) {
            let exists_in_c = matches!(width, 1 | 8 | 16 | 32 | 64);
            if !exists_in_c {
                return Err(Construct::ForeignInteger(width));
            }
        }
        Ok(())
    }
}
