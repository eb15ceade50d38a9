//! Rings among names: who needs whom.

use std::collections::{BTreeMap, BTreeSet};

/// Rings of `edges` (name → what it needs), each once, beginning with its smallest name.
pub(super) fn rings<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<Vec<&'a str>> {
    let mut search = Search {
        edges,
        done: BTreeSet::new(),
        way: Vec::new(),
        found: BTreeSet::new(),
    };
    for name in edges.keys() {
        search.visit(name);
    }
    search.found.into_iter().collect()
}

struct Search<'e, 'a> {
    edges: &'e BTreeMap<&'a str, BTreeSet<&'a str>>,
    done: BTreeSet<&'a str>,
    way: Vec<&'a str>,
    found: BTreeSet<Vec<&'a str>>,
}

impl<'a> Search<'_, 'a> {
    fn visit(&mut self, name: &'a str) {
        if let Some(start) = self.way.iter().position(|earlier| *earlier == name) {
            let mut ring = self.way[start..].to_vec();
            let smallest = ring
                .iter()
                .enumerate()
                .min_by_key(|(_, name)| **name)
                .map_or(0, |(at, _)| at);
            ring.rotate_left(smallest);
            self.found.insert(ring);
            return;
        }
        if self.done.contains(name) {
            return;
        }
        self.way.push(name);
        for next in self.edges.get(name).into_iter().flatten() {
            self.visit(next);
        }
        self.way.pop();
        self.done.insert(name);
    }
}

/// `a → b → a`.
pub(super) fn show(ring: &[&str]) -> String {
    let closed: Vec<&str> = ring.iter().chain(ring.first()).copied().collect();
    closed.join(" → ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(
        list: &[(&'static str, &'static str)],
    ) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
        let mut edges: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (from, to) in list {
            edges.entry(*from).or_default().insert(*to);
        }
        edges
    }

    #[test]
    fn each_ring_is_found_once() {
        assert_eq!(
            rings(&edges(&[("a", "b"), ("b", "c"), ("a", "c")])),
            Vec::<Vec<&str>>::new()
        );
        assert_eq!(rings(&edges(&[("a", "a")])), [["a"]]);
        let found = rings(&edges(&[("c", "b"), ("b", "c"), ("x", "b"), ("y", "y")]));
        assert_eq!(found, [vec!["b", "c"], vec!["y"]]);
        assert_eq!(show(&found[0]), "b → c → b");
    }
}
