//! Colours and their fixed meanings: green done, red error, yellow warning, cyan hint or path.
//! Everything is understandable without them.

use std::time::Duration;

use console::{StyledObject, style};

/// Something that is done.
pub fn good<T>(text: T) -> StyledObject<T> {
    style(text).green()
}

/// Something that failed.
pub fn bad<T>(text: T) -> StyledObject<T> {
    style(text).red()
}

/// Something to look at.
pub fn warn<T>(text: T) -> StyledObject<T> {
    style(text).yellow()
}

/// A path, a command, a place to look.
pub fn hint<T>(text: T) -> StyledObject<T> {
    style(text).cyan()
}

/// Detail.
pub fn dim<T>(text: T) -> StyledObject<T> {
    style(text).dim()
}

/// A duration with three digits: `0.42 ms`, `12.3 ms`, `1.50 s`, `2 min 05 s`.
pub fn duration(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1000.0;
    match ms {
        ms if ms < 10.0 => format!("{ms:.2} ms"),
        ms if ms < 100.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms if ms < 60_000.0 => format!("{:.2} s", ms / 1000.0),
        _ => {
            let seconds = duration.as_secs();
            format!("{} min {:02} s", seconds / 60, seconds % 60)
        }
    }
}

/// Time so far, for what is drawn again and again: `0.4 s`, `12.3 s`, `2 min 05 s`.
pub fn short_duration(time: Duration) -> String {
    if time.as_secs() < 60 {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        duration(time)
    }
}

/// How long ago something was, or for how long it has been so: `12 s`, `2 min 05 s`, `1 h 02 min`, `3 d 04 h`.
pub fn age(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min {:02} s", seconds % 60),
        3_600..86_400 => format!("{hours} h {:02} min", minutes % 60),
        _ => format!("{} d {:02} h", hours / 24, hours % 24),
    }
}

/// A size in decimal units: `231 bytes`, `1.2 MB`.
pub fn bytes(bytes: u64) -> String {
    indicatif::DecimalBytes(bytes).to_string()
}

/// `1 file`, `2 files`.
pub fn plural(count: usize, one: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {one}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_digits() {
        let shown = [420, 12_340, 123_400, 1_500_000, 125_000_000]
            .map(|us| duration(Duration::from_micros(us)));
        assert_eq!(
            shown,
            ["0.42 ms", "12.3 ms", "123 ms", "1.50 s", "2 min 05 s"]
        );
    }

    #[test]
    fn ages_have_two_units_at_most() {
        let shown = [999, 59_999, 125_000, 3_720_000, 273_600_000].map(age);
        assert_eq!(
            shown,
            ["0 s", "59 s", "2 min 05 s", "1 h 02 min", "3 d 04 h"]
        );
    }
}
