//! The known word that a mistyped one most likely meant.
//!
//! It only suggests; nothing is ever corrected by it.

/// The word with the fewest edits, if they are few for its length.
pub fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    // A foreign key can be as long as the file; ours are short.
    if wrong.chars().count() > 40 {
        return None;
    }
    let close = known.iter().map(|word| (edits(wrong, word), *word)).min()?;
    let (count, word) = close;
    (count <= 1 + word.chars().count() / 3).then_some(word)
}

/// Insertions, deletions and replacements from one word to the other (Wagner and Fischer).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, left) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, right) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let known = ["schedule", "timezone", "may_restart", "mode"];
        assert_eq!(nearest("shedule", &known), Some("schedule"));
        assert_eq!(nearest("time_zone", &known), Some("timezone"));
        assert_eq!(nearest("mdoe", &known), Some("mode"));
        assert_eq!(nearest("colour", &known), None);
        assert_eq!(nearest("", &[]), None);
    }
}
