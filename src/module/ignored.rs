//! Which sections of a module ask for what nobody does.

use crate::error::LoadError;
use crate::image::{Flags, Image, KnownSection, KnownSections, Treatment};
use crate::platform::{Platform, Provision};
use core::fmt;

/// The sections of a module that are ignored.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ignored(KnownSections);

impl Ignored {
    /// Asks the kernel about each section that is allocated and not empty. The error names the
    /// first that the module cannot do without and the kernel does not provide for. The second
    /// result are those that it provides for.
    #[inline(never)]
    pub fn check<P: Platform>(
        platform: &P,
        image: &Image<'_, P::Arch>,
    ) -> Result<(Self, KnownSections), LoadError> {
        let (mut ignored, mut provided) = (Self::default(), KnownSections::default());
        for (index, section) in image.sections().iter().enumerate() {
            let matters = section.flags.contains(Flags::ALLOC) && section.size != 0;
            let Some(known) = section.known.filter(|_| matters) else { continue };
            let treatment = known.treatment();
            match treatment {
                Treatment::Handled => continue,
                Treatment::Harmless => {}
                Treatment::Reported | Treatment::Rejected => match platform.section(known.name()) {
                    Provision::Provided => {
                        provided.insert(known);
                        continue;
                    }
                    Provision::Missing if treatment == Treatment::Rejected => {
                        let section = image.section_ref(index);
                        return Err(LoadError::Unsupported { section, known });
                    }
                    Provision::Missing | Provision::LossAccepted => {}
                },
            }
            ignored.0.insert(known);
        }
        Ok((ignored, provided))
    }

    /// All of them, by name.
    pub fn all(self) -> impl Iterator<Item = KnownSection> {
        self.0.iter()
    }

    /// Those that are not harmless, with what the module lacks, if there are any.
    pub fn losses(self) -> Option<Losses> {
        let losses = self.0.losses();
        if losses.is_empty() { None } else { Some(Losses(losses)) }
    }
}

/// Says what a module lacks because sections of it are ignored.
pub(crate) struct Losses(KnownSections);

impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ignored")?;
        for (number, known) in self.0.iter().enumerate() {
            let comma = if number == 0 { ":" } else { "," };
            write!(f, "{comma} {} ({})", known.name(), known.why())?;
        }
        Ok(())
    }
}
