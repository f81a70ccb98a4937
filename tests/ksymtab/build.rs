//! Gives programs their linker scripts, which add to what the linker does by itself.

fn main() {
    let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let shipped = format!("{root}/../../src/symbols");
    println!("cargo::rerun-if-changed={shipped}/ksymtab.ld");
    for program in ["odd_neighbour", "shipped_script"] {
        println!("cargo::rerun-if-changed={root}/{program}.ld");
        // The scripts include the one that comes with the crate.
        println!("cargo::rustc-link-arg-bin={program}=-Wl,-L,{shipped}");
        println!("cargo::rustc-link-arg-bin={program}=-Wl,-T,{root}/{program}.ld");
    }
}
