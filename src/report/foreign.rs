//! Foreign text on its way to a terminal or a log: names and messages that the cloud chose.
//!
//! Nothing in it may move a cursor, colour a line, end one, or turn the reading direction.

use std::fmt::Write;

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

fn push(shown: &mut String, character: char) {
    if is_unseen(character) {
        // Writing to a String cannot fail.
        let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
    } else {
        shown.push(character);
    }
}

fn is_unseen(character: char) -> bool {
    let is_format = matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}'
    );
    character.is_control() || is_format
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
    fn what_is_too_long_is_cut() {
        assert_eq!(visible(&"x".repeat(1_000)).chars().count(), LONGEST + 1);
    }
}
