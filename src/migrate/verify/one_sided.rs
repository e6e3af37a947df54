//! Finds the rows that only one side has, of what people would notice after a rollback.

use std::{collections::HashMap, time::SystemTime};

use super::{
    BUCKET_ROWS, Comparison, Reader,
    digest::{Hasher, differing},
    entities::{Entity, Moment, Side, at_stake},
    rows::Row,
    time,
};
use crate::migrate::{MigrateError, postgres::connection::Database};

/// Rows that only one side has, of one bucket.
#[derive(Clone, Debug)]
pub struct OneSided {
    /// Name of the entity, such as `access tokens`.
    pub entity: &'static str,
    /// Rows that only Synapse has.
    pub synapse: Vec<Row>,
    /// Rows that only MAS has.
    pub mas: Vec<Row>,
}

impl Comparison {
    /// Compares what MAS accepts now with what Synapse would accept, and passes on the rows that only one
    /// of them has, bucket by bucket. Users come first. Rows with the same key come together.
    ///
    /// # Errors
    ///
    /// If a database cannot be reached or read, or `cut_over` is not a time.
    pub async fn one_sided(
        &self,
        synapse: &Database,
        mas: &Database,
        cut_over: &str,
        mut found: impl FnMut(OneSided),
    ) -> Result<(), MigrateError> {
        let moment = moment(cut_over)?;
        let (mut left, mut right) = tokio::try_join!(
            Reader::open(synapse, Side::Expected),
            Reader::open(mas, Side::Actual),
        )?;
        let hasher = Hasher::default();
        for entity in at_stake(&self.providers, &moment) {
            search(&entity, &hasher, &mut left, &mut right, &mut found).await?;
        }
        Ok(())
    }
}

/// Now, on this host's clock, and the cutover.
///
/// # Errors
///
/// If `cut_over` is not a time (RFC 3339).
pub fn moment(cut_over: &str) -> Result<Moment, MigrateError> {
    Ok(Moment {
        now: SystemTime::now(),
        cut_over: time(cut_over)?,
    })
}

async fn search(
    entity: &Entity,
    hasher: &Hasher,
    synapse: &mut Reader<'_>,
    mas: &mut Reader<'_>,
    found: &mut impl FnMut(OneSided),
) -> Result<(), MigrateError> {
    let (left, right) = tokio::try_join!(synapse.count(entity, None), mas.count(entity, None))?;
    let buckets = (left.max(right) / BUCKET_ROWS).clamp(1, 65536);
    let (left, right) = tokio::try_join!(
        synapse.digests(entity, hasher, buckets, None),
        mas.digests(entity, hasher, buckets, None),
    )?;
    let differing = differing(&left, &right);
    if differing.is_empty() {
        return Ok(());
    }
    let queries = [Side::Expected, Side::Actual].map(|side| entity.fetch(side, buckets, None));
    let mut left = synapse.fetch(entity, &queries[0], &differing);
    let mut right = mas.fetch(entity, &queries[1], &differing);
    for bucket in &differing {
        let (left, right) = tokio::try_join!(left.bucket(*bucket), right.bucket(*bucket))?;
        let (synapse, mas) = without_common(entity.compared(), left, right);
        if !synapse.is_empty() || !mas.is_empty() {
            found(OneSided {
                entity: entity.name,
                synapse,
                mas,
            });
        }
    }
    Ok(())
}

/// The rows that only one of the lists has, by their first columns.
fn without_common(compared: usize, left: Vec<Row>, right: Vec<Row>) -> (Vec<Row>, Vec<Row>) {
    let mut known: HashMap<Row, Vec<Row>> = HashMap::new();
    for row in left {
        known.entry(row[..compared].to_vec()).or_default().push(row);
    }
    let mut only_right = Vec::new();
    for row in right {
        let same = known.get_mut(&row[..compared]).and_then(Vec::pop);
        if same.is_none() {
            only_right.push(row);
        }
    }
    (known.into_values().flatten().collect(), only_right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_columns_count() {
        let row = |texts: [&str; 2]| texts.map(|text| Some(text.to_owned())).to_vec();
        let left = vec![row(["a", "1"]), row(["a", "2"]), row(["b", "3"])];
        let right = vec![row(["a", "4"]), row(["b", "5"]), row(["c", "6"])];
        let (left, right) = without_common(1, left, right);
        assert_eq!(left.len(), 1);
        assert_eq!(left[0][0].as_deref(), Some("a"));
        assert_eq!(right, vec![row(["c", "6"])]);
    }
}
