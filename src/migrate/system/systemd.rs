//! Synapse's and MAS's services: stopped, kept from starting by whatever would start them, and
//! started again.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tokio::process::Command;

use crate::migrate::{MigrateError, system::command};

/// Where systemd looks for what holds until the next boot.
const RUNTIME: &str = "/run/systemd/system";

/// What keeps a unit down: no dependency, socket, timer or person starts a unit whose assertion
/// fails. After a loss of power it is gone, and the host comes up as its configuration says.
const INHIBIT: &str = "# A migration to MAS is under way: see `syn2mas status`.\n[Unit]\n\
                    AssertPathExists=/run/syn2mas-is-done\n";

/// How often units are stopped that somebody else starts.
const STOPS: usize = 10;

/// Whose services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// Synapse's.
    Synapse,
    /// MAS's.
    Mas,
}

/// Units, and commands that stand for them.
#[derive(Clone, Debug)]
pub struct Services {
    synapse: Vec<String>,
    mas: Vec<String>,
    stop_with: Option<String>,
    start_with: Option<String>,
}

impl Services {
    /// These units, and shell commands that stop and start Synapse if it is no unit.
    ///
    /// # Errors
    ///
    /// If nothing says how to stop Synapse.
    pub fn new(
        synapse: &[String],
        mas: &[String],
        commands: Option<(String, String)>,
    ) -> Result<Self, MigrateError> {
        if synapse.is_empty() && commands.is_none() {
            return Err(MigrateError::Missing(
                "name Synapse's units, workers too, with `--synapse-unit`; or give commands with \
                 `--stop-with` and `--start-with`"
                    .to_owned(),
            ));
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

    /// The units of one side.
    #[must_use]
    pub fn units(&self, side: Component) -> &[String] {
        match side {
            Component::Synapse => &self.synapse,
            Component::Mas => &self.mas,
        }
    }

    /// Whether a command stops Synapse.
    #[must_use]
    pub fn by_command(&self) -> bool {
        self.stop_with.is_some()
    }

    fn all(&self) -> impl Iterator<Item = &String> {
        self.mas.iter().chain(&self.synapse)
    }

    /// The units that run, or are about to.
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

    /// Keeps the units of a side from being started.
    async fn inhibit(&self, side: Component) -> Result<(), MigrateError> {
        for unit in self.units(side) {
            let file = inhibitor_of(unit);
            crate::util::atomic_write::replace(&file, INHIBIT, 0o644)
                .map_err(|error| MigrateError::file(&file, error.to_string()))?;
        }
        self.reload(side).await
    }

    /// Lets the units of a side be started again.
    async fn release(&self, side: Component) -> Result<(), MigrateError> {
        for unit in self.units(side) {
            let file = inhibitor_of(unit);
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(MigrateError::file(&file, error.to_string()));
                }
                _ => {}
            }
            // Gone if nothing else is in it.
            let _ = file.parent().map(fs::remove_dir);
        }
        self.reload(side).await
    }

    /// Which units are kept from starting.
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

    /// Stops all units of a side, and keeps them down.
    ///
    /// # Errors
    ///
    /// If one does not stop.
    pub async fn stop(&self, side: Component) -> Result<(), MigrateError> {
        self.inhibit(side).await?;
        if let (Component::Synapse, Some(command)) = (side, &self.stop_with) {
            shell(command).await?;
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
                return Err(MigrateError::Missing(format!("{unit} does not stop")));
            }
            // Somebody who starts a unit just then cancels its stopping, and cannot do so again.
            tracing::debug!("{unit} runs after it was stopped: {asked:?}");
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            tries += 1;
        }
    }

    /// Starts these units of a side, all at once, so that systemd orders them.
    ///
    /// # Errors
    ///
    /// If one does not start.
    pub async fn start(&self, side: Component, units: &[String]) -> Result<(), MigrateError> {
        self.release(side).await?;
        if units.is_empty() {
            return Ok(());
        }
        let mut arguments = vec!["reset-failed"];
        arguments.extend(units.iter().map(String::as_str));
        // A unit that has never run has nothing to reset.
        let _ = systemctl(&arguments).await;
        arguments[0] = "start";
        systemctl(&arguments).await?;
        for unit in units {
            if !is_running(unit).await? {
                return Err(MigrateError::Missing(format!(
                    "{unit} does not run. See `journalctl --unit={unit}`"
                )));
            }
        }
        Ok(())
    }

    /// Starts all units of a side.
    ///
    /// # Errors
    ///
    /// If one does not start.
    pub async fn start_all(&self, side: Component) -> Result<(), MigrateError> {
        self.start(side, self.units(side)).await
    }

    /// The units that systemd does not know.
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

    /// How long the units of a side took to start the last time, in seconds; nothing if that is not
    /// known.
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

    /// Starts Synapse with the command that was given for it.
    ///
    /// # Errors
    ///
    /// If the command fails.
    pub async fn start_by_command(&self) -> Result<(), MigrateError> {
        match &self.start_with {
            Some(command) => shell(command).await,
            None => Ok(()),
        }
    }
}

/// Makes running units read their configuration again. Those that do not run will read it anyway.
///
/// # Errors
///
/// If one refuses.
pub async fn reload(units: &[String]) -> Result<(), MigrateError> {
    for unit in units {
        if is_running(&with_suffix(unit)).await? {
            systemctl(&["reload", &with_suffix(unit)]).await?;
        }
    }
    Ok(())
}

fn with_suffix(unit: &str) -> String {
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
    // After what others put there.
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

async fn is_running(unit: &str) -> Result<bool, MigrateError> {
    let state = show(unit, "ActiveState").await?;
    Ok(!matches!(&*state, "inactive" | "failed"))
}

/// A property of a unit.
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

/// Runs a command that starts or stops something, which goes on when the command has ended: so its
/// output is not waited for.
async fn shell(text: &str) -> Result<(), MigrateError> {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", text])
        .stdin(std::process::Stdio::null())
        .process_group(0);
    let status = command.status().await;
    let status = status.map_err(|error| command::not_run(&command, &error))?;
    if status.success() {
        return Ok(());
    }
    Err(command::failed(&command, &status.to_string(), ""))
}
