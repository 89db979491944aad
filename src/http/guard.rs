//! Who may read: on this machine everybody, from elsewhere whoever has the token.
//!
//! The token itself is not kept, only its hash; two hashes are compared, so the time that takes says
//! nothing about the token.

use axum::http::{HeaderMap, header};
use data_encoding::BASE64;
use sha2::{Digest, Sha256};

#[derive(Clone, Debug)]
pub struct Guard {
    /// The hash of the token; `None`: none is asked for.
    token: Option<[u8; 32]>,
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// No token, or another.
    Token,
    /// It was sent to a name that is not this machine's own: a page of somebody else's may be behind it.
    Host,
}

impl Guard {
    /// For a listener that only this machine reaches.
    pub fn open() -> Self {
        Self { token: None }
    }

    pub fn token(token: &str) -> Self {
        Self { token: Some(hash(token.as_bytes())) }
    }

    pub fn admit(&self, headers: &HeaderMap) -> Result<(), Denial> {
        let Some(token) = self.token else {
            // A browser can be told that a stranger's name means 127.0.0.1, and shows the stranger what it reads.
            return if names_this_machine(headers) { Ok(()) } else { Err(Denial::Host) };
        };
        let given = headers.get(header::AUTHORIZATION).and_then(|value| offered(value.as_bytes()));
        if given.is_some_and(|given| hash(&given) == token) { Ok(()) } else { Err(Denial::Token) }
    }
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// `Bearer TOKEN`, or as browsers ask for it: any name, and the token as its password.
fn offered(value: &[u8]) -> Option<Vec<u8>> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = (value.get(..space)?, value.get(space + 1..)?.trim_ascii());
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(rest.to_owned());
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let pair = BASE64.decode(rest).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some(pair.get(colon + 1..)?.to_owned())
}

/// An address, `localhost`, or no name at all, as clients older than names send.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let Ok(host) = host.to_str() else { return false };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.is_empty() || name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_token_is_taken_as_bearer_or_as_a_password_and_nothing_else_is() {
        let guard = Guard::token("s3same");
        let basic = format!("Basic {}", BASE64.encode(b"me:s3same"));
        for value in ["Bearer s3same", "bearer  s3same", &basic] {
            assert_eq!(guard.admit(&headers(header::AUTHORIZATION, value)), Ok(()), "{value}");
        }
        let other = format!("Basic {}", BASE64.encode(b"s3same:x"));
        for value in ["Bearer", "Bearer ", "Bearer s3sam", "s3same", "Basic s3same", "Basic ====", &other] {
            assert_eq!(guard.admit(&headers(header::AUTHORIZATION, value)), Err(Denial::Token), "{value}");
        }
        assert_eq!(guard.admit(&HeaderMap::new()), Err(Denial::Token));
    }

    #[test]
    fn without_a_token_only_this_machines_own_names_are_answered() {
        for host in ["127.0.0.1:9477", "localhost", "LOCALHOST:1", "[::1]:9477", "[::1]", ""] {
            assert_eq!(Guard::open().admit(&headers(header::HOST, host)), Ok(()), "{host}");
        }
        for host in ["example.org", "localhost.example.org:80", "127.0.0.1.example.org", "[x"] {
            assert_eq!(Guard::open().admit(&headers(header::HOST, host)), Err(Denial::Host), "{host}");
        }
        assert_eq!(Guard::open().admit(&HeaderMap::new()), Ok(()));
    }
}
