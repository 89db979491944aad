//! `[cloud.paths]` and `[cloud.parameters]`: where each thing is below the base URL, and by which words
//! a page of a list is asked for.
//!
//! No page of the provider's prints most of them: what stands here is our best reading, and all of it
//! can be set. `doctor --api` tries what else it could be.

use std::collections::BTreeMap;

use super::section::{Found, Notes, Section};

/// `{id}` stands for the object. Each ends in a slash, because a redirected POST or DELETE would turn
/// into a GET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    pub machines: String,
    pub machine: String,
    pub snapshots: String,
    pub snapshot: String,
    pub eligible: String,
    pub images: String,
    pub links: String,
    pub balance: String,
    pub prices: String,
    pub machine_billing: String,
    pub snapshot_billing: String,
    pub volume_billing: String,
    pub volumes: String,
    pub firewalls: String,
    pub regions: String,
    pub stocks: String,
}

/// The names of the parameters that choose a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    pub page: String,
    pub page_size: String,
    /// The same for the billing lists, whose custom is another.
    pub billing_page: String,
    pub billing_page_size: String,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            machines: "/instances/".to_owned(),
            machine: "/instances/{id}/".to_owned(),
            snapshots: "/snapshots/".to_owned(),
            snapshot: "/snapshots/{id}/".to_owned(),
            eligible: "/snapshots/eligible-instances/".to_owned(),
            images: "/images/".to_owned(),
            links: "/images/snapshot-relationship/{id}/".to_owned(),
            balance: "/balance/".to_owned(),
            prices: "/pricing/".to_owned(),
            machine_billing: "/instances/billing/".to_owned(),
            snapshot_billing: "/snapshots/billing/".to_owned(),
            volume_billing: "/volumes/billing/".to_owned(),
            volumes: "/volumes/".to_owned(),
            firewalls: "/firewalls/".to_owned(),
            regions: "/regions/".to_owned(),
            stocks: "/gpu-stocks/".to_owned(),
        }
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            page: "page".to_owned(),
            page_size: "pageSize".to_owned(),
            billing_page: "page".to_owned(),
            billing_page_size: "limit".to_owned(),
        }
    }
}

impl Paths {
    /// Each setting by its name, with its place.
    pub fn each(&mut self) -> [(&'static str, &mut String); 16] {
        [
            ("machines", &mut self.machines),
            ("machine", &mut self.machine),
            ("snapshots", &mut self.snapshots),
            ("snapshot", &mut self.snapshot),
            ("eligible", &mut self.eligible),
            ("images", &mut self.images),
            ("links", &mut self.links),
            ("balance", &mut self.balance),
            ("prices", &mut self.prices),
            ("machine_billing", &mut self.machine_billing),
            ("snapshot_billing", &mut self.snapshot_billing),
            ("volume_billing", &mut self.volume_billing),
            ("volumes", &mut self.volumes),
            ("firewalls", &mut self.firewalls),
            ("regions", &mut self.regions),
            ("stocks", &mut self.stocks),
        ]
    }
}

impl Parameters {
    pub fn each(&mut self) -> [(&'static str, &mut String); 4] {
        [
            ("page", &mut self.page),
            ("page_size", &mut self.page_size),
            ("billing_page", &mut self.billing_page),
            ("billing_page_size", &mut self.billing_page_size),
        ]
    }
}

/// Those about one object, in whose path its id stands.
const OF_ONE: [&str; 3] = ["machine", "snapshot", "links"];
const LONGEST_PATH: usize = 200;
const LONGEST_PARAMETER: usize = 40;

pub fn paths(mut section: Section<'_>, notes: &mut Notes<'_>) -> Paths {
    let mut paths = Paths::default();
    let mut set = Vec::new();
    for (name, place) in paths.each() {
        let found = section.text(name, notes);
        if let Some(found) = found.filter(|found| is_sound(found, OF_ONE.contains(&name), notes)) {
            *place = found.value.to_owned();
            set.push((name, found));
        }
    }
    judge_pairs(&mut paths, &set, notes);
    section.finish(notes);
    paths
}

fn is_sound(found: &Found<&str>, is_of_one: bool, notes: &mut Notes<'_>) -> bool {
    let path = found.value;
    let inside = path.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~');
    let rule = match inside {
        _ if path.len() > LONGEST_PATH => "must have at most 200 characters",
        _ if path.contains("://") || path.starts_with("//") => {
            "must be a path below cloud.base_url, without a scheme or host"
        }
        _ if path.contains('?') => "must not carry a query (?…): [cloud.parameters] names what is asked with",
        None => "must begin and end with a slash, such as \"/instances/\"",
        Some(inside) if is_of_one && inside.matches("{id}").count() != 1 => {
            "must hold {id} once, where the object's id goes"
        }
        Some(inside) if !is_of_one && inside.contains("{id}") => {
            "must not hold {id}: it is no path of one object"
        }
        Some(inside) if is_of_one && !inside.split('/').any(|segment| segment == "{id}") => {
            "must hold {id} as a whole segment, between two slashes"
        }
        Some(inside) if !inside.replace("{id}", "").bytes().all(is_plain) => {
            "must be made of letters, digits, `-`, `_`, `.`, `~` and slashes"
        }
        Some(inside) if inside.split('/').any(|segment| matches!(segment, "" | "." | "..")) => {
            "must not hold an empty segment, `.` or `..`"
        }
        Some(_) => return true,
    };
    notes.refuse(found, rule);
    false
}

/// Two things at one path would be taken for each other: a machine for a snapshot that may be deleted.
fn judge_pairs(paths: &mut Paths, set: &[(&str, Found<&str>)], notes: &mut Notes<'_>) {
    let all: BTreeMap<&str, String> =
        paths.each().into_iter().map(|(name, path)| (name, path.to_ascii_lowercase())).collect();
    for (name, found) in set {
        let twin =
            all.iter().find(|(other, path)| *other != name && **path == found.value.to_ascii_lowercase());
        if let Some((other, _)) = twin {
            notes.refuse(found, format!("is the path of cloud.paths.{other}, too: each thing has its own"));
        }
    }
}

pub fn parameters(mut section: Section<'_>, notes: &mut Notes<'_>) -> Parameters {
    let mut parameters = Parameters::default();
    let mut set = Vec::new();
    for (name, place) in parameters.each() {
        let Some(found) = section.text(name, notes) else { continue };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if !(1..=LONGEST_PARAMETER).contains(&found.value.len()) || !found.value.bytes().all(is_plain) {
            notes.refuse(&found, "must be 1 to 40 letters, digits, `-`, `_` or `.`");
            continue;
        }
        *place = found.value.to_owned();
        set.push((name, found));
    }
    let pairs = [
        ("page_size", &parameters.page, &parameters.page_size),
        ("billing_page_size", &parameters.billing_page, &parameters.billing_page_size),
    ];
    for (name, page, size) in pairs.into_iter().filter(|(_, page, size)| page == size) {
        let asked = [name, name.trim_end_matches("_size")];
        if let Some((_, found)) = set.iter().rev().find(|(set, _)| asked.contains(set)) {
            notes.refuse(found, format!("names both a page ({page}) and its size ({size}): one of each"));
        }
    }
    section.finish(notes);
    parameters
}
