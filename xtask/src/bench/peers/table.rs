//! A table, as text at a terminal and as HTML.

use std::fmt::{self, Write as _};

use super::page::escape;

/// Rows under headings; the first column is a name, the last may be prose.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self { headings: headings.iter().map(|&heading| heading.to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row of as many cells as there are headings.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The table as an element of a page.
    pub(crate) fn html(&self) -> String {
        let mut html = String::from("<table><tr>");
        for heading in &self.headings {
            let _ = write!(html, "<th>{}</th>", escape(heading));
        }
        html.push_str("</tr>\n");
        for row in &self.rows {
            html.push_str("<tr>");
            for cell in row {
                let _ = write!(html, "<td>{}</td>", escape(cell));
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</table>\n");
        html
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&self.headings]).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        for row in [&self.headings].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = width(column);
                // Names and notes are read from the left, figures from the right.
                if column == 0 || column + 1 == self.headings.len() {
                    let _ = write!(line, "  {cell:<width$}");
                } else {
                    let _ = write!(line, "  {cell:>width$}");
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let mut table = Table::new(&["", "µs", "notes"]);
        table.row(vec!["a".into(), "1,000".into(), String::new()]);
        table.row(vec!["long".into(), "7".into(), "<odd>".into()]);
        assert_eq!(table.to_string(), "           µs  notes\n  a     1,000\n  long      7  <odd>\n");
        assert!(table.html().contains("<td>&lt;odd&gt;</td>"));
    }
}
