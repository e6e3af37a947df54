//! What a package installs beside a program: man pages and shell completions.

use std::io;

use clap_complete::Shell;

use super::Artifact;

/// The man pages and completions of a program, with paths as below `/usr/share`.
///
/// # Errors
///
/// If a page cannot be written to memory.
pub fn package_files(program: &clap::Command) -> io::Result<Vec<Artifact>> {
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
        files.push(artifact(path, &content));
    }
    // A page for `help` would say nothing new.
    let mut program = program.clone().disable_help_subcommand(true);
    program.build();
    let subcommands = program.get_subcommands().cloned();
    for command in std::iter::once(program.clone()).chain(subcommands) {
        let title = command.get_display_name().unwrap_or(&name).to_owned();
        let mut content = Vec::new();
        clap_mangen::Man::new(command).render(&mut content)?;
        files.push(artifact(format!("man/man1/{title}.1"), &content));
    }
    Ok(files)
}

fn artifact(path: String, content: &[u8]) -> Artifact {
    Artifact {
        content: String::from_utf8_lossy(content).into_owned(),
        path: path.into(),
    }
}
