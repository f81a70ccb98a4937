//! The plot: time against relocations, both logarithmic, one line a loader.

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use std::path::Path;

/// A loader's name with relocations and nanoseconds of each load.
pub type Series<'n> = (&'n str, Vec<(f64, f64)>);

const COLOURS: [RGBColor; 5] = [
    RGBColor(0x80, 0x80, 0x80),
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
];

/// Writes the plot as SVG. A line goes through the medians of the modules of about as many
/// relocations.
///
/// # Errors
/// If the file cannot be written.
pub fn write(path: &Path, series: &[Series<'_>]) -> Result<()> {
    draw(path, series).map_err(|error| anyhow!("{}: {error}", path.display()))
}

fn draw(path: &Path, series: &[Series<'_>]) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    let all = || series.iter().flat_map(|(_, points)| points);
    let most = all().map(|point| point.0).fold(1.0, f64::max);
    let (low, high) =
        all().fold((f64::MAX, 1.0_f64), |(low, high), point| (low.min(point.1), high.max(point.1)));
    let area = SVGBackend::new(path, (900, 560)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(84)
        .build_cartesian_2d(
            (10_f64..most * 1.2).log_scale(),
            (low * 0.8..high * 1.2).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc("relocations of the module")
        .y_desc("nanoseconds a load")
        .x_label_formatter(&|value| crate::table::thousands(*value as u64))
        .y_label_formatter(&|value| crate::table::thousands(*value as u64))
        .light_line_style(WHITE)
        .draw()?;
    for ((name, points), colour) in series.iter().zip(COLOURS) {
        chart
            .draw_series(LineSeries::new(medians(points), colour.stroke_width(2)))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()?;
    area.present()
}

/// The medians of the points in each quarter of a decade.
fn medians(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let class = |relocations: f64| (relocations.log10() * 4.0).floor() as i32;
    let mut sorted: Vec<_> = points.iter().filter(|point| point.0 >= 10.0).copied().collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    sorted
        .chunk_by(|a, b| class(a.0) == class(b.0))
        .map(|chunk| {
            let middle = |mut values: Vec<f64>| {
                values.sort_by(f64::total_cmp);
                values[values.len() / 2]
            };
            (
                middle(chunk.iter().map(|point| point.0).collect()),
                middle(chunk.iter().map(|point| point.1).collect()),
            )
        })
        .collect()
}
