//! What every program here exports, out of order and from more than one crate, and the look at what
//! has become of it.

use core::ffi::c_int;
use core::sync::atomic::AtomicU32;
use modlink::symbols::{Ksymtab, Symbol};

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
