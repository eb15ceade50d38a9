//! A report as sections of text, tables and charts, before it is a page or Markdown.

use super::chart::Chart;
use super::words::Words;

/// The whole.
#[derive(Debug, Clone)]
pub struct Document {
    /// Title.
    pub title: String,
    /// Below it.
    pub lead: Words,
    /// Sections, in their order.
    pub sections: Vec<Section>,
}

/// A section.
#[derive(Debug, Clone)]
pub struct Section {
    /// Anchor.
    pub id: &'static str,
    /// Title.
    pub title: &'static str,
    /// Content.
    pub blocks: Vec<Block>,
}

/// A part of a section.
#[derive(Debug, Clone)]
pub enum Block {
    /// A paragraph.
    Text(Words),
    /// A list.
    List(Vec<Words>),
    /// A table.
    Table(Table),
    /// A chart.
    Chart(Chart),
    /// Commands, one a line.
    Commands(Vec<String>),
    /// A verdict: what is asked, what follows, and why.
    Verdict {
        /// What is asked.
        question: &'static str,
        /// What follows.
        answer: Words,
        /// The number that it follows from.
        because: Words,
    },
}

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    /// What it shows.
    pub caption: Words,
    /// Names of its columns.
    pub header: Vec<Words>,
    /// How many columns from the left are names; the others are numbers, which end below one another.
    pub names: usize,
    /// Its rows.
    pub rows: Vec<Vec<Words>>,
}

impl Table {
    /// Without a row.
    pub fn new(caption: impl Into<Words>, names: usize, header: &[&'static str]) -> Self {
        Self {
            caption: caption.into(),
            header: header.iter().map(|one| (*one).into()).collect(),
            names,
            rows: Vec::new(),
        }
    }
}

impl Section {
    /// Without content.
    pub fn new(id: &'static str, title: &'static str) -> Self {
        Self {
            id,
            title,
            blocks: Vec::new(),
        }
    }

    /// A paragraph more.
    pub fn text(&mut self, words: impl Into<Words>) {
        self.blocks.push(Block::Text(words.into()));
    }

    /// A list more, unless it is empty.
    pub fn list(&mut self, items: Vec<Words>) {
        if !items.is_empty() {
            self.blocks.push(Block::List(items));
        }
    }

    /// A table more, unless it is empty.
    pub fn table(&mut self, table: Table) {
        if !table.rows.is_empty() {
            self.blocks.push(Block::Table(table));
        }
    }

    /// A chart more.
    pub fn chart(&mut self, chart: Option<Chart>) {
        self.blocks.extend(chart.map(Block::Chart));
    }
}
