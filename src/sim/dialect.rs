//! Dialects: the ways in which the cloud may differ from what we expect of it, by name.
//!
//! A dialect is constant for a run; what changes during one is a fault.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    pub name: &'static str,
    /// A second snapshot under a name in use is refused.
    pub unique_names: bool,
    /// A second snapshot of a machine is refused while one is being made. Only where names protect
    /// too: otherwise nothing but the daemon itself stands between a second request and a duplicate.
    pub one_at_a_time: bool,
    /// A larger `pageSize` is cut to this.
    pub largest_page: usize,
    /// Whether a 429 of the real rate limit says when to come back.
    pub retry_after: bool,
}

const PLAIN: Dialect =
    Dialect { name: "plain", unique_names: true, one_at_a_time: true, largest_page: 100, retry_after: false };

const TRUSTING: Dialect =
    Dialect { name: "no-unique-names", unique_names: false, one_at_a_time: false, ..PLAIN };

const ALL: [Dialect; 4] = [
    PLAIN,
    TRUSTING,
    Dialect { name: "small-pages", largest_page: 5, ..PLAIN },
    Dialect { name: "small-pages-no-unique-names", largest_page: 5, ..TRUSTING },
];

impl Dialect {
    pub fn plain() -> Self {
        PLAIN
    }

    pub fn parse(name: &str) -> Option<Self> {
        ALL.into_iter().find(|dialect| dialect.name == name)
    }

    pub fn names() -> [&'static str; ALL.len()] {
        ALL.map(|dialect| dialect.name)
    }
}
