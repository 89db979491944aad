//! How the cloud's words for a no are sorted: a table of patterns, and the defaults.
//!
//! It only names the sort; what a sort comes to is the answer table's affair.

use std::borrow::Cow;

use crate::config::refusal::{RefusalClass, RefusalSetting};

/// One row: it fits if the status lies in the range and the code, or else the message, is the cloud's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalPattern {
    /// From and to, both included. A 2xx that says no counts as 400.
    pub status: (u16, u16),
    /// The whole `error_code`, in any case; empty: decided by the message.
    pub code: Cow<'static, str>,
    /// A part of the message, in any case; empty: decided by the code.
    pub message: Cow<'static, str>,
    pub sort: Sort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    Credit,
    NameTaken,
    /// Profile, quota or permission.
    Account,
    Unsupported,
    /// The object is not there.
    Missing,
    /// The object is in a state that will pass.
    Busy,
    /// For none of these reasons.
    Other,
}

/// What the configuration says, and then what is known anyway.
pub fn table(settings: &[RefusalSetting]) -> Vec<RefusalPattern> {
    settings.iter().map(RefusalPattern::from).chain(DEFAULTS.iter().cloned()).collect()
}

impl From<&RefusalSetting> for RefusalPattern {
    fn from(setting: &RefusalSetting) -> Self {
        let sort = match setting.class {
            RefusalClass::Credit => Sort::Credit,
            RefusalClass::Account => Sort::Account,
            RefusalClass::Busy => Sort::Busy,
            RefusalClass::Unsupported => Sort::Unsupported,
            RefusalClass::NameTaken => Sort::NameTaken,
            RefusalClass::Missing => Sort::Missing,
            RefusalClass::Other => Sort::Other,
        };
        let status = setting.status.map_or((400, 499), |status| (status, status));
        let (code, message) = (setting.code.clone().into(), setting.message.clone().into());
        Self { status, code, message, sort }
    }
}

impl RefusalPattern {
    fn fits(&self, status: u16, code: &str, message: &str) -> bool {
        let nothing = self.code.is_empty() && self.message.is_empty();
        let code_fits = self.code.is_empty() || self.code.eq_ignore_ascii_case(code);
        let message_fits = self.message.is_empty() || message.contains(&self.message.to_lowercase());
        (self.status.0..=self.status.1).contains(&status) && !nothing && code_fits && message_fits
    }
}

/// The first row that fits; `None` leaves it to the status alone.
pub fn sort(patterns: &[RefusalPattern], status: u16, code: &str, message: &str) -> Option<Sort> {
    let message = message.to_lowercase();
    // A 403 is about the key unless it plainly is about the account, or somebody set what it is about.
    let may = |row: &&RefusalPattern| status != 403 || row.sort == Sort::Account || row.status == (403, 403);
    patterns.iter().filter(may).find(|row| row.fits(status, code, &message)).map(|row| row.sort)
}

const fn code(code: &'static str, sort: Sort) -> RefusalPattern {
    RefusalPattern { status: (400, 499), code: Cow::Borrowed(code), message: Cow::Borrowed(""), sort }
}

const fn says(message: &'static str, sort: Sort) -> RefusalPattern {
    RefusalPattern { status: (400, 499), code: Cow::Borrowed(""), message: Cow::Borrowed(message), sort }
}

/// Only on a plain 400, where the words alone would be too vague.
const fn says_in_400(message: &'static str, sort: Sort) -> RefusalPattern {
    RefusalPattern { status: (400, 400), code: Cow::Borrowed(""), message: Cow::Borrowed(message), sort }
}

pub const DEFAULTS: &[RefusalPattern] = &[
    code("INSUFFICIENT_BALANCE", Sort::Credit),
    code("NAME_TAKEN", Sort::NameTaken),
    code("PROFILE_INCOMPLETE", Sort::Account),
    code("QUOTA_EXCEEDED", Sort::Account),
    code("NOT_FOUND", Sort::Missing),
    code("INVALID_STATE", Sort::Busy),
    code("BUSY", Sort::Busy),
    says("insufficient balance", Sort::Credit),
    says("insufficient credit", Sort::Credit),
    says("insufficient fund", Sort::Credit),
    says("not enough credit", Sort::Credit),
    says("billing profile", Sort::Account),
    says("profile is incomplete", Sort::Account),
    says("complete your profile", Sort::Account),
    says("quota", Sort::Account),
    says_in_400("permission", Sort::Account),
    says("another operation", Sort::Busy),
    says("in progress", Sort::Busy),
    says("heavy load", Sort::Busy),
    says("try again", Sort::Busy),
    says("invalid state", Sort::Busy),
    says("must be active", Sort::Busy),
    says("name already", Sort::NameTaken),
    says("name is already", Sort::NameTaken),
    says("name must be unique", Sort::NameTaken),
    says("name conflict", Sort::NameTaken),
    says("already exists", Sort::NameTaken),
    says("unsupported", Sort::Unsupported),
    says("not supported", Sort::Unsupported),
    says("booted from a volume", Sort::Unsupported),
    says("boot from volume", Sort::Unsupported),
    says("does not exist", Sort::Missing),
    says_in_400("not found", Sort::Missing),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_configured_comes_first_and_may_speak_of_a_403() {
        let setting = |status, code: &str, message: &str, class| RefusalSetting {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
            class,
        };
        let table = table(&[
            setting(None, "LIMIT_7", "", RefusalClass::Account),
            setting(Some(403), "", "Frozen Machine", RefusalClass::Unsupported),
            setting(None, "", "try again", RefusalClass::Other),
        ]);
        for (status, code, message, sorted) in [
            (400, "limit_7", "try again", Some(Sort::Account)),
            (403, "", "a frozen machine", Some(Sort::Unsupported)),
            (400, "", "a frozen machine", None),
            (409, "", "Please try again", Some(Sort::Other)),
            (403, "", "please try again", None),
            (402, "", "insufficient balance", Some(Sort::Credit)),
        ] {
            assert_eq!(sort(&table, status, code, message), sorted, "{status} {code} {message}");
        }
    }

    #[test]
    fn the_code_or_the_words_decide_and_a_vague_403_is_about_the_key() {
        for (status, code, message, sorted) in [
            (400, "INSUFFICIENT_BALANCE", "", Some(Sort::Credit)),
            (400, "", "Insufficient credits for this call", Some(Sort::Credit)),
            (409, "", "A snapshot with this NAME ALREADY exists", Some(Sort::NameTaken)),
            (400, "validation_error", "Flavor not supported", Some(Sort::Unsupported)),
            (400, "", "Instance BRK-1D does not exist", Some(Sort::Missing)),
            (400, "invalid_state", "", Some(Sort::Busy)),
            (403, "QUOTA_EXCEEDED", "", Some(Sort::Account)),
            (403, "PERMISSION_DENIED", "no permission", None),
            (403, "", "this object does not exist", None),
            (400, "", "something else", None),
            (500, "NAME_TAKEN", "", None),
        ] {
            assert_eq!(sort(DEFAULTS, status, code, message), sorted, "{status} {code} {message}");
        }
    }
}
