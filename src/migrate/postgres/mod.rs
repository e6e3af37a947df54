//! Both databases: connections, state, locks, roles and backups.

pub mod backup;
pub mod clients;
pub mod connection;
pub mod identity;
pub mod marker;
pub mod mas_state;
pub mod programs;
pub mod role_grant;
pub mod scratch;
pub mod tables;
pub mod tls;
