//! Words in a text that could be a person's, open something, or lead somewhere; each becomes another.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A longer word of letters and digits could be a key.
const LONGEST_WORD: usize = 23;
/// Our own names are as long, and are known to hold nothing.
const OURS: &str = "qm-";
/// Anywhere in a text, these say that all of it is a key.
const KEYS: [&str; 5] = ["ssh-", "ecdsa-", "-----BEGIN", "PRIVATE KEY", "AAAA"];
/// A word after one of these and a `:` or `=` opens something.
const OPENERS: [&str; 8] =
    ["password", "passwd", "secret", "token", "bearer", "apikey", "api_key", "authorization"];
/// Parts of what cards are called, in small letters, and those that may have digits after them.
const MODEL_PARTS: [&str; 8] = ["nvidia", "amd", "pcie", "nvl", "nvlink", "ada", "ti", "super"];
const MODEL_HEADS: [&str; 4] = ["rtx", "gtx", "sxm", "hbm"];
/// As many digits in a row, with blanks or dashes between them, are a telephone's or a card's.
const MANY_DIGITS: usize = 12;

/// Word by word; what stands between them stays. `number` knows how each was called before.
pub fn text(text: &str, number: &mut impl FnMut(&str) -> usize) -> String {
    if is_instant(text) || is_uuid(text) {
        return text.to_owned();
    }
    if KEYS.iter().any(|mark| text.contains(mark)) || is_of_many_digits(text) {
        return format!("redacted-{}", number(text));
    }
    let is_inside = |symbol: char| symbol.is_alphanumeric() || "@.:_+-%".contains(symbol);
    let (mut redacted, mut rest) = (String::new(), text);
    let mut opens = false;
    while let Some(first) = rest.chars().next() {
        let is_word = is_inside(first);
        let end = rest.find(|symbol| is_inside(symbol) != is_word).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        if !is_word {
            redacted.push_str(part);
            opens = opens && part.trim().chars().all(|symbol| "=\"'".contains(symbol));
        } else if let Some((scheme, end)) = link(part, rest) {
            redacted.push_str(&format!("{scheme}://redacted-{}.example.org/", number(&rest[..end])));
            rest = &rest[end..];
            opens = false;
            continue;
        } else if opens && !is_opener(part) {
            redacted.push_str(&format!("redacted-{}", number(part)));
            opens = false;
        } else {
            redacted.push_str(&word(part, number));
            opens = is_opener(part) && (part.ends_with(':') || after.trim_start().starts_with('='));
        }
        rest = after;
    }
    redacted
}

fn is_opener(word: &str) -> bool {
    let word = word.trim_end_matches(':').to_ascii_lowercase();
    OPENERS.iter().any(|opener| word.ends_with(opener))
}

/// Where a link that begins with this word ends: who follows it may need no other key.
fn link<'a>(part: &'a str, rest: &str) -> Option<(&'a str, usize)> {
    let scheme = part.strip_suffix(':').filter(|_| rest[part.len()..].starts_with("//"))?;
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_over = |symbol: char| symbol.is_whitespace() || "\"'<>".contains(symbol);
    is_scheme.then(|| (scheme, rest.find(is_over).unwrap_or(rest.len())))
}

/// Whether all of it is an address or a link, of which a shape remains.
pub fn is_address(text: &str) -> bool {
    let is_link = || {
        let part = text.find('/').map_or(text, |end| &text[..end]);
        link(part, text).is_some_and(|(_, end)| end == text.len())
    };
    text.parse::<IpAddr>().is_ok() || is_link()
}

fn word(word: &str, number: &mut impl FnMut(&str) -> usize) -> String {
    let bare = word.trim_end_matches(['.', ':']);
    let tail = &word[bare.len()..];
    // With or without a dot in what follows: a machine at home has none.
    if bare.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty()) {
        return format!("person-{}@example.org{tail}", number(bare));
    }
    if let Some((opener, secret)) = bare.split_once(':').filter(|(opener, _)| is_opener(opener)) {
        return format!("{opener}:redacted-{}{tail}", number(secret));
    }
    let (host, port) = match bare.split_once(':') {
        Some((host, port)) if host.parse::<Ipv4Addr>().is_ok() => (host, format!(":{port}")),
        _ => (bare.split('%').next().unwrap_or(bare), String::new()),
    };
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => {
            let last = u8::try_from(number(host) % 250 + 1).unwrap_or(1);
            return format!("{}{port}{tail}", Ipv4Addr::new(192, 0, 2, last));
        }
        Ok(IpAddr::V6(_)) => {
            let last = u16::try_from(number(host) % 60_000 + 1).unwrap_or(1);
            return format!("{}{tail}", Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last));
        }
        Err(_) => {}
    }
    let is_redacted = is_like_a_key(bare) || is_hardware(bare);
    if is_redacted { format!("redacted-{}{tail}", number(bare)) } else { word.to_owned() }
}

fn is_like_a_key(word: &str) -> bool {
    let has = |is: fn(&u8) -> bool| word.bytes().any(|byte| is(&byte));
    let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    word.len() > LONGEST_WORD && is_mixed && !word.starts_with(OURS) && !is_uuid(word) && !is_instant(word)
}

/// The address of a network card: six pairs.
fn is_hardware(word: &str) -> bool {
    let pairs: Vec<&str> = word.split([':', '-']).collect();
    pairs.len() == 6
        && pairs.iter().all(|pair| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_of_many_digits(text: &str) -> bool {
    let is_run = |symbol: char| symbol.is_ascii_digit() || "+ -().".contains(symbol);
    let runs = text.split(|symbol| !is_run(symbol));
    let digits = |run: &str| run.bytes().filter(u8::is_ascii_digit).count();
    runs.map(|run| (digits(run), run.trim_start().starts_with('+')))
        .any(|(digits, is_dialled)| digits > MANY_DIGITS || (is_dialled && digits > 6))
}

/// Whether it is called as a card is, such as `H100-SXM5-80GB` or `RTX-A6000`: no part of it is a word of its own.
pub fn is_model(name: &str) -> bool {
    let is_part = |part: &str| {
        let part = part.to_ascii_lowercase();
        let letters = part.trim_end_matches(|symbol: char| symbol.is_ascii_lowercase());
        let tail = part.len() - letters.len();
        let head = letters.trim_end_matches(|symbol: char| symbol.is_ascii_digit());
        let is_head = head.len() <= 2 && head.bytes().all(|byte| byte.is_ascii_lowercase());
        MODEL_PARTS.iter().chain(&MODEL_HEADS).any(|known| *known == part)
            || (head.len() < letters.len() && tail <= 2 && (is_head || MODEL_HEADS.contains(&head)))
    };
    // Of a generation of cards, or of a person.
    let is_ada_first = name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("ada"));
    let has_digit = name.bytes().any(|byte| byte.is_ascii_digit());
    has_digit && !is_ada_first && name.split([' ', '-', '_']).all(is_part)
}

/// Such ids tie answers to each other, and open nothing.
fn is_uuid(word: &str) -> bool {
    let lengths: Vec<usize> = word.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

pub fn is_instant(word: &str) -> bool {
    word.parse::<crate::domain::time::Timestamp>().is_ok()
        || word.parse::<jiff::civil::DateTime>().is_ok()
        || word.parse::<jiff::civil::Date>().is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    fn told(text: &str) -> String {
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        super::text(text, &mut |word| {
            let next = known.len() + 1;
            *known.entry(word.to_owned()).or_insert(next)
        })
    }

    #[test]
    fn what_could_be_a_persons_or_open_something_becomes_another_word() {
        for (text, other) in [
            ("ask ada@barrack.example, or ada@laptop.", "ask person-1@example.org, or person-2@example.org."),
            ("203.0.113.7:22 and 203.0.113.7/24", "192.0.2.2:22 and 192.0.2.2/24"),
            ("fe80::1%eth0 at 0a:1b:2c:3d:4e:5f", "2001:db8::2 at redacted-2"),
            ("sk1aaaaaaaaaaaaaaaaaaaaaaaaaaaa9 is no key", "redacted-1 is no key"),
            ("see https://ada:pw@vnc.example/x?token=hunter2 now", "see https://redacted-1.example.org/ now"),
            (
                "password: hunter2, token=abc, api_key:x1",
                "password: redacted-1, token=redacted-2, api_key:redacted-3",
            ),
            ("ssh-rsa AAAAB3Nza ada", "redacted-1"),
            ("ring +49 151 555 0177", "redacted-1"),
            ("card 4111 1111 1111 1111", "redacted-1"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----", "redacted-1"),
        ] {
            assert_eq!(told(text), other, "{text}");
        }
    }

    #[test]
    fn a_card_is_told_by_what_it_is_called_and_nobody_is_called_so() {
        for card in [
            "H100-SXM5-80GB",
            "A100-PCIe-80GB",
            "L40",
            "L40S",
            "RTX-A6000",
            "RTX 4090 Ti",
            "rtx_6000_ada",
            "GH200",
            "MI300X",
            "T4",
        ] {
            assert!(super::is_model(card), "{card}");
        }
        for other in ["ada", "Ada1980", "ada-h100", "mary-h100", "H100-acme", "team7", "12 Elm", "RTX", ""] {
            assert!(!super::is_model(other), "{other}");
        }
    }

    #[test]
    fn what_the_cloud_says_and_what_ties_answers_together_stays() {
        for text in [
            "Insufficient balance: 2.40 USD are needed for BRK-100001D",
            "Authentication token is not valid",
            "/snapshots/BRK-100001S/?page=1&pageSize=50",
            "2026-03-01T02:00:07.123456+05:30",
            "2026-03-01 02:00:07",
            "550e8400-e29b-41d4-a716-446655440000",
            "qm-trainer-1-abcdefgh2345",
            "H100-SXM5-80GB",
            "1772330407",
        ] {
            assert_eq!(told(text), text);
        }
    }
}
