//! Everything that `syn2mas inspect` can find: its stable id, how severe it is, what it means and what
//! to do. `docs/findings.md` is generated from this list.

use serde::Serialize;

use crate::migrate::preflight::finding::{
    FindingKind,
    Severity::{Blocker, Note, Warning},
};

/// A chapter of `docs/findings.md`: the kinds of findings about one subject.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Chapter {
    /// The heading, such as "The two configurations".
    pub title: &'static str,
    /// The kinds of findings, in the order of the document.
    pub kinds: &'static [FindingKind],
}

macro_rules! catalogue {
    ($($title:literal { $($name:ident: $id:literal, $severity:ident, $meaning:literal, $fix:literal;)* })*) => {
        $($(
            #[doc = concat!("`", $id, "`")]
            pub const $name: FindingKind = FindingKind {
                id: $id,
                severity: $severity,
                meaning: $meaning,
                fix: $fix,
            };
        )*)*

        /// All kinds of findings, by subject.
        pub const CHAPTERS: &[Chapter] = &[$(Chapter { title: $title, kinds: &[$($name),*] }),*];
    };
}

/// Looks up a kind of finding by its id, such as `absent-user`.
#[must_use]
pub fn named(id: &str) -> Option<FindingKind> {
    let mut kinds = CHAPTERS.iter().flat_map(|chapter| chapter.kinds);
    kinds.find(|kind| kind.id == id).copied()
}

catalogue! {
    "The two configurations" {
        SERVER_NAME: "server-name", Blocker,
            "MAS is for another homeserver than Synapse.",
            "Set `matrix.homeserver` of MAS to Synapse's `server_name`.";
        GUEST_ACCESS: "guest-access", Blocker,
            "MAS knows no new guests, and the import refuses to begin.",
            "Set `allow_guest_access` to false.";
        THIRD_PARTY_ID_CHANGES: "third-party-id-changes", Blocker,
            "The import refuses to begin while `enable_3pid_changes` is written out as true.",
            "Remove it.";
        LOGIN_VIA_EXISTING_SESSION: "login-via-existing-session", Blocker,
            "The import refuses to begin while `login_via_existing_session` is enabled.",
            "Disable it. MAS has a device code grant for the same purpose.";
        REGISTRATION: "registration", Warning,
            "People can register now, and will not be able to.",
            "Set `account.password_registration_enabled` of MAS, if they should.";
        CONSENT: "consent", Warning,
            "Synapse asks for consent to terms, and MAS will show none.",
            "Set `branding.tos_uri` of MAS.";
        CAPTCHA: "captcha", Warning,
            "Registration has a CAPTCHA now, and will have none.",
            "Configure `captcha` of MAS.";
        EXTERNAL_LOGIN: "external-login", Warning,
            "People log in by a protocol that MAS does not speak.",
            "Put a provider such as Dex between it and `upstream_oauth2.providers` of MAS.";
        PASSWORD_PROVIDER: "password-provider", Warning,
            "Passwords are checked by something that MAS cannot ask, such as LDAP.",
            "Put a provider such as Dex in front of it, in `upstream_oauth2.providers` of MAS.";
        MODULES: "modules", Note,
            "Synapse loads these modules. Those that check passwords or decide on registrations and logins are not asked any more, and Synapse refuses to start with the former.",
            "Look what they do, and remove those that MAS takes the place of.";
        EMPTY_SECTION: "empty-section", Note,
            "These sections of Synapse's configuration are empty. Synapse does not mind; mas-cli cannot read such a file. `syn2mas` hands it one without them.",
            "Nothing, unless you run mas-cli yourself.";
        MAS_CHECK: "mas-check", Blocker,
            "`mas-cli syn2mas check` says this, and the import refuses to begin.",
            "Do what it says.";
        MAS_CHECK_WARNING: "mas-check-warning", Warning,
            "`mas-cli syn2mas check` says this.",
            "Do what it says.";
        MAS_CHECK_LEFT_OUT: "mas-check-left-out", Note,
            "`mas-cli syn2mas check` could not be asked.",
            "Nothing, if its user cannot read Synapse's database now; `syn2mas rehearse --dry-run` asks it with the rights that it will have.";
        MAS_CHECK_FAILED: "mas-check-failed", Blocker,
            "`mas-cli syn2mas check` fails before it can check anything, and so will the import.",
            "Do what it says.";
        MAS_CONFIG: "mas-config", Blocker,
            "`mas-cli config check` refuses MAS's configuration.",
            "Correct it; `mas2nix check` says more about it.";
    }

    "Passwords" {
        PASSWORD_SCHEME: "password-scheme", Blocker,
            "Passwords come over with version 1, which has to be bcrypt in MAS.",
            "Set `passwords.schemes` of MAS to [ { version = 1; algorithm = \"bcrypt\"; unicode_normalization = true; } { version = 2; algorithm = \"argon2id\"; } ], with Synapse's pepper as `secret_file` of the first.";
        PASSWORD_SCHEME_TWICE: "password-scheme-twice", Blocker,
            "Two password schemes of MAS have the same version. MAS does not start, and the import does not begin.",
            "Give each entry of `passwords.schemes` a version of its own.";
        UNICODE_NORMALIZATION: "unicode-normalization", Blocker,
            "Synapse normalizes passwords before it hashes them. Without the same in MAS, passwords with letters such as ä will be wrong.",
            "Set `unicode_normalization` of the password scheme with version 1 to true.";
        PEPPER: "pepper", Blocker,
            "MAS's pepper is not Synapse's, so no password would be right.",
            "Put Synapse's `password_config.pepper` into the file that `secret_file` of the password scheme with version 1 names.";
        PEPPER_NEWLINE: "pepper-newline", Blocker,
            "The file with the pepper ends with a newline, which MAS takes for a part of it.",
            "Write the file without a newline.";
        EMPTY_PEPPER: "empty-pepper", Note,
            "Synapse's pepper is the empty text, which is none for Synapse and one for mas-cli. `syn2mas` hands it a configuration without it.",
            "Nothing, unless you run mas-cli yourself.";
        PASSWORDS_OFF_IN_MAS: "passwords-off-in-mas", Warning,
            "People log in with passwords now, and MAS has them switched off.",
            "Set `passwords.enabled` of MAS to true, unless that is what you want.";
        PASSWORDS_OFF_IN_SYNAPSE: "passwords-off-in-synapse", Warning,
            "Synapse has passwords switched off, MAS does not, and these users have one from before. It works again.",
            "Set `passwords.enabled` of MAS to false, or remove the old passwords.";
        EMPTY_PASSWORD: "empty-password", Warning,
            "MAS answers with an internal error when these users log in with a password.",
            "UPDATE users SET password_hash = NULL WHERE password_hash = '';";
        PASSWORD_FORM: "password-form", Warning,
            "These passwords are not hashed with bcrypt, or what is there is no hash. MAS answers with an internal error when these users log in with them.",
            "Give them a password with `mas-cli manage set-password` afterwards.";
    }

    "Identity providers" {
        PROVIDER_DISABLED: "provider-disabled", Blocker,
            "The provider of MAS that takes this one's place is disabled, and so not in MAS's database. The import fails at its very end.",
            "Enable it.";
        PROVIDER_DISABLED_LATER: "provider-disabled-later", Warning,
            "The provider of MAS that takes this one's place is disabled. People are linked to it, but nobody can log in by it until it is enabled.",
            "Enable it.";
        PROVIDER_NOT_IN_SYNAPSE: "provider-not-in-synapse", Blocker,
            "People have accounts at a provider that Synapse's configuration does not have, so the import refuses to begin.",
            "Give the import Synapse's configuration as it was with the provider.";
        PROVIDER_NOT_IN_MAS: "provider-not-in-mas", Blocker,
            "People log in by this provider, and MAS has none that takes its place.",
            "Give a provider in `upstream_oauth2.providers` of MAS this name as `synapse_idp_id`.";
        PROVIDER_CLAIMED_TWICE: "provider-claimed-twice", Warning,
            "Several providers of MAS claim to take the place of this one. All its users are linked to the last of them.",
            "Leave `synapse_idp_id` to the one that is meant.";
        DELEGATED_BEFORE: "delegated-before", Blocker,
            "These rows were left by an earlier delegation of this homeserver.",
            "If MAS is not in use: DELETE FROM user_external_ids WHERE auth_provider = 'oauth-delegated';";
    }

    "Programs and units of this host" {
        SYNAPSE_VERSION: "synapse-version", Blocker,
            "This Synapse is too old to delegate to MAS.",
            "Update Synapse, to 1.136.0 at least.";
        MAS_VERSION: "mas-version", Blocker,
            "This MAS is too old: Synapse cannot delegate to it.",
            "Update MAS, to 1.0.0 at least.";
        MAS_CLI: "mas-cli", Note,
            "MAS's own program, which imports, cannot be asked for its version.",
            "Install MAS before you migrate, or name the program with `--mas-cli`.";
        UNIT_MISSING: "unit-missing", Blocker,
            "systemd does not know these units, so they cannot be stopped and started.",
            "Name them as `systemctl list-units` does.";
        OVERLAY_NOT_READ: "overlay-not-read", Blocker,
            "These units and processes of Synapse do not read the overlay, or not last. They would go on to log people in by themselves after the cutover.",
            "Change their command as said, and restart them. On NixOS, the module does that for every worker in `services.matrix-synapse.workers`.";
        PROCESS_NOT_NAMED: "process-not-named", Blocker,
            "These processes of this Synapse belong to none of the units that `syn2mas` stops and starts.",
            "Name their units with `--synapse-unit`, or end them.";
        PROCESS_UNKNOWN: "process-unknown", Warning,
            "It is unknown whether these processes belong to this Synapse and delegate after the cutover.",
            "Run `syn2mas inspect` as root, or look yourself.";
        LOGIN_NOT_ANSWERED: "login-not-answered", Blocker,
            "Synapse does not log people in at these listeners now, so it could not be seen after the cutover whether they delegate.",
            "Make them answer `/_matrix/client/v3/login` from this host. If the main process answers elsewhere, say so with `--synapse-url`.";
        DISK_SPACE: "disk-space", Blocker,
            "There is too little room for the backups.",
            "Make room, or name another directory with `--state-dir`.";
        DISK_SPACE_OF_POSTGRESQL: "disk-space-of-postgresql", Blocker,
            "There is too little room for what is imported.",
            "Make room where PostgreSQL keeps its databases.";
        ENCRYPTED_BRIDGE: "encrypted-bridge", Warning,
            "These application services encrypt, and make devices for their users by logging in, which MAS does not let them.",
            "Turn MSC4190 on in the application service, and `io.element.msc4190` in its registration.";
        BRIDGE_UNREADABLE: "bridge-unreadable", Note,
            "These registrations of application services cannot be read, so it is not known whether they encrypt.",
            "Look whether MSC4190 is on in those that do.";
        POSTGRESQL_PROGRAMS: "postgresql-programs", Blocker,
            "These programs of PostgreSQL cannot be run. Without them there is no backup, and no way back.",
            "Install PostgreSQL's client programs, or name their directory with `--postgresql-programs`.";
        PG_DUMP_TOO_OLD: "pg-dump-too-old", Blocker,
            "`pg_dump` backs no server up that is newer than itself.",
            "Install the client programs of the server's version, and name their directory with `--postgresql-programs`.";
        PG_RESTORE_TOO_OLD: "pg-restore-too-old", Blocker,
            "`pg_restore` is older than `pg_dump`, and may not be able to read its backups.",
            "Name a directory with programs of one version with `--postgresql-programs`.";
        PG_RESTORE_NEWER: "pg-restore-newer", Note,
            "`pg_restore` is newer than the server, and sets what the server does not know. `syn2mas` leaves that out when it goes back.",
            "Nothing, unless you restore a backup yourself: then use programs of the server's version.";
    }

    "Synapse's database and its server" {
        SQLITE: "sqlite", Blocker,
            "Synapse's database is `SQLite`, and MAS can take over from PostgreSQL only.",
            "Move Synapse's data with `synapse_port_db` first.";
        SYNAPSE_TOO_OLD: "synapse-too-old", Blocker,
            "This is no database of Synapse, or of one before 1.91.0, which the import cannot read.",
            "Update Synapse, to 1.136.0 at least, and let it run once.";
        SAME_DATABASE: "same-database", Blocker,
            "Both configurations lead to the same database, and both have a table named `users`.",
            "Make a database of MAS's own.";
        REPLICA: "replica", Blocker,
            "This server is a replica, on which nothing can be locked.",
            "Name the primary.";
        PRIVILEGES: "privileges", Blocker,
            "The role may not lock these tables, which needs UPDATE besides SELECT. A rehearsal would not notice.",
            "GRANT SELECT, UPDATE ON users, user_threepids, user_external_ids, devices, access_tokens, refresh_tokens TO the role; or use Synapse's own.";
        ROLLBACK_PRIVILEGES: "rollback-privileges", Blocker,
            "The role may not repair Synapse's tables, so `syn2mas rollback` would fail after the cutover: it deletes tokens of sessions that were ended in MAS and what delegation has left, and puts tokens back.",
            "GRANT INSERT, DELETE ON access_tokens TO the role; GRANT DELETE ON refresh_tokens, user_external_ids TO the role; or use Synapse's own.";
        NO_SUPERUSER: "no-superuser", Blocker,
            "The role of `--admin-database-uri` is no superuser, so it cannot grant MAS's role Synapse's role.",
            "Name a superuser, or leave it out if Synapse's database takes a password.";
        VACUUM: "vacuum", Note,
            "These tables are being vacuumed. The import does not wait for that.",
            "If it is still so then, begin the import again.";
        OPEN_TRANSACTION: "open-transaction", Warning,
            "These have held a transaction open for more than a minute in which they wrote. If they do so after Synapse was stopped, the import refuses to begin.",
            "Find out what they are, and end them before you migrate.";
        CONNECTED_FROM_ELSEWHERE: "connected-from-elsewhere", Blocker,
            "These are connected to Synapse's database as Synapse, from another host. `syn2mas` stops only what runs on this one, and the import does not begin while they are connected.",
            "Stop them until the migration is over. A worker has to read the overlay before it starts again.";
        CONNECTIONS: "connections", Warning,
            "The server has few connections left, and the import takes ten.",
            "Raise `max_connections` of PostgreSQL, or stop what else uses it.";
        PREPARED_TRANSACTIONS: "prepared-transactions", Warning,
            "Prepared transactions hold their locks until somebody ends them.",
            "COMMIT PREPARED or ROLLBACK PREPARED each of them.";
        PGBOUNCER: "pgbouncer", Blocker,
            "PgBouncer or another pooler is between `syn2mas` and PostgreSQL. If it lends connections for a transaction or a statement, the import fails. Otherwise it keeps connections when Synapse is down, and nobody can tell whether a worker was forgotten.",
            "Connect to PostgreSQL itself, with `--synapse-database-uri` and `--mas-database-uri`. If Synapse goes on using the pooler, name the pooler's unit with `--synapse-unit`, so that it is down while Synapse is.";
    }

    "MAS's database" {
        IMPORT_INTERRUPTED: "import-interrupted", Note,
            "An import into this database was interrupted. The next one begins anew.",
            "Do not take another version of MAS before it is done.";
        MAS_INCONSISTENT: "mas-inconsistent", Blocker,
            "Tables are missing here, or there are some that should not be: this is not MAS's database, or an import into it was interrupted in a way that the next one cannot undo.",
            "Drop MAS's database and make it anew.";
        MAS_NOT_EMPTY: "mas-not-empty", Blocker,
            "MAS's database has users or sessions already, and the import refuses to begin.",
            "If they are not needed, make the database anew. If this homeserver was migrated before, there is nothing to do.";
        MAS_UNREACHABLE: "mas-unreachable", Blocker,
            "PostgreSQL does not let MAS's role into MAS's database.",
            "Make the role and the database, with the role as its owner.";
        MAS_PRIVILEGES: "mas-privileges", Blocker,
            "MAS's role may not do this in MAS's database, which the import has to.",
            "Make the role the owner of the database, of its schema and of all tables in it.";
        MAS_ROLLBACK_PRIVILEGES: "mas-rollback-privileges", Blocker,
            "MAS's role may not do this in MAS's database. The import works without, but `syn2mas rollback` would fail: it drops everything in the database and restores the backup, and a migration notes its state in a schema of its own.",
            "ALTER DATABASE … OWNER TO MAS's role; and likewise ALTER SCHEMA, TABLE, ROUTINE or TYPE … OWNER TO MAS's role for what is listed, or move what is not MAS's to another database. GRANT CREATE ON DATABASE … TO MAS's role is enough for schemas, and GRANT CREATE ON SCHEMA public TO MAS's role for tables.";
        MAS_READ_ONLY: "mas-read-only", Blocker,
            "MAS's database cannot be written to.",
            "Name the primary, and reset `default_transaction_read_only` of the role and the database.";
        MAS_IN_USE: "mas-in-use", Warning,
            "These are connected to MAS's database. `syn2mas migrate` stops MAS's units, and nobody else: whatever they write while the import runs is lost or makes it fail.",
            "Look what they are, and end them before you migrate.";
        IMPORT_RUNNING: "import-running", Blocker,
            "Another `mas-cli syn2mas` is at work on MAS's database.",
            "Wait for it, or end it.";
        CONNECTION_LIMIT: "connection-limit", Blocker,
            "The import opens nine connections to MAS's database and one to Synapse's, and fewer are allowed.",
            "Raise the limit: ALTER ROLE … CONNECTION LIMIT -1; ALTER DATABASE … CONNECTION LIMIT -1; or `max_connections` of PostgreSQL.";
    }

    "Rows that the import cannot take" {
        WRONG_SERVER_NAME: "wrong-server-name", Blocker,
            "These rows belong to another homeserver. The import stops at the first of them.",
            "Delete the rows, after you have looked where they come from.";
        ABSENT_USER: "absent-user", Blocker,
            "These rows belong to users that are not in `users`. The import stops at the first of them.",
            "Delete them: nobody can use them. For example: DELETE FROM devices d WHERE NOT EXISTS (SELECT FROM users u WHERE u.name = d.user_id);";
        APPSERVICE_USER_WITH_COLON: "appservice-user-with-colon", Blocker,
            "These rows belong to an application service's user whose localpart contains a colon. The import leaves such users out, and stops when it comes upon a row of theirs.",
            "Delete the rows. The application service makes its sessions anew.";
        VALUE_MISSING: "value-missing", Blocker,
            "These rows lack a value that Synapse always writes (NULL). The import stops at the first of them.",
            "Delete the rows, or fill in what is missing. Then restore the NOT NULL constraints of Synapse's tables.";
        VALUE_TOO_LONG: "value-too-long", Blocker,
            "These texts are too long for an index of MAS's tables. The import fails at its very end.",
            "Delete or shorten them.";
        CREATION_TIME_MISSING: "creation-time-missing", Blocker,
            "Nobody knows when these users were created. The import stops at the first of them.",
            "UPDATE users SET creation_ts = 0 WHERE creation_ts IS NULL;";
        TOKEN_ON_HIDDEN_DEVICE: "token-on-hidden-device", Blocker,
            "These tokens belong to devices that the import leaves out, and it fails at its very end because of them.",
            "Delete the tokens, or set `hidden` to false where the device is real.";
        SHARED_REFRESH_TOKEN: "shared-refresh-token", Blocker,
            "Several access tokens share one of these refresh tokens or its successor, or the tokens are there more than once, so the import reads a pair twice. MAS's tables refuse that, and the import fails at its very end.",
            "Delete all but the newest access token of each, and of its successor.";
        DUPLICATE_USER: "duplicate-user", Blocker,
            "These users are there more than once, which MAS's tables refuse. The import fails at its very end, or gives the sessions of one to nobody.",
            "Delete all rows but one of each, and restore the constraint: ALTER TABLE users ADD CONSTRAINT users_name_key UNIQUE (name); REINDEX TABLE users.";
        DUPLICATE_DEVICE: "duplicate-device", Blocker,
            "These devices are there more than once, which MAS's tables refuse. The import fails at its very end.",
            "Delete all rows but one of each, and restore the constraint: ALTER TABLE devices ADD CONSTRAINT device_uniqueness UNIQUE (user_id, device_id); REINDEX TABLE devices.";
        DUPLICATE_TOKEN: "duplicate-token", Blocker,
            "These access tokens are there more than once, which MAS's tables refuse. The import fails at its very end.",
            "Delete all rows but one of each, and restore the constraint: ALTER TABLE access_tokens ADD CONSTRAINT access_tokens_token_key UNIQUE (token); REINDEX TABLE access_tokens.";
        DUPLICATE_EXTERNAL_ID: "duplicate-external-id", Blocker,
            "Several users, or one several times, have the same account at an identity provider, which MAS's tables refuse. The import fails at its very end.",
            "Leave the account to one of them, and restore the constraint: ALTER TABLE user_external_ids ADD CONSTRAINT user_external_ids_auth_provider_external_id_key UNIQUE (auth_provider, external_id); REINDEX TABLE user_external_ids.";
        DUPLICATE_THIRD_PARTY_ID: "duplicate-third-party-id", Blocker,
            "These users have the same phone number, for example, several times, which MAS's tables refuse. The import fails at its very end.",
            "Delete all rows but one of each, and restore the constraint: ALTER TABLE user_threepids ADD CONSTRAINT medium_address UNIQUE (medium, address); REINDEX TABLE user_threepids.";
        TIME_OUT_OF_RANGE: "time-out-of-range", Blocker,
            "These times lie beyond what MAS can keep, and wrap around: a token that should be valid until the year 9999 has expired in the past. The import does not notice; the comparison behind it does.",
            "Correct the times; a token that never expires has NULL in valid_until_ms.";
        TIME_BEFORE_1970: "time-before-1970", Warning,
            "These users were created before 1970, as far as Synapse knows. MAS keeps that, and shows it.",
            "UPDATE users SET creation_ts = 0 WHERE creation_ts < 0;";
    }

    "Sessions" {
        DEVICE_ID_LENGTH: "device-id-length", Warning,
            "Synapse will answer 500 to the sessions of devices with an empty or a very long id.",
            "Log these devices out beforehand.";
        DEVICE_LEFT_OUT: "device-left-out", Warning,
            "Of these devices it is not known whether they are hidden, or they have no id or that of a guest's device. The import leaves them out, and MAS removes them from their user's list.",
            "UPDATE devices SET hidden = false WHERE hidden IS NULL; delete those without an id.";
        TOKEN_FORM: "token-form", Warning,
            "MAS does not take tokens of this form for Synapse's. These sessions end.",
            "Nothing; their users log in anew.";
        TOKEN_OF_PUPPET: "token-of-puppet", Warning,
            "With these tokens an administrator acts for another user. They are not carried over, and end.",
            "Get new ones from MAS where they are needed.";
        TOKEN_WITHOUT_DEVICE: "token-without-device", Warning,
            "The devices of these tokens do not exist any more. They are not carried over: these sessions end.",
            "Nothing; their users log in anew.";
        TOKEN_SUPERSEDED: "token-superseded", Note,
            "These refresh tokens have been used, and so has what came of them. They are not carried over.",
            "Nothing.";
        REFRESH_TOKEN_ALONE: "refresh-token-alone", Warning,
            "These refresh tokens have no access token or no device any more. They are not carried over: these sessions end.",
            "Nothing; their users log in anew.";
        TOKEN_PAIR_APART: "token-pair-apart", Warning,
            "The refresh tokens of these access tokens are gone, or are of another device or user. They are not carried over: these sessions end.",
            "Nothing; their users log in anew.";
        REFRESH_TOKEN_EXPIRED: "refresh-token-expired", Warning,
            "MAS does not know when refresh tokens expire, so these work again.",
            "Delete them.";
        SESSIONS_OF_DEACTIVATED: "sessions-of-deactivated", Note,
            "These devices belong to deactivated users. They and their tokens are not carried over.",
            "Nothing.";
        SESSIONS_OF_APPSERVICES: "sessions-of-appservices", Note,
            "These devices belong to users of application services, which MAS does not know. They stay in Synapse; an application service that has logged in for them has to use MSC4190 from now on.",
            "Turn MSC4190 on in application services that encrypt.";
    }

    "People" {
        APPSERVICE_USER_WITH_COLON_LEFT_OUT: "appservice-user-with-colon-left-out", Note,
            "These users of application services have a colon in their localpart. MAS knows no user of an application service, so nothing is lost.",
            "Nothing.";
        GUESTS: "guests", Warning,
            "Guests are carried over without their devices and tokens, so they lose their access.",
            "Nothing, if that is all right.";
        LOCKED: "locked", Warning,
            "Clients of locked users are told that their token is unknown, not that the account is locked, and forget their keys.",
            "Unlock them beforehand, or tell them to back their keys up.";
        NO_WAY_TO_LOG_IN: "no-way-to-log-in", Warning,
            "These users have neither a password nor an account at an identity provider. Their sessions go on, but they cannot log in again.",
            "Give them a password with `mas-cli manage set-password` afterwards.";
        NOT_APPROVED: "not-approved", Warning,
            "These users wait for an administrator's approval, which MAS does not know: they will be able to log in.",
            "Approve or deactivate them beforehand, or lock them with `mas-cli manage lock-user` afterwards.";
        REGISTRATION_TOKENS: "registration-tokens", Note,
            "Registration tokens are not carried over.",
            "Make new ones with `mas-cli manage issue-user-registration-token`.";
        EMPTY_LOCALPART: "empty-localpart", Warning,
            "This user has no name before the server's. MAS keeps it, but nobody can log in with an empty name.",
            "Deactivate it, if nobody uses it.";
        LOCALPARTS_BY_CASE: "localparts-by-case", Warning,
            "These users differ only by case. They are carried over, but have to log in with exactly their own spelling.",
            "Tell them.";
        EMAIL_FORM: "email-form", Warning,
            "These are no addresses of email. MAS keeps them, but sends nothing there, so these users cannot recover a password.",
            "Delete or correct them.";
        EMAIL_OF_SEVERAL: "email-of-several", Warning,
            "Several accounts have the same address, by case or exactly, or one has it several times. Nobody can log in by it.",
            "Leave the address with one of them.";
        THIRD_PARTY_IDS: "third-party-ids", Warning,
            "MAS keeps these, phone numbers for example, but nobody can log in by them.",
            "Nothing.";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_id_is_used_once() {
        let mut ids = BTreeSet::new();
        for kind in CHAPTERS.iter().flat_map(|chapter| chapter.kinds) {
            assert!(ids.insert(kind.id), "{}", kind.id);
            assert_eq!(named(kind.id), Some(*kind));
        }
        assert_eq!(named("unknown"), None);
    }
}
