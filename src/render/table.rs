//! Tables for people: columns as wide as what is seen in them, two spaces between, nothing around.

use console::{Alignment, measure_text_width, pad_str};

use super::style::dim;

/// A table with a header.
pub struct Table {
    header: Vec<String>,
    /// Columns of numbers.
    right: Vec<usize>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Without rows; the columns of `right` are numbers, which end below one another.
    pub fn new(header: &[&str], right: &[usize]) -> Self {
        Self {
            header: header.iter().map(|name| dim(name).to_string()).collect(),
            right: right.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, with a cell for each column.
    pub fn add_row(&mut self, cells: impl Into<Vec<String>>) {
        self.rows.push(cells.into());
    }

    /// Its lines, without spaces at their ends.
    pub fn lines(&self) -> Vec<String> {
        let all = || std::iter::once(&self.header).chain(&self.rows);
        let widths: Vec<usize> = (0..self.header.len())
            .map(|column| {
                let cells = all().filter_map(|row| row.get(column));
                cells
                    .map(|cell| measure_text_width(cell))
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).enumerate();
            let cells = cells.map(|(column, (cell, width))| {
                let side = if self.right.contains(&column) {
                    Alignment::Right
                } else {
                    Alignment::Left
                };
                pad_str(cell, *width, side, None)
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            line.trim_end().to_owned()
        };
        all().map(line).collect()
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_seen() {
        let mut table = Table::new(&["NAME", "COUNT", ""], &[1]);
        let cells = |name: &str, count: &str, note: &str| [name, count, note].map(str::to_owned);
        table.add_row(cells(
            "\u{1b}[31mred\u{1b}[0m",
            "7",
            "\u{1b}[2mdim\u{1b}[0m",
        ));
        table.add_row(cells("größer", "12345678", ""));
        let shown = table.to_string();
        assert!(shown.contains("\u{1b}[31mred\u{1b}[0m "), "{shown:?}");
        assert_eq!(
            console::strip_ansi_codes(&shown),
            "NAME       COUNT\nred            7  dim\ngrößer  12345678"
        );
    }
}
