//! Imports users anew into MAS's database, by the rules of the import.
//!
//! What a user must have follows from the copy by the same queries that the comparison uses
//! (`verify/entities.rs`). It replaces what MAS has of the user, except the user's own id. The rest, ids
//! and times that Synapse does not know, is made as `mas-cli syn2mas migrate` makes it (MAS's
//! `crates/syn2mas/src/migration.rs`, 1.22.0).

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    net::IpAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sqlx::PgConnection;
use ulid::Ulid;

use super::{
    changes::Changes,
    rows::{self, values},
};
use crate::migrate::{
    MigrateError,
    postgres::{
        connection::Database,
        mas_state::{IMPORTED, uuid},
    },
    verify::{
        Comparison, Entity, Report, Row, Side, compare, entities, last_uses, owners, time_of,
    },
};

/// Users, or devices, that are written with one set of queries.
const USERS: usize = 1000;

/// Passwords refer to passwords. MAS has no index of these references, so each password that is deleted would
/// cost a scan of all. After the import no password has one, and this index is empty.
const INDEX: &str = "CREATE INDEX IF NOT EXISTS syn2mas_upgraded_passwords
    ON user_passwords (upgraded_from_id) WHERE upgraded_from_id IS NOT NULL";

/// Prepares MAS's database for rounds of catching up.
///
/// # Errors
///
/// If the database cannot be written.
pub async fn prepare(mas: &Database) -> Result<(), MigrateError> {
    execute(&mut mas.connect().await?, mas, INDEX).await
}

async fn execute(
    to: &mut PgConnection,
    mas: &Database,
    statement: &str,
) -> Result<(), MigrateError> {
    sqlx::raw_sql(statement)
        .execute(to)
        .await
        .map_err(mas.failed("cannot bring it up to Synapse's database"))?;
    Ok(())
}

/// Imports users anew. All of it is one transaction of MAS's database.
pub struct Importer<'a> {
    comparison: &'a Comparison,
    entities: Vec<Entity>,
    copy: &'a Database,
    from: &'a mut PgConnection,
    mas: &'a Database,
    to: PgConnection,
    now: SystemTime,
}

/// What the copy says of some users, by entity.
type Expected = HashMap<&'static str, Vec<Row>>;

/// MAS's ids of users and the times of their creation, by name.
type Known = HashMap<String, (String, String)>;

impl<'a> Importer<'a> {
    /// Begins the transaction.
    pub async fn new(
        comparison: &'a Comparison,
        copy: &'a Database,
        from: &'a mut PgConnection,
        mas: &'a Database,
    ) -> Result<Self, MigrateError> {
        let mut to = mas.connect().await?;
        // All queries are about few rows, and after the import the server has no statistics that say so. Without
        // bitmaps, names are not looked up in MAS's index of trigrams, which takes milliseconds for each.
        let settings = ["seqscan = off", "bitmapscan = off", "nestloop = on"];
        let settings = settings.map(|setting| format!("SET enable_{setting}; "));
        sqlx::raw_sql(&format!("{}BEGIN", settings.concat()))
            .execute(&mut to)
            .await
            .map_err(mas.failed("cannot begin a transaction"))?;
        Ok(Importer {
            comparison,
            entities: entities(&comparison.providers),
            copy,
            from,
            mas,
            to,
            now: with_microseconds(SystemTime::now()),
        })
    }

    /// Brings MAS's database up to the copy, compares what it wrote, and commits. The last time, what
    /// [`prepare`] made is removed.
    ///
    /// # Errors
    ///
    /// If a database cannot be read or written, or the import would refuse what there is now. Then nothing
    /// is committed.
    pub async fn import(mut self, changes: &Changes, is_last: bool) -> Result<(), MigrateError> {
        let users: Vec<&str> = changes.users.iter().map(String::as_str).collect();
        // First all, because something may have moved from one user to another.
        for ids in users.chunks(USERS) {
            let (_, names) = self.named(ids);
            self.delete(&names).await?;
        }
        for ids in users.chunks(USERS) {
            self.refuse(ids).await?;
            let (ids, names) = self.named(ids);
            self.insert(&ids, &names).await?;
        }
        let seen = changes.seen.iter();
        let seen: Vec<_> = seen.filter(|(id, _)| !changes.users.contains(id)).collect();
        for used in seen.chunks(USERS) {
            self.update_last_uses(used).await?;
        }
        if is_last {
            let drop = "DROP INDEX IF EXISTS syn2mas_upgraded_passwords";
            execute(&mut self.to, self.mas, drop).await?;
        }
        execute(&mut self.to, self.mas, "COMMIT").await
    }

    /// Those of the users who can have a name in MAS, and their names.
    fn named(&self, ids: &[&str]) -> (Vec<String>, Vec<String>) {
        let server = &self.comparison.server_name;
        let named = ids.iter().filter_map(|id| {
            let name = localpart(id, server)?;
            Some(((*id).to_owned(), name.to_owned()))
        });
        named.unzip()
    }

    /// Fails if the import would refuse the rows of these users.
    async fn refuse(&mut self, ids: &[&str]) -> Result<(), MigrateError> {
        let failed = || self.copy.failed("cannot read the copy");
        let server = &self.comparison.server_name;
        let foreign = |id: &str| MigrateError::Copy {
            problem: format!("the user {id} is not of the server {server}"),
        };
        let users: Vec<(String, bool, bool)> = sqlx::query_as(
            "SELECT name, creation_ts IS NOT NULL, appservice_id IS NOT NULL FROM users
             WHERE name = ANY($1)",
        )
        .bind(ids)
        .fetch_all(&mut *self.from)
        .await
        .map_err(failed())?;
        for (id, has_time, is_of_service) in &users {
            if !has_time {
                return Err(MigrateError::Copy {
                    problem: format!("Synapse does not know when the user {id} was created"),
                });
            }
            if localpart(id, server).is_none() && !(*is_of_service && is_left_out(id, server)) {
                return Err(foreign(id));
            }
        }
        let owners: Vec<String> = sqlx::query_scalar(&owners())
            .bind(ids)
            .fetch_all(&mut *self.from)
            .await
            .map_err(failed())?;
        let users: BTreeSet<&String> = users.iter().map(|(id, ..)| id).collect();
        for id in &owners {
            if localpart(id, server).is_none() {
                return Err(foreign(id));
            }
            if !users.contains(id) {
                return Err(MigrateError::Copy {
                    problem: format!(
                        "Synapse has rows of the user {id}, who is not in its table users"
                    ),
                });
            }
        }
        self.make_sure_of_providers(ids).await
    }

    /// MAS's ids of users and the times of their creation, by name.
    async fn known_users(&mut self, names: &[String]) -> Result<Known, MigrateError> {
        let found: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT username, user_id::text, created_at::text FROM users WHERE username = ANY($1)",
        )
        .bind(names)
        .fetch_all(&mut self.to)
        .await
        .map_err(self.mas.failed("cannot read its users"))?;
        let found = found.into_iter();
        Ok(found
            .map(|(name, id, created)| (name, (id, created)))
            .collect())
    }

    /// Deletes what users have, except the users themselves.
    async fn delete(&mut self, names: &[String]) -> Result<(), MigrateError> {
        const USER: &str =
            "user_id = ANY(ARRAY(SELECT user_id FROM users WHERE username = ANY($1)))";
        let session = format!(
            "compat_session_id = ANY(ARRAY(SELECT compat_session_id FROM compat_sessions WHERE {USER}))"
        );
        for (table, of_these) in [
            ("compat_refresh_tokens", session.as_str()),
            ("compat_access_tokens", &session),
            ("compat_sessions", USER),
            ("upstream_oauth_links", USER),
            ("user_unsupported_third_party_ids", USER),
            ("user_emails", USER),
            ("user_passwords", USER),
        ] {
            sqlx::query(&format!("DELETE FROM {table} WHERE {of_these}"))
                .bind(names)
                .execute(&mut self.to)
                .await
                .map_err(self.mas.failed(&format!("cannot delete from {table}")))?;
        }
        Ok(())
    }

    /// Inserts what these users must have, given by their ids and their names, and compares it.
    async fn insert(&mut self, ids: &[String], names: &[String]) -> Result<(), MigrateError> {
        let known = self.known_users(names).await?;
        let mut expected = Expected::new();
        for position in 0..self.entities.len() {
            let name = self.entities[position].name;
            expected.insert(name, self.rows(position, Side::Expected, ids).await?);
        }
        let mut batch = Batch {
            importer: self,
            expected: &expected,
            users: HashMap::new(),
            sessions: HashMap::new(),
            tokens: HashMap::new(),
        };
        batch.users(known).await?;
        batch.passwords().await?;
        batch.emails().await?;
        batch.third_party_ids().await?;
        batch.links().await?;
        batch.sessions().await?;
        batch.access_tokens().await?;
        batch.refresh_tokens().await?;
        for position in 0..self.entities.len() {
            let actual = self.rows(position, Side::Actual, names).await?;
            let entity = &self.entities[position];
            let expected = expected.remove(entity.name).unwrap_or_default();
            must_be_equal(entity, expected, actual)?;
        }
        Ok(())
    }

    /// All rows of an entity that these users have: their ids on Synapse's side, their names on MAS's.
    async fn rows(
        &mut self,
        entity: usize,
        side: Side,
        users: &[String],
    ) -> Result<Vec<Row>, MigrateError> {
        let entity = &self.entities[entity];
        let (database, connection) = match side {
            Side::Expected => (self.copy, &mut *self.from),
            Side::Actual => (self.mas, &mut self.to),
        };
        let rows = sqlx::query(&entity.of_users(side))
            .bind(users)
            .fetch_all(connection)
            .await
            .map_err(database.failed(&format!("cannot read its {}", entity.name)))?;
        Ok(values(&rows))
    }

    /// Fails if a user, even one of an application service, has a link to a provider that MAS does not have,
    /// as the import does.
    async fn make_sure_of_providers(&mut self, ids: &[&str]) -> Result<(), MigrateError> {
        let providers = self.comparison.providers.iter();
        let providers: Vec<&str> = providers
            .map(|provider| provider.synapse_id.as_str())
            .collect();
        let unknown: Option<(String, String)> = sqlx::query_as(
            "SELECT user_id, auth_provider FROM user_external_ids
             WHERE user_id = ANY($1) AND auth_provider <> ALL($2) LIMIT 1",
        )
        .bind(ids)
        .bind(providers)
        .fetch_optional(&mut *self.from)
        .await
        .map_err(self.copy.failed("cannot read the copy"))?;
        match unknown {
            None => Ok(()),
            Some((user, provider)) => Err(MigrateError::Copy {
                problem: format!(
                    "{user} has a link to the identity provider {provider}, which no provider in MAS's \
                     configuration replaces (`synapse_idp_id`)"
                ),
            }),
        }
    }

    /// Updates when these devices, each with the id of its user, were last used, and compares that.
    async fn update_last_uses(&mut self, seen: &[&(String, String)]) -> Result<(), MigrateError> {
        let server = &self.comparison.server_name;
        let pairs = seen.iter().filter_map(|(id, device)| {
            let name = localpart(id, server)?;
            Some((id.as_str(), (name, device.as_str())))
        });
        let (ids, (names, devices)): (Vec<&str>, (Vec<&str>, Vec<&str>)) = pairs.unzip();
        let of_sessions = last_uses();
        let query = of_sessions.rows(Side::Expected);
        let expected = sqlx::query(&query).bind(&ids).bind(&devices);
        let expected = expected.fetch_all(&mut *self.from).await;
        let mut expected = values(&expected.map_err(self.copy.failed("cannot read its devices"))?);
        let column = |position: usize| -> Values {
            expected.iter().map(|row| row[position].clone()).collect()
        };
        sqlx::query(
            "UPDATE compat_sessions s SET last_active_at = v.at::timestamptz,
               last_active_ip = v.ip::inet, user_agent = v.agent
             FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
               v (username, device_id, at, ip, agent)
             JOIN users u USING (username)
             WHERE s.user_id = u.user_id AND s.device_id = v.device_id",
        )
        .bind(column(0))
        .bind(column(1))
        .bind(column(2))
        .bind(column(3).into_iter().map(address).collect::<Values>())
        .bind(column(4))
        .execute(&mut self.to)
        .await
        .map_err(self.mas.failed("cannot update its sessions"))?;
        let query = of_sessions.rows(Side::Actual);
        let actual = sqlx::query(&query).bind(&names).bind(&devices);
        let actual = actual.fetch_all(&mut self.to).await;
        let actual = values(&actual.map_err(self.mas.failed("cannot read its sessions"))?);
        // Some devices are no sessions. That MAS has those that are was compared before.
        let sessions: HashSet<&[Option<String>]> =
            actual.iter().map(|row| &row[..of_sessions.key]).collect();
        expected.retain(|row| sessions.contains(&row[..of_sessions.key]));
        must_be_equal(&of_sessions, expected, actual)
    }
}

/// The name of a user in MAS. None if the id is not of this server, or has an unusual form.
fn localpart<'i>(id: &'i str, server: &str) -> Option<&'i str> {
    let (name, of_server) = id.strip_prefix('@')?.split_once(':')?;
    (of_server == server).then_some(name)
}

/// Whether the import leaves out an application service's user with this id, which has a colon too many.
fn is_left_out(id: &str, server: &str) -> bool {
    let name = id.strip_suffix(server);
    let name = name.and_then(|name| name.strip_suffix(':'));
    name.is_some_and(|name| name.contains(':'))
}

/// An address, if it is one for MAS.
fn address(text: Option<String>) -> Option<String> {
    text.filter(|text| text.parse::<IpAddr>().is_ok())
}

fn position_of(entities: &[Entity], name: &str) -> usize {
    let position = entities.iter().position(|entity| entity.name == name);
    position.unwrap_or_else(|| unreachable!("there is no entity {name}"))
}

fn position_in(entity: &Entity, column: &str) -> usize {
    let position = entity.columns.iter().position(|it| it.name == column);
    position.unwrap_or_else(|| unreachable!("{} have no column {column}", entity.name))
}

fn must_be_equal(
    entity: &Entity,
    expected: Vec<Row>,
    actual: Vec<Row>,
) -> Result<(), MigrateError> {
    let mut report = Report::default();
    compare(entity, expected, actual, None, &mut report);
    if report.is_identical() {
        return Ok(());
    }
    let example = report.rows.first().map_or(String::new(), |row| {
        let key = row
            .key
            .iter()
            .map(|(column, value)| format!("{column} {}", value.as_deref().unwrap_or("NULL")));
        let columns: Vec<&str> = row.columns.keys().copied().collect();
        let key: Vec<String> = key.collect();
        format!("{} ({})", key.join(", "), columns.join(", "))
    });
    Err(MigrateError::Copy {
        problem: format!(
            "what was written to MAS's database differs from what follows from Synapse's, in {}: {example}. \
             This is an error of syn2mas",
            entity.name
        ),
    })
}

/// A time whose fraction of a millisecond is not zero. It shows that the time is not one of Synapse's, as
/// with what the import takes from its clock.
fn with_microseconds(now: SystemTime) -> SystemTime {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    if since.subsec_micros().is_multiple_of(1000) {
        return now + Duration::from_micros(1);
    }
    now
}

/// What is inserted of some users.
struct Batch<'b, 'a> {
    importer: &'b mut Importer<'a>,
    expected: &'b Expected,
    /// MAS's ids of the users, by name.
    users: HashMap<String, String>,
    /// Ids of sessions, by user, device, and token for a session without a device.
    sessions: HashMap<[Option<String>; 3], String>,
    /// Ids of access tokens, by token.
    tokens: HashMap<String, String>,
}

/// Values of a row for MAS's table, in the order of the columns.
type Values = Vec<Option<String>>;

impl Batch<'_, '_> {
    /// The rows of an entity, each with the values of these columns.
    fn columns<const N: usize>(
        &self,
        entity: &'static str,
        names: [&str; N],
    ) -> Vec<[Option<String>; N]> {
        let entities = &self.importer.entities;
        let of_name = &entities[position_of(entities, entity)];
        let positions = names.map(|name| position_in(of_name, name));
        let rows = self.expected[entity].iter();
        rows.map(|row| positions.map(|position| row[position].clone()))
            .collect()
    }

    /// A new id with this time of creation. It is the clock's if there is none, as PostgreSQL has it.
    fn new_id(&self, created: Option<&str>) -> String {
        let time = match created {
            // Times in ids begin in 1970.
            Some(created) => time_of(created).unwrap_or(UNIX_EPOCH),
            None => self.importer.now,
        };
        uuid(Ulid::from_datetime(time))
    }

    /// A time, or the clock's if there is none.
    fn or_now(&self, created: Option<String>) -> String {
        created.unwrap_or_else(|| humantime::format_rfc3339_micros(self.importer.now).to_string())
    }

    /// The id of a user who must be there.
    fn user(&self, entity: &str, name: Option<&str>) -> Result<Option<String>, MigrateError> {
        let found = name.and_then(|name| self.users.get(name));
        match found {
            Some(id) => Ok(Some(id.clone())),
            None => Err(MigrateError::Copy {
                problem: format!(
                    "Synapse has {entity} of the user {}, who is not in its table users",
                    name.unwrap_or("NULL")
                ),
            }),
        }
    }

    async fn write(
        &mut self,
        table: &str,
        columns: &[(&str, &str)],
        rows: Vec<Values>,
    ) -> Result<(), MigrateError> {
        rows::insert(&mut self.importer.to, table, columns, &rows)
            .await
            .map_err(
                self.importer
                    .mas
                    .failed(&format!("cannot insert into {table}")),
            )
    }

    /// Updates users, inserts new ones, and deletes those whom MAS must not have any more. A user with
    /// another time of creation is another user, because the time is part of the id.
    async fn users(&mut self, mut known: Known) -> Result<(), MigrateError> {
        let rows = self.columns(
            "users",
            [
                "username",
                "created_at",
                "locked_at",
                "deactivated_at",
                "can_request_admin",
                "is_guest",
            ],
        );
        let (mut new, mut old) = (Vec::new(), Vec::new());
        for row in rows {
            let [Some(name), created, ..] = row.clone() else {
                unreachable!("users are selected by their ids");
            };
            let is_same = |(_, then): &(String, String)| Some(then) == created.as_ref();
            let (id, rows) = if known.get(&name).is_some_and(is_same) {
                let (id, _) = known.remove(&name).unwrap_or_default();
                (id, &mut old)
            } else {
                (self.new_id(created.as_deref()), &mut new)
            };
            rows.push(
                [Some(id.clone())]
                    .into_iter()
                    .chain(row)
                    .collect::<Values>(),
            );
            self.users.insert(name, id);
        }
        let gone: Vec<String> = known.into_values().map(|(id, _)| id).collect();
        let (mas, to) = (self.importer.mas, &mut self.importer.to);
        sqlx::query("DELETE FROM users WHERE user_id = ANY($1::text[]::uuid[])")
            .bind(gone)
            .execute(&mut *to)
            .await
            .map_err(mas.failed("cannot delete from users"))?;
        let column =
            |position: usize| -> Values { old.iter().map(|row| row[position].clone()).collect() };
        sqlx::query(
            "UPDATE users u SET locked_at = v.locked_at::timestamptz,
               deactivated_at = v.deactivated_at::timestamptz,
               can_request_admin = v.can_request_admin::boolean, is_guest = v.is_guest::boolean
             FROM unnest($1::text[]::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
               v (user_id, locked_at, deactivated_at, can_request_admin, is_guest)
             WHERE u.user_id = v.user_id",
        )
        .bind(column(0))
        .bind(column(3))
        .bind(column(4))
        .bind(column(5))
        .bind(column(6))
        .execute(to)
        .await
        .map_err(mas.failed("cannot update users"))?;
        self.write(
            "users",
            &[
                ("user_id", "uuid"),
                ("username", "text"),
                ("created_at", "timestamptz"),
                ("locked_at", "timestamptz"),
                ("deactivated_at", "timestamptz"),
                ("can_request_admin", "boolean"),
                ("is_guest", "boolean"),
            ],
            new,
        )
        .await
    }

    async fn passwords(&mut self) -> Result<(), MigrateError> {
        const NAMES: [&str; 4] = ["username", "version", "hashed_password", "created_at"];
        let mut rows = Vec::new();
        for [name, version, hash, created] in self.columns("passwords", NAMES) {
            let id = Some(self.new_id(created.as_deref()));
            let user = self.user("a password", name.as_deref())?;
            rows.push(vec![id, user, hash, created, version]);
        }
        let columns = [
            ("user_password_id", "uuid"),
            ("user_id", "uuid"),
            ("hashed_password", "text"),
            ("created_at", "timestamptz"),
            ("version", "integer"),
        ];
        self.write("user_passwords", &columns, rows).await
    }

    async fn emails(&mut self) -> Result<(), MigrateError> {
        const NAMES: [&str; 3] = ["username", "email", "created_at"];
        let mut rows = Vec::new();
        for [name, email, created] in self.columns("emails", NAMES) {
            let id = Some(self.new_id(created.as_deref()));
            let user = self.user("an email address", name.as_deref())?;
            rows.push(vec![id, user, email, created]);
        }
        let columns = [
            ("user_email_id", "uuid"),
            ("user_id", "uuid"),
            ("email", "text"),
            ("created_at", "timestamptz"),
        ];
        self.write("user_emails", &columns, rows).await
    }

    async fn third_party_ids(&mut self) -> Result<(), MigrateError> {
        const NAMES: [&str; 4] = ["username", "medium", "address", "created_at"];
        let mut rows = Vec::new();
        for [name, medium, address, created] in self.columns("third-party ids", NAMES) {
            let user = self.user("a third-party id", name.as_deref())?;
            rows.push(vec![user, medium, address, created]);
        }
        let columns = [
            ("user_id", "uuid"),
            ("medium", "text"),
            ("address", "text"),
            ("created_at", "timestamptz"),
        ];
        self.write("user_unsupported_third_party_ids", &columns, rows)
            .await
    }

    async fn links(&mut self) -> Result<(), MigrateError> {
        const NAMES: [&str; 4] = [
            "upstream_oauth_provider_id",
            "subject",
            "username",
            "created_at",
        ];
        let mut rows = Vec::new();
        for [provider, subject, name, created] in self.columns("upstream links", NAMES) {
            let id = Some(self.new_id(created.as_deref()));
            let user = self.user("a link", name.as_deref())?;
            rows.push(vec![id, user, provider, subject, created]);
        }
        let columns = [
            ("upstream_oauth_link_id", "uuid"),
            ("user_id", "uuid"),
            ("upstream_oauth_provider_id", "uuid"),
            ("subject", "text"),
            ("created_at", "timestamptz"),
        ];
        self.write("upstream_oauth_links", &columns, rows).await
    }

    async fn sessions(&mut self) -> Result<(), MigrateError> {
        const NAMES: [&str; 9] = [
            "username",
            "device_id",
            "access_token",
            "human_name",
            "is_synapse_admin",
            "created_at",
            "last_active_at",
            "last_active_ip",
            "user_agent",
        ];
        let mut rows = Vec::new();
        for [name, device, token, human_name, admin, made, at, ip, agent] in
            self.columns("sessions", NAMES)
        {
            // The import takes the time of the token that it reads first.
            let first = made.and_then(|times| times.split('|').next().map(str::to_owned));
            let id = self.new_id(first.as_deref());
            let created = Some(self.or_now(first));
            let user = self.user("a device", name.as_deref())?;
            self.sessions
                .insert([name, device.clone(), token], id.clone());
            rows.push(vec![
                Some(id),
                user,
                device,
                human_name,
                created,
                admin,
                at,
                address(ip),
                agent,
            ]);
        }
        let columns = [
            ("compat_session_id", "uuid"),
            ("user_id", "uuid"),
            ("device_id", "text"),
            ("human_name", "text"),
            ("created_at", "timestamptz"),
            ("is_synapse_admin", "boolean"),
            ("last_active_at", "timestamptz"),
            ("last_active_ip", "inet"),
            ("user_agent", "text"),
        ];
        self.write("compat_sessions", &columns, rows).await
    }

    /// The session of a token. There is none for a device that does not belong to a client, and then the
    /// import fails.
    fn session(
        &self,
        name: Option<&str>,
        device: Option<&str>,
        token: Option<&str>,
    ) -> Result<Option<String>, MigrateError> {
        let token = token.filter(|_| device.is_none());
        let key = [name, device, token].map(|text| text.map(str::to_owned));
        match self.sessions.get(&key) {
            Some(id) => Ok(Some(id.clone())),
            None => Err(MigrateError::Copy {
                problem: format!(
                    "the user {} has an access token of the device {}, which is none of a client",
                    name.unwrap_or("NULL"),
                    device.unwrap_or("NULL")
                ),
            }),
        }
    }

    async fn access_tokens(&mut self) -> Result<(), MigrateError> {
        const NAMES: [&str; 5] = [
            "access_token",
            "username",
            "device_id",
            "created_at",
            "expires_at",
        ];
        let mut rows = Vec::new();
        for [token, name, device, created, expires] in self.columns("access tokens", NAMES) {
            let id = self.new_id(created.as_deref());
            let session = self.session(name.as_deref(), device.as_deref(), token.as_deref())?;
            self.tokens
                .extend(token.clone().map(|token| (token, id.clone())));
            let created = Some(self.or_now(created));
            rows.push(vec![Some(id), session, token, created, expires]);
        }
        let columns = [
            ("compat_access_token_id", "uuid"),
            ("compat_session_id", "uuid"),
            ("access_token", "text"),
            ("created_at", "timestamptz"),
            ("expires_at", "timestamptz"),
        ];
        self.write("compat_access_tokens", &columns, rows).await
    }

    async fn refresh_tokens(&mut self) -> Result<(), MigrateError> {
        const NAMES: [&str; 5] = [
            "refresh_token",
            "access_token",
            "username",
            "device_id",
            "created_at",
        ];
        let mut rows = Vec::new();
        for [token, access_token, name, device, created] in self.columns("refresh tokens", NAMES) {
            let id = Some(self.new_id(created.as_deref()));
            let session = self.session(name.as_deref(), device.as_deref(), None)?;
            let access_token = access_token.and_then(|token| self.tokens.get(&token).cloned());
            let created = Some(self.or_now(created));
            rows.push(vec![id, session, access_token, token, created]);
        }
        let columns = [
            ("compat_refresh_token_id", "uuid"),
            ("compat_session_id", "uuid"),
            ("compat_access_token_id", "uuid"),
            ("refresh_token", "text"),
            ("created_at", "timestamptz"),
        ];
        self.write("compat_refresh_tokens", &columns, rows).await
    }
}

/// What MAS's tables have, except those that the import writes. MAS itself writes to them as soon as it
/// runs, so they show whether it has served anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untouched(Vec<(String, i64, Option<String>)>);

impl Untouched {
    /// Reads the tables.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub async fn read(mas: &Database) -> Result<Self, MigrateError> {
        let mut connection = mas.snapshot().await?;
        let failed = || mas.failed("cannot tell whether MAS has written to it");
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT tablename::text FROM pg_tables
             WHERE schemaname = current_schema AND tablename <> ALL($1) ORDER BY 1",
        )
        .bind(IMPORTED.map(str::to_owned).to_vec())
        .fetch_all(&mut connection)
        .await
        .map_err(failed())?;
        let digests: Vec<String> = tables
            .iter()
            .map(|table| {
                let (text, name) = (table.replace('\'', "''"), table.replace('"', "\"\""));
                format!(
                    "SELECT '{text}', count(*), sum(hashtextextended(t::text, 0))::text FROM \"{name}\" t"
                )
            })
            .collect();
        if digests.is_empty() {
            return Ok(Untouched(Vec::new()));
        }
        let digests = sqlx::query_as(&digests.join(" UNION ALL "))
            .fetch_all(&mut connection)
            .await
            .map_err(failed())?;
        Ok(Untouched(digests))
    }

    /// The first table that is not as it was.
    #[must_use]
    pub fn differs<'a>(&'a self, now: &'a Untouched) -> Option<&'a str> {
        let tables = self.0.iter().chain(&now.0);
        let differing = |table: &&(String, i64, Option<String>)| {
            !(self.0.contains(table) && now.0.contains(table))
        };
        tables
            .into_iter()
            .find(differing)
            .map(|(name, _, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_the_clock_can_be_told_from_one_of_synapse() {
        let whole = UNIX_EPOCH + Duration::from_millis(5);
        assert_ne!(with_microseconds(whole), whole);
        let finer = UNIX_EPOCH + Duration::from_micros(5001);
        assert_eq!(with_microseconds(finer), finer);
    }

    #[test]
    fn another_row_anywhere_is_noticed() {
        let state = |rows| Untouched(vec![("queue_jobs".to_owned(), rows, None)]);
        assert_eq!(state(0).differs(&state(0)), None);
        assert_eq!(state(0).differs(&state(1)), Some("queue_jobs"));
        assert_eq!(Untouched(Vec::new()).differs(&state(0)), Some("queue_jobs"));
    }
}
