//! What a failed step means, and what to do about it. `docs/troubleshooting.md` is generated from this list.

use serde::Serialize;

use crate::migrate::step::Step;

/// A chapter of `docs/troubleshooting.md`: the steps that leave the homeserver alike when they fail.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Chapter {
    /// The heading, such as "Before the cutover".
    pub title: &'static str,
    /// The state of the homeserver after one of them has failed, and how to go on.
    pub after: &'static str,
    /// The steps, in the order in which they are performed.
    pub steps: &'static [StepFailure],
}

/// What can go wrong in a step.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StepFailure {
    /// The step.
    pub step: Step,
    /// What it does.
    pub does: &'static str,
    /// Why it may fail, and what to do then.
    pub causes: &'static [Cause],
}

/// A cause of a failure.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cause {
    /// What the error says, or what has happened.
    pub symptom: &'static str,
    /// What to do about it.
    pub fix: &'static str,
}

macro_rules! chapters {
    ($($title:literal, $after:literal { $($step:ident: $does:literal { $($symptom:literal => $fix:literal;)* })* })*) => {
        /// All steps that can fail, by what that leaves behind.
        pub const CHAPTERS: &[Chapter] = &[$(Chapter {
            title: $title,
            after: $after,
            steps: &[$(StepFailure {
                step: Step::$step,
                does: $does,
                causes: &[$(Cause { symptom: $symptom, fix: $fix }),*],
            }),*],
        }),*];
    };
}

chapters! {
    "A step before the cutover",
    "Everything that was made is removed again, and Synapse authenticates its own users. It was stopped only if `stop` came before the step that failed. Correct the cause, and run `syn2mas migrate` again: it starts from the beginning. Nothing has to be cleaned up by hand, unless the output says so."
    {
        Inspect: "Looks for blockers, and checks that the files of the cutover can be written." {
            "It lists blockers" => "Look each of them up in the first part of this page. `syn2mas inspect` shows them again.";
            "A database cannot be reached" => "Run `syn2mas` as root, and check the addresses in `database` of both configurations. On another host, see \"Connections to PostgreSQL\" in [migration.md](migration.md#connections-to-postgresql).";
            "Synapse does not accept the token of `--token-file`" => "Put a token into the file that is valid now, without quotes.";
        }
        HoldMas: "Stops MAS, which nobody uses yet, and keeps it from being started." {
            "A unit does not stop" => "Read its journal with `journalctl --unit=UNIT`, and stop it by hand.";
            "systemd does not know the unit" => "Name MAS's units with `--mas-unit`, as `systemctl list-units --all` shows them.";
        }
        BackUp: "Dumps the six tables that the import reads, and MAS's database, and reads the dumps back." {
            "`pg_dump` is older than the server" => "Install the client programs of the server's version, and name their directory with `--postgresql-programs`.";
            "There is no space left on the device" => "Make room in the state directory, `/var/lib/syn2mas`, or name another one with `--state-dir`. `syn2mas clean` deletes the backups of earlier migrations.";
            "Permission denied for a table" => "Use Synapse's own role, or see [`privileges`](#privileges).";
        }
        Copy: "Copies the six tables, as they are at one instant, to a temporary database on MAS's server." {
            "Permission denied to create a database" => "Give MAS's role `CREATEDB`, or name a superuser with `--admin-database-uri`. See [`no-copy`](#no-copy).";
            "There is no space left on the device" => "Make room where PostgreSQL keeps the databases of MAS's server.";
            "A table has no column of this name" => "Synapse is too old, or its update was not completed. Start it once, and see [`synapse-too-old`](#synapse-too-old).";
            "The connection is closed" => "PostgreSQL was restarted, or ended the connection. Run the migration again.";
        }
        Grant: "Grants Synapse's role to MAS's role, where the import reads Synapse's own database." {
            "The role must be a superuser" => "Name a superuser with `--admin-database-uri`, or leave it out if Synapse's database takes a password.";
        }
        Import: "Runs `mas-cli syn2mas migrate` into MAS's database." {
            "`mas-cli` fails" => "Its whole output is in `import.log` beside the backup. If it names a row or a user, `syn2mas inspect` should have reported it as a blocker: run it again, and compare.";
            "A table is locked" => "An autovacuum or another program holds the lock. Run the migration again, and see [`vacuum`](#vacuum).";
            "There are too many connections" => "The import opens ten. See [`connections`](#connections) and [`connection-limit`](#connection-limit).";
        }
        Verify: "Compares MAS's database with what follows from Synapse's, row by row." {
            "Rows did not arrive as they should" => "The error names a file, `differences.json`, with every row that differs. Compare one of them in both databases. It is a bug of `syn2mas`, of `mas-cli`, or a row that `inspect` does not know: report it, and do not migrate by hand.";
            "The digests differ, and no row does" => "This is a bug of `syn2mas`. Do not rely on the comparison.";
        }
        CatchUp: "Brings the copy and MAS's database up to what Synapse has now, again and again." {
            "A configuration has changed since the tables were copied" => "Do not change Synapse's or MAS's configuration while a migration waits. Run the migration again.";
            "The columns of a table have changed" => "Synapse was updated meanwhile. Run the migration again.";
            "Somebody has written to a table of MAS's database" => "MAS was started, or somebody else uses its database. Stop it, and run the migration again.";
            "A user has a link to a provider that MAS does not have, or rows without a user" => "It was written after `inspect` had looked. `syn2mas inspect` shows it now, and what to do.";
            "`cancelled`" => "Somebody ran `syn2mas cancel`. Nothing is wrong.";
        }
        Stop: "Stops Synapse and its workers, keeps them from being started, and waits until nobody is connected to Synapse's database." {
            "Synapse's database is in use by others" => "The error names the connections. For a worker or a pooler, pass its unit with `--synapse-unit`; stop everything else, such as a `psql` or a monitoring program that logs in as Synapse.";
            "A unit does not stop" => "Read its journal with `journalctl --unit=UNIT`. A Synapse that takes long to stop needs a longer `TimeoutStopSec`.";
            "The stop command fails" => "Run the command of `--stop-with` by hand. It must wait until Synapse is down, and exit with 0.";
        }
        LastRound: "Locks the six tables, brings MAS's database up for the last time, and compares it." {
            "A lock is not granted" => "A program that is not stopped uses the tables. `SELECT * FROM pg_stat_activity` in Synapse's database shows it.";
            "The causes of `catch-up`" => "The same as there.";
        }
    }

    "The cutover and the steps after it",
    "If nobody was served by MAS yet, everything is undone as before the cutover. Otherwise the homeserver stays with MAS, and the output says so. Correct the cause, and run `syn2mas migrate` again: it continues with the step that failed. `syn2mas rollback --plan` shows what going back would lose. `syn2mas status` says which of both applies."
    {
        Switch: "Checks once more that nobody uses Synapse's database, marks MAS's database as the one in use, and fills the overlay." {
            "Synapse's database is in use by others" => "See [`stop`](#step-stop).";
            "The overlay cannot be written" => "Make its directory writable for root. The directory must not be read-only or full.";
            "MAS's database does not say that it is verified" => "Somebody has changed or replaced it since. Run the migration again.";
        }
        Start: "Starts MAS, then Synapse and its workers." {
            "MAS does not run" => "Read `journalctl --unit=matrix-authentication-service`. `mas-cli config check` and `mas2nix check` find errors of its configuration.";
            "Synapse does not run" => "Read `journalctl --unit=matrix-synapse`. If it rejects a setting together with delegation, remove that setting, or override it in the source of `--overlay`. Synapse does not start with a module that checks passwords: see [`modules`](#modules).";
        }
        Probe: "Waits until Synapse delegates to MAS at every listener, those of workers too, and an old token still works." {
            "A listener logs people in by itself" => "This process does not read the overlay, or not last. See [`overlay-not-read`](#overlay-not-read).";
            "A listener does not answer" => "See whether the unit runs, and whether it listens there: `ss -ltnp`. If the main process answers elsewhere, say so with `--synapse-url`.";
            "The answer to an old token is 401 or 503" => "Synapse cannot reach MAS, or they do not have the same secret. Compare `matrix.secret` of MAS with the secret in the overlay, and look at the findings of the doctor.";
        }
        Proxy: "Fills the includes of the reverse proxy and reloads it, so that logins go to MAS." {
            "The proxy does not reload" => "`nginx -t` or `caddy validate` shows the line with the error. Both must include the files of `--include`.";
            "An include cannot be written" => "Make its directory writable for root.";
        }
        VerifyAgain: "Compares everything once more: the copy with Synapse's tables as they were at the cutover, and MAS's database with the copy, apart from what users have done since." {
            "The copy of Synapse's table … differs from what the table was at the cutover" => "This is a bug of `syn2mas`: something of this table may be missing in MAS. Each run says so again. `syn2mas rollback --plan` shows what going back would lose; go back if you can, and please report it.";
            "Rows did not arrive as they should" => "`differences.json` has them. Decide whether to stay: `syn2mas rollback --plan` shows what going back would lose.";
            "There is no space left on the device" => "The copy is dumped beside the backup. Make room in the state directory, and run `syn2mas migrate` again.";
        }
        Complete: "Revokes the role, drops the copy, and marks the migration as complete." {
            "The copy of Synapse's tables is left" => "Nothing depends on it. `syn2mas clean` drops it.";
            "The role cannot be revoked" => "Name the same superuser as before with `--admin-database-uri`, and run `syn2mas migrate` again.";
        }
    }

    "A step of a rollback",
    "Up to `keep`, the homeserver goes on with MAS. From `undelegate` on, each step is tried again for a minute, and the rollback goes as far as possible. Synapse is started as soon as the overlay is empty. Correct the cause, and run `syn2mas rollback` again: it continues where it was. Do not start MAS or empty files by hand meanwhile."
    {
        StopMas: "Stops MAS, so that nobody logs in any more." {
            "A unit does not stop" => "Read its journal, and stop it by hand. Then run the rollback again.";
        }
        CheckLosses: "Looks once more what would be lost, now that nobody can log in." {
            "Something would be lost" => "Somebody has used MAS. The output lists what would be lost. `--accept-loss` rolls back all the same; MAS's database is dumped first.";
            "A database cannot be reached" => "Start PostgreSQL, and check the addresses in both configurations.";
        }
        StopSynapse: "Stops Synapse." {
            "A unit does not stop" => "Read its journal, and stop it by hand. Then run the rollback again.";
        }
        Keep: "Checks the backup of MAS's database, and dumps what it has now, under a new name." {
            "The backup is damaged" => "The error names the file. Put a copy of yours in its place. If you have none, delete the file: the rollback then empties MAS's database, which had no users before the import.";
            "There is no space left on the device" => "Make room in the state directory.";
        }
        Undelegate: "Empties the includes and the overlay." {
            "A file cannot be written" => "Make the directory writable for root. Synapse stays down until the overlay is empty.";
            "The proxy does not reload" => "This is only a note: Synapse works, but the proxy still sends logins to MAS. Correct the proxy's configuration, and reload it.";
        }
        Repair: "Deletes tokens from Synapse's database that MAS no longer accepts." {
            "It is another database than the migration is about" => "It was restored or moved. See \"Databases that were restored or moved\" in [migration.md](migration.md#databases-that-were-restored-or-moved).";
            "Permission denied for a table" => "See [`rollback-privileges`](#rollback-privileges).";
        }
        StartSynapse: "Starts Synapse as it ran before the migration." {
            "Synapse does not run" => "Read `journalctl --unit=matrix-synapse`. The overlay is empty, so Synapse has its own configuration again.";
        }
        ProbeSynapse: "Checks that Synapse logs users in at every listener." {
            "A listener still delegates" => "Its process was not restarted, or another file makes it delegate. Restart it, and run the rollback again.";
            "A listener does not answer" => "See whether the unit runs, and read its journal.";
        }
        Revoke: "Revokes the role that was granted." {
            "Only a superuser can do this" => "Name the same superuser as before with `--admin-database-uri`.";
        }
        Restore: "Restores MAS's database from its backup." {
            "MAS's database still has the import" => "The error of `pg_restore` says why; mostly MAS's role may not drop something in it. See [`mas-rollback-privileges`](#mas-rollback-privileges).";
            "Other clients are connected" => "End them, and run the rollback again.";
        }
        DropCopy: "Drops the copy of Synapse's tables." {
            "The copy is left" => "Nothing depends on it. End whoever is connected to it, and run `syn2mas clean`.";
        }
        LogOut: "Logs out the devices that came through MAS." {
            "Synapse did not log devices out" => "This is only a note: their users can remove them in their client.";
            "Synapse does not answer" => "Start it, and run the rollback again.";
        }
        Finish: "Starts MAS as it ran before, and forgets the migration." {
            "MAS is down" => "Read its journal. Nobody needs MAS now: it is enough that Synapse runs.";
        }
    }

    "Other steps",
    "Nothing was changed."
    {
        Recover: "Takes the state of a lost journal from MAS's database (`syn2mas rollback --lost-journal`)." {
            "The journal cannot be written" => "Make the state directory writable for root.";
        }
        DryRun: "Lets `mas-cli` try the import (`syn2mas rehearse --dry-run`)." {
            "`mas-cli` fails" => "The error has the end of its output. `syn2mas inspect` finds more, and says what to do.";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_explained_once() {
        let steps = CHAPTERS.iter().flat_map(|chapter| chapter.steps);
        let mut steps: Vec<Step> = steps.map(|failure| failure.step).collect();
        steps.sort_unstable();
        assert_eq!(steps, Step::ALL);
    }

    #[test]
    fn every_step_has_a_cause() {
        for failure in CHAPTERS.iter().flat_map(|chapter| chapter.steps) {
            assert!(!failure.causes.is_empty(), "{:?}", failure.step);
        }
    }
}
