//! `[[cloud.refusal]]`: which of the cloud's words for a no mean what.
//!
//! It only names the class; what a class comes to is decided by whoever asked the cloud.

use super::section::{Notes, Section};

/// It fits where everything fits that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalSetting {
    /// `None`: any 4xx.
    pub status: Option<u16>,
    /// The whole `error_code`, in any case; empty: any.
    pub code: String,
    /// A part of the message, in any case; empty: any.
    pub message: String,
    pub class: RefusalClass,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalClass {
    Credit,
    Account,
    Busy,
    Unsupported,
    NameTaken,
    Missing,
    Other,
}

const CLASSES: [(&str, RefusalClass); 7] = [
    ("credit", RefusalClass::Credit),
    ("account", RefusalClass::Account),
    ("busy", RefusalClass::Busy),
    ("unsupported", RefusalClass::Unsupported),
    ("name_taken", RefusalClass::NameTaken),
    ("missing", RefusalClass::Missing),
    ("other", RefusalClass::Other),
];

impl RefusalClass {
    pub fn word(self) -> &'static str {
        CLASSES.iter().find(|(_, class)| *class == self).map_or("other", |(word, _)| word)
    }
}

pub(super) fn read(sections: Vec<Section<'_>>, notes: &mut Notes<'_>) -> Vec<RefusalSetting> {
    sections.into_iter().filter_map(|section| one(section, notes)).collect()
}

fn one(mut section: Section<'_>, notes: &mut Notes<'_>) -> Option<RefusalSetting> {
    let status = section.number("status", 400..=499, notes);
    // These are sorted by their number alone, whatever the words beside them.
    let is_free = status.as_ref().is_none_or(|found| ![401, 408, 429].contains(&found.value));
    if let Some(found) = status.as_ref().filter(|_| !is_free) {
        notes.refuse(found, "must not be 401 (the key), 408 or 429 (no answer): no words change those");
    }
    let code = section.text("code", notes).map(|found| found.value.to_owned());
    let message = section.text("message", notes).map(|found| found.value.to_owned());
    let is_given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let says_something = is_given(&code) || is_given(&message);
    if !says_something && section.is_absent("code") && section.is_absent("message") {
        notes.missing(&section, "message", "a refusal is told by its code, its message, or both");
    }
    let class = section.word("class", &CLASSES, notes);
    if section.is_absent("class") {
        notes.missing(&section, "class", "what such a refusal means");
    }
    section.finish(notes);
    let class = class?.value;
    let (code, message) = (code.unwrap_or_default(), message.unwrap_or_default());
    says_something.then_some(RefusalSetting { status: status.map(|found| found.value), code, message, class })
}
