//! Characters that nobody sees, and that act on what shows them or on the order of what stands beside them.

/// Controls, line ends of every sort among them, and marks of format: what turns the reading direction,
/// joins, parts or hides.
pub fn is_unseen(character: char) -> bool {
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
