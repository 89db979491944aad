//! Which machines a policy is for, beside its patterns: exclusions, regions, tiers, labels.
//!
//! It knows no machine; a word that no machine has is accepted, since machines come and go.

use super::policy::patterns;
use super::section::{Notes, Section};
use crate::domain::selection::Selection;

pub fn read(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Option<Selection> {
    let before = notes.faults.len();
    let mut texts = |key: &'static str| {
        let found = section.texts(key, notes);
        found.map(|found| patterns(found, notes)).unwrap_or_default()
    };
    let selection = Selection {
        exclude: texts("exclude"),
        regions: texts("regions"),
        tiers: texts("tiers"),
        labels: texts("labels").iter().map(|label| label.trim().to_owned()).collect(),
    };
    (notes.faults.len() == before).then_some(selection)
}
