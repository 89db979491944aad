//! Dialects: the ways in which the cloud may differ from what we expect of it, by name.
//!
//! A dialect is a set of ways, constant for a run; what changes during one is a fault.

use crate::sim::stream::stream;

/// One way to differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// A second snapshot under a name in use is made.
    NoUniqueNames,
    /// A larger `pageSize` is cut to five.
    SmallPages,
    /// No list says how many there are.
    NoTotals,
    /// `count` is there instead of a total, and counts the page.
    PageCount,
    /// Lists and single objects stand under `data`.
    DataWrapped,
    /// Lists stand under `results`.
    ResultsKey,
    /// Lists stand under `items`.
    ItemsKey,
    /// A list is its array and nothing else.
    BareArrays,
    /// `snapshot_id` for `id`, `size` for `size_gb`, `vm_id` for `instance_id`.
    RenamedFields,
    /// Numbers are texts; the balance, a text elsewhere, is a number.
    StringNumbers,
    /// Instants with an offset, without a zone, with fractions, in unix seconds, or missing.
    OddTimes,
    /// States in other words and in any case.
    OddWords,
    /// Fields that nobody announced.
    ExtraFields,
    /// Errors are pages of HTML.
    HtmlErrors,
    /// Nothing is told of images.
    NoImages,
    /// A machine is shut off while its snapshot is made.
    Restarts,
    /// The key is looked for in the header `X-API-Key`, in `api_key`, or after the word `Api-Key`.
    XApiKey,
    ApiKeyHeader,
    ApiKeyScheme,
    /// `/vms/` for `/instances/`, and some more.
    OtherPaths,
    /// `page_size` for `pageSize`, and `per_page` for `limit`.
    OtherParameters,
    /// What people can name has names that want out of wherever they are shown; so has what is said of errors.
    HostileNames,
}

/// A set of ways. The empty one is plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    ways: u32,
}

const WAYS: [(&str, Way); 16] = [
    ("no-unique-names", Way::NoUniqueNames),
    ("small-pages", Way::SmallPages),
    ("no-totals", Way::NoTotals),
    ("page-count", Way::PageCount),
    ("data-wrapped", Way::DataWrapped),
    ("results-key", Way::ResultsKey),
    ("items-key", Way::ItemsKey),
    ("bare-arrays", Way::BareArrays),
    ("renamed-fields", Way::RenamedFields),
    ("string-numbers", Way::StringNumbers),
    ("odd-times", Way::OddTimes),
    ("odd-words", Way::OddWords),
    ("extra-fields", Way::ExtraFields),
    ("html-errors", Way::HtmlErrors),
    ("no-images", Way::NoImages),
    ("restarts", Way::Restarts),
];

/// A client that is not told of these is not answered: only `sim serve` takes them, and no seed does.
const TOLD: [(&str, Way); 5] = [
    ("x-api-key", Way::XApiKey),
    ("api-key-header", Way::ApiKeyHeader),
    ("api-key-scheme", Way::ApiKeyScheme),
    ("other-paths", Way::OtherPaths),
    ("other-parameters", Way::OtherParameters),
];

/// Named only, and drawn by no seed: its long texts would make each look of a long run slow.
const NAMED: [(&str, Way); 1] = [("hostile-names", Way::HostileNames)];

/// Of each group at most one can be.
const EXCLUSIVE: [&[Way]; 3] = [
    &[Way::XApiKey, Way::ApiKeyHeader, Way::ApiKeyScheme],
    &[Way::DataWrapped, Way::ResultsKey, Way::ItemsKey, Way::BareArrays],
    &[Way::NoTotals, Way::PageCount, Way::BareArrays],
];

const PLAIN: &str = "plain";
const SEEDED: &str = "seeded";
/// Two ways that were named together before ways could be joined.
const SMALL_AND_TRUSTING: &str = "small-pages-no-unique-names";
/// A seeded dialect has each way with a chance of one in so many.
const ONE_IN: u32 = 3;
const USUAL_PAGE: usize = 100;
const SMALL_PAGE: usize = 5;

impl Dialect {
    pub fn plain() -> Self {
        Self { ways: 0 }
    }

    /// A name, or some joined by `+`. `None`: one is unknown, or two cannot be at once.
    pub fn parse(text: &str) -> Option<Self> {
        let mut dialect = Self::plain();
        for name in text.split('+') {
            match name {
                PLAIN => {}
                SMALL_AND_TRUSTING => {
                    dialect = dialect.with(Way::SmallPages)?.with(Way::NoUniqueNames)?;
                }
                _ => {
                    let (_, way) =
                        WAYS.iter().chain(&TOLD).chain(&NAMED).find(|(known, _)| *known == name)?;
                    dialect = dialect.with(*way)?;
                }
            }
        }
        Some(dialect)
    }

    /// As `parse`, or, for `seeded`, a combination that the seed draws.
    pub fn named(text: &str, seed: u64) -> Option<Self> {
        if text == SEEDED { Some(Self::seeded(seed)) } else { Self::parse(text) }
    }

    pub fn seeded(seed: u64) -> Self {
        let mut random = stream(seed, "dialect");
        WAYS.iter().fold(Self::plain(), |dialect, (_, way)| {
            let wanted = random.u32(..ONE_IN) == 0;
            dialect.with(*way).filter(|_| wanted).unwrap_or(dialect)
        })
    }

    /// What `named` takes, alone or, the ways among them, joined.
    pub fn names() -> Vec<&'static str> {
        let ways = WAYS.iter().chain(&NAMED).map(|(name, _)| *name);
        [PLAIN].into_iter().chain(ways).chain([SMALL_AND_TRUSTING, SEEDED]).collect()
    }

    /// Those beside them that a client must be told of.
    pub fn told_names() -> Vec<&'static str> {
        TOLD.iter().map(|(name, _)| *name).collect()
    }

    /// Whether a client must be told of it before it is answered.
    pub fn must_be_told(self) -> bool {
        TOLD.iter().any(|(_, way)| self.has(*way))
    }

    pub fn name(self) -> String {
        let names: Vec<&str> = WAYS
            .iter()
            .chain(&TOLD)
            .chain(&NAMED)
            .filter(|(_, way)| self.has(*way))
            .map(|(name, _)| *name)
            .collect();
        match names.as_slice() {
            [] => PLAIN.to_owned(),
            ["no-unique-names", "small-pages"] => SMALL_AND_TRUSTING.to_owned(),
            names => names.join("+"),
        }
    }

    pub fn has(self, way: Way) -> bool {
        self.ways & bit(way) != 0
    }

    pub fn unique_names(self) -> bool {
        !self.has(Way::NoUniqueNames)
    }

    /// A second snapshot of a machine is refused while one is being made. Only where names protect
    /// too: otherwise nothing but the daemon itself stands between a second request and a duplicate.
    pub fn one_at_a_time(self) -> bool {
        self.unique_names()
    }

    pub fn largest_page(self) -> usize {
        if self.has(Way::SmallPages) { SMALL_PAGE } else { USUAL_PAGE }
    }

    /// `None`: another way excludes it.
    fn with(self, way: Way) -> Option<Self> {
        let mut excluded = EXCLUSIVE.iter().filter(|group| group.contains(&way)).copied().flatten();
        let clashes = excluded.any(|other| *other != way && self.has(*other));
        (!clashes).then_some(Self { ways: self.ways | bit(way) })
    }
}

fn bit(way: Way) -> u32 {
    1 << way as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_every_combination_is_read_back() {
        for name in Dialect::names().into_iter().chain(Dialect::told_names()) {
            assert_eq!(Dialect::named(name, 3).map(|read| read.name() == name), Some(name != SEEDED));
        }
        for seed in 0..200 {
            let dialect = Dialect::seeded(seed);
            assert_eq!(Dialect::parse(&dialect.name()), Some(dialect), "seed {seed}");
        }
        assert_eq!(Dialect::parse("odd-times+small-pages").unwrap().name(), "small-pages+odd-times");
    }

    #[test]
    fn what_is_unknown_or_cannot_be_at_once_is_refused() {
        for name in ["", "odd", "odd-times+", "data-wrapped+items-key", "bare-arrays+page-count", "seeded"] {
            assert_eq!(Dialect::parse(name), None, "{name}");
        }
    }

    #[test]
    fn seeds_draw_every_way() {
        for (name, way) in WAYS {
            let drawn = (0..200).filter(|seed| Dialect::seeded(*seed).has(way)).count();
            assert!((5..120).contains(&drawn), "{name}: {drawn} of 200");
        }
    }
}
