//! A PostgreSQL of the test's own, with databases of a real Synapse's schema.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use mas2nix::migrate::{
    context::Provider,
    postgres::connection::{Address, Database},
    verify::Comparison,
};
use nix::unistd::User;
use tempfile::TempDir;

use super::{
    MasCli, NO_SYNAPSE,
    harness::{Skip, skip},
    image::Image,
    need_root, program, root,
};

/// A server. It is stopped and removed when this is dropped.
pub struct Postgres {
    directory: TempDir,
    bin: PathBuf,
    synapse: PathBuf,
    image: Option<Image>,
}

impl Postgres {
    /// A new server.
    pub fn start() -> Result<Self, Skip> {
        Self::start_in(&std::env::temp_dir())
    }

    /// The same, with all its files below a directory.
    pub fn start_in(below: &Path) -> Result<Self, Skip> {
        let Some(bin) = installed() else {
            return skip("PostgreSQL is not installed");
        };
        Self::make(below, bin, None)
    }

    /// `PostgreSQL` 17 from the image, whose programs are linked into a directory.
    pub fn start_newer(programs: &Path) -> Result<Self, Skip> {
        need_root("run the server of an image")?;
        let image = Image::find()?;
        image.link_programs(programs);
        Self::make(&std::env::temp_dir(), programs.to_owned(), Some(image))
    }

    fn make(below: &Path, bin: PathBuf, image: Option<Image>) -> Result<Self, Skip> {
        let synapse = root().join("target/synapse");
        if !synapse.join("schema.sql").exists() {
            return skip(NO_SYNAPSE);
        }
        if is_root() && User::from_name("postgres").unwrap().is_none() {
            return skip("there is no user postgres, as whom root runs PostgreSQL");
        }
        let directory = TempDir::new_in(below).unwrap();
        let server = Postgres {
            directory,
            bin,
            synapse,
            image,
        };
        if is_root() {
            let path = server.path().display().to_string();
            run(Command::new("chown").args(["postgres", &path]));
        }
        let locale = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust"];
        run(server
            .as_postgres("initdb")
            .args(["-D", "data", "-U", "postgres"])
            .args(locale));
        server.run_with("");
        Ok(server)
    }

    fn run_with(&self, more: &str) {
        let options = format!(
            "-k {} -c listen_addresses= -c fsync=off -c max_connections=200 \
             -c max_prepared_transactions=5 {more}",
            self.path().display()
        );
        let mut command = self.as_postgres("pg_ctl");
        command.args(["-D", "data", "-w", "-l", "log", "-o", &options, "start"]);
        run(command.stdout(Stdio::null()));
    }

    fn stop(&self) {
        let mut command = self.as_postgres("pg_ctl");
        command.args(["-D", "data", "-w", "-m", "fast", "stop"]);
        run(command.stdout(Stdio::null()));
    }

    /// Stops the server, and starts it again after a while.
    pub fn restart_after(&self, pause: std::time::Duration) {
        self.stop();
        std::thread::sleep(pause);
        self.run_with("");
    }

    /// Restarts the server with more options.
    pub fn restart_with(&self, more: &str) {
        self.stop();
        self.run_with(more);
    }

    /// Restarts the server with more options. Its next transaction has this number, which must be less than
    /// 2^31 transactions away, and all rows must be frozen.
    pub fn restart_at_transaction(&self, next: u32, more: &str) {
        self.stop();
        // A file has the states of 2^20 transactions, with two bits each.
        let states = format!("data/pg_xact/{:04X}", next >> 20);
        self.write(&states, &"\0".repeat(1 << 18));
        let mut command = self.as_postgres("pg_resetwal");
        command.args([
            "-D",
            "data",
            "-x",
            &next.to_string(),
            "-u",
            &(next - 300).to_string(),
        ]);
        run(command.stdout(Stdio::null()));
        self.run_with(more);
    }

    /// Writes a file that only the server and root can read.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(&path));
        }
        path
    }

    /// The directory of its socket.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The directory of its programs.
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// The address of a database.
    pub fn uri(&self, database: &str) -> String {
        let host = self.path().display().to_string().replace('/', "%2F");
        format!("postgresql://postgres@{host}/{database}")
    }

    /// How to connect to a database with the library.
    pub fn database(&self, which: &'static str, name: &str) -> Database {
        let address = Address::of_uri(which, &self.uri(name)).unwrap();
        Database::new(which, address, None)
    }

    /// Makes a database.
    pub fn create(&self, database: &str) {
        self.sql(
            "postgres",
            &format!("CREATE DATABASE {database} TEMPLATE template0 LOCALE 'C'"),
        );
    }

    /// Makes a copy of a database to which nobody is connected.
    pub fn copy(&self, from: &str, to: &str) {
        self.sql("postgres", &format!("CREATE DATABASE {to} TEMPLATE {from}"));
    }

    /// Creates a Synapse database without users.
    pub fn create_empty_synapse(&self, database: &str) {
        self.create(database);
        self.file(database, &self.synapse.join("schema.sql"));
    }

    /// Makes a database of Synapse, with the rows of `tests/fixtures/homeserver.sql`.
    pub fn create_synapse(&self, database: &str) {
        self.create_empty_synapse(database);
        self.file(database, &root().join("tests/fixtures/homeserver.sql"));
    }

    /// Restarts the server without waiting for clients.
    pub fn restart(&self) {
        let mut command = self.as_postgres("pg_ctl");
        command.args([
            "-D",
            "data",
            "-w",
            "-m",
            "immediate",
            "-l",
            "log",
            "restart",
        ]);
        run(command.stdout(Stdio::null()));
    }

    /// Runs statements; what they give, unaligned.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let output = self
            .psql(database)
            .args(["-c", statements])
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{statements}\n{error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs any number of statements.
    pub fn script(&self, database: &str, statements: &str) {
        let file = self.path().join("script.sql");
        fs::write(&file, statements).unwrap();
        self.file(database, &file);
    }

    fn file(&self, database: &str, file: &Path) {
        run(self
            .psql(database)
            .arg("-f")
            .arg(file)
            .stdout(Stdio::null()));
    }

    /// A run of `psql`, as the superuser.
    pub fn psql(&self, database: &str) -> Command {
        let mut command = Command::new(self.bin.join("psql"));
        command.args([
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "postgres",
            "-d",
            database,
        ]);
        command.env("PGHOST", self.path());
        command
    }

    /// A run of a program as the user who runs the server, by default one of PostgreSQL's own.
    pub fn as_postgres(&self, program: &str) -> Command {
        if let Some(image) = &self.image {
            return image.as_postgres(program, self.path());
        }
        let program = self.bin.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.path());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = self.as_postgres("pg_ctl");
        stop.args(["-D", "data", "-m", "immediate", "stop"]);
        let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// The program directory of the newest PostgreSQL: Debian does not put it on PATH.
fn installed() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let versions = versions.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    match versions.max() {
        Some::<u32>(newest) => Some(format!("/usr/lib/postgresql/{newest}/bin").into()),
        None => Some(program("initdb")?.parent()?.to_owned()),
    }
}

fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}

fn run(command: &mut Command) {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{error}");
}

/// The two configurations of a migration, and the programs that read them.
pub struct Migration<'a> {
    pub server: &'a Postgres,
    pub mas: &'a MasCli,
    pub synapse_config: PathBuf,
    pub mas_config: PathBuf,
}

/// A comparison with the providers of the configuration that [`Migration::new`] writes.
pub fn comparison() -> Comparison {
    let provider = |synapse_id: &str, mas_id: &str| Provider {
        synapse_id: synapse_id.to_owned(),
        mas_id: mas_id.parse().unwrap(),
    };
    Comparison {
        server_name: "example.com".to_owned(),
        providers: vec![
            provider("oidc-one", "01HFVBY12TMNTYTBV8W921M5FA"),
            provider("oidc", "01HFVBY12TMNTYTBV8W921M5FB"),
        ],
        every_row: true,
        ..Comparison::default()
    }
}

impl<'a> Migration<'a> {
    /// Of a database of Synapse to one of MAS, which is made.
    pub fn new(server: &'a Postgres, mas: &'a MasCli, synapse: &str, mas_name: &str) -> Self {
        server.create(mas_name);
        let host = server.path().display();
        let file = |name: &str, text: String| {
            let path = server.path().join(format!("{mas_name}-{name}"));
            fs::write(&path, text).unwrap();
            path
        };
        let of_synapse = |id: &str| {
            format!(
                "{{idp_id: {id}, idp_name: Some, issuer: 'https://{id}/', client_id: a,
                   client_secret: a, discover: false, authorization_endpoint: 'https://{id}/a',
                   token_endpoint: 'https://{id}/t', jwks_uri: 'https://{id}/j'}}"
            )
        };
        let provider = |id: &str, idp: &str| {
            format!(
                "{{id: {id}, synapse_idp_id: {idp}, issuer: 'https://{idp}.example.com/',
                   client_id: a, token_endpoint_auth_method: none}}"
            )
        };
        Migration {
            server,
            mas,
            synapse_config: file(
                "homeserver.yaml",
                format!(
                    "server_name: example.com
database: {{name: psycopg2, args: {{user: postgres, database: {synapse}, host: {host}}}}}
oidc_providers: [{}, {}]
",
                    of_synapse("one"),
                    of_synapse("oidc"),
                ),
            ),
            mas_config: file(
                "mas.yaml",
                format!(
                    "matrix: {{homeserver: example.com, secret: a}}
secrets: {{encryption: '{}'}}
database: {{uri: '{}'}}
passwords: {{schemes: [{{version: 1, algorithm: bcrypt, unicode_normalization: true}},
  {{version: 2, algorithm: argon2id}}]}}
upstream_oauth2: {{providers: [{}, {}]}}
",
                    "0".repeat(64),
                    server.uri(mas_name),
                    provider("01HFVBY12TMNTYTBV8W921M5FA", "oidc-one"),
                    provider("01HFVBY12TMNTYTBV8W921M5FB", "oidc"),
                ),
            ),
        }
    }

    /// MAS's own import.
    pub fn import(&self) {
        let mut command = self.mas.command("syn2mas migrate");
        command.arg("--config").arg(&self.mas_config);
        command.arg("--synapse-config").arg(&self.synapse_config);
        succeed(&mut command).unwrap_or_else(|error| panic!("{error}"));
    }

    /// MAS's own import from another database of Synapse into another one of MAS; what it says if it
    /// fails.
    pub fn try_import(&self, synapse_uri: &str, mas_name: &str) -> Result<(), String> {
        let mut command = self.import_into(mas_name);
        command.args(["--synapse-database-uri", synapse_uri]);
        succeed(&mut command)
    }

    /// A run of MAS's own import into another database of MAS.
    pub fn import_into(&self, mas_name: &str) -> Command {
        let config = self.server.path().join(format!("{mas_name}.yaml"));
        let own = fs::read_to_string(&self.mas_config).unwrap();
        let at = own
            .find("database: {uri: '")
            .expect("the database is named by an address");
        let end = at + own[at..].find('}').unwrap();
        let uri = format!("database: {{uri: '{}'", self.server.uri(mas_name));
        fs::write(&config, [&own[..at], &uri, &own[end..]].concat()).unwrap();
        let mut command = self.mas.command("syn2mas migrate");
        command.arg("--config").arg(config);
        command.arg("--synapse-config").arg(&self.synapse_config);
        command
    }

    /// Makes MAS's tables.
    pub fn migrate_database(&self) {
        let mut command = self.mas.command("database migrate");
        command.arg("--config").arg(&self.mas_config);
        succeed(&mut command).unwrap_or_else(|error| panic!("{error}"));
    }

    /// `syn2mas`, with both configurations.
    pub fn syn2mas(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_syn2mas"));
        command.args(arguments);
        command.arg("--synapse-config").arg(&self.synapse_config);
        command.arg("--mas-config").arg(&self.mas_config);
        command
    }
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let output = command.output().unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
