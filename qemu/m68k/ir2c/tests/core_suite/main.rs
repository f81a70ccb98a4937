//! Rust's own tests of core, from its source package, translated, booted and run on m68k.
//!
//! Takes many minutes, so it is ignored by default: `make test-m68k-core` in this crate's folder.

mod sources;
mod suite;

use std::collections::BTreeMap;

use suite::Outcome;

/// Tests that do not pass, and why: a name and a reason a line.
const EXPECTED_FAILURES: &str = include_str!("expected_failures.txt");
/// Fewer would mean that the sources are not what they were.
const AT_LEAST_PASSED: usize = 2170;

#[test]
#[ignore = "takes many minutes"]
fn tests_of_core_pass_except_for_known_reasons() {
    let expected: BTreeMap<&str, &str> = EXPECTED_FAILURES
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(": ").expect("a name and a reason"))
        .collect();
    let outcomes = suite::run(&suite::build());
    let (mut passed, mut unexpected) = (0, Vec::new());
    for (name, outcome) in &outcomes {
        match (outcome, expected.get(name.as_str())) {
            (Outcome::Passed, None) => passed += 1,
            (_, Some(&"slow")) | (Outcome::Failed(_), Some(_)) => {}
            (Outcome::Passed, Some(_)) => unexpected.push(format!("{name}: passes")),
            (Outcome::Failed(reason), None) => unexpected.push(format!("{name}: {reason}")),
        }
    }
    eprintln!("{passed} of {} tests of core pass", outcomes.len());
    assert!(unexpected.is_empty(), "not as expected:\n{}", unexpected.join("\n"));
    assert!(passed >= AT_LEAST_PASSED, "only {passed} tests");
}
