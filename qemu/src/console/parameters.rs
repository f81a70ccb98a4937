//! Parameters of modules.

use super::failure::Failure;
use super::words::Words;
use crate::kernel::{LOADER, TestKernel};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use modlink::image::ModInfo;
use modlink::parameters::{Element, Kind, Parameter, ParameterError};
use modlink::{Errno, Reference};

/// `param MODULE [NAME [VALUE]]`
pub fn param(words: &mut Words<'_>) -> Result<(), Failure> {
    let module = words.need("a module")?.replace('-', "_");
    let name = words.bare()?;
    let value = words.rest();
    let module = LOADER.find(module.as_bytes()).ok_or(Failure::Errno(Errno::ENOENT))?;
    match (name, value) {
        (None, _) => module.parameters().for_each(|parameter| show(&module, &parameter)),
        (Some(name), "") => println!("{}", read(&module, name.as_bytes())?),
        (Some(name), value) => {
            // As the arguments of insmod, one may be in quotes.
            let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            let value = quoted.unwrap_or(value).as_bytes();
            LOADER.set_parameter(&module, name.as_bytes(), Some(value))?;
        }
    }
    Ok(())
}

fn show(module: &Reference<TestKernel>, parameter: &Parameter<'_>) {
    let value = read(module, parameter.name).unwrap_or_else(|error| format!("? ({error})"));
    let (name, kind) = (parameter.name.escape_ascii(), kind(parameter.kind));
    println!("{name}={value} ({kind}, {:04o})", parameter.permissions);
}

fn read(module: &Reference<TestKernel>, name: &[u8]) -> Result<String, ParameterError> {
    let text = LOADER.read_parameter(module, name)?;
    Ok(format!("{}", text.escape_ascii()))
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Value(kind) => format!("{kind:?}").to_lowercase(),
        Kind::String => "string".into(),
        Kind::Array(Element::Value(kind)) => format!("array of {kind:?}").to_lowercase(),
        Kind::Array(_) => "array of its own type".into(),
        _ => "its own type".into(),
    }
}

/// What a file says of the parameters of the module in it: `name:what it is for (type)`.
pub fn stated(modinfo: &ModInfo<'_>) {
    let parts = |key: &'static [u8]| -> Vec<(&[u8], &[u8])> {
        let all = modinfo.all(key).filter_map(|text| {
            let colon = text.iter().position(|byte| *byte == b':')?;
            Some((text.get(..colon)?, text.get(colon + 1..)?))
        });
        all.collect()
    };
    let (descriptions, mut types) = (parts(b"parm"), parts(b"parmtype"));
    for (name, what) in descriptions {
        let known = types.iter().position(|(typed, _)| *typed == name);
        let kind = known.map(|index| types.remove(index).1);
        let (name, what) = (name.escape_ascii(), what.escape_ascii());
        match kind {
            Some(kind) => println!("{:12} {name}:{what} ({})", "parm:", kind.escape_ascii()),
            None => println!("{:12} {name}:{what}", "parm:"),
        }
    }
    for (name, kind) in types {
        println!("{:12} {}:{}", "parm:", name.escape_ascii(), kind.escape_ascii());
    }
}

impl From<ParameterError> for Failure {
    fn from(error: ParameterError) -> Self {
        println!("error: {error}");
        Self::Errno(error.errno())
    }
}
