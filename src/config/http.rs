//! `[http]`: where the page and the metrics are shown, and who may read them from elsewhere.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::section::{Notes, Section};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSetting {
    /// `None`: nothing is shown.
    pub listen: Option<SocketAddr>,
    /// Whoever has what is in it may read. Without it everybody on this machine may.
    pub token_file: Option<PathBuf>,
}

impl Default for HttpSetting {
    fn default() -> Self {
        Self { listen: Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT)), token_file: None }
    }
}

const PORT: u16 = 9477;

pub fn read(mut section: Section<'_>, notes: &mut Notes<'_>) -> HttpSetting {
    let mut setting = HttpSetting::default();
    let is_open = section.is_absent("token_file");
    setting.token_file = section.absolute_path("token_file", notes).map(|found| found.value);
    if let Some(found) = section.text("listen", notes) {
        if found.value == "off" {
            setting.listen = None;
        } else if let Ok(address) = found.value.parse::<SocketAddr>() {
            if !address.ip().is_loopback() && is_open {
                let rule = "can be reached from elsewhere, and needs http.token_file: without it only an address of this machine (127.0.0.1, [::1])";
                notes.refuse(&found, rule);
            }
            setting.listen = Some(address);
        } else {
            let rule =
                "must be an address with a port, such as \"127.0.0.1:9477\" or \"[::1]:9477\", or \"off\"";
            notes.refuse(&found, rule);
        }
    }
    section.finish(notes);
    setting
}
