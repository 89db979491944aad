//! What can be set, as a JSON Schema: learned from the reader itself, so that it cannot drift from it.
//!
//! What each setting is for, and its default, are the words and values of `config/example.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use toml::de::DeTable;

use super::section::{Notes, Section};

/// What a setting may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Words(Vec<String>),
    Flag,
    Number {
        least: i64,
        most: i64,
    },
    Span,
    Path,
    Instant,
    Texts,
    /// Addresses, or `"off"`.
    Recipients,
    /// How many of a sort are kept.
    Keep,
    Reach,
    Table,
    Tables,
    /// Nobody said.
    Anything,
}

/// By the names of its tables and its own.
pub type Learned = BTreeMap<Vec<&'static str>, Kind>;

/// Every table there is, so that the reader asks for all that is in it.
const ALL_TABLES: &str = "[mail]\n[[policy]]\n[policy.busy_check]\n[[cloud.refusal]]\n";
const EXAMPLE: &str = include_str!("../../config/example.toml");
/// Those that must stand in their table.
const REQUIRED: [(&str, &[&str]); 2] =
    [("policy", &["name", "machines", "schedule", "may_restart"]), ("refusal", &["class"])];

pub fn learned() -> Learned {
    let (table, _) = DeTable::parse_recoverable(ALL_TABLES);
    let mut notes = Notes {
        text: ALL_TABLES,
        faults: Vec::new(),
        warnings: Vec::new(),
        learned: Learned::new(),
        places: BTreeMap::new(),
    };
    super::read(Section::top(table.get_ref()), &mut notes);
    notes.learned
}

/// Where a setting of this name belongs, as a person would write it.
pub fn homes(name: &str) -> Vec<String> {
    static LEARNED: LazyLock<Learned> = LazyLock::new(learned);
    let places = LEARNED.keys().filter(|place| place.last() == Some(&name));
    let home = |place: &Vec<&'static str>| match place.as_slice() {
        [] | [_] => "at the top of the file".to_owned(),
        [parents @ .., _] if LEARNED.get(parents) == Some(&Kind::Tables) => {
            format!("under [[{}]]", parents.join("."))
        }
        [parents @ .., _] => format!("under [{}]", parents.join(".")),
    };
    places.map(home).collect()
}

pub fn schema() -> Value {
    let (learned, explained) = (learned(), explained());
    let mut schema = table(&[], &learned, &explained);
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!("The configuration of Quartermaster"));
    Value::Object(schema)
}

fn table(place: &[&'static str], learned: &Learned, explained: &Explained) -> Map<String, Value> {
    let mut properties = Map::new();
    for (setting, kind) in learned {
        let [parents @ .., name] = setting.as_slice() else { continue };
        if parents != place {
            continue;
        }
        let mut value = match kind {
            Kind::Table => table(setting, learned, explained),
            Kind::Tables => object(json!({"type": "array", "items": table(setting, learned, explained)})),
            other => object(of(other)),
        };
        if let Some(said) = explained.get(&setting.join(".")) {
            if !said.words.is_empty() {
                value.insert("description".to_owned(), json!(said.words));
            }
            if let Some(default) = &said.default {
                value.insert("default".to_owned(), default.clone());
            }
        }
        properties.insert((*name).to_owned(), Value::Object(value));
    }
    let mut schema = object(json!({"type": "object", "additionalProperties": false}));
    let required = REQUIRED.iter().find(|(name, _)| Some(name) == place.last());
    if let Some((_, names)) = required {
        schema.insert("required".to_owned(), json!(names));
    }
    schema.insert("properties".to_owned(), Value::Object(properties));
    schema
}

fn of(kind: &Kind) -> Value {
    match kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Words(words) => json!({"enum": words}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Number { least, most } => json!({"type": "integer", "minimum": least, "maximum": most}),
        Kind::Span => json!({"type": "string", "examples": ["90s", "24h", "7d", "1h 30m"]}),
        Kind::Path => json!({"type": "string", "pattern": "^/"}),
        Kind::Instant => json!({"type": "string", "format": "date-time"}),
        Kind::Texts => json!({"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}}),
        Kind::Recipients => {
            json!({"oneOf": [{"const": "off"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}]})
        }
        Kind::Keep => json!({"oneOf": [{"type": "integer", "minimum": 1}, {"enum": ["all", -1]}]}),
        Kind::Reach => json!({"type": "string", "examples": ["7d", "1y6m"]}),
        Kind::Table | Kind::Tables | Kind::Anything => json!({}),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

/// What the example says of a setting.
struct Said {
    words: String,
    default: Option<Value>,
}

/// By its tables and its name, joined by dots.
type Explained = BTreeMap<String, Said>;

/// The comment above each setting, and the value behind it where that is the default.
fn explained() -> Explained {
    let mut explained = Explained::new();
    let (mut place, mut words) = (String::new(), Vec::new());
    for line in EXAMPLE.lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        if let Some(name) = bare.strip_prefix('[').filter(|name| name.ends_with(']')) {
            place = name.trim_matches(['[', ']']).to_owned() + ".";
            explained
                .entry(place.trim_end_matches('.').to_owned())
                .or_insert(Said { words: words.join(" "), default: None });
            words.clear();
        } else if let Some((name, rest)) = bare.split_once(" = ").filter(|(name, _)| is_name(name)) {
            let said = said(rest, &words.join(" "));
            explained.entry(format!("{place}{name}")).or_insert(said);
            words.clear();
        } else if let Some(comment) = line.strip_prefix('#') {
            words.push(comment.trim());
        } else {
            words.clear();
        }
    }
    explained
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// `VALUE`, `VALUE  # default: OTHER`, `VALUE  # no default`, `VALUE  # required …`.
fn said(rest: &str, words: &str) -> Said {
    let (value, mark) = rest.split_once("  #").unwrap_or((rest, ""));
    let text = match mark.trim() {
        "" => Some(value.trim()),
        mark => mark.strip_prefix("default: "),
    };
    let default = text.and_then(|text| serde_json::from_str(text.trim()).ok());
    Said { words: words.to_owned(), default }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The few words of JSON Schema that are used here.
    fn check(value: &Value, schema: &Value, at: &str, faults: &mut Vec<String>) {
        if let Some(choices) = schema["oneOf"].as_array() {
            let fits = choices.iter().any(|choice| {
                let mut inner = Vec::new();
                check(value, choice, at, &mut inner);
                inner.is_empty()
            });
            if !fits {
                faults.push(format!("{at}: none of the choices"));
            }
            return;
        }
        let listed = schema["enum"].as_array().is_none_or(|words| words.contains(value));
        let constant = schema.get("const").is_none_or(|constant| constant == value);
        let typed = match schema["type"].as_str() {
            Some("string") => value.is_string(),
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.as_i64().is_some_and(|number| {
                schema["minimum"].as_i64().is_none_or(|least| number >= least)
                    && schema["maximum"].as_i64().is_none_or(|most| number <= most)
            }),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            _ => true,
        };
        if !(listed && constant && typed) {
            faults.push(format!("{at}: {value}"));
        }
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            check(item, &schema["items"], &format!("{at}[{index}]"), faults);
        }
        for (name, inner) in value.as_object().into_iter().flatten() {
            match schema["properties"].get(name) {
                Some(schema) => check(inner, schema, &format!("{at}.{name}"), faults),
                None => faults.push(format!("{at}.{name}: unknown")),
            }
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            if value.get(name.as_str().unwrap()).is_none() {
                faults.push(format!("{at}.{name}: missing"));
            }
        }
    }

    fn faults(text: &str) -> Vec<String> {
        let mut faults = Vec::new();
        check(&toml::from_str(text).unwrap(), &schema(), "", &mut faults);
        faults
    }

    #[test]
    fn the_example_obeys_the_schema_and_a_slip_does_not() {
        assert_eq!(faults(EXAMPLE), [""; 0]);
        assert_eq!(faults("moed = \"observe\"\n"), [".moed: unknown"]);
        assert_eq!(faults("[cloud]\npage_size = 0\n"), [".cloud.page_size: 0"]);
        assert_eq!(faults("[cloud]\nimages = \"no\"\n"), [".cloud.images: \"no\""]);
        let policy =
            "[[policy]]\nname = \"a\"\nmachines = [\"*\"]\nschedule = \"@daily\"\nmay_restart = true\n";
        assert_eq!(faults(policy), [""; 0]);
        assert_eq!(faults(&policy.replace("true", "1")), [".policy[0].may_restart: 1"]);
        assert_eq!(faults("[[policy]]\n").len(), 4);
    }

    #[test]
    fn every_setting_is_explained_and_its_default_is_told() {
        let explained = explained();
        for (setting, kind) in learned() {
            let name = setting.join(".");
            if !matches!(kind, Kind::Table | Kind::Tables) {
                assert!(explained.contains_key(&name), "{name} is not in config/example.toml");
            }
        }
        let told = |name: &str| explained[name].default.clone();
        assert_eq!(told("mode"), Some(json!("observe")));
        assert_eq!(told("rules.min_good"), Some(json!(2)));
        assert_eq!((told("rules.day_cap"), told("policy.may_restart"), told("email")), (None, None, None));
        assert!(explained["cloud.timeout"].words.starts_with("For one call"));
    }
}
