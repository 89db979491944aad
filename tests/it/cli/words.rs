//! What helps people at the command line: help, completions, manual pages, bars; each as its reader takes it.

use clap::CommandFactory;
use quartermaster::cli::Arguments;
use quartermaster::sim::dialect::Dialect;
use unicode_width::UnicodeWidthStr;

use super::*;
use crate::machine;

const WIDEST: usize = 80;

/// Whether a tool is there; said where it is not.
fn has(tool: &str) -> bool {
    let has = Command::new("which").arg(tool).output().is_ok_and(|output| output.status.success());
    if !has {
        machine::skip(&format!("there is no {tool}"));
    }
    has
}

/// Every verb as it is typed, groups of verbs too.
fn verbs() -> Vec<Vec<String>> {
    fn collect(command: &clap::Command, before: &[String], into: &mut Vec<Vec<String>>) {
        for verb in command.get_subcommands() {
            let name = [before, &[verb.get_name().to_owned()]].concat();
            collect(verb, &name, into);
            into.push(name);
        }
    }
    let mut all = vec![Vec::new()];
    collect(&Arguments::command(), &[], &mut all);
    all
}

fn run(words: &[String], more: &[&str]) -> Output {
    Command::new(PROGRAM).args(words).args(more).output().unwrap()
}

#[test]
fn each_verb_that_changes_the_cloud_says_that_no_mode_binds_it() {
    for verb in [["snapshots", "create"], ["snapshots", "delete"], ["policies", "run"]] {
        let output = quartermaster(&[&verb[..], &["--help"]].concat());
        let said = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("done in every mode: `observe` and `protect` bind policies only"), "{said}");
    }
}

#[test]
fn without_a_file_check_config_judges_the_one_that_run_reads() {
    const FILE: &str = "/etc/quartermaster/quartermaster.toml";
    let help = quartermaster(&["check-config", "--help"]);
    assert!(String::from_utf8_lossy(&help.stdout).contains(FILE));
    // A machine that has such a file judges that one.
    if !Path::new(FILE).exists() {
        let (code, said) = told(&quartermaster(&["check-config"]));
        assert!(code == 78 && said.contains(FILE), "{said}");
    }
}

#[test]
fn the_help_of_every_verb_fits_on_eighty_columns_and_says_how_it_is_used() {
    for verb in verbs() {
        for flag in ["--help", "-h"] {
            let output = run(&verb, &[flag]);
            let help = String::from_utf8(output.stdout.clone()).unwrap();
            assert_eq!(told(&output), (0, String::new()), "{verb:?}");
            assert!(help.contains("Usage: quartermaster"), "{verb:?}: {help}");
            let wide: Vec<&str> = help.lines().filter(|line| line.width() > WIDEST).collect();
            assert!(wide.is_empty(), "{verb:?} {flag}: {wide:#?}");
        }
    }
}

#[test]
fn help_lists_every_dialect_that_its_verb_takes() {
    let untold = Dialect::names();
    let all = [untold.clone(), Dialect::told_names()].concat();
    for (verb, names) in [(&["demo"][..], untold), (&["sim", "serve"], all)] {
        let verb: Vec<String> = verb.iter().map(ToString::to_string).collect();
        let help = String::from_utf8(run(&verb, &["--help"]).stdout).unwrap();
        let words: Vec<&str> =
            help.split(|letter: char| letter.is_whitespace() || ",[]:".contains(letter)).collect();
        let missing: Vec<&&str> = names.iter().filter(|name| !words.contains(name)).collect();
        assert!(missing.is_empty() && names.len() > 15, "{verb:?} does not tell {missing:?}");
    }
}

#[test]
fn nothing_that_is_typed_makes_any_verb_panic() {
    for verb in verbs() {
        for more in [
            &["--nonsense"][..],
            &["--json=yes"],
            &["\u{1b}[2J"],
            &["--config", "/nowhere"],
            &["--for", "-1"],
        ] {
            // These would write or wait.
            if matches!(verb.first().map(String::as_str), Some("demo" | "sim" | "man" | "completions"))
                || verb == ["config", "init"]
            {
                continue;
            }
            let output = run(&[&verb[..], &["--data-dir".to_owned(), "/nowhere".to_owned()]].concat(), more);
            let (code, errors) = told(&output);
            assert!(matches!(code, 0..=4 | 75..=78), "{verb:?} {more:?}: {code} {errors}");
            assert!(!errors.contains("panicked"), "{verb:?} {more:?}: {errors}");
        }
    }
}

/// What a shell of the sort that people use offers for these words, the last of which is not whole.
fn completed(words: &[&str]) -> Vec<String> {
    let script = "source /dev/stdin || exit 9\nCOMP_WORDS=(\"$@\")\nCOMP_CWORD=$(($# - 1))\n\
                  _quartermaster quartermaster \"${@: -1}\" \"${@: -2:1}\" || exit 8\nprintf '%s\\n' \"${COMPREPLY[@]}\"";
    let made = quartermaster(&["completions", "bash"]);
    assert!(made.status.success());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("completions");
    fs::write(&file, &made.stdout).unwrap();
    let mut shell = Command::new("bash");
    shell.args(["--norc", "-c", script, "bash", "quartermaster"]).args(words);
    let output = shell.stdin(fs::File::open(&file).unwrap()).output().unwrap();
    assert_eq!(told(&output), (0, String::new()), "{words:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn a_real_bash_completes_verbs_options_and_values() {
    if !has("bash") {
        return;
    }
    assert_eq!(completed(&["stat"]), ["status"]);
    assert_eq!(completed(&["snapshots", "cr"]), ["create"]);
    assert_eq!(completed(&["snapshots", "list", "--gro"]), ["--group-by"]);
    assert_eq!(completed(&["log", "verify", "--pro"]), ["--proofs"]);
    assert_eq!(completed(&["demo", "--faults", "ho"]), ["hostile"]);
    let first = completed(&[""]);
    for verb in verbs().iter().filter(|verb| verb.len() == 1) {
        assert!(first.contains(&verb[0]), "{verb:?} is not offered: {first:?}");
    }
}

#[test]
fn the_scripts_of_the_other_shells_name_every_verb_and_are_read_where_the_shell_is_there() {
    for (shell, start) in
        [("zsh", "#compdef quartermaster"), ("fish", "# "), ("elvish", ""), ("powershell", "")]
    {
        let made = quartermaster(&["completions", shell]);
        assert_eq!(told(&made), (0, String::new()), "{shell}");
        let script = String::from_utf8(made.stdout.clone()).unwrap();
        assert!(script.starts_with(start), "{shell}: {}", &script[..80]);
        for verb in verbs().iter().filter_map(|verb| verb.last()) {
            assert!(script.contains(verb.as_str()), "{shell}: {verb} is missing");
        }
        let is_there =
            Command::new(shell).arg("--version").output().is_ok_and(|output| output.status.success());
        if is_there && matches!(shell, "zsh" | "fish") {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("script");
            fs::write(&file, &made.stdout).unwrap();
            let checked = Command::new(shell).arg("-n").arg(&file).output().unwrap();
            assert_eq!(told(&checked), (0, String::new()), "{shell}");
        }
    }
}

#[test]
fn the_manual_has_a_page_for_every_verb_which_is_set_without_a_complaint() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display().to_string();
    assert_eq!(told(&quartermaster(&["man", "--out", &out])), (0, String::new()));
    let whole = quartermaster(&["man"]).stdout;
    assert_eq!(whole, fs::read(folder.path().join("quartermaster.1")).unwrap());
    let is_set = has("groff");
    for verb in verbs() {
        let name = [&["quartermaster".to_owned()], &verb[..]].concat().join("-");
        let path = folder.path().join(format!("{name}.1"));
        let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        for section in [".TH ", ".SH NAME", ".SH SYNOPSIS"] {
            assert!(page.contains(section), "{name} has no {section}");
        }
        assert!(!page.chars().any(|letter| letter.is_control() && letter != '\n'), "{name}");
        if is_set {
            let set = Command::new("groff")
                .args(["-Kutf8", "-man", "-Tutf8", "-ww", "-z"])
                .arg(&path)
                .output()
                .unwrap();
            assert_eq!(told(&set), (0, String::new()), "{name}");
        }
    }
}

/// What a terminal shows of a command, and its code; a terminal of its own is made for it.
fn on_a_terminal(arguments: &str, environment: &[(&str, &str)]) -> (i32, String) {
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &format!("{PROGRAM} {arguments}"), "/dev/null"]);
    script.env("TERM", "xterm-256color").env_remove("NO_COLOR").envs(environment.iter().copied());
    let output = script.stdin(Stdio::null()).output().unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn bars_and_colours_are_for_a_terminal_only_and_leave_nothing_behind() {
    if !has("script") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let demo = format!("demo --for 4d --seed 7 --data-dir {data}");
    let (code, shown) = on_a_terminal(&demo, &[]);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("█") && shown.contains(" % of the simulated time"), "no bar: {shown:?}");
    let (_, last) = shown.rsplit_once("\r\u{1b}[K").expect("the bar is taken away");
    assert!(!last.contains('█') && last.contains("of simulated time in"), "{last:?}");

    let verify = format!("log verify --data-dir {data}");
    let (code, shown) = on_a_terminal(&verify, &[]);
    assert!(code == 0 && shown.contains('█'), "{shown:?}");
    let list = format!("machines list --data-dir {data}");
    assert!(on_a_terminal(&list, &[]).1.contains("\u{1b}["), "no colour");
    for plain in [[("NO_COLOR", "1")], [("TERM", "dumb")]] {
        let (code, shown) = on_a_terminal(&list, &plain);
        assert!(code == 0 && !shown.contains('\u{1b}'), "{plain:?}: {shown:?}");
    }
    assert!(!on_a_terminal(&verify, &[("TERM", "dumb")]).1.contains('█'), "a bar where there can be none");

    let again = folder.path().join("again").display().to_string();
    for arguments in [
        &["demo", "--for", "4d", "--data-dir", &again][..],
        &["log", "verify", "--data-dir", &data],
        &["log", "export", "--data-dir", &data],
        &["log", "rebuild", "--data-dir", &data],
    ] {
        let output = quartermaster(arguments);
        let (code, errors) = told(&output);
        assert!(code == 0 && errors.is_empty(), "{arguments:?}: {errors:?}");
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!shown.contains('█') && !shown.contains('\u{1b}') && !shown.contains('\r'), "{arguments:?}");
    }
}

#[test]
fn what_is_missing_on_a_command_line_is_named_and_what_was_named_is_not_asked_for_again() {
    let (code, errors) = told(&quartermaster(&["plan", "approve"]));
    assert!(code == 2 && errors.contains("BACKUP") && errors.contains("--all"), "{errors}");
    let (code, errors) = told(&quartermaster(&["plan", "approve", "a", "--all"]));
    assert!(code == 2 && errors.contains("cannot be used with"), "{errors}");
    let site = Site::new();
    let (path, data) = (site.configuration(), site.text("data"));
    for (place, expected) in [
        (["--config", &path], "start `quartermaster run`\n"),
        (
            ["--data-dir", &data],
            "start `quartermaster run`, or name its configuration if that sets a [socket]",
        ),
    ] {
        let (code, errors) = told(&quartermaster(&[&["snapshots", "create", "BRK-1"][..], &place].concat()));
        assert!(code == 4 && errors.contains(expected), "{errors}");
    }
}
