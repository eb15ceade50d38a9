//! The report as Markdown, with its charts as files beside it.

use std::fmt::Write as _;

use super::document::{Block, Document, Table};
use super::words::Words;

/// The whole.
pub fn report(document: &Document) -> String {
    let mut text = format!("# {}\n\n{}\n", document.title, line(&document.lead));
    for section in &document.sections {
        let _ = write!(text, "\n## {}\n", section.title);
        for block in &section.blocks {
            text.push('\n');
            match block {
                Block::Text(words) => {
                    let _ = writeln!(text, "{}", line(words));
                }
                Block::List(items) => {
                    for item in items {
                        let _ = writeln!(text, "- {}", line(item));
                    }
                }
                Block::Table(one) => table(&mut text, one),
                Block::Chart(chart) => {
                    let _ = writeln!(
                        text,
                        "![{}: {}]({}.svg)",
                        chart.title, chart.description, chart.id
                    );
                }
                Block::Commands(commands) => {
                    // No line of them can be the end of the block.
                    let lines = commands
                        .iter()
                        .map(|one| one.replace(['`', '\n', '\r'], " "));
                    let lines: Vec<String> = lines.collect();
                    let _ = writeln!(text, "```sh\n{}\n```", lines.join("\n"));
                }
                Block::Verdict {
                    question,
                    answer,
                    because,
                } => {
                    let _ = writeln!(text, "**{question}** {}: {}.", line(answer), line(because));
                }
            }
        }
    }
    text
}

fn table(text: &mut String, table: &Table) {
    let _ = writeln!(text, "{}\n", line(&table.caption));
    let row = |cells: &[Words]| {
        let cells: Vec<String> = cells.iter().map(line).collect();
        format!("| {} |", cells.join(" | "))
    };
    let sides: Vec<&str> = (0..table.header.len())
        .map(|at| if at < table.names { "---" } else { "--:" })
        .collect();
    let _ = writeln!(text, "{}\n|{}|", row(&table.header), sides.join("|"));
    for cells in &table.rows {
        let _ = writeln!(text, "{}", row(cells));
    }
}

/// A text that breaks neither table nor page.
fn line(words: &Words) -> String {
    words
        .to_string()
        .replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace(['\n', '\r'], " ")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('[', "\\[")
        .replace(']', "\\]")
        .replace('~', "\\~")
        .replace('*', "\\*")
        .replace('_', "\\_")
        .replace('`', "\\`")
}

#[cfg(test)]
mod tests {
    use super::super::words::fact;
    use super::*;

    #[test]
    fn what_comes_from_outside_breaks_no_table() {
        let words = Words::from(fact("a|b\n<script>_x_ ![p](http://x) &lt;"));
        assert_eq!(
            line(&words),
            "a\\|b &lt;script>\\_x\\_ !\\[p\\](http://x) &amp;lt;"
        );
    }
}
