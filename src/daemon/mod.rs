//! The daemon: one thread that looks, records, plans, audits and performs, over and over.

pub mod engine;
pub mod pass;
mod look;
mod look_back;
mod look_at_bills;
mod perform;
mod alert;
pub mod post;
mod direct;
mod hear;
pub mod inbox;
pub mod backups;
pub mod rebuild;
mod bell;
pub mod outside;
pub mod publish;
mod tell;
pub mod admin;
mod service;
pub mod run;
pub mod begin;
pub mod reload;
pub mod busy;
mod degraded;
mod room;
