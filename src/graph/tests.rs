use std::collections::BTreeSet;

use super::*;

/// A small linear congruential generator: the same graphs on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % sides
    }
}

/// Any graph, rings included.
fn any_graph(dice: &mut Dice) -> Graph<usize> {
    let size = 1 + dice.roll(12);
    let edges: Vec<_> = (0..dice.roll(2 * size))
        .map(|_| (dice.roll(size), dice.roll(size)))
        .collect();
    Graph::new(0..size, edges)
}

/// A graph without rings: edges follow a shuffled order.
fn acyclic(dice: &mut Dice) -> Graph<usize> {
    let size = 2 + dice.roll(20);
    let mut names: Vec<usize> = (0..size).collect();
    for index in (1..size).rev() {
        names.swap(index, dice.roll(index + 1));
    }
    let edges: Vec<_> = (0..dice.roll(3 * size))
        .map(|_| {
            let later = 1 + dice.roll(size - 1);
            (names[later], names[dice.roll(later)])
        })
        .collect();
    Graph::new(0..size, edges)
}

fn respects(order: &[usize], graph: &Graph<usize>) -> bool {
    let place = |wanted: &usize| {
        order
            .iter()
            .position(|node| node == wanted)
            .expect("every node")
    };
    graph
        .edges()
        .all(|(node, dependency)| place(node) > place(dependency))
}

#[test]
fn an_order_respects_every_edge_and_turns_round_with_the_graph() {
    let mut dice = Dice(7);
    for _ in 0..500 {
        let graph = acyclic(&mut dice);
        let order = graph.order().expect("no ring");
        assert_eq!(order.len(), graph.len());
        assert!(respects(&order, &graph), "{order:?} {graph:?}");
        assert_eq!(graph.clone().order(), Ok(order));
        let back = graph.reversed().order().expect("no ring");
        assert!(respects(&back, &graph.reversed()));
        assert_eq!(graph.reversed().reversed(), graph);
    }
}

#[test]
fn there_is_an_order_or_a_real_ring() {
    let mut dice = Dice(11);
    let (mut orders, mut rings) = (0, 0);
    for _ in 0..1_000 {
        let graph = any_graph(&mut dice);
        let on_a_ring = |node: &usize| graph.dependents(node).contains(node);
        match graph.order() {
            Ok(order) => {
                orders += 1;
                assert!(respects(&order, &graph));
                assert!(!graph.nodes().any(on_a_ring), "{graph:?}");
            }
            Err(Cycle { ring }) => {
                rings += 1;
                assert_eq!(ring.iter().min(), ring.first());
                let unique: BTreeSet<_> = ring.iter().collect();
                assert_eq!(unique.len(), ring.len());
                for (node, next) in ring.iter().zip(ring.iter().cycle().skip(1)) {
                    assert!(
                        graph.dependencies(node).any(|d| d == next),
                        "{ring:?} {graph:?}"
                    );
                }
            }
        }
    }
    assert!(
        orders > 100 && rings > 100,
        "{orders} {rings}: the graphs are one-sided"
    );
}

#[test]
fn working_on_what_is_ready_does_everything_once_and_never_too_early() {
    let mut dice = Dice(13);
    for _ in 0..500 {
        let graph = acyclic(&mut dice);
        let mut done = BTreeSet::new();
        let mut worked = Vec::new();
        loop {
            let ready: Vec<usize> = graph.ready(&done).copied().collect();
            if ready.is_empty() {
                break;
            }
            // Any of them may finish first.
            let chosen = ready[dice.roll(ready.len())];
            assert!(done.insert(chosen));
            worked.push(chosen);
        }
        assert_eq!(worked.len(), graph.len());
        assert!(respects(&worked, &graph));
    }
}

#[test]
fn what_fails_takes_along_all_that_needs_it_and_nothing_else() {
    let graph = Graph::new(["e"], [("b", "a"), ("c", "b"), ("d", "c"), ("d", "e")]);
    assert_eq!(graph.dependents(&"b"), BTreeSet::from(["c", "d"]));
    assert_eq!(graph.dependents(&"e"), BTreeSet::from(["d"]));
    assert_eq!(graph.dependents(&"unknown"), BTreeSet::new());
    assert_eq!(
        graph.ready(&BTreeSet::new()).copied().collect::<Vec<_>>(),
        ["a", "e"]
    );
}

#[test]
fn a_ring_is_told_as_one() {
    let graph = Graph::new(["x"], [("c", "a"), ("a", "b"), ("b", "c"), ("d", "c")]);
    let cycle = graph.order().expect_err("a ring");
    assert_eq!(cycle.ring, ["a", "b", "c"]);
    assert_eq!(
        cycle.to_string(),
        "these depend on each other: a → b → c → a"
    );
    let own = Graph::new([], [("a", "a")]).order().expect_err("a ring");
    assert_eq!(own.ring, ["a"]);
}

#[test]
fn nothing_is_a_graph_too() {
    let graph: Graph<u8> = Graph::new([], []);
    assert!(graph.is_empty());
    assert_eq!(graph.order(), Ok(vec![]));
}

#[test]
fn drawings_escape_what_labels_contain() {
    let graph = Graph::new(["lonely"], [("b\"", "a#1")]);
    insta::assert_snapshot!(dot(&graph, |node| format!("<{node}>")), @r#"
    digraph {
      rankdir=LR;
      node [shape=box];
      n0 [label="<a#1>"];
      n1 [label="<b\">"];
      n2 [label="<lonely>"];
      n1 -> n0;
    }
    "#);
    insta::assert_snapshot!(mermaid(&graph, |node| (*node).to_owned()), @r#"
    flowchart LR
      n0["a#35;1"]
      n1["b#quot;"]
      n2["lonely"]
      n1 --> n0
    "#);
}
