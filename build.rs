//! Names the code that folds events into the state, so that a checkpoint of another fold is not believed.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sha2::{Digest, Sha256};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut files = vec![root.join("src/journal/record.rs")];
    collect(&root.join("src/domain"), &mut files)?;
    files.sort();
    let mut hasher = Sha256::new();
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        hasher.update(file.strip_prefix(&root).unwrap_or(file).to_string_lossy().as_bytes());
        hasher.update(fs::read(file)?);
    }
    println!("cargo::rerun-if-changed=src/domain");
    let digest: String = hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    println!("cargo::rustc-env=QUARTERMASTER_FOLD_ID={digest}");
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
