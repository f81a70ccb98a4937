//! What the kernel exports for the parameters of modules: the operations of Linux's types, and the
//! functions that modules call in their own, in the C convention of the target.
//!
//! They have the types of Linux 6.1 and do to the variables of whoever calls them what the loader does
//! to those of a module. [`export_parameters!`](crate::export_parameters) exports them. A kernel whose
//! modules pass arguments in another way has [`each_parameter_function!`](crate::each_parameter_function)
//! to wrap each.

use super::{MAX_STRING, MAX_TEXT, ParameterError, Type};
use crate::errno::Errno;
use crate::heap::{OutOfMemory, boxed};
use crate::loader::Loader;
use crate::platform::Platform;
use crate::sync::{AtomicPtr, AtomicUsize, Ordering, spin_loop};
use alloc::alloc::{alloc, dealloc};
use alloc::boxed::Box;
use core::alloc::Layout;
use core::ffi::{CStr, c_char, c_int, c_uint, c_void};
use core::fmt::{self, Write};
use core::ptr;

/// Linux's `struct kernel_param_ops`, with the addresses of functions as the kernel's modules call them.
#[derive(Debug)]
#[repr(C)]
pub struct KernelParamOps {
    flags: c_uint,
    set: *const (),
    get: *const (),
    free: *const (),
}

// SAFETY: the pointers are to functions.
unsafe impl Sync for KernelParamOps {}

/// In the flags: the parameter may be named without a value.
const TAKES_NO_VALUE: c_uint = 1;

impl KernelParamOps {
    /// No functions.
    pub const NONE: Self = Self::new(ptr::null(), ptr::null());

    /// Operations of these functions.
    pub const fn new(set: *const (), get: *const ()) -> Self {
        Self { flags: 0, set, get, free: ptr::null() }
    }

    /// The same for a parameter that may be named without a value.
    pub const fn without_value(self) -> Self {
        Self { flags: TAKES_NO_VALUE, ..self }
    }

    /// The same with a function that frees.
    pub const fn freed_by(self, free: *const ()) -> Self {
        Self { free, ..self }
    }
}

/// Linux's `struct kernel_param`.
#[derive(Debug)]
#[repr(C)]
pub struct KernelParam {
    name: *const c_char,
    module: *mut c_void,
    operations: *const KernelParamOps,
    permissions: u16,
    level: i8,
    flags: u8,
    argument: *mut c_void,
}

/// Linux's `struct kparam_string`.
#[repr(C)]
struct Buffer {
    size: c_uint,
    string: *mut c_char,
}

const LONG: usize = size_of::<usize>();

/// The status that a kernel function returns for a result.
fn status(result: Result<(), ParameterError>) -> c_int {
    match result {
        Ok(()) => 0,
        Err(error) => error.errno().number().saturating_neg(),
    }
}

/// A text of at most [`MAX_TEXT`] bytes in a buffer of a page.
struct Page {
    start: *mut u8,
    length: usize,
}

impl Page {
    fn push(&mut self, bytes: &[u8]) {
        let room = MAX_TEXT.saturating_sub(self.length);
        let bytes = bytes.get(..room).unwrap_or(bytes);
        // SAFETY: the buffer has a page.
        unsafe { ptr::copy(bytes.as_ptr(), self.start.add(self.length), bytes.len()) };
        self.length = self.length.saturating_add(bytes.len());
    }

    /// The line, with a line feed and a NUL; how long it is.
    fn end(mut self) -> c_int {
        self.push(b"\n");
        // SAFETY: the text is shorter than the buffer.
        unsafe { self.start.add(self.length).write(0) };
        self.length as c_int
    }
}

impl Write for Page {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// The string at a pointer, unless that is null.
///
/// # Safety
/// There is a string as long as the result.
unsafe fn string<'s>(value: *const c_char) -> Option<&'s [u8]> {
    // SAFETY: the caller's promise.
    (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) }.to_bytes())
}

/// Sets the variable of a parameter of that type.
///
/// # Safety
/// There is one, and the value is a string or null.
unsafe fn set(
    kind: Type,
    value: *const c_char,
    parameter: *const KernelParam,
) -> Result<(), ParameterError> {
    // SAFETY: the caller's promise.
    let (value, argument) = unsafe { (string(value), (*parameter).argument) };
    let value = match value {
        // Linux's function for the opposite of a bool takes none either, though its type does not say so.
        None if kind.takes_no_value() || kind == Type::InvBool => b"1",
        value => value.ok_or(ParameterError::NoValue)?,
    };
    let number = kind.parse(value, LONG)?;
    // SAFETY: as above.
    unsafe {
        if kind == Type::BoolEnableOnly && number == 0 {
            let is_enabled = argument.cast::<u8>().read_volatile() != 0;
            return if is_enabled { Err(ParameterError::EnableOnly) } else { Ok(()) };
        }
        match kind.size(LONG) {
            1 => argument.cast::<u8>().write_volatile(number as u8),
            2 => argument.cast::<u16>().write_volatile(number as u16),
            4 => argument.cast::<u32>().write_volatile(number as u32),
            _ => argument.cast::<Wide>().write_volatile(wide(number)),
        }
    }
    Ok(())
}

/// A variable of 64 bits, which on some processors is aligned as one of 32, whatever Rust takes it for there.
#[cfg(target_pointer_width = "64")]
type Wide = u64;
#[cfg(not(target_pointer_width = "64"))]
type Wide = [u32; 2];

#[cfg(target_pointer_width = "64")]
const fn wide(number: u64) -> Wide {
    number
}

#[cfg(target_pointer_width = "64")]
const fn number(wide: Wide) -> u64 {
    wide
}

#[cfg(not(target_pointer_width = "64"))]
const fn wide(number: u64) -> Wide {
    let (high, low) = ((number >> 32) as u32, number as u32);
    if cfg!(target_endian = "big") { [high, low] } else { [low, high] }
}

#[cfg(not(target_pointer_width = "64"))]
const fn number([first, second]: Wide) -> u64 {
    let (high, low) = if cfg!(target_endian = "big") { (first, second) } else { (second, first) };
    (high as u64) << 32 | low as u64
}

/// Writes the text of a parameter of that type.
///
/// # Safety
/// There is its variable, and the buffer has a page.
unsafe fn get(kind: Type, buffer: *mut c_char, parameter: *const KernelParam) -> c_int {
    // SAFETY: the caller's promise.
    let number = unsafe {
        let argument = (*parameter).argument;
        match kind.size(LONG) {
            1 => argument.cast::<u8>().read_volatile().into(),
            2 => argument.cast::<u16>().read_volatile().into(),
            4 => argument.cast::<u32>().read_volatile().into(),
            _ => number(argument.cast::<Wide>().read_volatile()),
        }
    };
    let mut page = Page { start: buffer.cast(), length: 0 };
    // A page does not fail.
    let _ = kind.write(number, LONG, &mut page);
    page.end()
}

macro_rules! types {
    ($($kind:ident $set:ident $($get:ident)?;)*) => {$(
        #[doc = concat!("Linux's `", stringify!($set), "`.")]
        ///
        /// # Safety
        /// As in C.
        pub unsafe extern "C" fn $set(value: *const c_char, parameter: *const KernelParam) -> c_int {
            // SAFETY: the caller's promise.
            status(unsafe { set(Type::$kind, value, parameter) })
        }

        $(
            #[doc = concat!("Linux's `", stringify!($get), "`.")]
            ///
            /// # Safety
            /// As in C.
            pub unsafe extern "C" fn $get(
                buffer: *mut c_char,
                parameter: *const KernelParam,
            ) -> c_int {
                // SAFETY: the caller's promise.
                unsafe { get(Type::$kind, buffer, parameter) }
            }
        )?
    )*};
}

types! {
    Byte param_set_byte param_get_byte;
    Short param_set_short param_get_short;
    Ushort param_set_ushort param_get_ushort;
    Int param_set_int param_get_int;
    Uint param_set_uint param_get_uint;
    Long param_set_long param_get_long;
    Ulong param_set_ulong param_get_ulong;
    Ullong param_set_ullong param_get_ullong;
    HexInt param_set_hexint param_get_hexint;
    Bool param_set_bool param_get_bool;
    InvBool param_set_invbool param_get_invbool;
    BInt param_set_bint;
    BoolEnableOnly param_set_bool_enable_only;
}

/// Linux's `param_set_uint_minmax`.
///
/// # Safety
/// As in C.
pub unsafe extern "C" fn param_set_uint_minmax(
    value: *const c_char,
    parameter: *const KernelParam,
    least: c_uint,
    most: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    let value = unsafe { string(value) }.ok_or(ParameterError::NoValue);
    let number = value.and_then(|value| Ok(Type::Uint.parse(value, LONG)?));
    status(number.and_then(|number| {
        if !(u64::from(least)..=u64::from(most)).contains(&number) {
            return Err(ParameterError::Invalid);
        }
        // SAFETY: as above.
        unsafe { (*parameter).argument.cast::<u32>().write_volatile(number as u32) };
        Ok(())
    }))
}

/// Linux's `param_set_copystring`.
///
/// # Safety
/// As in C.
pub unsafe extern "C" fn param_set_copystring(
    value: *const c_char,
    parameter: *const KernelParam,
) -> c_int {
    // SAFETY: the caller's promise.
    let Some(value) = (unsafe { string(value) }) else {
        return Errno::EINVAL.number().saturating_neg();
    };
    // SAFETY: as above.
    let buffer = unsafe { &*(*parameter).argument.cast::<Buffer>() };
    if value.len() >= buffer.size as usize {
        return Errno::ENOSPC.number().saturating_neg();
    }
    // SAFETY: there is room for the string and its NUL.
    unsafe { ptr::copy(value.as_ptr(), buffer.string.cast(), value.len().saturating_add(1)) };
    0
}

/// Linux's `param_get_string`.
///
/// # Safety
/// As in C.
pub unsafe extern "C" fn param_get_string(
    buffer: *mut c_char,
    parameter: *const KernelParam,
) -> c_int {
    // SAFETY: the caller's promise.
    let text = unsafe { string((*(*parameter).argument.cast::<Buffer>()).string) };
    let mut page = Page { start: buffer.cast(), length: 0 };
    page.push(text.unwrap_or(b"(null)"));
    page.end()
}

/// The strings that modules have let [`param_set_charp`] copy, whatever has become of the modules. None
/// leaves the list: one that is free is used again.
static COPIES: AtomicPtr<Copied> = AtomicPtr::new(ptr::null_mut());

struct Copied {
    next: *const Copied,
    /// Where it is, or [`FREE`] or [`BUSY`].
    address: AtomicUsize,
    /// How many bytes it has.
    size: AtomicUsize,
}

const FREE: usize = 0;
/// Somebody allocates or frees it.
const BUSY: usize = 1;

/// The first that has one address and now has the other.
fn change(from: usize, to: usize) -> Option<&'static Copied> {
    // SAFETY: none leaves the list.
    let mut next = unsafe { COPIES.load(Ordering::Acquire).as_ref() };
    while let Some(copied) = next {
        let (success, failure) = (Ordering::Acquire, Ordering::Relaxed);
        if copied.address.compare_exchange(from, to, success, failure).is_ok() {
            return Some(copied);
        }
        // SAFETY: as above.
        next = unsafe { copied.next.as_ref() };
    }
    None
}

/// Copies a string.
fn copy(text: &[u8]) -> Result<*mut c_char, OutOfMemory> {
    let size = text.len().saturating_add(1);
    let layout = Layout::from_size_align(size, 1).map_err(|_| OutOfMemory)?;
    let copied = match change(FREE, BUSY) {
        Some(copied) => copied,
        None => {
            let (address, size) = (AtomicUsize::new(BUSY), AtomicUsize::new(0));
            let copied = Box::leak(boxed(Copied { next: ptr::null(), address, size })?);
            let mut first = COPIES.load(Ordering::Acquire);
            loop {
                copied.next = first;
                let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
                match COPIES.compare_exchange(first, copied, success, failure) {
                    Ok(_) => break copied,
                    Err(now) => first = now,
                }
            }
        }
    };
    // SAFETY: it is not of size 0.
    let start = unsafe { alloc(layout) };
    if start.is_null() {
        copied.address.store(FREE, Ordering::Release);
        return Err(OutOfMemory);
    }
    // SAFETY: there is room for both.
    unsafe {
        ptr::copy_nonoverlapping(text.as_ptr(), start, text.len());
        start.add(text.len()).write(0);
    }
    copied.size.store(size, Ordering::Relaxed);
    copied.address.store(start.expose_provenance(), Ordering::Release);
    Ok(start.cast())
}

/// Frees a string if it is one that was copied.
///
/// # Safety
/// Nobody uses it.
unsafe fn free(string: *mut c_char) {
    let address = string.expose_provenance();
    if matches!(address, FREE | BUSY) {
        return;
    }
    let Some(copied) = change(address, BUSY) else { return };
    if let Ok(layout) = Layout::from_size_align(copied.size.load(Ordering::Relaxed), 1) {
        // SAFETY: it was allocated so.
        unsafe { dealloc(string.cast(), layout) };
    }
    copied.address.store(FREE, Ordering::Release);
}

/// Linux's `param_set_charp`. It looks at all strings that are set so, which are few: those of variables of
/// type `char *` themselves are the loader's.
///
/// # Safety
/// As in C.
pub unsafe extern "C" fn param_set_charp(
    value: *const c_char,
    parameter: *const KernelParam,
) -> c_int {
    // SAFETY: the caller's promise.
    let value = unsafe { string(value) }.ok_or(ParameterError::NoValue);
    status(value.and_then(|value| {
        if value.len() > MAX_STRING {
            return Err(ParameterError::TooLong);
        }
        let copied = copy(value)?;
        // SAFETY: as above; the module uses the old string no more.
        unsafe {
            let variable = (*parameter).argument.cast::<*mut c_char>();
            let old = variable.read_volatile();
            variable.write_volatile(copied);
            free(old);
        }
        Ok(())
    }))
}

/// Linux's `param_get_charp`.
///
/// # Safety
/// As in C.
pub unsafe extern "C" fn param_get_charp(
    buffer: *mut c_char,
    parameter: *const KernelParam,
) -> c_int {
    // SAFETY: the caller's promise.
    let text = unsafe { string((*parameter).argument.cast::<*const c_char>().read_volatile()) };
    let mut page = Page { start: buffer.cast(), length: 0 };
    page.push(text.unwrap_or(b"(null)"));
    page.end()
}

/// Linux's `param_free_charp`: frees what [`param_set_charp`] has copied.
///
/// # Safety
/// As in C.
pub unsafe extern "C" fn param_free_charp(argument: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { free(argument.cast::<*mut c_char>().read_volatile()) };
}

/// Linux's `kernel_param_lock`, in a kernel with that loader: waits, for ever if the thread has the lock
/// already or nobody gives it back.
pub fn kernel_param_lock<P: Platform>(loader: &Loader<P>, module: *mut c_void) {
    while loader.lock_parameters(module.expose_provenance() as u64).is_err() {
        spin_loop();
    }
}

/// Linux's `kernel_param_unlock`, in a kernel with that loader.
///
/// # Safety
/// The thread has the lock by [`kernel_param_lock`].
pub unsafe fn kernel_param_unlock<P: Platform>(loader: &Loader<P>, module: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { loader.unlock_parameters(module.expose_provenance() as u64) };
}

/// Hands a macro the functions that modules call in their own, as `fn name(argument: type, …) -> type;` each,
/// which are those of [`parameters::native`](crate::parameters::native). The types are those of
/// [`core::ffi`] and `KernelParam`.
#[macro_export]
macro_rules! each_parameter_function {
    ($($macro:tt)+) => {
        $($macro)+! {
            fn param_set_byte(value: *const c_char, parameter: *const KernelParam) -> c_int;
            fn param_get_byte(buffer: *mut c_char, parameter: *const KernelParam) -> c_int;
            fn param_set_short(value: *const c_char, parameter: *const KernelParam) -> c_int;
            fn param_get_short(buffer: *mut c_char, parameter: *const KernelParam) -> c_int;
            fn param_set_ushort(value: *const c_char, parameter: *const KernelParam) -> c_int;
            fn param_get_ushort(buffer: *mut c_char, parameter: *const KernelParam) -> c_int;
            fn param_set_int(value: *const c_char, parameter: *const KernelParam) -> c_int;
            fn param_get_int(buffer: *mut c_char, parameter: *const KernelParam) -> c_int;
            fn param_set_uint(value: *const c_char, parameter: *const KernelParam) -> c_int;
            fn param_get_uint(buffer: *mut c_char, parameter: *const KernelParam) -> c_int;
            fn param_set_long(value: *const c_char, parameter: *const KernelParam) -> c_int;
            fn param_get_long(buffer: *mut c_char, parameter: *const KernelParam) -> c_int;
            fn param_set_ulong(value: *const c_char, parameter: *const KernelParam) -> c_int;
            fn param_get_ulong(buffer: *mut c_char, parameter: *const KernelParam) -> c_int;
            fn param_set_ullong(value: *const c_char, parameter: *const KernelParam) -> c_int;
            fn param_get_ullong(buffer: *mut c_char, parameter: *const KernelParam) -> c_int;
            fn param_set_hexint(value: *const c_char, parameter: *const KernelParam) -> c_int;
            fn param_get_hexint(buffer: *mut c_char, parameter: *const KernelParam) -> c_int;
            fn param_set_bool(value: *const c_char, parameter: *const KernelParam) -> c_int;
            fn param_get_bool(buffer: *mut c_char, parameter: *const KernelParam) -> c_int;
            fn param_set_invbool(value: *const c_char, parameter: *const KernelParam) -> c_int;
            fn param_get_invbool(buffer: *mut c_char, parameter: *const KernelParam) -> c_int;
            fn param_set_bint(value: *const c_char, parameter: *const KernelParam) -> c_int;
            fn param_set_bool_enable_only(value: *const c_char, parameter: *const KernelParam) -> c_int;
            fn param_set_charp(value: *const c_char, parameter: *const KernelParam) -> c_int;
            fn param_get_charp(buffer: *mut c_char, parameter: *const KernelParam) -> c_int;
            fn param_free_charp(argument: *mut c_void) -> ();
            fn param_set_copystring(value: *const c_char, parameter: *const KernelParam) -> c_int;
            fn param_get_string(buffer: *mut c_char, parameter: *const KernelParam) -> c_int;
            fn param_set_uint_minmax(
                value: *const c_char,
                parameter: *const KernelParam,
                least: c_uint,
                most: c_uint
            ) -> c_int;
        }
    };
}

/// Exports the operations of Linux's types of parameters, `param_ops_int` and its like and
/// `param_array_ops`, by whose addresses the loader knows the types. `$function` is a macro that makes of
/// the name of a function of [`each_parameter_function!`](crate::each_parameter_function) its address as
/// modules call it, a `*const ()`: for a module that calls it by way of the operations.
///
/// `param_array_ops` has no functions: the loader alone sets and shows arrays.
#[macro_export]
macro_rules! export_parameter_operations {
    // With the macro's path in brackets, so that it is one token.
    (@all $function:tt [$($name:ident $set:ident $get:ident $($with:ident $($free:ident)?)?;)*]) => {$(
        $crate::export_parameter_operations! { @one $function $name $set $get $($with $($free)?)? }
    )*};
    (@one $function:tt $name:ident $set:ident $get:ident $($with:ident $($free:ident)?)?) => {
        const _: () = {
            static OPERATIONS: $crate::parameters::native::KernelParamOps =
                $crate::parameters::native::KernelParamOps::new(
                    $crate::export_parameter_operations!(@address $function $set),
                    $crate::export_parameter_operations!(@address $function $get),
                ) $(.$with($($crate::export_parameter_operations!(@address $function $free))?))?;
            $crate::export!(static $name = OPERATIONS);
        };
    };
    (@address [$($function:tt)+] $name:ident) => {
        $($function)+!($name)
    };
    ($($function:tt)+) => {
        $crate::export_parameter_operations! { @all [$($function)+] [
            param_ops_byte param_set_byte param_get_byte;
            param_ops_short param_set_short param_get_short;
            param_ops_ushort param_set_ushort param_get_ushort;
            param_ops_int param_set_int param_get_int;
            param_ops_uint param_set_uint param_get_uint;
            param_ops_long param_set_long param_get_long;
            param_ops_ulong param_set_ulong param_get_ulong;
            param_ops_ullong param_set_ullong param_get_ullong;
            param_ops_hexint param_set_hexint param_get_hexint;
            param_ops_bool param_set_bool param_get_bool without_value;
            param_ops_invbool param_set_invbool param_get_invbool;
            param_ops_bint param_set_bint param_get_int without_value;
            param_ops_bool_enable_only param_set_bool_enable_only param_get_bool without_value;
            param_ops_charp param_set_charp param_get_charp freed_by param_free_charp;
            param_ops_string param_set_copystring param_get_string;
        ] }
        const _: () = {
            static OPERATIONS: $crate::parameters::native::KernelParamOps =
                $crate::parameters::native::KernelParamOps::NONE;
            $crate::export!(static param_array_ops = OPERATIONS);
        };
    };
}

/// Exports what modules import for their parameters, in the C convention of the target: the operations of
/// Linux's types, the functions that modules call in their own, and the lock of the loader that stands
/// there, a `&'static Loader`.
///
/// Called at the level of items, once in a kernel.
///
/// ```
/// # use modlink::symbols::{Ksymtab, KsymtabError, Symbol};
/// # use modlink_host::sparse::SparseKernel;
/// # use modlink::{Loader, arch::X86_64};
/// # fn loader() -> &'static Loader<SparseKernel<X86_64>> { Box::leak(Box::new(SparseKernel::boot([]))) }
/// modlink::export_parameters!(loader());
///
/// let exports = Ksymtab::linked().unwrap();
/// for name in ["param_ops_int", "param_array_ops", "param_get_bool", "kernel_param_lock"] {
///     assert!(exports.find(name.as_bytes()).is_some());
/// }
/// ```
#[macro_export]
macro_rules! export_parameters {
    ($loader:expr) => {
        const _: () = {
            use ::core::ffi::{c_char, c_int, c_uint, c_void};
            use $crate::parameters::native::KernelParam;

            $crate::each_parameter_function!($crate::export_parameters_in_c);
            $crate::export_parameter_operations!($crate::parameter_function_in_c);

            unsafe extern "C" fn lock(module: *mut c_void) {
                $crate::parameters::native::kernel_param_lock($loader, module);
            }
            unsafe extern "C" fn unlock(module: *mut c_void) {
                // SAFETY: modules are trusted to give back what they have taken.
                unsafe { $crate::parameters::native::kernel_param_unlock($loader, module) };
            }
    $crate::export!(fn kernel_param_lock(*mut c_void) = lock);
    $crate::export!(fn kernel_param_unlock(*mut c_void) = unlock);
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! export_parameters_in_c {
    ($(fn $name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {
        $($crate::export!(fn $name($($kind),*) -> $result = $crate::parameters::native::$name);)*
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! parameter_function_in_c {
    ($name:ident) => {
        $crate::parameters::native::$name as *const ()
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::ffi::CString;
    use alloc::string::String;

    fn parameter<T>(variable: &mut T) -> KernelParam {
        KernelParam {
            name: c"name".as_ptr(),
            module: ptr::null_mut(),
            operations: ptr::null(),
            permissions: 0,
            level: 0,
            flags: 0,
            argument: (&raw mut *variable).cast(),
        }
    }

    type Set = unsafe extern "C" fn(*const c_char, *const KernelParam) -> c_int;
    type Get = unsafe extern "C" fn(*mut c_char, *const KernelParam) -> c_int;

    fn set_to(set: Set, value: &str, parameter: &KernelParam) -> c_int {
        let value = CString::new(value).unwrap();
        // SAFETY: the parameter has a variable of that type.
        unsafe { set(value.as_ptr(), parameter) }
    }

    fn text(get: Get, parameter: &KernelParam) -> String {
        let mut page = [0xff_u8; 4096];
        // SAFETY: as above, and the buffer has a page.
        let length = unsafe { get(page.as_mut_ptr().cast(), parameter) } as usize;
        assert_eq!(page[length], 0);
        String::from_utf8(page[..length].to_vec()).unwrap()
    }

    #[test]
    fn functions_for_modules_do_what_the_loader_does() {
        let mut long = 0xaaaa_aaaa_aaaa_aaaa_u64;
        let of_int = parameter(&mut long);
        assert_eq!(set_to(param_set_int, "-5", &of_int), 0);
        assert_eq!(text(param_get_int, &of_int), "-5\n");
        assert_eq!(set_to(param_set_int, "x", &of_int), -22);
        assert_eq!(set_to(param_set_int, "2147483648", &of_int), -34);
        assert_eq!(text(param_get_uint, &of_int), "4294967291\n");
        assert_eq!(set_to(param_set_byte, "7", &of_int), 0);
        assert_eq!(text(param_get_byte, &of_int), "7\n");
        assert_eq!(set_to(param_set_bint, "y", &of_int), 0);
        assert_eq!(text(param_get_int, &of_int), "1\n");
        // SAFETY: there is a variable.
        unsafe {
            assert_eq!(param_set_int(ptr::null(), &of_int), -22);
            assert_eq!(param_set_bool(ptr::null(), &of_int), 0);
        }
        assert_eq!(text(param_get_bool, &of_int), "Y\n");
        assert_eq!(text(param_get_invbool, &of_int), "N\n");
        assert_eq!(set_to(param_set_bool_enable_only, "n", &of_int), -30);
        assert_eq!(set_to(param_set_ullong, "0xffffffffffffffff", &of_int), 0);
        assert_eq!(text(param_get_ullong, &of_int), "18446744073709551615\n");
        let minmax = |value: &str| {
            let value = CString::new(value).unwrap();
            // SAFETY: there is a variable.
            unsafe { param_set_uint_minmax(value.as_ptr(), &of_int, 3, 5) }
        };
        assert_eq!(["2", "3", "5", "6", "-1"].map(minmax), [-22, 0, 0, -22, -22]);
    }

    #[test]
    fn strings_are_copied_to_where_there_is_room() {
        let mut room = [b'-'; 4];
        let mut buffer = Buffer { size: 4, string: room.as_mut_ptr().cast() };
        let of_string = parameter(&mut buffer);
        assert_eq!(set_to(param_set_copystring, "abc", &of_string), 0);
        assert_eq!(text(param_get_string, &of_string), "abc\n");
        assert_eq!(set_to(param_set_copystring, "abcd", &of_string), -28);
        assert_eq!(text(param_get_string, &of_string), "abc\n");
    }

    #[test]
    fn copies_are_freed_and_strings_of_others_are_not() {
        let mut pointer: *const c_char = c"of the module's own".as_ptr();
        let of_charp = parameter(&mut pointer);
        assert_eq!(text(param_get_charp, &of_charp), "of the module's own\n");
        for value in ["one", "another", ""] {
            assert_eq!(set_to(param_set_charp, value, &of_charp), 0);
            assert_eq!(text(param_get_charp, &of_charp).trim_end(), value);
        }
        let copied = pointer;
        // SAFETY: nobody uses it.
        unsafe { param_free_charp((&raw mut pointer).cast()) };
        assert!(change(copied.addr(), BUSY).is_none());
        assert!(change(FREE, FREE).is_some());
        pointer = ptr::null();
        assert_eq!(text(param_get_charp, &parameter(&mut pointer)), "(null)\n");
        let long = String::from_utf8(alloc::vec![b'x'; 1025]).unwrap();
        assert_eq!(set_to(param_set_charp, &long, &parameter(&mut pointer)), -28);
        assert!(pointer.is_null());
    }
}
