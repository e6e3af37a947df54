//! `mas2nix package-files`: writes man pages and shell completions.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::Args;
use clap_complete::Shell;
use mas2nix::codegen::{self, Artifact};

#[derive(Args)]
pub struct PackageFiles {
    /// Directory to write to: the package's `share`.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Writes the files for a program.
pub fn run(arguments: &PackageFiles, program: &clap::Command) -> Result<ExitCode> {
    let changed = codegen::write_all(&arguments.out, &files(program)?)?;
    let mut out = io::stdout().lock();
    for path in changed {
        writeln!(out, "{}", arguments.out.join(path).display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The man pages and completions of a program, with paths as below `/usr/share`.
fn files(program: &clap::Command) -> Result<Vec<Artifact>> {
    let name = program.get_name().to_owned();
    let mut files = Vec::new();
    for (shell, path) in [
        (Shell::Bash, format!("bash-completion/completions/{name}")),
        (
            Shell::Fish,
            format!("fish/vendor_completions.d/{name}.fish"),
        ),
        (Shell::Zsh, format!("zsh/site-functions/_{name}")),
    ] {
        let mut content = Vec::new();
        clap_complete::generate(shell, &mut program.clone(), &name, &mut content);
        files.push(artifact(path, content)?);
    }
    // A page for `help` would say nothing new.
    let mut program = program.clone().disable_help_subcommand(true);
    program.build();
    let subcommands = program.get_subcommands().cloned();
    for command in std::iter::once(program.clone()).chain(subcommands) {
        let title = command.get_display_name().unwrap_or(&name).to_owned();
        let mut content = Vec::new();
        clap_mangen::Man::new(command).render(&mut content)?;
        files.push(artifact(format!("man/man1/{title}.1"), content)?);
    }
    Ok(files)
}

fn artifact(path: String, content: Vec<u8>) -> Result<Artifact> {
    Ok(Artifact {
        content: String::from_utf8(content).with_context(|| format!("{path} is not UTF-8"))?,
        path: path.into(),
    })
}
