//! Which items a page holds, and what it says of the whole.
//!
//! It works on positions only, so that nothing is rendered that is not on the page.

use std::collections::BTreeMap;

use crate::sim::fate::{Bend, BendKind};

/// A page that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Pages count from 1.
    pub number: usize,
    pub size: usize,
}

/// The positions on a page, and the total that it states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    pub positions: Vec<usize>,
    pub total: usize,
    /// It differs from what an honest page would be.
    pub bent: bool,
}

impl Page {
    /// What is missing or makes no sense becomes the default.
    pub fn asked(
        parameters: &BTreeMap<String, String>,
        size_word: &str,
        usual: usize,
        largest: usize,
    ) -> Self {
        let number_at = |word: &str| parameters.get(word)?.parse::<usize>().ok().filter(|number| *number > 0);
        Self {
            number: number_at("page").unwrap_or(1),
            size: number_at(size_word).unwrap_or(usual).min(largest),
        }
    }

    pub fn slice(&self, total: usize, bend: Option<Bend>) -> Slice {
        let begin = (self.number - 1).saturating_mul(self.size).min(total);
        let end = begin.saturating_add(self.size).min(total);
        let honest = Slice { positions: (begin..end).collect(), total, bent: false };
        let Some(bend) = bend.filter(|_| begin < end) else { return honest };
        let mut slice = honest.clone();
        slice.twist(bend, total);
        slice.bent = slice != honest;
        slice
    }

    /// The fields of a list's body, `items` being its array's inside.
    pub fn fields(&self, word: &str, items: &str, total: usize) -> String {
        let pages = total.div_ceil(self.size).max(1);
        let (number, size) = (self.number, self.size);
        format!(r#""{word}":[{items}],"total":{total},"page":{number},"limit":{size},"total_pages":{pages}"#)
    }
}

impl Slice {
    fn twist(&mut self, bend: Bend, total: usize) {
        let at = bend.at % self.positions.len();
        match bend.kind {
            BendKind::Misses => {
                self.positions.remove(at);
            }
            BendKind::Repeats => {
                let again = self.positions[at];
                self.positions.insert(at, again);
            }
            // As if the whole list were sorted the other way for this one read.
            BendKind::Reorders => {
                self.positions.iter_mut().for_each(|position| *position = total - 1 - *position)
            }
            // As if an item had come or gone between two reads.
            BendKind::Shifts if bend.at.is_multiple_of(2) => {
                self.positions.iter_mut().for_each(|position| *position = position.saturating_sub(1));
                self.positions.dedup();
            }
            BendKind::Shifts => {
                self.positions.iter_mut().for_each(|position| *position += 1);
                self.positions.retain(|position| *position < total);
            }
            BendKind::WrongTotal if bend.at.is_multiple_of(2) => self.total += 1 + at,
            BendKind::WrongTotal => self.total -= 1 + at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bent_pages_stay_inside_the_list() {
        for total in 1..12 {
            for at in 0..20 {
                for number in 1..4 {
                    let kinds = [
                        BendKind::Misses,
                        BendKind::Repeats,
                        BendKind::Reorders,
                        BendKind::Shifts,
                        BendKind::WrongTotal,
                    ];
                    for kind in kinds {
                        let slice = Page { number, size: 5 }.slice(total, Some(Bend { kind, at }));
                        assert!(slice.positions.iter().all(|position| *position < total));
                    }
                }
            }
        }
    }
}
