//! Rows as texts, on their way between databases.

use sqlx::{PgConnection, Row as _, postgres::PgRow};

use crate::migrate::verify::Row;

/// The values of rows all of whose columns are texts.
pub fn values(rows: &[PgRow]) -> Vec<Row> {
    let of_row = |row: &PgRow| (0..row.len()).map(|column| row.get(column)).collect();
    rows.iter().map(of_row).collect()
}

/// Inserts rows into a table. The columns, each with its SQL type, are in the order of the values.
pub async fn insert(
    connection: &mut PgConnection,
    table: &str,
    columns: &[(&str, &str)],
    rows: &[Row],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let values: Vec<String> = columns
        .iter()
        .map(|(name, of_type)| format!("{name}::{of_type}"))
        .collect();
    let arrays: Vec<String> = (1..=names.len()).map(|n| format!("${n}::text[]")).collect();
    let names = names.join(", ");
    let sql = format!(
        "INSERT INTO {table} ({names}) SELECT {} FROM unnest({}) rows ({names})",
        values.join(", "),
        arrays.join(", ")
    );
    let mut insert = sqlx::query(&sql);
    for column in 0..columns.len() {
        let values: Row = rows.iter().map(|row| row[column].clone()).collect();
        insert = insert.bind(values);
    }
    insert.execute(connection).await.map(|_| ())
}
