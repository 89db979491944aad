//! Quartermaster looks after the backups and the credits of one Barrack AI account.

pub mod planted;
pub mod clock;
pub mod domain;
pub mod journal;
pub mod config;
pub mod barrack;
pub mod daemon;
pub mod sim;
pub mod rehearsal;
