//! The copy that follows Synapse during a migration, and what must not change meanwhile.

use serde_json::Value;

use crate::migrate::{
    MigrateError,
    context::{Context, LIVE_COPY},
    copy::{Copied, LiveCopy, Round, Untouched},
    health::{self, Addresses},
    postgres::{
        connection::Database,
        scratch::{self, Scratch},
    },
    verify::Comparison,
};

/// A copy, with everything that must be the same until the cutover.
#[derive(Debug)]
pub struct Following {
    /// The copy.
    pub copy: LiveCopy,
    circumstances: Circumstances,
    /// MAS's other tables, from when the import was compared.
    untouched: Option<Untouched>,
}

/// What an import depends on, apart from the databases.
#[derive(Debug, PartialEq)]
struct Circumstances {
    synapse: Value,
    mas: String,
    synapse_version: Option<String>,
}

impl Circumstances {
    /// Reads the configurations anew. Synapse tells its version only if it runs.
    async fn now(context: &Context, synapse_runs: bool) -> Result<Self, MigrateError> {
        let fresh = Context::of(context.args.clone())?;
        let synapse_version = match Addresses::of(&fresh) {
            Ok(addresses) if synapse_runs => health::synapse_version(&addresses.synapse).await,
            _ => None,
        };
        Ok(Circumstances {
            synapse: fresh.synapse()?.value.clone(),
            mas: fresh.mas_as_text()?,
            synapse_version,
        })
    }

    /// What has changed, in words.
    fn change(&self, now: &Circumstances) -> Option<&'static str> {
        let is_other_version = self.synapse_version.is_some()
            && now.synapse_version.is_some()
            && self.synapse_version != now.synapse_version;
        if self.synapse != now.synapse {
            Some("Synapse's configuration")
        } else if self.mas != now.mas {
            Some("MAS's configuration")
        } else if is_other_version {
            Some("Synapse's version")
        } else {
            None
        }
    }
}

impl Following {
    /// Makes the copy. One that a killed run has left is replaced.
    ///
    /// # Errors
    ///
    /// If the copy cannot be made. Then it is removed again.
    pub async fn begin(
        context: &Context,
        rate: Option<u64>,
        on_progress: &mut dyn FnMut(Copied),
    ) -> Result<Self, MigrateError> {
        let circumstances = Circumstances::now(context, true).await?;
        let name = scratch::live_copy(context.mas_database()?).await?;
        let scratch: Scratch = context.scratch(LIVE_COPY, &name).await?;
        let comparison = Comparison::of(context)?;
        let synapse = context.synapse_database()?;
        match LiveCopy::make(scratch, synapse, comparison, rate, on_progress).await {
            Ok(copy) => Ok(Following {
                copy,
                circumstances,
                untouched: None,
            }),
            Err((scratch, error)) => {
                scratch.remove().await?;
                Err(error)
            }
        }
    }

    /// Brings the copy and MAS's database up to Synapse.
    ///
    /// # Errors
    ///
    /// As [`LiveCopy::catch_up`], and if MAS has run since the import, or what the import depends on has
    /// changed.
    pub async fn catch_up(
        &mut self,
        context: &Context,
        mas: &Database,
        is_last: bool,
    ) -> Result<Round, MigrateError> {
        let now = Circumstances::now(context, !is_last).await?;
        if let Some(what) = self.circumstances.change(&now) {
            return Err(MigrateError::Copy {
                problem: format!(
                    "{what} has changed since Synapse's tables were copied. Run `syn2mas migrate` again"
                ),
            });
        }
        self.make_sure_mas_is_untouched(mas).await?;
        self.copy.catch_up(mas, is_last).await
    }

    /// MAS writes to its tables for jobs as soon as it runs. A connection alone says nothing: it may be that of
    /// a backup or of monitoring.
    async fn make_sure_mas_is_untouched(&mut self, mas: &Database) -> Result<(), MigrateError> {
        let now = Untouched::read(mas).await?;
        let Some(before) = &self.untouched else {
            self.untouched = Some(now);
            return Ok(());
        };
        match before.differs(&now) {
            None => Ok(()),
            Some(table) => Err(MigrateError::Copy {
                problem: format!(
                    "somebody has written to the table {table} of MAS's database since the import. MAS must \
                     not run before the cutover: stop it, then run `syn2mas migrate` again"
                ),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_version_counts_only_if_synapse_tells_it() {
        let of = |synapse: Value, version: Option<&str>| Circumstances {
            synapse,
            mas: String::new(),
            synapse_version: version.map(str::to_owned),
        };
        let then = of(json!({}), Some("1.163.2"));
        assert_eq!(then.change(&of(json!({}), None)), None);
        assert_eq!(then.change(&of(json!({}), Some("1.163.2"))), None);
        assert_eq!(
            then.change(&of(json!({}), Some("1.164.0"))),
            Some("Synapse's version")
        );
        assert_eq!(
            then.change(&of(json!({"a": 1}), None)),
            Some("Synapse's configuration")
        );
    }
}
