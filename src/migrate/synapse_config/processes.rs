//! The processes of Synapse on this host: which of them belong to this homeserver, and whether they read
//! the overlay.

mod command_line;

use std::{
    collections::BTreeSet,
    fmt, fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};

use serde_json::Value;

use self::command_line::CommandLine;
use super::{Config, expand, parse};
use crate::migrate::system::systemd;

/// What to look for.
#[derive(Clone, Debug)]
pub struct Search<'a> {
    /// Synapse's configuration, without the overlay.
    pub config: &'a Config,
    /// The file that Synapse is to read last, and what the cutover writes into it. The content is null if
    /// it is unknown.
    pub overlay: Option<(&'a Path, Value)>,
    /// The names of Synapse's units, with suffix.
    pub units: &'a [String],
}

/// A process of this Synapse, or the command with which one of its units starts.
#[derive(Clone, Debug)]
pub struct Process {
    /// The process id. None for the command of a unit.
    pub pid: Option<u32>,
    /// The systemd unit. None if a process is in none.
    pub unit: Option<String>,
    /// Whether it reads the overlay. None if there is no overlay.
    pub overlay: Option<OverlayUse>,
    /// Its configuration, merged from all its files. None if a file cannot be read.
    pub config: Option<Config>,
    /// Whether it is in the same network namespace as we are. For the command of a unit: whether that runs.
    pub is_reachable: bool,
}

/// Whether a process would delegate after the cutover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverlayUse {
    /// It reads the overlay, and no later file sets the same options.
    Read,
    /// It does not read the overlay.
    NotRead,
    /// A file that it reads after the overlay sets an option of the overlay to another value.
    Overridden {
        /// That file.
        file: PathBuf,
        /// The option.
        option: String,
    },
}

/// The result of a search.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// What belongs to this Synapse.
    pub processes: Vec<Process>,
    /// What may belong to it, each with why that is unknown.
    pub unknown: Vec<String>,
    /// The IP addresses of this host, and of those of its containers in which Synapse runs.
    pub addresses: BTreeSet<IpAddr>,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&called(self.pid, self.unit.as_deref()))
    }
}

fn called(pid: Option<u32>, unit: Option<&str>) -> String {
    match (pid, unit) {
        (Some(pid), Some(unit)) => format!("process {pid} of {unit}"),
        (Some(pid), None) => format!("process {pid}"),
        (None, unit) => unit.unwrap_or_default().to_owned(),
    }
}

/// Searches `/proc` and the commands of the units.
pub async fn find(search: &Search<'_>) -> Found {
    let mut found = Found {
        addresses: addresses(Path::new("/proc/self/net")),
        ..Found::default()
    };
    for unit in search.units {
        // Without systemd there are no commands to look at. Then processes are all that is known.
        if let Ok(commands) = systemd::commands(unit).await {
            found.add_unit(search, unit, &commands).await;
        }
    }
    if fs::metadata("/proc/1").is_err() {
        let reason = "the processes of other users, which are hidden from this user (`hidepid`)";
        found.unknown.push(reason.to_owned());
    }
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let mut pids: Vec<u32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    for pid in pids {
        found.add_process(search, pid).await;
    }
    found.unknown.dedup();
    found
}

impl Found {
    async fn add_unit(&mut self, search: &Search<'_>, unit: &str, commands: &systemd::Commands) {
        let view = View {
            root: None,
            directory: Some(commands.directory.clone()),
        };
        let is_running = systemd::is_running(unit).await.unwrap_or_default();
        let lines = commands.lines.iter();
        let known: Vec<CommandLine> = lines.flat_map(|line| CommandLine::of_unit(line)).collect();
        if known.is_empty() && !is_running && !commands.lines.is_empty() {
            // While it runs, its processes say what it is.
            let reason = "it does not run, and its command does not say how it configures Synapse";
            self.unknown.push(format!("{unit}: {reason}"));
        }
        for line in known {
            let Ok(files) = view.files(&line) else {
                continue;
            };
            self.processes.push(Process {
                pid: None,
                unit: Some(unit.to_owned()),
                overlay: search.overlay_use(&files),
                config: Config::read(&files, None).ok(),
                is_reachable: is_running,
            });
        }
    }

    async fn add_process(&mut self, search: &Search<'_>, pid: u32) {
        let proc = PathBuf::from(format!("/proc/{pid}"));
        // A process that ends meanwhile is none.
        let Ok(text) = fs::read(proc.join("cmdline")) else {
            return;
        };
        let lines = CommandLine::of_process(&text);
        if lines.is_empty() {
            return;
        }
        let cgroup = fs::read_to_string(proc.join("cgroup")).unwrap_or_default();
        let unit = unit_of(&cgroup);
        let mut view = View::of(&proc);
        if let (None, Some(unit)) = (&view.directory, &unit) {
            let commands = systemd::commands(unit).await;
            view.directory = commands.ok().map(|commands| commands.directory);
        }
        for line in lines {
            match search.look_at(&view, &line) {
                Ok(None) => {}
                Ok(Some((overlay, config))) => {
                    self.addresses.extend(addresses(&proc.join("net")));
                    self.processes.push(Process {
                        pid: Some(pid),
                        unit: unit.clone(),
                        overlay,
                        config,
                        is_reachable: is_in_our_network(&proc),
                    });
                }
                Err(reason) => {
                    let name = called(Some(pid), unit.as_deref());
                    self.unknown.push(format!("{name}: {reason}"));
                }
            }
        }
    }

    /// The commands of units, and the processes of units whose command is no command of Synapse, such as
    /// that of a container. What counts is how a unit is started the next time, not how it was started.
    pub fn next_start(&self) -> impl Iterator<Item = &Process> {
        let is_command = |process: &Process| process.pid.is_none();
        self.preferring(is_command)
    }

    /// The processes, and the commands of units in which no process is found.
    pub fn running(&self) -> impl Iterator<Item = &Process> {
        let is_process = |process: &Process| process.pid.is_some();
        self.preferring(is_process)
    }

    /// Those of one kind, and the others of units that have none of this kind.
    fn preferring(&self, kind: fn(&Process) -> bool) -> impl Iterator<Item = &Process> {
        let has_it = move |process: &Process| {
            let unit = process.unit.as_ref();
            let mut others = self.processes.iter();
            unit.is_some() && others.any(|other| other.unit.as_ref() == unit && kind(other))
        };
        let processes = self.processes.iter();
        processes.filter(move |process| kind(process) || !has_it(process))
    }
}

/// What becomes of a process that belongs to this Synapse.
type Belonging = (Option<OverlayUse>, Option<Config>);

impl Search<'_> {
    /// None if a process belongs to another Synapse. The error says why that is unknown.
    fn look_at(&self, view: &View, line: &CommandLine) -> Result<Option<Belonging>, String> {
        let files = view.files(line)?;
        let overlay = self.overlay.as_ref().map(|(file, _)| *file);
        let own = self.config.files.iter().map(PathBuf::as_path);
        let own: Vec<&Path> = own.chain(overlay).collect();
        let shares = files
            .iter()
            .any(|file| own.iter().any(|own| is_same(own, file)));
        let read = Config::read(&files, None);
        let belongs = match &read {
            Ok(config) => {
                let same_name = config.get("server_name") == self.config.get("server_name");
                shares && same_name || is_same_database(config, self.config)
            }
            Err(_) if shares => true,
            Err(error) => return Err(view.without_root(&error.to_string())),
        };
        let overlay = self.overlay_use(&files).map(|overlay| match overlay {
            OverlayUse::Overridden { file, option } => OverlayUse::Overridden {
                file: view.without_root(&file.display().to_string()).into(),
                option,
            },
            other => other,
        });
        Ok(belongs.then(|| (overlay, read.ok())))
    }

    /// Whether a process with these files would delegate after the cutover.
    fn overlay_use(&self, files: &[PathBuf]) -> Option<OverlayUse> {
        let (overlay, content) = self.overlay.as_ref()?;
        let Some(at) = files.iter().rposition(|file| is_same(overlay, file)) else {
            return Some(OverlayUse::NotRead);
        };
        for file in &files[at + 1..] {
            let Ok(Value::Object(later)) = parse(file) else {
                continue;
            };
            let options = content.as_object().into_iter().flatten();
            let mut options = options
                .filter(|(name, value)| later.get(*name).is_some_and(|later| later != *value));
            if let Some((option, _)) = options.next() {
                return Some(OverlayUse::Overridden {
                    file: file.clone(),
                    option: option.clone(),
                });
            }
        }
        Some(OverlayUse::Read)
    }
}

/// The file system as a process sees it.
#[derive(Clone, Debug, Default)]
struct View {
    /// `/proc/PID/root`, if that can be used.
    root: Option<PathBuf>,
    /// The working directory, as the process sees it.
    directory: Option<PathBuf>,
}

impl View {
    fn of(proc: &Path) -> Self {
        let root = proc.join("root");
        View {
            root: fs::read_link(&root).is_ok().then_some(root),
            directory: fs::read_link(proc.join("cwd")).ok(),
        }
    }

    /// The files that a command reads, in this order, as paths for us.
    fn files(&self, line: &CommandLine) -> Result<Vec<PathBuf>, String> {
        let mut files = Vec::new();
        for given in &line.config {
            let path = match &self.directory {
                Some(directory) => directory.join(given),
                None if given.is_absolute() => given.clone(),
                None => {
                    let given = given.display();
                    return Err(format!(
                        "{given} is relative to a directory that is unknown"
                    ));
                }
            };
            let path = match &self.root {
                Some(root) => below(root, &path),
                None => path,
            };
            // A directory that cannot be listed fails when it is read.
            let found = expand(&path).unwrap_or_else(|_| vec![path]);
            files.extend(found.into_iter().map(|file| match &self.root {
                Some(root) => below(root, file.strip_prefix(root).unwrap_or(&file)),
                None => file,
            }));
        }
        Ok(files)
    }

    /// A text with a path for us, with the path as the process sees it.
    fn without_root(&self, text: &str) -> String {
        match &self.root {
            Some(root) => text.replace(&root.display().to_string(), ""),
            None => text.to_owned(),
        }
    }
}

/// A path below a root, with its symbolic links resolved as a process with this root sees them. To us, an
/// absolute link would lead out of the root.
fn below(root: &Path, path: &Path) -> PathBuf {
    /// As many as Linux follows.
    const LINKS: usize = 40;
    let parts = |path: &Path| -> Vec<PathBuf> {
        let parts = path.components().rev();
        parts.map(|part| PathBuf::from(part.as_os_str())).collect()
    };
    let mut rest = parts(path);
    let mut at = PathBuf::new();
    let mut links = 0;
    while let Some(part) = rest.pop() {
        match part.components().next() {
            Some(Component::Normal(_)) => {
                let next = at.join(part);
                match fs::read_link(root.join(&next)) {
                    Ok(target) if links < LINKS => {
                        links += 1;
                        rest.extend(parts(&target));
                    }
                    _ => at = next,
                }
            }
            Some(Component::ParentDir) => {
                at.pop();
            }
            Some(Component::RootDir) => at = PathBuf::new(),
            _ => {}
        }
    }
    root.join(at)
}

/// Whether two paths lead to the same file, perhaps through another mount. A file that does not exist is
/// told by its directory and name.
fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| {
        let found = fs::metadata(path).ok()?;
        Some((found.dev(), found.ino()))
    };
    match (identity(one), identity(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => {
            let parent = |path: &Path| path.parent().and_then(identity);
            one == other
                || one.file_name() == other.file_name()
                    && parent(one).is_some()
                    && parent(one) == parent(other)
        }
        _ => false,
    }
}

/// Whether two configurations lead to the same database, as far as that follows from their texts.
fn is_same_database(one: &Config, other: &Config) -> bool {
    match (place(one), place(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// Host, port and name of the database. For `SQLite`, the name is a path.
fn place(config: &Config) -> Option<(String, String, String)> {
    const HERE: &str = "/run/postgresql";
    let driver = config.get("database.name")?.as_str()?.to_owned();
    let user = || config.argument("user");
    let name = config.database_name();
    let host = match config.argument("host") {
        None => HERE.to_owned(),
        Some(host) => match &*host.to_lowercase() {
            "" | "localhost" | "127.0.0.1" | "::1" | "/var/run/postgresql" => HERE.to_owned(),
            host => host.trim_end_matches('/').to_owned(),
        },
    };
    let port = config.argument("port").unwrap_or_else(|| "5432".to_owned());
    Some((driver + ":" + &host, port, name.or_else(user)?))
}

/// The system unit of a process, from `/proc/PID/cgroup`. The unit of a user's own manager and a
/// container's units stand to its right, and do not count.
fn unit_of(cgroup: &str) -> Option<String> {
    let paths = cgroup.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        ["", "name=systemd"].contains(&controllers).then_some(path)
    });
    let mut units = paths.filter_map(|path| {
        path.split('/').find(|segment| {
            let suffix = Path::new(segment).extension();
            suffix.is_some_and(|suffix| suffix == "service" || suffix == "scope")
        })
    });
    units.next().map(str::to_owned)
}

/// Whether a process is in our network namespace. Without the right to know, it is if it has the same
/// addresses.
fn is_in_our_network(proc: &Path) -> bool {
    let own = Path::new("/proc/self");
    let namespace = |proc: &Path| fs::read_link(proc.join("ns/net"));
    match (namespace(own), namespace(proc)) {
        (Ok(ours), Ok(theirs)) => ours == theirs,
        _ => addresses(&own.join("net")) == addresses(&proc.join("net")),
    }
}

/// The addresses of a network namespace, from `/proc/PID/net`.
fn addresses(net: &Path) -> BTreeSet<IpAddr> {
    let read = |name: &str| fs::read_to_string(net.join(name)).unwrap_or_default();
    let four = addresses_v4(&read("fib_trie")).into_iter().map(IpAddr::V4);
    let six = addresses_v6(&read("if_inet6")).into_iter().map(IpAddr::V6);
    four.chain(six).collect()
}

/// Reads `fib_trie`: a line `|-- 10.0.0.1`, and below it `/32 host LOCAL`.
fn addresses_v4(trie: &str) -> Vec<Ipv4Addr> {
    let mut last: Option<Ipv4Addr> = None;
    let mut addresses = Vec::new();
    for line in trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line == "/32 host LOCAL" {
            addresses.extend(last);
        }
    }
    addresses
}

/// Reads `if_inet6`: each line begins with an address of 32 digits.
fn addresses_v6(list: &str) -> Vec<Ipv6Addr> {
    let digits = list.lines().filter_map(|line| line.split(' ').next());
    let numbers = digits.filter_map(|digits| u128::from_str_radix(digits, 16).ok());
    numbers.map(Ipv6Addr::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::synapse_config::yaml;

    #[test]
    fn the_unit_is_that_of_the_system() {
        let of = |text: &str| unit_of(text);
        assert_eq!(
            of("0::/system.slice/matrix-synapse.service\n").as_deref(),
            Some("matrix-synapse.service")
        );
        assert_eq!(
            of("9:pids:/x.service\n1:name=systemd:/system.slice/system-worker.slice/worker@1.service\n0::/")
                .as_deref(),
            Some("worker@1.service")
        );
        assert_eq!(
            of("0::/user.slice/user-1000.slice/user@1000.service/app.slice/synapse.service")
                .as_deref(),
            Some("user@1000.service")
        );
        assert_eq!(
            of("0::/machine.slice/libpod-abc.scope/container").as_deref(),
            Some("libpod-abc.scope")
        );
        assert_eq!(of("0::/\n"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn addresses_are_those_of_the_host() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n\
                    |-- 192.0.2.0\n /24 link UNICAST\n |-- 192.0.2.2\n           /32 host LOCAL\n\
                    |-- 192.0.2.255\n /32 link BROADCAST\n";
        assert_eq!(addresses_v4(trie), [Ipv4Addr::new(192, 0, 2, 2)]);
        let list = "fd000000000000000000000000000002 04 40 00 82     eth0\n";
        assert_eq!(addresses_v6(list), ["fd00::2".parse::<Ipv6Addr>().unwrap()]);
    }

    #[test]
    fn links_stay_below_the_root() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::create_dir_all(root.join("etc/conf.d")).unwrap();
        fs::create_dir_all(root.join("var/lib")).unwrap();
        fs::write(root.join("var/lib/overlay.yaml"), "").unwrap();
        for (target, link) in [
            ("/var/lib/overlay.yaml", "etc/conf.d/absolute.yaml"),
            ("../../var/lib/overlay.yaml", "etc/conf.d/relative.yaml"),
            ("../../../../var/lib/overlay.yaml", "etc/conf.d/above.yaml"),
            ("/etc/conf.d/absolute.yaml", "etc/conf.d/twice.yaml"),
            ("/var", "srv"),
            ("loop", "loop"),
        ] {
            std::os::unix::fs::symlink(target, root.join(link)).unwrap();
        }
        for path in [
            "/etc/conf.d/absolute.yaml",
            "/etc/conf.d/relative.yaml",
            "/etc/conf.d/above.yaml",
            "/etc/conf.d/twice.yaml",
            "/srv/lib/overlay.yaml",
            "/etc/../srv/./lib/overlay.yaml",
        ] {
            let found = below(root, Path::new(path));
            assert_eq!(found, root.join("var/lib/overlay.yaml"), "{path}");
        }
        // What does not exist keeps its name, and a loop ends.
        assert_eq!(below(root, Path::new("/etc/none")), root.join("etc/none"));
        assert_eq!(below(root, Path::new("/loop")), root.join("loop"));
    }

    struct Files(tempfile::TempDir);

    impl Files {
        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        }

        fn view(&self) -> View {
            View {
                root: None,
                directory: Some(self.0.path().to_owned()),
            }
        }
    }

    const DATABASE: &str = "database: {name: psycopg2, args: {host: db, database: synapse}}\n";

    #[test]
    fn a_process_belongs_by_its_files_or_its_database() {
        let files = Files(tempfile::tempdir().unwrap());
        let main = files.write("main.yaml", &format!("server_name: a\n{DATABASE}"));
        files.write("copy.yaml", &format!("server_name: a\n{DATABASE}"));
        files.write(
            "other.yaml",
            "server_name: b\ndatabase: {name: sqlite3, args: {database: x}}",
        );
        files.write("worker.yaml", "worker_app: synapse.app.generic_worker");
        files.write("d/overlay.yaml", "");
        let config = Config::read(&[main], None).unwrap();
        let overlay = files.0.path().join("d/overlay.yaml");
        let content = serde_json::json!({"password_config": {"enabled": false}});
        let search = Search {
            config: &config,
            overlay: Some((&overlay, content)),
            units: &[],
        };
        let look = |names: &[&str]| {
            let line = CommandLine {
                config: names.iter().map(PathBuf::from).collect(),
            };
            let found = search.look_at(&files.view(), &line);
            found.map(|found| found.map(|(overlay, _)| overlay.unwrap()))
        };
        assert_eq!(look(&["main.yaml"]), Ok(Some(OverlayUse::NotRead)));
        assert_eq!(look(&["copy.yaml"]), Ok(Some(OverlayUse::NotRead)));
        assert_eq!(look(&["other.yaml"]), Ok(None));
        // Two homeservers may have a file in common.
        assert_eq!(look(&["main.yaml", "other.yaml"]), Ok(None));
        assert_eq!(
            look(&["main.yaml", "worker.yaml", "d/overlay.yaml"]),
            Ok(Some(OverlayUse::Read))
        );
        assert_eq!(look(&["main.yaml", "d"]), Ok(Some(OverlayUse::Read)));
        assert!(look(&["absent.yaml"]).unwrap_err().contains("absent.yaml"));
        let line = CommandLine {
            config: vec!["main.yaml".into()],
        };
        let blind = search.look_at(&View::default(), &line);
        assert!(blind.unwrap_err().contains("relative"));

        let late = files.write("late.yaml", "password_config: {enabled: true}");
        assert_eq!(
            look(&["main.yaml", "d", "late.yaml"]),
            Ok(Some(OverlayUse::Overridden {
                file: late,
                option: "password_config".to_owned(),
            }))
        );
        files.write("same.yaml", "password_config: {enabled: false}\nother: 1");
        assert_eq!(
            look(&["main.yaml", "d", "same.yaml"]),
            Ok(Some(OverlayUse::Read))
        );
        // The overlay may not be there yet.
        fs::remove_file(&overlay).unwrap();
        assert_eq!(
            look(&["main.yaml", "d/overlay.yaml"]),
            Ok(Some(OverlayUse::Read))
        );
    }

    #[test]
    fn the_place_of_a_database_is_told_from_its_parameters() {
        let of = |args: &str| {
            let text = format!("database: {{name: psycopg2, args: {args}}}");
            place(&Config {
                files: Vec::new(),
                value: yaml::parse(&text).unwrap(),
            })
        };
        assert_eq!(
            of("{user: u, host: localhost}"),
            of("{dbname: u, port: 5432}")
        );
        assert_ne!(of("{user: u, host: /tmp/a}"), of("{user: u, host: /tmp/b}"));
        assert_ne!(of("{user: u, port: 5433}"), of("{user: u}"));
        assert_eq!(of("{}"), None);
    }
}
