//! What keeps a kernel, or one module, from being beyond suspicion: Linux's taint flags, by the
//! numbers and letters of Documentation/admin-guide/tainted-kernels.
//!
//! A module's are what it says of itself, what its signature says, and the licence of what it uses.
//! The kernel's are those of all modules that have ever had a name, and its own; none is taken back.

use super::license;
use crate::image::ModInfo;
use bitflags::bitflags;
use core::fmt;

bitflags! {
    /// Taints, with Linux's numbers: [`bits`](Self::bits) is what `/proc/sys/kernel/tainted` has.
    /// Displayed as their letters in the order of the bits, as `/proc/modules` has them.
    ///
    /// Linux gives a module those marked with "module" alone; all are the kernel's.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Taints: u32 {
        /// `P`, module: a licence that is not compatible with the GPL, or symbols of such a module.
        const PROPRIETARY_MODULE = 1;
        /// `F`, module: loaded by force, without what says for which kernel it is.
        const FORCED_MODULE = 1 << 1;
        /// `S`: the processor is none that the kernel is made for.
        const CPU_OUT_OF_SPEC = 1 << 2;
        /// `R`: a module was unloaded by force.
        const FORCED_RMMOD = 1 << 3;
        /// `M`: the processor has reported a fault of the hardware.
        const MACHINE_CHECK = 1 << 4;
        /// `B`: a page was not in the state that it should have been in.
        const BAD_PAGE = 1 << 5;
        /// `U`: somebody wanted it.
        const USER = 1 << 6;
        /// `D`: the kernel has survived a fault of its own.
        const DIE = 1 << 7;
        /// `A`: a table of ACPI has been replaced.
        const OVERRIDDEN_ACPI_TABLE = 1 << 8;
        /// `W`: the kernel has warned.
        const WARN = 1 << 9;
        /// `C`, module: a staging driver.
        const CRAP = 1 << 10;
        /// `I`: a fault of the firmware is worked around.
        const FIRMWARE_WORKAROUND = 1 << 11;
        /// `O`, module: built outside of the kernel's tree.
        const OOT_MODULE = 1 << 12;
        /// `E`, module: without a valid signature, in a kernel that verifies them.
        const UNSIGNED_MODULE = 1 << 13;
        /// `L`: a CPU was busy for too long.
        const SOFTLOCKUP = 1 << 14;
        /// `K`, module: replaces code of the kernel's.
        const LIVEPATCH = 1 << 15;
        /// `X`, module: whatever a distribution means by it.
        const AUX = 1 << 16;
        /// `T`, module: compiled with randomised layouts of structures.
        const RANDSTRUCT = 1 << 17;
        /// `N`, module: a test (Linux 6.0).
        const TEST = 1 << 18;
        /// `J`: the firmware of a device was changed to look for a fault in it (Linux 6.15).
        const FWCTL = 1 << 19;
    }
}

/// The letter of each bit, from the lowest on.
const LETTERS: &[u8; 20] = b"PFSRMBUDAWCIOELKXTNJ";

/// What a string in `.modinfo` begins with that says something of taints: the first that there is none.
const KEYS: [(&[u8], Taints); 4] = [
    (b"intree=", Taints::OOT_MODULE),
    (b"staging=", Taints::CRAP),
    (b"livepatch=", Taints::LIVEPATCH),
    (b"test=", Taints::TEST),
];

/// What is logged of those that come with a load or an unload.
const REASONS: [(Taints, &str); 8] = [
    (Taints::PROPRIETARY_MODULE, "licence"),
    (Taints::FORCED_MODULE, "by force"),
    (Taints::FORCED_RMMOD, "unloaded by force"),
    (Taints::CRAP, "staging"),
    (Taints::OOT_MODULE, "out of tree"),
    (Taints::UNSIGNED_MODULE, "not signed"),
    (Taints::LIVEPATCH, "livepatch"),
    (Taints::TEST, "test"),
];

impl Taints {
    /// Those of a module by what it says of itself. What the keys are worth does not matter.
    pub(crate) fn stated(modinfo: &ModInfo<'_>) -> Self {
        let mut said = Self::empty();
        // Once through all, which may be kilobytes of aliases.
        for string in modinfo.strings() {
            for (key, taint) in KEYS {
                if string.starts_with(key) {
                    said |= taint;
                }
            }
        }
        // It says that it is not.
        said.toggle(Self::OOT_MODULE);
        said.set(Self::PROPRIETARY_MODULE, !license::is_stated(modinfo));
        said
    }

    /// Why a load or an unload brings these.
    pub(crate) fn reasons(self) -> Reasons {
        Reasons(self)
    }
}

impl fmt::Display for Taints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut letters = (0..).zip(LETTERS).filter(|(bit, _)| self.bits() & (1 << bit) != 0);
        letters.try_for_each(|(_, letter)| f.write_str((*letter as char).encode_utf8(&mut [0; 4])))
    }
}

/// Says why a load or an unload taints the kernel.
pub(crate) struct Reasons(Taints);

impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "taints the kernel ({})", self.0)?;
        let mut reasons = REASONS.iter().filter(|(taint, _)| self.0.contains(*taint));
        reasons.try_for_each(|(_, reason)| write!(f, ", {reason}"))
    }
}

/// The taints of a module, and whether it has an init function, in one word.
#[derive(Clone, Copy)]
pub(crate) struct Marks(u32);

const HAS_INIT: u32 = 1 << 31;

impl Marks {
    pub fn new(taints: Taints, has_init: bool) -> Self {
        Self(taints.bits() | if has_init { HAS_INIT } else { 0 })
    }

    pub fn taints(self) -> Taints {
        Taints::from_bits_truncate(self.0)
    }

    pub fn has_init(self) -> bool {
        self.0 & HAS_INIT != 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn each_taint_has_the_number_and_letter_of_linux() {
        for (taint, number, letter) in [
            (Taints::PROPRIETARY_MODULE, 1, "P"),
            (Taints::FORCED_MODULE, 2, "F"),
            (Taints::CPU_OUT_OF_SPEC, 4, "S"),
            (Taints::FORCED_RMMOD, 8, "R"),
            (Taints::MACHINE_CHECK, 16, "M"),
            (Taints::BAD_PAGE, 32, "B"),
            (Taints::USER, 64, "U"),
            (Taints::DIE, 128, "D"),
            (Taints::OVERRIDDEN_ACPI_TABLE, 256, "A"),
            (Taints::WARN, 512, "W"),
            (Taints::CRAP, 1024, "C"),
            (Taints::FIRMWARE_WORKAROUND, 2048, "I"),
            (Taints::OOT_MODULE, 4096, "O"),
            (Taints::UNSIGNED_MODULE, 8192, "E"),
            (Taints::SOFTLOCKUP, 16384, "L"),
            (Taints::LIVEPATCH, 32768, "K"),
            (Taints::AUX, 65536, "X"),
            (Taints::RANDSTRUCT, 131_072, "T"),
            (Taints::TEST, 262_144, "N"),
            (Taints::FWCTL, 524_288, "J"),
        ] {
            assert_eq!((taint.bits(), &taint.to_string()[..]), (number, letter));
            assert_eq!(Marks::new(taint, true).taints(), taint);
        }
        assert_eq!(Taints::all().to_string().as_bytes(), LETTERS);
        assert!(!Marks::new(Taints::all(), false).has_init());
        assert!(Marks::new(Taints::empty(), true).has_init());
    }
}
