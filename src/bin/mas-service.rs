//! `mas-service`: the commands of the units and of the administrator.

use std::{
    fs,
    io::{self, IsTerminal, Read, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
};

use anyhow::{Context, Result, bail};
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use mas2nix::{
    codegen,
    deploy::manifests::{self, Manifest},
    mas_cli::doctor::Level,
    schema::module::User,
    service::{
        self, doctor, prepare,
        register::{Registration, register},
        secrets, transient_unit,
        users::{self, UserOutcome},
    },
    util::{error_text, logging},
};
use tracing_subscriber::filter::LevelFilter;

/// Exit code when something is wrong with this host.
const FAILED: u8 = 1;
/// Exit code when the doctor found errors.
const ERRORS: u8 = 10;
/// Exit code when the doctor found warnings only.
const WARNINGS: u8 = 11;

/// Runs Matrix Authentication Service on a host with systemd.
#[derive(Parser)]
#[command(
    name = "mas-service",
    version,
    after_help = "Example: mas-service cli -- manage list-admin-users"
)]
struct Cli {
    /// Manifest that the NixOS module or `mas2nix render` wrote.
    #[arg(long, value_name = "FILE", default_value = manifests::PATH, global = true)]
    manifest: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Assemble MAS's configuration for MAS's own unit, and have MAS check it. For units.
    #[command(after_help = "Example: mas-service prepare")]
    Prepare,
    /// Assemble MAS's configuration, and replace this process with `mas-cli`. For units.
    #[command(after_help = "Example: mas-service run --only database -- database migrate")]
    Run {
        /// Use only this section of the configuration, without checking it.
        #[arg(long, value_name = "SECTION")]
        only: Option<String>,
        /// Arguments for `mas-cli`.
        #[arg(last = true, required = true)]
        arguments: Vec<String>,
    },
    /// Generate the missing secrets. For units.
    #[command(after_help = "Example: mas-service secrets")]
    Secrets,
    /// Check that all files named in the configuration are usable. For units.
    #[command(after_help = "Example: sudo mas-service check-secrets")]
    CheckSecrets,
    /// Write man pages and shell completions of this program, for packages.
    #[command(
        hide = true,
        after_help = "Example: mas-service package-files --out /usr/local/share"
    )]
    PackageFiles {
        /// Directory to write to: the package's `share`.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Create the users that the configuration names. For units.
    #[command(after_help = "Example: mas-service users")]
    Users,
    /// Check MAS, Synapse and the connections between them. Exits with 0 if all is well, 10 if
    /// there are errors, 11 if there are only warnings, and 1 if the check failed. For units.
    #[command(after_help = "Example: systemctl start matrix-authentication-service-doctor")]
    Doctor {
        /// Print the findings as JSON: `{"findings": [{"level", "text"}]}`.
        #[arg(long)]
        json: bool,
    },
    /// Run `mas-cli` like the service: with its user, configuration and credentials.
    #[command(after_help = "Example: mas-cli manage list-admin-users")]
    Cli {
        /// Arguments for `mas-cli`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Register a user. The password is read from the terminal or from a file, never from the
    /// command line.
    #[command(after_help = "Example: mas-register-user alice --admin --email alice@example.com")]
    RegisterUser(RegisterUser),
    /// Register a user inside the service's sandbox, with the password on standard input.
    #[command(hide = true)]
    Register(Attributes),
}

#[derive(Args)]
struct RegisterUser {
    #[command(flatten)]
    attributes: Attributes,
    /// File that contains the password.
    #[arg(long, value_name = "FILE", conflicts_with = "no_password")]
    password_file: Option<PathBuf>,
}

#[derive(Args)]
struct Attributes {
    /// Localpart of the user.
    #[arg(value_name = "NAME", allow_hyphen_values = false)]
    name: String,
    /// Email address of the user. It is considered verified.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Display name of the user.
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Allow the user to use admin tools.
    #[arg(long)]
    admin: bool,
    /// Set no password. The user logs in through an identity provider.
    #[arg(long)]
    no_password: bool,
}

fn main() -> ExitCode {
    logging::begin(LevelFilter::INFO);
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("mas-service: {}", error_text::with_causes(&*error));
            ExitCode::from(FAILED)
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    if let Command::PackageFiles { out } = &cli.command {
        codegen::write_all(out, &codegen::package_files(&Cli::command())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let manifest = service::manifest(&cli.manifest)?;
    match cli.command {
        Command::PackageFiles { .. } => unreachable!("it needs no manifest"),
        Command::Prepare => {
            prepare::ready(&manifest)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Run { only, arguments } => {
            Err(prepare::run(&manifest, only.as_deref(), &arguments).into())
        }
        Command::Secrets => run_secrets(&manifest),
        Command::CheckSecrets => run_check_secrets(&manifest),
        Command::Users => run_users(&manifest),
        Command::Doctor { json } => run_doctor(&manifest, json),
        Command::Cli { arguments } => run_cli(&manifest, &cli.manifest, arguments),
        Command::RegisterUser(arguments) => run_register_user(&manifest, &cli.manifest, &arguments),
        Command::Register(attributes) => run_register(&manifest, &attributes),
    }
}

fn run_secrets(manifest: &Manifest) -> Result<ExitCode> {
    for path in secrets::generate(&manifest.secrets)? {
        tracing::info!("generated {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn run_check_secrets(manifest: &Manifest) -> Result<ExitCode> {
    if let Some(warning) = secrets::synapse_secret_warning(manifest) {
        tracing::warn!("{warning}");
    }
    let problems = secrets::problems(manifest);
    for problem in &problems {
        tracing::error!("{problem}");
    }
    if problems.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("MAS cannot start without these files")
}

fn run_users(manifest: &Manifest) -> Result<ExitCode> {
    users::create(manifest, Path::new("."), |name, outcome| match outcome {
        UserOutcome::Created => tracing::info!("created {name}"),
        UserOutcome::Found => tracing::info!("{name} already exists and was not changed"),
        UserOutcome::Promoted => tracing::info!("made {name} an administrator"),
        UserOutcome::Missing => tracing::warn!(
            "admins: there is no user {name}. Register the user, then start this unit again"
        ),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn run_doctor(manifest: &Manifest, json: bool) -> Result<ExitCode> {
    let findings = doctor::run(manifest)?;
    let mut out = io::stdout().lock();
    if json {
        let report = serde_json::json!({"findings": findings});
        writeln!(out, "{report:#}")?;
    } else {
        for finding in &findings {
            let word = match finding.level {
                Level::Good => "good",
                Level::Warning => "warning",
                Level::Error => "error",
            };
            writeln!(out, "{word}: {}", finding.text)?;
        }
    }
    Ok(match findings.iter().map(|finding| finding.level).max() {
        Some(Level::Error) => ExitCode::from(ERRORS),
        Some(Level::Warning) => ExitCode::from(WARNINGS),
        Some(Level::Good) => ExitCode::SUCCESS,
        None => bail!("`mas-cli doctor` printed no result"),
    })
}

/// The arguments of this program for a run within the service's sandbox.
fn inner(manifest: &Path, arguments: &[&str]) -> Vec<String> {
    let own = ["--manifest".to_owned(), manifest.display().to_string()];
    let arguments = arguments.iter().map(|argument| (*argument).to_owned());
    own.into_iter().chain(arguments).collect()
}

fn run_cli(manifest: &Manifest, path: &Path, arguments: Vec<String>) -> Result<ExitCode> {
    let mut inner = inner(path, &["run", "--"]);
    inner.extend(arguments);
    let error = transient_unit::command(manifest, &inner, true)?.exec();
    Err(error).context("cannot run systemd-run")
}

fn run_register_user(
    manifest: &Manifest,
    path: &Path,
    arguments: &RegisterUser,
) -> Result<ExitCode> {
    let attributes = &arguments.attributes;
    let password = match &arguments.password_file {
        _ if attributes.no_password => String::new(),
        Some(file) => {
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
        }
        None if io::stdin().is_terminal() => ask_password()?,
        None => bail!("no password: pass `--password-file FILE`, or run this in a terminal"),
    };
    let mut inner = inner(path, &["register", &attributes.name]);
    if let Some(email) = &attributes.email {
        inner.extend(["--email".to_owned(), email.clone()]);
    }
    if let Some(name) = &attributes.display_name {
        inner.extend(["--display-name".to_owned(), name.clone()]);
    }
    inner.extend(attributes.admin.then(|| "--admin".to_owned()));
    inner.extend(attributes.no_password.then(|| "--no-password".to_owned()));
    let mut child = transient_unit::command(manifest, &inner, false)?
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot run systemd-run")?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(password.as_bytes())?;
    }
    let status = child.wait()?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

fn ask_password() -> Result<String> {
    let password = rpassword::prompt_password("Password: ")?;
    if password.is_empty() {
        bail!("the password is empty");
    }
    if rpassword::prompt_password("Again: ")? != password {
        bail!("the two passwords differ");
    }
    Ok(password)
}

fn run_register(manifest: &Manifest, attributes: &Attributes) -> Result<ExitCode> {
    let mut password = String::new();
    io::stdin().read_to_string(&mut password)?;
    let password = password.trim_end_matches(['\n', '\r']);
    if password.is_empty() && !attributes.no_password {
        bail!("the password is empty");
    }
    let user = User {
        password_file: None,
        admin: Some(attributes.admin),
        email: attributes.email.clone(),
        display_name: attributes.display_name.clone(),
    };
    let password = Some(password).filter(|_| !attributes.no_password);
    let name = &attributes.name;
    match register(&prepare::ready(manifest)?, name, &user, password)? {
        Registration::Registered => println!("{name} is registered"),
        Registration::Exists => bail!("{name} already exists"),
    }
    Ok(ExitCode::SUCCESS)
}
