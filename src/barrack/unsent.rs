//! Why a request never left, in a few words of ours: of what the libraries say, nothing is passed on.

use std::error::Error;
use std::io::{self, ErrorKind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsent {
    Refused,
    NoName,
    NoWay,
    NoTime,
    Certificate,
    NoSession,
}

impl Unsent {
    pub fn words(self) -> &'static str {
        match self {
            Self::Refused => "the connection was refused",
            Self::NoName => "the host's name was not found",
            Self::NoWay => "there is no way to the host",
            Self::NoTime => "no connection in time",
            Self::Certificate => "TLS: the certificate was not accepted",
            Self::NoSession => "TLS: no session came about",
        }
    }

    /// What a failure to connect comes to. The libraries tell names and certificates by their texts alone.
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let chain = || std::iter::successors(Some(error), |error| <dyn Error>::source(*error));
        let says = |words: &str| chain().any(|error| error.to_string().contains(words));
        let mut kinds = chain().filter_map(|error| error.downcast_ref::<io::Error>()).map(innermost);
        if says("dns error") {
            return Some(Self::NoName);
        }
        if says("invalid peer certificate") {
            return Some(Self::Certificate);
        }
        let of_kind = kinds.find_map(|kind| match kind {
            ErrorKind::ConnectionRefused => Some(Self::Refused),
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Some(Self::NoWay),
            ErrorKind::TimedOut => Some(Self::NoTime),
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => {
                Some(Self::NoSession)
            }
            _ => None,
        });
        of_kind.or_else(|| says("timed out").then_some(Self::NoTime))
    }
}

/// One around another hides it from whoever asks for sources.
fn innermost(error: &io::Error) -> ErrorKind {
    let within = error.get_ref().and_then(|within| within.downcast_ref::<io::Error>());
    within.map_or(error.kind(), io::Error::kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the libraries nest them.
    #[derive(Debug)]
    struct Around(&'static str, Option<io::Error>);

    impl std::fmt::Display for Around {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Around {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_ref().map(|error| error as &(dyn Error + 'static))
        }
    }

    #[test]
    fn each_sort_of_failure_has_its_words_and_an_unknown_one_has_none() {
        let of = |text, kind: Option<ErrorKind>| Unsent::of(&Around(text, kind.map(io::Error::from)));
        let connect = "tcp connect error";
        assert_eq!(of(connect, Some(ErrorKind::ConnectionRefused)), Some(Unsent::Refused));
        assert_eq!(of(connect, Some(ErrorKind::HostUnreachable)), Some(Unsent::NoWay));
        assert_eq!(of(connect, Some(ErrorKind::TimedOut)), Some(Unsent::NoTime));
        assert_eq!(of("operation timed out", None), Some(Unsent::NoTime));
        assert_eq!(of("dns error", Some(ErrorKind::Other)), Some(Unsent::NoName));
        let expired = io::Error::new(ErrorKind::InvalidData, "invalid peer certificate: Expired");
        assert_eq!(Unsent::of(&Around("client error (Connect)", Some(expired))), Some(Unsent::Certificate));
        assert_eq!(of("client error (Connect)", Some(ErrorKind::UnexpectedEof)), Some(Unsent::NoSession));
        assert_eq!(of("https://someone:secret@somewhere", None), None);
    }
}
