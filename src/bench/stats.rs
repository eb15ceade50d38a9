//! Figures of samples. Percentiles are values that occurred, intervals are bootstrapped with a seed, so that
//! the same rows always give the same figures, here and in any other program.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use statrs::statistics::Statistics as _;

/// Times that a sample is drawn again for its intervals.
pub const RESAMPLES: usize = 1_000;
/// Larger samples are not drawn again: their intervals are as narrow as anybody needs, and a formula has them.
pub(super) const LARGE: usize = 20_000;
/// Of the normal distribution: 95 % are so many deviations around the mean.
pub(super) const NORMAL: f64 = 1.96;
/// Percentiles that are told.
const PERCENTS: [u64; 4] = [50, 90, 95, 99];

/// A 95 % interval, both ends included, in the unit of the sample.
pub type Interval = [f64; 2];

/// Figures of one sample, milliseconds where nothing else is said.
///
/// A percentile is by nearest rank: of `n` sorted values the one at position `ceil(p / 100 * n)`, from 1, as in
/// the results of files. Intervals are percentile bootstraps: the sample is drawn again [`RESAMPLES`] times, and
/// the interval goes from the 2.5th to the 97.5th percentile of what the figure then is (Efron and Tibshirani,
/// An Introduction to the Bootstrap, 1993, chapter 13). Of more than 20,000 values it is what the normal
/// distribution says of ranks and of the mean. Everything is rounded to microseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// How many values.
    pub n: usize,
    /// Smallest.
    pub min: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Largest.
    pub max: f64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation of the sample (n - 1); none of one value.
    pub deviation: Option<f64>,
    /// Interval of the median.
    pub p50_interval: Interval,
    /// Interval of the 95th percentile.
    pub p95_interval: Interval,
    /// Interval of the 99th percentile.
    pub p99_interval: Interval,
    /// Interval of the mean.
    pub mean_interval: Interval,
    /// Percentiles that are no more than the largest value, because so few values tell nothing beyond it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_the_maximum: Vec<u64>,
}

/// To microseconds, as everything that is told.
pub fn rounded(ms: f64) -> f64 {
    (ms * 1_000.0).round() / 1_000.0
}

/// Position of a percentile in `n` sorted values, from 0.
fn rank(percent: f64, n: usize) -> usize {
    ((percent / 100.0 * n as f64).ceil() as usize).clamp(1, n) - 1
}

impl Distribution {
    /// Of values in any order; none without a value.
    pub fn of(values: impl IntoIterator<Item = f64>, seed: u64) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        if sorted.is_empty() {
            return None;
        }
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        let at = |percent: u64| rounded(sorted[rank(percent as f64, n)]);
        let deviation = sorted.iter().std_dev();
        let mean = sorted.iter().mean();
        let intervals = if n > LARGE {
            Intervals::by_formula(&sorted, mean, deviation)
        } else {
            Drawn::from(&sorted, seed).intervals()
        };
        Some(Self {
            n,
            min: rounded(sorted[0]),
            p50: at(50),
            p90: at(90),
            p95: at(95),
            p99: at(99),
            max: rounded(sorted[n - 1]),
            mean: rounded(mean),
            deviation: (n > 1).then(|| rounded(deviation)),
            p50_interval: intervals.p50,
            p95_interval: intervals.p95,
            p99_interval: intervals.p99,
            mean_interval: intervals.mean,
            only_the_maximum: PERCENTS
                .into_iter()
                .filter(|percent| rank(*percent as f64, n) == n - 1)
                .collect(),
        })
    }
}

pub(super) struct Intervals {
    pub(super) p50: Interval,
    pub(super) p95: Interval,
    pub(super) p99: Interval,
    pub(super) mean: Interval,
}

impl Intervals {
    /// The count of values below a percentile is binomial, and of many values normal.
    fn by_formula(sorted: &[f64], mean: f64, deviation: f64) -> Self {
        let n = sorted.len() as f64;
        let of = |percent: f64| {
            let share = percent / 100.0;
            let (middle, spread) = (n * share, NORMAL * (n * share * (1.0 - share)).sqrt());
            let at =
                |rank: f64| rounded(sorted[(rank.round().max(1.0) as usize).min(sorted.len()) - 1]);
            [at(middle - spread), at(middle + spread + 1.0)]
        };
        let around = NORMAL * deviation / n.sqrt();
        Self {
            p50: of(50.0),
            p95: of(95.0),
            p99: of(99.0),
            mean: [rounded(mean - around), rounded(mean + around)],
        }
    }
}

/// Figures of the sample drawn again and again.
#[derive(Default)]
pub(super) struct Drawn {
    p50: Vec<f64>,
    p95: Vec<f64>,
    p99: Vec<f64>,
    mean: Vec<f64>,
}

impl Drawn {
    /// An index is drawn as the high half of a 64-bit number times `n`: the same in every language.
    fn from(sorted: &[f64], seed: u64) -> Self {
        let mut random = SplitMix64::seed_from_u64(seed);
        let mut drawn = Self::default();
        let mut counts = vec![0usize; sorted.len()];
        for _ in 0..RESAMPLES {
            drawn.keep(draw(sorted, &mut counts, &mut random));
        }
        drawn
    }

    pub(super) fn keep(&mut self, [p50, p95, p99, mean]: [f64; 4]) {
        self.p50.push(p50);
        self.p95.push(p95);
        self.p99.push(p99);
        self.mean.push(mean);
    }

    pub(super) fn intervals(self) -> Intervals {
        Intervals {
            p50: interval(self.p50),
            p95: interval(self.p95),
            p99: interval(self.p99),
            mean: interval(self.mean),
        }
    }
}

/// Median, 95th and 99th percentile and mean of a sample that is drawn from `sorted`.
pub(super) fn draw(sorted: &[f64], counts: &mut [usize], random: &mut SplitMix64) -> [f64; 4] {
    let n = sorted.len();
    counts.fill(0);
    for _ in 0..n {
        counts[((u128::from(random.next_u64()) * n as u128) >> 64) as usize] += 1;
    }
    let ranks = [rank(50.0, n), rank(95.0, n), rank(99.0, n)];
    let mut found = [0.0; 4];
    let (mut seen, mut sum) = (0, 0.0);
    for (value, count) in sorted.iter().zip(&*counts) {
        sum += value * *count as f64;
        for (rank, found) in ranks.iter().zip(&mut found) {
            if (seen..seen + count).contains(rank) {
                *found = *value;
            }
        }
        seen += count;
    }
    found[3] = sum / n as f64;
    found
}

fn interval(mut drawn: Vec<f64>) -> Interval {
    drawn.sort_by(f64::total_cmp);
    [2.5, 97.5].map(|percent| rounded(drawn[rank(percent, drawn.len())]))
}

/// Values far above the others: over the third quartile by more than three times the distance between the
/// quartiles (Tukey's outer fence, Exploratory Data Analysis, 1977). None of fewer than eight.
pub fn far_out(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    (n >= 8).then(|| {
        let (low, high) = (sorted[rank(25.0, n)], sorted[rank(75.0, n)]);
        high + 3.0 * (high - low)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = f64>) -> Distribution {
        Distribution::of(values, 1).expect("values")
    }

    #[test]
    fn percentiles_are_values_that_occurred_and_say_when_they_are_the_maximum() {
        let thirty = of((1..=30).rev().map(f64::from));
        assert_eq!((thirty.p50, thirty.p90, thirty.p95), (15.0, 27.0, 29.0));
        assert_eq!((thirty.p99, thirty.max), (30.0, 30.0));
        assert_eq!(thirty.only_the_maximum, [99]);
        let hundred_and_one = of((1..=101).map(f64::from));
        assert_eq!(hundred_and_one.p99.to_bits(), 100.0f64.to_bits());
        assert_eq!(hundred_and_one.only_the_maximum, [0u64; 0]);
        assert_eq!(of((1..=4).map(f64::from)).only_the_maximum, [90, 95, 99]);
        assert_eq!(Distribution::of([], 1), None);
    }

    #[test]
    fn mean_and_deviation_are_those_of_a_sample() {
        let known = of([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((known.mean, known.deviation), (5.0, Some(2.138)));
        assert_eq!(of([3.5]).deviation, None);
    }

    #[test]
    fn intervals_hold_what_they_are_of_and_are_the_same_again() {
        let values = || (0..200).map(|n| f64::from(n * n % 997));
        let one = Distribution::of(values(), 7).expect("values");
        assert_eq!(Some(&one), Distribution::of(values(), 7).as_ref());
        assert_ne!(Some(&one), Distribution::of(values(), 8).as_ref());
        for (figure, [low, high]) in [
            (one.p50, one.p50_interval),
            (one.p95, one.p95_interval),
            (one.p99, one.p99_interval),
            (one.mean, one.mean_interval),
        ] {
            assert!(low <= figure && figure <= high && low < high, "{one:?}");
        }
    }

    #[test]
    fn of_many_values_a_formula_gives_about_the_same_intervals() {
        let value = |n: usize| (n * 7_919 % 20_011) as f64;
        let drawn = of((0..LARGE).map(value));
        let by_formula = of((0..=LARGE).map(value));
        for (one, other) in [
            (drawn.p50_interval, by_formula.p50_interval),
            (drawn.p95_interval, by_formula.p95_interval),
            (drawn.mean_interval, by_formula.mean_interval),
        ] {
            for (one, other) in one.into_iter().zip(other) {
                assert!((one - other).abs() < 60.0, "{one} {other}");
            }
        }
    }

    /// Of many samples of a known distribution about 95 % of the intervals hold the true mean.
    #[test]
    fn intervals_hold_the_true_mean_as_often_as_they_say() {
        let mut random = SplitMix64::seed_from_u64(3);
        let mut uniform = || (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let held = (0..300)
            .filter(|seed| {
                let sample: Vec<f64> = (0..50).map(|_| uniform() * 100.0).collect();
                let [low, high] = Distribution::of(sample, *seed)
                    .expect("values")
                    .mean_interval;
                (low..=high).contains(&50.0)
            })
            .count();
        assert!((270..=297).contains(&held), "{held} of 300");
    }

    #[test]
    fn what_is_far_out_is_beyond_the_outer_fence() {
        let mut values: Vec<f64> = (10..=20).map(f64::from).collect();
        assert_eq!(far_out(&values), Some(18.0 + 3.0 * 6.0));
        values.truncate(7);
        assert_eq!(far_out(&values), None);
    }
}
