//! What `config show --json` prints: the settings in force, under the names that the file has.

use std::error::Error;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::{Config, show};

const SCHEMA_VERSION: u32 = 1;

#[derive(Debug, Serialize)]
pub struct Document {
    schema_version: u32,
    /// Tables and settings as in the file, every default among them; its form is `config schema`.
    settings: Box<RawValue>,
}

impl Document {
    pub fn of(config: &Config) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let settings: toml::Table = toml::from_str(&show::toml(config))?;
        let settings = to_raw_value(&json(toml::Value::Table(settings)))?;
        Ok(Self { schema_version: SCHEMA_VERSION, settings })
    }
}

fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(is_so) => is_so.into(),
        // JSON has none: as it is written.
        toml::Value::Datetime(instant) => instant.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(json).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(name, value)| (name, json(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn each_setting_stands_under_its_name_and_an_instant_as_it_is_written() {
        let text = "mode = \"observe\"\ndata_dir = \"/srv/qm\"\n[cloud]\nbase_url = \"http://127.0.0.1:1/api\"\nkey_file = \"/srv/key\"\n[clock]\nscale = 60\n\
                    epoch = 2026-03-01T00:00:00Z\n[[policy]]\nname = \"daily\"\nmachines = [\"*\"]\nschedule = \"0 2 * * *\"\n\
                    timezone = \"UTC\"\nmay_restart = true\n[policy.retention]\nkeep_last = 3\n";
        let config = parse("qm.toml", text).unwrap_or_else(|faults| panic!("{faults}"));
        let document = serde_json::to_value(Document::of(&config).unwrap()).unwrap();
        let settings = &document["settings"];
        assert_eq!(settings["policy"][0]["retention"]["keep_last"], 3);
        assert_eq!(settings["clock"]["epoch"], "2026-03-01T00:00:00Z");
        assert_eq!((&settings["cloud"]["page_size"], &document["schema_version"]), (&50.into(), &1.into()));
    }
}
