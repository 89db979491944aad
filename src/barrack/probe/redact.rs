//! What an answer says, with only that left in it which is known to name nobody; its shape stays.
//!
//! What is not known goes: a field that nobody reads here, a name that a person gave, a text that is no
//! JSON. The same text becomes the same other text everywhere, so that what belonged together still does.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use super::harmless::{self, Manner};
use super::words;
use crate::barrack::refusal;

/// In place of an instant that could be a birthday.
const SOME_INSTANT: &str = "2000-01-01T00:00:00Z";
/// Our own names, whose last ten digits are a hash.
const OURS: &str = "qm-";

#[derive(Default)]
pub struct Redaction {
    known: BTreeMap<String, usize>,
}

/// What surrounds a value.
struct Around {
    manner: Manner,
    /// Of a list: what it is called, and with it each of its items.
    name: String,
}

impl Redaction {
    pub fn body(&mut self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(body);
        let is_json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        let json = is_json.then(|| self.json(&text)).flatten();
        json.unwrap_or_else(|| match text.trim_start().chars().next() {
            Some('{' | '[') => format!("{{ redacted: {} bytes that are no whole JSON", body.len()),
            Some('<') => format!("<html>redacted: {} bytes</html>", body.len()),
            Some(_) => format!("redacted: {} bytes of text", body.len()),
            None => text.into_owned(),
        })
    }

    /// What stands for itself, such as an address below the base URL or what the cloud says.
    pub fn text(&mut self, text: &str) -> String {
        words::text(text, &mut |word| self.number(word))
    }

    fn number(&mut self, text: &str) -> usize {
        let next = self.known.len() + 1;
        *self.known.entry(text.to_owned()).or_insert(next)
    }

    /// Of valid JSON: strings and numbers one by one, each by what it is called and what surrounds it.
    fn json(&mut self, text: &str) -> Option<String> {
        let mut redacted = String::with_capacity(text.len());
        let mut around: Vec<Around> = Vec::new();
        let mut name = String::new();
        let mut at = 0;
        while let Some(symbol) = text[at..].chars().next() {
            let rest = &text[at..];
            let outer = around.last().map_or(Manner::Known, |around| around.manner);
            let mut length = symbol.len_utf8();
            match symbol {
                '"' => {
                    length = literal(rest)?;
                    let content: String = serde_json::from_str(&rest[..length]).ok()?;
                    let is_name = text[at + length..].trim_start().starts_with(':');
                    let other = match is_name {
                        true => self.field(&content, outer),
                        false => self.string(&content, outer.of_value(&name)),
                    };
                    match other == content {
                        true => redacted.push_str(&rest[..length]),
                        false => redacted.push_str(&serde_json::Value::from(other).to_string()),
                    }
                    if is_name {
                        name = content;
                    }
                }
                '0'..='9' | '-' => {
                    let is_over = |symbol: char| !symbol.is_ascii_alphanumeric() && !"+-.".contains(symbol);
                    length = rest.find(is_over).unwrap_or(rest.len());
                    let is_kept =
                        matches!(outer.of_value(&name), Manner::Known | Manner::Amount | Manner::Prices);
                    redacted.push_str(if is_kept { &rest[..length] } else { "1" });
                }
                '{' | '[' => {
                    let inner = if symbol == '[' { name.clone() } else { String::new() };
                    let is_listed =
                        symbol == '[' || around.last().is_some_and(|around| !around.name.is_empty());
                    let manner = if is_listed { outer.within(&name) } else { outer.within_one(&name) };
                    around.push(Around { manner, name: inner.clone() });
                    name = inner;
                    redacted.push(symbol);
                }
                '}' | ']' => {
                    around.pop();
                    name = around.last().map(|around| around.name.clone()).unwrap_or_default();
                    redacted.push(symbol);
                }
                _ => {
                    if symbol == ',' {
                        name = around.last().map(|around| around.name.clone()).unwrap_or_default();
                    }
                    redacted.push(symbol);
                }
            }
            at += length;
        }
        Some(redacted)
    }

    /// A field's own name tells the shape; one that nobody would call a field could be somebody's, and where
    /// nobody knows what stands there, so could any.
    fn field(&mut self, name: &str, outer: Manner) -> String {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let is_kept = match outer {
            Manner::Known => name.bytes().all(is_word) && name.bytes().any(|byte| byte.is_ascii_alphabetic()),
            Manner::Prices => harmless::is_field(name) || words::is_model(name),
            Manner::Unknown | Manner::Amount | Manner::Said => harmless::is_field(name),
            Manner::Given => false,
        };
        if is_kept { self.text(name) } else { format!("redacted_{}", self.number(name)) }
    }

    fn string(&mut self, content: &str, manner: Manner) -> String {
        let is_number = content.parse::<f64>().is_ok();
        match manner {
            _ if content.is_empty() || harmless::is_word(content) => content.to_owned(),
            Manner::Amount if harmless::is_amount(content) => content.to_owned(),
            Manner::Known | Manner::Amount => self.text(content),
            Manner::Said => self.said(content),
            Manner::Given => self.given(content),
            Manner::Prices if is_number => content.to_owned(),
            Manner::Prices | Manner::Unknown => {
                if words::is_instant(content) {
                    return SOME_INSTANT.to_owned();
                }
                if is_number {
                    return "1".to_owned();
                }
                // An address stays one; of anything else nothing is left.
                match words::is_address(content) {
                    true => self.text(content),
                    false => format!("redacted-{}", self.number(content)),
                }
            }
        }
    }

    /// A sentence: of it stays what a known refusal is told by, and nothing that stands around that.
    fn said(&mut self, sentence: &str) -> String {
        let lower = sentence.to_lowercase();
        let messages = refusal::DEFAULTS.iter().map(|row| row.message.as_ref());
        let known = messages.filter(|message| !message.is_empty() && lower.contains(message));
        let known: Vec<&str> = known.collect();
        let number = self.number(sentence);
        match known.is_empty() {
            true => format!("redacted-{number}"),
            false => format!("{} (redacted-{number})", known.join(", ")),
        }
    }

    /// A name that a person gave, and what of ours was made of it.
    fn given(&mut self, name: &str) -> String {
        let ours = name.strip_prefix(OURS).and_then(|rest| rest.rsplit_once('-'));
        match ours
            .filter(|(_, hash)| hash.len() == 10 && hash.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        {
            Some((of, hash)) => format!("{OURS}redacted-{}-{hash}", self.number(of)),
            None => format!("redacted-{}", self.number(name)),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// As an account with much to hide could answer: none of it is asked for, and none may stay.
    const PERSONAL: &str = r#"{"success":true,"total":1,"request_id":"5ec7e7ed","account":{"id":4711,"plan":"team-ada"},
        "instances":[{"id":"BRK-1D","name":"ada-laptop","status":"ACTIVE","region":"CANADA-1","gpu_count":2,
        "created_at":"2026-03-01T02:00:07.123456+05:30","public_ip":"203.0.113.7","ipv6":"2001:db8:77::1","mac":"0a:1b:2c:3d:4e:5f",
        "owner":{"name":"Ada","tags":["x",7]},"user_id":4712,"login":"ada@adahost","billing_address":{"street":"12 Elm Street",
        "zip":"N1 9GU","city":"Londres","country":"GB"},"organization":"ACME Gmbh","company":"ACME","phone":"+49 151 5555 0177",
        "card":{"brand":"visa","last4":"4242","exp":"12/29"},"iban":"DE89370400440532013000","vat":"DE999999999",
        "ssh_keys":["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKEYKEYKEYKEY ada@laptop"],"console":"https://vnc.example/?token=hunter2",
        "date_of_birth":"1980-12-10","balance_of":{"ada@barrack.example":12.5},"notes":"ring Ada at 5","labels":["team=ada"],
        "description":"before Ada's exam","volumes":["BRK-9V"],"keypair":"adas-key","lat":51.5072,
        "members":{"mary":{"role":"owner","status":"ACTIVE"},"list":[{"grace_hopper":1}]},"error":{"joan":["no"]}}],
        "regions":{"edith":{"status":"up"}},
        "pricing":{"rosalind":{"prices":{"USD":0.69}},"legacy":{"RTX-A6000":{"prices":{"USD":0.69,"hedy7":2}}}}}"#;

    #[test]
    fn of_fields_that_nobody_knows_neither_a_value_stays_nor_a_name_below_them_and_the_shape_does() {
        let told = Redaction::default().body(PERSONAL.as_bytes());
        assert!(serde_json::from_str::<IgnoredAny>(&told).is_ok(), "{told}");
        for gone in [
            "4711",
            "4712",
            "team-ada",
            "ada-laptop",
            "203.0.113",
            "77::1",
            "0a:1b",
            "Ada",
            "adahost",
            "Elm",
            "9GU",
            "Londres",
            "GB\"",
            "ACME",
            "0177",
            "visa",
            "4242",
            "12/29",
            "DE89",
            "DE99",
            "AAAA",
            "hunter2",
            "1980",
            "12.5",
            "ring",
            "'s exam",
            "adas",
            "51.5",
            "5ec7e7ed",
            "vnc",
            "=ada",
            "ada@",
            "mary",
            "role",
            "hopper",
            "joan",
            "edith",
            "rosalind",
            "hedy",
        ] {
            assert!(!told.contains(gone), "{gone}: {told}");
        }
        for kept in [
            r#""total":1"#,
            r#""id":"BRK-1D""#,
            r#""status":"ACTIVE""#,
            r#""region":"CANADA-1""#,
            r#""gpu_count":2"#,
            r#""created_at":"2026-03-01T02:00:07.123456+05:30""#,
            r#""volumes":["BRK-9V"]"#,
            r#""public_ip":"192.0.2."#,
            r#""billing_address":{"redacted_"#,
            r#""members":{"redacted_"#,
            r#""status":"ACTIVE"},"redacted_"#,
            r#""legacy":{"RTX-A6000":{"prices":{"USD":0.69,"redacted_"#,
            r#""user_id":1,"#,
            r#""date_of_birth":"2000-01-01T"#,
        ] {
            assert!(told.contains(kept), "{kept}: {told}");
        }
    }

    #[test]
    fn what_a_person_named_has_another_name_and_the_same_one_everywhere() {
        let mut redaction = Redaction::default();
        let machine = redaction.body(br#"{"instance":{"id":"BRK-1D","name":"trainer-1"}}"#);
        let told =
            redaction.body(br#"{"snapshots":[{"name":"qm-trainer-1-abcdefgh23","vm_name":"trainer-1"}]}"#);
        assert_eq!(machine, r#"{"instance":{"id":"BRK-1D","name":"redacted-1"}}"#);
        assert_eq!(told, r#"{"snapshots":[{"name":"qm-redacted-1-abcdefgh23","vm_name":"redacted-1"}]}"#);
    }

    #[test]
    fn prices_and_bills_stay_to_the_last_digit_and_who_asked_for_them_does_not() {
        let prices = r#"{"success":true,"pricing_data":{"gpus":{"pricing":{"legacy":{"RTX-A6000":{"prices":{"USD":0.690,"EUR":"0.61"}}}}},
            "metadata":{"authenticated_user":4711,"timestamp":1772330407}}}"#;
        let told = Redaction::default().body(prices.as_bytes());
        assert_eq!(told, prices.replace("4711", "1"));
        let bill = r#"{"records":[{"billing_id":"BRK-1DB","instance_id":"BRK-1D","total_cost":"2.4900","currency":"USD","status":"active",
            "start_time":"2026-03-01T00:00:00Z","end_time":null}],"balances":[{"currency":"EUR","amount":"12.30"}],"balance":{"USD":1.5}}"#;
        assert_eq!(Redaction::default().body(bill.as_bytes()), bill);
    }

    #[test]
    fn an_amount_stays_however_long_and_what_only_looks_like_one_does_not() {
        let told = |body: &str| Redaction::default().body(body.as_bytes());
        for body in [
            r#"{"balance":{"USD":"4998660.110000"}}"#,
            r#"{"balances":[{"currency":"USD","amount":"-123456789012.123456789"}]}"#,
            r#"{"records":[{"total_cost":"000000000000.0000000001","per_minute_rate":"12345678901234"}]}"#,
        ] {
            assert_eq!(told(body), body);
        }
        for (field, text) in [
            ("id", "49151555501774711"),
            ("name", "4998660.110000"),
            ("iban", "4998660.110000"),
            ("balance", "4998660.110000.1"),
            ("balance", "49151555501774711/ada"),
            ("balance", "12345678901234567890123456789012345678901"),
        ] {
            let body = format!(r#"{{"{field}":"{text}"}}"#);
            assert!(!told(&body).contains(text), "{body}: {}", told(&body));
        }
    }

    #[test]
    fn of_what_is_no_json_only_its_length_stays() {
        let mut redaction = Redaction::default();
        assert_eq!(redaction.body(b"<html>Hello Ada</html>"), "<html>redacted: 22 bytes</html>");
        assert_eq!(
            redaction.body(br#"{"company":"ACME","na"#),
            "{ redacted: 21 bytes that are no whole JSON"
        );
        assert_eq!(redaction.body(b"no route to ada-laptop"), "redacted: 22 bytes of text");
        assert_eq!(redaction.body(b"\"Ada\""), "\"redacted-1\"");
        assert_eq!(redaction.body(b""), "");
    }

    #[test]
    fn of_a_sentence_only_what_tells_a_known_refusal_stays() {
        let told = |body: &str| Redaction::default().body(body.as_bytes());
        for (sentence, stays) in [
            ("Instance ada-laptop is not active", "redacted-1"),
            ("Instance ada-laptop does not exist", "does not exist (redacted-1)"),
            ("Ada's quota is used up, try again", "quota, try again (redacted-1)"),
        ] {
            for field in ["message", "detail", "error", "reason"] {
                let body = format!(r#"{{"success":false,"{field}":"{sentence}","error_code":"BUSY"}}"#);
                assert_eq!(told(&body), body.replace(sentence, stays));
            }
            let priced = format!(r#"{{"pricing":{{"metadata":{{"message":"{sentence}"}}}}}}"#);
            assert_eq!(told(&priced), priced.replace(sentence, stays));
            let listed = told(&format!(r#"{{"detail":["{sentence}"],"message":{{"Ada":"{sentence}"}}}}"#));
            assert!(!listed.contains("ada-"), "{listed}");
        }
    }

    #[test]
    fn of_labels_and_metadata_neither_a_field_nor_a_value_stays() {
        let body = r#"{"instance":{"id":"BRK-1D","labels":{"ada":"exam","id":"ada-1","at":{"elm":7}},"metadata":{"status":"ill",
            "ada":["x1","y2"]},"tags":{"ada":true}}}"#;
        let told = Redaction::default().body(body.as_bytes());
        assert!(serde_json::from_str::<IgnoredAny>(&told).is_ok(), "{told}");
        for gone in ["\"ada", "exam", "elm", ":7", "ill", "x1", "y2"] {
            assert!(!told.contains(gone), "{gone}: {told}");
        }
        assert!(told.contains(r#""id":"BRK-1D","labels":{"redacted_1":"redacted-2""#), "{told}");
    }
}
