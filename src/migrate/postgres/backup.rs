//! Backups of what the import reads and of what it writes, and the way back.

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    io::{self, AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{ChildStdin, ChildStdout},
};

use crate::migrate::{
    MigrateError,
    postgres::{
        clients::terminate_other_connections,
        connection::{Database, Program},
        programs::Programs,
        tables::TABLES,
    },
    system::command,
};
use crate::util::atomic_write;

/// How much of Synapse's database is backed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum BackupScope {
    /// The six tables that the import reads.
    #[default]
    Tables,
    /// Everything.
    All,
}

/// The backup of Synapse's database within its directory.
#[must_use]
pub fn of_synapse(directory: &Path) -> PathBuf {
    directory.join("synapse.dump")
}

/// The backup of MAS's database within its directory.
#[must_use]
pub fn of_mas(directory: &Path) -> PathBuf {
    directory.join("mas.dump")
}

/// Backs both databases up, and reads the tables of contents back. Gives the size in bytes.
///
/// # Errors
///
/// If a backup cannot be made or does not hold what it should; then there is no file of it.
pub async fn make(
    programs: &Programs,
    [synapse, mas]: [&Database; 2],
    directory: &Path,
    extent: BackupScope,
) -> Result<u64, MigrateError> {
    let mut builder = fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| MigrateError::file(directory, error.to_string()))?;
    let tables: &[&str] = match extent {
        BackupScope::Tables => &TABLES,
        BackupScope::All => &[],
    };
    let (of_synapse, of_mas) = (of_synapse(directory), of_mas(directory));
    // One after the other: who connects as another user of this host makes the whole process that user.
    let dump_of_synapse = pg_dump(programs, synapse).await?;
    let dump_of_mas = pg_dump(programs, mas).await?;
    tokio::try_join!(
        dump(dump_of_synapse, tables, &of_synapse),
        dump(dump_of_mas, &[], &of_mas),
    )?;
    holds(programs, &of_synapse, &TABLES).await?;
    holds(programs, &of_mas, &[]).await?;
    let size = |file: &Path| fs::metadata(file).map_or(0, |found| found.len());
    Ok(size(&of_synapse) + size(&of_mas))
}

fn kept(directory: &Path) -> PathBuf {
    directory.join("mas-before-going-back.dump")
}

/// Keeps what MAS's database has now beside the backup of what it was.
///
/// # Errors
///
/// If it cannot be backed up.
pub async fn keep_mas(
    programs: &Programs,
    mas: &Database,
    directory: &Path,
) -> Result<PathBuf, MigrateError> {
    let file = kept(directory);
    dump(pg_dump(programs, mas).await?, &[], &file).await?;
    holds(programs, &file, &[]).await?;
    Ok(file)
}

async fn pg_dump(programs: &Programs, database: &Database) -> Result<Program, MigrateError> {
    let path = programs.path("pg_dump");
    database.program(&path).await
}

async fn dump(mut program: Program, tables: &[&str], file: &Path) -> Result<(), MigrateError> {
    let failed = |error: std::io::Error| MigrateError::file(file, error.to_string());
    let new = file.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let out = options.open(&new).map_err(failed)?;
    let command = &mut program.command;
    // Compressing takes longer than all the rest of it, and Synapse is down meanwhile.
    command.args(["--format=custom", "--compress=0", "--lock-wait-timeout=30s"]);
    command.args(tables.iter().map(|table| format!("--table={table}")));
    let dumped = command::output_to(command, out.try_clone().map_err(failed)?).await;
    let lasting = dumped.and_then(|()| out.sync_all().map_err(failed));
    let named = lasting.and_then(|()| {
        fs::rename(&new, file)
            .and_then(|()| atomic_write::sync_directory(file))
            .map_err(failed)
    });
    if named.is_err() {
        let _ = fs::remove_file(&new);
    }
    named
}

/// Reads the table of contents of a backup, and looks whether these tables are in it.
async fn holds(programs: &Programs, file: &Path, tables: &[&str]) -> Result<(), MigrateError> {
    let held = held(programs, file).await?;
    for table in tables {
        if !held.iter().any(|(_, held)| held == table) {
            let reason = format!("the backup lacks the table {table}");
            return Err(MigrateError::file(file, reason));
        }
    }
    Ok(())
}

/// The tables whose rows are in a backup, each with its schema.
async fn held(programs: &Programs, file: &Path) -> Result<Vec<(String, String)>, MigrateError> {
    let mut command = command::command(&programs.path("pg_restore"), None);
    command.arg("--list").arg(file);
    let output = command::output(&mut command).await?;
    let list = String::from_utf8_lossy(&output.stdout);
    let held = list.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word != "DATA");
        Some((words.nth(1)?.to_owned(), words.next()?.to_owned()))
    });
    Ok(held.collect())
}

/// Puts the tables of a backup of Synapse's database into another one.
///
/// # Errors
///
/// If the backup cannot be read, or PostgreSQL does not take it.
pub async fn restore_synapse(
    programs: &Programs,
    directory: &Path,
    into: &Database,
) -> Result<(), MigrateError> {
    let file = of_synapse(directory);
    let schema = schema(&held(programs, &file).await?);
    let mut arguments = vec![
        "--section=pre-data".to_owned(),
        "--section=data".to_owned(),
        "--no-acl".to_owned(),
        format!("--schema={schema}"),
    ];
    arguments.extend(TABLES.map(|table| format!("--table={table}")));
    let quoted = format!("\"{}\"", schema.replace('"', "\"\""));
    let make = format!("CREATE SCHEMA IF NOT EXISTS {quoted};\n");
    restore(programs, &file, &arguments, &make, into).await?;
    let moved = TABLES.map(|table| format!("ALTER TABLE {quoted}.{table} SET SCHEMA public; "));
    let moved = if schema == "public" {
        String::new()
    } else {
        moved.concat()
    };
    let mut connection = into.connect().await?;
    sqlx::raw_sql(&format!("{moved}ANALYZE"))
        .execute(&mut connection)
        .await
        .map_err(into.failed("cannot set up its tables"))?;
    Ok(())
}

/// The schema that Synapse's tables are in: its role may have one of its own.
fn schema(held: &[(String, String)]) -> String {
    let users = held.iter().filter(|(_, table)| table == "users");
    let schemas: Vec<&str> = users.map(|(schema, _)| schema.as_str()).collect();
    match schemas.first() {
        Some(schema) if !schemas.contains(&"public") => (*schema).to_owned(),
        _ => "public".to_owned(),
    }
}

/// Removes the backups in a directory, and the directory if nothing else is in it: what they hold is
/// where it was again, and password hashes and tokens are not to lie about. Where something else was
/// kept, all of it is.
pub fn delete(directory: &Path) {
    if kept(directory).exists() {
        return;
    }
    for file in [of_synapse(directory), of_mas(directory)] {
        let _ = fs::remove_file(file);
    }
    let _ = fs::remove_dir(directory);
}

/// Takes everything out of a database that `make` would put into a backup of it.
const EMPTY: &str = "
DO $$
DECLARE found record;
BEGIN
  FOR found IN SELECT nspname FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
  LOOP EXECUTE format('DROP SCHEMA %I CASCADE', found.nspname); END LOOP;
  FOR found IN SELECT c.oid::regclass AS name, CASE c.relkind WHEN 'v' THEN 'VIEW'
      WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r','p','v','m','S')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('e', 'i', 'a'))
  LOOP EXECUTE format('DROP %s IF EXISTS %s CASCADE', found.kind, found.name); END LOOP;
  FOR found IN SELECT p.oid::regprocedure AS name FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
  LOOP EXECUTE format('DROP ROUTINE IF EXISTS %s CASCADE', found.name); END LOOP;
  FOR found IN SELECT t.oid::regtype AS name FROM pg_type t
    WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')
  LOOP EXECUTE format('DROP TYPE IF EXISTS %s CASCADE', found.name); END LOOP;
END $$;
";

/// Puts MAS's database, or another one in its place, back to what it was when it was backed up, whole
/// or not at all. Whoever is connected to it is sent away.
///
/// # Errors
///
/// If the backup cannot be read, or PostgreSQL does not take it.
pub async fn restore_mas(
    programs: &Programs,
    directory: &Path,
    into: &Database,
) -> Result<(), MigrateError> {
    terminate_other_connections(into).await?;
    restore(
        programs,
        &of_mas(directory),
        &["--no-comments".to_owned()],
        EMPTY,
        into,
    )
    .await
}

/// Lets `psql` run these statements and then what `pg_restore` makes of a backup, in one transaction.
/// `pg_restore` cannot do that itself where it is newer than the server: it sets what the server does
/// not know.
async fn restore(
    programs: &Programs,
    file: &Path,
    arguments: &[String],
    before: &str,
    into: &Database,
) -> Result<(), MigrateError> {
    let known = into.settings().await?;
    let mut reading = command::command(&programs.path("pg_restore"), None);
    reading.args(["--file=-", "--no-owner"]).args(arguments);
    reading.arg(file);
    let mut writing = into.program(&programs.path("psql")).await?;
    let writing = &mut writing.command;
    writing.args(["-X", "--quiet", "--set=ON_ERROR_STOP=1"]);
    writing.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut reader = command::spawn(reading.stdout(Stdio::piped()))?;
    let mut writer = command::spawn(writing)?;
    let (from, to) = (reader.stdout.take(), writer.stdin.take());
    let feeding = async {
        let (Some(from), Some(mut to)) = (from, to) else {
            return Ok(());
        };
        let passed_on = pass_on(from, &mut to, before, &known).await;
        command::ended(&reading, reader.wait_with_output().await)?;
        passed_on.map_err(|error| MigrateError::file(file, error.to_string()))?;
        // Without this, whatever came before is nothing.
        let _ = to.write_all(b"\nCOMMIT;\n").await;
        Ok(())
    };
    let (fed, written) = tokio::join!(feeding, writer.wait_with_output());
    // If psql ends early, it says why, and the other cannot go on.
    command::ended(writing, written)?;
    fed
}

/// Passes statements on, without those at the beginning that set what the server does not know.
async fn pass_on(
    from: ChildStdout,
    to: &mut ChildStdin,
    before: &str,
    known: &HashSet<String>,
) -> io::Result<()> {
    to.write_all(b"BEGIN;\n").await?;
    to.write_all(before.as_bytes()).await?;
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).await? > 0 {
        let text = String::from_utf8_lossy(&line);
        let set = setting(&text);
        let begins = set.is_none() && !is_before_the_first_statement(&text);
        if set.is_none_or(|name| known.contains(&name)) {
            to.write_all(&line).await?;
        }
        if begins {
            break;
        }
        line.clear();
    }
    io::copy_buf(&mut from, to).await?;
    to.flush().await
}

/// What a line of the form `SET name = value;` sets.
fn setting(line: &str) -> Option<String> {
    let name = line.strip_prefix("SET ")?.split_once(" = ")?.0;
    Some(name.to_ascii_lowercase())
}

/// Whether a line of what `pg_restore` writes can stand among the settings at its beginning.
fn is_before_the_first_statement(line: &str) -> bool {
    let line = line.trim();
    let starts = ["--", "\\restrict ", "SELECT pg_catalog.set_config("];
    line.is_empty() || starts.iter().any(|start| line.starts_with(start))
}
