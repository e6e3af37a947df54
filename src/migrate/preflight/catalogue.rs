//! Everything that `syn2mas inspect` can find: its stable id, how severe it is, what it means and what
//! to do. `docs/troubleshooting.md` is generated from this list.

use serde::Serialize;

use crate::migrate::preflight::finding::{
    FindingKind,
    Severity::{Blocker, Note, Warning},
};

/// A chapter of `docs/troubleshooting.md`: the kinds of findings about one subject.
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
                help: concat!("docs/troubleshooting.md#", $id),
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
            "MAS lets no guests in, and the import refuses to begin while Synapse does.",
            "Set `allow_guest_access` of Synapse to false, and restart Synapse.";
        THIRD_PARTY_ID_CHANGES: "third-party-id-changes", Blocker,
            "The import refuses to begin while `enable_3pid_changes` is written out as true.",
            "Remove it from Synapse's configuration. Until the cutover nothing changes, because true is the default.";
        LOGIN_VIA_EXISTING_SESSION: "login-via-existing-session", Blocker,
            "The import refuses to begin while `login_via_existing_session` is enabled.",
            "Set `login_via_existing_session.enabled` of Synapse to false. After the cutover, the device code grant of MAS serves the same purpose.";
        REGISTRATION: "registration", Warning,
            "People can register now, and will not be able to.",
            "If they should, set `account.password_registration_enabled` of MAS to true. MAS then sends them mail, so it needs `email` too, unless `account.password_registration_email_required` is false.";
        CONSENT: "consent", Warning,
            "Synapse asks for consent to terms, and MAS will show none.",
            "Put the terms on a page of your own, because Synapse's is gone after the cutover. Set `branding.tos_uri` of MAS to its address.";
        CAPTCHA: "captcha", Warning,
            "Registration has a CAPTCHA now, and will have none.",
            "Set `captcha.service` of MAS to recaptcha_v2, with Synapse's `recaptcha_public_key` as `site_key` and `recaptcha_private_key` as `secret_key`.";
        EXTERNAL_LOGIN: "external-login", Warning,
            "People log in by CAS, SAML or JWT, which MAS does not speak. They keep their sessions, but cannot log in again.",
            "Give it an OpenID Connect provider such as Keycloak or Dex, and name that in `upstream_oauth2.providers` of MAS. Its users get their old accounts with `claims_imports.localpart` set to { action: require, on_conflict: set }, if their names there are their localparts.";
        PASSWORD_PROVIDER: "password-provider", Warning,
            "Passwords are checked by something that MAS cannot ask, such as LDAP. Who has no other password keeps the sessions, but cannot log in again.",
            "Give it an OpenID Connect provider such as Keycloak or Dex, and name that in `upstream_oauth2.providers` of MAS. Its users get their old accounts with `claims_imports.localpart` set to { action: require, on_conflict: set }, if their names there are their localparts.";
        MODULES: "modules", Warning,
            "Synapse loads these modules. Once MAS authenticates, it does not ask those that decide on registrations and logins, and does not start at all with one that checks passwords.",
            "Look what each does. If one checks passwords, write `modules` with only the others (or `modules: []`) into the source of `--overlay`: it replaces the list at the cutover.";
        NO_DELEGATION: "no-delegation", Blocker,
            "With the source of `--overlay`, Synapse would not delegate to MAS after the cutover.",
            "Name the file that `mas2nix render` or the NixOS module makes for it, or one with `matrix_authentication_service`: `enabled: true`, `endpoint` with MAS's address, and `secret` or `secret_path`.";
        FEATURES_LOST: "features-lost", Warning,
            "The source of `--overlay` has `experimental_features`, which replaces this section of Synapse's own files at the cutover. These features would be off.",
            "Repeat them in `synapse.experimentalFeatures` of the module, or of the configuration of `mas2nix render`.";
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
            "Nothing, if MAS's role may read Synapse's database only during the migration, by `--admin-database-uri`. `syn2mas rehearse --dry-run` then asks with that right.";
        MAS_CHECK_FAILED: "mas-check-failed", Blocker,
            "`mas-cli syn2mas check` fails before it can check anything, and so will the import.",
            "Do what it says.";
        MAS_CONFIG: "mas-config", Blocker,
            "`mas-cli config check` refuses MAS's configuration.",
            "Correct it; `mas2nix check` says more about it.";
        MAS_FILE: "mas-file", Blocker,
            "MAS cannot use these files or keys, so it would not start after the cutover. `mas-cli config check` does not look into them.",
            "Correct the path or the file. A key is a private RSA or EC key in PEM or DER, with `password` or `password_file` exactly if it is encrypted; `mas-cli config generate` makes some.";
    }

    "Passwords" {
        PASSWORD_SCHEME: "password-scheme", Blocker,
            "Passwords come over with version 1, which has to be bcrypt in MAS.",
            "Give `passwords.schemes` of MAS two entries: {version: 1, algorithm: bcrypt, unicode_normalization: true, secret_file: FILE} and {version: 2, algorithm: argon2id}. FILE has Synapse's pepper, without a newline; leave `secret_file` out if Synapse has none.";
        PASSWORD_SCHEME_TWICE: "password-scheme-twice", Blocker,
            "Two password schemes of MAS have the same version. MAS does not start, and the import does not begin.",
            "Give each entry of `passwords.schemes` a version of its own.";
        UNICODE_NORMALIZATION: "unicode-normalization", Blocker,
            "Synapse normalizes passwords before it hashes them. Without the same in MAS, passwords with letters such as ä will be wrong.",
            "Set `unicode_normalization` of the password scheme with version 1 to true.";
        PEPPER: "pepper", Blocker,
            "The pepper of MAS's password scheme with version 1 is not Synapse's, or its file cannot be read. No password of today would be right.",
            "Write Synapse's `password_config.pepper` into the file that `secret_file` of this scheme names, without a newline. If Synapse has none, remove `secret_file`; if the file cannot be read, run this as root.";
        PEPPER_NEWLINE: "pepper-newline", Blocker,
            "The file with the pepper ends with a newline, which MAS takes for a part of it.",
            "Cut the newline off: truncate -s -1 FILE";
        EMPTY_PEPPER: "empty-pepper", Note,
            "Synapse's pepper is the empty text, which is none for Synapse and one for mas-cli. `syn2mas` hands it a configuration without it.",
            "Nothing, unless you run mas-cli yourself.";
        PASSWORDS_OFF_IN_MAS: "passwords-off-in-mas", Warning,
            "People log in with passwords now, and MAS has them switched off.",
            "Set `passwords.enabled` of MAS to true, unless that is what you want.";
        PASSWORDS_OFF_IN_SYNAPSE: "passwords-off-in-synapse", Warning,
            "Synapse has passwords switched off and MAS has not. These users still have an old password, and can log in with it again.",
            "Set `passwords.enabled` of MAS to false, or remove the old passwords.";
        EMPTY_PASSWORD: "empty-password", Warning,
            "MAS answers with an internal error when these users log in with a password.",
            "UPDATE users SET password_hash = NULL WHERE password_hash = '';";
        PASSWORD_FORM: "password-form", Warning,
            "These passwords are not hashed with bcrypt, or what is there is no hash. MAS answers with an internal error when these users log in with them.",
            "Give each a password after the migration: `mas-cli manage set-password NAME PASSWORD`, where NAME is the part between @ and the colon.";
    }

    "Identity providers" {
        PROVIDER_DISABLED: "provider-disabled", Blocker,
            "The provider of MAS that takes this one's place is disabled, and so not in MAS's database. The import fails at its very end.",
            "Set `enabled` of this provider to true for the migration. You can disable it again afterwards.";
        PROVIDER_DISABLED_LATER: "provider-disabled-later", Warning,
            "The provider of MAS that takes this one's place is disabled. People are linked to it, but nobody can log in by it until it is enabled.",
            "Set `enabled` of this provider to true, unless that is what you want.";
        PROVIDER_NOT_IN_SYNAPSE: "provider-not-in-synapse", Blocker,
            "People have accounts at a provider that Synapse's configuration does not have, so the import refuses to begin.",
            "Give `--synapse-config` a copy of Synapse's configuration that still has the provider, with its old `idp_id`. If it is gone for good, or is SAML or CAS, delete its links right before the migration: CREATE TABLE old_links AS SELECT * FROM user_external_ids WHERE auth_provider = 'NAME'; DELETE FROM user_external_ids WHERE auth_provider = 'NAME';";
        PROVIDER_NOT_IN_MAS: "provider-not-in-mas", Blocker,
            "People log in by this provider, and MAS has none that takes its place.",
            "Give a provider in `upstream_oauth2.providers` of MAS exactly this name as `synapse_idp_id`, such as oidc-keycloak. If nobody logs in by it any more, delete its links instead: DELETE FROM user_external_ids WHERE auth_provider = 'NAME';";
        PROVIDER_CLAIMED_TWICE: "provider-claimed-twice", Warning,
            "Several providers of MAS claim to take the place of this one. All its users are linked to the last of them.",
            "Remove `synapse_idp_id` from all of them but the one that is meant.";
        DELEGATED_BEFORE: "delegated-before", Blocker,
            "These links were left by an earlier delegation of this homeserver to MAS. The import refuses to begin.",
            "If Synapse delegates now, there is nothing to migrate. If not: DELETE FROM user_external_ids WHERE auth_provider = 'oauth-delegated';";
    }

    "Programs and units of this host" {
        SYNAPSE_VERSION: "synapse-version", Blocker,
            "This Synapse is too old to delegate to MAS.",
            "Update Synapse, to 1.136.0 at least.";
        MAS_VERSION: "mas-version", Blocker,
            "This MAS is too old: Synapse cannot delegate to it.",
            "Update MAS, to 1.0.0 at least.";
        MAS_CLI: "mas-cli", Blocker,
            "`mas-cli`, which does the import, cannot be run. A migration would stop Synapse, fail, and start it again.",
            "Install MAS before you migrate, or name the program with `--mas-cli`.";
        UNIT_MISSING: "unit-missing", Blocker,
            "systemd does not know these units, so they cannot be stopped and started.",
            "Give `--synapse-unit` (once for Synapse and for each worker) and `--mas-unit` the names that `systemctl list-units --all` shows.";
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
            "These application services encrypt, and log in to make a device for themselves. MAS does not let them, so sooner or later they cannot read encrypted rooms.",
            "Set `encryption.msc4190` of the bridge to true, add `io.element.msc4190: true` to its registration, and restart Synapse and the bridge. Synapse 1.141.0 or newer needs only the former; the latter then only ends this warning.";
        BRIDGE_UNREADABLE: "bridge-unreadable", Note,
            "These registrations of application services cannot be read here, so it is not known whether they encrypt.",
            "If permission is denied, run this as root. If Synapse has the files in a container, look yourself whether those that encrypt have `io.element.msc4190: true`. If it has not, correct `app_service_config_files`: Synapse does not start without them.";
        BRIDGE_INVALID: "bridge-invalid", Warning,
            "These files are no registrations of application services: they are no YAML, or no map. Synapse reads them only when it starts, and will not start with them, before the cutover or after it.",
            "Correct them, or remove them from `app_service_config_files`.";
        POSTGRESQL_PROGRAMS: "postgresql-programs", Blocker,
            "These programs of PostgreSQL cannot be run. Without them there is no backup, and no rollback.",
            "Install PostgreSQL's client programs, such as Debian's postgresql-client-15. If they are not on PATH, name their directory with `--postgresql-programs`, such as /usr/lib/postgresql/15/bin.";
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
            "These columns are missing. This is another database than Synapse's, or Synapse is older than 1.91.0, which the import cannot read.",
            "See that `database` of Synapse's configuration, or `--synapse-database-uri`, names the right database. If it does, update Synapse to 1.136.0 at least, and let it run once.";
        SAME_DATABASE: "same-database", Blocker,
            "Both configurations lead to the same database, and both have a table named `users`.",
            "Make one for MAS alone, and name it in `database` of MAS: CREATE DATABASE mas OWNER mas;";
        REPLICA: "replica", Blocker,
            "This server is a replica, on which nothing can be locked.",
            "Name the primary with `--synapse-database-uri`.";
        PRIVILEGES: "privileges", Blocker,
            "The role may not lock these tables, which needs UPDATE besides SELECT. A rehearsal would not notice.",
            "GRANT SELECT, UPDATE ON users, user_threepids, user_external_ids, devices, access_tokens, refresh_tokens TO the role; or use Synapse's own.";
        ROLLBACK_PRIVILEGES: "rollback-privileges", Blocker,
            "The role may not repair Synapse's tables, so `syn2mas rollback` would fail after the cutover: it deletes tokens of sessions that were ended in MAS and what delegation has left, and puts tokens back.",
            "GRANT INSERT, DELETE ON access_tokens TO the role; GRANT DELETE ON refresh_tokens, user_external_ids TO the role; or use Synapse's own.";
        NO_SUPERUSER: "no-superuser", Blocker,
            "The role of `--admin-database-uri` is no superuser, so it cannot grant MAS's role Synapse's role.",
            "Name a superuser, or leave it out if Synapse's database takes a password.";
        NO_COPY: "no-copy", Note,
            "Synapse's tables cannot be copied while it runs, so Synapse is stopped before the backup and the import, and is down until both are done and compared.",
            "For a small homeserver, nothing: it takes seconds. Otherwise let MAS's role create databases, or name a superuser with `--admin-database-uri`, or make room. Then Synapse is stopped only for what changes last, and its restart.";
        VACUUM: "vacuum", Note,
            "PostgreSQL is vacuuming these tables, and the import cannot lock them meanwhile. `syn2mas migrate` waits a minute for that.",
            "Nothing. If the migration fails because of this, everything is as it was: run it again.";
        OPEN_TRANSACTION: "open-transaction", Warning,
            "These have held a transaction open for more than a minute in which they wrote. If they do so after Synapse was stopped, the import refuses to begin.",
            "Look what they are: SELECT * FROM pg_stat_activity WHERE pid = PID; End what is not Synapse: SELECT pg_terminate_backend(PID);";
        CONNECTED_FROM_ELSEWHERE: "connected-from-elsewhere", Blocker,
            "These are connected to Synapse's database as Synapse, from another host. `syn2mas` stops only what runs on this one, and the import does not begin while they are connected.",
            "Stop them until the migration is over. A worker has to read the overlay before it starts again.";
        CONNECTIONS: "connections", Warning,
            "The server has few connections left now, and the import takes ten.",
            "Nothing, if Synapse and its workers have them: they are down during the import. Otherwise raise `max_connections` of PostgreSQL, or stop what else uses it.";
        PREPARED_TRANSACTIONS: "prepared-transactions", Warning,
            "Prepared transactions hold their locks until somebody ends them. If one has written to the tables that are imported, the import refuses to begin.",
            "End each of them with COMMIT PREPARED 'ID'; or ROLLBACK PREPARED 'ID'; as what made it demands.";
        PGBOUNCER: "pgbouncer", Blocker,
            "PgBouncer or another pooler is between `syn2mas` and PostgreSQL. If it lends connections for a transaction or a statement, the import fails. Otherwise it keeps connections when Synapse is down, and nobody can tell whether a worker was forgotten.",
            "Connect to PostgreSQL itself, with `--synapse-database-uri` and `--mas-database-uri`. If Synapse goes on using the pooler, name the pooler's unit with `--synapse-unit`, so that it is down while Synapse is.";
    }

    "MAS's database" {
        IMPORT_INTERRUPTED: "import-interrupted", Note,
            "An import into this database was interrupted. The next one begins anew.",
            "Run `syn2mas migrate` with the same version of MAS. If MAS was updated since, make its database anew first: DROP DATABASE mas; CREATE DATABASE mas OWNER mas;";
        MAS_INCONSISTENT: "mas-inconsistent", Blocker,
            "Tables are missing here, or there are some that should not be: this is not MAS's database, or an import into it was interrupted in a way that the next one cannot undo.",
            "Look first whether `database` of MAS's configuration names the right database. Only if it does, and nobody needs what is in it, make it anew: DROP DATABASE mas; CREATE DATABASE mas OWNER mas;";
        MAS_NOT_EMPTY: "mas-not-empty", Blocker,
            "MAS's database has users or sessions already, and the import refuses to begin.",
            "If this homeserver was migrated before, there is nothing to do: `syn2mas status` says so. If nobody needs what is in it, make the database anew: DROP DATABASE mas; CREATE DATABASE mas OWNER mas;";
        MAS_UNREACHABLE: "mas-unreachable", Blocker,
            "PostgreSQL does not let MAS's role into MAS's database.",
            "If the role or the database is missing: CREATE ROLE mas LOGIN PASSWORD '…'; CREATE DATABASE mas OWNER mas; Otherwise correct the password in `database` of MAS, or `pg_hba.conf`.";
        MAS_PRIVILEGES: "mas-privileges", Blocker,
            "MAS's role may not do this in MAS's database, which the import has to.",
            "If MAS's database is empty, make it anew with MAS's role as the owner: DROP DATABASE mas; CREATE DATABASE mas OWNER mas; Otherwise, as a superuser: ALTER DATABASE mas OWNER TO mas; ALTER SCHEMA public OWNER TO mas; ALTER TABLE … OWNER TO mas; for each table.";
        MAS_ROLLBACK_PRIVILEGES: "mas-rollback-privileges", Blocker,
            "MAS's role may not do this in MAS's database. The import works without, but `syn2mas rollback` would fail: it drops everything in the database and restores the backup, and a migration notes its state in a schema of its own.",
            "ALTER DATABASE … OWNER TO MAS's role; and likewise ALTER SCHEMA, TABLE, ROUTINE or TYPE … OWNER TO MAS's role for what is listed, or move what is not MAS's to another database. GRANT CREATE ON DATABASE … TO MAS's role is enough for schemas, and GRANT CREATE ON SCHEMA public TO MAS's role for tables.";
        MAS_READ_ONLY: "mas-read-only", Blocker,
            "MAS's database cannot be written to.",
            "If it is a replica, name the primary in `database` of MAS. Otherwise: ALTER ROLE mas RESET default_transaction_read_only; ALTER DATABASE mas RESET default_transaction_read_only;";
        MAS_IN_USE: "mas-in-use", Warning,
            "These are connected to MAS's database. `syn2mas migrate` stops MAS's units, and nobody else: whatever they write while the import runs is lost or makes it fail.",
            "Look what they are, and end them before you migrate.";
        IMPORT_RUNNING: "import-running", Blocker,
            "Another `mas-cli syn2mas` is at work on MAS's database.",
            "Wait for it. If it hangs, end its connection: SELECT pg_terminate_backend(PID);";
        CONNECTION_LIMIT: "connection-limit", Blocker,
            "The import opens nine connections to MAS's database and one to Synapse's, and fewer are allowed.",
            "Raise the limit: ALTER ROLE … CONNECTION LIMIT -1; ALTER DATABASE … CONNECTION LIMIT -1; or `max_connections` of PostgreSQL.";
    }

    "Rows that the import cannot take" {
        WRONG_SERVER_NAME: "wrong-server-name", Blocker,
            "These rows have a user id of another homeserver, or what is no user id at all. The import stops at the first of them.",
            "Look at all of them, in each table that is named: SELECT * FROM devices WHERE substr(user_id, strpos(user_id, ':') + 1) <> 'example.com'; If they are left from an old name of this homeserver, delete them: nobody can use them.";
        ABSENT_USER: "absent-user", Blocker,
            "These rows belong to users that are not in `users`. The import stops at the first of them.",
            "Delete them from each table that is named, because nobody can use them. For example: DELETE FROM devices t WHERE NOT EXISTS (SELECT FROM users u WHERE u.name = t.user_id);";
        APPSERVICE_USER_WITH_COLON: "appservice-user-with-colon", Blocker,
            "These rows belong to an application service's user whose localpart contains a colon. The import leaves such users out, and stops when it comes upon a row of theirs.",
            "Delete the rows from each table that is named, such as DELETE FROM devices WHERE user_id = '@a:b:example.com'; The application service makes its sessions anew.";
        VALUE_MISSING: "value-missing", Blocker,
            "These rows have NULL where Synapse always writes a value, such as in `locked` of users, `token` of access_tokens or `added_at` of user_threepids. The import stops at the first of them.",
            "Delete rows without a user or a token, and fill in the rest, such as UPDATE users SET locked = false WHERE locked IS NULL; Then restore the constraint, such as ALTER TABLE users ALTER COLUMN locked SET NOT NULL;";
        VALUE_TOO_LONG: "value-too-long", Blocker,
            "These texts have more than about 2,600 bytes, and are too long for an index of MAS's tables. The import fails at its very end.",
            "Delete the row, or shorten `address` in user_threepids, `external_id` in user_external_ids, `name` in users. Deleting a token logs its client out.";
        CREATION_TIME_MISSING: "creation-time-missing", Blocker,
            "Nobody knows when these users were created. The import stops at the first of them.",
            "UPDATE users SET creation_ts = 0 WHERE creation_ts IS NULL;";
        TOKEN_ON_HIDDEN_DEVICE: "token-on-hidden-device", Blocker,
            "These tokens belong to devices that the import leaves out, and it fails at its very end because of them.",
            "Delete the tokens, which ends these sessions: DELETE FROM access_tokens t USING devices d WHERE d.user_id = t.user_id AND d.device_id = t.device_id AND (d.hidden IS NOT FALSE OR d.device_id = 'guest_device'); Where the device is a real one, set its `hidden` to false instead.";
        SHARED_REFRESH_TOKEN: "shared-refresh-token", Blocker,
            "Several access tokens belong to one refresh token or to its successor, or a token is there twice, so the import reads a pair twice. MAS's tables refuse that, and the import fails at its very end.",
            "Keep the newest of each: DELETE FROM access_tokens a USING access_tokens b WHERE a.refresh_token_id = b.refresh_token_id AND a.id < b.id; If this is still found then, delete all but one of the rows of refresh_tokens with the same token.";
        DUPLICATE_USER: "duplicate-user", Blocker,
            "These users are there more than once, which MAS's tables refuse. The import fails at its very end, or gives the sessions of one to nobody.",
            "See them with SELECT ctid, * FROM users WHERE name = '…'; and delete all but one of each with DELETE FROM users WHERE ctid = '(…)'; Then restore the constraint: ALTER TABLE users ADD CONSTRAINT users_name_key UNIQUE (name); REINDEX TABLE users.";
        DUPLICATE_DEVICE: "duplicate-device", Blocker,
            "These devices are there more than once, which MAS's tables refuse. The import fails at its very end.",
            "See them with SELECT ctid, * FROM devices WHERE user_id = '…' AND device_id = '…'; and delete all but one of each with DELETE FROM devices WHERE ctid = '(…)'; Then restore the constraint: ALTER TABLE devices ADD CONSTRAINT device_uniqueness UNIQUE (user_id, device_id); REINDEX TABLE devices.";
        DUPLICATE_TOKEN: "duplicate-token", Blocker,
            "These access tokens are there more than once, which MAS's tables refuse. The import fails at its very end.",
            "Keep the newest of each: DELETE FROM access_tokens a USING access_tokens b WHERE a.token = b.token AND a.id < b.id; Then restore the constraint: ALTER TABLE access_tokens ADD CONSTRAINT access_tokens_token_key UNIQUE (token); REINDEX TABLE access_tokens.";
        DUPLICATE_EXTERNAL_ID: "duplicate-external-id", Blocker,
            "Several users, or one several times, have the same account at an identity provider, which MAS's tables refuse. The import fails at its very end.",
            "See whose they are with SELECT ctid, * FROM user_external_ids WHERE external_id = '…'; and delete all but one with DELETE FROM user_external_ids WHERE ctid = '(…)'; Then restore the constraint: ALTER TABLE user_external_ids ADD CONSTRAINT user_external_ids_auth_provider_external_id_key UNIQUE (auth_provider, external_id); REINDEX TABLE user_external_ids.";
        DUPLICATE_THIRD_PARTY_ID: "duplicate-third-party-id", Blocker,
            "These users have the same phone number, for example, several times, which MAS's tables refuse. The import fails at its very end.",
            "See them with SELECT ctid, * FROM user_threepids WHERE address = '…'; and delete all but one of each with DELETE FROM user_threepids WHERE ctid = '(…)'; Then restore the constraint: ALTER TABLE user_threepids ADD CONSTRAINT medium_address UNIQUE (medium, address); REINDEX TABLE user_threepids.";
        TIME_OUT_OF_RANGE: "time-out-of-range", Blocker,
            "These times lie beyond what MAS can keep, and wrap around: a token that should be valid until the year 9999 has expired in the past. The import does not notice; the comparison behind it does.",
            "Where milliseconds stand in place of seconds: UPDATE users SET creation_ts = creation_ts / 1000 WHERE creation_ts > 9223372036; A token that never expires has NULL: UPDATE access_tokens SET valid_until_ms = NULL WHERE valid_until_ms > 9223372036854;";
        TIME_BEFORE_1970: "time-before-1970", Warning,
            "These users were created before 1970, as far as Synapse knows. MAS keeps that, and shows it.",
            "UPDATE users SET creation_ts = 0 WHERE creation_ts < 0;";
    }

    "Sessions" {
        DEVICE_ID_LENGTH: "device-id-length", Warning,
            "Synapse will answer 500 to the sessions of devices with an empty or a very long id.",
            "See the ids: SELECT device_id FROM devices WHERE NOT hidden AND length(device_id) NOT BETWEEN 1 AND 255; Log them out with Synapse's admin API: POST /_synapse/admin/v2/users/USER/delete_devices with {\"devices\": [\"ID\"]}.";
        DEVICE_LEFT_OUT: "device-left-out", Warning,
            "These devices have NULL in `hidden`, no id, or the id guest_device. The import leaves them out, and MAS removes them from their user's list.",
            "UPDATE devices SET hidden = false WHERE hidden IS NULL; DELETE FROM devices WHERE device_id IS NULL; Users of a guest_device have to log in anew.";
        TOKEN_FORM: "token-form", Warning,
            "These tokens do not look like those that Synapse makes (syt_…, syr_…, or macaroons), so MAS refuses them. These sessions end.",
            "Tell their users to back up their encryption keys and log in anew. A program gets a new token after the migration: `mas-cli manage issue-compatibility-token NAME`.";
        TOKEN_OF_PUPPET: "token-of-puppet", Warning,
            "With these tokens an administrator acts for another user. They are not carried over, and end.",
            "Where they are needed, get new ones after the migration: `mas-cli manage issue-compatibility-token NAME`.";
        TOKEN_WITHOUT_DEVICE: "token-without-device", Warning,
            "The devices of these tokens do not exist any more. They are not carried over: these sessions end.",
            "Nothing. Who still uses one has to log in anew, and loses encryption keys that are not backed up: tell them beforehand.";
        TOKEN_SUPERSEDED: "token-superseded", Note,
            "These refresh tokens have been used, and so has what came of them. They are not carried over.",
            "Nothing.";
        REFRESH_TOKEN_ALONE: "refresh-token-alone", Warning,
            "These refresh tokens have no access token or no device any more. They are not carried over: these sessions end.",
            "Nothing. Who still uses one has to log in anew, and loses encryption keys that are not backed up: tell them beforehand.";
        TOKEN_PAIR_APART: "token-pair-apart", Warning,
            "The refresh tokens of these access tokens are gone, or are of another device or user. They are not carried over: these sessions end.",
            "Nothing. Who still uses one has to log in anew, and loses encryption keys that are not backed up: tell them beforehand.";
        REFRESH_TOKEN_EXPIRED: "refresh-token-expired", Warning,
            "These refresh tokens have expired. MAS does not know when refresh tokens expire, so they work again.",
            "DELETE FROM refresh_tokens WHERE least(expiry_ts, ultimate_session_expiry_ts) < extract(epoch FROM now()) * 1000; This deletes their access tokens too.";
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
            "Clients of locked users are told that their token is unknown, not that the account is locked. They log out, and forget encryption keys that are not backed up.",
            "Nothing, if these users shall not come back. Otherwise unlock them beforehand and let them back up their keys, which they cannot while they are locked: PUT /_synapse/admin/v2/users/USER with {\"locked\": false}.";
        NO_WAY_TO_LOG_IN: "no-way-to-log-in", Warning,
            "These users have neither a password nor an account at an identity provider. Their sessions go on, but they cannot log in again.",
            "Nothing for programs that only have a token. Give people a password after the migration: `mas-cli manage set-password NAME PASSWORD`; if LDAP has their passwords, see `password-provider`.";
        NOT_APPROVED: "not-approved", Warning,
            "These users wait for an administrator's approval, which MAS does not know: they will be able to log in.",
            "Beforehand, PUT /_synapse/admin/v2/users/USER with {\"approved\": true} or {\"deactivated\": true}. Or lock them right after the migration: `mas-cli manage lock-user NAME`.";
        REGISTRATION_TOKENS: "registration-tokens", Note,
            "Registration tokens are not carried over.",
            "See them: SELECT token, uses_allowed - completed AS uses FROM registration_tokens; Make those that are needed anew after the migration: `mas-cli manage issue-user-registration-token --token TOKEN --usage-limit USES`.";
        EMPTY_LOCALPART: "empty-localpart", Warning,
            "This user has no name before the server's. MAS keeps it, but nobody can log in with an empty name.",
            "Deactivate it, if nobody uses it.";
        LOCALPARTS_BY_CASE: "localparts-by-case", Warning,
            "These users differ only by case. They are carried over, but have to log in with exactly their own spelling.",
            "Tell them to log in with exactly the name that is shown here.";
        EMAIL_FORM: "email-form", Warning,
            "These are no valid email addresses. MAS keeps them, but sends nothing there, so these users cannot recover a password.",
            "Correct or delete them: UPDATE user_threepids SET address = 'NEW' WHERE medium = 'email' AND address = 'OLD';";
        EMAIL_OF_SEVERAL: "email-of-several", Warning,
            "Several accounts have the same address, by case or exactly, or one has it several times. Nobody can log in by it.",
            "Leave the address with one of them: DELETE FROM user_threepids WHERE medium = 'email' AND lower(address) = 'ADDRESS' AND user_id = 'USER';";
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
