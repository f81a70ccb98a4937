//! Linked without any script.

extern "C" fn local() {}
modlink::export!(gpl in "ANIMALS" fn "2 of this program"() = local);

fn main() {
    modlink_ksymtab::show(&[
        "zebra",
        "jiffies",
        "2 of this program",
        "a zebra, so called",
        "yield",
    ]);
}
