//! Command lines that run Synapse.

use std::path::{Path, PathBuf};

/// The configuration that a command line gives to Synapse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// The files and directories of `--config-path`, in this order.
    pub config: Vec<PathBuf>,
}

/// Arguments with which Synapse writes something and ends.
const WRITES: &[&str] = &[
    "--generate-config",
    "--generate-keys",
    "--generate-missing-configs",
];

/// What of an option's arguments Python reads itself.
enum Interpreted {
    /// `-m`, with this module.
    Module(String),
    /// A program in the command line, which is not Synapse.
    Text,
    /// An option, which takes so many further arguments.
    Option(usize),
}

impl CommandLine {
    /// Reads `/proc/PID/cmdline`, in which every argument ends with a zero byte. There are several if one
    /// process is forked into all of Synapse (`synapse.app.complement_fork_starter`), and none if it is not
    /// Synapse.
    pub fn of_process(text: &[u8]) -> Vec<Self> {
        let text = String::from_utf8_lossy(text);
        let arguments = text.strip_suffix('\0').unwrap_or(&text).split('\0');
        let arguments: Vec<String> = arguments.map(str::to_owned).collect();
        read(&arguments)
    }

    /// Reads a command of a unit. `env` and the variables that it sets may come first. Nothing is known about
    /// one with variables, such as `$OPTIONS`.
    pub fn of_unit(arguments: &[String]) -> Vec<Self> {
        if arguments.iter().any(|argument| argument.contains('$')) {
            return Vec::new();
        }
        let mut arguments = arguments;
        if arguments.first().is_some_and(|first| name(first) == "env") {
            let is_variable = |argument: &&String| argument.contains('=');
            let variables = arguments[1..].iter().take_while(is_variable).count();
            arguments = &arguments[1 + variables..];
        }
        read(arguments)
    }
}

fn read(arguments: &[String]) -> Vec<CommandLine> {
    let Some((program, rest)) = run(arguments) else {
        return Vec::new();
    };
    if program == "synapse.app.complement_fork_starter" {
        let parts = rest.split(|argument| argument == "--");
        return parts.filter_map(config).collect();
    }
    if !is_synapse(&program) || rest.iter().any(|argument| WRITES.contains(&&**argument)) {
        return Vec::new();
    }
    config(rest).into_iter().collect()
}

/// The program or the module that is run, and its arguments.
fn run(arguments: &[String]) -> Option<(String, &[String])> {
    let (first, mut rest) = arguments.split_first()?;
    let first = name(first);
    if !first.starts_with("python") && !first.starts_with("pypy") {
        return Some((first.to_owned(), rest));
    }
    while let Some((argument, after)) = rest.split_first() {
        if !argument.starts_with('-') || argument == "-" {
            return Some((script(argument), after));
        }
        match interpreted(argument, after.first()) {
            Interpreted::Text => return None,
            Interpreted::Module(module) => {
                let is_apart = argument.ends_with('m') && after.first() == Some(&module);
                return Some((module, &after[usize::from(is_apart)..]));
            }
            Interpreted::Option(taken) => rest = after.get(taken..)?,
        }
    }
    None
}

/// Reads an option of Python's, which may be several letters in one: `-Im synapse.app.homeserver`.
fn interpreted(argument: &str, next: Option<&String>) -> Interpreted {
    if argument.starts_with("--") {
        return Interpreted::Option(usize::from(argument == "--check-hash-based-pycs"));
    }
    for (at, letter) in argument.char_indices().skip(1) {
        let rest = &argument[at + letter.len_utf8()..];
        match letter {
            'm' if rest.is_empty() => {
                return Interpreted::Module(next.cloned().unwrap_or_default());
            }
            'm' => return Interpreted::Module(rest.to_owned()),
            'c' => return Interpreted::Text,
            'W' | 'X' => return Interpreted::Option(usize::from(rest.is_empty())),
            _ => {}
        }
    }
    Interpreted::Option(0)
}

/// The last part of a path, without what wrappers of nixpkgs add: `.synapse_homeserver-wrapped`.
fn name(path: &str) -> &str {
    let mut name = path.rsplit('/').next().unwrap_or_default();
    while let Some(inner) = name
        .strip_prefix('.')
        .and_then(|name| name.strip_suffix("-wrapped"))
    {
        name = inner;
    }
    name
}

/// The name of a script; for one in Synapse's package the module: `…/synapse/app/homeserver.py` is
/// `synapse.app.homeserver`.
fn script(path: &str) -> String {
    match path
        .rsplit_once("synapse/app/")
        .and_then(|(_, file)| file.strip_suffix(".py"))
    {
        Some(module) => format!("synapse.app.{module}"),
        None => name(path).to_owned(),
    }
}

/// Whether a program or module serves. `synapse.app.admin_cmd` does something once.
fn is_synapse(program: &str) -> bool {
    match program.strip_prefix("synapse.app.") {
        Some(module) => module != "admin_cmd",
        None => ["synapse_homeserver", "synapse_worker"].contains(&program),
    }
}

/// Reads `-c FILE`, `-cFILE`, `--config-path FILE` and `--config-path=FILE`, as Python's argparse does. None
/// if there are none, because Synapse would not start.
fn config(arguments: &[String]) -> Option<CommandLine> {
    let mut config = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (&**argument, None),
        };
        // Argparse takes any beginning of an option that belongs to no other one.
        let is_long = "--config-path".starts_with(name) && name.len() >= "--config-p".len();
        if is_long || name == "-c" {
            config.extend(value.or_else(|| arguments.next().map(String::as_str)));
        } else if !argument.starts_with("--")
            && let Some(file) = argument.strip_prefix("-c")
        {
            config.push(file);
        }
    }
    let config: Vec<PathBuf> = config
        .into_iter()
        .map(|file| Path::new(file).to_owned())
        .collect();
    (!config.is_empty()).then_some(CommandLine { config })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Command lines, and the configuration that Synapse is given in each.
    const SYNAPSE: &[(&str, &[&str])] = &[
        // NixOS: the program is a script behind one or two wrappers.
        (
            "/nix/store/a-python3-3.13.5/bin/python3.13 \
             /nix/store/b-matrix-synapse-1.140.0/bin/.synapse_homeserver-wrapped \
             --config-path /nix/store/c-homeserver.yaml --config-path /var/lib/syn2mas/synapse.yaml \
             --keys-directory /var/lib/matrix-synapse",
            &[
                "/nix/store/c-homeserver.yaml",
                "/var/lib/syn2mas/synapse.yaml",
            ],
        ),
        (
            "/nix/store/a-python3-3.13.5/bin/python3.13 -sP \
             /nix/store/b-matrix-synapse-wrapped-1.140.0/bin/..synapse_worker-wrapped-wrapped \
             --config-path /nix/store/c-homeserver.yaml --config-path /nix/store/d-worker-generic.yaml",
            &[
                "/nix/store/c-homeserver.yaml",
                "/nix/store/d-worker-generic.yaml",
            ],
        ),
        (
            "/nix/store/b-matrix-synapse-1.140.0/bin/synapse_worker --config-path /a --config-path /b",
            &["/a", "/b"],
        ),
        // Debian, and the packages of matrix.org.
        (
            "/usr/bin/python3 -m synapse.app.homeserver --config-path=/etc/matrix-synapse/homeserver.yaml \
             --config-path=/etc/matrix-synapse/conf.d/",
            &[
                "/etc/matrix-synapse/homeserver.yaml",
                "/etc/matrix-synapse/conf.d/",
            ],
        ),
        (
            "/opt/venvs/matrix-synapse/bin/python -m synapse.app.generic_worker \
             --config-path=/etc/matrix-synapse/homeserver.yaml --config-path=/etc/matrix-synapse/workers/a.yaml",
            &[
                "/etc/matrix-synapse/homeserver.yaml",
                "/etc/matrix-synapse/workers/a.yaml",
            ],
        ),
        // The image of Docker.
        (
            "/usr/local/bin/python -m synapse.app.homeserver --config-path /data/homeserver.yaml",
            &["/data/homeserver.yaml"],
        ),
        (
            "/usr/local/bin/python -m synapse.app.complement_fork_starter /var/log/ synapse.app.homeserver \
             --config-path=/conf/a.yaml -- synapse.app.generic_worker --config-path /conf/a.yaml \
             --config-path /conf/b.yaml",
            &["/conf/a.yaml"],
        ),
        // synctl, and forms that a person may write.
        (
            "/venv/bin/python3 -m synapse.app.homeserver -c homeserver.yaml --daemonize",
            &["homeserver.yaml"],
        ),
        ("python -um synapse.app.homeserver -cx.yaml", &["x.yaml"]),
        (
            "pypy3 -X dev -W error -msynapse.app.pusher -c=x.yaml",
            &["x.yaml"],
        ),
        (
            "python3 /usr/lib/python3/dist-packages/synapse/app/generic_worker.py --config-p x.yaml",
            &["x.yaml"],
        ),
        (
            "python3 /venv/bin/synapse_homeserver -c x.yaml -c y",
            &["x.yaml", "y"],
        ),
    ];

    const OTHERS: &[&str] = &[
        "",
        "vim synapse.app.homeserver -c x.yaml",
        "bash -c synapse_homeserver -c x.yaml",
        "grep synapse_worker --config-path x.yaml",
        "python3 -c import synapse.app.homeserver",
        "python3 -m synapse._scripts.register_new_matrix_user -c x.yaml",
        "python3 -m synapse.app.admin_cmd -c x.yaml export-data",
        "python3 /venv/bin/synapse_port_db --postgres-config x.yaml",
        "python3 -m synapse.app.homeserver -c x.yaml --generate-keys",
        "python3 -m synapse.app.homeserver",
        "python3",
        "python3 -m",
    ];

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn synapse_is_told_from_others() {
        for (text, config) in SYNAPSE {
            let line = words(text).join("\0") + "\0";
            let found = CommandLine::of_process(line.as_bytes());
            let config: Vec<PathBuf> = config.iter().map(PathBuf::from).collect();
            assert_eq!(found[0].config, config, "{text}");
            assert_eq!(CommandLine::of_unit(&words(text)), found, "{text}");
        }
        for text in OTHERS {
            let line = words(text).join("\0") + "\0";
            assert_eq!(CommandLine::of_process(line.as_bytes()), [], "{text}");
        }
    }

    #[test]
    fn a_process_that_forks_has_several_configurations() {
        let (text, _) = SYNAPSE[6];
        let found = read(&words(text));
        let config = found.iter().map(|line| line.config.len());
        assert_eq!(config.collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn units_may_set_variables() {
        let of = |text: &str| CommandLine::of_unit(&words(text));
        let plain = of("python3 -m synapse.app.homeserver -c x.yaml");
        assert_eq!(
            of("/usr/bin/env LD_PRELOAD=a.so python3 -m synapse.app.homeserver -c x.yaml"),
            plain
        );
        assert_eq!(
            of("python3 -m synapse.app.homeserver -c x.yaml $OPTIONS"),
            []
        );
        assert_eq!(of("docker start -a synapse"), []);
    }
}
