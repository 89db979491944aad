//! Tables: rows in columns that fit the paper they are written on, each value made harmless first.
//!
//! The only writer of columns. On a terminal a table with names and ids takes a second line for each
//! row rather than cut them; another is cut with `…`. Without a terminal nothing is cut or coloured.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::foreign::harmless;

/// What a text is written on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paper {
    /// Columns of characters; `None`: no line is too long.
    pub width: Option<usize>,
    pub colour: bool,
}

/// How many rows of one list are shown, and what shows the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub rows: usize,
    pub all: &'static str,
}

impl Limit {
    /// More than a person reads at once.
    pub const LIST: Self = Self { rows: 40, all: "--json has all" };
    pub const NONE: Self = Self { rows: usize::MAX, all: "" };
}

/// How a value strikes the eye, where there is colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    Good,
    Warning,
    Bad,
    Faint,
    Head,
}

#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    tone: Tone,
}

/// Two spaces part the columns, and two stand before the first.
const GAP: usize = 2;
/// No column is cut below this, as long as any other is wider.
const NARROWEST: usize = 6;
const CUT: char = '…';
/// Heads of columns whose cells read alone.
const SENTENCES: [&str; 6] = ["why", "what", "note", "said", "held by", "kept by"];
/// Of a line that was broken, what follows stands so much further in.
const FURTHER_IN: usize = 4;

#[derive(Clone, Debug)]
pub struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    /// Columns of numbers, which end below each other.
    right: Vec<usize>,
    /// Columns that stand below their row where there is no room, the first of these first.
    below: Vec<usize>,
}

impl<Text: Into<String>> From<Text> for Cell {
    fn from(text: Text) -> Self {
        Self { text: text.into(), tone: Tone::Plain }
    }
}

impl Cell {
    pub fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

impl Tone {
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Good => Some("32"),
            Self::Warning => Some("33"),
            Self::Bad => Some("1;31"),
            Self::Faint => Some("2"),
            Self::Head => Some("1"),
        }
    }
}

impl Paper {
    /// The text in its tone. It must be harmless already: codes in it would not be seen through.
    pub fn toned(self, text: &str, tone: Tone) -> String {
        match tone.code().filter(|_| self.colour && !text.is_empty()) {
            Some(code) => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            None => text.to_owned(),
        }
    }

    /// A title over a table, with an empty line before it.
    pub fn title(self, text: &str) -> String {
        format!("\n{}\n", self.toned(&self.wrap(&one_line(text)), Tone::Head))
    }

    /// Each line of a plain text broken between its words, and what is broken off set in. Nothing is
    /// cut: a word that is wider than the paper, such as an id that somebody copies, stays whole.
    pub fn wrap(self, text: &str) -> String {
        let Some(width) = self.width else { return text.to_owned() };
        let lines: Vec<String> = text.split('\n').map(|line| broken(line, width)).collect();
        lines.join("\n")
    }
}

impl Table {
    pub fn new<const COLUMNS: usize>(heads: [&'static str; COLUMNS]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new(), right: Vec::new(), below: Vec::new() }
    }

    /// These columns hold numbers.
    pub fn right(mut self, columns: &[usize]) -> Self {
        self.right.extend_from_slice(columns);
        self
    }

    /// Where the paper is too narrow these columns move below their row, as few as need be, the first
    /// named first. Then nothing in the table is cut: what is left are names and ids to be copied.
    pub fn below(mut self, columns: &[usize]) -> Self {
        self.below.extend_from_slice(columns);
        self
    }

    pub fn row<const COLUMNS: usize>(&mut self, cells: [Cell; COLUMNS]) {
        self.rows.push(cells.to_vec());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The first so many rows, and how many more there are, with the way to all of them.
    pub fn first(&self, limit: Limit, paper: Paper) -> String {
        let Limit { rows: most, all } = limit;
        let more = self.rows.len().saturating_sub(most);
        let rows = self.rows.iter().take(most).cloned().collect();
        let shown = Self { rows, ..self.clone() }.text(paper);
        match more {
            0 => shown,
            more => shown + &paper.wrap(&format!("  … and {more} more; {all}\n")),
        }
    }

    /// The table as lines. A column in which nothing stands is left out.
    pub fn text(&self, paper: Paper) -> String {
        let shown: Vec<Vec<Cell>> = self.rows.iter().map(|row| row.iter().map(plain).collect()).collect();
        let mut used: Vec<usize> = (0..self.heads.len())
            .filter(|column| {
                shown.iter().any(|row| row.get(*column).is_some_and(|cell| !cell.text.is_empty()))
            })
            .collect();
        let natural = |column: &usize| {
            let cells = shown.iter().filter_map(|row| row.get(*column)).map(|cell| cell.text.width());
            cells.chain([self.heads[*column].width()]).max().unwrap_or(0)
        };
        let below = self.move_below(&mut used, natural, paper);
        let widths: Vec<usize> = used.iter().map(natural).collect();
        let widths = if self.below.is_empty() { fit(widths, paper.width) } else { widths };
        let heads: Vec<Cell> = self.heads.iter().map(|head| Cell::toned(*head, Tone::Faint)).collect();
        let mut text = self.line(&heads, &used, &widths, paper);
        for row in &shown {
            text.push_str(&self.line(row, &used, &widths, paper));
            text.push_str(&self.second_line(row, &below, paper));
        }
        text
    }

    /// Takes out of `used` what has no room, and gives it.
    fn move_below(
        &self,
        used: &mut Vec<usize>,
        natural: impl Fn(&usize) -> usize,
        paper: Paper,
    ) -> Vec<usize> {
        let Some(width) = paper.width else { return Vec::new() };
        let mut below = Vec::new();
        for column in &self.below {
            if used.iter().map(|one| GAP + natural(one)).sum::<usize>() <= width {
                break;
            }
            if let Some(at) = used.iter().position(|one| one == column) {
                below.push(used.remove(at));
            }
        }
        below.sort_unstable();
        below
    }

    fn line(&self, row: &[Cell], columns: &[usize], widths: &[usize], paper: Paper) -> String {
        let mut line = String::new();
        let mut columns = columns.iter().zip(widths).peekable();
        while let Some((column, width)) = columns.next() {
            let Some(cell) = row.get(*column) else { continue };
            let is_last = columns.peek().is_none();
            line.push_str(&" ".repeat(GAP));
            line.push_str(&self.padded(cell, *column, *width, is_last, paper));
        }
        format!("{}\n", line.trim_end())
    }

    /// What had no room in the row, each with the head of its column, and broken between two of them.
    fn second_line(&self, row: &[Cell], below: &[usize], paper: Paper) -> String {
        let cells = below.iter().filter_map(|column| Some((self.heads[*column], row.get(*column)?)));
        let said = cells.filter(|(_, cell)| !cell.text.is_empty()).map(|(head, cell)| {
            if SENTENCES.contains(&head) { cell.text.clone() } else { format!("{head} {}", cell.text) }
        });
        let margin = " ".repeat(3 * GAP);
        let mut lines: Vec<String> = Vec::new();
        for one in said {
            let fits =
                |line: &String| paper.width.is_none_or(|width| line.width() + one.width() + 2 <= width);
            match lines.last_mut().filter(|line| fits(line)) {
                Some(line) => line.push_str(&format!("; {one}")),
                None => lines.push(format!("{margin}{one}")),
            }
        }
        lines.iter().map(|line| paper.wrap(line) + "\n").collect()
    }

    fn padded(&self, cell: &Cell, column: usize, width: usize, is_last: bool, paper: Paper) -> String {
        let text = cut(&cell.text, width);
        let space = " ".repeat(width.saturating_sub(text.width()));
        let toned = paper.toned(&text, cell.tone);
        match (self.right.contains(&column), is_last) {
            (true, _) => format!("{space}{toned}"),
            (false, true) => toned,
            (false, false) => format!("{toned}{space}"),
        }
    }
}

fn plain(cell: &Cell) -> Cell {
    Cell { text: one_line(&cell.text), tone: cell.tone }
}

/// A value on its way into a line: nothing in it begins another one.
pub fn one_line(text: &str) -> String {
    harmless(text).replace('\n', " ")
}

/// Takes from the widest column first, until all of them fit.
fn fit(mut widths: Vec<usize>, width: Option<usize>) -> Vec<usize> {
    let Some(width) = width else { return widths };
    let room = width.saturating_sub(GAP * widths.len());
    while widths.iter().sum::<usize>() > room {
        let Some(widest) = widths.iter_mut().max() else { break };
        if *widest <= NARROWEST {
            break;
        }
        *widest -= 1;
    }
    // On paper this narrow the last columns fall off its edge.
    let mut left = width;
    for column in &mut widths {
        *column = (*column).min(left.saturating_sub(GAP));
        left = left.saturating_sub(*column + GAP);
    }
    widths
}

/// A line as several, none wider than it must be; those after the first stand further in.
fn broken(line: &str, width: usize) -> String {
    if line.width() <= width {
        return line.to_owned();
    }
    let margin = line.width() - line.trim_start().width();
    let inner = " ".repeat((margin + FURTHER_IN).min(width / 2));
    let (mut shown, mut used) = (String::new(), 0);
    // Each word with the spaces before it, which a break takes the place of.
    for word in words_with_space(line) {
        let bare = word.trim_start();
        if used > 0 && used + word.width() > width {
            shown.push('\n');
            shown.push_str(&inner);
            shown.push_str(bare);
            used = inner.width() + bare.width();
        } else {
            shown.push_str(word);
            used += word.width();
        }
    }
    shown
}

fn words_with_space(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let begins = rest.find(|letter| letter != ' ')?;
        let length = rest[begins..].find(' ').map_or(rest.len(), |space| begins + space);
        let (word, after) = rest.split_at(length);
        rest = after;
        Some(word)
    })
}

/// At most so many columns of the text; what is cut ends with `…`.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut used = 0;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used + 1 > width {
            break;
        }
        shown.push(character);
    }
    if width > 0 {
        shown.push(CUT);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["machine", "note", "empty", "size"]).right(&[3]);
        table.row(["trainer-1".into(), Cell::toned("all is well", Tone::Good), "".into(), "7 GB".into()]);
        table.row(["日本".into(), "x\x1b[2J\ny".into(), "".into(), "140 GB".into()]);
        table
    }

    #[test]
    fn columns_stand_below_each_other_and_an_empty_one_is_left_out() {
        let expected = "  machine    note            size\n  trainer-1  all is well     7 GB\n  日本       x\\u{1b}[2J y  140 GB\n";
        assert_eq!(table().text(Paper::default()), expected);
    }

    #[test]
    fn no_line_is_wider_than_the_paper_and_what_is_cut_says_so() {
        for width in 0..60 {
            let text = table().text(Paper { width: Some(width), colour: false });
            assert!(text.lines().all(|line| line.width() <= width), "{width}:\n{text}");
        }
        let narrow = table().text(Paper { width: Some(30), colour: false });
        assert!(narrow.contains("trainer-1") && narrow.contains('…'), "{narrow}");
    }

    #[test]
    fn what_has_no_room_stands_below_its_row_and_no_id_is_cut() {
        let mut table = Table::new(["name", "id", "size", "why"]).right(&[2]).below(&[3, 2]);
        let why = "last 1 of 3, and it is the newest";
        table.row(["qm-trainer-1-n2v3xf4e7b".into(), "BRK-1S".into(), "7 GB".into(), why.into()]);
        table.row(["qm-b".into(), "BRK-2S".into(), "".into(), "".into()]);
        let at = |width| table.text(Paper { width: Some(width), colour: false });
        assert_eq!(at(90), table.text(Paper::default()));
        assert_eq!(
            at(60),
            "  name                     id      size\n  qm-trainer-1-n2v3xf4e7b  BRK-1S  7 GB\n      last 1 of 3, and it is the newest\n  qm-b                     BRK-2S\n"
        );
        assert_eq!(
            at(34),
            "  name                     id\n  qm-trainer-1-n2v3xf4e7b  BRK-1S\n      size 7 GB\n      last 1 of 3, and it is the\n          newest\n  qm-b                     BRK-2S\n"
        );
        assert!(at(5).contains("qm-trainer-1-n2v3xf4e7b  BRK-1S\n"), "{}", at(5));
    }

    #[test]
    fn a_line_is_broken_between_words_and_no_word_is() {
        let narrow = Paper { width: Some(30), colour: false };
        let text =
            "  daily  trainer-1  4 good, the newest of them is qm-trainer-1-n2v3xf4e7b-that-is-long\nshort";
        let expected = "  daily  trainer-1  4 good,\n      the newest of them is\n      qm-trainer-1-n2v3xf4e7b-that-is-long\nshort";
        assert_eq!(narrow.wrap(text), expected);
        assert_eq!(Paper::default().wrap(text), text);
    }

    #[test]
    fn colour_stands_where_it_is_wanted_and_nowhere_else() {
        assert!(!table().text(Paper::default()).contains('\x1b'));
        let coloured = table().text(Paper { width: None, colour: true });
        assert!(coloured.contains("\x1b[32mall is well\x1b[0m"), "{coloured:?}");
        assert!(!coloured.contains("\x1b[2J"), "{coloured:?}");
    }
}
