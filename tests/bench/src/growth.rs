//! How a cost grows with the number of relocations.

/// A load: its relocations and its cost, in whatever unit.
pub type Point = (f64, f64);

/// cost = fixed + each × relocations, fitted so that relative errors weigh the same for small
/// and large modules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// What every load costs.
    pub fixed: f64,
    /// What each relocation costs.
    pub each: f64,
}

/// Fits a line by least squares of relative errors: each point weighs 1/cost².
pub fn fit(points: &[Point]) -> Line {
    let (mut w, mut x, mut y, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (relocations, cost) in points {
        let weight = 1.0 / (cost * cost);
        w += weight;
        x += weight * relocations;
        y += weight * cost;
        xx += weight * relocations * relocations;
        xy += weight * relocations * cost;
    }
    let each = (w * xy - x * y) / (w * xx - x * x);
    Line { fixed: (y - each * x) / w, each }
}

/// The modules of between `from` and `to` relocations and what a relocation costs in them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Class {
    /// The fewest relocations.
    pub from: f64,
    /// One more than the most.
    pub to: f64,
    /// How many modules there are.
    pub modules: usize,
    /// Their cost, all together, for each of their relocations.
    pub cost: f64,
}

/// Divides loads into classes of relocations, each ten times the one before.
pub fn classes(points: &[Point]) -> Vec<Class> {
    let bounds = [1.0, 100.0, 1e3, 1e4, 1e5, 1e6];
    let class = |from: f64, to: f64| {
        let inside = points.iter().filter(|(relocations, _)| (from..to).contains(relocations));
        let (modules, relocations, cost) = inside
            .fold((0, 0.0, 0.0), |(n, sum, all), point| (n + 1, sum + point.0, all + point.1));
        Class { from, to, modules, cost: cost / relocations }
    };
    let all = bounds.windows(2).map(|pair| class(pair[0], pair[1]));
    all.filter(|class| class.modules != 0).collect()
}

/// The largest cost of a class, relative to what the line says, by the smallest.
pub fn flatness(points: &[Point], line: Line) -> f64 {
    let relative = |(relocations, cost): &Point| {
        (*relocations, cost / (line.fixed + line.each * relocations) * relocations)
    };
    let relative: Vec<Point> = points.iter().map(relative).collect();
    let classes = classes(&relative);
    let costs = || classes.iter().map(|class| class.cost);
    costs().fold(0.0, f64::max) / costs().fold(f64::MAX, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_line_that_the_points_lie_on() {
        let points: Vec<Point> =
            [10.0, 500.0, 3e5].iter().map(|x| (*x, 2000.0 + 7.0 * x)).collect();
        let line = fit(&points);
        assert!((line.fixed - 2000.0).abs() < 1e-3, "{line:?}");
        assert!((line.each - 7.0).abs() < 1e-6, "{line:?}");
        assert!((flatness(&points, line) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_class_has_the_cost_of_its_modules_together() {
        let found = classes(&[(200.0, 1000.0), (300.0, 4000.0), (2e5, 1e6)]);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].modules, found[0].cost), (2, 10.0));
        assert_eq!((found[1].from, found[1].cost), (1e5, 5.0));
    }
}
