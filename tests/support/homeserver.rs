//! A real homeserver to migrate: Synapse and MAS as processes, started and stopped with commands.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    MasCli,
    harness::Skip,
    postgres::{Migration, Postgres},
    root, script,
};

/// Sets passwords in Synapse's template database, so that users can log in: with a pepper, one of
/// them with characters that Synapse normalizes.
const PASSWORDS: &str = "
    UPDATE users SET password_hash = '$2b$04$D71FeQD9W8aoyw3aY.z3r.c4EIQnxfMbXHA/.5zw.qE8bcIR9guB.' WHERE name = '@alice:example.com';
    UPDATE users SET password_hash = '$2b$04$LffuKS9hpQB2EbXTbNlAUuQDuMYVX7QeULmdDTzct6ve2jRjgZGCS' WHERE name = '@bob:example.com';
    UPDATE refresh_tokens SET token = 'syr_Ym9i_aaaaaaaaaaaaaaaaaaaa_2s4tPW' WHERE token = 'syr_bob_new';
";

/// A refresh token of bob's, in the form that Synapse checks.
pub const REFRESH_TOKEN: &str = "syr_Ym9i_aaaaaaaaaaaaaaaaaaaa_2s4tPW";

/// A user's password.
pub fn password(user: &str) -> &'static str {
    match user {
        "alice" => "password of alice",
        _ => "pässwörd \u{fb01} of bob",
    }
}

/// A homeserver. It is removed when this is dropped.
pub struct Homeserver<'a> {
    pub migration: Migration<'a>,
    pub directory: PathBuf,
    pub synapse: String,
    pub mas: String,
    pub mas_database: String,
    synapse_database: String,
    /// A role of MAS's that may not make databases.
    limited_role: Option<String>,
}

impl<'a> Homeserver<'a> {
    /// A server with the database from which those of homeservers are copied, and MAS.
    pub fn prepared() -> Result<(Postgres, MasCli), Skip> {
        let (mas, server) = (MasCli::find_with_pages()?, Postgres::start()?);
        Self::template(&server);
        Ok((server, mas))
    }

    /// Makes the database from which those of homeservers are copied.
    pub fn template(server: &Postgres) {
        server.create_synapse("template_synapse");
        server.sql("template_synapse", PASSWORDS);
    }

    /// A homeserver with databases of its own, which does not run yet.
    pub fn new(server: &'a Postgres, mas: &'a MasCli, name: &str) -> Self {
        let database = format!("synapse_{name}");
        server.copy("template_synapse", &database);
        Self::of(server, mas, name, database)
    }

    /// The same with a database of Synapse that this fills.
    pub fn with_rows(
        server: &'a Postgres,
        mas: &'a MasCli,
        name: &str,
        fill: impl FnOnce(&str),
    ) -> Self {
        let database = format!("synapse_{name}");
        server.create_empty_synapse(&database);
        fill(&database);
        Self::of(server, mas, name, database)
    }

    fn of(server: &'a Postgres, mas: &'a MasCli, name: &str, synapse_database: String) -> Self {
        let mas_database = format!("mas_{name}");
        let migration = Migration::new(server, mas, &synapse_database, &mas_database);
        let directory = server.path().join(name);
        fs::create_dir(&directory).unwrap();
        let [synapse_port, mas_port] = free_ports();
        let homeserver = Homeserver {
            migration,
            directory,
            synapse: format!("http://127.0.0.1:{synapse_port}"),
            mas: format!("http://127.0.0.1:{mas_port}"),
            mas_database,
            synapse_database,
            limited_role: None,
        };
        homeserver.configure(synapse_port, mas_port);
        homeserver
    }

    /// The same with a role of MAS's that may not make databases, so that Synapse's tables cannot be copied.
    pub fn without_copy(mut self) -> Self {
        let (server, database) = (self.migration.server, &self.mas_database);
        let role = format!("limited_{database}");
        server.sql(
            "postgres",
            &format!("CREATE ROLE {role} LOGIN; ALTER DATABASE {database} OWNER TO {role}"),
        );
        server.sql(database, &format!("ALTER SCHEMA public OWNER TO {role}"));
        let config = &self.migration.mas_config;
        let text = fs::read_to_string(config).unwrap();
        let uri = server.uri(database);
        let limited = uri.replace("//postgres@", &format!("//{role}@"));
        assert_ne!(uri, limited);
        fs::write(config, text.replace(&uri, &limited)).unwrap();
        self.limited_role = Some(role);
        self
    }

    /// Lets MAS's role make databases again, as a comparison with the backup needs it.
    pub fn allow_databases(&self) {
        if let Some(role) = &self.limited_role {
            let allow = format!("ALTER ROLE {role} CREATEDB");
            self.migration.server.sql("postgres", &allow);
        }
    }

    fn configure(&self, synapse_port: u16, mas_port: u16) {
        let at = self.directory.display();
        let key = root().join("target/synapse/signing.key");
        let key = key.display();
        add(
            &self.migration.synapse_config,
            &format!(
                "password_config: {{pepper: pepper}}
report_stats: false
signing_key_path: {key}
media_store_path: {at}/media
macaroon_secret_key: of-the-test
suppress_key_server_warning: true
trusted_key_servers: []
app_service_config_files: ['{at}/bridge.yaml']
listeners: [{{type: http, port: {synapse_port}, bind_addresses: [127.0.0.1], resources: [{{names: [client]}}]}}]
rc_login: {{address: {{per_second: 1000, burst_count: 1000}}, account: {{per_second: 1000, burst_count: 1000}}}}
"
            ),
        );
        self.configure_mas(mas_port);
        self.write_files();
        self.write_scripts();
    }

    fn configure_mas(&self, mas_port: u16) {
        let config = &self.migration.mas_config;
        let text = fs::read_to_string(config).unwrap();
        let text = text
            .replace(
                "secret: a}",
                &format!("secret: shared-secret, endpoint: '{}/'}}", self.synapse),
            )
            .replace("algorithm: bcrypt", "algorithm: bcrypt, secret: pepper");
        fs::write(config, text).unwrap();
        let share = self
            .migration
            .mas
            .prefix()
            .join("share/matrix-authentication-service");
        let policy = self.directory.join("policy.wasm");
        let wasm = wat::parse_file(root().join("tests/e2e/driver/policy.wat")).unwrap();
        fs::write(&policy, wasm).unwrap();
        let share = share.display();
        add(
            config,
            &format!(
                "http: {{public_base: '{mas}/', listeners: [{{name: web, resources: [{{name: discovery}},
    {{name: oauth}}, {{name: compat}}, {{name: human}}, {{name: health}}],
    binds: [{{host: 127.0.0.1, port: {mas_port}}}]}}]}}
templates: {{path: {share}/templates, assets_manifest: {share}/manifest.json, translations_path: {share}/translations}}
policy: {{wasm_module: {policy}}}
",
                mas = self.mas,
                policy = policy.display(),
            ),
        );
        let text = fs::read_to_string(config).unwrap();
        let keys = json!({"encryption": "0".repeat(64), "keys": self.keys()});
        let text = text.replace(
            &format!("secrets: {{encryption: '{}'}}", "0".repeat(64)),
            &format!("secrets: {keys}"),
        );
        fs::write(config, text).unwrap();
    }

    /// Keys for MAS. All homeservers of a run have the same ones, because it takes long to make them.
    fn keys(&self) -> &'static Value {
        static KEYS: OnceLock<Value> = OnceLock::new();
        KEYS.get_or_init(|| {
            let mut command = self.migration.mas.command("config generate");
            let mut generated: Value =
                serde_yaml_ng::from_slice(&command.output().unwrap().stdout).unwrap();
            generated["secrets"]["keys"].take()
        })
    }

    fn write_files(&self) {
        self.file(
            "bridge.yaml",
            "{id: bridge, url: null, as_token: as-token, hs_token: b, sender_localpart: bridgebot,
              namespaces: {users: [{exclusive: true, regex: '@_bridge_.*'}]}}",
        );
        let overlay = mas2nix::util::yaml::document(&json!({
            "matrix_authentication_service": {
                "enabled": true, "endpoint": format!("{}/", self.mas), "secret": "shared-secret",
            },
            "password_config": {"enabled": false},
            "oidc_providers": [],
        }));
        self.file("overlay.source", &overlay);
        self.file("overlay.yaml", "");
        self.file(
            "include.source",
            "location /login { proxy_pass http://mas; }\n",
        );
        self.file("include.conf", "");
    }

    fn write_scripts(&self) {
        let at = self.directory.display();
        let config = &self.migration.mas_config;
        let python = root().join("target/synapse/bin/python");
        let python = python.display();
        let synapse_config = self.migration.synapse_config.display();
        let mas_cli = self.migration.mas.program().display();
        // A process that keeps running must not hold the pipes of the process that started it.
        self.script(
            "start",
            &format!(
                "cd {at}
exec 9>lock; flock 9
echo \"starting\"
kill -0 $(cat synapse.pid 2>/dev/null) 2>/dev/null && exit 0
if [ -s overlay.yaml ]; then
  setsid {mas_cli} server --config {mas_config} </dev/null >>mas.log 2>&1 9>&- &
  echo $! >mas.pid
fi
setsid {python} -m synapse.app.homeserver -c {synapse_config} -c overlay.yaml </dev/null >>synapse.log 2>&1 9>&- &
echo $! >synapse.pid
for i in $(seq 300); do
  curl -sf -o /dev/null {synapse}/_matrix/client/versions && exit 0
  kill -0 $(cat synapse.pid) 2>/dev/null || break
  sleep 0.1
done
tail synapse.log >&2; exit 1",
                mas_config = config.display(),
                synapse = self.synapse,
            ),
        );
        self.script(
            "stop",
            &format!(
                "cd {at}
exec 9>lock; flock 9
echo \"stopping\"
for name in mas synapse; do
  [ -e $name.pid ] || continue
  kill $(cat $name.pid) 2>/dev/null
  for i in $(seq 100); do kill -0 $(cat $name.pid) 2>/dev/null || break; sleep 0.1; done
  kill -9 $(cat $name.pid) 2>/dev/null
  rm $name.pid
done
exit 0"
            ),
        );
    }

    fn file(&self, name: &str, content: &str) {
        fs::write(self.directory.join(name), content).unwrap();
    }

    fn script(&self, name: &str, content: &str) {
        script(&self.directory.join(name), content);
    }

    /// Runs one of the two scripts.
    pub fn run(&self, script: &str) {
        let status = Command::new(self.directory.join(script)).status().unwrap();
        assert!(status.success(), "{script} failed");
    }

    /// `syn2mas` with everything it needs.
    pub fn syn2mas(&self, arguments: &[&str]) -> Command {
        self.syn2mas_with(self.migration.mas.program(), arguments)
    }

    /// The same with another `mas-cli`.
    pub fn syn2mas_with(&self, mas_cli: &Path, arguments: &[&str]) -> Command {
        let mut command = self.migration.syn2mas(arguments);
        let at = |name: &str| self.directory.join(name).display().to_string();
        command
            .args(["--mas-cli".into(), mas_cli.display().to_string()])
            .args(["--state-dir".into(), at("state")])
            .args([
                "--stop-with".into(),
                at("stop"),
                "--start-with".into(),
                at("start"),
            ])
            .args([
                "--overlay".into(),
                format!("{}={}", at("overlay.yaml"), at("overlay.source")),
            ])
            .args([
                "--include".into(),
                format!("{}={}", at("include.conf"), at("include.source")),
            ])
            .args([
                "--postgresql-programs".into(),
                self.migration.server.bin().display().to_string(),
            ]);
        command
    }

    /// Runs `syn2mas` with `--json`: its exit code, and what it prints.
    pub fn json(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let output = self.syn2mas(arguments).arg("--json").output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{arguments:?}: {stderr}"));
        (output.status.code(), value)
    }

    /// Whether the overlay is full.
    pub fn is_cut_over(&self) -> bool {
        fs::metadata(self.directory.join("overlay.yaml"))
            .unwrap()
            .len()
            > 0
    }

    /// Statements on Synapse's database.
    pub fn synapse_sql(&self, statements: &str) -> String {
        self.migration
            .server
            .sql(&self.synapse_database, statements)
    }

    /// The status of `/whoami` with a token.
    pub fn whoami(&self, token: &str) -> (u16, Value) {
        request(
            &format!("{}/_matrix/client/v3/account/whoami", self.synapse),
            Some(token),
            None,
        )
    }

    /// The URL at which clients log in: MAS after the cutover, Synapse before it.
    fn logins(&self) -> &str {
        if self.is_cut_over() {
            &self.mas
        } else {
            &self.synapse
        }
    }

    /// Logs in with a password: the access token, or the status of the refusal.
    pub fn log_in(&self, user: &str, password: &str) -> Result<String, u16> {
        let body = json!({
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": user},
            "password": password,
        });
        let (status, body) = request(
            &format!("{}/_matrix/client/v3/login", self.logins()),
            None,
            Some(body),
        );
        access_token(status, &body)
    }

    /// Exchanges a refresh token for a new access token.
    pub fn refresh(&self, token: &str) -> Result<String, u16> {
        let body = json!({"refresh_token": token});
        let (status, body) = request(
            &format!("{}/_matrix/client/v3/refresh", self.logins()),
            None,
            Some(body),
        );
        access_token(status, &body)
    }

    /// The ids of a user's devices.
    pub fn devices(&self, token: &str) -> Vec<String> {
        let url = format!("{}/_matrix/client/v3/devices", self.synapse);
        let (_, body) = request(&url, Some(token), None);
        let devices = body["devices"].as_array().into_iter().flatten();
        let mut ids: Vec<String> = devices
            .filter_map(|device| device["device_id"].as_str().map(str::to_owned))
            .collect();
        ids.sort();
        ids
    }
}

impl Drop for Homeserver<'_> {
    fn drop(&mut self) {
        let _ = Command::new(self.directory.join("stop")).status();
    }
}

/// The access token that an answer brings, or its status.
fn access_token(status: u16, body: &Value) -> Result<String, u16> {
    let token = body["access_token"].as_str();
    token.map(str::to_owned).ok_or(status)
}

/// The status and the JSON of an answer.
pub fn request(url: &str, token: Option<&str>, body: Option<Value>) -> (u16, Value) {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .new_agent();
    let bearer = format!("Bearer {}", token.unwrap_or_default());
    let answer = match body {
        Some(body) => agent
            .post(url)
            .header("Authorization", &bearer)
            .send_json(body),
        None => agent.get(url).header("Authorization", &bearer).call(),
    };
    match answer {
        Ok(mut answer) => {
            let status = answer.status().as_u16();
            (status, answer.body_mut().read_json().unwrap_or(Value::Null))
        }
        Err(_) => (0, Value::Null),
    }
}

fn add(file: &Path, text: &str) {
    let mut content = fs::read_to_string(file).unwrap();
    content.push_str(text);
    fs::write(file, content).unwrap();
}

/// Two free TCP ports.
pub fn free_ports() -> [u16; 2] {
    let listeners = [0, 0].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
