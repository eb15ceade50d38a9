//! Figures for people: three significant digits, a unit, a space between.

/// Milliseconds, and seconds from ten of them on.
pub fn ms(ms: f64) -> String {
    match ms.abs() {
        10_000.0.. => format!("{:.1} s", ms / 1_000.0),
        100.0.. => format!("{ms:.0} ms"),
        10.0.. => format!("{ms:.1} ms"),
        _ => format!("{ms:.2} ms"),
    }
}

/// Milliseconds with their sign.
pub fn signed_ms(value: f64) -> String {
    format!("{}{}", sign(value), ms(value.abs()))
}

/// A share of a hundred.
pub fn percent(percent: f64) -> String {
    match percent.abs() {
        100.0.. => format!("{} %", grouped(percent)),
        _ => format!("{percent:.1} %"),
    }
}

/// A change in percent, with its sign.
pub fn signed_percent(value: f64) -> String {
    format!("{}{}", sign(value), percent(value.abs()))
}

/// A sign as typesetters have it.
fn sign(value: f64) -> &'static str {
    if value < 0.0 { "−" } else { "+" }
}

/// So many a second.
pub fn rate(rate: f64) -> String {
    match rate.abs() {
        100.0.. => format!("{rate:.0}"),
        10.0.. => format!("{rate:.1}"),
        _ => format!("{rate:.2}"),
    }
}

/// `50 M`, `1,000`.
pub fn count(number: f64) -> String {
    match number {
        1e9.. => format!("{} B", short(number / 1e9)),
        1e6.. => format!("{} M", short(number / 1e6)),
        1e4.. => format!("{} k", short(number / 1e3)),
        1e3.. => grouped(number),
        _ => short(number),
    }
}

/// Two digits behind the point at most, and none that is zero.
pub fn short(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A whole number with commas between thousands.
pub fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0.0 {
        format!("-{text}")
    } else {
        text
    }
}

/// US dollars: cents, and three digits where there are no cents.
pub fn usd(usd: f64) -> String {
    match usd.abs() {
        0.0 => "$0".to_owned(),
        1_000.0.. => format!("${}", grouped(usd)),
        0.995.. => format!("${usd:.2}"),
        small => {
            let digits = (2.0 - small.log10().floor()).clamp(2.0, 12.0) as usize;
            format!("${usd:.digits$}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        let shown = [0.4, 12.34, 123.4, 9_999.4, 12_340.0].map(ms);
        assert_eq!(shown, ["0.40 ms", "12.3 ms", "123 ms", "9999 ms", "12.3 s"]);
        assert_eq!([signed_ms(-3.2), signed_ms(3.2)], ["−3.20 ms", "+3.20 ms"]);
        assert_eq!(
            [signed_percent(1_470.4), signed_percent(-4.0)],
            ["+1,470 %", "−4.0 %"]
        );
    }

    #[test]
    fn counts_and_money_are_short_and_lose_nothing_that_matters() {
        let shown = [1.0, 999.0, 1_000.0, 12_500.0, 5e7, 1.25e9, 1e13].map(count);
        assert_eq!(
            shown,
            ["1", "999", "1,000", "12.5 k", "50 M", "1.25 B", "10000 B"]
        );
        let shown = [0.0, 1_234_567.8, 12.345, 1.0, 0.25, 0.000_021_53].map(usd);
        assert_eq!(
            shown,
            [
                "$0",
                "$1,234,568",
                "$12.35",
                "$1.00",
                "$0.250",
                "$0.0000215"
            ]
        );
    }
}
