//! The report as one page that needs nothing else: no script, no network, charts inline.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::{Chart, STYLE};
use super::document::{Block, Document, Section, Table};
use super::words::{Piece, Words};

/// Letters from which on a cell is a sentence.
const SENTENCE: usize = 40;
const PAGE: &str = include_str!("assets/page.css");

/// The page.
pub fn page(document: &Document) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Nothing is fetched, whatever is written in a name.
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (document.title) }
                style { (PreEscaped(PAGE)) (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (document.title) }
                    p { (words(&document.lead)) }
                    nav aria-label="Sections" {
                        @for section in &document.sections {
                            a href={ "#" (section.id) } { (section.title) } " "
                        }
                    }
                }
                main {
                    @for one in &document.sections { (section(one)) }
                }
            }
        }
    };
    markup.into_string() + "\n"
}

fn section(section: &Section) -> Markup {
    html! {
        section id=(section.id) {
            h2 { (section.title) }
            // Charts that follow one another stand beside one another where there is room.
            @for blocks in section.blocks.chunk_by(|a, b| is_chart(a) && is_chart(b)) {
                @if is_chart(&blocks[0]) {
                    div class="charts" { @for one in blocks { (block(one)) } }
                } @else {
                    (block(&blocks[0]))
                }
            }
        }
    }
}

fn is_chart(block: &Block) -> bool {
    matches!(block, Block::Chart(_))
}

fn block(block: &Block) -> Markup {
    match block {
        Block::Text(text) => html! { p { (words(text)) } },
        Block::List(items) => html! { ul { @for item in items { li { (words(item)) } } } },
        Block::Table(one) => table(one),
        Block::Chart(one) => chart(one),
        Block::Commands(commands) => {
            html! { pre tabindex="0" { code class="fact" { (commands.join("\n")) } } }
        }
        Block::Verdict {
            question,
            answer,
            because,
        } => html! {
            div class="verdict" {
                h3 { (question) }
                p class="answer" { (words(answer)) }
                p { "Why: " (words(because)) "." }
            }
        },
    }
}

fn chart(chart: &Chart) -> Markup {
    html! {
        figure id={ "chart-" (chart.id) } {
            figcaption { b { (chart.title) } ": " (chart.description) "." }
            (PreEscaped(&chart.svg))
        }
    }
}

fn table(table: &Table) -> Markup {
    // Columns of sentences are not squeezed into a word's width.
    let is_long = |at: usize| {
        let cells = table.rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| cell.to_string().chars().count()).max() > Some(SENTENCE)
    };
    let classes: Vec<&str> = (0..table.header.len())
        .map(|at| match at < table.names {
            true if is_long(at) => "name long",
            true => "name",
            false => "number",
        })
        .collect();
    let class = |at: usize| classes.get(at).copied().unwrap_or("number");
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(table.caption) {
            table {
                caption { (words(&table.caption)) }
                thead {
                    tr { @for (at, cell) in table.header.iter().enumerate() { th scope="col" class=(class(at)) { (words(cell)) } } }
                }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (at, cell) in row.iter().enumerate() {
                                @if at == 0 { th scope="row" class="name" { (words(cell)) } }
                                @else { td class=(class(at)) { (words(cell)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn words(words: &Words) -> Markup {
    html! {
        @for piece in &words.0 {
            @match piece {
                Piece::Text(text) => { (text) }
                Piece::Number { text, value, of } => { data value=(value) data-of=(of) { (text) } }
                Piece::Fact(text) => { span class="fact" { (text) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::{fact, words};
    use super::*;

    #[test]
    fn what_comes_from_outside_stays_text_and_numbers_know_what_they_are() {
        let mut section = Section::new("x", "X");
        let bad = "<script>alert(1)</script>";
        section.text(words![
            fact(bad),
            super::super::words::number("6.1 ms".to_owned(), 6.125, "run/a/e2e/p50")
        ]);
        let document = Document {
            title: bad.to_owned(),
            lead: Words::from(fact(bad)),
            sections: vec![section],
        };
        let page = page(&document);
        assert!(!page.contains("<script"), "{page}");
        assert!(
            page.contains(r#"<data value="6.125" data-of="run/a/e2e/p50">6.1 ms</data>"#),
            "{page}"
        );
        for fetched in ["http://", "https://", "src=", "@import", "url(h"] {
            assert!(!page.contains(fetched), "{fetched}");
        }
    }
}
