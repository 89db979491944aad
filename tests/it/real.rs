//! Against real parts from Debian: promtool, Prometheus, Alertmanager, a mail server, a browser.
//!
//! Each is left out, with a line that says so, where its part is not installed. With
//! `QUARTERMASTER_REAL_PARTS=required`, as in continuous integration, a missing part is a failure.

mod parts;
mod ask;
mod demo;
mod promtool;
mod scrape;
mod prometheus;
mod browser;
mod postfix;
mod letters;
