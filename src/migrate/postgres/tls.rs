//! TLS settings of a connection to PostgreSQL. They are kept here because other programs need the same
//! settings, and `sqlx` cannot return those that it was given.

use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::process::Command;

use crate::migrate::{
    MigrateError,
    system::{private_dir::PrivateDir, run_as::Account},
};

/// Certificates as in a configuration: each is a path or the PEM text itself.
#[derive(Clone, Default)]
pub struct Named {
    /// Certificates of the authorities that may sign the server's, or `system` for those of this host.
    pub root: Option<String>,
    /// The client certificate.
    pub certificate: Option<String>,
    /// The private key of the client certificate.
    pub key: Option<String>,
}

impl Named {
    /// Reads libpq's environment variables: `PGSSLROOTCERT`, `PGSSLCERT` and `PGSSLKEY`.
    #[must_use]
    pub fn of_environment() -> Self {
        let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        Named {
            root: variable("PGSSLROOTCERT"),
            certificate: variable("PGSSLCERT"),
            key: variable("PGSSLKEY"),
        }
    }

    /// Takes what is missing here from `those`.
    #[must_use]
    pub fn or(self, those: Named) -> Self {
        Named {
            root: self.root.or(those.root),
            certificate: self.certificate.or(those.certificate),
            key: self.key.or(those.key),
        }
    }
}

/// TLS mode and certificates. The certificates are PEM text and not paths, because the user that
/// connects may be unable to read the original files.
#[derive(Clone, Default)]
pub struct Tls {
    mode: PgSslMode,
    root: Option<String>,
    client: Option<Client>,
}

#[derive(Clone)]
struct Client {
    certificate: String,
    key: String,
}

impl fmt::Debug for Tls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key is secret.
        out.debug_struct("Tls")
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files. `place` says where they are configured, for error messages.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or is not PEM, if only one of certificate and key is given, or if the key
    /// needs a passphrase.
    pub fn read(place: &str, mode: PgSslMode, named: &Named) -> Result<Self, MigrateError> {
        let wrong = |reason: &str| MigrateError::setting(place, reason);
        let pem = |name: &String| text(place, name);
        // In libpq, `system` means the certificates that this host trusts.
        let system = named.root.as_deref() == Some("system");
        let client = match (&named.certificate, &named.key) {
            (Some(certificate), Some(key)) => Some(Client {
                certificate: pem(certificate)?,
                key: pem(key)?,
            }),
            (None, None) => None,
            (Some(_), None) => {
                return Err(wrong("a certificate for TLS is named without its key"));
            }
            (None, Some(_)) => {
                return Err(wrong("a key for TLS is named without its certificate"));
            }
        };
        if client
            .as_ref()
            .is_some_and(|client| is_encrypted(&client.key))
        {
            return Err(wrong(
                "the key for TLS is protected by a passphrase (`sslpassword`), and MAS cannot read such \
                 keys. Name a copy without one, which `openssl pkey -in KEY -out COPY` makes",
            ));
        }
        Ok(Tls {
            mode: if system { PgSslMode::VerifyFull } else { mode },
            root: named
                .root
                .as_ref()
                .filter(|_| !system)
                .map(pem)
                .transpose()?,
            client,
        })
    }

    /// The same settings with the client certificate of `other`.
    #[must_use]
    pub fn entered_by(&self, other: &Tls) -> Self {
        Tls {
            client: other.client.clone(),
            ..self.clone()
        }
    }

    /// Adds these settings to options of `sqlx`.
    #[must_use]
    pub fn applied_to(&self, options: PgConnectOptions) -> PgConnectOptions {
        let mut options = options.ssl_mode(self.mode);
        if let Some(root) = &self.root {
            options = options.ssl_root_cert_from_pem(root.clone().into_bytes());
        }
        if let Some(client) = &self.client {
            options = options
                .ssl_client_cert_from_pem(&client.certificate)
                .ssl_client_key_from_pem(&client.key);
        }
        options
    }

    /// Writes the certificates to files in `private_dir`, for programs that run as this user. The names of
    /// the files begin with `prefix`.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    pub fn hand_over(
        &self,
        private_dir: &PrivateDir,
        prefix: &str,
        account: Option<&Account>,
    ) -> Result<Files, MigrateError> {
        let write = |name: &str, text: &str| {
            private_dir.write(&format!("{prefix}-{name}.pem"), text, account)
        };
        let root = match (&self.root, self.verifies()) {
            // Modes that verify always name a file: without one, libpq would use the certificates in
            // its user's home, and MAS would not use those that this host trusts.
            (_, false) => None,
            (Some(root), true) => Some(write("ca", root)?),
            (None, true) => openssl_probe::probe().cert_file,
        };
        let client = self.client.as_ref().map(|client| {
            let certificate = write("certificate", &client.certificate)?;
            Ok::<_, MigrateError>((certificate, write("key", &client.key)?))
        });
        let (certificate, key) = client.transpose()?.unzip();
        Ok(Files {
            mode: self.mode,
            root,
            certificate,
            key,
        })
    }

    fn verifies(&self) -> bool {
        matches!(self.mode, PgSslMode::VerifyCa | PgSslMode::VerifyFull)
    }
}

/// TLS settings with the certificates as files, for other programs.
#[derive(Debug)]
pub struct Files {
    mode: PgSslMode,
    root: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl Files {
    /// Parameters for a `postgresql://` URI. libpq and `sqlx` use the same names.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, String)> {
        let files = [
            ("sslrootcert", &self.root),
            ("sslcert", &self.certificate),
            ("sslkey", &self.key),
        ];
        let files = files
            .into_iter()
            .filter_map(|(name, file)| Some((name, file.as_ref()?.display().to_string())));
        std::iter::once(("sslmode", mode_name(self.mode).to_owned())).chain(files)
    }

    /// Sets libpq's environment variables for a program.
    pub fn set_environment(&self, command: &mut Command) {
        // If these were unset, libpq would use the certificates in its user's home.
        const NONE: &str = "/nonexistent";
        let file = |file: &Option<PathBuf>| file.clone().unwrap_or_else(|| NONE.into());
        command
            .env("PGSSLMODE", mode_name(self.mode))
            .env("PGSSLROOTCERT", file(&self.root))
            .env("PGSSLCERT", file(&self.certificate))
            .env("PGSSLKEY", file(&self.key));
    }
}

/// A PEM text, given directly or as the path of a file.
fn text(place: &str, name: &String) -> Result<String, MigrateError> {
    if name.trim_start().starts_with("-----BEGIN") {
        return Ok(name.clone());
    }
    let file = Path::new(name);
    let text = fs::read_to_string(file).map_err(|source| MigrateError::SettingFile {
        place: place.to_owned(),
        path: file.to_owned(),
        source,
    })?;
    if text.contains("-----BEGIN") {
        Ok(text)
    } else {
        let file = file.display();
        let reason = format!("{file} is not a certificate or a key in PEM");
        Err(MigrateError::setting(place, reason))
    }
}

fn is_encrypted(key: &str) -> bool {
    key.contains("-----BEGIN ENCRYPTED ") || key.contains("Proc-Type: 4,ENCRYPTED")
}

/// libpq's name of a mode.
fn mode_name(mode: PgSslMode) -> &'static str {
    match mode {
        PgSslMode::Disable => "disable",
        PgSslMode::Allow => "allow",
        PgSslMode::Prefer => "prefer",
        PgSslMode::Require => "require",
        PgSslMode::VerifyCa => "verify-ca",
        PgSslMode::VerifyFull => "verify-full",
    }
}

/// Parses the name of a mode, such as `verify-full`. libpq and MAS use the same names.
///
/// # Errors
///
/// If there is no mode of this name.
pub fn mode(place: &str, name: &str) -> Result<PgSslMode, MigrateError> {
    name.parse().map_err(|_| {
        let reason = format!(
            "`{name}` is not a mode of TLS. Write disable, allow, prefer, require, verify-ca or \
             verify-full"
        );
        MigrateError::setting(place, reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n";
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\na\n-----END CERTIFICATE-----\n";

    fn named(root: Option<&str>, certificate: Option<&str>, key: Option<&str>) -> Named {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Named {
            root: owned(root),
            certificate: owned(certificate),
            key: owned(key),
        }
    }

    fn refused(named: &Named) -> String {
        let read = Tls::read("here", PgSslMode::VerifyFull, named);
        read.unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_work_is_refused_with_a_reason() {
        let half = refused(&named(None, Some(CERTIFICATE), None));
        assert!(half.contains("without its key"), "{half}");
        let half = refused(&named(None, None, Some(KEY)));
        assert!(half.contains("without its certificate"), "{half}");
        let locked = KEY.replace("PRIVATE", "ENCRYPTED PRIVATE");
        let locked = refused(&named(None, Some(CERTIFICATE), Some(&locked)));
        assert!(locked.contains("openssl pkey"), "{locked}");
        assert!(!locked.contains("secret"));
        let absent = refused(&named(Some("/absent/ca.pem"), None, None));
        assert!(absent.contains("/absent/ca.pem"), "{absent}");
        assert!(mode("here", "verify").is_err());
    }

    #[test]
    fn a_key_is_not_shown() {
        let named = named(None, Some(CERTIFICATE), Some(KEY));
        let tls = Tls::read("here", PgSslMode::Require, &named).unwrap();
        assert!(!format!("{tls:?}").contains("secret"));
    }

    #[test]
    fn the_certificates_of_this_host_are_trusted_in_full() {
        let tls = Tls::read(
            "here",
            PgSslMode::Prefer,
            &named(Some("system"), None, None),
        )
        .unwrap();
        assert!(tls.verifies() && tls.root.is_none());
    }
}
