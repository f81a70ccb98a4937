//! Exports a symbol that another crate exports too.

use modlink::symbols::Ksymtab;

extern "C" fn zebra() {}
modlink::export!(fn zebra());

fn main() {
    // The other crate is linked because something of it is used.
    assert_eq!(modlink_ksymtab::zebra(0), 1);
    let error = Ksymtab::linked().expect_err("zebra is there twice");
    println!("{error}");

    // From the second call on it may be asked where nothing can be allocated.
    let before = modlink_ksymtab::allocations();
    assert_eq!(Ksymtab::linked().expect_err("zebra is there twice"), error);
    assert_eq!(modlink_ksymtab::allocations(), before, "the table has been made again");
}
