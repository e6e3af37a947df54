//! `mas2nix explain`: prints the documentation of an option.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::{Result, bail};
use mas2nix::{
    codegen::docs::{self, Entry},
    config::tree::{self, steps},
    rules::check,
};

const MODULE: &str = "services.matrix-authentication-service";

/// Prints the documentation of the option at `path`, and lists the options below it.
pub fn run(path: &str) -> Result<ExitCode> {
    let mas = docs::entries(&tree::settings());
    let module: Vec<Entry> = docs::entries(&tree::module())
        .into_iter()
        .filter(|entry| entry.path != "settings" && !entry.path.starts_with("settings."))
        .map(|entry| Entry {
            option: entry
                .option
                .replacen(".settings.", ".", 1)
                .replace("\"*\"", "<name>"),
            // All have defaults, or are required by rules only.
            required: false,
            ..entry
        })
        .collect();
    let path = path.trim();
    let (path, of_module) = match path.strip_prefix(MODULE) {
        Some(rest) if rest.is_empty() || rest.starts_with('.') => {
            (rest.trim_start_matches('.'), true)
        }
        _ => (path, false),
    };
    let mut out = crate::output::stdout();
    if of_module && path.is_empty() || path == "settings" {
        let all = if of_module && path.is_empty() {
            &module
        } else {
            &mas
        };
        let top = all
            .iter()
            .filter(|entry| !entry.path.contains(['.', '[', '*']));
        for entry in top {
            writeln!(out, "{}", entry.option)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let (path, of_mas) = match path.strip_prefix("settings.") {
        Some(rest) => (rest, true),
        None => (path, false),
    };
    // `secrets` is a section of MAS and a group of the module.
    let trees = match (of_module, of_mas) {
        (_, true) => vec![&mas],
        (true, false) => vec![&module, &mas],
        (false, false) => vec![&mas, &module],
    };
    let mut found = trees.iter().filter_map(|entries| {
        let entry = entries.iter().find(|entry| is_meant(&entry.path, path))?;
        Some((*entries, entry))
    });
    let Some((entries, entry)) = found.next() else {
        let all = trees.iter().flat_map(|entries| entries.iter());
        let plain = check::without_indices(path);
        let closest = check::closest(all.map(|entry| &entry.path), &plain);
        let hint = closest.map(|(_, path)| format!(" Did you mean `{path}`?"));
        bail!("there is no option `{path}`.{}", hint.unwrap_or_default())
    };
    describe(&mut out, entry, entries)?;
    if let Some((_, other)) = found.next() {
        writeln!(out, "\nThere is also `{}`.", other.option)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(out: &mut impl Write, entry: &Entry, entries: &[Entry]) -> io::Result<()> {
    writeln!(out, "{}\n{}\n", entry.path, "=".repeat(entry.path.len()))?;
    writeln!(out, "{}\n\nType: {}", entry.description, entry.r#type)?;
    if entry.required {
        writeln!(out, "Required.")?;
    }
    match (&entry.default_text, &entry.default) {
        (Some(text), _) => writeln!(out, "Default: {text}")?,
        (None, Some(default)) => writeln!(out, "Default: {default}")?,
        (None, None) => {}
    }
    if let Some(example) = &entry.example {
        writeln!(out, "Example: {example}")?;
    }
    writeln!(out, "In NixOS: {}", entry.option)?;
    let below = entries.iter().filter(|other| {
        let rest = other.path.strip_prefix(&entry.path);
        rest.is_some_and(|rest| rest.starts_with(['.', '[']))
    });
    for other in below {
        writeln!(out, "  {}", other.path)?;
    }
    Ok(())
}

/// Whether a path means the option at a path of the schema. It can have indices, NixOS's `*` for any entry of
/// a list or map, and names of the user's choice.
fn is_meant(option: &str, path: &str) -> bool {
    let path = check::without_indices(&path.replace('"', "")).replace("<name>", "*");
    let (own, given): (Vec<&str>, Vec<&str>) = (steps(option).collect(), steps(&path).collect());
    let same = |(own, given): (&&str, &&str)| match (*own, *given) {
        ("[]", "*") => true,
        ("*", given) => given != "[]",
        (own, given) => own == given,
    };
    own.len() == given.len() && own.iter().zip(&given).all(same)
}
