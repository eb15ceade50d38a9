//! The rows of one table, around the damage.

use std::collections::VecDeque;

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, Statement, ToSql, types::ValueRef};

use super::quoted;

/// How often one table is begun at another place to find rows between damaged pages.
const PROBES: usize = 10_000;

/// Which way a table is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// How far a reading came.
struct Reading {
    /// The last rowid that was read.
    last: Option<i64>,
    /// It came to the end, and met no damage.
    whole: bool,
}

/// A table being copied.
struct Copying<'a> {
    from: &'a Connection,
    table: String,
    /// Its columns for a SELECT, quoted.
    columns: String,
    /// A name of the rowid that is no column; none of a table without one.
    rowid: Option<&'static str>,
    /// The columns of its primary key, in their order.
    key: Vec<String>,
    insert: Statement<'a>,
    width: usize,
    saved: u64,
}

/// A value as it came out of a row.
struct Raw<'a>(ValueRef<'a>);

impl ToSql for Raw<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.0))
    }
}

/// Copies what can be read of `table`, which is in both; returns how many rows that was. Errors are
/// of the writing.
pub(super) fn copy(from: &Connection, to: &Connection, table: &str) -> rusqlite::Result<u64> {
    // The new store is whole, so it is the one to ask for the columns.
    let mut columns: Vec<(String, i64)> = to
        .prepare("SELECT name, pk FROM pragma_table_xinfo(?1) WHERE hidden = 0")?
        .query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let without_rowid: bool = to.query_row(
        "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?1",
        [table],
        |row| row.get(0),
    )?;
    let is_column = |name: &str| {
        columns
            .iter()
            .any(|(column, _)| column.eq_ignore_ascii_case(name))
    };
    let rowid = ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|name| !is_column(name))
        .filter(|_| !without_rowid);
    let names: Vec<String> = rowid
        .map(str::to_owned)
        .into_iter()
        .chain(columns.iter().map(|(name, _)| quoted(name)))
        .collect();
    columns.retain(|(_, place)| *place > 0);
    columns.sort_by_key(|(_, place)| *place);
    let table = quoted(table);
    let list = names.join(", ");
    let marks = vec!["?"; names.len()].join(", ");
    // A row that breaks a rule of the schema is a row that was not written so.
    let insert = to.prepare(&format!(
        "INSERT OR IGNORE INTO {table} ({list}) VALUES ({marks})"
    ))?;
    let mut copying = Copying {
        from,
        table,
        columns: list,
        rowid,
        key: columns.into_iter().map(|(name, _)| quoted(&name)).collect(),
        insert,
        width: names.len(),
        saved: 0,
    };
    match copying.rowid {
        Some(rowid) => copying.by_rowid(rowid)?,
        None => copying.by_key()?,
    }
    Ok(copying.saved)
}

impl Copying<'_> {
    /// Forwards, backwards, and from the middle of what is left between.
    fn by_rowid(&mut self, rowid: &str) -> rusqlite::Result<()> {
        // Widest first, so that the probes go where most is to be found.
        let mut gaps = VecDeque::from([(i64::MIN, i64::MAX)]);
        for _ in 0..PROBES {
            let Some((mut low, mut high)) = gaps.pop_front() else {
                return Ok(());
            };
            let up = self.read_span(rowid, low, high, Way::Up)?;
            if up.whole || up.last == Some(high) {
                continue;
            }
            low = up.last.map_or(low, |last| last + 1);
            let down = self.read_span(rowid, low, high, Way::Down)?;
            if down.whole || down.last == Some(low) {
                continue;
            }
            high = down.last.map_or(high, |last| last - 1);
            if low < high {
                let middle = ((i128::from(low) + i128::from(high)) >> 1) as i64;
                gaps.push_back((low, middle));
                gaps.push_back((middle + 1, high));
            }
        }
        Ok(())
    }

    fn read_span(
        &mut self,
        rowid: &str,
        low: i64,
        high: i64,
        way: Way,
    ) -> rusqlite::Result<Reading> {
        let order = if way == Way::Up { "ASC" } else { "DESC" };
        let sql = format!(
            "SELECT {} FROM {} NOT INDEXED WHERE {rowid} BETWEEN {low} AND {high}
             ORDER BY {rowid} {order}",
            self.columns, self.table
        );
        self.read(&sql, Some(way))
    }

    /// A table without a rowid: by its primary key, both ways.
    fn by_key(&mut self) -> rusqlite::Result<()> {
        for order in ["ASC", "DESC"] {
            let key: Vec<String> = self
                .key
                .iter()
                .map(|name| format!("{name} {order}"))
                .collect();
            let sql = format!(
                "SELECT {} FROM {} ORDER BY {}",
                self.columns,
                self.table,
                key.join(", ")
            );
            if self.read(&sql, None)?.whole {
                break;
            }
        }
        Ok(())
    }

    /// Copies rows until there are no more, or one cannot be read.
    fn read(&mut self, sql: &str, way: Option<Way>) -> rusqlite::Result<Reading> {
        let mut reading = Reading {
            last: None,
            whole: false,
        };
        let Ok(mut statement) = self.from.prepare(sql) else {
            return Ok(reading);
        };
        let Ok(mut rows) = statement.query([]) else {
            return Ok(reading);
        };
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => {
                    reading.whole = true;
                    return Ok(reading);
                }
                Err(_) => return Ok(reading),
            };
            let mut values = Vec::with_capacity(self.width);
            for index in 0..self.width {
                match row.get_ref(index) {
                    Ok(value) => values.push(Raw(value)),
                    Err(_) => return Ok(reading),
                }
            }
            if let Some(way) = way {
                let ValueRef::Integer(rowid) = values[0].0 else {
                    return Ok(reading);
                };
                // A tree that leads back to where it came from is damaged.
                let forth = reading.last.is_none_or(|last| match way {
                    Way::Up => rowid > last,
                    Way::Down => rowid < last,
                });
                if !forth {
                    return Ok(reading);
                }
                reading.last = Some(rowid);
            }
            self.saved += self.insert.execute(rusqlite::params_from_iter(values))? as u64;
        }
    }
}
