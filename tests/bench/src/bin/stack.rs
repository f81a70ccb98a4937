//! Measures how much stack the loader takes.

use clap::Parser;
use modlink::arch::{Arch, I386, M68k, X86_64};
use modlink_bench::table::{Table, thousands};
use modlink_host::stack::{Deepest, measure};

/// Loads real modules and measures how much of the stack that, looking things up and unloading take
/// at most.
#[derive(Parser)]
struct Arguments {
    /// How many modules of each architecture, without those that they use
    #[arg(long, default_value_t = 150)]
    modules: usize,
}

fn main() {
    let Arguments { modules } = Arguments::parse();
    let mut table = Table::new([
        "bytes of stack at most",
        "modules",
        "load",
        "rejected load",
        "unload",
        "symbol",
        "find",
        "locate",
        "the kernel's part, alone",
    ]);
    let mut loads = Vec::new();
    row::<X86_64>(modules, &mut table, &mut loads);
    row::<I386>(modules, &mut table, &mut loads);
    row::<M68k>(modules, &mut table, &mut loads);
    println!("{table}\nThe deepest loads: {}", loads.join(", "));
}

fn row<A: Arch>(modules: usize, table: &mut Table, loads: &mut Vec<String>) {
    let Deepest { load, rejection, unload, find, symbol, locate, kernel, modules } =
        measure::<A>(modules);
    loads.push(format!("{} ({})", load.1, A::NAME));
    let depths = [load, rejection, unload, symbol, find, locate, kernel];
    let depths = depths.into_iter().map(|(taken, _)| thousands(taken as u64));
    table.row([A::NAME.to_owned(), thousands(modules as u64)].into_iter().chain(depths));
}
