//! What QEMU tells the kernel: a list of tagged records after the kernel's image.
//!
//! The format is that of Linux's user-visible headers `asm/bootinfo.h` and `asm/bootinfo-virt.h`:
//! each record is a 16-bit tag, a 16-bit size that counts these four bytes too, and the data, all
//! big-endian; tag 0 ends the list.

use core::ops::Range;

/// The records this kernel uses.
#[derive(Clone, Debug, Default)]
pub struct BootInfo<'a> {
    /// The first run of RAM, in physical addresses.
    pub memory: Range<usize>,
    /// The initial RAM disk (QEMU's `-initrd`), in physical addresses; empty if there is none.
    pub ramdisk: Range<usize>,
    /// The kernel's command line (QEMU's `-append`), without the NUL at its end.
    pub command_line: &'a [u8],
    /// Where the registers of the first goldfish interrupt controller are.
    pub interrupts: Option<usize>,
    /// Where the registers of the first goldfish real-time clock are.
    pub clock: Option<usize>,
    /// The number of the clock's interrupt.
    pub clock_interrupt: Option<usize>,
    /// Where the registers of the goldfish tty are.
    pub tty: Option<usize>,
    /// Where the registers of the virt machine's controller are.
    pub controller: Option<usize>,
    /// How many bytes the list takes.
    pub length: usize,
}

const END: u16 = 0;
const MEMORY_CHUNK: u16 = 5;
const RAMDISK: u16 = 6;
const COMMAND_LINE: u16 = 7;
const VIRT_INTERRUPTS: u16 = 0x8001;
const VIRT_CLOCK: u16 = 0x8002;
const VIRT_TTY: u16 = 0x8003;
const VIRT_CONTROLLER: u16 = 0x8005;

/// Bytes of a record's tag and size.
const HEADER: usize = 4;

impl<'a> BootInfo<'a> {
    /// Reads the list that `bytes` begin with; `None` if they do not hold its end, or a record is
    /// too short for what it should hold. Records of other tags are skipped.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut info = Self::default();
        let mut rest = bytes;
        loop {
            let (tag, after_tag) = half(rest)?;
            if tag == END {
                info.length = bytes.len() - after_tag.len();
                return Some(info);
            }
            let (size, _) = half(after_tag)?;
            let data = rest.get(HEADER..size.into())?;
            rest = &rest[size.into()..];
            match tag {
                MEMORY_CHUNK if info.memory.is_empty() => info.memory = range(data)?,
                RAMDISK => info.ramdisk = range(data)?,
                COMMAND_LINE => info.command_line = data.split(|&byte| byte == 0).next()?,
                VIRT_INTERRUPTS => info.interrupts = Some(word(data)?.0),
                VIRT_CLOCK => {
                    let (clock, interrupt) = word(data)?;
                    info.clock = Some(clock);
                    info.clock_interrupt = Some(word(interrupt)?.0);
                }
                VIRT_TTY => info.tty = Some(word(data)?.0),
                VIRT_CONTROLLER => info.controller = Some(word(data)?.0),
                _ => {}
            }
        }
    }
}

fn half(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (value, rest) = bytes.split_first_chunk()?;
    Some((u16::from_be_bytes(*value), rest))
}

fn word(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (value, rest) = bytes.split_first_chunk()?;
    Some((usize::from_be_bytes(*value), rest))
}

/// A start address and a size.
fn range(data: &[u8]) -> Option<Range<usize>> {
    let (start, rest) = word(data)?;
    let (size, _) = word(rest)?;
    Some(start..start.checked_add(size)?)
}
