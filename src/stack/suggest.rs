//! "Did you mean": the one place that decides what is close enough.

/// The candidate that `word` was probably meant to be.
pub(super) fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| *candidate != word)
        .filter_map(|candidate| {
            let other = candidate.to_lowercase();
            // A swapped pair of letters is one slip; so many slips are allowed as the word has thirds.
            let slips = strsim::damerau_levenshtein(&lower, &other);
            let close = slips <= (lower.chars().count() / 3).max(1);
            // `timeout` where only `visibility_timeout` exists.
            let part = lower.len() >= 4 && other.split(['_', '-']).any(|part| part == lower);
            // `queu`, `retention_period`: cut short or made longer.
            let prefix =
                lower.len() >= 3 && (other.starts_with(&lower) || lower.starts_with(&other));
            (close || part || prefix).then_some((slips, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// `did you mean `x`?` or, when nothing is close, `otherwise`.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    otherwise: impl FnOnce() -> String,
) -> String {
    match closest(word, candidates) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => otherwise(),
    }
}

/// Names in backticks, comma-separated: `` `a`, `b` ``.
pub(super) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let fields = [
            "visibility_timeout",
            "retention",
            "delay",
            "dead_letter",
            "retain",
        ];
        for (word, meant) in [
            ("visiblity_timeout", Some("visibility_timeout")),
            ("timeout", Some("visibility_timeout")),
            ("dead-letter", Some("dead_letter")),
            ("Retain", Some("retain")),
            ("retian", Some("retain")),
            ("retention_period", Some("retention")),
            ("visib", Some("visibility_timeout")),
            ("fifo", None),
            ("x", None),
        ] {
            assert_eq!(closest(word, fields), meant, "{word}");
        }
        assert_eq!(closest("jbos", ["jobs", "jobs-dlq"]), Some("jobs"));
        assert_eq!(did_you_mean("x", fields, || "no".to_owned()), "no");
    }
}
