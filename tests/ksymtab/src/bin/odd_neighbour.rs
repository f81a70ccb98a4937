//! Linked with `odd_neighbour.ld`.

fn main() {
    modlink_ksymtab::show(&["zebra", "jiffies", "a zebra, so called", "yield"]);
}
