//! The whole way of one file, and the sum over many.

use crate::target::Target;
use crate::{compare, gnu_ld, ours, placement, recipe, source};
use anyhow::{Context, Result};
use modlink::arch::Arch;
use object::elf::RelocationType;
use source::{LeftOut, Source};
use std::collections::BTreeMap;
use std::path::Path;

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Both linkers made the same of it.
    Equal {
        /// How many relocations of each type they applied.
        relocations: BTreeMap<RelocationType, usize>,
        /// How many bytes were compared.
        bytes: usize,
    },
    /// They did not, or one of them refused.
    Different(String),
    /// It is no case for the oracle.
    LeftOut(LeftOut),
}

/// Links the file for the architecture `A` with both linkers and compares. `name` and `seed` choose
/// the addresses; ld works in `folder`.
pub fn of<A: Arch>(file: &[u8], name: &[u8], seed: u64, target: Target, folder: &Path) -> Verdict {
    judge::<A>(file, name, seed, target, folder)
        .unwrap_or_else(|error| Verdict::Different(format!("{error:#}")))
}

fn judge<A: Arch>(
    file: &[u8],
    name: &[u8],
    seed: u64,
    target: Target,
    folder: &Path,
) -> Result<Verdict> {
    let source = match source::read(file, target).context("the oracle cannot read it")? {
        Ok(source) => source,
        Err(reason) => return Ok(Verdict::LeftOut(reason)),
    };
    let mut random = placement::random(seed, name);
    let (placement, ours) = ours::link::<A>(file, |core, init| {
        placement::choose(&source, target, core, init, &mut random)
    })
    .context("modlink refuses")?;
    let prepared = recipe::prepare(file, &source, &recipe::Addresses::of(&ours, &placement))?;
    let theirs = gnu_ld::link(&prepared, target, folder)?;
    Ok(match compare::compare(&source, target, &ours, &theirs) {
        None => equal(&source),
        Some(difference) => Verdict::Different(difference.to_string()),
    })
}

fn equal(source: &Source) -> Verdict {
    let mut relocations = BTreeMap::new();
    let mut bytes = 0;
    for section in source.sections.iter().filter(|section| compare::is_compared(section)) {
        bytes += section.size as usize;
        for relocation in &section.relocations {
            *relocations.entry(relocation.r_type).or_default() += 1;
        }
    }
    Verdict::Equal { relocations, bytes }
}

/// The sum over many files.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    equal: usize,
    bytes: usize,
    relocations: BTreeMap<RelocationType, usize>,
    different: Vec<(String, String)>,
    left_out: BTreeMap<LeftOut, Vec<String>>,
}

impl Tally {
    /// Adds the verdict on the file of that name.
    pub fn add(&mut self, name: &str, verdict: Verdict) {
        match verdict {
            Verdict::Equal { relocations, bytes } => {
                self.equal += 1;
                self.bytes += bytes;
                for (r_type, count) in relocations {
                    *self.relocations.entry(r_type).or_default() += count;
                }
            }
            Verdict::Different(why) => self.different.push((name.to_owned(), why)),
            Verdict::LeftOut(reason) => {
                self.left_out.entry(reason).or_default().push(name.to_owned());
            }
        }
    }

    /// Whether at least one file was compared and all that were came out the same.
    pub fn passed(&self) -> bool {
        self.equal > 0 && self.different.is_empty()
    }

    /// What a person wants to know, the result in the last line. `names` adds the names of the
    /// files that were left out.
    pub fn report(&self, target: Target, names: bool) -> String {
        let mut lines = Vec::new();
        for (name, why) in &self.different {
            lines.push(format!("DIFFERENT {name}: {why}"));
        }
        for (reason, files) in &self.left_out {
            lines.push(format!("left out {}: {}", files.len(), reason.reason()));
            if names {
                lines.extend(files.iter().map(|file| format!("    {file}")));
            }
        }
        let types: Vec<_> = self
            .relocations
            .iter()
            .map(|(r_type, count)| format!("{} {count}", target.relocation_name(*r_type)))
            .collect();
        let total: usize = self.relocations.values().sum();
        lines.push(format!("{total} relocations in {} bytes: {}", self.bytes, types.join(", ")));
        lines.push(format!("equal {} of {}", self.equal, self.equal + self.different.len()));
        lines.join("\n")
    }
}
