//! What every program here exports, out of order and from more than one crate, and the look at what
//! has become of it.

use core::ffi::c_int;
use core::sync::atomic::AtomicU32;
use modlink::symbols::{Ksymtab, Symbol};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The heap, which counts how often somebody asks for some.
struct Counting(AtomicUsize);

// SAFETY: it is the system's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting(AtomicUsize::new(0));

/// How often somebody has asked for memory.
pub fn allocations() -> usize {
    HEAP.0.load(Ordering::Relaxed)
}

/// Three bytes that a linker script can put before the table.
#[used]
#[unsafe(link_section = "odd_neighbour")]
static ODD: [u8; 3] = *b"odd";

/// Comes first here and last by name.
pub extern "C" fn zebra(_stripes: c_int) -> c_int {
    1
}

/// What cannot have its name in Rust.
pub extern "C" fn give_way() {}

/// A variable.
pub static JIFFIES: AtomicU32 = AtomicU32::new(7);

modlink::export!(fn zebra(c_int) -> c_int);
modlink::export!(fn "yield"() = give_way);
modlink::export!(gpl static jiffies = JIFFIES);
modlink::export!(in "ANIMALS" fn "a zebra, so called"(c_int) -> c_int = zebra);

/// Looks for each of these symbols by its name, says what it found, and that there are no more.
///
/// # Panics
/// If there is no table.
pub fn show(names: &[&str]) {
    let table = Ksymtab::linked().expect("a table");
    // From the second call on it may be asked where nothing can be allocated.
    let before = allocations();
    assert!(std::ptr::eq(Ksymtab::linked().expect("a table"), table));
    assert!(table.find(b"not there").is_none());
    assert_eq!(allocations(), before, "a look-up allocates");
    for name in names {
        match table.find(name.as_bytes()) {
            Some(Symbol { name, gpl_only, namespace, .. }) => {
                let [name, namespace] = [name, namespace].map(String::from_utf8_lossy);
                println!("{name} gpl={gpl_only} namespace={namespace:?}");
            }
            None => println!("{name} is not there"),
        }
    }
    let address = |name: &str| table.find(name.as_bytes()).map(|symbol| symbol.address as usize);
    assert_eq!(address("zebra"), Some((zebra as *const u8).addr()));
    assert_eq!(address("yield"), Some((give_way as *const u8).addr()));
    assert_eq!(address("jiffies"), Some((&raw const JIFFIES).addr()));
    println!("{} symbols", table.len());
}
