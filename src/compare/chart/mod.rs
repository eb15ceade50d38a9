//! Charts as SVG: 360 units wide, so that they are read on a phone as they are, and scaled up where there is room. What is
//! told by colour is told by shape, pattern or words, too. Every mark knows of which row it is (`data-of`) and its value.

mod breakdown;
mod distribution;
mod draw;
mod percentiles;
mod scale;
mod sizes;
mod throughput;
mod timeline;

use maud::{Markup, PreEscaped, html};

use super::report::Report;
use draw::{WIDTH, place};

pub use breakdown::hop_label;

/// Look of every chart, in the page and in files of their own.
pub const STYLE: &str = include_str!("../assets/chart.css");

/// A chart.
#[derive(Debug, Clone)]
pub struct Chart {
    /// Name of its file, and its anchor.
    pub id: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// The same in a sentence or two, for whoever does not see it.
    pub description: String,
    /// Marks: one for each row of its data.
    pub marks: usize,
    /// The drawing.
    pub svg: String,
}

/// What a chart is made of.
struct Parts {
    id: &'static str,
    title: &'static str,
    description: String,
    marks: usize,
    height: f64,
    body: Markup,
}

impl Chart {
    fn of(parts: Parts) -> Self {
        let view = format!("0 0 {} {}", place(WIDTH), place(parts.height));
        let label = format!("{}. {}", parts.title, parts.description);
        let svg = html! {
            svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox=(view) role="img"
                aria-label=(label) data-chart=(parts.id) data-rows=(parts.marks) {
                rect class="ground" width=(place(WIDTH)) height=(place(parts.height)) {}
                (parts.body)
            }
        };
        Self {
            id: parts.id,
            title: parts.title,
            description: parts.description,
            marks: parts.marks,
            svg: svg.into_string(),
        }
    }

    /// As a file of its own, with its title and its style.
    pub fn file(&self) -> String {
        let style = html! { style { (PreEscaped(STYLE)) } }.into_string();
        // Behind the opening tag.
        let (tag, rest) = self.svg.split_once('>').unwrap_or((&self.svg, ""));
        format!("{tag} width=\"720\">{style}{rest}\n")
    }
}

/// All that there is data for, in the order of the page.
pub fn all(report: &Report) -> Vec<Chart> {
    [
        percentiles::chart(report),
        distribution::chart(report),
        throughput::chart(report),
        sizes::chart(report),
        timeline::chart(report),
        breakdown::chart(report),
    ]
    .into_iter()
    .flatten()
    .collect()
}
