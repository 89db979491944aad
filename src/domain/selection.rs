//! Selection: which machines a policy is for.
//!
//! Patterns over names, exclusions, regions, tiers and labels; all of them must agree.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

use super::fleet::Machine;
use super::policy::Policy;

/// What narrows a policy's patterns. The default narrows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Patterns over names of machines that it is not for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// One of these regions, in any case; empty: every region.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    /// One of these tiers, in any case; empty: every tier.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<String>,
    /// All of these labels, as `key=value` or a plain word.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub labels: BTreeSet<String>,
}

impl Selection {
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }
}

/// A policy's choice, its patterns compiled once for many machines.
pub struct Selector<'a> {
    included: Vec<WildMatch>,
    excluded: Vec<WildMatch>,
    selection: &'a Selection,
}

impl<'a> Selector<'a> {
    pub fn of(policy: &'a Policy) -> Self {
        let compiled = |patterns: &[String]| patterns.iter().map(|pattern| WildMatch::new(pattern)).collect();
        let selection = &policy.selection;
        Self { included: compiled(&policy.machines), excluded: compiled(&selection.exclude), selection }
    }

    /// By its name alone.
    pub fn selects_name(&self, name: &str) -> bool {
        let is_named = |patterns: &[WildMatch]| patterns.iter().any(|pattern| pattern.matches(name));
        is_named(&self.included) && !is_named(&self.excluded)
    }

    pub fn selects(&self, machine: &Machine) -> bool {
        let is_one_of = |words: &[String], word: &str| {
            words.is_empty() || words.iter().any(|one| one.eq_ignore_ascii_case(word))
        };
        self.selects_name(&machine.name)
            && is_one_of(&self.selection.regions, &machine.region)
            && is_one_of(&self.selection.tiers, &machine.tier)
            && self.selection.labels.is_subset(&machine.labels)
    }
}
