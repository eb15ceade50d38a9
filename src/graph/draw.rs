//! Graphs as text for drawing programs. Labels are the caller's; an arrow leads from a node to what
//! it depends on.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Graph;

/// Numbers for the nodes: short ids that no label can break.
fn numbered<N: Ord + Clone>(graph: &Graph<N>) -> BTreeMap<&N, usize> {
    graph
        .nodes()
        .enumerate()
        .map(|(number, node)| (node, number))
        .collect()
}

/// The graph in Graphviz's language.
pub fn dot<N: Ord + Clone>(graph: &Graph<N>, label: impl Fn(&N) -> String) -> String {
    let ids = numbered(graph);
    let mut text = "digraph {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
    for (node, id) in &ids {
        let label = label(node)
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  n{id} [label=\"{label}\"];");
    }
    for (node, dependency) in graph.edges() {
        let _ = writeln!(text, "  n{} -> n{};", ids[node], ids[dependency]);
    }
    text.push_str("}\n");
    text
}

/// The graph in Mermaid's language.
pub fn mermaid<N: Ord + Clone>(graph: &Graph<N>, label: impl Fn(&N) -> String) -> String {
    let ids = numbered(graph);
    let mut text = "flowchart LR\n".to_owned();
    for (node, id) in &ids {
        let label = label(node)
            .replace('#', "#35;")
            .replace('"', "#quot;")
            .replace('\n', "<br>");
        let _ = writeln!(text, "  n{id}[\"{label}\"]");
    }
    for (node, dependency) in graph.edges() {
        let _ = writeln!(text, "  n{} --> n{}", ids[node], ids[dependency]);
    }
    text
}
