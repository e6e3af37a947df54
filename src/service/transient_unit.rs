//! Runs a command in a transient unit like the service: with its user, credentials and sandboxing.

use std::{
    env,
    io::{self, IsTerminal},
    process::Command,
};

use super::ServiceError;
use crate::deploy::{manifests::Manifest, units::NAME};

/// A `systemd-run` command that runs `mas-service` with these arguments as MAS's user.
///
/// # Errors
///
/// If this process does not run as root, or its executable is not found.
pub fn command(
    manifest: &Manifest,
    arguments: &[String],
    interactive: bool,
) -> Result<Command, ServiceError> {
    if !nix::unistd::Uid::effective().is_root() {
        return Err(ServiceError::Mas(
            "only root can run this command. Use `sudo`".to_owned(),
        ));
    }
    let program = env::current_exe().map_err(|error| {
        ServiceError::Mas(format!("the path of this program cannot be found: {error}"))
    })?;
    let terminal = interactive && io::stdin().is_terminal() && io::stdout().is_terminal();
    let mut command = Command::new("systemd-run");
    command.args(["--quiet", "--collect", "--wait", "--service-type=exec"]);
    command.arg(if terminal { "--pty" } else { "--pipe" });
    let runtime = format!("RuntimeDirectory={NAME}-{}", std::process::id());
    let fixed = [
        &format!("User={}", manifest.user),
        &format!("Group={}", manifest.group),
        &format!("StateDirectory={NAME}"),
        "StateDirectoryMode=0700",
        &format!("WorkingDirectory=/var/lib/{NAME}"),
        &runtime,
        "RuntimeDirectoryMode=0700",
        "UMask=0077",
        "NoNewPrivileges=yes",
        "PrivateTmp=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "ProtectProc=invisible",
    ];
    for property in fixed {
        command.args(["--property", property]);
    }
    let credentials = manifest.credentials.iter();
    for (name, path) in credentials.filter(|(name, _)| !name.starts_with("user-")) {
        command.arg("--property");
        command.arg(format!("LoadCredential={name}:{}", path.display()));
    }
    for property in &manifest.unit_properties {
        command.args(["--property", property]);
    }
    command.arg("--").arg(program).args(arguments);
    Ok(command)
}
