//! Writes to Synapse's database as a busy homeserver does, and measures how long each transaction takes.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use sqlx::{Connection, PgConnection};

/// Transactions in a second, apart from the last uses of devices.
pub const RATE: u32 = 50;

/// Devices whose last use is written every five seconds, as Synapse does.
pub const SEEN: u32 = 500;

/// What is written, by how often of a hundred.
const MIX: &[(u32, Write)] = &[
    (35, Write::Refresh),
    (25, Write::LogIn),
    (25, Write::LogOut),
    (8, Write::Password),
    (4, Write::Email),
    (2, Write::Register),
    (1, Write::Deactivate),
];

#[derive(Clone, Copy)]
enum Write {
    Refresh,
    LogIn,
    LogOut,
    Password,
    Email,
    Register,
    Deactivate,
}

/// A load that runs until it is stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    /// When each transaction began, and how long it took, in milliseconds.
    latencies: Arc<Mutex<Vec<(Instant, f64)>>>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Begins to write to a database of so many users.
    pub fn begin(uri: String, users: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let latencies = Arc::new(Mutex::new(Vec::new()));
        let (until, measured) = (stop.clone(), latencies.clone());
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(write(&uri, users, &until, &measured));
        });
        Load {
            stop,
            latencies,
            thread: Some(thread),
        }
    }

    /// Stops, and waits until it is disconnected.
    pub fn stop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    /// The median and the 99th percentile of the latencies between two moments, in milliseconds.
    pub fn latency(&self, from: Instant, to: Instant) -> [f64; 2] {
        let latencies = self.latencies.lock().unwrap();
        let within = latencies
            .iter()
            .filter(|(at, _)| (from..to).contains(at))
            .map(|(_, latency)| *latency);
        let mut within: Vec<f64> = within.collect();
        within.sort_by(f64::total_cmp);
        [2, 100].map(|part| {
            let rank = within.len() - within.len() / part;
            within.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
        })
    }
}

async fn write(uri: &str, users: u32, stop: &AtomicBool, latencies: &Mutex<Vec<(Instant, f64)>>) {
    let mut connection = PgConnection::connect(uri).await.unwrap();
    let mut random = StdRng::seed_from_u64(1);
    let every = Duration::from_secs(1) / RATE;
    let (mut next, mut seen) = (Instant::now(), Instant::now());
    let mut new = 1_000_000_000_i64;
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        if begun >= seen {
            seen += Duration::from_secs(5);
            last_seen(&mut connection, users, &mut random).await;
        }
        let mut at = random.gen_range(0..100);
        let mut chosen = Write::Refresh;
        for (share, write) in MIX {
            chosen = *write;
            if at < *share {
                break;
            }
            at -= share;
        }
        let begun = Instant::now();
        new += 1;
        for statement in statements(chosen, random.gen_range(1..=users), new) {
            sqlx::raw_sql(&statement)
                .execute(&mut connection)
                .await
                .unwrap();
        }
        let latency = begun.elapsed().as_secs_f64() * 1000.0;
        latencies.lock().unwrap().push((begun, latency));
        next += every;
        if let Some(left) = next.checked_duration_since(Instant::now()) {
            tokio::time::sleep(left).await;
        }
    }
    connection.close().await.unwrap();
}

async fn last_seen(connection: &mut PgConnection, users: u32, random: &mut StdRng) {
    let of: Vec<String> = (0..SEEN)
        .map(|_| format!("@user{}:example.com", random.gen_range(1..=users)))
        .collect();
    sqlx::query(
        "UPDATE devices SET last_seen = (extract(epoch FROM now()) * 1000)::bigint,
           ip = '192.0.2.7', user_agent = 'Element'
         WHERE device_id = 'DEVICE1' AND user_id = ANY($1)",
    )
    .bind(of)
    .execute(connection)
    .await
    .unwrap();
}

/// The transactions of what a user does, each as Synapse makes it.
fn statements(write: Write, user: u32, new: i64) -> Vec<String> {
    let id = format!("'@user{user}:example.com'");
    let token = format!(
        "INSERT INTO access_tokens (id, user_id, device_id, token, last_validated, used)
         VALUES ({new}, {id}, 'NEW{new}', 'syt_{new}', 1700000000000, false)"
    );
    match write {
        Write::Refresh => vec![
            format!(
                "UPDATE access_tokens SET used = true, last_validated = {new}
                 WHERE user_id = {id} AND device_id = 'DEVICE2'"
            ),
            format!("UPDATE access_tokens SET token = 'syt_r{new}' WHERE user_id = {id} AND device_id = 'DEVICE2'"),
        ],
        Write::LogIn => vec![
            format!(
                "INSERT INTO devices (user_id, device_id, display_name, hidden)
                 VALUES ({id}, 'NEW{new}', 'A new device', false)"
            ),
            token,
        ],
        Write::LogOut => vec![
            format!("DELETE FROM devices WHERE user_id = {id} AND device_id = 'DEVICE3'"),
            format!("DELETE FROM access_tokens WHERE user_id = {id} AND device_id = 'DEVICE3'"),
        ],
        Write::Password => vec![format!(
            "UPDATE users SET password_hash = '$2b$12$' || left(md5('{new}'), 21) || 'e' || left(md5('x{new}'), 30) || 'a'
             WHERE name = {id}"
        )],
        Write::Email => vec![format!(
            "INSERT INTO user_threepids (user_id, medium, address, validated_at, added_at)
             VALUES ({id}, 'email', 'new{new}@example.com', 1700000000000, 1700000000000)"
        )],
        Write::Register => vec![
            format!(
                "INSERT INTO users (name, password_hash, creation_ts, admin, is_guest, deactivated, locked)
                 VALUES ('@new{new}:example.com', '$2b$12$' || left(md5('{new}'), 21) || 'e' || left(md5('x{new}'), 30) || 'a',
                   1700000000, 0, 0, 0, false)"
            ),
        ],
        Write::Deactivate => vec![
            format!("DELETE FROM devices WHERE user_id = {id}"),
            format!("DELETE FROM access_tokens WHERE user_id = {id}"),
            format!("DELETE FROM user_threepids WHERE user_id = {id}"),
            format!("UPDATE users SET deactivated = 1, password_hash = NULL WHERE name = {id}"),
        ],
    }
}
