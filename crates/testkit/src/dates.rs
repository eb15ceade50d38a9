//! Dates in texts: which are of this run, and their shape.

use std::time::{SystemTime, UNIX_EPOCH};

/// The shape of a time: fractions of a second have no fixed number of digits, so they become three.
pub fn timestamp(found: &str) -> String {
    let (whole, rest) = found.split_at(found.find('.').unwrap_or(found.len()));
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => {
            let end = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            (".fff", &rest[end..])
        }
        None => ("", ""),
    };
    let clock = whole[11..].trim_end_matches('Z');
    let clock = if clock.len() > 5 { "hh:mm:ss" } else { "hh:mm" };
    let zone = if zone.is_empty() && whole.ends_with('Z') {
        "Z"
    } else {
        zone
    };
    format!("YYYY-MM-DD{}{clock}{fraction}{zone}", &found[10..11])
}

/// Is this date within two days of today?
pub fn near(date: &str, separator: char) -> bool {
    let parts: Vec<i64> = date
        .split(separator)
        .filter_map(|part| part.parse().ok())
        .collect();
    match parts[..] {
        [year, month, day] => {
            (now_seconds() / 86_400).abs_diff(days_since_epoch(year, month, day)) <= 2
        }
        _ => false,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar. Counts years from March, so that the leap day is
/// the last of its year.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let months_since_march = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    365 * year + leap_days + (153 * months_since_march + 2) / 5 + day - 1 - 719_468
}

/// Seconds since the Unix epoch.
pub fn now_seconds() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs() as i64
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Today as `YYYY-MM-DD`.
    pub fn today() -> String {
        let today = now_seconds() / 86_400;
        let year = 1970 + today / 366;
        (year..year + 3)
            .flat_map(|year| {
                (1..=12).flat_map(move |month| (1..=31).map(move |day| (year, month, day)))
            })
            .find(|&(year, month, day)| days_since_epoch(year, month, day) == today)
            .map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}"))
            .expect("today is a date")
    }

    #[test]
    fn the_calendar_knows_leap_years() {
        for ((year, month, day), days) in [
            ((1970, 1, 1), 0),
            ((1972, 2, 29), 789),
            ((2000, 3, 1), 11_017),
            ((2024, 12, 31), 20_088),
        ] {
            assert_eq!(
                days_since_epoch(year, month, day),
                days,
                "{year}-{month}-{day}"
            );
        }
    }
}
