//! Backups of what the import reads and of what it writes, and the way back.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::io::AsyncWriteExt;

use super::{
    MigrateError,
    database::Database,
    inputs::Inputs,
    program,
    server::{TABLES, quiet},
};
use crate::disk;

/// How much of Synapse's database is backed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Extent {
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
pub async fn make(inputs: &Inputs, directory: &Path, extent: Extent) -> Result<u64, MigrateError> {
    let mut builder = fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| MigrateError::file(directory, error.to_string()))?;
    let (synapse, mas) = (inputs.synapse_database()?, inputs.mas_database()?);
    let tables: &[&str] = match extent {
        Extent::Tables => &TABLES,
        Extent::All => &[],
    };
    let (of_synapse, of_mas) = (of_synapse(directory), of_mas(directory));
    tokio::try_join!(
        dump(inputs, &synapse, tables, &of_synapse),
        dump(inputs, &mas, &[], &of_mas),
    )?;
    holds(inputs, &of_synapse, &TABLES).await?;
    holds(inputs, &of_mas, &[]).await?;
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
pub async fn keep_mas(inputs: &Inputs, directory: &Path) -> Result<PathBuf, MigrateError> {
    let file = kept(directory);
    dump(inputs, &inputs.mas_database()?, &[], &file).await?;
    holds(inputs, &file, &[]).await?;
    Ok(file)
}

async fn dump(
    inputs: &Inputs,
    database: &Database,
    tables: &[&str],
    file: &Path,
) -> Result<(), MigrateError> {
    let failed = |error: std::io::Error| MigrateError::file(file, error.to_string());
    let new = file.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let out = options.open(&new).map_err(failed)?;
    let mut command = database.program(&inputs.postgresql_program("pg_dump"));
    // Compressing takes longer than all the rest of it, and Synapse is down meanwhile.
    command.args(["--format=custom", "--compress=0", "--lock-wait-timeout=30s"]);
    command.args(tables.iter().map(|table| format!("--table={table}")));
    let dumped = program::output_to(&mut command, out.try_clone().map_err(failed)?).await;
    let lasting = dumped.and_then(|()| out.sync_all().map_err(failed));
    let named = lasting.and_then(|()| {
        fs::rename(&new, file)
            .and_then(|()| disk::sync_directory(file))
            .map_err(failed)
    });
    if named.is_err() {
        let _ = fs::remove_file(&new);
    }
    named
}

/// Reads the table of contents of a backup, and looks whether these tables are in it.
async fn holds(inputs: &Inputs, file: &Path, tables: &[&str]) -> Result<(), MigrateError> {
    let mut command = program::command(&inputs.postgresql_program("pg_restore"), None);
    command.arg("--list").arg(file);
    let output = program::output(&mut command).await?;
    let list = String::from_utf8_lossy(&output.stdout);
    for table in tables {
        let holds = list.lines().any(|line| {
            let mut words = line.split_whitespace().skip_while(|word| *word != "DATA");
            words.nth(2) == Some(table)
        });
        if !holds {
            let reason = format!("the backup lacks the table {table}");
            return Err(MigrateError::file(file, reason));
        }
    }
    Ok(())
}

/// Puts the tables of a backup of Synapse's database into another one.
///
/// # Errors
///
/// If the backup cannot be read, or PostgreSQL does not take it.
pub async fn restore_synapse(
    inputs: &Inputs,
    directory: &Path,
    into: &Database,
) -> Result<(), MigrateError> {
    let file = of_synapse(directory);
    let opened = fs::File::open(&file);
    let opened = opened.map_err(|error| MigrateError::file(&file, error.to_string()))?;
    let mut command = into.program(&inputs.postgresql_program("pg_restore"));
    command
        .args([
            "--section=pre-data",
            "--section=data",
            "--no-owner",
            "--no-acl",
        ])
        .args(["--exit-on-error", "--dbname"])
        .arg(into.name())
        .args(TABLES.map(|table| format!("--table={table}")))
        .stdin(opened);
    program::output(&mut command).await.map(|_| ())
}

/// Removes the backups in a directory, and the directory if nothing else is in it: what they hold is
/// where it was again, and password hashes and tokens are not to lie about. Where something else was
/// kept, all of it is.
pub fn forget(directory: &Path) {
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

/// Puts MAS's database back to what it was when it was backed up, whole or not at all. Whoever is
/// connected to it is sent away.
///
/// # Errors
///
/// If the backup cannot be read, or PostgreSQL does not take it.
pub async fn restore_mas(inputs: &Inputs, directory: &Path) -> Result<(), MigrateError> {
    let file = of_mas(directory);
    let mut command = program::command(&inputs.postgresql_program("pg_restore"), None);
    command
        .args(["--file=-", "--no-owner", "--no-comments"])
        .arg(&file);
    let statements = program::output(&mut command).await?.stdout;

    let mas = inputs.mas_database()?;
    quiet(&mas).await?;
    let mut command = mas.program(&inputs.postgresql_program("psql"));
    command
        .args([
            "-X",
            "--quiet",
            "--single-transaction",
            "--set=ON_ERROR_STOP=1",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| program::not_run(&command, &error))?;
    let mut stdin = child.stdin.take();
    let feed = async {
        if let Some(stdin) = &mut stdin {
            // If psql ends early, it says why.
            let _ = stdin.write_all(b"SET client_min_messages = warning;").await;
            let _ = stdin.write_all(EMPTY.as_bytes()).await;
            let _ = stdin.write_all(&statements).await;
        }
        drop(stdin);
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), feed);
    let output = output.map_err(|error| program::not_run(&command, &error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(program::failed(&command, &output.status.to_string(), &said))
}
