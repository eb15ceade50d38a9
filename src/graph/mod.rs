//! Stage 3: a directed graph of things that depend on each other. It knows nothing of what the
//! things are.

mod draw;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use draw::{dot, mermaid};

/// Nodes, and for each what it depends on. All answers are in the nodes' own order, so equal graphs
/// give equal answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph<N> {
    dependencies: BTreeMap<N, BTreeSet<N>>,
}

/// Nodes that depend on each other in a ring, so that there is no order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle<N> {
    /// Each node depends on the next, and the last on the first; the smallest node comes first.
    pub ring: Vec<N>,
}

impl<N: fmt::Display> fmt::Display for Cycle<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these depend on each other: ")?;
        for (index, node) in self.ring.iter().chain(self.ring.first()).enumerate() {
            if index > 0 {
                f.write_str(" → ")?;
            }
            write!(f, "{node}")?;
        }
        Ok(())
    }
}

impl<N: fmt::Debug + fmt::Display> std::error::Error for Cycle<N> {}

impl<N: Ord + Clone> Graph<N> {
    /// A graph of `nodes` and `edges` (a node, and one that it depends on). The ends of an edge
    /// belong to the graph also when they are not among the nodes.
    pub fn new(
        nodes: impl IntoIterator<Item = N>,
        edges: impl IntoIterator<Item = (N, N)>,
    ) -> Self {
        let mut dependencies: BTreeMap<N, BTreeSet<N>> = nodes
            .into_iter()
            .map(|node| (node, BTreeSet::new()))
            .collect();
        for (node, dependency) in edges {
            dependencies.entry(dependency.clone()).or_default();
            dependencies.entry(node).or_default().insert(dependency);
        }
        Self { dependencies }
    }

    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = &N> {
        self.dependencies.keys()
    }

    /// All edges: a node, and one that it depends on.
    pub fn edges(&self) -> impl Iterator<Item = (&N, &N)> {
        self.dependencies.iter().flat_map(|(node, dependencies)| {
            dependencies
                .iter()
                .map(move |dependency| (node, dependency))
        })
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.dependencies.len()
    }

    /// Is there no node?
    pub fn is_empty(&self) -> bool {
        self.dependencies.is_empty()
    }

    /// What a node depends on directly; nothing for a node that is not in the graph.
    pub fn dependencies(&self, node: &N) -> impl Iterator<Item = &N> {
        self.dependencies.get(node).into_iter().flatten()
    }

    /// What cannot be without `node`, directly or through others. The node itself is among them only
    /// when it is part of a ring.
    pub fn dependents(&self, node: &N) -> BTreeSet<N> {
        let reversed = self.reversed();
        let mut found = BTreeSet::new();
        let mut open: Vec<&N> = reversed.dependencies(node).collect();
        while let Some(next) = open.pop() {
            if found.insert(next.clone()) {
                open.extend(reversed.dependencies(next));
            }
        }
        found
    }

    /// The graph with every edge turned round: for taking down what was built up.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self::new(
            self.nodes().cloned(),
            self.edges()
                .map(|(node, dependency)| (dependency.clone(), node.clone())),
        )
    }

    /// The nodes that are not done and whose dependencies all are: what can be worked on in parallel.
    /// Empty when everything is done, or when only rings are left.
    pub fn ready<'a>(&'a self, done: &'a BTreeSet<N>) -> impl Iterator<Item = &'a N> {
        self.dependencies
            .iter()
            .filter(|(node, dependencies)| !done.contains(*node) && dependencies.is_subset(done))
            .map(|(node, _)| node)
    }

    /// All nodes, each after what it depends on; among equals the smallest first.
    ///
    /// # Errors
    /// A ring, when there is one.
    pub fn order(&self) -> Result<Vec<N>, Cycle<N>> {
        let reversed = self.reversed();
        let mut missing: BTreeMap<&N, usize> = self
            .dependencies
            .iter()
            .map(|(node, dependencies)| (node, dependencies.len()))
            .collect();
        let mut free: BTreeSet<&N> = missing
            .iter()
            .filter(|(_, missing)| **missing == 0)
            .map(|(node, _)| *node)
            .collect();
        let mut order = Vec::with_capacity(self.len());
        while let Some(node) = free.pop_first() {
            order.push(node.clone());
            for dependent in reversed.dependencies(node) {
                // The key lives as long as this graph, which the reversed one need not.
                if let Some((own, _)) = self.dependencies.get_key_value(dependent)
                    && let Some(count) = missing.get_mut(own)
                {
                    *count -= 1;
                    if *count == 0 {
                        free.insert(own);
                    }
                }
            }
        }
        if order.len() == self.len() {
            return Ok(order);
        }
        let done: BTreeSet<N> = order.into_iter().collect();
        Err(Cycle {
            ring: self.ring(&done),
        })
    }

    /// A ring among the nodes that are not `done`, of which there must be some: each of them depends
    /// on another one, so following them must come back.
    fn ring(&self, done: &BTreeSet<N>) -> Vec<N> {
        let mut way: Vec<&N> = Vec::new();
        let mut next = self.nodes().find(|node| !done.contains(*node));
        while let Some(node) = next {
            if let Some(start) = way.iter().position(|earlier| *earlier == node) {
                let mut ring: Vec<N> = way[start..].iter().map(|node| (*node).clone()).collect();
                let smallest = ring
                    .iter()
                    .enumerate()
                    .min_by_key(|(_, node)| *node)
                    .map_or(0, |(at, _)| at);
                ring.rotate_left(smallest);
                return ring;
            }
            way.push(node);
            next = self
                .dependencies(node)
                .find(|dependency| !done.contains(*dependency));
        }
        Vec::new()
    }
}
