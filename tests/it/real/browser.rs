//! The page in Chromium, narrow and wide, light and dark: nothing overflows, nothing complains.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::machine;
use crate::real::ask;
use crate::real::demo::Demo;
use crate::real::parts::{self, Running};

const START: Duration = Duration::from_secs(300);
const WIDTHS: [u32; 2] = [360, 1_400];
const SCHEMES: [&str; 2] = ["light", "dark"];
/// What a person can open, by the name of its pictures; and what nobody types by accident.
const PATHS: [(&str, &str); 3] = [
    ("page", "/"),
    ("search", "/?q=builder&region=CANADA-1&page=1"),
    (
        "hostile",
        "/?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%27%E2%80%AE%00wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww",
    ),
];
/// How wide the page is, how wide the window, and how light the ground that it stands on (0 to 765).
const MEASURE: &str = "
    const ground = getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).map(Number);
    const root = getComputedStyle(document.documentElement).backgroundColor.match(/[0-9.]+/g).map(Number);
    const seen = ground.length === 4 && ground[3] === 0 ? root : ground;
    return [document.documentElement.scrollWidth, document.documentElement.clientWidth, seen[0] + seen[1] + seen[2],
            document.body.innerText.length];";

/// Chromium, driven over the protocol of WebDriver.
struct Browser {
    _driver: Running,
    address: SocketAddr,
    session: String,
}

impl Browser {
    fn start(driver: &Path, chromium: &Path, folder: &Path) -> Self {
        let port = machine::free_port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut command = Command::new(driver);
        command.arg(format!("--port={port}"));
        let mut running = Running::start(&mut command, "chromedriver", folder);
        running.until("readiness", START, || {
            ask::read(address, "/status").ok().filter(|answer| answer.body.contains("\"ready\":true"))
        });
        let profile = format!("--user-data-dir={}", folder.join("profile").display());
        let words =
            ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", profile.as_str()];
        let wish = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"binary": chromium, "args": words},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let answer = ask::ask(address, "POST", "/session", Some(&wish)).unwrap();
        let value: Value = serde_json::from_str(&answer.body).unwrap();
        let session = value["value"]["sessionId"].as_str();
        let session = session.unwrap_or_else(|| panic!("{}\n{}", answer.body, running.log())).to_owned();
        Self { _driver: running, address, session }
    }

    fn tell(&self, method: &str, what: &str, body: Option<&Value>) -> Value {
        let target = format!("/session/{}{what}", self.session);
        let answer = ask::ask(self.address, method, &target, body).unwrap();
        assert_eq!(answer.status, 200, "{what}: {}", answer.body);
        let mut value: Value = serde_json::from_str(&answer.body).unwrap();
        value["value"].take()
    }

    fn look_like(&self, width: u32, scheme: &str) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.protocol("Emulation.setDeviceMetricsOverride", &size);
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.protocol("Emulation.setEmulatedMedia", &media);
    }

    fn protocol(&self, command: &str, parameters: &Value) {
        let body = json!({"cmd": command, "params": parameters});
        self.tell("POST", "/goog/cdp/execute", Some(&body));
    }

    fn open(&self, url: &str) {
        self.tell("POST", "/url", Some(&json!({"url": url})));
    }

    /// As `MEASURE` says.
    fn measure(&self) -> [f64; 4] {
        let value = self.tell("POST", "/execute/sync", Some(&json!({"script": MEASURE, "args": []})));
        serde_json::from_value(value).unwrap()
    }

    /// What the browser wrote into its console since the last call.
    fn complaints(&self) -> Vec<String> {
        let value = self.tell("POST", "/se/log", Some(&json!({"type": "browser"})));
        let lines = value.as_array().unwrap().iter();
        lines.map(|line| format!("{} {}", line["level"], line["message"])).collect()
    }

    fn keep_picture(&self, file: &Path) {
        let picture = self.tell("GET", "/screenshot", None);
        fs::write(file, BASE64.decode(picture.as_str().unwrap().as_bytes()).unwrap()).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium itself is the driver's to end.
        drop(ask::ask(self.address, "DELETE", &format!("/session/{}", self.session), None));
    }
}

#[test]
fn the_page_fits_into_a_narrow_and_a_wide_window_in_the_light_and_in_the_dark() {
    let Some(driver) = parts::find("chromedriver") else { return };
    let Some(chromium) = parts::find("chromium") else { return };
    let folder = tempfile::tempdir().unwrap();
    // Under faults, for there is more to show.
    let words = ["--machines", "40", "--faults", "hostile", "--seed", "7"];
    let demo = Demo::start(folder.path(), &words);
    let browser = Browser::start(&driver, &chromium, folder.path());
    let pictures = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let mut faults = Vec::new();
    for (name, path) in PATHS {
        for width in WIDTHS {
            let mut grounds = Vec::new();
            for scheme in SCHEMES {
                browser.look_like(width, scheme);
                browser.open(&format!("http://{}{path}", demo.address));
                let [page, window, ground, letters] = browser.measure();
                let here = format!("{path} at {width} px, {scheme}");
                if page > window {
                    faults.push(format!("{here}: it is {page} px wide, and the window {window} px"));
                }
                if letters < 40.0 {
                    faults.push(format!("{here}: it says next to nothing"));
                }
                faults.extend(browser.complaints().into_iter().map(|line| format!("{here}: {line}")));
                grounds.push(ground);
                browser.keep_picture(&pictures.join(format!("{name}-{width}-{scheme}.png")));
            }
            if grounds[0] <= grounds[1] {
                faults.push(format!("{path} at {width} px: it is as dark in the light as in the dark"));
            }
        }
    }
    assert!(faults.is_empty(), "{}\nsee the pictures in {}", faults.join("\n"), pictures.display());
}
