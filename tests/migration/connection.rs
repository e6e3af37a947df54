//! `syn2mas` with unusual connections: encrypted, with session settings of roles, through a pooler,
//! with other versions of PostgreSQL's programs, and with little disk space.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::support::{
    Disk, MasCli,
    harness::{Skip, TestResult, skip},
    homeserver::{Homeserver, free_ports},
    image::Image,
    need_root,
    postgres::{Migration, Postgres},
    program, script,
};
use mas2nix::migrate::{
    context::Context,
    import,
    postgres::{
        backup::{self, BackupScope},
        mas_state::MasState,
    },
};
use serde_json::{Value, json};

/// Runs a command of `syn2mas`: its exit code, what it prints as JSON, and what it says.
fn run(command: &mut Command) -> (Option<i32>, Value, String) {
    let output = command.arg("--json").output().unwrap();
    let printed = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), printed, said)
}

fn ids(inspected: &Value) -> Vec<&str> {
    let findings = inspected["findings"].as_array();
    let findings = findings.unwrap_or_else(|| panic!("nothing was found out: {inspected:#}"));
    let ids = findings.iter().map(|finding| finding["id"].as_str());
    ids.map(Option::unwrap).collect()
}

/// Replaces the section of a configuration that says where the database is, up to the end of its line.
fn set_database(file: &Path, section: &Value) {
    let text = fs::read_to_string(file).unwrap();
    let at = text.find("database:").unwrap();
    let end = at + text[at..].find('\n').unwrap();
    let line = format!("database: {section}");
    fs::write(file, [&text[..at], &line, &text[end..]].concat()).unwrap();
}

/// The same in Synapse's, with these arguments of libpq's.
fn set_synapse_database(migration: &Migration, arguments: &Value) {
    let section = json!({"name": "psycopg2", "args": arguments});
    set_database(&migration.synapse_config, &section);
}

/// Two roles that own the two databases, and can do no more than they must.
fn make_roles(server: &Postgres, synapse: &str, mas: &str) {
    server.sql(
        "postgres",
        &format!(
            "CREATE ROLE of_synapse LOGIN; CREATE ROLE of_mas LOGIN CREATEDB;
             ALTER DATABASE {synapse} OWNER TO of_synapse; ALTER DATABASE {mas} OWNER TO of_mas"
        ),
    );
    server.sql(
        synapse,
        "DO $$ DECLARE found record; BEGIN
           FOR found IN SELECT oid::regclass AS name FROM pg_class
             WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'S')
               AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype IN ('a', 'i'))
           LOOP EXECUTE format('ALTER TABLE %s OWNER TO of_synapse', found.name); END LOOP;
         END $$",
    );
}

/// Certificates of two authorities that know nothing of each other.
struct Certificates(PathBuf);

impl Certificates {
    fn make(server: &Postgres) -> Result<Self, Skip> {
        if program("openssl").is_none() {
            return skip("openssl is not on PATH");
        }
        let certificates = Certificates(server.path().to_owned());
        for authority in ["ca", "other-ca"] {
            certificates.openssl(&format!(
                "req -x509 -newkey rsa:2048 -nodes -subj /CN={authority} -days 9 -keyout {authority}.key
                 -out {authority}.pem"
            ));
        }
        let san = server.write("san", "subjectAltName=DNS:localhost");
        for name in ["server", "of_synapse", "of_mas", "postgres"] {
            let common = if name == "server" { "localhost" } else { name };
            certificates.openssl(&format!(
                "req -newkey rsa:2048 -nodes -subj /CN={common} -keyout {name}.key -out {name}.csr"
            ));
            certificates.openssl(&format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -out {name}.pem
                 -extfile {}",
                san.display()
            ));
        }
        Ok(certificates)
    }

    fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command.args(arguments.split_whitespace());
        let output = command.current_dir(&self.0).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments}: {said}");
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    /// Lets the server take nothing but these over TCP, and answer with its own. Gives the port.
    fn install(&self, server: &Postgres) -> u16 {
        let key = self.text("server.key");
        let key = server.write("data/server.key", &key);
        server.write(
            "data/pg_hba.conf",
            "local all postgres trust\nhostssl all all all cert\n",
        );
        let [port, _] = free_ports();
        server.restart_with(&format!(
            "-c listen_addresses=localhost -c port={port} -c ssl=on -c ssl_key_file={} \
             -c ssl_cert_file={} -c ssl_ca_file={}",
            key.display(),
            self.path("server.pem"),
            self.path("ca.pem"),
        ));
        port
    }
}

/// Points both configurations at the server by TLS: Synapse's with files, MAS's with texts.
fn encrypt(migration: &Migration, certificates: &Certificates, port: u16, names: [&str; 2]) {
    let arguments = json!({
        "user": "of_synapse", "dbname": names[0], "host": "localhost", "port": port,
        "sslmode": "verify-full", "sslrootcert": certificates.path("ca.pem"),
        "sslcert": certificates.path("of_synapse.pem"), "sslkey": certificates.path("of_synapse.key"),
    });
    set_synapse_database(migration, &arguments);
    let section = json!({
        "username": "of_mas", "database": names[1], "host": "localhost", "port": port,
        "ssl_mode": "verify-full", "ssl_ca": certificates.text("ca.pem"),
        "ssl_certificate": certificates.text("of_mas.pem"), "ssl_key": certificates.text("of_mas.key"),
    });
    set_database(&migration.mas_config, &section);
}

/// Two certificates, each good for one database only, do for everything: Synapse and MAS run with them,
/// and so does every part of a migration.
fn a_homeserver_is_migrated_over_tls() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let certificates = Certificates::make(&server)?;
    let homeserver = Homeserver::new(&server, &mas, "tls");
    make_roles(&server, "synapse_tls", &homeserver.mas_database);
    let port = certificates.install(&server);
    let migration = &homeserver.migration;
    let names = ["synapse_tls", homeserver.mas_database.as_str()];
    encrypt(migration, &certificates, port, names);

    homeserver.run("start");
    assert_eq!(homeserver.whoami("syt_alice_phone").0, 200);
    let (code, inspected, said) = run(&mut homeserver.syn2mas(&["inspect"]));
    assert_eq!(code, Some(11), "{inspected:#} {said}");
    let (code, rehearsed, said) = run(&mut homeserver.syn2mas(&["rehearse"]));
    assert_eq!(code, Some(0), "{rehearsed:#} {said}");
    assert_eq!(rehearsed["identical"], true);
    if need_root("act for others").is_ok() {
        let others = ["--synapse-user", "nobody", "--mas-user", "daemon"];
        let (code, rehearsed, said) = run(homeserver.syn2mas(&["rehearse"]).args(others));
        assert_eq!(code, Some(0), "{rehearsed:#} {said}");
    }
    let (code, migrated, said) = run(&mut homeserver.syn2mas(&["migrate", "--yes"]));
    assert_eq!(code, Some(0), "{migrated:#} {said}");
    assert_eq!(homeserver.whoami("syt_alice_phone").0, 200);
    let (code, verified, said) = run(&mut homeserver.syn2mas(&["verify"]));
    assert_eq!(code, Some(0), "{verified:#} {said}");
    let (code, back, said) = run(&mut homeserver.syn2mas(&["rollback", "--accept-loss"]));
    assert_eq!(code, Some(0), "{back:#} {said}");
    assert_eq!(homeserver.whoami("syt_alice_phone").0, 200);
    Ok(())
}

/// A server that takes nothing but certificates, and a migration on it.
struct Encrypted<'a> {
    migration: Migration<'a>,
    certificates: Certificates,
    port: u16,
}

impl<'a> Encrypted<'a> {
    fn new(server: &'a Postgres, mas: &'a MasCli) -> Result<Self, Skip> {
        let certificates = Certificates::make(server)?;
        server.copy("template_synapse", "synapse");
        let migration = Migration::new(server, mas, "synapse", "mas");
        make_roles(server, "synapse", "mas");
        let port = certificates.install(server);
        Ok(Encrypted {
            migration,
            certificates,
            port,
        })
    }

    /// The address of a database, with what it says of certificates.
    fn uri(&self, role: &str, database: &str, names: &[(&str, &str)]) -> String {
        let names = names
            .iter()
            .map(|(name, file)| format!("&{name}={}", self.certificates.path(file)));
        let port = self.port;
        format!(
            "postgresql://{role}@localhost:{port}/{database}?sslmode=verify-full{}",
            names.collect::<String>()
        )
    }

    /// The same with a role's certificate.
    fn uri_of(&self, role: &str, database: &str, more: &[(&str, &str)]) -> String {
        let (certificate, key) = (format!("{role}.pem"), format!("{role}.key"));
        let own = [("sslcert", certificate.as_str()), ("sslkey", &key)];
        self.uri(role, database, &[&own, more].concat())
    }

    fn syn2mas(&self, command: &str) -> Command {
        let server = self.migration.server;
        let mut command = self.migration.syn2mas(&[command]);
        command.arg("--postgresql-programs").arg(server.bin());
        command.arg("--state-dir").arg(server.path().join("state"));
        command
    }
}

fn succeeds(command: &mut Command) {
    let (code, printed, said) = run(command);
    assert_eq!(code, Some(0), "{printed:#} {said}");
}

/// TLS settings are read from all supported places.
fn tls_is_taken_from_everywhere() -> TestResult {
    const TRUSTED: &[(&str, &str)] = &[("sslrootcert", "ca.pem")];
    let (server, mas) = Homeserver::prepared()?;
    let encrypted = Encrypted::new(&server, &mas)?;
    let path = |name: &str| encrypted.certificates.path(name);
    let by_address = |command: &mut Command, more: &[(&str, &str)]| {
        let of_synapse = encrypted.uri_of("of_synapse", "synapse", more);
        let of_mas = encrypted.uri_of("of_mas", "mas", more);
        command.args(["--synapse-database-uri", &of_synapse]);
        command.args(["--mas-database-uri", &of_mas]);
    };
    let mut command = encrypted.syn2mas("rehearse");
    by_address(&mut command, TRUSTED);
    succeeds(&mut command);
    // The authorities that this host trusts, and a superuser who grants Synapse's role to MAS's.
    let admin = encrypted.uri_of("postgres", "postgres", &[]);
    for dry in [&[][..], &["--dry-run"]] {
        let mut command = encrypted.syn2mas("rehearse");
        by_address(command.args(dry), &[]);
        command.args(["--admin-database-uri", &admin]);
        succeeds(command.env("SSL_CERT_FILE", path("ca.pem")));
    }
    // The role is revoked even if the dry run cannot be prepared.
    let mut command = encrypted.syn2mas("rehearse");
    by_address(
        command.args(["--dry-run", "--mas-config", "/nonexistent"]),
        &[],
    );
    command.args(["--admin-database-uri", &admin]);
    let (code, _, said) = run(command.env("SSL_CERT_FILE", path("ca.pem")));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("cannot read /nonexistent: "), "{said}");
    let mut granted = server.psql("postgres");
    granted
        .args(["--port", &encrypted.port.to_string(), "--command"])
        .arg("SELECT pg_has_role('of_mas', 'of_synapse', 'USAGE')");
    let granted = granted.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&granted.stdout).trim(), "f");
    // A key that libpq would refuse, because everybody may read it.
    let key = encrypted.certificates.path("of_synapse.key");
    fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap();
    let mut command = encrypted.syn2mas("rehearse");
    by_address(&mut command, TRUSTED);
    succeeds(&mut command);
    // MAS's own address, what stands beside it, and the environment for Synapse.
    let migration = &encrypted.migration;
    let section = json!({
        "uri": encrypted.uri("of_mas", "mas", &[]), "ssl_ca_file": path("ca.pem"),
        "ssl_certificate_file": path("of_mas.pem"), "ssl_key_file": path("of_mas.key"),
    });
    set_database(&migration.mas_config, &section);
    let arguments = json!({"user": "of_synapse", "dbname": "synapse", "host": "localhost", "port": encrypted.port});
    set_synapse_database(migration, &arguments);
    let mut command = encrypted.syn2mas("rehearse");
    command
        .env("PGSSLMODE", "verify-full")
        .env("PGSSLROOTCERT", path("ca.pem"))
        .env("PGSSLCERT", path("of_synapse.pem"))
        .env("PGSSLKEY", path("of_synapse.key"));
    succeeds(&mut command);
    Ok(())
}

/// `inspect` rejects impossible settings, in one line that names the reason.
fn tls_that_cannot_work_is_refused_with_a_reason() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let encrypted = Encrypted::new(&server, &mas)?;
    let refused = |of_synapse: &str, words: &[&str]| {
        let mut command = encrypted.syn2mas("inspect");
        let (code, _, said) = run(command.args(["--synapse-database-uri", of_synapse]));
        assert_eq!(code, Some(1), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        assert!(!said.contains("geheim"), "{said}");
        assert_eq!(said.trim().lines().count(), 1, "{said}");
    };
    let good = encrypted.uri_of("of_synapse", "synapse", &[("sslrootcert", "ca.pem")]);
    let path = |name: &str| encrypted.certificates.path(name);
    let wrong = |old: &str, new: &str| good.replace(&path(old), &path(new));
    refused(
        &wrong("ca.pem", "other-ca.pem"),
        &[
            "Synapse's database",
            "certificate is refused",
            "sslrootcert",
        ],
    );
    refused(
        &good.replace("localhost", "127.0.0.1"),
        &["Synapse's database", "certificate is refused", "127.0.0.1"],
    );
    refused(
        &wrong("ca.pem", "absent.pem"),
        &["absent.pem", "--synapse-database-uri"],
    );
    refused(&wrong("of_synapse.key", "san"), &["san", "PEM"]);
    refused(
        &good.replace("verify-full", "strict"),
        &["`strict`", "verify-full"],
    );
    refused(
        &encrypted.uri("of_synapse", "synapse", &[("sslrootcert", "ca.pem")]),
        &["certificate"],
    );
    refused(
        &encrypted.uri("of_synapse", "synapse", &[("sslcert", "of_synapse.pem")]),
        &["without its key"],
    );
    encrypted
        .certificates
        .openssl("pkey -in of_synapse.key -aes256 -passout pass:geheim -out locked.key");
    let locked = wrong("of_synapse.key", "locked.key") + "&sslpassword=geheim";
    refused(&locked, &["sslpassword", "openssl pkey"]);
    Ok(())
}

/// Each side has its own password, which reaches every program and which no other user of this host
/// sees. Synapse's tables are in a schema of its role.
fn passwords_and_schemas_are_those_of_the_roles() -> TestResult {
    const OF_SYNAPSE: &str = "of:Syn\\apse @%";
    const OF_MAS: &str = "of#MAS/?&";
    let (server, mas) = Homeserver::prepared()?;
    server.copy("template_synapse", "synapse");
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    make_roles(&server, "synapse", "mas");
    server.sql(
        "synapse",
        &format!(
            "ALTER ROLE of_synapse PASSWORD '{OF_SYNAPSE}'; ALTER ROLE of_mas PASSWORD '{OF_MAS}';
             ALTER SCHEMA public RENAME TO \"of-Synapse\"; CREATE SCHEMA public;
             ALTER SCHEMA \"of-Synapse\" OWNER TO of_synapse;
             ALTER ROLE of_synapse SET search_path = \"of-Synapse\""
        ),
    );
    server.write(
        "data/pg_hba.conf",
        "local all postgres trust\nlocal all all scram-sha-256\n",
    );
    server.restart();
    let host = server.path().display();
    let arguments = json!({"user": "of_synapse", "password": OF_SYNAPSE, "dbname": "synapse", "host": host.to_string()});
    set_synapse_database(&migration, &arguments);
    let password = server.path().join("password");
    fs::write(&password, format!("{OF_MAS}\n")).unwrap();
    let section = json!({"username": "of_mas", "password_file": password, "database": "mas", "socket": host.to_string()});
    set_database(&migration.mas_config, &section);

    let seen = server.path().join("seen");
    let mas_cli = server.path().join("recording-mas-cli");
    let recording = format!(
        "echo \"$@\" >>{}; exec {} \"$@\"",
        seen.display(),
        mas.program().display()
    );
    script(&mas_cli, &recording);
    let state = server.path().join("state");
    let syn2mas = |arguments: &[&str]| {
        let mut command = migration.syn2mas(arguments);
        command.arg("--mas-cli").arg(&mas_cli);
        command.arg("--postgresql-programs").arg(server.bin());
        run(command.arg("--state-dir").arg(&state))
    };
    let (code, inspected, said) = syn2mas(&["inspect"]);
    assert_eq!(code, Some(11), "{inspected:#} {said}");
    let (code, rehearsed, said) = syn2mas(&["rehearse"]);
    assert_eq!(code, Some(0), "{rehearsed:#} {said}");
    let (code, _, said) = syn2mas(&["rehearse", "--dry-run"]);
    assert_eq!(code, Some(0), "{said}");
    let seen = fs::read_to_string(seen).unwrap();
    assert!(seen.contains("--synapse-database-uri"), "{seen}");
    for secret in ["Syn", "apse%20", "of%3A", "MAS%2F", "of#"] {
        assert!(!seen.contains(secret), "{seen}");
    }
    Ok(())
}

/// Session settings of a role or a database that would end sessions or make them fail.
const HARMFUL: &[&str] = &[
    "statement_timeout = 1",
    "lock_timeout = 1",
    "idle_in_transaction_session_timeout = 1",
    "idle_session_timeout = 200",
    "default_transaction_isolation = serializable",
    "bytea_output = escape",
    "\"IntervalStyle\" = iso_8601",
    "\"DateStyle\" = 'SQL, DMY'",
    "\"TimeZone\" = 'Asia/Tokyo'",
    "extra_float_digits = -3",
    "standard_conforming_strings = off",
    "client_min_messages = debug1",
];

fn session_settings_of_roles_have_no_effect() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    go_through_with(&server, &mas, HARMFUL);
    Ok(())
}

fn session_settings_of_a_newer_postgresql_have_no_effect() -> TestResult {
    let mas = MasCli::find()?;
    let programs = tempfile::tempdir().unwrap();
    let server = Postgres::start_newer(programs.path())?;
    Homeserver::template(&server);
    let newer = ["transaction_timeout = 5", "idle_session_timeout = 5"];
    go_through_with(&server, &mas, &[HARMFUL, &newer].concat());

    // The programs of an older version cannot be used.
    let migration = Migration::new(&server, &mas, "template_synapse", "another_mas");
    let (code, inspected, _) = run(&mut migration.syn2mas(&["inspect"]));
    assert_eq!(code, Some(10), "{inspected:#}");
    assert_eq!(inspected["findings"][0]["id"], "pg-dump-too-old");
    Ok(())
}

/// Whether all parts of a migration work although roles and databases set these.
fn go_through_with(server: &Postgres, mas: &MasCli, settings: &[&str]) {
    server.copy("template_synapse", "synapse");
    server.sql(
        "synapse",
        "INSERT INTO users (name, creation_ts, password_hash)
         SELECT '@many' || n || ':example.com', n, 'hash' FROM generate_series(1, 20000) n",
    );
    let migration = Migration::new(server, mas, "synapse", "mas");
    make_roles(server, "synapse", "mas");
    for config in [&migration.synapse_config, &migration.mas_config] {
        let text = fs::read_to_string(config).unwrap();
        let text = text.replace("user: postgres", "user: of_synapse");
        fs::write(config, text.replace("//postgres@", "//of_mas@")).unwrap();
    }
    migration.migrate_database();
    for whose in [
        "ROLE of_synapse",
        "ROLE of_mas",
        "DATABASE synapse",
        "DATABASE mas",
    ] {
        for setting in settings {
            server.sql("postgres", &format!("ALTER {whose} SET {setting}"));
        }
    }
    let mut plain = mas.command("syn2mas migrate");
    plain.arg("--config").arg(&migration.mas_config);
    plain.arg("--synapse-config").arg(&migration.synapse_config);
    let said = plain.output().unwrap();
    assert!(!said.status.success(), "these settings harm nobody");

    let state = server.path().join("state");
    let syn2mas = |arguments: &[&str]| {
        let mut command = migration.syn2mas(arguments);
        command.arg("--postgresql-programs").arg(server.bin());
        run(command.arg("--state-dir").arg(&state))
    };
    let (code, inspected, said) = syn2mas(&["inspect"]);
    assert_eq!(code, Some(11), "{inspected:#} {said}");
    assert!(
        !ids(&inspected).contains(&"mas-check-left-out"),
        "{inspected:#}"
    );
    let (code, rehearsed, said) = syn2mas(&["rehearse"]);
    assert_eq!(code, Some(0), "{rehearsed:#} {said}");
    let args = json!({
        "synapseConfig": [migration.synapse_config], "masConfig": [migration.mas_config],
        "masCli": mas.program(), "postgresqlPrograms": server.bin(), "stateDir": state,
    });
    let args = serde_json::from_value(args).unwrap();
    back_up_import_and_go_back(&Context::new(args), || {
        let (code, verified, said) = syn2mas(&["verify"]);
        assert_eq!(code, Some(0), "{verified:#} {said}");
    });
}

/// What `migrate` does with the databases, and `rollback`.
fn back_up_import_and_go_back(context: &Context, verify: impl FnOnce()) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let directory = context.state().join("of-the-test");
    let (synapse, mas) = (
        context.synapse_database().unwrap(),
        context.mas_database().unwrap(),
    );
    runtime.block_on(async {
        backup::make(
            &context.postgresql(),
            [
                context.synapse_database().unwrap(),
                context.mas_database().unwrap(),
            ],
            &directory,
            BackupScope::All,
        )
        .await
        .unwrap();
        let mas_cli = import::PreparedMasCli::prepare(context, synapse, None)
            .await
            .unwrap();
        mas_cli.migrate(false, None, |_| {}).await.unwrap();
    });
    verify();
    runtime.block_on(async {
        backup::restore_mas(&context.postgresql(), Some(&directory), "", mas)
            .await
            .unwrap();
        let state = context.mas_state().await.unwrap();
        assert_eq!(state, MasState::Empty);
    });
}

/// `PgBouncer` in front of a server, which ends when this is dropped.
struct PgBouncer(Child);

impl PgBouncer {
    fn start(server: &Postgres, mode: &str, ignored: &str) -> Result<Self, Skip> {
        let Some(program) = program("pgbouncer") else {
            return skip("pgbouncer is not on PATH");
        };
        let at = server.path().display();
        let config = server.write(
            "pgbouncer.ini",
            &format!(
                "[databases]\n* = host={at} port=5432 user=postgres\n[pgbouncer]\nlisten_addr =\n\
                 listen_port = 6432\nunix_socket_dir = {at}\nauth_type = any\npool_mode = {mode}\n\
                 ignore_startup_parameters = {ignored}\n"
            ),
        );
        let socket = server.path().join(".s.PGSQL.6432");
        let _ = fs::remove_file(&socket);
        let mut command = server.as_postgres(&program.display().to_string());
        command.arg("--quiet").arg(config).stderr(Stdio::null());
        let bouncer = PgBouncer(command.spawn().unwrap());
        for _ in 0..100 {
            if socket.exists() {
                return Ok(bouncer);
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("pgbouncer does not start");
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let id = nix::unistd::Pid::from_raw(self.0.id().try_into().unwrap());
        let _ = nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

/// Whatever `PgBouncer` rejects or ignores, it is reported, with the way around it.
fn a_pooler_is_reported() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    server.copy("template_synapse", "synapse");
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let pooled = |name: &str| {
        let host = server.path().display();
        format!("postgresql:///{name}?host={host}&port=6432&user=postgres")
    };
    let (of_synapse, of_mas) = (pooled("synapse"), pooled("mas"));
    let both = [
        "--synapse-database-uri",
        &of_synapse,
        "--mas-database-uri",
        &of_mas,
    ];
    for mode in ["session", "transaction", "statement"] {
        for ignored in ["", "extra_float_digits", "extra_float_digits, options"] {
            let _bouncer = PgBouncer::start(&server, mode, ignored)?;
            for (arguments, count) in [(&both[..], 2), (&both[..2], 1), (&both[2..], 1)] {
                let (code, inspected, said) = run(migration.syn2mas(&["inspect"]).args(arguments));
                assert_eq!(code, Some(10), "{mode} [{ignored}] {inspected:#} {said}");
                let finding = &inspected["findings"][0];
                assert_eq!(finding["id"], "pgbouncer");
                assert_eq!(finding["count"], count);
                let fix = finding["fix"].as_str().unwrap();
                assert!(fix.contains("--synapse-database-uri"), "{fix}");
            }
            let (code, _, said) = run(migration.syn2mas(&["verify"]).args(both));
            assert_eq!(code, Some(1));
            assert!(
                said.contains("PgBouncer") && said.contains("-uri"),
                "{said}"
            );
        }
    }
    // Around it.
    let _bouncer = PgBouncer::start(&server, "session", "")?;
    let (_, inspected, _) = run(&mut migration.syn2mas(&["inspect"]));
    assert!(!ids(&inspected).contains(&"pgbouncer"), "{inspected:#}");
    Ok(())
}

fn programs_of_a_newer_postgresql_restore_what_they_backed_up() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    let version = server.sql("postgres", "SHOW server_version_num");
    if version.trim().parse::<u32>().unwrap() >= 170_000 {
        return skip("PostgreSQL is not older than 17");
    }
    let programs = server.path().join("newer");
    Image::find()?.link_programs(&programs);
    server.copy("template_synapse", "synapse");
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    migration.migrate_database();
    let state = server.path().join("state");
    let syn2mas = |arguments: &[&str]| {
        let mut command = migration.syn2mas(arguments);
        command.arg("--postgresql-programs").arg(&programs);
        run(command.arg("--state-dir").arg(&state))
    };
    let (_, inspected, _) = syn2mas(&["inspect"]);
    assert!(
        ids(&inspected).contains(&"pg-restore-newer"),
        "{inspected:#}"
    );
    let (code, rehearsed, said) = syn2mas(&["rehearse"]);
    assert_eq!(code, Some(0), "{rehearsed:#} {said}");
    let args = json!({
        "synapseConfig": [migration.synapse_config], "masConfig": [migration.mas_config],
        "masCli": mas.program(), "postgresqlPrograms": programs, "stateDir": state,
    });
    let args = serde_json::from_value(args).unwrap();
    back_up_import_and_go_back(&Context::new(args), || {
        let directory = state.join("of-the-test").display().to_string();
        let (code, verified, said) = syn2mas(&["verify", "--backup", &directory]);
        assert_eq!(code, Some(0), "{verified:#} {said}");
    });
    Ok(())
}

fn incompatible_programs_are_reported() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    server.copy("template_synapse", "synapse");
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    let found = |programs: &Path| {
        let mut command = migration.syn2mas(&["inspect"]);
        let (code, inspected, _) = run(command.arg("--postgresql-programs").arg(programs));
        (code, inspected["findings"][0].clone())
    };
    let programs = server.path().join("programs");
    fs::create_dir(&programs).unwrap();
    let (code, finding) = found(&programs);
    assert_eq!(code, Some(10));
    assert_eq!(
        (&finding["id"], &finding["count"]),
        (&json!("postgresql-programs"), &json!(3))
    );
    let of_version = |name: &str, version: &str| {
        script(
            &programs.join(name),
            &format!("echo '{name} (PostgreSQL) {version}'"),
        );
    };
    for name in ["pg_dump", "pg_restore", "psql"] {
        of_version(name, "12.22 (Debian 12.22-1)");
    }
    let (code, finding) = found(&programs);
    assert_eq!(
        (code, &finding["id"]),
        (Some(10), &json!("pg-dump-too-old"))
    );
    of_version("pg_dump", "99.1");
    let (code, finding) = found(&programs);
    assert_eq!(
        (code, &finding["id"]),
        (Some(10), &json!("pg-restore-too-old"))
    );
    Ok(())
}

/// A rehearsal does not take a backup for one that cannot be restored.
fn a_backup_that_cannot_be_restored_fails_the_rehearsal() -> TestResult {
    let (server, mas) = Homeserver::prepared()?;
    server.copy("template_synapse", "synapse");
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    migration.migrate_database();
    // It can be dumped, but its function calls something that does not exist during the restore.
    server.sql(
        "mas",
        "CREATE FUNCTION helper(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
         CREATE FUNCTION checked(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
           AS 'BEGIN RETURN helper($1); END';
         CREATE TABLE extra (a text CHECK (checked(a))); INSERT INTO extra VALUES ('a')",
    );
    let mut command = migration.syn2mas(&["rehearse"]);
    command.arg("--postgresql-programs").arg(server.bin());
    let (code, _, said) = run(command.arg("--state-dir").arg(server.path().join("state")));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("psql") && said.contains("helper"), "{said}");
    let left = server.sql(
        "postgres",
        "SELECT datname FROM pg_database WHERE datname LIKE 'syn2mas%'",
    );
    assert_eq!(left, "");
    assert!(!server.path().join("state/rehearsal").exists());
    Ok(())
}

/// There may be space for the six tables, but not for all tables.
fn a_full_disk_for_everything_is_named() -> TestResult {
    need_root("mount a disk")?;
    let (server, mas) = Homeserver::prepared()?;
    let homeserver = Homeserver::new(&server, &mas, "room");
    homeserver.synapse_sql(
        "CREATE TABLE large AS SELECT n, repeat('x', 1000) AS text FROM generate_series(1, 30000) n",
    );
    let directory = homeserver.directory.join("state");
    let disk = Disk::mount(&directory, "24m");
    let (code, inspected) = homeserver.json(&["inspect"]);
    assert_eq!(code, Some(11), "{inspected:#}");
    let (code, migrated) = homeserver.json(&["migrate", "--yes", "--backup", "all"]);
    assert_eq!(
        (code, &migrated["result"]),
        (Some(10), &json!("blocked")),
        "{migrated:#}"
    );
    assert_eq!(migrated["findings"][0]["id"], "disk-space");
    drop(disk);

    let _disk = Disk::mount(&directory, "1m");
    let (code, _, said) = run(&mut homeserver.syn2mas(&["rehearse"]));
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("room") && said.contains("--state-dir"),
        "{said}"
    );
    Ok(())
}

/// On one disk, the backups and the databases need room together.
fn a_full_disk_for_backups_and_databases_is_named() -> TestResult {
    need_root("mount a disk")?;
    let mas = MasCli::find()?;
    let below = tempfile::tempdir().unwrap();
    let _disk = Disk::mount(below.path(), "400m");
    let server = Postgres::start_in(below.path())?;
    server.create_synapse("synapse");
    let migration = Migration::new(&server, &mas, "synapse", "mas");
    server.sql(
        "synapse",
        "INSERT INTO users (name, creation_ts, password_hash)
         SELECT '@many' || n || ':example.com', n, repeat('x', 200) FROM generate_series(1, 50000) n",
    );
    let state = below.path().join("state").display().to_string();
    let admin = server.uri("postgres");
    let programs = server.bin().display().to_string();
    let syn2mas = |name: &str| {
        let mut command = migration.syn2mas(&[name, "--admin-database-uri", &admin]);
        command.args(["--state-dir", &state, "--postgresql-programs", &programs]);
        run(&mut command)
    };
    let (_, inspected, _) = syn2mas("inspect");
    assert!(!ids(&inspected).contains(&"disk-space"), "{inspected:#}");
    let size = "SELECT sum(pg_table_size(c::regclass)) FROM unnest('{users,devices,access_tokens}'::text[]) c";
    let size: u64 = server.sql("synapse", size).trim().parse().unwrap();
    let fill = |free: u64| {
        let filling = below.path().join("filling");
        let _ = fs::remove_file(&filling);
        let found = nix::sys::statvfs::statvfs(below.path()).unwrap();
        let now = found.blocks_available() * found.fragment_size();
        fs::write(filling, vec![0; usize::try_from(now - free).unwrap()]).unwrap();
    };
    // Enough for either of them, but not for both.
    fill(3 * size + 5_000_000);
    let (_, inspected, _) = syn2mas("inspect");
    assert!(ids(&inspected).contains(&"disk-space"), "{inspected:#}");
    assert!(!ids(&inspected).contains(&"disk-space-of-postgresql"));
    // Enough for a migration, but not for a rehearsal.
    fill(4 * size + 15_000_000);
    let (_, inspected, _) = syn2mas("inspect");
    assert!(!ids(&inspected).contains(&"disk-space"), "{inspected:#}");
    let (code, _, said) = syn2mas("rehearse");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("may need"), "{said}");
    Ok(())
}

crate::support::harness::tests![
    a_homeserver_is_migrated_over_tls,
    tls_is_taken_from_everywhere,
    tls_that_cannot_work_is_refused_with_a_reason,
    passwords_and_schemas_are_those_of_the_roles,
    session_settings_of_roles_have_no_effect,
    session_settings_of_a_newer_postgresql_have_no_effect,
    a_pooler_is_reported,
    programs_of_a_newer_postgresql_restore_what_they_backed_up,
    incompatible_programs_are_reported,
    a_backup_that_cannot_be_restored_fails_the_rehearsal,
    a_full_disk_for_everything_is_named,
    a_full_disk_for_backups_and_databases_is_named,
];
