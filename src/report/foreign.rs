//! Foreign text on its way to a terminal or a log: names and messages that the cloud chose.
//!
//! Nothing in it may move a cursor, colour a line, end one, or turn the reading direction.

use std::fmt::Write;

use crate::domain::unseen::is_unseen;

/// Longer texts are cut; no name of the cloud's is as long.
const LONGEST: usize = 120;

/// The same text with everything that is not plainly visible written out, and cut where it is too long.
pub fn visible(text: &str) -> String {
    // Nearly every name is plain, and a scrape has thousands.
    if text.len() <= LONGEST && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == LONGEST {
            shown.push('…');
            break;
        }
        push(&mut shown, character);
    }
    shown
}

/// A whole message of ours with something foreign in it: as [`visible`], but of any length and with
/// its lines.
pub fn harmless(message: &str) -> String {
    let mut shown = String::new();
    for character in message.chars() {
        if character == '\n' {
            shown.push(character);
        } else {
            push(&mut shown, character);
        }
    }
    shown
}

/// JSON with what is unseen in its texts as `\uXXXX`: the same document, which does nothing to a terminal.
pub fn harmless_json(document: &str) -> String {
    let mut shown = String::with_capacity(document.len());
    for character in document.chars() {
        // Between its texts it has line ends only; in them there is none.
        if character == '\n' || !is_unseen(character) {
            shown.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\u{unit:04x}");
        }
    }
    shown
}

fn push(shown: &mut String, character: char) {
    if is_unseen(character) {
        // Writing to a String cannot fail.
        let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
    } else {
        shown.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_act_on_a_terminal_is_written_out() {
        assert_eq!(visible("tränér-1 ok"), "tränér-1 ok");
        assert_eq!(visible("a\x1b[2Jb\nc\u{9b}"), r"a\u{1b}[2Jb\u{a}c\u{9b}");
        assert_eq!(visible("a\u{202e}b"), r"a\u{202e}b");
    }

    #[test]
    fn a_document_stays_the_same_and_shows_only_what_is_seen() {
        let value = serde_json::json!({"a\u{202e}": "\u{1b}[2J\u{9b}\u{7f}\u{e0041} tränér\n"});
        let shown = harmless_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!shown.chars().any(|character| character != '\n' && is_unseen(character)), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn what_is_too_long_is_cut() {
        assert_eq!(visible(&"x".repeat(1_000)).chars().count(), LONGEST + 1);
    }
}
