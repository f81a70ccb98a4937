//! The whole way of one file, and the sum over many.

use crate::placement::Placement;
use crate::target::Target;
use crate::{compare, gnu_ld, ours, placement, recipe, source};
use anyhow::{Context, Result, bail};
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
        /// Whether it was also linked where a value does not fit its field, and both rejected.
        rejected: bool,
    },
    /// They did not, or one of them rejected.
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
    let ours =
        ours::link::<A>(file, |rooms| placement::choose(&source, target, rooms, &mut random))
            .context("modlink rejects")?;
    let theirs = recipe::prepare(file, &source, &recipe::Addresses::of(&ours), target)
        .and_then(|prepared| gnu_ld::link(&prepared, target, folder))?;
    let difference = compare::compare(&source, target, &ours.linked, &theirs)
        .or_else(|| compare::count(&source, ours.applied));
    if let Some(difference) = difference {
        return Ok(Verdict::Different(difference.to_string()));
    }
    let beyond =
        placement::out_of_reach(&source, target, &ours.rooms, &ours.placement, &mut random);
    if let Some(beyond) = &beyond {
        both_reject::<A>(file, &source, &ours, beyond, target, folder)?;
    }
    Ok(equal(&source, beyond.is_some()))
}

/// Links a file where a value does not fit its field.
///
/// # Errors
/// If one of the linkers does not reject, or rejects for another reason.
fn both_reject<A: Arch>(
    file: &[u8],
    source: &Source,
    ours: &ours::Outcome,
    beyond: &Placement,
    target: Target,
    folder: &Path,
) -> Result<()> {
    let moved =
        beyond.symbols.iter().find(|(name, at)| ours.placement.symbols.get(*name) != Some(at));
    let moved = moved.map(|(name, at)| format!("{} at {at:#x}", String::from_utf8_lossy(name)));
    let moved = moved.context("no symbol is elsewhere")?;
    match ours::link::<A>(file, |_| Some(beyond.clone())) {
        Ok(_) => bail!("modlink links {moved}, which does not fit"),
        Err(error) if ours::is_overflow(&error) => {}
        Err(error) => return Err(error).context(format!("modlink rejects {moved}")),
    }
    let mut addresses = recipe::Addresses::of(ours);
    addresses.symbols.clone_from(&beyond.symbols);
    let prepared = recipe::prepare(file, source, &addresses, target)?;
    match gnu_ld::link(&prepared, target, folder) {
        Ok(_) => bail!("modlink rejects {moved}, and ld links it"),
        Err(error) if gnu_ld::is_overflow(&error) => Ok(()),
        Err(error) => Err(error).context(format!("with {moved}")),
    }
}

fn equal(source: &Source, rejected: bool) -> Verdict {
    let mut relocations = BTreeMap::new();
    let mut bytes = 0;
    for section in source.sections.iter().filter(|section| compare::is_compared(section)) {
        bytes += section.size as usize;
        for relocation in &section.relocations {
            *relocations.entry(relocation.r_type).or_default() += 1;
        }
    }
    if bytes == 0 {
        return Verdict::Different("nothing was compared".to_owned());
    }
    Verdict::Equal { relocations, bytes, rejected }
}

/// The sum over many files.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    equal: usize,
    bytes: usize,
    rejected: usize,
    relocations: BTreeMap<RelocationType, usize>,
    different: Vec<(String, String)>,
    left_out: BTreeMap<LeftOut, Vec<String>>,
}

impl Tally {
    /// Adds the verdict on the file of that name.
    pub fn add(&mut self, name: &str, verdict: Verdict) {
        match verdict {
            Verdict::Equal { relocations, bytes, rejected } => {
                self.equal += 1;
                self.bytes += bytes;
                self.rejected += usize::from(rejected);
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
        lines.push(format!(
            "rejected by both with a symbol out of reach, as drawn: {}",
            self.rejected
        ));
        lines.push(format!("equal {} of {}", self.equal, self.equal + self.different.len()));
        lines.join("\n")
    }
}
