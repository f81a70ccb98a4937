//! That the harness would notice.

use std::time::Duration;

use crate::cases;
use crate::harness::{Checks, Floats, Level, TIME_LIMIT, boot, build, differences};
use crate::levels::on_the_host;

const LEVEL: Level = Level { optimisation: "2", checks: Checks::Nowhere };

#[test]
fn one_wrong_hash_is_a_difference() {
    let folder = build(LEVEL, &["differential"], Floats::Rejected);
    let kernel = folder.path().join("differential");
    let got = boot(&kernel, &[], TIME_LIMIT).expect("a kernel that ends");
    let want = on_the_host(cases::run);
    assert_eq!(differences(&got, &want), [""; 0]);
    let lines: Vec<&str> = want.lines().collect();
    assert!(lines.len() > 500, "only {} cases", lines.len());
    for index in [0, lines.len() / 2, lines.len() - 2] {
        let digit = lines[index].len() - 1;
        let (start, last) = lines[index].split_at(digit);
        let wrong = format!("{start}{}", if last == "0" { "1" } else { "0" });
        let mut altered = lines.clone();
        altered[index] = &wrong;
        let found = differences(&got, &altered.join("\n"));
        assert_eq!(found.len(), 1, "line {index}: {found:?}");
    }
}

#[test]
fn missing_and_additional_lines_are_differences() {
    assert_eq!(differences("a\nb\n", "a\n").len(), 1);
    assert_eq!(differences("a\n", "a\nb\n").len(), 1);
    assert_eq!(differences("", "end\n").len(), 1);
}

#[test]
fn a_machine_that_hangs_is_killed() {
    let folder = build(LEVEL, &["differential"], Floats::Rejected);
    let kernel = folder.path().join("differential");
    // The processor is never started.
    let outcome = boot(&kernel, &["-S"], Duration::from_secs(1));
    assert!(outcome.is_err(), "{outcome:?}");
}

#[test]
fn different_operands_give_different_hashes() {
    let hashes = on_the_host(cases::run);
    let mut hashes: Vec<&str> = hashes.lines().filter_map(|line| line.split(": ").nth(1)).collect();
    let all = hashes.len();
    hashes.sort_unstable();
    hashes.dedup();
    // Some operations are the same for different types, such as swapping the bytes of one byte.
    assert!(hashes.len() * 4 > all * 3, "{} of {all} hashes are different", hashes.len());
}
