//! Whether two samples differ, and what a share may be by chance.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::SeedableRng as _;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF as _, Normal};
use statrs::statistics::{Data, OrderStatistics as _, RankTieBreaker};

use super::stats::{Distribution, Drawn, Interval, LARGE, NORMAL, RESAMPLES, draw, rounded};

/// By how much figures of one sample are above those of another: 95 % intervals. One that does not hold zero is a
/// difference beyond chance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Differences {
    /// Of the medians.
    pub p50: Interval,
    /// Of the 95th percentiles.
    pub p95: Interval,
    /// Of the 99th percentiles.
    pub p99: Interval,
    /// Of the means.
    pub mean: Interval,
}

/// By how much the figures of `other` are above those of `one`. Both are drawn again [`RESAMPLES`] times by one
/// generator, in each round `one` first. Of large samples the intervals of both are put together as if they were normal.
/// None where one has no value.
pub fn differences(one: &[f64], other: &[f64], seed: u64) -> Option<Differences> {
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    let (one, other) = (sorted(one), sorted(other));
    if one.is_empty() || other.is_empty() {
        return None;
    }
    if one.len().max(other.len()) > LARGE {
        return differences_by_formula(&one, &other, seed);
    }
    let mut random = SplitMix64::seed_from_u64(seed);
    let mut drawn = Drawn::default();
    let (mut counts, mut others) = (vec![0; one.len()], vec![0; other.len()]);
    for _ in 0..RESAMPLES {
        let below = draw(&one, &mut counts, &mut random);
        let mut above = draw(&other, &mut others, &mut random);
        above
            .iter_mut()
            .zip(below)
            .for_each(|(above, below)| *above -= below);
        drawn.keep(above);
    }
    let intervals = drawn.intervals();
    Some(Differences {
        p50: intervals.p50,
        p95: intervals.p95,
        p99: intervals.p99,
        mean: intervals.mean,
    })
}

fn differences_by_formula(one: &[f64], other: &[f64], seed: u64) -> Option<Differences> {
    let of = |values: &[f64]| Distribution::of(values.iter().copied(), seed);
    let (one, other) = (of(one)?, of(other)?);
    let between = |a: (f64, Interval), b: (f64, Interval)| {
        let ((a, [a_low, a_high]), (b, [b_low, b_high])) = (a, b);
        [
            rounded(b - a - (b - b_low).hypot(a_high - a)),
            rounded(b - a + (b_high - b).hypot(a - a_low)),
        ]
    };
    Some(Differences {
        p50: between((one.p50, one.p50_interval), (other.p50, other.p50_interval)),
        p95: between((one.p95, one.p95_interval), (other.p95, other.p95_interval)),
        p99: between((one.p99, one.p99_interval), (other.p99, other.p99_interval)),
        mean: between(
            (one.mean, one.mean_interval),
            (other.mean, other.mean_interval),
        ),
    })
}

/// Where the share of `found` in `n` may be, by chance: Wilson's 95 % interval (1927), which also tells something of
/// none in a few. From 0 to 1; all of it of none.
pub fn share_interval(found: usize, n: usize) -> Interval {
    if n == 0 {
        return [0.0, 1.0];
    }
    let (found, n) = (found as f64, n as f64);
    let (share, z) = (found / n, NORMAL * NORMAL);
    let middle = (share + z / (2.0 * n)) / (1.0 + z / n);
    let around = NORMAL / (1.0 + z / n) * (share * (1.0 - share) / n + z / (4.0 * n * n)).sqrt();
    [(middle - around).max(0.0), (middle + around).min(1.0)]
}

/// Whether two samples differ by more than chance: the two-sided test of Mann and Whitney (1947) on ranks, which
/// asks nothing of how the values are distributed, by its normal approximation with corrections for ties and for
/// continuity. None where one has no value, or all values are the same.
///
/// The crate's own test compares all pairs of values, and is wrong where it is exact (its two samples exchanged
/// give another probability), so that only ranks and the distribution are the crate's.
pub fn rank_test(one: &[f64], other: &[f64]) -> Option<f64> {
    let (n, m) = (one.len() as f64, other.len() as f64);
    let all: Vec<f64> = one.iter().chain(other).copied().collect();
    if one.is_empty() || other.is_empty() || all.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let ranks = Data::new(all.clone()).ranks(RankTieBreaker::Average);
    let sum: f64 = ranks.iter().take(one.len()).sum();
    let u = sum - n * (n + 1.0) / 2.0;
    let mut sorted = all;
    sorted.sort_by(f64::total_cmp);
    let ties = sorted.chunk_by(|a, b| a.total_cmp(b).is_eq());
    let ties: f64 = ties
        .map(|group| (group.len() as f64).powi(3) - group.len() as f64)
        .sum();
    let total = n + m;
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if variance <= 0.0 {
        return None;
    }
    let distance = ((u - n * m / 2.0).abs() - 0.5).max(0.0) / variance.sqrt();
    let normal = Normal::new(0.0, 1.0).ok()?;
    Some((2.0 * normal.sf(distance)).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_beyond_chance_where_its_interval_holds_no_zero() {
        let low: Vec<f64> = (0..30).map(|n| 10.0 + f64::from(n * 7 % 11)).collect();
        let high: Vec<f64> = low.iter().map(|value| value + 20.0).collect();
        let same = differences(&low, &low, 1).expect("values");
        assert!(same.p50[0] <= 0.0 && 0.0 <= same.p50[1], "{same:?}");
        let differs = differences(&low, &high, 1).expect("values");
        for [from, to] in [differs.p50, differs.p95, differs.p99, differs.mean] {
            assert!(0.0 < from && from <= 20.0 && 20.0 <= to, "{differs:?}");
        }
        assert_eq!(differences(&low, &[], 1), None);
        let many: Vec<f64> = (0..=LARGE).map(|n| (n * 7_919 % 1_009) as f64).collect();
        let more: Vec<f64> = many.iter().map(|value| value + 15.0).collect();
        let [from, to] = differences(&many, &more, 1).expect("values").mean;
        assert!(
            0.0 < from && from < 15.0 && 15.0 < to && to < 30.0,
            "{from} {to}"
        );
    }

    #[test]
    fn none_of_a_few_says_little() {
        let [low, high] = share_interval(0, 30);
        assert!(
            low.abs() < 1e-12 && (high - 0.1135).abs() < 0.0005,
            "{high}"
        );
        let [low, high] = share_interval(5, 10);
        assert!((low - 0.2366).abs() < 0.0005 && (high - 0.7634).abs() < 0.0005);
        let [low, high] = share_interval(0, 0);
        assert!(low.abs() < 1e-12 && (high - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_rank_test_tells_a_shift_from_chance() {
        let one: Vec<f64> = (0..30).map(|n| f64::from(n * 7 % 30)).collect();
        let same: Vec<f64> = one.iter().map(|value| value + 0.5).collect();
        let shifted: Vec<f64> = one.iter().map(|value| value + 15.0).collect();
        assert!(rank_test(&one, &same).expect("a test") > 0.5);
        assert!(rank_test(&one, &shifted).expect("a test") < 0.001);
        assert_eq!(rank_test(&[], &one), None);
        assert_eq!(rank_test(&[1.0, 1.0], &[1.0]), None);
        // As scipy.stats.mannwhitneyu(method="asymptotic") has it: 0.0808556 and, with a tie, 0.1211833.
        for (one, other, p) in [
            ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0], 0.080_855_6),
            ([1.0, 2.0, 4.0], [4.0, 5.0, 6.0], 0.121_183_3),
        ] {
            let found = rank_test(&one, &other).expect("a test");
            assert!((found - p).abs() < 1e-5, "{found}");
            assert_eq!(rank_test(&other, &one), Some(found));
        }
    }
}
