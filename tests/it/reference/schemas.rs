//! A JSON Schema for each document of `--json`, made from the same types as the page about them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::documents::{DOCUMENTS, Field, Type, Types, find, types, whole};
use super::root;

/// The name of each schema's file, and its text.
pub fn schemas() -> Vec<(String, String)> {
    let types = types();
    let schema = |(verb, name, file): &(&str, &str, &str)| {
        let of = find(&types, name, &root().join(file)).unwrap();
        assert!(file.is_empty() || of.file == root().join(file), "{file} has no {name}");
        (file_name(verb), serde_json::to_string_pretty(&schema(&types, verb, of)).unwrap() + "\n")
    };
    DOCUMENTS.iter().map(schema).collect()
}

/// `log-verify.json`; of several verbs the first, and nothing in brackets.
fn file_name(verb: &str) -> String {
    let first = verb.split([',', '(']).next().unwrap_or(verb).trim().replace("--", "");
    format!("{}.json", first.replace(' ', "-"))
}

fn schema(types: &Types, verb: &str, of: &Type) -> Value {
    let mut inner = Inner { types, defined: BTreeMap::new() };
    let mut schema = inner.object(of);
    let fields = schema.as_object_mut().unwrap();
    fields.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    fields.insert(
        "title".to_owned(),
        json!(format!("quartermaster {verb} --json").replace("for --", "for SPAN --")),
    );
    fields.insert("$defs".to_owned(), inner.defined.into_iter().collect::<Map<_, _>>().into());
    schema
}

/// The types that a schema names.
struct Inner<'a> {
    types: &'a Types,
    defined: BTreeMap<String, Value>,
}

impl Inner<'_> {
    fn object(&mut self, of: &Type) -> Value {
        let fields: Vec<Field> = whole(self.types, of);
        let mut properties = Map::new();
        for field in &fields {
            let mut shown = self.of(&field.of, &of.file);
            if let Some(shown) = shown.as_object_mut().filter(|_| !field.about.is_empty()) {
                shown.insert("description".to_owned(), json!(field.about.replace("`None`", "`null`")));
            }
            properties.insert(field.name.clone(), shown);
        }
        let required: Vec<&str> =
            fields.iter().filter(|field| !field.is_optional).map(|field| field.name.as_str()).collect();
        let mut object = json!({"type": "object", "properties": properties, "required": required});
        if !of.about.is_empty() {
            object["description"] = json!(of.about);
        }
        object
    }

    fn of(&mut self, of: &str, file: &Path) -> Value {
        let of = of.trim().trim_start_matches("&'a ");
        let within = |head: &str| of.strip_prefix(head).and_then(|rest| rest.strip_suffix('>'));
        if let Some(rest) = within("Option<") {
            return json!({"anyOf": [self.of(rest, file), {"type": "null"}]});
        }
        if let Some(rest) = within("Box<").or_else(|| within("Arc<")) {
            return self.of(rest, file);
        }
        if let Some(rest) = within("Vec<").or_else(|| within("BTreeSet<")) {
            return json!({"type": "array", "items": self.of(rest, file)});
        }
        if let Some((_, value)) = within("BTreeMap<").and_then(|rest| rest.split_once(", ")) {
            return json!({"type": "object", "additionalProperties": self.of(value, file)});
        }
        if let Some((one, _)) = of.strip_prefix('[').and_then(|rest| rest.split_once([';', ']'])) {
            return json!({"type": "array", "items": self.of(one, file)});
        }
        let name = of.split('<').next().unwrap_or(of).trim_start_matches('&').rsplit("::").next().unwrap();
        match name {
            "bool" => json!({"type": "boolean"}),
            "u8" | "u16" | "u32" | "u64" | "usize" | "Seconds" | "Seq" => {
                json!({"type": "integer", "minimum": 0})
            }
            "i64" => json!({"type": "integer"}),
            "f64" => json!({"type": "number"}),
            "Timestamp" => json!({"type": "string", "format": "date-time"}),
            "Nanos" => json!({"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?$"}),
            "RawValue" => json!({}),
            _ => self.named(name, file),
        }
    }

    fn named(&mut self, name: &str, file: &Path) -> Value {
        match find(self.types, name, file) {
            Some(known) if !known.fields.is_empty() => {
                if !self.defined.contains_key(name) {
                    // First, or a type that holds itself would never end.
                    self.defined.insert(name.to_owned(), Value::Null);
                    let object = self.object(known);
                    self.defined.insert(name.to_owned(), object);
                }
                json!({"$ref": format!("#/$defs/{name}")})
            }
            Some(known) if !known.alias.is_empty() => self.of(&known.alias, &known.file),
            Some(known) if !known.words.is_empty() => json!({"enum": known.words}),
            Some(_) | None => json!({"type": "string"}),
        }
    }
}
