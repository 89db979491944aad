//! The `[cloud]` table that fits what was found, with what was seen behind each line.

use std::path::Path;

use crate::barrack::probe::form::Form;
use crate::barrack::probe::{Findings, Proof};
use crate::config::Config;
use crate::config::cloud::Cloud;
use crate::config::show::{self, Lines};

const HEAD: &str = "\
# What `quartermaster doctor` found to fit. Put it in place of the [cloud] tables of your configuration.
# `quartermaster check-config` accepts it as it is.
";

pub fn text(findings: &Findings, config: &Config) -> String {
    let settings = &findings.settings;
    let key_header = settings.key_header.parse().unwrap_or_else(|_| config.cloud.key_header.clone());
    let cloud = Cloud {
        base_url: settings.base_url.clone(),
        key_header,
        key_scheme: settings.key_scheme.clone(),
        paths: settings.paths.clone(),
        parameters: settings.parameters.clone(),
        ..config.cloud.clone()
    };
    let mut lines = Lines { text: HEAD.to_owned() };
    show::cloud(&mut lines, &cloud, &|setting| said(setting, findings, config));
    lines.text
}

/// On one line, and nothing in it is the cloud's.
fn said(setting: &str, findings: &Findings, config: &Config) -> Option<String> {
    let changed = |is_changed: bool| if is_changed { "found; not what was set" } else { "as set" };
    let set = Form { header: config.cloud.key_header.to_string(), scheme: config.cloud.key_scheme.clone() };
    let found = Form::of(&findings.settings);
    match setting {
        "cloud.base_url" => return Some(changed(findings.other_base.is_some()).to_owned()),
        "cloud.key_header" | "cloud.key_scheme" => {
            return Some(format!("{}; the key is taken so", changed(found != set)));
        }
        _ => {}
    }
    if let Some(name) = setting.strip_prefix("cloud.paths.") {
        let finding = findings.answers.iter().find(|finding| finding.question.setting == name)?;
        let (Some(came), true) = (finding.came, finding.is_read()) else {
            return Some(if finding.came.is_some() { "not found" } else { "not asked" }.to_owned());
        };
        let status = came.map(|status| format!("HTTP {status}")).unwrap_or_default();
        let proof = match finding.proof {
            Some(Proof::Total) => ", whole by its total",
            Some(Proof::TwoWalks) => ", whole by two walks",
            None => "",
        };
        return Some(format!("{}; {status}{proof}", changed(!finding.tried.is_empty())));
    }
    let name = setting.strip_prefix("cloud.parameters.")?;
    let finding = findings.parameters.iter().find(|finding| finding.setting == name);
    Some(match finding.map(|finding| (&finding.heeded, &finding.was_set)) {
        Some((Some(heeded), set)) => format!("{}; it is heeded", changed(heeded != set)),
        Some((None, _)) => "not heeded".to_owned(),
        None => "not asked: no list has two items".to_owned(),
    })
}

/// Whether something else stood there.
pub fn write(path: &Path, text: &str) -> std::io::Result<bool> {
    let before = std::fs::read(path).unwrap_or_default();
    std::fs::write(path, text)?;
    Ok(!before.is_empty() && before != text.as_bytes())
}
