//! What the administrator says: the options of the command line, and a manifest with those that are not
//! given there. [`context`](super::context) has what they lead to.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::migrate::{MigrateError, cutover_file::CutoverFile};

/// The manifest that is read without `--manifest`, if it exists.
pub const MANIFEST: &str = "/etc/matrix-authentication-service/syn2mas.yaml";

/// Options of the command line. What is not given there comes from the manifest, a YAML file with the
/// same entries in camel case.
#[derive(clap::Args, Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Args {
    /// YAML file with the options that are not given on the command line. By default, the file that
    /// the NixOS module writes, /etc/matrix-authentication-service/syn2mas.yaml, if it exists.
    #[arg(long, value_name = "FILE", global = true)]
    #[serde(skip)]
    pub manifest: Option<PathBuf>,
    /// Configuration file of Synapse. Several files are merged as Synapse merges them.
    #[arg(long, value_name = "FILE", global = true)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub synapse_config: Vec<PathBuf>,
    /// Configuration file of MAS. Several files are merged as MAS merges them.
    #[arg(long, value_name = "FILE", global = true)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mas_config: Vec<PathBuf>,
    /// Manifest of mas-service. MAS's configuration is assembled from it if there is no
    /// `--mas-config`.
    #[arg(long, value_name = "FILE", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mas_service: Option<PathBuf>,
    /// Synapse's database, if Synapse's configuration does not say how to reach it from here.
    #[arg(long, value_name = "URI", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synapse_database_uri: Option<String>,
    /// MAS's database, if MAS's configuration does not say how to reach it from here.
    #[arg(long, value_name = "URI", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mas_database_uri: Option<String>,
    /// Server of both databases, as a superuser. Needed where PostgreSQL identifies roles by users
    /// of this host: then MAS's role is granted Synapse's role temporarily, during the import.
    #[arg(long, value_name = "URI", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_database_uri: Option<String>,
    /// User of this host as which to connect to Synapse's database.
    #[arg(long, value_name = "USER", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synapse_user: Option<String>,
    /// User of this host as which to connect to MAS's database and to run mas-cli.
    #[arg(long, value_name = "USER", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mas_user: Option<String>,
    /// User of this host as which to connect as the superuser.
    #[arg(long, value_name = "USER", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_user: Option<String>,
    /// MAS's command-line program [default: mas-cli].
    #[arg(long, value_name = "PATH", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mas_cli: Option<PathBuf>,
    /// Directory that contains `pg_dump`, `pg_restore` and `psql`, if they are not on PATH.
    #[arg(long, value_name = "DIR", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postgresql_programs: Option<PathBuf>,
    /// Directory for the journal and the backups [default: /var/lib/syn2mas].
    #[arg(long, value_name = "DIR", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_dir: Option<PathBuf>,
    /// Unit of Synapse or of one of its workers. Can be given several times.
    #[arg(long, value_name = "UNIT", global = true)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub synapse_unit: Vec<String>,
    /// Unit of MAS, sockets included. Can be given several times.
    #[arg(long, value_name = "UNIT", global = true)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mas_unit: Vec<String>,
    /// Shell command that stops Synapse, if Synapse is not a unit, but in containers for example. It is
    /// used instead of the units that a manifest names.
    #[arg(long, value_name = "CMD", global = true, requires = "start_with")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_with: Option<String>,
    /// Shell command that starts Synapse, if Synapse is not a unit.
    #[arg(long, value_name = "CMD", global = true, requires = "stop_with")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_with: Option<String>,
    /// FILE that Synapse reads after its own configuration. It is empty before the cutover, and a
    /// copy of SOURCE, with which Synapse delegates to MAS, afterwards.
    #[arg(long, value_name = "FILE=SOURCE", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlay: Option<CutoverFile>,
    /// FILE that the reverse proxy includes. It is empty before the cutover, and a copy of SOURCE,
    /// which sends login requests to MAS, afterwards. Can be given several times.
    #[arg(long, value_name = "FILE=SOURCE", global = true)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<CutoverFile>,
    /// Unit to reload when an include has changed. Can be given several times.
    #[arg(long, value_name = "UNIT", global = true)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proxy_unit: Vec<String>,
    /// URL at which Synapse responds, if it does not follow from Synapse's listeners.
    #[arg(long, value_name = "URL", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synapse_url: Option<String>,
}

impl Args {
    /// Takes options that were not given from the manifest.
    ///
    /// # Errors
    ///
    /// If the manifest cannot be read.
    pub fn with_manifest(self) -> Result<Self, MigrateError> {
        let found = || Path::new(MANIFEST).exists().then(|| MANIFEST.into());
        let mut args = match self.manifest.clone().or_else(found) {
            Some(file) => self.merge_over_manifest(&file)?,
            None => self,
        };
        // Absolute, because programs run in another working directory.
        let files = args.synapse_config.iter_mut();
        for file in files.chain(&mut args.mas_config) {
            *file = absolute(file)?;
        }
        Ok(args)
    }

    fn merge_over_manifest(self, file: &Path) -> Result<Self, MigrateError> {
        const FORM: &str = "a manifest of syn2mas";
        let text = fs::read_to_string(file).map_err(MigrateError::io("read", file))?;
        // Parsed as `Args` first, only because this error has a line number.
        let _: Args = serde_yaml_ng::from_str(&text).map_err(MigrateError::form(file, FORM))?;
        let mut entries: Value =
            serde_yaml_ng::from_str(&text).map_err(MigrateError::form(file, FORM))?;
        if entries.is_null() {
            entries = Value::Object(serde_json::Map::new());
        }
        if self.stop_with.is_some()
            && let Some(entries) = entries.as_object_mut()
        {
            entries.shift_remove("synapseUnit");
        }
        let given = serde_json::to_value(&self).map_err(MigrateError::form(file, FORM))?;
        for (name, value) in given.as_object().into_iter().flatten() {
            entries[name] = value.clone();
        }
        let args: Args = serde_json::from_value(entries).map_err(MigrateError::form(file, FORM))?;
        Ok(Args {
            manifest: Some(file.to_owned()),
            ..args
        })
    }

    /// The directory of the journal and the backups, by default `/var/lib/syn2mas`.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        let given = self.state_dir.clone();
        given.unwrap_or_else(|| "/var/lib/syn2mas".into())
    }

    /// The directory with the backups, one directory for each migration.
    #[must_use]
    pub fn backups(&self) -> PathBuf {
        self.state().join("backup")
    }

    /// The directory with the backups of a rehearsal, while one runs.
    #[must_use]
    pub fn rehearsal(&self) -> PathBuf {
        self.state().join("rehearsal")
    }
}

fn absolute(file: &Path) -> Result<PathBuf, MigrateError> {
    std::path::absolute(file).map_err(MigrateError::io("find", file))
}
