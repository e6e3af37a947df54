//! Backups of the tables that the import reads and of the database that it writes, and their restore.

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::Stdio,
};

use tempfile::TempPath;
use tokio::{
    io::{self, AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{ChildStdin, ChildStdout, Command},
};

use serde::{Deserialize, Serialize};

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum BackupScope {
    /// The six tables that the import reads.
    #[default]
    Tables,
    /// Everything.
    All,
}

/// `synapse.dump` in the directory of a backup.
#[must_use]
pub fn of_synapse(directory: &Path) -> PathBuf {
    directory.join("synapse.dump")
}

/// `cutover.dump` in the directory of a backup: Synapse's tables as they were at the cutover, with the columns
/// that the import reads.
#[must_use]
pub fn of_cutover(directory: &Path) -> PathBuf {
    directory.join("cutover.dump")
}

/// `mas.dump` in the directory of a backup.
#[must_use]
pub fn of_mas(directory: &Path) -> PathBuf {
    directory.join("mas.dump")
}

/// Dumps both databases into `directory`, then lists both dumps to check that their tables are in them.
/// Returns the total size in bytes.
///
/// # Errors
///
/// If a dump fails, or a table is missing from one. Then the files are deleted, as they are if this future is
/// dropped: they hold password hashes and tokens.
pub async fn make(
    programs: &Programs,
    [synapse, mas]: [&Database; 2],
    directory: &Path,
    extent: BackupScope,
) -> Result<u64, MigrateError> {
    make_directory(directory)?;
    let unfinished = Unfinished(Some(directory));
    let tables: &[&str] = match extent {
        BackupScope::Tables => &TABLES,
        BackupScope::All => &[],
    };
    let (of_synapse, of_mas) = (of_synapse(directory), of_mas(directory));
    // In sequence: connecting as another user of this host changes the effective user of the whole process.
    let dump_of_synapse = pg_dump(programs, synapse).await?;
    let dump_of_mas = pg_dump(programs, mas).await?;
    tokio::try_join!(
        dump(dump_of_synapse, tables, &of_synapse),
        dump(dump_of_mas, &[], &of_mas),
    )?;
    holds(programs, &of_synapse, &TABLES).await?;
    holds(programs, &of_mas, &[]).await?;
    unfinished.keep();
    let size = |file: &Path| fs::metadata(file).map_or(0, |found| found.len());
    Ok(size(&of_synapse) + size(&of_mas))
}

/// Dumps a copy of Synapse's tables as they were at the cutover, beside the backup from before the import.
///
/// # Errors
///
/// If the dump fails.
pub async fn keep_copy(
    programs: &Programs,
    copy: &Database,
    directory: &Path,
) -> Result<(), MigrateError> {
    make_directory(directory)?;
    let file = of_cutover(directory);
    dump(pg_dump(programs, copy).await?, &TABLES, &file).await?;
    holds(programs, &file, &TABLES).await
}

fn make_directory(directory: &Path) -> Result<(), MigrateError> {
    let mut builder = fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(directory);
    made.map_err(MigrateError::io("create", directory))
}

/// Deletes the backups in a directory when it is dropped.
struct Unfinished<'a>(Option<&'a Path>);

impl Unfinished<'_> {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(directory) = self.0 {
            delete(directory);
        }
    }
}

/// Reads the backup of MAS's database to its end. It is restored only after Synapse has stopped to delegate,
/// when it would be too late to find that it is damaged. If it was deleted, the database is emptied.
///
/// # Errors
///
/// If it cannot be read.
pub async fn check_mas(programs: &Programs, directory: &Path) -> Result<(), MigrateError> {
    let file = of_mas(directory);
    if !file.exists() {
        return Ok(());
    }
    let mut command = command::command(&programs.path("pg_restore"), None);
    command.arg("--file=/dev/null").arg(&file);
    match command::output(&mut command).await {
        Ok(_) => Ok(()),
        Err(error) => Err(MigrateError::content(
            &file,
            format!(
                "it is damaged: {}. Before the import, MAS's database had no users. Delete the file, and \
                 the database is emptied in place of being restored",
                error.with_causes()
            ),
        )),
    }
}

/// The beginning of the names of dumps that [`keep_mas`] makes.
const KEPT: &str = "mas-before-rollback-";

/// Dumps MAS's database as it is before a rollback, next to the backup from before the import, under a
/// new name each time. Returns the path of the dump.
///
/// # Errors
///
/// If the dump fails.
pub async fn keep_mas(
    programs: &Programs,
    mas: &Database,
    directory: &Path,
) -> Result<PathBuf, MigrateError> {
    make_directory(directory)?;
    let now = humantime::format_rfc3339_millis(std::time::SystemTime::now());
    let now = now.to_string().replace([':', '.'], "-");
    let file = directory.join(format!("{KEPT}{now}.dump"));
    dump(pg_dump(programs, mas).await?, &[], &file).await?;
    holds(programs, &file, &[]).await?;
    Ok(file)
}

async fn pg_dump(programs: &Programs, database: &Database) -> Result<Program, MigrateError> {
    let path = programs.path("pg_dump");
    database.program(&path).await
}

async fn dump(mut program: Program, tables: &[&str], file: &Path) -> Result<(), MigrateError> {
    write_dump(&mut program.command, tables, file).await
}

/// Where a dump is until it is complete.
fn partial(file: &Path) -> PathBuf {
    file.with_extension("new")
}

/// Runs `pg_dump` with its output in a file, which has the name `file` only if the dump is complete. If it
/// fails, or this future is dropped, nothing is left.
async fn write_dump(
    command: &mut Command,
    tables: &[&str],
    file: &Path,
) -> Result<(), MigrateError> {
    let failed = MigrateError::io("write", file);
    let new = partial(file);
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let out = options.open(&new).map_err(&failed)?;
    // Dropping it deletes the file.
    let new = TempPath::try_from_path(new).map_err(&failed)?;
    // Compression would take longer than the rest of the dump, and Synapse is down meanwhile.
    command.args(["--format=custom", "--compress=0", "--lock-wait-timeout=30s"]);
    command.args(tables.iter().map(|table| format!("--table={table}")));
    command::output_to(command, out.try_clone().map_err(&failed)?).await?;
    out.sync_all().map_err(&failed)?;
    new.persist(file).map_err(|error| failed(error.error))?;
    atomic_write::sync_directory(file).map_err(&failed)
}

/// Fails unless the rows of all these tables are in a dump, according to `pg_restore --list`.
async fn holds(programs: &Programs, file: &Path, tables: &[&str]) -> Result<(), MigrateError> {
    let held = held(programs, file).await?;
    for table in tables {
        if !held.iter().any(|(_, held)| held == table) {
            let reason = format!("the backup lacks the table {table}");
            return Err(MigrateError::content(file, reason));
        }
    }
    Ok(())
}

/// The tables whose rows are in a dump, as (schema, table).
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

/// Restores the tables of a backup of Synapse's database into schema `public` of another database: as they
/// were at the cutover, if it has them.
///
/// # Errors
///
/// If the backup cannot be read, or PostgreSQL rejects it.
pub async fn restore_synapse(
    programs: &Programs,
    directory: &Path,
    into: &Database,
) -> Result<(), MigrateError> {
    let file = Some(of_cutover(directory)).filter(|file| file.exists());
    let file = file.unwrap_or_else(|| of_synapse(directory));
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
    restore(programs, &file, &arguments, [&make, ""], into).await?;
    let moved = TABLES.map(|table| format!("ALTER TABLE {quoted}.{table} SET SCHEMA public; "));
    let moved = if schema == "public" {
        String::new()
    } else {
        moved.concat()
    };
    // An autovacuum of what was just restored would make the import fail, which does not wait for locks.
    let without_autovacuum =
        TABLES.map(|table| format!("ALTER TABLE public.{table} SET (autovacuum_enabled = off); "));
    let without_autovacuum = without_autovacuum.concat();
    let mut connection = into.connect().await?;
    sqlx::raw_sql(&format!("{moved}{without_autovacuum}ANALYZE"))
        .execute(&mut connection)
        .await
        .map_err(into.failed("cannot set up its tables"))?;
    Ok(())
}

/// The schema of Synapse's tables: `public`, unless they are in a schema of the role's own.
fn schema(held: &[(String, String)]) -> String {
    let users = held.iter().filter(|(_, table)| table == "users");
    let schemas: Vec<&str> = users.map(|(schema, _)| schema.as_str()).collect();
    match schemas.first() {
        Some(schema) if !schemas.contains(&"public") => (*schema).to_owned(),
        _ => "public".to_owned(),
    }
}

/// Deletes the backups in a directory, also those that a killed run has not completed, and the directory if
/// it is then empty. After everything was taken back they are no longer needed, and they hold password
/// hashes and tokens. Dumps that [`keep_mas`] made stay.
pub fn delete(directory: &Path) {
    let log = directory.join("import.log");
    let dumps = [of_synapse, of_cutover, of_mas].map(|of| of(directory));
    for file in dumps {
        let _ = fs::remove_file(partial(&file));
        let _ = fs::remove_file(file);
    }
    let _ = fs::remove_file(log);
    let _ = fs::remove_dir(directory);
}

/// Drops everything that a dump of the database would contain, except what belongs to an extension.
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

/// Restores the backup of MAS's database into that database or another one, in a single transaction,
/// replacing everything in it; without a backup, the database is emptied. The statements in `after` are part
/// of the transaction. Terminates other connections to the database first.
///
/// # Errors
///
/// If the backup cannot be read, or PostgreSQL rejects it. Then the database is as before.
pub async fn restore_mas(
    programs: &Programs,
    directory: Option<&Path>,
    after: &str,
    into: &Database,
) -> Result<(), MigrateError> {
    terminate_other_connections(into).await?;
    let file = directory.map(of_mas).filter(|file| file.exists());
    let Some(file) = file else {
        let mut connection = into.connect().await?;
        sqlx::raw_sql(&format!("BEGIN; {EMPTY} {after} COMMIT"))
            .execute(&mut connection)
            .await
            .map_err(into.failed("cannot be emptied"))?;
        return Ok(());
    };
    let arguments = ["--no-comments".to_owned()];
    restore(programs, &file, &arguments, [EMPTY, after], into).await
}

/// Runs the statements in `before`, the output of `pg_restore` and the statements in `after` through `psql`,
/// in a single transaction. A `pg_restore` that connects to an older server by itself fails, because it sets
/// parameters that the server lacks.
async fn restore(
    programs: &Programs,
    file: &Path,
    arguments: &[String],
    [before, after]: [&str; 2],
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
        passed_on.map_err(MigrateError::io("restore", file))?;
        // If `psql` never receives this, the server rolls everything back.
        let _ = to
            .write_all(format!("\n{after}\nCOMMIT;\n").as_bytes())
            .await;
        Ok(())
    };
    let (fed, written) = tokio::join!(feeding, writer.wait_with_output());
    // If `psql` exits early, its error has the cause; that of `pg_restore` is only a consequence.
    command::ended(writing, written)?;
    fed
}

/// Writes `before` and then the output of `pg_restore` to `psql`, without the leading `SET` statements
/// for parameters that are not in `known`.
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

/// The parameter in a line of the form `SET name = value;`, in lower case.
fn setting(line: &str) -> Option<String> {
    let name = line.strip_prefix("SET ")?.split_once(" = ")?.0;
    Some(name.to_ascii_lowercase())
}

/// Whether a line of `pg_restore`'s output may occur between the `SET` statements at its beginning.
fn is_before_the_first_statement(line: &str) -> bool {
    let line = line.trim();
    let starts = ["--", "\\restrict ", "SELECT pg_catalog.set_config("];
    line.is_empty() || starts.iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A program in place of `pg_dump`, which ignores its arguments.
    fn shell(script: &str) -> Command {
        let mut command = command::command(Path::new("/bin/sh"), None);
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn nothing_is_left_of_a_dump_that_failed_or_was_interrupted() {
        let directory = tempfile::tempdir().unwrap();
        let names = || -> Vec<_> {
            let entries = fs::read_dir(directory.path()).unwrap();
            entries.map(|entry| entry.unwrap().file_name()).collect()
        };
        let file = of_synapse(directory.path());
        let mut failing = shell("echo secret; exit 1");
        assert!(write_dump(&mut failing, &[], &file).await.is_err());
        assert!(names().is_empty(), "{:?}", names());

        let mut slow = shell("echo secret; exec sleep 60");
        let dumping = write_dump(&mut slow, &[], &file);
        let dumped = tokio::time::timeout(Duration::from_millis(200), dumping).await;
        assert!(dumped.is_err());
        assert!(names().is_empty(), "{:?}", names());

        write_dump(&mut shell("echo dump"), &[], &file)
            .await
            .unwrap();
        assert_eq!(names(), ["synapse.dump"]);

        fs::write(of_mas(directory.path()), "secret").unwrap();
        drop(Unfinished(Some(directory.path())));
        assert!(!directory.path().exists());
    }
}
