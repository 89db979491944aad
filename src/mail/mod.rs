//! Letters: their words, their form as mail, and the ways in which they leave.
//!
//! The facts of a letter stand in the journal; here they only become words. The same letter gives the
//! same text and the same `Message-ID` each time.

pub mod letter;
mod letter_alert;
mod letter_fact;
mod letter_digest;
pub mod form;
pub mod mailer;
pub mod memory;
