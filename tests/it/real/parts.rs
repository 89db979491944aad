//! Finding the real parts, and saying so where one is missing.

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;

const REQUIRED: &str = "QUARTERMASTER_REAL_PARTS";
/// Where servers are that are not in everybody's path.
const ALSO_IN: [&str; 2] = ["/usr/sbin", "/sbin"];

/// The path of an installed program, or nothing and a line that says so.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(ALSO_IN.map(PathBuf::from));
    let found = folders.map(|folder| folder.join(program)).find(|path| path.is_file());
    if found.is_none() {
        skip(&format!("{program} is not installed"));
    }
    found
}

/// Says what is left out; past the capture of the tests' output, so that everybody sees it.
pub fn skip(why: &str) {
    let is_required = env::var_os(REQUIRED).is_some_and(|word| word == "required");
    assert!(!is_required, "{why}, and {REQUIRED}=required");
    drop(writeln!(io::stderr(), "SKIPPED: {why}"));
}
