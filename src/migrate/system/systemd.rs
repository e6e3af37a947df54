//! Stops and starts the units of Synapse and MAS, and keeps them from being started meanwhile.

use std::{
    fs, io,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::process::Command;

use crate::migrate::{MigrateError, system::command};

/// Runtime units and drop-ins, which are lost at the next boot.
const RUNTIME: &str = "/run/systemd/system";

/// The drop-in that keeps a unit down: no dependency, socket, timer or person can start a unit whose
/// assertion fails. After a loss of power the drop-in is gone, and the host boots as configured.
const INHIBIT: &str = "# A migration to MAS is under way: see `syn2mas status`.\n[Unit]\n\
                    AssertPathExists=/run/syn2mas-is-done\n";

/// How often to stop units that something else starts again.
const STOPS: usize = 10;

/// Selects the units of one of the two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// Synapse with its workers.
    Synapse,
    /// MAS with its sockets.
    Mas,
}

/// The units of both servers, and the commands that replace Synapse's units if it has none.
#[derive(Clone, Debug)]
pub struct Services {
    synapse: Vec<String>,
    mas: Vec<String>,
    stop_with: Option<String>,
    start_with: Option<String>,
}

impl Services {
    /// Takes names of units, with or without suffix, and the shell commands that stop and start a Synapse
    /// that is not a systemd unit.
    ///
    /// # Errors
    ///
    /// If there are neither units of Synapse nor commands.
    pub fn new(
        synapse: &[String],
        mas: &[String],
        commands: Option<(String, String)>,
    ) -> Result<Self, MigrateError> {
        if synapse.is_empty() && commands.is_none() {
            return Err(MigrateError::Usage {
                problem: "no units of Synapse",
                fix: "pass `--synapse-unit UNIT` for Synapse and for each of its workers, or shell \
                      commands with `--stop-with` and `--start-with`",
            });
        }
        let units = |names: &[String]| names.iter().map(|name| with_suffix(name)).collect();
        let (stop_with, start_with) = commands.unzip();
        Ok(Services {
            synapse: units(synapse),
            mas: units(mas),
            stop_with,
            start_with,
        })
    }

    /// The units of Synapse or MAS, with suffix.
    #[must_use]
    pub fn units(&self, side: Component) -> &[String] {
        match side {
            Component::Synapse => &self.synapse,
            Component::Mas => &self.mas,
        }
    }

    /// The shell command that stops Synapse, if it is not stopped by systemd.
    #[must_use]
    pub fn stop_command(&self) -> Option<&str> {
        self.stop_with.as_deref()
    }

    /// Whether Synapse is stopped with a shell command.
    #[must_use]
    pub fn by_command(&self) -> bool {
        self.stop_with.is_some()
    }

    fn all(&self) -> impl Iterator<Item = &String> {
        self.mas.iter().chain(&self.synapse)
    }

    /// The units that are active or activating, that is, neither `inactive` nor `failed`.
    ///
    /// # Errors
    ///
    /// If systemd does not answer.
    pub async fn running(&self) -> Result<Vec<String>, MigrateError> {
        let mut running = Vec::new();
        for unit in self.all() {
            if is_running(unit).await? {
                running.push(unit.clone());
            }
        }
        Ok(running)
    }

    /// Installs the drop-in that keeps these units from being started.
    async fn inhibit(&self, side: Component) -> Result<(), MigrateError> {
        for unit in self.units(side) {
            let file = inhibitor_of(unit);
            crate::util::atomic_write::replace(&file, INHIBIT, 0o644)
                .map_err(MigrateError::io("write", &file))?;
        }
        self.reload(side).await
    }

    /// Removes the drop-in that [`Services::inhibit`] installs.
    async fn release(&self, side: Component) -> Result<(), MigrateError> {
        for unit in self.units(side) {
            let file = inhibitor_of(unit);
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(MigrateError::io("remove", &file)(error));
                }
                _ => {}
            }
            // Fails, as it should, if something else is in the directory.
            let _ = file.parent().map(fs::remove_dir);
        }
        self.reload(side).await
    }

    /// The units that have the drop-in that keeps them from being started.
    #[must_use]
    pub fn inhibited(&self) -> Vec<String> {
        self.all()
            .filter(|unit| inhibitor_of(unit).exists())
            .cloned()
            .collect()
    }

    async fn reload(&self, side: Component) -> Result<(), MigrateError> {
        if self.units(side).is_empty() {
            return Ok(());
        }
        systemctl(&["daemon-reload"]).await
    }

    /// Stops all units of Synapse or MAS, and keeps them from being started.
    ///
    /// # Errors
    ///
    /// If a unit still runs after ten attempts.
    pub async fn stop(&self, side: Component) -> Result<(), MigrateError> {
        self.inhibit(side).await?;
        if let (Component::Synapse, Some(command)) = (side, &self.stop_with) {
            shell("--stop-with", command).await?;
        }
        let units = self.units(side);
        if units.is_empty() {
            return Ok(());
        }
        let mut arguments = vec!["stop"];
        arguments.extend(units.iter().map(String::as_str));
        let mut tries = 1;
        loop {
            let asked = systemctl(&arguments).await;
            let Some(unit) = first_running(units).await? else {
                return Ok(());
            };
            if tries == STOPS {
                asked?;
                return Err(MigrateError::Unit {
                    unit: unit.clone(),
                    problem: "does not stop",
                });
            }
            // A start job that was queued before the drop-in was in effect has cancelled the stop job. That
            // can happen once, because later start jobs fail.
            tracing::debug!("{unit} runs after it was stopped: {asked:?}");
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            tries += 1;
        }
    }

    /// Starts some units of Synapse or MAS in one call, so that systemd orders them. All units of `side`
    /// can be started again afterwards.
    ///
    /// # Errors
    ///
    /// If a unit does not start.
    pub async fn start(&self, side: Component, units: &[String]) -> Result<(), MigrateError> {
        self.release(side).await?;
        if units.is_empty() {
            return Ok(());
        }
        let mut arguments = vec!["reset-failed"];
        arguments.extend(units.iter().map(String::as_str));
        // This fails for a unit that has never run.
        let _ = systemctl(&arguments).await;
        arguments[0] = "start";
        systemctl(&arguments).await?;
        for unit in units {
            if !is_running(unit).await? {
                return Err(MigrateError::Unit {
                    unit: unit.clone(),
                    problem: "does not run",
                });
            }
        }
        Ok(())
    }

    /// Starts all units of Synapse or MAS.
    ///
    /// # Errors
    ///
    /// If a unit does not start.
    pub async fn start_all(&self, side: Component) -> Result<(), MigrateError> {
        self.start(side, self.units(side)).await
    }

    /// The units that systemd cannot find (`LoadState=not-found`).
    ///
    /// # Errors
    ///
    /// If systemd does not answer.
    pub async fn missing(&self) -> Result<Vec<String>, MigrateError> {
        let mut missing = Vec::new();
        for unit in self.all() {
            if show(unit, "LoadState").await? == "not-found" {
                missing.push(unit.clone());
            }
        }
        Ok(missing)
    }

    /// How long the slowest unit of Synapse or MAS took to start the last time, in seconds. None if
    /// systemd does not have the time.
    pub async fn time_to_start(&self, side: Component) -> Option<f64> {
        let mut longest: Option<f64> = None;
        for unit in self.units(side) {
            let begun = show(unit, "InactiveExitTimestampMonotonic").await.ok()?;
            let active = show(unit, "ActiveEnterTimestampMonotonic").await.ok()?;
            let took = (active.parse::<f64>().ok()? - begun.parse::<f64>().ok()?) / 1e6;
            longest = Some(longest.unwrap_or_default().max(took));
        }
        longest
    }

    /// Runs the shell command that starts Synapse, if there is one.
    ///
    /// # Errors
    ///
    /// If the command fails.
    pub async fn start_by_command(&self) -> Result<(), MigrateError> {
        match &self.start_with {
            Some(command) => shell("--start-with", command).await,
            None => Ok(()),
        }
    }
}

/// Reloads the units that run. Others read their configuration when they start.
///
/// # Errors
///
/// If a reload fails.
pub async fn reload(units: &[String]) -> Result<(), MigrateError> {
    for unit in units {
        if is_running(&with_suffix(unit)).await? {
            systemctl(&["reload", &with_suffix(unit)]).await?;
        }
    }
    Ok(())
}

/// The command lines of `ExecStart=`, and the directory in which they run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// Each with its arguments. Variables such as `$OPTIONS` are not replaced.
    pub lines: Vec<Vec<String>>,
    /// `WorkingDirectory=`, which is `/` by default.
    pub directory: PathBuf,
}

/// The commands with which systemd would start a unit.
///
/// # Errors
///
/// If systemd does not answer.
pub async fn commands(unit: &str) -> Result<Commands, MigrateError> {
    let lines = exec_start(&show(unit, "ExecStart").await?);
    let directory = show(unit, "WorkingDirectory").await?;
    // A prefix says that it need not exist.
    let directory = directory.trim_start_matches(['!', '-']);
    Ok(Commands {
        lines,
        directory: Path::new("/").join(directory),
    })
}

/// Reads the value of `ExecStart=` as `systemctl show` prints it, one command a line:
/// `{ path=/bin/a ; argv[]=/bin/a -c b ; ignore_errors=no ; … }`.
fn exec_start(text: &str) -> Vec<Vec<String>> {
    let commands = text.lines().filter_map(|line| {
        let (_, rest) = line.split_once("argv[]=")?;
        let (arguments, _) = rest.split_once(" ; ignore_errors=")?;
        let words = arguments.split_whitespace();
        Some(
            words
                .map(|word| word.trim_matches('"').to_owned())
                .collect(),
        )
    });
    commands.collect()
}

/// The name of a unit, with `.service` if it has no suffix.
#[must_use]
pub fn with_suffix(unit: &str) -> String {
    let suffix = Path::new(unit).extension();
    let known = suffix.is_some_and(|suffix| {
        ["service", "socket", "target", "timer"]
            .iter()
            .any(|known| suffix == *known)
    });
    if known {
        unit.to_owned()
    } else {
        format!("{unit}.service")
    }
}

fn inhibitor_of(unit: &str) -> PathBuf {
    // The name sorts last, so that no other drop-in overrides it.
    Path::new(RUNTIME).join(format!("{unit}.d/zz-syn2mas.conf"))
}

async fn first_running(units: &[String]) -> Result<Option<&String>, MigrateError> {
    for unit in units {
        if is_running(unit).await? {
            return Ok(Some(unit));
        }
    }
    Ok(None)
}

/// Whether a unit is active or activating, that is, neither `inactive` nor `failed`.
///
/// # Errors
///
/// If systemd does not answer.
pub async fn is_running(unit: &str) -> Result<bool, MigrateError> {
    let state = show(unit, "ActiveState").await?;
    Ok(!matches!(&*state, "inactive" | "failed"))
}

/// The units whose stop or restart systemd passes on to a unit (`PartOf=`).
///
/// # Errors
///
/// If systemd does not answer.
pub async fn part_of(unit: &str) -> Result<Vec<String>, MigrateError> {
    let units = show(unit, "PartOf").await?;
    Ok(units.split_whitespace().map(str::to_owned).collect())
}

/// A property of a unit, such as `ActiveState`.
async fn show(unit: &str, property: &str) -> Result<String, MigrateError> {
    let mut command = command::command(Path::new("systemctl"), None);
    command.args(["show", "--value", "--property", property, unit]);
    let output = command::output(&mut command).await?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

async fn systemctl(arguments: &[&str]) -> Result<(), MigrateError> {
    let mut command = command::command(Path::new("systemctl"), None);
    command.arg("--no-ask-password").args(arguments);
    command::output(&mut command).await.map(|_| ())
}

/// Runs the shell command of an option, which starts or stops a server. Its output is not captured: a server that
/// it starts would keep the pipe open. It goes where ours to people goes.
async fn shell(option: &str, text: &str) -> Result<(), MigrateError> {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", text])
        .stdin(Stdio::null())
        .stdout(for_people())
        .stderr(for_people())
        .process_group(0);
    let status = command.status().await;
    let status = status.map_err(command::not_run(&command))?;
    if status.success() {
        return Ok(());
    }
    // The command may have a secret.
    Err(MigrateError::Command {
        command: format!("the command of `{option}`"),
        status,
        output: String::new(),
    })
}

/// Standard error, unless nobody reads it any more: a command that writes to it would be killed.
fn for_people() -> Stdio {
    let error = io::stderr();
    let mut asked = [PollFd::new(error.as_fd(), PollFlags::empty())];
    let broken = PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL;
    let is_broken = poll(&mut asked, PollTimeout::ZERO).is_err()
        || asked[0].revents().is_none_or(|it| it.intersects(broken));
    match error.as_fd().try_clone_to_owned() {
        Ok(error) if !is_broken => error.into(),
        _ => Stdio::null(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_from_what_systemctl_prints() {
        let text = "{ path=/bin/a ; argv[]=/bin/a --config-path \"b c\" ; ignore_errors=no ; \
                    start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }\n\
                    { path=/bin/d ; argv[]=/bin/d ; ignore_errors=yes ; start_time=[n/a] }";
        assert_eq!(
            exec_start(text),
            [vec!["/bin/a", "--config-path", "b", "c"], vec!["/bin/d"]]
        );
        assert!(exec_start("").is_empty());
    }
}
