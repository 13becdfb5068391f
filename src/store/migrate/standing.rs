//! How a database stands to this program: which migrations it lacks, and whether those it has are
//! the ones that this program knows. Looking changes nothing.
//!
//! A release only adds to the schema, so that the one before it works on. What takes something away
//! comes a release later, and its name ends in `; needs N`: releases that do not know migration N yet
//! still use what is gone, and must not run.

use super::{Step, migration};
use crate::store::{Db, StoreError};

const IS_MIGRATED_POSTGRES: &str = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
const IS_MIGRATED_SQLITE: &str =
    "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations')";
const APPLIED: &str =
    "SELECT version, description, checksum FROM _sqlx_migrations ORDER BY version";

/// Stands before the number of the migration that a program must know.
const NEEDS: &str = "; needs ";

/// See the module.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What is to be applied, in this order.
    pub pending: Vec<Pending>,
    /// The newest migration, if only a later release knows it.
    pub newer: Option<i64>,
}

/// A migration that the database lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Pending {
    /// Its place among all.
    pub number: i64,
    /// What it does.
    pub name: &'static str,
}

/// A migration that the database has.
#[derive(sqlx::FromRow)]
struct Applied {
    version: i64,
    description: String,
    checksum: Vec<u8>,
}

impl Db {
    /// Looks at the database; refuses one that this program cannot work with.
    pub async fn standing(&self) -> Result<Standing, StoreError> {
        let is_migrated = match self {
            Self::Postgres(pool) => {
                sqlx::query_scalar(IS_MIGRATED_POSTGRES)
                    .fetch_one(pool)
                    .await
            }
            Self::Sqlite(pools) => {
                let asked = sqlx::query_scalar(IS_MIGRATED_SQLITE);
                asked.fetch_one(&pools.read).await
            }
        };
        let applied: Vec<Applied> = if is_migrated? {
            with_pool!(self, |pool| sqlx::query_as(APPLIED).fetch_all(pool).await)?
        } else {
            Vec::new()
        };
        standing(self.steps(), &applied)
    }
}

fn standing(steps: &[Step], applied: &[Applied]) -> Result<Standing, StoreError> {
    let known = steps.last().map_or(0, |(number, ..)| *number);
    for applied in applied {
        applied.is_understood(steps, known)?;
    }
    let is_applied = |number| applied.iter().any(|applied| applied.version == number);
    let pending = steps.iter().filter(|(number, ..)| !is_applied(*number));
    let newest = applied.last().map(|newest| newest.version);
    Ok(Standing {
        pending: pending
            .map(|&(number, name, _)| Pending { number, name })
            .collect(),
        newer: newest.filter(|newest| *newest > known),
    })
}

impl Applied {
    /// Whether a program that knows `steps`, up to the number `known`, can work with what this did.
    fn is_understood(&self, steps: &[Step], known: i64) -> Result<(), StoreError> {
        let Self {
            version,
            description,
            checksum,
        } = self;
        let step = steps.iter().find(|(number, ..)| number == version);
        match step {
            Some(step) if *migration(step).checksum == **checksum => Ok(()),
            None if *version > known && self.needs().is_none_or(|needed| needed <= known) => Ok(()),
            None if *version > known => Err(StoreError::setup(format!(
                "a later release of tollgate migrated the database ({version}, {description:?}), and \
                 this one cannot work with it any more; start that release, or restore the backup \
                 from before the upgrade"
            ))),
            _ => Err(StoreError::setup(format!(
                "migration {version} ({description:?}) of the database is not the one that this \
                 tollgate knows: the database belongs to another build, or the migration was edited \
                 after it was applied; start the build that made the database, or restore a backup"
            ))),
        }
    }

    /// The migration that a program must know to work with what this took away.
    fn needs(&self) -> Option<i64> {
        let (_, needed) = self.description.rsplit_once(NEEDS)?;
        needed.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: &[Step] = &[(1, "one", "SELECT 1"), (2, "two", "SELECT 2")];

    fn applied(version: i64, description: &str) -> Applied {
        let step = STEPS.iter().find(|(number, ..)| *number == version);
        Applied {
            version,
            description: description.to_owned(),
            checksum: step.map_or_else(Vec::new, |step| migration(step).checksum.into_owned()),
        }
    }

    fn refusal(applied: &[Applied]) -> String {
        standing(STEPS, applied).unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_applied_is_pending() {
        let fresh = standing(STEPS, &[]).unwrap();
        assert_eq!(fresh.pending.len(), 2);
        let older = standing(STEPS, &[applied(1, "one")]).unwrap();
        let (number, name) = (2, "two");
        assert_eq!(older.pending, [Pending { number, name }]);
        let both = [applied(1, "one"), applied(2, "two")];
        assert_eq!(standing(STEPS, &both).unwrap(), Standing::default());
    }

    #[test]
    fn an_edited_migration_is_refused_by_its_number() {
        let edited = Applied {
            checksum: vec![0],
            ..applied(2, "two")
        };
        let refused = refusal(&[applied(1, "one"), edited]);
        assert!(refused.contains("migration 2") && refused.contains("edited"));
    }

    #[test]
    fn a_migration_that_is_missing_here_is_refused() {
        assert!(refusal(&[applied(1, "one"), applied(0, "zero")]).contains("migration 0"));
    }

    #[test]
    fn what_a_later_release_added_is_taken_as_it_is() {
        let added = [
            applied(1, "one"),
            applied(2, "two"),
            applied(3, "add three"),
        ];
        assert_eq!(standing(STEPS, &added).unwrap().newer, Some(3));
    }

    #[test]
    fn what_was_taken_away_is_borne_by_who_knows_its_successor() {
        let gone = |needed: i64| [applied(9, &format!("drop old names; needs {needed}"))];
        assert_eq!(standing(STEPS, &gone(2)).unwrap().newer, Some(9));
        assert!(refusal(&gone(3)).contains("start that release"));
    }
}
