//! What was measured, for people and for machines.

use std::io::{self, Write};

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use serde_json::{Map, Value, json};

use waybill_local::LocalError;

/// Tables, in order.
#[derive(Debug, Default)]
pub(crate) struct Show {
    tables: Vec<Sheet>,
}

/// One table: a row for each thing, a column for each figure.
#[derive(Debug)]
struct Sheet {
    name: &'static str,
    columns: Vec<String>,
    rows: Vec<(String, Vec<Option<f64>>)>,
}

impl Show {
    /// Another table; its first column is what the rows are of.
    pub(crate) fn table(&mut self, name: &'static str, columns: &[&str]) {
        self.tables.push(Sheet {
            name,
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: Vec::new(),
        });
    }

    /// Another row of the last table.
    pub(crate) fn row(
        &mut self,
        of: impl Into<String>,
        figures: impl IntoIterator<Item = Option<f64>>,
    ) {
        if let Some(sheet) = self.tables.last_mut() {
            sheet.rows.push((of.into(), figures.into_iter().collect()));
        }
    }

    /// Prints all.
    pub(crate) fn print(&self, as_json: bool) -> Result<(), LocalError> {
        let text = match as_json {
            true => self.as_json().to_string(),
            false => {
                let tables: Vec<_> = self.tables.iter().map(Sheet::as_text).collect();
                tables.join("\n\n")
            }
        };
        writeln!(io::stdout().lock(), "{text}")
            .map_err(|error| LocalError::because("cannot write to stdout", error))
    }

    /// An object of tables, each a list of objects.
    fn as_json(&self) -> Value {
        let tables = self.tables.iter().map(|sheet| {
            let rows: Vec<_> = sheet.rows.iter().map(|row| sheet.as_object(row)).collect();
            (sheet.name.to_owned(), Value::Array(rows))
        });
        Value::Object(tables.collect())
    }
}

impl Sheet {
    /// One row as an object.
    fn as_object(&self, (of, figures): &(String, Vec<Option<f64>>)) -> Value {
        let named = self
            .columns
            .iter()
            .cloned()
            .zip(figures.iter().map(|figure| json!(figure)));
        let mut object: Map<_, _> = named.collect();
        object.insert("of".to_owned(), json!(of));
        Value::Object(object)
    }

    /// A table for people.
    fn as_text(&self) -> String {
        let mut table = Table::new();
        let head = [self.name.to_owned()]
            .into_iter()
            .chain(self.columns.clone());
        table.load_preset(UTF8_FULL_CONDENSED).set_header(head);
        for (of, figures) in &self.rows {
            let figures = figures
                .iter()
                .map(|figure| figure.map_or("-".to_owned(), short));
            table.add_row([of.clone()].into_iter().chain(figures));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }
}

/// A figure with three digits or more.
fn short(figure: f64) -> String {
    let digits = match figure.abs() {
        0.0 => 0,
        size if size < 1.0 => 3,
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    format!("{figure:.digits$}")
}
