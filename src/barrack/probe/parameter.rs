//! By which words a page is asked for: seen by asking for single items, where there are at least two.

use super::question::Kind;
use super::{Came, Finding as Answered, ask, is_good, shape};
use crate::barrack::line::Line;
use crate::barrack::settings::Settings;

/// Of one parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its name below `[cloud.parameters]`.
    pub setting: &'static str,
    /// That was asked with first.
    pub was_set: String,
    /// What the cloud heeds; `None`: none of those that were tried.
    pub heeded: Option<String>,
    pub tried: Vec<&'static str>,
}

const PAGES: [&str; 4] = ["page", "page_number", "pageNumber", "p"];
const SIZES: [&str; 6] = ["pageSize", "page_size", "per_page", "limit", "perPage", "size"];

/// Once for the lists and once for the billing lists, as soon as one has two items.
pub fn is_worth_asking(answered: &Answered, found: &[Finding]) -> bool {
    let Some(setting) = setting(answered) else { return false };
    let items = answered.shape.as_ref().and_then(|shape| shape.items).unwrap_or(0);
    items > 1 && !found.iter().any(|finding| finding.setting == setting)
}

fn setting(answered: &Answered) -> Option<&'static str> {
    match answered.question.kind {
        Kind::List(_) => Some("page_size"),
        Kind::Bills(_) => Some("billing_page_size"),
        Kind::Machine | Kind::Snapshot | Kind::Links | Kind::Balance | Kind::Prices | Kind::Other(_) => None,
    }
}

/// Sets what is heeded.
pub(super) async fn find(line: &mut Line, settings: &mut Settings, answered: &Answered) -> Vec<Finding> {
    let is_billing = matches!(answered.question.kind, Kind::Bills(_));
    let parameters = settings.parameters.clone();
    let (page, size) = match is_billing {
        true => (parameters.billing_page, parameters.billing_page_size),
        false => (parameters.page, parameters.page_size),
    };
    let mut sizes = Finding::new(setting(answered).unwrap_or_default(), &size);
    for name in names(&size, &SIZES) {
        let first = single(line, answered, &format!("?{page}=1&{name}=1")).await;
        sizes.note(&name, &SIZES);
        if first.is_some_and(|texts| texts.len() == 1) {
            sizes.heeded = Some(name);
            break;
        }
    }
    let size = sizes.heeded.clone().unwrap_or(size);
    let mut pages = Finding::new(if is_billing { "billing_page" } else { "page" }, &page);
    // Where the size is not heeded, all may stand on the first page, and the second shows nothing.
    for name in names(&page, &PAGES).into_iter().filter(|_| sizes.heeded.is_some()) {
        let first = single(line, answered, &format!("?{name}=1&{size}=1")).await;
        let second = single(line, answered, &format!("?{name}=2&{size}=1")).await;
        pages.note(&name, &PAGES);
        if first.is_some() && second.is_some() && first != second {
            pages.heeded = Some(name);
            break;
        }
    }
    for (setting, place) in settings.parameters.each() {
        for finding in [&sizes, &pages].into_iter().filter(|finding| finding.setting == setting) {
            if let Some(heeded) = &finding.heeded {
                place.clone_from(heeded);
            }
        }
    }
    if sizes.heeded.is_some() { vec![sizes, pages] } else { vec![sizes] }
}

/// The one that is set first.
fn names(set: &str, known: &[&str]) -> Vec<String> {
    let others = known.iter().filter(|name| **name != set).map(|name| (*name).to_owned());
    [set.to_owned()].into_iter().chain(others).collect()
}

/// The texts of the items on a page.
async fn single(line: &mut Line, answered: &Answered, query: &str) -> Option<Vec<String>> {
    let reply = ask(line, &answered.path, None, query.to_owned()).await;
    let came: Came = reply.came;
    is_good(came).then(|| shape::ids(&answered.question, &reply.body)).flatten()
}

impl Finding {
    fn new(setting: &'static str, was_set: &str) -> Self {
        Self { setting, was_set: was_set.to_owned(), heeded: None, tried: Vec::new() }
    }

    fn note(&mut self, name: &str, known: &'static [&'static str]) {
        self.tried.extend(known.iter().find(|known| **known == name));
    }
}
