//! Exports a symbol that another crate exports too.

extern "C" fn zebra() {}
modlink::export!(fn zebra());

fn main() {
    // The other crate is linked because something of it is used.
    assert_eq!(modlink_ksymtab::zebra(0), 1);
    println!("{}", modlink::symbols::Ksymtab::linked().expect_err("zebra is there twice"));
}
