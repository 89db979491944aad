//! The key: its header, and its removal from whatever the cloud sends back.
//!
//! It is never printed; nothing in here has a text of it to show.

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::settings::Settings;

pub struct Key(SecretString);

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("key_header {0:?} is no name of an HTTP header")]
    Header(String),
    #[error("the key is empty, or it or key_scheme has characters that an HTTP header cannot have")]
    Value,
}

impl Key {
    pub fn new(key: SecretString) -> Self {
        Self(key)
    }

    pub fn header(&self, settings: &Settings) -> Result<(HeaderName, HeaderValue), KeyError> {
        let name = HeaderName::from_bytes(settings.key_header.as_bytes())
            .map_err(|_| KeyError::Header(settings.key_header.clone()))?;
        let value = match settings.key_scheme.as_str() {
            "" => HeaderValue::from_str(self.0.expose_secret()),
            scheme => HeaderValue::from_str(&format!("{scheme} {}", self.0.expose_secret())),
        };
        let mut value = value.map_err(|_| KeyError::Value)?;
        if self.0.expose_secret().is_empty() {
            return Err(KeyError::Value);
        }
        value.set_sensitive(true);
        Ok((name, value))
    }

    /// The same body with stars for the key: an error may repeat what it was asked with.
    pub fn masked(&self, body: Bytes) -> Bytes {
        let key = self.0.expose_secret().as_bytes();
        let mut masked: Option<Vec<u8>> = None;
        let mut from = 0;
        while let Some(at) = body[from..].windows(key.len()).position(|part| part == key) {
            let (begin, end) = (from + at, from + at + key.len());
            masked.get_or_insert_with(|| body.to_vec())[begin..end].fill(b'*');
            from = end;
        }
        masked.map_or(body, Bytes::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_goes_out_as_it_is_set_and_is_sensitive() {
        let key = Key::new("s3cret".to_owned().into());
        let (name, value) = key.header(&Settings::default()).unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("authorization", b"Bearer s3cret".as_slice()));
        assert!(value.is_sensitive());
        let bare =
            Settings { key_header: "X-API-Key".into(), key_scheme: String::new(), ..Settings::default() };
        assert_eq!(key.header(&bare).unwrap().1.as_bytes(), b"s3cret");
    }

    #[test]
    fn a_key_that_no_header_can_carry_is_refused_without_showing_it() {
        for text in ["s3c\nret", ""] {
            let error = Key::new(text.to_owned().into()).header(&Settings::default()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3c"));
        }
    }

    #[test]
    fn stars_stand_for_every_repetition_of_the_key() {
        let key = Key::new("ab".to_owned().into());
        assert_eq!(key.masked(Bytes::from_static(b"xababxa")).as_ref(), b"x****xa");
        assert_eq!(Key::new("**".to_owned().into()).masked(Bytes::from_static(b"***")).as_ref(), b"***");
    }
}
