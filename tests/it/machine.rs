//! What the machine that runs the tests has: programs, rights and ports; and what is said where one is missing.

use std::env;
use std::io::{self, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// By `tests/run`, where all parts are there: then one that is missing is a failure.
const REQUIRED: &str = "QUARTERMASTER_REAL_PARTS";
/// Ports that no system gives out by itself, to a listener or to a call.
const FIRST_PORT: u16 = 15_000;
const PORTS: u16 = 15_000;
/// More than the tests of one process ask for.
const APART: u16 = 100;

/// What could be there and is not: said, or a failure where all of it must be.
#[track_caller]
pub fn skip(why: &str) {
    let is_required = env::var_os(REQUIRED).is_some_and(|word| word == "required");
    assert!(!is_required, "{why}, and {REQUIRED}=required");
    leave_out(why);
}

/// What this machine does not allow, whatever is installed; said past the capture of the tests'
/// output, so that everybody sees it.
pub fn leave_out(why: &str) {
    drop(writeln!(io::stderr(), "SKIPPED: {why}"));
}

/// A port that is free, and stays so until somebody asks for it by its number: each is given out once.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    // Other processes that run these tests begin elsewhere, and far enough away.
    let begin = u16::try_from(std::process::id() % u32::from(PORTS / APART)).unwrap() * APART;
    for _ in 0..PORTS {
        let step = GIVEN.fetch_add(1, Ordering::Relaxed);
        let port = FIRST_PORT + (begin + step) % PORTS;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}
