//! Percentiles of durations in bounded memory.

use hdrhistogram::Histogram;
use model::Durations;

/// So many values of a file are kept, and their percentiles are exact.
pub const EXACT: usize = 16_384;
/// Longer durations are no durations, milliseconds: about 31 years. The table's numbers end somewhere.
const LONGEST_MS: f64 = 1e12;
/// Shorter durations are zero, milliseconds: the table's numbers also begin somewhere.
const SHORTEST_MS: f64 = 1e-9;
/// The histogram counts microseconds with three digits, up to a day; longer ones count as a day.
const LONGEST_COUNTED_US: u64 = 24 * 60 * 60 * 1_000_000;

/// Collects durations: the values themselves up to [`EXACT`], a histogram from there.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    exact: Vec<f64>,
    histogram: Option<Histogram<u64>>,
    count: u64,
    max: f64,
}

impl Collector {
    /// Takes one, in milliseconds. What is no duration (negative, not finite, over 31 years) is left
    /// out.
    pub fn add(&mut self, ms: f64) {
        if !(0.0..=LONGEST_MS).contains(&ms) {
            return;
        }
        let ms = if ms < SHORTEST_MS { 0.0 } else { ms };
        self.count += 1;
        self.max = self.max.max(ms);
        if let Some(histogram) = &mut self.histogram {
            count_in(histogram, ms);
            return;
        }
        self.exact.push(ms);
        if self.exact.len() > EXACT {
            let mut histogram = Histogram::new_with_max(LONGEST_COUNTED_US, 3)
                .expect("the bounds are legal: 1 < a day, three digits");
            for ms in std::mem::take(&mut self.exact) {
                count_in(&mut histogram, ms);
            }
            self.histogram = Some(histogram);
        }
    }

    /// Percentiles by nearest rank, as [`Durations`] defines them; `None` without a value.
    pub fn finish(mut self) -> Option<Durations> {
        if self.count == 0 {
            return None;
        }
        self.exact.sort_by(f64::total_cmp);
        let at = |percent: u64| match &self.histogram {
            Some(histogram) => {
                let us = histogram.value_at_quantile(percent as f64 / 100.0);
                (us as f64 / 1_000.0).min(self.max)
            }
            None => self.exact[(self.count * percent).div_ceil(100) as usize - 1],
        };
        Some(Durations {
            count: self.count,
            p50: at(50),
            p90: at(90),
            p95: at(95),
            p99: at(99),
            max: self.max,
        })
    }
}

fn count_in(histogram: &mut Histogram<u64>, ms: f64) {
    histogram.saturating_record((ms * 1_000.0).round() as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(values: impl IntoIterator<Item = f64>) -> Option<Durations> {
        let mut collector = Collector::default();
        values.into_iter().for_each(|ms| collector.add(ms));
        collector.finish()
    }

    #[test]
    fn percentiles_of_few_values_are_values_that_occurred() {
        let found = collect((1..=20).rev().map(|n| f64::from(n) + 0.123_456_789));
        let expected = Durations {
            count: 20,
            p50: 10.123_456_789,
            p90: 18.123_456_789,
            p95: 19.123_456_789,
            p99: 20.123_456_789,
            max: 20.123_456_789,
        };
        assert_eq!(found, Some(expected));
        let one = collect([7.5]).expect("one");
        assert_eq!((one.count, one.p50.to_bits(), one.p99.to_bits()), {
            let bits = 7.5f64.to_bits();
            (1, bits, bits)
        });
    }

    #[test]
    fn what_is_no_duration_is_left_out() {
        assert_eq!(collect([]), None);
        assert_eq!(
            collect([-1.0, f64::NAN, f64::INFINITY, 1e13, f64::MAX]),
            None
        );
        let tiny = collect([1e-300]).expect("one");
        assert_eq!((tiny.count, tiny.max.to_bits()), (1, 0));
    }

    #[test]
    fn at_the_bound_all_is_exact_and_beyond_it_count_and_maximum_still_are() {
        let value = |n: usize| n as f64 + 0.25;
        let exact = collect((0..EXACT).map(value)).expect("values");
        assert_eq!(exact.p50.to_bits(), value(EXACT / 2 - 1).to_bits());
        let longest = 3.0e9 + 0.1;
        let values = (0..EXACT * 4).map(value).chain([longest]);
        let beyond = collect(values).expect("values");
        assert_eq!(beyond.count, EXACT as u64 * 4 + 1);
        assert_eq!(beyond.max.to_bits(), longest.to_bits());
        for (found, percent) in [(beyond.p50, 50), (beyond.p90, 90), (beyond.p99, 99)] {
            let expected = value(EXACT * 4 * percent / 100);
            assert!((found / expected - 1.0).abs() < 0.002, "{found} {expected}");
        }
    }
}
