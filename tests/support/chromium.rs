//! Pages in Chromium, without a window.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;
use tempfile::TempDir;

use super::{
    harness::{Skip, skip},
    program,
};

/// Chromium.
pub struct Chromium(PathBuf);

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// In CSS pixels.
    pub width: u32,
    pub is_dark: bool,
}

/// What a page is like.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// The width that the content needs, and its height, in CSS pixels.
    pub width: u32,
    pub height: u32,
    /// Elements that are wider than the page, or whose content is wider than they are. What scrolls, and
    /// bars on a scale, may be.
    pub overflowing: Vec<String>,
    /// Addresses that the page has requested.
    pub requests: Vec<String>,
    /// Texts with less contrast than 4.5, which WCAG 2 demands.
    pub faint: Vec<String>,
    /// The background of the page.
    pub background: String,
    /// How many texts were looked at.
    pub texts: u32,
}

/// Measures the page in the frame, and puts the result into an attribute.
const MEASURE: &str = r#"
const frame = document.querySelector("iframe");
frame.onload = () => {
  const page = frame.contentDocument, view = frame.contentWindow;
  const width = view.innerWidth;
  const named = (one) => one.tagName + "." + one.className + ": " + one.textContent.trim().slice(0, 40);
  const overflowing = [...page.body.querySelectorAll("*")].filter((one) =>
    !one.closest(".scroll, .hidden, .track") && (one.getBoundingClientRect().right > width + 0.5
      || one.clientWidth > 0 && one.scrollWidth > one.clientWidth + 1));
  const channels = (color) => (color.match(/[\d.]+/g) || []).map(Number);
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const found = channels(view.getComputedStyle(one).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
      if (found[3] !== 0) throw new Error("a translucent background");
    }
    throw new Error("no background");
  };
  const luminance = (color) => {
    const [r, g, b] = color.slice(0, 3).map((one) => one / 255)
      .map((one) => one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faint = [];
  const texts = page.createTreeWalker(page.body, view.NodeFilter.SHOW_TEXT);
  let count = 0;
  while (texts.nextNode()) {
    const one = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim()) continue;
    count += 1;
    const [low, high] = [ground(one), channels(view.getComputedStyle(one).color)]
      .map(luminance).sort((a, b) => a - b);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) faint.push(named(one) + " has " + contrast.toFixed(2));
  }
  document.documentElement.dataset.measured = JSON.stringify({
    width: page.documentElement.scrollWidth,
    height: page.documentElement.scrollHeight,
    overflowing: overflowing.map(named),
    requests: view.performance.getEntriesByType("resource").map((entry) => entry.name),
    faint,
    background: view.getComputedStyle(page.body).backgroundColor,
    texts: count,
  });
};
frame.srcdoc = PAGE;
"#;

impl Chromium {
    pub fn find() -> Result<Self, Skip> {
        match program("chromium") {
            Some(program) => Ok(Chromium(program)),
            None => skip("chromium is not on PATH"),
        }
    }

    fn run(&self, view: View, arguments: &[&str], page: &Path) -> String {
        let profile = TempDir::new().unwrap();
        let mut command = Command::new(&self.0);
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
        ]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        // 0 is dark, and 1 light.
        let scheme = u8::from(!view.is_dark);
        command.arg(format!("--blink-settings=preferredColorScheme={scheme}"));
        command.args(arguments);
        command.arg(format!("file://{}", page.display()));
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Looks at a page. A window has a width of at least 500, and a frame has not.
    pub fn measure(&self, page: &str, view: View) -> Measured {
        let directory = TempDir::new().unwrap();
        let frame = frame(directory.path(), page, view, 10);
        let dumped = self.run(view, &["--dump-dom"], &frame);
        let (_, found) = dumped
            .split_once("data-measured=\"")
            .unwrap_or_else(|| panic!("not measured: {dumped:.2000}"));
        let (found, _) = found.split_once('"').unwrap();
        let found = found
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&");
        serde_json::from_str(&found).unwrap_or_else(|error| panic!("{error}: {found}"))
    }

    /// Keeps a picture of a page.
    pub fn screenshot(&self, page: &str, view: View, height: u32, picture: &Path) {
        let directory = TempDir::new().unwrap();
        let frame = frame(directory.path(), page, view, height);
        let size = format!("--window-size={},{height}", view.width.max(500));
        let picture = format!("--screenshot={}", picture.display());
        self.run(view, &[&size, &picture], &frame);
    }

    /// Keeps a page as it is printed, as PDF.
    pub fn print(&self, page: &str, pdf: &Path) {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("page.html");
        fs::write(&file, page).unwrap();
        let pdf = format!("--print-to-pdf={}", pdf.display());
        let view = View {
            width: 1000,
            is_dark: true,
        };
        self.run(view, &["--no-pdf-header-footer", &pdf], &file);
    }
}

/// A file with the page in a frame.
fn frame(directory: &Path, page: &str, view: View, height: u32) -> PathBuf {
    let text = serde_json::to_string(page).unwrap().replace('<', "\\u003c");
    let script = MEASURE.replace("PAGE", &text);
    let width = view.width;
    let file = directory.join("frame.html");
    let content = format!(
        "<!doctype html><meta charset=utf-8><style>body {{ margin: 0 }} \
         iframe {{ display: block; border: 0; width: {width}px; height: {height}px }}</style>\
         <iframe></iframe><script>{script}</script>"
    );
    fs::write(&file, content).unwrap();
    file
}
