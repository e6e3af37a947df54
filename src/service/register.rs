//! Registers users through the interactive dialogue of `mas-cli`. Its only other way to take a password is
//! the command line, where every user of the host could read it.

use std::process::Command;

use rexpect::session::{PtySession, spawn_command};

use crate::schema::module::User;
use crate::{
    mas_cli::{MasCli, doctor::redact},
    service::{ServiceError, prepare::output},
};

/// How long to wait for each answer of the dialogue, in milliseconds. Hashing a password is slow.
const TIMEOUT: u64 = 60_000;

/// The result of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// The user was created.
    Registered,
    /// The user already existed.
    Exists,
}

/// Registers a user.
///
/// # Errors
///
/// If MAS refuses, for instance because the name is unavailable, the password is too weak, or the
/// database is unreachable.
pub fn register(
    mas_cli: &MasCli,
    name: &str,
    user: &User,
    password: Option<&str>,
) -> Result<Registration, ServiceError> {
    let mut command = mas_cli.parsable(&["manage", "register-user", name]);
    command.env("RUST_LOG", "mas_cli=info");
    if let Some(email) = &user.email {
        command.args(["--email", email]);
    }
    if let Some(display_name) = &user.display_name {
        command.args(["--display-name", display_name]);
    }
    if user.admin == Some(true) {
        command.arg("--admin");
    }
    let Some(password) = password else {
        let output = output(command.arg("--yes"))?;
        let output = [output.stdout, output.stderr].concat();
        return outcome(name, &String::from_utf8_lossy(&output));
    };
    if password.contains(['\n', '\r']) {
        return Err(ServiceError::PasswordLines {
            user: name.to_owned(),
        });
    }
    let output = dialogue(command, password).map_err(|error| ServiceError::NotRegistered {
        user: name.to_owned(),
        reason: redact(&error.to_string(), &[password.to_owned()]),
    })?;
    outcome(name, &output)
}

/// Answers the dialogue. Returns the output after the last answer.
fn dialogue(command: Command, password: &str) -> Result<String, rexpect::error::Error> {
    const NEXT: &str = "What do you want to do next";
    let mut session: PtySession = spawn_command(command, Some(TIMEOUT))?;
    match session.exp_string(NEXT) {
        Ok(_) => {}
        // `mas-cli` exited before it asked anything.
        Err(rexpect::error::Error::EOF { got, .. }) => return Ok(got),
        Err(error) => return Err(error),
    }
    choose(&mut session, "password")?;
    session.exp_string("Password")?;
    session.send_line(password)?;
    session.exp_string("Confirm password")?;
    session.send_line(password)?;
    session.exp_string(NEXT)?;
    choose(&mut session, "Create")?;
    session.exp_string("Confirm?")?;
    session.send("y")?;
    session.flush()?;
    session.exp_eof()
}

fn choose(session: &mut PtySession, action: &str) -> Result<(), rexpect::error::Error> {
    session.send(action)?;
    session.send("\r")?;
    session.flush()
}

fn outcome(name: &str, output: &str) -> Result<Registration, ServiceError> {
    if output.contains("User registered") {
        return Ok(Registration::Registered);
    }
    if output.contains("User already exists") {
        return Ok(Registration::Exists);
    }
    let reason = output
        .lines()
        .find_map(|line| line.trim().strip_prefix("Error: "))
        .or_else(|| output.lines().rfind(|line| line.contains("ERROR")))
        .unwrap_or("MAS gave no reason");
    Err(ServiceError::NotRegistered {
        user: name.to_owned(),
        reason: reason.to_owned(),
    })
}
