//! Imports point down: no folder of `src`, and no module of `src/migrate`, imports one above it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::support::root;

/// The folders of `src`, from the lowest to the highest.
const FOLDERS: &[&str] = &[
    "util", "schema", "expr", "config", "mas_cli", "deploy", "rules", "service", "codegen",
    "migrate",
];

/// The modules of `src/migrate`, from the lowest to the highest.
const ROOMS: &[&str] = &[
    "error",
    "output_file",
    "system",
    "postgres",
    "synapse_config",
    "cutover_file",
    "step",
    "step_failures",
    "journal",
    "args",
    "context",
    "import",
    "health",
    "verify",
    "copy",
    "control",
    "translate",
    "preflight",
    "cutover",
    "rehearse",
    "plan",
    "report",
    "status",
    "clean",
];

fn imports_point_down() {
    let src = root().join("src");
    let mut checked = 0;
    let mut wrong = Vec::new();
    for file in rust_files(&src) {
        let module = module(file.strip_prefix(&src).unwrap());
        if module.is_empty() || module[0] == "bin" {
            continue;
        }
        for path in imported(&fs::read_to_string(&file).unwrap(), &module) {
            checked += 1;
            if points_up(&module, &path, FOLDERS, 0)
                || module[0] == "migrate"
                    && path[0] == "migrate"
                    && points_up(&module, &path, ROOMS, 1)
            {
                wrong.push(format!("{} uses {}", module.join("::"), path.join("::")));
            }
        }
    }
    assert!(checked > 500, "only {checked} imports");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn every_folder_has_its_place() {
    for (directory, order) in [("src", FOLDERS), ("src/migrate", ROOMS)] {
        let entries = fs::read_dir(root().join(directory)).unwrap();
        let mut found: Vec<String> = entries
            .map(|entry| entry.unwrap().path())
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .filter(|name| !["bin", "lib", "mod"].contains(&name.as_str()))
            .collect();
        let mut expected: Vec<&str> = order.to_vec();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{directory}");
    }
}

/// Whether a path leads from a module to one above it. Only the segment at a depth counts.
fn points_up(module: &[String], path: &[String], order: &[&str], depth: usize) -> bool {
    let place = |path: &[String]| {
        let segment = path.get(depth)?;
        order.iter().position(|name| name == segment)
    };
    matches!((place(module), place(path)), (Some(from), Some(to)) if to > from)
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                rust_files(&path)
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                vec![path]
            } else {
                Vec::new()
            }
        })
        .collect()
}

/// The path of the module in a file: `migrate/postgres/mod.rs` is `migrate::postgres`.
fn module(file: &Path) -> Vec<String> {
    let file = file.with_extension("");
    let segments = file.iter().map(|segment| segment.to_str().unwrap());
    segments
        .filter(|segment| !["mod", "lib"].contains(segment))
        .map(str::to_owned)
        .collect()
}

/// The paths within the crate that a file names, in `use` or elsewhere, from the root.
fn imported(text: &str, module: &[String]) -> Vec<Vec<String>> {
    // A comment may name what stands above.
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let mut paths = Vec::new();
    for (start, _) in code.match_indices("use ") {
        if code[..start].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
            continue;
        }
        let end = code[start..]
            .find(';')
            .map_or(code.len(), |length| start + length);
        expand(&code[start + 4..end], &[], &mut paths);
    }
    for root in ["crate::", "super::"] {
        for (start, _) in code.match_indices(root) {
            let end = code[start..]
                .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
                .map_or(code.len(), |length| start + length);
            expand(code[start..end].trim_end_matches(':'), &[], &mut paths);
        }
    }
    paths
        .iter()
        .filter_map(|path| absolute(path, module))
        .collect()
}

/// All paths in a tree of `use`: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(tree: &str, prefix: &[String], paths: &mut Vec<Vec<String>>) {
    let tree = tree.trim();
    let (before, inner) = match tree.split_once('{') {
        Some((before, inner)) => (before, inner.strip_suffix('}')),
        None => (tree, None),
    };
    let before = before.split(" as ").next().unwrap_or_default();
    let segments = before
        .split("::")
        .map(str::trim)
        .filter(|segment| !segment.is_empty());
    let prefix: Vec<String> = prefix
        .iter()
        .cloned()
        .chain(segments.map(str::to_owned))
        .collect();
    let Some(inner) = inner else {
        paths.push(prefix);
        return;
    };
    let mut depth = 0;
    let parts = inner.split(|c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    for part in parts.filter(|part| !part.trim().is_empty()) {
        expand(part, &prefix, paths);
    }
}

/// The path from the crate's root; nothing if it leads to another crate.
fn absolute(path: &[String], module: &[String]) -> Option<Vec<String>> {
    let ups = path
        .iter()
        .take_while(|segment| *segment == "super")
        .count();
    let absolute: Vec<String> = match path.first()?.as_str() {
        "crate" => path[1..].to_vec(),
        "super" => {
            // A path in a module of tests begins one level lower, and stays in its file.
            let kept = module.len().checked_sub(ups)?;
            module[..kept].iter().chain(&path[ups..]).cloned().collect()
        }
        _ => return None,
    };
    (!absolute.is_empty()).then_some(absolute)
}

crate::support::harness::tests![every_folder_has_its_place, imports_point_down];
