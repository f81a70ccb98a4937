//! Where code of a module goes on after a fault that it expects: at an address, and nothing else is done
//! (Linux's exception table for m68k).

use super::exceptions::{Frame, Resumed};
use crate::kernel::LOADER;

/// What leads to where code goes on after this exception; `None` if it does not expect it.
pub fn fix_up(frame: &mut Frame) -> Option<*mut Resumed> {
    if frame.is_no_fault() {
        return None;
    }
    let exception = LOADER.exception(frame.faulting_instruction() as u64)?;
    if frame.has_write_backs() {
        // They would be lost with the frame.
        println!("no fixup: the processor has not written all that was written before");
        return None;
    }
    Some(frame.resume_at(exception.fixup as usize))
}
