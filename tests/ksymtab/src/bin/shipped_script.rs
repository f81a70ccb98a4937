//! Linked with `shipped_script.ld`.

fn main() {
    modlink_ksymtab::show(&["zebra", "jiffies", "a zebra, so called", "yield"]);
}
