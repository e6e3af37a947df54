//! What a host gets: MAS's settings, systemd units, routes, Synapse's settings, and shared files.

pub mod credentials;
pub mod cutover_files;
pub mod defaults;
pub mod etc_files;
pub mod manifests;
pub mod routes;
pub mod synapse_overlay;
pub mod units;
pub mod well_known;
