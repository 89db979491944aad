//! The documents of `--json`, read from the types that are printed: each field with type and comment.
//!
//! It reads text, and knows as much Rust as stands in plain structs and enums.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::root;

/// The verbs, the type that each prints, and its file, where others have a type of that name.
pub const DOCUMENTS: [(&str, &str, &str); 18] = [
    ("status", "Status", ""),
    ("plan", "Planned", ""),
    ("explain", "Explanation", ""),
    ("machines list, machines show", "Machines", ""),
    ("snapshots list, snapshots show", "Snapshots", ""),
    ("policies list, policies show", "Policies", ""),
    ("costs", "Costs", ""),
    ("retention preview (of the live fleet)", "FleetPreview", ""),
    ("retention preview --input", "Judged", "src/report/retention.rs"),
    ("demo --for", "Summary", ""),
    ("log list", "Document", "src/journal/shown.rs"),
    ("log show", "OneStored", ""),
    ("log verify", "Document", "src/cli/log/verify.rs"),
    ("log rebuild", "Document", "src/cli/log/rebuild.rs"),
    ("check-config", "Verdict", "src/config/verdict.rs"),
    ("config show", "Document", "src/config/shown.rs"),
    ("doctor", "Checks", ""),
    ("sim serve", "Judged", "src/cli/sim.rs"),
];

const FOLDERS: [&str; 7] =
    ["src/report", "src/domain", "src/rehearsal", "src/barrack", "src/journal", "src/config", "src/cli"];

/// Words that stand for themselves.
const PLAIN: [(&str, &str); 12] = [
    ("RawValue", "any JSON"),
    ("bool", "boolean"),
    ("u8", "number"),
    ("u16", "number"),
    ("u32", "number"),
    ("u64", "number"),
    ("i64", "number"),
    ("usize", "number"),
    ("f64", "number"),
    ("Timestamp", "instant, RFC 3339"),
    ("Nanos", "decimal text"),
    ("Seconds", "seconds"),
];

/// By name; two files may have types of one name.
pub type Types = BTreeMap<String, Vec<Type>>;

#[derive(Clone, Debug, Default)]
pub struct Type {
    pub file: PathBuf,
    pub about: String,
    pub fields: Vec<Field>,
    /// Of an enum of plain words.
    pub words: Vec<String>,
    /// Of another name for a type: that type.
    pub alias: String,
}

#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub of: String,
    pub about: String,
    /// It may be left out.
    pub is_optional: bool,
    /// Its own fields stand in its place.
    pub is_flat: bool,
}

pub fn types() -> Types {
    let mut types = Types::new();
    for folder in FOLDERS {
        collect(&root().join(folder), &mut types);
    }
    types
}

pub fn pages() -> String {
    let types = types();
    let mut text = String::from(
        "\nEach document is an object with `schema_version`, which is raised when a field changes its meaning\n\
         or goes; new fields may come at any time. What `/api/v1/…` answers is the same. Each has a\n\
         [JSON Schema](json-schema), named after its verb.\n\n\
         A verb that fails or is refused prints no document: why is on standard error, in text, and the\n\
         [exit code](exit-codes.md) is its kind. Where finding something is the verb's work (`check-config`, `doctor`,\n\
         `log verify`, `log rebuild`), the document holds what was found, and the exit code is not 0.\n",
    );
    let mut told = BTreeSet::new();
    for (verb, name, file) in DOCUMENTS {
        let _ = write!(text, "\n## {verb}\n");
        let of = find(&types, name, &root().join(file)).unwrap_or_else(|| panic!("no type {name} was found"));
        rows(&types, of, &mut told, &mut text);
    }
    // What is `None` here is `null` there.
    text.replace("`None`", "`null`")
}

/// The type of that name that a field in `file` means.
pub fn find<'a>(types: &'a Types, name: &str, file: &Path) -> Option<&'a Type> {
    let named = types.get(name)?;
    named.iter().find(|one| one.file == file).or_else(|| named.first())
}

fn tell(types: &Types, name: &str, file: &Path, told: &mut BTreeSet<(PathBuf, String)>, text: &mut String) {
    let Some(of) = find(types, name, file) else { panic!("no type {name} was found") };
    if told.insert((of.file.clone(), name.to_owned())) {
        let _ = write!(text, "\n### {name}\n");
        rows(types, of, told, text);
    }
}

fn rows(types: &Types, of: &Type, told: &mut BTreeSet<(PathBuf, String)>, text: &mut String) {
    if !of.about.is_empty() {
        let _ = write!(text, "\n{}\n", of.about);
    }
    text.push_str("\n| field | type | |\n|---|---|---|\n");
    let mut inner = Vec::new();
    for field in &whole(types, of) {
        let shown = shown(types, &field.of, &of.file, &mut inner);
        let _ = writeln!(text, "| `{}` | {shown} | {} |", field.name, field.about);
    }
    for name in inner {
        tell(types, &name, &of.file, told, text);
    }
}

/// Its fields, with those of what stands in it without a name.
pub fn whole(types: &Types, of: &Type) -> Vec<Field> {
    let mut all = Vec::new();
    for field in &of.fields {
        let name = field.of.split('<').next().unwrap_or(&field.of);
        match find(types, name, &of.file).filter(|_| field.is_flat) {
            Some(inner) => all.extend(whole(types, inner)),
            None => all.push(field.clone()),
        }
    }
    all
}

/// A type in words; structs that it names are told after it.
fn shown(types: &Types, of: &str, file: &Path, inner: &mut Vec<String>) -> String {
    let of = of.trim();
    let within = |head: &str| of.strip_prefix(head).and_then(|rest| rest.strip_suffix('>'));
    if let Some(rest) = within("Option<") {
        return format!("{} or null", shown(types, rest, file, inner));
    }
    if let Some(rest) = within("Vec<").or_else(|| within("BTreeSet<")) {
        return format!("list of {}", shown(types, rest, file, inner));
    }
    if let Some((_, value)) = within("BTreeMap<").and_then(|rest| rest.split_once(", ")) {
        return format!("object of {}", shown(types, value, file, inner));
    }
    if let Some((one, _)) = of.strip_prefix('[').and_then(|rest| rest.split_once(';')) {
        return format!("list of {}", shown(types, one, file, inner));
    }
    let name = of.split(['<', ':']).next().unwrap_or(of).trim_start_matches('&');
    if let Some((_, word)) = PLAIN.iter().find(|(plain, _)| *plain == name) {
        return (*word).to_owned();
    }
    match find(types, name, file) {
        Some(known) if !known.alias.is_empty() => shown(types, &known.alias, &known.file, inner),
        Some(known) if !known.fields.is_empty() => {
            inner.push(name.to_owned());
            name.to_owned()
        }
        Some(known) if !known.words.is_empty() => {
            known.words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
        Some(_) | None => "text".to_owned(),
    }
}

fn collect(path: &Path, into: &mut Types) {
    if path.is_dir() {
        let mut inner: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        inner.sort();
        inner.iter().for_each(|path| collect(path, into));
        return;
    }
    let text = fs::read_to_string(path).unwrap();
    let body = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut comment: Vec<String> = Vec::new();
    let mut attributes = String::new();
    let mut lines = body.lines();
    while let Some(line) = lines.next() {
        let bare = line.trim_start_matches("pub ");
        if let Some(said) = line.strip_prefix("/// ") {
            comment.push(said.to_owned());
        } else if line.starts_with("#[") {
            attributes.push_str(line);
        } else {
            let is_printed = attributes.contains("Serialize");
            if let Some(rest) = bare.strip_prefix("struct ").filter(|_| line.ends_with('{') && is_printed) {
                let fields = fields(&mut lines);
                keep(
                    into,
                    rest,
                    Type { file: path.to_owned(), about: comment.join(" "), fields, ..Type::default() },
                );
            } else if let Some(rest) = bare.strip_prefix("enum ").filter(|_| is_printed) {
                let words = words(&mut lines, &attributes);
                keep(into, rest, Type { file: path.to_owned(), words, ..Type::default() });
            }
            if let Some((name, of)) = bare.strip_prefix("type ").and_then(|rest| rest.split_once(" = ")) {
                let alias = of.trim_end_matches(';').to_owned();
                keep(into, name, Type { file: path.to_owned(), alias, ..Type::default() });
            }
            comment.clear();
            attributes.clear();
        }
    }
}

fn keep(into: &mut Types, rest: &str, of: Type) {
    let name: String = rest.chars().take_while(|letter| letter.is_alphanumeric()).collect();
    into.entry(name).or_default().push(of);
}

fn fields<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Vec<Field> {
    let (mut found, mut comment, mut attributes) = (Vec::new(), Vec::new(), String::new());
    for line in lines.take_while(|line| *line != "}") {
        let line = line.trim();
        if let Some(said) = line.strip_prefix("/// ") {
            comment.push(said.to_owned());
        } else if line.starts_with("#[") {
            attributes.push_str(line);
        } else if let Some((name, of)) = line.trim_start_matches("pub ").split_once(": ") {
            if !attributes.contains("serde(skip)") {
                let of = of.trim_end_matches(',').replace("&'static str", "str").replace("&'a ", "");
                found.push(Field {
                    name: name.to_owned(),
                    of,
                    about: comment.join(" "),
                    is_optional: attributes.contains("skip_serializing_if"),
                    is_flat: attributes.contains("serde(flatten)"),
                });
            }
            comment.clear();
            attributes.clear();
        }
    }
    found
}

/// The words of an enum that is printed as one of them; none, if a variant holds something.
fn words<'a>(lines: &mut impl Iterator<Item = &'a str>, attributes: &str) -> Vec<String> {
    let (mut found, mut renamed) = (Vec::new(), None);
    let mut is_plain = true;
    for line in lines.take_while(|line| *line != "}") {
        let name = line.trim().trim_end_matches(',');
        if name.starts_with("//") || name.starts_with('#') {
            let word = name.split_once("rename = \"").and_then(|(_, rest)| rest.split('"').next());
            renamed = word.or(renamed);
            continue;
        }
        is_plain &= name.chars().all(char::is_alphanumeric);
        found.push(match renamed.take() {
            Some(word) => word.to_owned(),
            None if attributes.contains("UPPERCASE") => name.to_uppercase(),
            None if attributes.contains("lowercase") => name.to_lowercase(),
            None if attributes.contains("kebab-case") => snake(name).replace('_', "-"),
            None => snake(name),
        });
    }
    if is_plain { found } else { Vec::new() }
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
