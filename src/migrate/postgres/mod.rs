//! Both databases: how they are reached, what is in them, and how they are backed up.

pub mod backup;
pub mod clients;
pub mod connection;
pub mod mas_state;
pub mod programs;
pub mod role_grant;
pub mod scratch;
pub mod tables;
pub mod tls;
