//! Counting texts in bounded memory.

use std::collections::{BTreeMap, HashMap};

/// Counts texts. Once `capacity` different ones are known, the rarest half is dropped, and with it
/// the memory of how often they came: counts of what stays are exact unless it was dropped before, so
/// a frequent text may be undercounted by at most what it had when it was rare.
#[derive(Debug)]
pub struct Top {
    counts: HashMap<String, u64>,
    capacity: usize,
    longest: usize,
}

impl Top {
    /// `capacity` texts at most, each cut to `longest` bytes.
    pub fn new(capacity: usize, longest: usize) -> Self {
        Self {
            counts: HashMap::new(),
            capacity,
            longest,
        }
    }

    /// Counts one.
    pub fn add(&mut self, text: &str) {
        let text = cut(text, self.longest);
        if let Some(count) = self.counts.get_mut(text) {
            *count += 1;
            return;
        }
        if self.counts.len() >= self.capacity {
            self.drop_rarest();
        }
        self.counts.insert(text.to_owned(), 1);
    }

    fn drop_rarest(&mut self) {
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let middle = counts.len() / 2;
        let (_, median, _) = counts.select_nth_unstable(middle);
        let median = *median;
        let before = self.counts.len();
        self.counts.retain(|_, count| *count > median);
        if self.counts.len() == before {
            self.counts.clear();
        }
    }

    /// The `n` most frequent; equals in the order of their text.
    pub fn most(&self, n: usize) -> Vec<(String, u64)> {
        let mut all: Vec<_> = self
            .counts
            .iter()
            .map(|(text, count)| (text.clone(), *count))
            .collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        all.truncate(n);
        all
    }
}

/// Counts texts of which there are few by nature (levels, services); those beyond `capacity` share
/// one name.
#[derive(Debug)]
pub struct Counts {
    counts: BTreeMap<String, u64>,
    capacity: usize,
}

/// What the texts beyond the bound are counted as.
pub const OTHER: &str = "(other)";

impl Counts {
    /// `capacity` different texts, and one for all others.
    pub fn new(capacity: usize) -> Self {
        Self {
            counts: BTreeMap::new(),
            capacity,
        }
    }

    /// Counts one.
    pub fn add(&mut self, text: &str) {
        let text = cut(text, 128);
        if let Some(count) = self.counts.get_mut(text) {
            *count += 1;
            return;
        }
        let name = if self.counts.len() < self.capacity {
            text
        } else {
            OTHER
        };
        *self.counts.entry(name.to_owned()).or_insert(0) += 1;
    }

    /// All counts.
    pub fn into_inner(self) -> BTreeMap<String, u64> {
        self.counts
    }
}

/// At most `longest` bytes of a text, never in the middle of a character.
pub fn cut(text: &str, longest: usize) -> &str {
    if text.len() <= longest {
        return text;
    }
    let mut end = longest;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_the_frequent_stay() {
        let mut top = Top::new(100, 16);
        for n in 0..10_000 {
            top.add(&format!("rare {n}"));
            top.add("often");
            if n % 2 == 0 {
                top.add("half as often");
            }
        }
        assert!(top.counts.len() <= 100);
        let most = top.most(2);
        assert_eq!(most[0], ("often".to_owned(), 10_000));
        assert_eq!(most[1], ("half as often".to_owned(), 5_000));
    }

    #[test]
    fn counts_beyond_the_bound_share_a_name() {
        let mut counts = Counts::new(2);
        for text in ["a", "b", "c", "d", "a"] {
            counts.add(text);
        }
        let expected = [
            ("(other)".to_owned(), 2),
            ("a".to_owned(), 2),
            ("b".to_owned(), 1),
        ];
        assert_eq!(counts.into_inner(), expected.into());
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("aü", 2), "a");
        assert_eq!(cut("aü", 3), "aü");
    }
}
