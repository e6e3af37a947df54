//! Turns the output of `mas-cli doctor` into findings without secrets. Its exit code does not report
//! problems, and its messages may contain the shared secret.

use std::process::Output;

use serde::Serialize;

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The check found nothing wrong.
    Good,
    /// Something may not work.
    Warning,
    /// Something does not work.
    Error,
}

/// A result of one of the doctor's checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whether the check passed.
    pub level: Level,
    /// The message, on one or more lines.
    pub text: String,
}

/// What `mas-cli doctor` wrote, on both of its outputs, without these secrets.
#[must_use]
pub fn redacted(output: &Output, secrets: &[String]) -> String {
    let written = [&*output.stdout, &*output.stderr].concat();
    redact(&String::from_utf8_lossy(&written), secrets)
}

/// Replaces every secret of at least 4 bytes with `[secret]`.
#[must_use]
pub fn redact(text: &str, secrets: &[String]) -> String {
    let secrets = secrets.iter().filter(|secret| secret.len() >= 4);
    secrets.fold(text.to_owned(), |text, secret| {
        text.replace(secret.as_str(), "[secret]")
    })
}

/// The findings in the log output of `mas-cli doctor`.
#[must_use]
pub fn findings(log: &str) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for line in log.lines() {
        let marked = [
            ('✅', Level::Good),
            ('⚠', Level::Warning),
            ('❌', Level::Error),
        ]
        .into_iter()
        .find_map(|(mark, level)| Some((level, line.split_once(mark)?.1)));
        match (marked, findings.last_mut()) {
            (Some((level, text)), _) => findings.push(Finding {
                level,
                text: text.trim_start_matches('\u{fe0f}').trim().to_owned(),
            }),
            (None, Some(finding)) => {
                finding.text.push('\n');
                finding.text.push_str(line);
            }
            (None, None) => {}
        }
    }
    for finding in &mut findings {
        finding.text = finding.text.trim_end().to_owned();
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_becomes_findings() {
        let log = "2026-01-01T00:00:00Z  INFO mas_cli: 💡 Running diagnostics\n\
            2026-01-01T00:00:00Z  INFO mas_cli: ✅ Homeserver is reachable\n\
            2026-01-01T00:00:00Z  WARN mas_cli: ⚠️ No HTTPS.\nSome clients refuse it.\n\n\
            2026-01-01T00:00:00Z ERROR mas_cli: ❌Replied with 403, secret abcdef\n";
        let found = findings(&redact(log, &["abcdef".to_owned(), "e".to_owned()]));
        assert_eq!(
            found.iter().map(|f| f.level).collect::<Vec<_>>(),
            [Level::Good, Level::Warning, Level::Error]
        );
        assert_eq!(found[1].text, "No HTTPS.\nSome clients refuse it.");
        assert_eq!(found[2].text, "Replied with 403, secret [secret]");
    }
}
