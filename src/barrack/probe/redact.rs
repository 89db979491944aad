//! What an answer says of persons, keys and addresses, taken out of it; its shape stays.
//!
//! The same text becomes the same other text everywhere, so that what belonged together still does.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::de::IgnoredAny;

/// Parts of a field's name that is about a person, or opens something.
const PERSONAL: [&str; 16] = [
    "email",
    "phone",
    "password",
    "secret",
    "token",
    "api_key",
    "apikey",
    "private_key",
    "ssh_key",
    "user",
    "first_name",
    "last_name",
    "full_name",
    "owner",
    "company",
    "customer",
];
/// A longer word of letters and digits could be a key.
const LONGEST_WORD: usize = 23;
/// Our own names are as long, and are known to hold nothing.
const OURS: &str = "qm-";

#[derive(Default)]
pub struct Redaction {
    known: BTreeMap<String, usize>,
}

impl Redaction {
    pub fn body(&mut self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(body);
        let is_json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        let json = is_json.then(|| self.json(&text)).flatten();
        json.unwrap_or_else(|| self.text(&text))
    }

    /// Word by word; what stands between them stays.
    pub fn text(&mut self, text: &str) -> String {
        let is_inside = |symbol: char| symbol.is_alphanumeric() || "@.:_+-%".contains(symbol);
        let mut redacted = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let is_word = is_inside(first);
            let end = rest.find(|symbol| is_inside(symbol) != is_word).unwrap_or(rest.len());
            let (part, after) = rest.split_at(end);
            if is_word {
                redacted.push_str(&self.word(part))
            } else {
                redacted.push_str(part)
            }
            rest = after;
        }
        redacted
    }

    fn word(&mut self, word: &str) -> String {
        let bare = word.trim_end_matches(['.', ':']);
        let tail = &word[bare.len()..];
        let number = |redaction: &mut Self| redaction.number(bare);
        if bare.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.')) {
            return format!("person-{}@example.org{tail}", number(self));
        }
        let (host, port) = match bare.split_once(':') {
            Some((host, port)) if host.parse::<Ipv4Addr>().is_ok() => (host, format!(":{port}")),
            _ => (bare, String::new()),
        };
        match host.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => {
                let last = u8::try_from(self.number(host) % 250 + 1).unwrap_or(1);
                return format!("{}{port}{tail}", Ipv4Addr::new(192, 0, 2, last));
            }
            Ok(IpAddr::V6(_)) => {
                let last = u16::try_from(self.number(host) % 60_000 + 1).unwrap_or(1);
                return format!("{}{tail}", Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last));
            }
            Err(_) => {}
        }
        if is_like_a_key(bare) { format!("redacted-{}{tail}", number(self)) } else { word.to_owned() }
    }

    fn number(&mut self, text: &str) -> usize {
        let next = self.known.len() + 1;
        *self.known.entry(text.to_owned()).or_insert(next)
    }

    /// Of valid JSON: strings one by one, and the numbers of personal fields.
    fn json(&mut self, text: &str) -> Option<String> {
        let mut redacted = String::with_capacity(text.len());
        // The names that the values at each depth stand under.
        let (mut outer, mut name): (Vec<String>, String) = (Vec::new(), String::new());
        let mut at = 0;
        while let Some(symbol) = text[at..].chars().next() {
            let rest = &text[at..];
            let is_about_a_person = is_personal(&name) || outer.iter().any(|outer| is_personal(outer));
            let mut length = symbol.len_utf8();
            match symbol {
                '"' => {
                    length = literal(rest)?;
                    let content: String = serde_json::from_str(&rest[..length]).ok()?;
                    let is_name = text[at + length..].trim_start().starts_with(':');
                    let other = match is_about_a_person {
                        true if !is_name && !content.is_empty() => {
                            format!("redacted-{}", self.number(&content))
                        }
                        _ => self.text(&content),
                    };
                    match other == content {
                        true => redacted.push_str(&rest[..length]),
                        false => redacted.push_str(&serde_json::Value::from(other).to_string()),
                    }
                    if is_name {
                        name = content;
                    }
                }
                '0'..='9' | '-' if is_about_a_person => {
                    length = rest.find([',', '}', ']', ' ', '\n']).unwrap_or(rest.len());
                    redacted.push('1');
                }
                '{' | '[' => {
                    outer.push(std::mem::take(&mut name));
                    redacted.push(symbol);
                }
                '}' | ']' => {
                    outer.pop();
                    name.clear();
                    redacted.push(symbol);
                }
                _ => {
                    if symbol == ',' {
                        name.clear();
                    }
                    redacted.push(symbol);
                }
            }
            at += length;
        }
        Some(redacted)
    }
}

/// Bytes of the string that begins here, with its quotes.
fn literal(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn is_personal(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    PERSONAL.iter().any(|part| name.contains(part))
}

fn is_like_a_key(word: &str) -> bool {
    let has = |is: fn(&u8) -> bool| word.bytes().any(|byte| is(&byte));
    let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    word.len() > LONGEST_WORD && is_mixed && !word.starts_with(OURS) && !is_uuid(word) && !is_instant(word)
}

/// Such ids tie answers to each other, and open nothing.
fn is_uuid(word: &str) -> bool {
    let lengths: Vec<usize> = word.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn is_instant(word: &str) -> bool {
    word.parse::<crate::domain::time::Timestamp>().is_ok() || word.parse::<jiff::civil::DateTime>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persons_keys_and_addresses_go_and_the_shape_stays() {
        let body = br#"{"success":true, "instances":[{"id":"BRK-1D","name":"trainer-1","public_ip":"203.0.113.7",
            "ipv6":"2001:db8:77::1","created_at":"2026-03-01T02:00:07.123456+05:30","size_gb":1.50,
            "user_id":4711,"owner":{"name":"Ada","tags":["x",7]},"note":"ask ada@barrack.example at 203.0.113.7:22.",
            "key":"sk1aaaaaaaaaaaaaaaaaaaaaaaaaaaa9","name2":"qm-trainer-1-abcdefgh2345"}],
            "ada@barrack.example":null,"uuid":"550e8400-e29b-41d4-a716-446655440000"}"#;
        let mut redaction = Redaction::default();
        let told = redaction.body(body);
        for gone in ["203.0.113", "ada", "Ada", "4711", "sk1", "77::1"] {
            assert!(!told.contains(gone), "{gone}: {told}");
        }
        assert!(serde_json::from_str::<IgnoredAny>(&told).is_ok());
        assert!(told.contains(&redaction.text("ada@barrack.example")), "the same everywhere: {told}");
        for kept in
            [r#""size_gb":1.50"#, "2026-03-01T02:00:07.123456+05:30", "qm-trainer-1-abcdefgh2345", "550e8400"]
        {
            assert!(told.contains(kept), "{kept}: {told}");
        }
    }

    #[test]
    fn what_is_no_json_is_redacted_word_by_word() {
        let told = Redaction::default().body(b"<html>mail ada@barrack.example, from 10.0.0.1</html>");
        assert_eq!(told, "<html>mail person-1@example.org, from 192.0.2.3</html>");
    }
}
