//! A source file as the house rules see it: its lines without comments and without texts.
//!
//! No parser: it knows only what comments, texts and braces look like.

use std::path::Path;

pub struct Source {
    /// From the root of the repository, such as `src/domain/time.rs`.
    pub path: String,
    pub first_line: String,
    /// Comments and the insides of texts are blanked; the lines stay where they were.
    pub lines: Vec<String>,
}

/// A function: its name, its first line from 1, and how many it has.
pub struct Function {
    pub name: String,
    pub line: usize,
    pub length: usize,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            first_line: text.lines().next().unwrap_or_default().to_owned(),
            lines: blanked(text).lines().map(str::to_owned).collect(),
        }
    }

    /// The first folder or file below `src`: `domain`, `config`, `main`.
    pub fn layer(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        inside.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// Whether `super` is the root of the crate here.
    pub fn is_layer_root(&self) -> bool {
        self.path == format!("src/{}.rs", self.layer()) || self.path == format!("src/{}/mod.rs", self.layer())
    }

    pub fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// The numbered lines above the test module; none in a file of tests.
    pub fn body(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_start =
            |pair: &[String]| pair[0].trim() == "#[cfg(test)]" && pair[1].trim().starts_with("mod ");
        let end = self.lines.windows(2).position(is_start).unwrap_or(self.lines.len());
        let end = if self.is_test() { 0 } else { end };
        self.numbered().take(end)
    }

    pub fn numbered(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines.iter().enumerate().map(|(index, line)| (index + 1, line.as_str()))
    }

    /// Every `use` of the body as one line, with the line on which it begins.
    pub fn uses(&self) -> Vec<(usize, String)> {
        let mut found: Vec<(usize, String)> = Vec::new();
        let mut is_open = false;
        for (number, line) in self.body() {
            let line = line.trim();
            let declared = line.strip_prefix("pub ").or(line.strip_prefix("pub(crate) ")).unwrap_or(line);
            if is_open {
                if let Some((_, text)) = found.last_mut() {
                    text.push_str(line);
                }
            } else if declared.starts_with("use ") {
                found.push((number, line.to_owned()));
                is_open = true;
            }
            is_open = is_open && !line.contains(';');
        }
        found
    }

    pub fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        for (number, line) in self.body() {
            let Some(name) = word_after(line, "fn") else { continue };
            let mut depth = 0i64;
            let mut is_open = false;
            for (later, text) in self.body().skip(number - 1) {
                for character in text.chars() {
                    match character {
                        '{' => (depth, is_open) = (depth + 1, true),
                        '}' => depth -= 1,
                        // A declaration without a body, as in a trait.
                        ';' if !is_open && !text.contains('[') => is_open = true,
                        _ => {}
                    }
                }
                if is_open && depth <= 0 {
                    found.push(Function { name, line: number, length: later - number + 1 });
                    break;
                }
            }
        }
        found
    }
}

/// All Rust files below a folder, in order.
pub fn tree(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join(folder)];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                sources.push(Source::new(name, &std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// The word that follows a keyword, if the line has that keyword.
pub fn word_after(line: &str, keyword: &str) -> Option<String> {
    let mut words = line.split(|character: char| !character.is_alphanumeric() && character != '_');
    words.find(|word| *word == keyword)?;
    words.find(|word| !word.is_empty()).map(str::to_owned)
}

/// Whether a line has this name as a whole word.
pub fn names(line: &str, word: &str) -> bool {
    line.split(|character: char| !character.is_alphanumeric() && character != '_').any(|found| found == word)
}

/// The text with comments, texts and characters blanked, line by line as before.
fn blanked(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < characters.len() {
        let end = match characters[at] {
            '/' if characters.get(at + 1) == Some(&'/') => until(&characters, at, "\n", 0),
            '/' if characters.get(at + 1) == Some(&'*') => until(&characters, at, "*/", 2),
            '"' => after_text(&characters, at + 1),
            'r' if is_raw(&characters, at) => after_raw(&characters, at + 1),
            '\'' if characters.get(at + 1) == Some(&'\\') => until(&characters, at + 3, "'", 1),
            '\'' if characters.get(at + 2) == Some(&'\'') => at + 3,
            other => {
                out.push(other);
                at += 1;
                continue;
            }
        };
        let end = end.min(characters.len());
        out.extend(characters[at..end].iter().map(|character| if *character == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    out
}

fn until(characters: &[char], from: usize, mark: &str, length: usize) -> usize {
    let mark: Vec<char> = mark.chars().collect();
    let rest = characters.get(from..).unwrap_or_default();
    let found = rest.windows(mark.len()).position(|window| window == mark);
    found.map_or(characters.len(), |found| from + found + length)
}

fn after_text(characters: &[char], mut at: usize) -> usize {
    while let Some(character) = characters.get(at) {
        match character {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

fn is_raw(characters: &[char], at: usize) -> bool {
    let starts_word = at == 0 || !(characters[at - 1].is_alphanumeric() || characters[at - 1] == '_');
    let after = characters[at + 1..].iter().find(|character| **character != '#');
    starts_word && after == Some(&'"')
}

fn after_raw(characters: &[char], from: usize) -> usize {
    let fences = characters[from..].iter().take_while(|character| **character == '#').count();
    let mark = format!("\"{}", "#".repeat(fences));
    until(characters, from + fences + 1, &mark, mark.len())
}
