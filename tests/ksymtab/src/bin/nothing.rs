//! Exports nothing, and uses no crate that does.

fn main() {
    let table = modlink::symbols::Ksymtab::linked().expect("a table");
    assert!(table.is_empty() && table.find(b"").is_none());
    println!("{} symbols", table.len());
}
