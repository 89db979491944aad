//! Names that want out of wherever they are shown: of a terminal, a page, a letter's head, a label.
//!
//! A cloud lets its users choose names, and shows them to whoever asks.

/// Before a name, for what is cut short behind it.
const FIRST: &str = "\u{1b}[2J\u{202e}";
/// Clears the screen, colours it, names its window; ends a letter's head and adds to it; is a script, a
/// quote, a template, a command; ends a text of C; moves the cursor in 8 bits; ends a line as Unicode has
/// it, and turns what follows around.
const SPITE: &str = "\u{1b}[2J\u{1b}[31m\u{1b}]0;pwned\u{7}\r\nBcc: thief@example.com\r\n\r\n<script>alert(1)</script>\
                     \"'&\\`$(id)`{{7*7}}\u{0}\t\u{7f}\u{9b}31m\u{85}\u{2028}\u{202e}\u{2066}\u{200f}\u{feff}";
/// More than any line, header or column takes.
const LONG: usize = 10_000;
/// One thing in so many has a name that is nothing but long, too.
const LONG_EVERY: u64 = 4;

/// The same name for the same thing each time, and never for two of different names.
pub fn spiteful(name: &str, number: u64) -> String {
    let tail = if number.is_multiple_of(LONG_EVERY) { "x".repeat(LONG) } else { String::new() };
    format!("{FIRST}{name}{SPITE}{tail}")
}

/// Whether a snapshot's name is the daemon's, which must come back as it was sent.
pub fn is_sacred(name: &str) -> bool {
    name.starts_with("qm-")
}
