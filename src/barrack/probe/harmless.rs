//! What of an answer names nobody: the fields that are read here, what may stand around them, and the
//! cloud's own words. Whatever is not in these lists is redacted.

/// Objects and lists around what is known.
const AROUND: [&str; 22] = [
    "data",
    "results",
    "items",
    "instances",
    "instance",
    "snapshots",
    "snapshot",
    "images",
    "image",
    "volumes",
    "volume",
    "records",
    "relationship",
    "relationships",
    "image_ids",
    "regions",
    "stocks",
    "balances",
    "balance",
    "credits",
    "credit",
    "summary",
];

/// Lists, of which an object in their stead would be called after what people own.
const LISTS: [&str; 7] = ["instances", "snapshots", "images", "volumes", "records", "regions", "stocks"];

/// What begins a tree of prices, whose branches are called after models and tiers.
const PRICES: [&str; 3] = ["pricing_data", "pricing", "prices"];

/// Branches of that tree beside those that stand elsewhere, too.
const BRANCHES: [&str; 6] = ["gpus", "gpu", "hourly", "monthly", "storage", "network"];

/// Values of these stay, but for what in them looks like a person's, a key or an address.
const FIELDS: [&str; 44] = [
    "success",
    "error_code",
    "code",
    "total",
    "count",
    "page",
    "limit",
    "pageSize",
    "page_size",
    "total_pages",
    "timestamp",
    "authentication_type",
    "id",
    "instance_id",
    "vm_id",
    "snapshot_id",
    "image_id",
    "image_ids",
    "volume_id",
    "volumes",
    "billing_id",
    "status",
    "region",
    "tier",
    "gpu_type",
    "gpu_model",
    "gpu_count",
    "size_gb",
    "size",
    "volume_type",
    "bootable",
    "boot_source",
    "is_image",
    "created_at",
    "start_time",
    "end_time",
    "total_duration_minutes",
    "currency",
    "eligible",
    "unit",
    "records",
    "results",
    "items",
    "data",
];

/// The same, where an amount of money is meant: it stays to its last digit, however long.
const AMOUNTS: [&str; 14] = [
    "per_minute_rate",
    "total_cost",
    "amount",
    "balance",
    "balances",
    "credit",
    "credits",
    "available",
    "usd",
    "eur",
    "inr",
    "USD",
    "EUR",
    "INR",
];

/// Sentences of the cloud's, in which anybody's name may stand.
const SENTENCES: [&str; 4] = ["message", "detail", "error", "reason"];

/// Objects whose very fields people name.
const MAPS: [&str; 4] = ["labels", "metadata", "tags", "annotations"];

/// What people call their things, and say of them.
const GIVEN: [&str; 6] = ["name", "vm_name", "snapshot_name", "volume_name", "description", "labels"];

/// The cloud's words, wherever they stand.
const WORDS: [&str; 44] = [
    "active",
    "shutoff",
    "stopped",
    "hibernated",
    "deleted",
    "error",
    "creating",
    "build",
    "starting",
    "stopping",
    "hibernating",
    "restoring",
    "rebooting",
    "deleting",
    "success",
    "available",
    "successful",
    "complete",
    "completed",
    "pending",
    "queued",
    "uploading",
    "failed",
    "in-use",
    "attached",
    "detached",
    "cloning",
    "usd",
    "eur",
    "inr",
    "legacy",
    "advanced",
    "norway-1",
    "canada-1",
    "us-1",
    "finland-1",
    "finland-2",
    "finland-3",
    "iceland-1",
    "up",
    "down",
    "ssd",
    "nvme",
    "hdd",
];

/// How a value is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Known,
    /// Known, and money.
    Amount,
    /// A sentence, of which only what decides something stays.
    Said,
    Given,
    Prices,
    Unknown,
}

impl Manner {
    /// Of a value of this name among such.
    pub fn of_value(self, name: &str) -> Self {
        match self {
            Self::Known if FIELDS.contains(&name) => Self::Known,
            Self::Known | Self::Prices if AMOUNTS.contains(&name) => Self::Amount,
            Self::Known | Self::Prices if SENTENCES.contains(&name) => Self::Said,
            Self::Known if GIVEN.contains(&name) => Self::Given,
            Self::Prices if FIELDS.contains(&name) => Self::Known,
            Self::Prices => Self::Prices,
            Self::Known | Self::Amount | Self::Said | Self::Given | Self::Unknown => Self::Unknown,
        }
    }

    /// Of what stands in the one object of this name, which is in no list.
    pub fn within_one(self, name: &str) -> Self {
        match self {
            Self::Known if LISTS.contains(&name) => Self::Unknown,
            Self::Known | Self::Amount | Self::Said | Self::Given | Self::Prices | Self::Unknown => {
                self.within(name)
            }
        }
    }

    /// Of what stands in an object or a list of this name.
    pub fn within(self, name: &str) -> Self {
        match self {
            Self::Known if PRICES.contains(&name) => Self::Prices,
            Self::Known if name.is_empty() || AROUND.contains(&name) => Self::Known,
            Self::Prices if name == "metadata" => Self::Known,
            Self::Known | Self::Amount | Self::Prices | Self::Said | Self::Unknown
                if MAPS.contains(&name) =>
            {
                Self::Given
            }
            Self::Prices => Self::Prices,
            Self::Given => Self::Given,
            Self::Known | Self::Amount | Self::Said | Self::Unknown => Self::Unknown,
        }
    }
}

/// Whether a name of a field is known as such: wherever it stands, it names nobody.
pub fn is_field(name: &str) -> bool {
    let lists: [&[&str]; 8] = [&AROUND, &PRICES, &BRANCHES, &FIELDS, &AMOUNTS, &SENTENCES, &MAPS, &GIVEN];
    lists.iter().any(|list| list.contains(&name)) || is_word(name)
}

/// Longer than any amount that is read here, and than what could be hidden in one.
const LONGEST_AMOUNT: usize = 40;

/// Digits with one dot at most, and a sign: nobody is called so.
pub fn is_amount(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= LONGEST_AMOUNT && is_digits(whole) && is_digits(part)
}

pub fn is_word(text: &str) -> bool {
    let text = text.trim().to_ascii_lowercase();
    WORDS.contains(&text.as_str())
}
