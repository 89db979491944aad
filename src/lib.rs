//! Quartermaster looks after the backups and the credits of one Barrack AI account.

pub mod clock;
pub mod domain;
pub mod config;
