//! From arguments to an exit code; it holds no logic of its own.

fn main() {}
