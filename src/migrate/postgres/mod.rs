//! Both databases: how they are reached, what is in them, and how they are backed up.

pub mod backup;
pub mod connection;
pub mod mas_state;
pub mod role_grant;
pub mod scratch;
pub mod tls;
