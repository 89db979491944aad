//! From arguments to an exit code; what went wrong is told here, once, with its causes.

use std::process::ExitCode;

use clap::Parser;
use quartermaster::cli::{Arguments, lines, screen};

/// A plan is thousands of small values that live as long as one pass.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Arguments::parse().perform() {
        Ok(()) => ExitCode::SUCCESS,
        Err(ending) => {
            if let Some(told) = ending.told() {
                screen::warn(&lines::last_words(&told));
            }
            ExitCode::from(ending.code())
        }
    }
}
