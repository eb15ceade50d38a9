//! Quantities with units: how they are written, read and shown.

use super::error::Code;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Seconds, written with `s`, `m`, `h` or `d`.
    Seconds,
    /// Days, written with `d`.
    Days,
    /// Megabytes, written with `MB` or `GB`.
    Megabytes,
    /// Things: no unit is written.
    Count,
}

/// Why a quantity cannot be read, and the next step.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadQuantity {
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) help: String,
}

const SECONDS: &[(&str, u32)] = &[("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

impl Unit {
    /// The units that may be written, with their size; the largest first.
    fn suffixes(self) -> &'static [(&'static str, u32)] {
        match self {
            Self::Seconds => SECONDS,
            Self::Days => &[("d", 1)],
            Self::Megabytes => &[("GB", 1_024), ("MB", 1)],
            Self::Count => &[],
        }
    }

    /// The unit that a bare number was probably meant in.
    fn usual(self) -> &'static str {
        self.suffixes().last().map_or("", |(suffix, _)| *suffix)
    }

    /// An example of a value, for help.
    pub(super) fn example(self) -> &'static str {
        match self {
            Self::Seconds => "`30s`, `5m`, `2h` or `14d`",
            Self::Days => "`30d`",
            Self::Megabytes => "`256MB` or `1GB`",
            Self::Count => "`10`",
        }
    }

    /// What is expected, as in "must be …".
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Seconds => "a duration",
            Self::Days => "a number of days",
            Self::Megabytes => "a memory size",
            Self::Count => "a whole number",
        }
    }

    /// A value for people: `30s`, `14d`, `256MB`.
    pub(super) fn show(self, value: u32) -> String {
        match self {
            Self::Seconds => {
                let fits = |size: u32| value >= size && value.is_multiple_of(size);
                // Up to ten minutes people think in seconds.
                let (suffix, size) = SECONDS
                    .iter()
                    .find(|(_, size)| value > 600 && fits(*size))
                    .unwrap_or(&("s", 1));
                format!("{}{suffix}", value / size)
            }
            Self::Days | Self::Megabytes => format!("{value}{}", self.usual()),
            Self::Count => value.to_string(),
        }
    }

    /// Reads text with a unit.
    pub(super) fn parse(self, text: &str) -> Result<u64, BadQuantity> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, suffix) = text.split_at(digits);
        let bad = |message: String, help: String| BadQuantity {
            code: Code::BadUnit,
            message,
            help,
        };
        let write = || format!("write {}", self.example());
        if number.is_empty() {
            return Err(bad(format!("`{text}` is not {}", self.what()), write()));
        }
        if suffix.is_empty() {
            return Err(self.without_unit(text));
        }
        if suffix.starts_with('.') {
            return Err(bad(
                format!("`{text}` is not a whole number"),
                format!("use a smaller unit; write {}", self.example()),
            ));
        }
        let Some((_, size)) = self.suffixes().iter().find(|(known, _)| *known == suffix) else {
            let same_but_case = self
                .suffixes()
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(suffix));
            return Err(match (same_but_case, suffix, self) {
                (Some((known, _)), ..) => bad(
                    format!("`{suffix}` is not a unit here"),
                    format!("write `{number}{known}`"),
                ),
                (None, "ms", Self::Seconds) => bad(
                    "AWS counts this in whole seconds, not milliseconds".to_owned(),
                    write(),
                ),
                _ => bad(format!("`{suffix}` is not a unit here"), write()),
            });
        };
        let too_large = || BadQuantity {
            code: Code::OutOfRange,
            message: format!("`{text}` is too large"),
            help: write(),
        };
        let number: u64 = number.parse().map_err(|_| too_large())?;
        number.checked_mul(u64::from(*size)).ok_or_else(too_large)
    }

    /// The refusal of a bare number.
    pub(super) fn without_unit(self, number: &str) -> BadQuantity {
        BadQuantity {
            code: Code::BadUnit,
            message: format!("`{number}` has no unit"),
            help: format!("write `{number}{}`", self.usual()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        for (text, seconds) in [
            ("0s", 0),
            ("180s", 180),
            ("5m", 300),
            ("2h", 7_200),
            ("14d", 1_209_600),
        ] {
            assert_eq!(Unit::Seconds.parse(text), Ok(seconds), "{text}");
        }
        assert_eq!(Unit::Days.parse("30d"), Ok(30));
        assert_eq!(Unit::Megabytes.parse("256MB"), Ok(256));
        assert_eq!(Unit::Megabytes.parse("1GB"), Ok(1_024));
    }

    #[test]
    fn other_writings_are_refused_with_a_better_one() {
        for (unit, text, help) in [
            (Unit::Seconds, "180", "write `180s`"),
            (Unit::Seconds, "500ms", "write `30s`, `5m`, `2h` or `14d`"),
            (Unit::Seconds, "30S", "write `30s`"),
            (
                Unit::Seconds,
                "1.5h",
                "use a smaller unit; write `30s`, `5m`, `2h` or `14d`",
            ),
            (Unit::Seconds, "soon", "write `30s`, `5m`, `2h` or `14d`"),
            (Unit::Seconds, "-5s", "write `30s`, `5m`, `2h` or `14d`"),
            (Unit::Days, "24h", "write `30d`"),
            (Unit::Megabytes, "256mb", "write `256MB`"),
            (Unit::Megabytes, "256 MB", "write `256MB` or `1GB`"),
        ] {
            let refused = unit.parse(text).expect_err(text);
            assert_eq!(
                (refused.code, refused.help.as_str()),
                (Code::BadUnit, help),
                "{text}"
            );
        }
        let large = Unit::Seconds
            .parse("99999999999999999999d")
            .expect_err("too large");
        assert_eq!(large.code, Code::OutOfRange);
    }

    #[test]
    fn what_is_shown_can_be_read_again() {
        for unit in [Unit::Seconds, Unit::Days, Unit::Megabytes] {
            for value in [
                0, 1, 59, 60, 180, 600, 601, 900, 3_600, 43_200, 86_400, 1_209_600,
            ] {
                assert_eq!(
                    unit.parse(&unit.show(value)),
                    Ok(value.into()),
                    "{value} {unit:?}"
                );
            }
        }
        assert_eq!(Unit::Seconds.show(1_209_600), "14d");
        assert_eq!(Unit::Seconds.show(180), "180s");
    }
}
