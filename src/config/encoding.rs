//! The bytes of a configuration as text, or why they are none.
//!
//! Only UTF-8 without a mark is taken: an editor that writes another would hide it from everybody.

/// An error is the rule that the bytes break.
pub fn text(bytes: Vec<u8>) -> Result<String, String> {
    let plain = "save it as plain UTF-8";
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(format!(
            "begins with a byte order mark, which no setting can stand behind: {plain} without it"
        ));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(format!("is in UTF-16: {plain}"));
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(format!("holds a NUL in line {}: {plain}, without binary content", line(&bytes[..at])));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        format!("is not UTF-8 from line {} on: {plain}", line(&error.as_bytes()[..good]))
    })
}

fn line(before: &[u8]) -> usize {
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}
