//! The shipped queries, and as much of PromQL as it takes to see what they name.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// Each stands before a list of labels in parentheses.
const MATCHING: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const WORDS: [&str; 9] = ["and", "or", "unless", "bool", "offset", "Inf", "NaN", "start", "end"];
pub const AGGREGATIONS: [&str; 12] = [
    "sum",
    "avg",
    "min",
    "max",
    "count",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "quantile",
    "count_values",
];

pub struct Query {
    /// Such as `rules.yml: QuartermasterDown` or `overview.json: Balance`.
    pub place: String,
    pub text: String,
}

/// One time series selector: `name{label="value", …}`.
#[derive(Debug, Default, PartialEq)]
pub struct Selector {
    pub name: String,
    pub matchers: Vec<Matcher>,
    /// Of the aggregations around it, innermost first, the labels that each leaves.
    pub around: Vec<Left>,
}

#[derive(Debug, Default, PartialEq)]
pub struct Matcher {
    pub label: String,
    pub operator: String,
    pub value: String,
}

/// What an aggregation leaves of the labels.
#[derive(Clone, Debug, PartialEq)]
pub enum Left {
    Only(BTreeSet<String>),
    AllBut(BTreeSet<String>),
}

impl Left {
    pub fn has(&self, label: &str) -> bool {
        match self {
            Self::Only(labels) => labels.contains(label),
            Self::AllBut(labels) => !labels.contains(label),
        }
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every query of the rules and the dashboards, with Grafana's variables filled in.
pub fn shipped() -> Vec<Query> {
    let mut queries = rules();
    for entry in fs::read_dir(root().join("dashboards")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let dashboard: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let title = panel["title"].as_str().unwrap();
                let text = filled(target["expr"].as_str().unwrap());
                queries.push(Query { place: format!("{file}: {title}"), text });
            }
        }
    }
    queries
}

fn filled(text: &str) -> String {
    text.replace("$job", "quartermaster")
        .replace("$instance", ".+")
        .replace("$currency", "USD")
        .replace("$__rate_interval", "5m")
}

/// The queries of rules.yml, whose YAML is kept plain enough to be read by lines.
pub fn rules() -> Vec<Query> {
    let text = fs::read_to_string(root().join("config/prometheus/rules.yml")).unwrap();
    let mut queries: Vec<Query> = Vec::new();
    let (mut alert, mut is_folded) = (String::new(), false);
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        if is_folded && indent > 8 {
            let query = &mut queries.last_mut().unwrap().text;
            query.push(' ');
            query.push_str(line.trim());
            continue;
        }
        is_folded = false;
        if let Some(name) = line.trim().strip_prefix("- alert: ") {
            name.clone_into(&mut alert);
        } else if let Some(rest) = line.trim().strip_prefix("expr: ") {
            is_folded = rest == ">-";
            let text = if is_folded { String::new() } else { rest.to_owned() };
            queries.push(Query { place: format!("rules.yml: {alert}"), text });
        }
    }
    queries
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

fn tokens(query: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = query.chars().peekable();
    while let Some(&next) = rest.peek() {
        if next.is_alphanumeric() || next == '_' {
            let mut word = String::new();
            while let Some(&letter) = rest.peek().filter(|one| one.is_alphanumeric() || "_:.".contains(**one))
            {
                word.push(letter);
                rest.next();
            }
            tokens.push(Token::Word(word));
        } else if next == '"' {
            rest.next();
            let text = rest.by_ref().take_while(|letter| *letter != '"').collect();
            tokens.push(Token::Text(text));
        } else {
            rest.next();
            if !next.is_whitespace() {
                tokens.push(Token::Sign(next));
            }
        }
    }
    tokens
}

fn is_sign(token: Option<&Token>, sign: char) -> bool {
    token == Some(&Token::Sign(sign))
}

fn word(token: Option<&Token>) -> Option<&str> {
    match token {
        Some(Token::Word(word)) => Some(word),
        _ => None,
    }
}

/// The words of `(a, b)` that begins at `at`, and where it has ended.
fn listed(tokens: &[Token], at: usize) -> (BTreeSet<String>, usize) {
    let length = tokens[at..].iter().position(|token| *token == Token::Sign(')')).unwrap_or(0);
    let inside = &tokens[at..at + length];
    (inside.iter().filter_map(|token| word(Some(token))).map(str::to_owned).collect(), at + length + 1)
}

/// The selectors of a query, from left to right.
pub fn selectors(query: &str) -> Vec<Selector> {
    let tokens = tokens(query);
    let mut found = Vec::new();
    // For each open parenthesis, what the aggregation before it leaves.
    let mut open: Vec<Option<Left>> = Vec::new();
    let mut pending: Option<Left> = None;
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            Token::Sign('(') => open.push(pending.take()),
            Token::Sign(')') => drop(open.pop()),
            // Inside is a span.
            Token::Sign('[') => {
                while !is_sign(tokens.get(at), ']') {
                    at += 1;
                }
            }
            Token::Word(name) if AGGREGATIONS.contains(&name.as_str()) => {
                let (left, next) = left_by(&tokens, at + 1);
                pending = Some(left);
                at = next;
                continue;
            }
            Token::Word(name) if MATCHING.contains(&name.as_str()) => {
                if is_sign(tokens.get(at + 1), '(') {
                    at = listed(&tokens, at + 1).1;
                    continue;
                }
            }
            Token::Word(name) => {
                let is_function = is_sign(tokens.get(at + 1), '(');
                let is_number = name.starts_with(|first: char| first.is_ascii_digit());
                if !is_function && !is_number && !WORDS.contains(&name.as_str()) {
                    let (matchers, next) = matchers(&tokens, at + 1);
                    let around = open.iter().rev().flatten().cloned().collect();
                    found.push(Selector { name: name.clone(), matchers, around });
                    at = next;
                    continue;
                }
            }
            Token::Text(_) | Token::Sign(_) => {}
        }
        at += 1;
    }
    found
}

/// What an aggregation leaves whose `by (…)` or `without (…)` would begin at `at`; without one,
/// nothing. (It could also stand behind; the shipped queries do not write it so.)
fn left_by(tokens: &[Token], at: usize) -> (Left, usize) {
    match word(tokens.get(at)) {
        Some("by") => {
            let (labels, next) = listed(tokens, at + 1);
            (Left::Only(labels), next)
        }
        Some("without") => {
            let (labels, next) = listed(tokens, at + 1);
            (Left::AllBut(labels), next)
        }
        _ => (Left::Only(BTreeSet::new()), at),
    }
}

fn matchers(tokens: &[Token], at: usize) -> (Vec<Matcher>, usize) {
    let mut found: Vec<Matcher> = Vec::new();
    if !is_sign(tokens.get(at), '{') {
        return (found, at);
    }
    let mut next = at + 1;
    let mut matcher = Matcher::default();
    while let Some(token) = tokens.get(next) {
        next += 1;
        match token {
            Token::Word(label) => label.clone_into(&mut matcher.label),
            Token::Text(value) => {
                value.clone_into(&mut matcher.value);
                found.push(std::mem::take(&mut matcher));
            }
            Token::Sign('}') => break,
            Token::Sign(',') => {}
            Token::Sign(sign) => matcher.operator.push(*sign),
        }
    }
    (found, next)
}

#[test]
fn selectors_are_seen_with_their_matchers_and_what_is_left_of_their_labels() {
    let names = |query| selectors(query).into_iter().map(|found| found.name).collect::<Vec<_>>();
    assert_eq!(names("time() - a{b=\"c d\"} > on (x, y) group_left (z) e or vector(0)"), ["a", "e"]);
    assert_eq!(names("count_over_time((a == 0)[35d:1h]) * 3600 and a < Inf"), ["a", "a"]);
    let query = "sum by (endpoint, currency) (rate(a{m!~\"x|y\"}[5m])) + sum(b) + sum without (c) (d)";
    let found = selectors(query);
    let matcher = Matcher { label: "m".to_owned(), operator: "!~".to_owned(), value: "x|y".to_owned() };
    assert_eq!(found[0].matchers, [matcher]);
    let has = |at: usize, label| found[at].around.iter().all(|left| left.has(label));
    assert!(has(0, "currency") && !has(0, "m") && !has(1, "currency") && has(2, "currency") && !has(2, "c"));
}
