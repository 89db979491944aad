//! What is asked of an account, and under which other paths the answer may be: a table.
//!
//! All of it only reads.

use crate::barrack::parse::Listing;
use crate::barrack::spelling::{self, Row};
use crate::config::paths::Paths;
use crate::domain::billing::record::BillKind;

/// What an answer should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Walked to its end, as a look does.
    List(Listing),
    Bills(BillKind),
    Machine,
    Snapshot,
    Links,
    Balance,
    Prices,
    /// A list that nothing rests on; the name of its array.
    Other(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Its name below `[cloud.paths]`.
    pub setting: &'static str,
    pub kind: Kind,
    /// `<machines>` stands for the path of that setting.
    variants: &'static [&'static str],
    /// Nothing works without it.
    pub is_needed: bool,
}

pub const PRICES: Question = optional("prices", Kind::Prices, &["/prices/", "/price/", "/pricebook/"]);

/// In this order: what comes later is asked about what came before.
pub const QUESTIONS: [Question; 16] = [
    needed("machines", Kind::List(Listing::Machines), &["/vms/", "/instance/", "/vm/", "/virtual-machines/"]),
    optional("machine", Kind::Machine, &["<machines>{id}/", "/vms/{id}/", "/instance/{id}/", "/vm/{id}/"]),
    needed(
        "snapshots",
        Kind::List(Listing::Snapshots),
        &["/snapshot/", "/vm-snapshots/", "<machines>snapshots/"],
    ),
    needed("snapshot", Kind::Snapshot, &["<snapshots>{id}/", "/snapshot/{id}/"]),
    optional("eligible", Kind::Other("instances"), &["<snapshots>eligible-vms/", "<snapshots>eligible/"]),
    optional("images", Kind::List(Listing::Images), &["/image/", "/custom-images/"]),
    optional(
        "links",
        Kind::Links,
        &[
            "<images>snapshot-relationship/{id}/",
            "<images>snapshot-relationships/{id}/",
            "<snapshots>{id}/images/",
        ],
    ),
    optional(
        "balance",
        Kind::Balance,
        &["/balances/", "/credits/", "/credit/", "/billing/balance/", "/account/balance/", "/user/balance/"],
    ),
    PRICES,
    optional(
        "machine_billing",
        Kind::Bills(BillKind::Instance),
        &["<machines>billing/", "/billing/instances/", "/billing/vms/"],
    ),
    optional(
        "snapshot_billing",
        Kind::Bills(BillKind::Snapshot),
        &["<snapshots>billing/", "/billing/snapshots/"],
    ),
    optional("volumes", Kind::Other("volumes"), &["/volume/"]),
    optional("volume_billing", Kind::Bills(BillKind::Volume), &["<volumes>billing/", "/billing/volumes/"]),
    optional("regions", Kind::Other("regions"), &["/region/"]),
    optional("stocks", Kind::Other("stocks"), &["/gpu-stock/", "/stocks/", "/stock/"]),
    optional("firewalls", Kind::Other("firewalls"), &["/firewall/"]),
];

const fn needed(setting: &'static str, kind: Kind, variants: &'static [&'static str]) -> Question {
    Question { setting, kind, variants, is_needed: true }
}

const fn optional(setting: &'static str, kind: Kind, variants: &'static [&'static str]) -> Question {
    Question { setting, kind, variants, is_needed: false }
}

impl Question {
    /// The one that is set, and then the others, each once.
    pub fn paths(&self, paths: &mut Paths) -> Vec<String> {
        let set: Vec<(&str, String)> =
            paths.each().into_iter().map(|(name, path)| (name, path.clone())).collect();
        let of = |setting: &str| set.iter().find(|(name, _)| *name == setting).map(|(_, path)| path.clone());
        let mut all: Vec<String> = of(self.setting).into_iter().collect();
        for variant in self.variants {
            let named = variant.strip_prefix('<').and_then(|rest| rest.split_once('>'));
            let path = match named {
                Some((setting, rest)) => of(setting).unwrap_or_default() + rest,
                None => (*variant).to_owned(),
            };
            // What already stands for another thing is not this one.
            if !all.contains(&path) && !set.iter().any(|(_, other)| *other == path) {
                all.push(path);
            }
        }
        all
    }

    pub fn rows(&self) -> &'static [Row] {
        match self.kind {
            Kind::List(listing) => listing.rows(),
            Kind::Machine => spelling::MACHINE,
            Kind::Snapshot => spelling::SNAPSHOT,
            Kind::Bills(BillKind::Instance) => spelling::MACHINE_BILL,
            Kind::Bills(BillKind::Snapshot) => spelling::SNAPSHOT_BILL,
            Kind::Bills(BillKind::Volume) => spelling::VOLUME_BILL,
            Kind::Links | Kind::Balance | Kind::Prices | Kind::Other(_) => &[],
        }
    }

    /// Names of the array, or of the object.
    pub fn names(&self) -> Vec<&'static str> {
        match self.kind {
            Kind::List(listing) => listing.names().to_vec(),
            Kind::Bills(_) => crate::barrack::billing::NAMES.to_vec(),
            Kind::Other(own) => vec![own, "data", "results", "items"],
            Kind::Machine => vec!["instance"],
            Kind::Snapshot => vec!["snapshot"],
            Kind::Links => vec!["relationship"],
            Kind::Prices => vec!["pricing_data"],
            Kind::Balance => Vec::new(),
        }
    }

    pub fn is_list(&self) -> bool {
        matches!(self.kind, Kind::List(_) | Kind::Bills(_) | Kind::Other(_))
    }
}
