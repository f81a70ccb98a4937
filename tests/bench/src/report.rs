//! What the measurements say.

use crate::callgrind::Copying;
use crate::growth::{self, Point};
use crate::loaders::Loader;
use crate::measure::Measured;
use crate::table::{Table, thousands};
use anyhow::Result;
use clap::ValueEnum;
use std::fmt::Write;
use std::path::Path;

/// A module with fewer relocations is not held to the floor by itself.
const MANY: u64 = 1000;

/// How many of the modules farthest from the floor are listed.
const LISTED: usize = 10;

const WAYS: [&str; 2] = ["vectors", "strings"];

impl Measured<'_> {
    fn position(&self, loader: Loader) -> Option<usize> {
        self.loaders.iter().position(|other| *other == loader)
    }

    /// The relocations and instructions of all sampled modules together.
    fn sum(&self, way: usize, loader: Loader) -> Option<Point> {
        let position = self.position(loader)?;
        let sampled = self.points(way, position).filter(|(index, _)| self.is_sampled(*index));
        Some(sampled.fold((0.0, 0.0), |sum, (_, point)| (sum.0 + point.0, sum.1 + point.1)))
    }

    /// The relocations and instructions of each module that was counted, with its index.
    fn points(&self, way: usize, loader: usize) -> impl Iterator<Item = (usize, Point)> {
        let costs = self.costs.iter().zip(self.modules).enumerate();
        costs.filter_map(move |(index, (costs, module))| {
            let instructions = costs.instructions[way][loader]?;
            Some((index, (module.relocations as f64, instructions as f64)))
        })
    }

    /// The relocations and nanoseconds of each module.
    fn times(&self, loader: usize) -> Vec<Point> {
        let costs = self.costs.iter().zip(self.modules);
        let points = costs.filter_map(|(costs, module)| {
            Some((module.relocations as f64, costs.times[loader]?.as_nanos() as f64))
        });
        points.collect()
    }
}

/// Instructions a relocation, in sum over the sample.
pub fn instructions(measured: &Measured<'_>) -> String {
    let modules = (0..measured.modules.len()).filter(|index| measured.is_sampled(*index)).count();
    let relocations = measured.loaders.first().and_then(|loader| measured.sum(0, *loader));
    let relocations = thousands(relocations.unwrap_or_default().0 as u64);
    let mut text = format!(
        "Instructions a relocation: every {}th module, {modules} modules, {relocations} \
         relocations. Large copies\nare made with vectors, or with string instructions that \
         count once a byte.\n\n",
        measured.step
    );
    let mut table = Table::new(["loader", WAYS[0], "× floor", WAYS[1], "× floor", "× kmod-loader"]);
    for loader in measured.loaders {
        let mut cells = vec![loader.title().to_owned()];
        for way in 0..Copying::value_variants().len() {
            let each = |loader| measured.sum(way, loader).map(|sum| sum.1 / sum.0);
            let own = each(*loader).unwrap_or(f64::NAN);
            cells.push(format!("{own:.1}"));
            cells.push(ratio(own, each(Loader::Floor)));
        }
        let sum = |loader| measured.sum(0, loader).map(|sum| sum.1);
        cells.push(ratio(sum(*loader).unwrap_or(f64::NAN), sum(Loader::KmodLoader)));
        table.row(cells);
    }
    let _ = write!(text, "{table}");
    text
}

fn ratio(own: f64, other: Option<f64>) -> String {
    other.map_or_else(String::new, |other| format!("{:.2}", own / other))
}

/// The modules of many relocations that are farthest from the floor.
pub fn worst(measured: &Measured<'_>) -> String {
    let positions =
        [Loader::Floor, Loader::Resolve, Loader::Modlink].map(|loader| measured.position(loader));
    let [Some(floor), Some(resolve), Some(modlink)] = positions else {
        return String::new();
    };
    let mut found: Vec<_> = measured
        .points(0, modlink)
        .filter(|(_, point)| point.0 > MANY as f64)
        .filter_map(|(index, (relocations, own))| {
            let costs = &measured.costs[index].instructions[0];
            let floor = costs[floor]? as f64;
            let with_names = floor + costs[resolve]? as f64;
            Some((own / floor, own / with_names, relocations, own / relocations, index))
        })
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut text = format!(
        "Modules of more than {} relocations farthest from the floor, of {} counted (vectors)\n\n",
        thousands(MANY),
        found.len()
    );
    let mut table = Table::new([
        "module",
        "relocations",
        "instructions a relocation",
        "× floor",
        "× floor and names",
    ]);
    let largest = found.iter().max_by(|a, b| a.2.total_cmp(&b.2)).copied();
    for (floor, with_names, relocations, each, index) in
        found.into_iter().take(LISTED).chain(largest)
    {
        table.row([
            measured.modules[index].name.clone(),
            thousands(relocations as u64),
            format!("{each:.1}"),
            format!("{floor:.2}"),
            format!("{with_names:.2}"),
        ]);
    }
    let _ = write!(text, "{table}");
    text
}

/// Times in sum over all modules, as ratios.
pub fn times(measured: &Measured<'_>) -> String {
    let count = thousands(measured.modules.len() as u64);
    let mut text = format!("Times of all {count} modules in one run\n\n");
    let mut table =
        Table::new(["loader", "rejected", "ms", "ns a relocation", "× floor", "× modlink"]);
    let sum = |loader| {
        let points = measured.times(measured.position(loader)?);
        Some(points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1)))
    };
    for (index, loader) in measured.loaders.iter().enumerate() {
        let (relocations, nanoseconds) = sum(*loader).unwrap_or_default();
        let rejected = measured.modules.len() - measured.times(index).len();
        table.row([
            loader.title().to_owned(),
            rejected.to_string(),
            format!("{:.1}", nanoseconds / 1e6),
            format!("{:.2}", nanoseconds / relocations),
            ratio(nanoseconds, sum(Loader::Floor).map(|sum| sum.1)),
            ratio(nanoseconds, sum(Loader::Modlink).map(|sum| sum.1)),
        ]);
    }
    let _ = write!(text, "{table}");
    text
}

/// How modlink's costs grow with relocations.
pub fn growth(measured: &Measured<'_>) -> String {
    let Some(modlink) = measured.position(Loader::Modlink) else {
        return String::new();
    };
    let instructions: Vec<Point> =
        measured.points(0, modlink).map(|(_, point)| point).filter(|point| point.0 > 0.0).collect();
    let times: Vec<Point> =
        measured.times(modlink).into_iter().filter(|point| point.0 > 0.0).collect();
    let mut text = String::from("modlink's cost of a relocation by the module's size\n\n");
    let mut table =
        Table::new(["relocations", "modules", "ns each", "counted", "instructions each"]);
    let counted = growth::classes(&instructions);
    for class in growth::classes(&times) {
        let counted = counted.iter().find(|counted| counted.from == class.from);
        table.row([
            format!("{} … {}", thousands(class.from as u64), thousands(class.to as u64 - 1)),
            class.modules.to_string(),
            format!("{:.1}", class.cost),
            counted.map_or(String::new(), |counted| counted.modules.to_string()),
            counted.map_or(String::new(), |counted| format!("{:.1}", counted.cost)),
        ]);
    }
    let _ = writeln!(text, "{table}");
    for (what, points) in [("instructions", &instructions), ("nanoseconds", &times)] {
        let line = growth::fit(points);
        let _ = writeln!(
            text,
            "{what}: {:.0} a load and {:.1} a relocation fit best; beside that line the classes \
             differ by {:.2} times",
            line.fixed,
            line.each,
            growth::flatness(points, line)
        );
    }
    text
}

/// What the plot shows: times of all loaders.
pub fn series<'m>(measured: &Measured<'m>) -> Vec<(&'m str, Vec<Point>)> {
    let loaders = measured.loaders.iter().enumerate();
    loaders
        .filter(|(_, loader)| **loader != Loader::Resolve)
        .map(|(index, loader)| (loader.title(), measured.times(index)))
        .collect()
}

/// Writes one line a module.
///
/// # Errors
/// If the file cannot be written.
pub fn write_csv(measured: &Measured<'_>, path: &Path) -> Result<()> {
    let mut csv = csv::Writer::from_path(path)?;
    let mut head = vec!["module".to_owned(), "relocations".to_owned(), "file_bytes".to_owned()];
    for loader in measured.loaders {
        let name = loader.title().replace([' ', '-'], "_");
        head.push(format!("{name}_ns"));
        head.extend(WAYS.map(|way| format!("{name}_instructions_{way}")));
    }
    csv.write_record(&head)?;
    for (module, costs) in measured.modules.iter().zip(&measured.costs) {
        let mut cells = vec![
            module.name.clone(),
            module.relocations.to_string(),
            module.file.len().to_string(),
        ];
        for loader in 0..measured.loaders.len() {
            let time = costs.times[loader].map(|time| time.as_nanos().to_string());
            cells.push(time.unwrap_or_default());
            for way in &costs.instructions {
                cells.push(way[loader].map(|count| count.to_string()).unwrap_or_default());
            }
        }
        csv.write_record(&cells)?;
    }
    Ok(csv.flush()?)
}
