//! From values to places, and ticks that people read.

/// A scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    log: bool,
    domain: [f64; 2],
    range: [f64; 2],
}

/// 1, 2 and 5 times powers of ten.
const STEPS: [f64; 3] = [1.0, 2.0, 5.0];

/// The least value of a scale by powers.
const LEAST: f64 = 0.001;

/// The largest such number that is not above `value`.
fn step_below(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let below = STEPS.iter().rev().map(|step| step * power);
    // What is equal but for its last digit is equal.
    let mut below = below.filter(|step| *step <= value * (1.0 + 1e-9));
    below.next().unwrap_or(power)
}

/// The smallest such number that is not below `value`.
fn step_above(value: f64) -> f64 {
    let below = step_below(value);
    if below >= value * (1.0 - 1e-9) {
        return below;
    }
    next(below)
}

/// The next such number.
fn next(step: f64) -> f64 {
    let power = 10f64.powf((step * 1.000_001).log10().floor());
    match (step / power).round() as u64 {
        1 => 2.0 * power,
        2 => 5.0 * power,
        _ => 10.0 * power,
    }
}

impl Scale {
    /// From zero to `most` at least, with a round end.
    pub fn linear(most: f64, range: [f64; 2]) -> Self {
        let most = if most > 0.0 { most } else { 1.0 };
        let step = step_above(most / 5.0);
        let end = (most / step - 1e-9).ceil() * step;
        Self {
            log: false,
            domain: [0.0, end],
            range,
        }
    }

    /// From zero to exactly `end`.
    pub fn whole(end: f64, range: [f64; 2]) -> Self {
        Self {
            log: false,
            domain: [0.0, end],
            range,
        }
    }

    /// Over all of `values`, which are above zero, by powers.
    pub fn log(values: impl IntoIterator<Item = f64>, range: [f64; 2]) -> Self {
        let (mut low, mut high) = (f64::INFINITY, 0.0f64);
        // Times are told to microseconds: nothing is below.
        for value in values.into_iter().filter(|value| *value >= LEAST) {
            low = low.min(value);
            high = high.max(value);
        }
        if high <= 0.0 {
            (low, high) = (1.0, 10.0);
        }
        let (low, high) = (step_below(low), step_above(high));
        Self {
            log: true,
            // One value alone has room on both sides.
            domain: if low < high {
                [low, high]
            } else {
                [low / 2.0, next(high)]
            },
            range,
        }
    }

    /// Where a value is.
    pub fn at(&self, value: f64) -> f64 {
        let [low, high] = self.domain;
        let share = if self.log {
            let value = value.max(low);
            (value.ln() - low.ln()) / (high.ln() - low.ln())
        } else {
            (value - low) / (high - low)
        };
        let [from, to] = self.range;
        from + share * (to - from)
    }

    /// Where its values begin and end.
    pub fn domain(&self) -> [f64; 2] {
        self.domain
    }

    /// Where its places begin and end.
    pub fn range(&self) -> [f64; 2] {
        self.range
    }

    /// `log` or `linear`.
    pub fn kind(&self) -> &'static str {
        if self.log { "log" } else { "linear" }
    }

    /// Round values, `most` at most and two at least.
    pub fn ticks(&self, most: usize) -> Vec<f64> {
        let [low, high] = self.domain;
        if !self.log {
            let mut step = step_above((high - low) / most as f64);
            while ((high - low) / step + 1e-9).floor() as usize + 1 > most {
                step = next(step);
            }
            let count = ((high - low) / step + 1e-9).floor() as usize;
            return (0..=count).map(|at| low + at as f64 * step).collect();
        }
        let mut all = vec![step_above(low)];
        while let Some(last) = all
            .last()
            .copied()
            .filter(|last| next(*last) <= high * 1.000_001)
        {
            all.push(next(last));
        }
        if all.len() <= most {
            return all;
        }
        let is_power = |value: &f64| (value.log10() - value.log10().round()).abs() < 1e-6;
        let powers: Vec<f64> = all.iter().copied().filter(is_power).collect();
        match powers.len() {
            0 | 1 => vec![all[0], all[all.len() - 1]],
            count if count <= most => powers,
            count => powers.into_iter().step_by(count.div_ceil(most)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ends_and_ticks_are_round() {
        let scale = Scale::linear(187.0, [0.0, 100.0]);
        assert_eq!(
            scale.domain().map(f64::to_bits),
            [0.0, 200.0].map(f64::to_bits)
        );
        assert_eq!(scale.ticks(5), [0.0, 50.0, 100.0, 150.0, 200.0]);
        assert_eq!(scale.at(50.0).to_bits(), 25.0f64.to_bits());
        let scale = Scale::log([6.1, 1_510.0], [0.0, 100.0]);
        assert_eq!(
            scale.domain().map(f64::to_bits),
            [5.0, 2_000.0].map(f64::to_bits)
        );
        let ticks = scale.ticks(9);
        let shown: Vec<u64> = ticks.iter().map(|tick| tick.round() as u64).collect();
        assert_eq!(shown, [5, 10, 20, 50, 100, 200, 500, 1_000, 2_000]);
        assert_eq!(scale.ticks(5).len(), 3);
        assert!((scale.at(100.0) - 50.0).abs() < 1e-6);
        assert_eq!(Scale::log([7.0], [0.0, 1.0]).ticks(5).len(), 2);
    }

    proptest! {
        #[test]
        fn every_value_is_within_and_in_order(a in 1e-3f64..1e7, b in 1e-3f64..1e7, most in 3usize..9) {
            let (low, high) = (a.min(b), a.max(b));
            for scale in [Scale::log([a, b], [10.0, 90.0]), Scale::linear(high, [10.0, 90.0])] {
                let (at_low, at_high) = (scale.at(low), scale.at(high));
                prop_assert!(10.0 - 1e-6 <= at_low && at_low <= at_high && at_high <= 90.0 + 1e-6);
                let ticks = scale.ticks(most);
                prop_assert!((2..=most).contains(&ticks.len()), "{:?} {ticks:?}", scale.domain());
                prop_assert!(ticks.windows(2).all(|two| two[0] < two[1]));
                let [from, to] = scale.domain();
                prop_assert!(ticks.iter().all(|tick| from <= tick * 1.000_01 && *tick <= to * 1.000_01));
            }
        }
    }
}
