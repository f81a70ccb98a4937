//! Strings that LLVM hands out.

use std::ffi::{CStr, c_char};

use llvm_sys::core::LLVMDisposeMessage;

/// Copies a string of stated length; a null pointer gives an empty string.
///
/// # Safety
/// `start` is null or points to `length` bytes.
pub unsafe fn copied(start: *const c_char, length: usize) -> String {
    if start.is_null() {
        return String::new();
    }
    // SAFETY: not null, so the caller vouches for `length` bytes.
    let bytes = unsafe { std::slice::from_raw_parts(start.cast::<u8>(), length) };
    String::from_utf8_lossy(bytes).into_owned()
}

/// Copies a NUL-terminated string that stays LLVM's; a null pointer gives an empty string.
///
/// # Safety
/// `start` is null or points to a NUL-terminated string.
pub unsafe fn borrowed(start: *const c_char) -> String {
    if start.is_null() {
        return String::new();
    }
    // SAFETY: not null, so the caller vouches for the terminator.
    unsafe { CStr::from_ptr(start) }.to_string_lossy().into_owned()
}

/// Copies a message and gives LLVM's own back.
///
/// # Safety
/// `message` is null or a message that LLVM made for its caller to dispose of, not used again.
pub unsafe fn taken(message: *mut c_char) -> String {
    // SAFETY: LLVM's messages are NUL-terminated.
    let text = unsafe { borrowed(message) };
    if !message.is_null() {
        // SAFETY: the caller vouches that the message is LLVM's and is not used again.
        unsafe { LLVMDisposeMessage(message) };
    }
    text
}
