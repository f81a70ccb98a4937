//! Has something in the section that is no entry.

#[used]
#[unsafe(link_section = "modlink_ksymtab")]
static STRANGER: [u8; 3] = [1, 2, 3];

fn main() {
    println!("{}", modlink::symbols::Ksymtab::linked().expect_err("it is no entry"));
}
