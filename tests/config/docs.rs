//! The documents: links lead somewhere, the book has every page, and what is said about them elsewhere holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use mas2nix::migrate::{preflight::catalogue, step::Step};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::support::root;

/// A Markdown file, as far as links are concerned.
struct Page {
    /// The anchors of its headings.
    anchors: BTreeSet<String>,
    /// The targets of its links and pictures.
    links: Vec<String>,
}

fn read(path: &Path) -> Page {
    let text = fs::read_to_string(path).unwrap();
    let mut page = Page {
        anchors: BTreeSet::new(),
        links: Vec::new(),
    };
    let mut heading: Option<String> = None;
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.links.push(dest_url.to_string());
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let anchor = anchor(&heading.take().unwrap_or_default());
                let count = seen.entry(anchor.clone()).or_insert(0);
                page.anchors.insert(match *count {
                    0 => anchor,
                    before => format!("{anchor}-{before}"),
                });
                *count += 1;
            }
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&part);
                }
            }
            _ => {}
        }
    }
    page
}

/// The anchor of a heading, by the rules of GitHub and of mdBook, which are the same for what we use. Both
/// number those that are there already.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter_map(|character| match character {
        ' ' => Some('-'),
        '-' | '_' => Some(character),
        _ => character.is_alphanumeric().then_some(character),
    });
    kept.collect::<String>().to_lowercase()
}

/// The Markdown files of a directory.
fn markdown(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

/// Every page that people read.
fn pages() -> BTreeMap<PathBuf, Page> {
    let mut paths = markdown(root());
    paths.extend(markdown(&root().join("docs")));
    paths.push(root().join("tests/e2e/README.md"));
    paths
        .into_iter()
        .map(|path| (path.clone(), read(&path)))
        .collect()
}

fn links_resolve() {
    let pages = pages();
    let docs = root().join("docs");
    let mut checked = 0;
    let mut wrong = Vec::new();
    for (path, page) in &pages {
        for link in &page.links {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            checked += 1;
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                path.clone()
            } else {
                path.parent().unwrap().join(file)
            };
            let Ok(target) = target.canonicalize() else {
                wrong.push(format!("{}: {link}: no such file", path.display()));
                continue;
            };
            let known = pages.get(&target);
            let has_anchor = known.is_some_and(|page| page.anchors.contains(fragment));
            if !fragment.is_empty() && !has_anchor {
                wrong.push(format!("{}: {link}: no such heading", path.display()));
            }
            // The book has nothing else.
            if path.starts_with(&docs) && !target.starts_with(&docs) {
                wrong.push(format!("{}: {link}: outside the book", path.display()));
            }
        }
    }
    assert!(checked > 100, "only {checked} links");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn the_book_has_every_page_once() {
    let docs = root().join("docs");
    let mut listed = read(&docs.join("SUMMARY.md")).links;
    let files = markdown(&docs).into_iter();
    let mut files: Vec<String> = files
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "SUMMARY.md")
        .collect();
    listed.sort_unstable();
    files.sort_unstable();
    assert_eq!(listed, files);
}

fn every_finding_and_every_step_has_its_entry() {
    let kinds = catalogue::CHAPTERS.iter().flat_map(|chapter| chapter.kinds);
    let addresses = kinds.map(|kind| kind.help.to_owned());
    let addresses = addresses.chain(Step::ALL.iter().map(|step| step.help()));
    let mut pages = BTreeMap::new();
    for address in addresses {
        let (file, fragment) = address.split_once('#').unwrap();
        let page = pages
            .entry(file.to_owned())
            .or_insert_with(|| read(&root().join(file)));
        assert!(page.anchors.contains(fragment), "{address}");
    }
}

fn outputs_come_from_the_walkthrough() {
    let walkthrough = root().join("tests/e2e/scenarios/walkthrough.py");
    let walkthrough = fs::read_to_string(walkthrough).unwrap();
    let mut shown = 0;
    for file in ["README.md", "docs/migration.md"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        for marked in text.split("<!-- output: ").skip(1) {
            let (comment, block) = marked.split_once("-->\n\n```\n").unwrap();
            let name = comment.split_whitespace().next().unwrap();
            let is_kept = ["record", "keep"]
                .iter()
                .any(|keep| walkthrough.contains(&format!("{keep}(\"{name}\"")));
            assert!(is_kept, "{file}: the walkthrough does not keep {name}");
            assert!(!block.starts_with("```"), "{file}: {name} is empty");
            shown += 1;
        }
    }
    assert!(shown > 5, "only {shown} outputs");
}

crate::support::harness::tests![
    links_resolve,
    the_book_has_every_page_once,
    every_finding_and_every_step_has_its_entry,
    outputs_come_from_the_walkthrough,
];
