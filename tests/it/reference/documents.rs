//! The documents of `--json`, read from the types that are printed: each field with type and comment.
//!
//! It reads text, and knows as much Rust as stands in plain structs and enums.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The verbs, and the type that each prints.
const DOCUMENTS: [(&str, &str); 11] = [
    ("status", "Status"),
    ("plan", "Planned"),
    ("explain", "Explanation"),
    ("machines list, machines show", "Machines"),
    ("snapshots list, snapshots show", "Snapshots"),
    ("policies list, policies show", "Policies"),
    ("costs", "Costs"),
    ("retention preview (of the live fleet)", "FleetPreview"),
    ("retention preview --input", "Judged"),
    ("demo --for", "Summary"),
    ("log verify", "Document"),
];

const FOLDERS: [&str; 6] =
    ["src/report", "src/domain", "src/rehearsal", "src/barrack", "src/cli/log/verify.rs", "src/journal"];

/// Words that stand for themselves.
const PLAIN: [(&str, &str); 11] = [
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
type Types = BTreeMap<String, Vec<Type>>;

#[derive(Clone, Debug, Default)]
struct Type {
    file: PathBuf,
    about: String,
    fields: Vec<Field>,
    /// Of an enum of plain words.
    words: Vec<String>,
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    of: String,
    about: String,
}

pub fn pages() -> String {
    let mut types = Types::new();
    for folder in FOLDERS {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut types);
    }
    let mut text = String::from(
        "\nEach document is an object with `schema_version`, which is raised when a field changes its meaning\n\
         or goes; new fields may come at any time. What `/api/v1/…` answers is the same.\n",
    );
    let mut told = BTreeSet::new();
    for (verb, name) in DOCUMENTS {
        let _ = write!(text, "\n## {verb}\n");
        tell(&types, name, Path::new(""), &mut told, &mut text);
    }
    // What is `None` here is `null` there.
    text.replace("`None`", "`null`")
}

/// The type of that name that a field in `file` means.
fn find<'a>(types: &'a Types, name: &str, file: &Path) -> Option<&'a Type> {
    let named = types.get(name)?;
    named.iter().find(|one| one.file == file).or_else(|| named.first())
}

fn tell(types: &Types, name: &str, file: &Path, told: &mut BTreeSet<(PathBuf, String)>, text: &mut String) {
    let Some(of) = find(types, name, file) else { panic!("no type {name} was found") };
    if !told.insert((of.file.clone(), name.to_owned())) {
        return;
    }
    // A verb's own type needs no title.
    if !file.as_os_str().is_empty() {
        let _ = write!(text, "\n### {name}\n");
    }
    if !of.about.is_empty() {
        let _ = write!(text, "\n{}\n", of.about);
    }
    text.push_str("\n| field | type | |\n|---|---|---|\n");
    let mut inner = Vec::new();
    for field in &of.fields {
        let shown = shown(types, &field.of, &of.file, &mut inner);
        let _ = writeln!(text, "| `{}` | {shown} | {} |", field.name, field.about);
    }
    for name in inner {
        tell(types, &name, &of.file, told, text);
    }
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
    let (mut found, mut comment, mut is_hidden) = (Vec::new(), Vec::new(), false);
    for line in lines.take_while(|line| *line != "}") {
        let line = line.trim();
        if let Some(said) = line.strip_prefix("/// ") {
            comment.push(said.to_owned());
        } else if line.starts_with("#[") {
            is_hidden |= line.contains("serde(skip)");
        } else if let Some((name, of)) = line.trim_start_matches("pub ").split_once(": ") {
            if !is_hidden {
                let of = of.trim_end_matches(',').replace("&'static str", "str").replace("&'a str", "str");
                found.push(Field { name: name.to_owned(), of, about: comment.join(" ") });
            }
            comment.clear();
            is_hidden = false;
        }
    }
    found
}

/// The words of an enum that is printed as one of them; none, if a variant holds something.
fn words<'a>(lines: &mut impl Iterator<Item = &'a str>, attributes: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_plain = true;
    for line in lines.take_while(|line| *line != "}") {
        let name = line.trim().trim_end_matches(',');
        if name.starts_with("//") || name.starts_with('#') {
            continue;
        }
        is_plain &= name.chars().all(char::is_alphanumeric);
        found.push(if attributes.contains("UPPERCASE") { name.to_uppercase() } else { snake(name) });
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
