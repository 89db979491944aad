//! The form of a letter as mail: headers, text and HTML. The same letter gives the same bytes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use askama::Template;
use lettre::Message;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, MultiPartKind, SinglePart};

use super::letter::Letter;
use crate::config::mail::MailSetting;
use crate::domain::id::LetterId;
use crate::domain::time::Timestamp;

/// Behind the `@` of each `Message-ID`: always the same, whatever machine sends it.
const DOMAIN: &str = "letters.quartermaster.invalid";

#[derive(Template)]
#[template(path = "letter.txt", escape = "none")]
struct Text<'a> {
    letter: &'a Letter,
}

#[derive(Template)]
#[template(path = "letter.html")]
struct Html<'a> {
    letter: &'a Letter,
}

#[derive(Debug, thiserror::Error)]
pub enum FormError {
    #[error("put the letter into words")]
    Words(#[from] askama::Error),
    #[error("read the address {address}")]
    Address { address: String, source: lettre::address::AddressError },
    #[error("give the letter the form of mail")]
    Mail(#[from] lettre::error::Error),
}

/// What a letter's headers are made of, besides its words.
pub struct Envelope<'a> {
    pub id: &'a LetterId,
    pub root: Option<&'a LetterId>,
    pub at: Timestamp,
}

pub fn text(letter: &Letter) -> Result<String, FormError> {
    Ok(Text { letter }.render()?)
}

pub fn html(letter: &Letter) -> Result<String, FormError> {
    Ok(Html { letter }.render()?)
}

pub fn message(setting: &MailSetting, of: &Envelope<'_>, letter: &Letter) -> Result<Message, FormError> {
    let mut builder = Message::builder()
        .from(mailbox(&setting.from)?)
        .subject(&letter.subject)
        .date(date(of.at))
        .message_id(Some(message_id(of.id)))
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
    for to in &setting.to {
        builder = builder.to(mailbox(to)?);
    }
    if let Some(root) = of.root {
        builder = builder.in_reply_to(message_id(root)).references(message_id(root));
    }
    let parts = MultiPart::builder().kind(MultiPartKind::Alternative).boundary(format!("qm-{}", of.id));
    let text = part(ContentType::TEXT_PLAIN, text(letter)?);
    let html = part(ContentType::TEXT_HTML, html(letter)?);
    Ok(builder.multipart(parts.singlepart(text).singlepart(html))?)
}

/// Always in the encoding that needs no other: no line is too long, and no byte is above 127.
fn part(kind: ContentType, body: String) -> SinglePart {
    SinglePart::builder().header(kind).header(ContentTransferEncoding::QuotedPrintable).body(body)
}

pub fn mailbox(address: &str) -> Result<Mailbox, FormError> {
    let parsed = address.parse().map_err(|source| FormError::Address { address: address.to_owned(), source });
    parsed.map(|address| Mailbox::new(None, address))
}

fn message_id(id: &LetterId) -> String {
    format!("<{id}@{DOMAIN}>")
}

fn date(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(at.seconds()).unwrap_or(0))
}
