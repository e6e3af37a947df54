//! Generates secrets on the host. An existing secret is never overwritten.

use std::{
    error::Error,
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use nix::unistd::{Group, User};
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use rand::{RngCore, rngs::OsRng};

use super::ServiceError;
use crate::deploy::manifests::{Manifest, Secrets};
use crate::util::{atomic_write, secret::secret_text};

/// The length of the RSA key in bits.
const RSA_BITS: usize = 3072;

/// Generates the wanted secrets that are missing. Returns the paths of the new files.
///
/// # Errors
///
/// If a secret cannot be generated. Others may have been generated before.
pub fn generate(wanted: &Secrets) -> Result<Vec<PathBuf>, ServiceError> {
    let mut generated = Vec::new();
    let file = |name: &str| wanted.directory.join(name);
    if wanted.encryption && make_file(&file("encryption"), &random_hex())? {
        generated.push(file("encryption"));
    }
    if wanted.keys && make_keys(&file("keys"))? {
        generated.push(file("keys"));
    }
    if wanted.database && make_file(&file("database"), &random_hex())? {
        generated.push(file("database"));
    }
    if wanted.synapse {
        if make_file(&file("synapse"), &random_hex())? {
            generated.push(file("synapse"));
        }
        if let Some(group) = &wanted.group {
            share(&file("synapse"), group)?;
        }
    }
    Ok(generated)
}

/// 32 random bytes as 64 hexadecimal digits.
fn random_hex() -> String {
    let mut bytes = [0_u8; 32];
    OsRng.fill_bytes(&mut bytes);
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Creates a file that only its owner may read, atomically. Returns false if it already exists.
fn make_file(path: &Path, content: &str) -> Result<bool, ServiceError> {
    let failed = |action| ServiceError::io(action, path);
    let directory = path.parent().unwrap_or(path);
    let mut new = tempfile::NamedTempFile::new_in(directory).map_err(failed("create"))?;
    new.write_all(content.as_bytes())
        .and_then(|()| {
            new.as_file()
                .set_permissions(fs::Permissions::from_mode(0o400))
        })
        .and_then(|()| new.as_file().sync_all())
        .map_err(failed("write"))?;
    match new.persist_noclobber(path) {
        Ok(_) => {
            atomic_write::sync_directory(path).map_err(failed("create"))?;
            Ok(true)
        }
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed("create")(error.error)),
    }
}

/// Creates a directory with an RSA key and a P-256 key. Returns false if one with any file exists.
fn make_keys(path: &Path) -> Result<bool, ServiceError> {
    let failed = |action| ServiceError::io(action, path);
    if path.exists() {
        let mut entries = fs::read_dir(path).map_err(failed("read"))?;
        if entries.next().is_some() {
            return Ok(false);
        }
    }
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700);
    let new = path.with_extension("new");
    if new.exists() {
        fs::remove_dir_all(&new).map_err(failed("remove"))?;
    }
    builder.create(&new).map_err(failed("create"))?;
    for (name, key) in [("rsa.pem", rsa_key()), ("p256.pem", p256_key())] {
        let key = key.map_err(|source| ServiceError::Key {
            path: path.join(name),
            source,
        })?;
        make_file(&new.join(name), &key)?;
    }
    fs::rename(&new, path)
        .and_then(|()| atomic_write::sync_directory(path))
        .map_err(failed("create"))?;
    Ok(true)
}

fn rsa_key() -> Result<String, Box<dyn Error + Send + Sync>> {
    let key = rsa::RsaPrivateKey::new(&mut OsRng, RSA_BITS)?;
    Ok(key.to_pkcs8_pem(LineEnding::LF)?.to_string())
}

fn p256_key() -> Result<String, Box<dyn Error + Send + Sync>> {
    let key = p256::SecretKey::random(&mut OsRng);
    Ok(key.to_pkcs8_pem(LineEnding::LF)?.to_string())
}

/// Lets a group read a file: sets its group, and mode 0440.
fn share(path: &Path, group: &str) -> Result<(), ServiceError> {
    let failed = |action| ServiceError::io(action, path);
    let found = Group::from_name(group).map_err(|source| ServiceError::Group {
        group: group.to_owned(),
        source,
    })?;
    let found = found.ok_or_else(|| ServiceError::NoGroup {
        path: path.to_owned(),
        group: group.to_owned(),
    })?;
    let metadata = fs::metadata(path).map_err(failed("read"))?;
    if metadata.gid() != found.gid.as_raw() {
        chown(path, None, Some(found.gid.as_raw())).map_err(failed("share"))?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o440)).map_err(failed("share"))
}

/// The problems with the files that the settings name, one sentence each.
#[must_use]
pub fn problems(manifest: &Manifest) -> Vec<String> {
    let files = manifest.credentials.iter();
    // `PrivateTmp=` hides the host's /tmp and /var/tmp from this unit.
    let files =
        files.filter(|(_, path)| !path.starts_with("/tmp") && !path.starts_with("/var/tmp"));
    let problems = files.filter_map(|(name, path)| {
        let problem = file_problem(name, path)?;
        Some(format!("{}: {}: {problem}", option(name), path.display()))
    });
    problems.collect()
}

/// Why Synapse probably cannot read the shared secret, judging by owner and mode.
#[must_use]
pub fn synapse_secret_warning(manifest: &Manifest) -> Option<String> {
    let path = manifest.synapse_secret.as_ref()?;
    let name = manifest.secrets.group.as_ref()?;
    let group = Group::from_name(name).ok()??;
    let metadata = fs::metadata(path).ok()?;
    let owner = User::from_uid(metadata.uid().into()).ok().flatten();
    let mode = metadata.mode();
    let readable = mode & 0o004 != 0
        || (mode & 0o040 != 0 && metadata.gid() == group.gid.as_raw())
        || (mode & 0o400 != 0 && owner.is_some_and(|owner| owner.gid == group.gid));
    (!readable).then(|| {
        format!(
            "synapse.secretPath: {}: Synapse probably cannot read it. Let the group {name} \
             read it, or set another file",
            path.display()
        )
    })
}

/// The path of the option that a credential belongs to, from the credential's name.
fn option(name: &str) -> String {
    let number = |prefix: &str| name.strip_prefix(prefix);
    if let Some(user) = number("user-") {
        return format!("users.{user}.passwordFile");
    }
    if let Some(i) = number("config-").filter(|i| i.parse::<usize>().is_ok()) {
        return format!("extraConfigFiles[{i}]");
    }
    if !name.contains('.') {
        return format!("credentials.{name}");
    }
    let steps = name.split('.').map(|step| match step.parse::<usize>() {
        Ok(i) => format!("[{i}]"),
        Err(_) => format!(".{step}"),
    });
    format!("settings{}", steps.collect::<String>())
}

fn file_problem(name: &str, path: &Path) -> Option<String> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => {
            return Some(format!(
                "{error}. Put the secret there, or set another file"
            ));
        }
    };
    // systemd reads the credential from the service that listens on this socket.
    if metadata.file_type().is_socket() {
        return None;
    }
    if metadata.is_dir() {
        let empty = fs::read_dir(path).map(|mut entries| entries.next().is_none());
        return match empty {
            Ok(false) => None,
            Ok(true) => Some("the directory is empty. Put a key there".to_owned()),
            Err(error) => Some(error.to_string()),
        };
    }
    let content = match fs::read_to_string(path) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return None,
        Err(error) => return Some(error.to_string()),
    };
    let text = secret_text(&content);
    if text.is_empty() {
        return Some("the file is empty. Put the secret there".to_owned());
    }
    let hex = text.len() == 64 && text.chars().all(|char| char.is_ascii_hexdigit());
    if name == "secrets.encryption_file" && !hex {
        return Some(format!(
            "expected 64 hexadecimal digits, found {} characters. Generate a key with \
             `openssl rand -hex 32`",
            text.chars().count()
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(directory: &Path) -> Secrets {
        Secrets {
            directory: directory.to_owned(),
            encryption: true,
            keys: true,
            synapse: true,
            database: false,
            group: None,
        }
    }

    #[test]
    fn secrets_are_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let wanted = wanted(directory.path());
        assert_eq!(generate(&wanted).unwrap().len(), 3);
        let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
        let before = [read("encryption"), read("synapse"), read("keys/rsa.pem")];
        assert_eq!(before[0].len(), 64);
        assert!(before[2].starts_with("-----BEGIN PRIVATE KEY-----"));
        assert!(read("keys/p256.pem").starts_with("-----BEGIN PRIVATE KEY-----"));
        assert_eq!(generate(&wanted).unwrap(), Vec::<PathBuf>::new());
        assert_eq!(
            before,
            [read("encryption"), read("synapse"), read("keys/rsa.pem")]
        );
        let mode = |name: &str| {
            let metadata = fs::metadata(directory.path().join(name)).unwrap();
            metadata.permissions().mode() & 0o777
        };
        assert_eq!(
            [mode("encryption"), mode("keys"), mode("keys/rsa.pem")],
            [0o400, 0o700, 0o400]
        );
        let left: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!(left.len(), 3, "nothing half-made is left");
    }

    #[test]
    fn keys_of_the_administrator_stay_alone() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("keys")).unwrap();
        fs::write(directory.path().join("keys/mine.pem"), "mine").unwrap();
        generate(&wanted(directory.path())).unwrap();
        let keys: Vec<_> = fs::read_dir(directory.path().join("keys"))
            .unwrap()
            .collect();
        assert_eq!(keys.len(), 1);
    }

    #[test]
    fn a_missing_or_wrong_file_is_named_with_its_option() {
        assert_eq!(
            option("upstream_oauth2.providers.1.client_secret_file"),
            "settings.upstream_oauth2.providers[1].client_secret_file"
        );
        assert_eq!(option("user-alice"), "users.alice.passwordFile");
        assert_eq!(option("config-0"), "extraConfigFiles[0]");
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        assert!(
            file_problem("matrix.secret_file", &file)
                .unwrap()
                .contains("No such file")
        );
        let socket = directory.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(file_problem("credentials.a", &socket), None);
        fs::write(&file, "\n").unwrap();
        assert!(
            file_problem("matrix.secret_file", &file)
                .unwrap()
                .contains("empty")
        );
        fs::write(&file, "abc\n").unwrap();
        let problem = file_problem("secrets.encryption_file", &file).unwrap();
        assert!(
            problem.contains("64") && !problem.contains("abc"),
            "{problem}"
        );
    }
}
