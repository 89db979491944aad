//! The key file: reads the account's key, and refuses a file that others could read.
//!
//! No error of this file carries a byte of what it read.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use secrecy::SecretString;

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{named} cannot be read")]
    Unreadable { named: String, source: std::io::Error },
    #[error("{named} is not a regular file")]
    NotAFile { named: String },
    #[error("{named} has mode {mode:04o}: others can read it; `chmod 0400` it")]
    Exposed { named: String, mode: u32 },
    #[error("{named} is empty")]
    Empty { named: String },
    #[error("{named} is larger than {LARGEST} bytes: it holds something else")]
    TooLarge { named: String },
    #[error("{named} holds line breaks, spaces or control characters inside the key")]
    NotPlain { named: String },
}

/// What a refusal calls the account's key.
const NAMED: &str = "key file";

/// No cloud's key is longer; a whole configuration by mistake is.
const LARGEST: u64 = 4096;

/// `O_NONBLOCK`: opening a pipe by mistake must not wait for its writer.
const NONBLOCK: i32 = 0o4000;

/// Where the service manager keeps what it loads for its services.
const CREDENTIALS: &str = "/run/credentials";
const OF_A_CREDENTIAL: u32 = 0o007;

/// Of a file of its owner alone, or of a credential that is named by its path.
pub fn read_key(path: &Path) -> Result<SecretString, KeyError> {
    read_secret(NAMED, path)
}

/// Likewise of what is no key, such as a token: `named` is what a refusal calls it.
pub fn read_secret(named: &str, path: &Path) -> Result<SecretString, KeyError> {
    read(named, path, forbidden(path))
}

/// The rights that nobody may have on it.
fn forbidden(path: &Path) -> u32 {
    if path.starts_with(CREDENTIALS) { OF_A_CREDENTIAL } else { 0o077 }
}

/// Of a credential of the service manager, which lets one user in by a list of its own: to everybody
/// else's tools that looks like rights of the group.
pub fn read_credential(path: &Path) -> Result<SecretString, KeyError> {
    read(NAMED, path, OF_A_CREDENTIAL)
}

fn read(named: &str, path: &Path, forbidden: u32) -> Result<SecretString, KeyError> {
    let here = || format!("{named} {}", path.display());
    let unreadable = |source| KeyError::Unreadable { named: here(), source };
    let file = File::options().read(true).custom_flags(NONBLOCK).open(path).map_err(unreadable)?;
    // Asked of the open file, so that it cannot be exchanged in between.
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(KeyError::NotAFile { named: here() });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & forbidden != 0 {
        return Err(KeyError::Exposed { named: here(), mode });
    }
    if metadata.len() > LARGEST {
        return Err(KeyError::TooLarge { named: here() });
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(KeyError::TooLarge { named: here() });
    }
    let key = bytes.trim_ascii_end();
    if key.is_empty() {
        return Err(KeyError::Empty { named: here() });
    }
    // A header can carry nothing else.
    if !key.iter().all(u8::is_ascii_graphic) {
        return Err(KeyError::NotPlain { named: here() });
    }
    let text = String::from_utf8(key.to_vec()).map_err(|_| KeyError::NotPlain { named: here() })?;
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    fn refusal(content: &[u8], mode: u32) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        match read_key(&path) {
            Ok(key) => format!("accepted {}", key.expose_secret()),
            Err(error) => {
                let told = format!("{error} {error:?}");
                assert!(!told.contains("s3cret"), "{told}");
                error.to_string().replace(&folder.path().display().to_string(), "")
            }
        }
    }

    #[test]
    fn a_key_for_its_owner_alone_is_read_without_its_line_end() {
        assert_eq!(refusal(b"s3cret\n", 0o400), "accepted s3cret");
        assert_eq!(refusal(b"s3cret\r\n", 0o600), "accepted s3cret");
    }

    #[test]
    fn each_unfit_file_is_refused_without_showing_the_key() {
        let told = [
            refusal(b"s3cret", 0o640),
            refusal(b"s3cret", 0o604),
            refusal(b"", 0o400),
            refusal(b" \n", 0o400),
            refusal(b"s3cret\ns3cret", 0o400),
            refusal(b"s3cret\x1b[0m", 0o400),
            refusal("s3cret\u{e9}".as_bytes(), 0o400),
            refusal(&[b's'; 5000], 0o400),
        ];
        insta::assert_snapshot!(told.join("\n"), @r"
        key file /key has mode 0640: others can read it; `chmod 0400` it
        key file /key has mode 0604: others can read it; `chmod 0400` it
        key file /key is empty
        key file /key is empty
        key file /key holds line breaks, spaces or control characters inside the key
        key file /key holds line breaks, spaces or control characters inside the key
        key file /key holds line breaks, spaces or control characters inside the key
        key file /key is larger than 4096 bytes: it holds something else
        ");
    }

    #[test]
    fn what_is_no_key_is_called_by_its_setting() {
        let told = read_secret("http.token_file", Path::new("/nowhere/token")).unwrap_err().to_string();
        assert_eq!(told, "http.token_file /nowhere/token cannot be read");
    }

    #[test]
    fn a_missing_file_and_a_folder_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read_key(&folder.path().join("none")), Err(KeyError::Unreadable { .. })));
        assert!(matches!(read_key(folder.path()), Err(KeyError::NotAFile { .. })));
    }

    #[test]
    fn what_the_service_manager_keeps_is_no_less_private_for_looking_like_the_groups() {
        let path = Path::new("/run/credentials/quartermaster.service/mail-password");
        assert_eq!((forbidden(path), forbidden(Path::new("/etc/quartermaster/key"))), (0o007, 0o077));
        assert_eq!(forbidden(Path::new("/run/credentials-of-mine/key")), 0o077);
    }
}
