//! A cloud that is out of reach, as its people are told of it: since when, and why.

use super::*;

/// An hour passes in a second, and nothing listens at its address.
fn out_of_reach() -> Site {
    let mut site = Site::new();
    site.clock = format!(
        "[clock]\nscale = 3600\nepoch = {}\n[mail]\nfrom = \"qm@example.org\"\nfolder = \"{}\"\n",
        jiff::Timestamp::now(),
        site.text("spool")
    );
    let text = fs::read_to_string(site.configuration()).unwrap();
    let listen = format!("127.0.0.1:{}", crate::machine::free_port());
    let http = format!("[http]\nlisten = \"{listen}\"\n[[policy]]");
    let text = text.replace("email = \"off\"", "email = [\"ops@example.org\"]").replace("[[policy]]", &http);
    fs::write(site.path("qm.toml"), text).unwrap();
    site
}

fn said(site: &Site) -> String {
    let shown = quartermaster(&["status", "--data-dir", &site.text("data")]);
    String::from_utf8_lossy(&shown.stdout).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The letters in a folder, with the lines of each joined again.
fn letters(folder: &Path) -> String {
    let files = fs::read_dir(folder).into_iter().flatten().map(|file| file.unwrap().path());
    let letters = files.filter(|path| path.extension().is_some_and(|ending| ending == "eml"));
    let text: String = letters.map(|path| fs::read_to_string(path).unwrap().replace("=\r\n", "")).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn whoever_waits_is_told_once_what_for_and_how_long_in_whose_time() {
    let (mut cloud, site) = simulated(3_600, "protect");
    let mut daemon = site.run();
    until("a good backup", || {
        status(&site).is_some_and(|status| status["shelves"][0]["good"].as_u64() >= Some(1))
    });
    let machine = status(&site).unwrap()["shelves"][0]["machine"].as_str().unwrap().to_owned();
    cloud.terminate();
    until("the alarm", || {
        status(&site).is_some_and(|status| status.to_string().contains("cloud_unreachable"))
    });
    let config = site.text("qm.toml");
    let wait = ["snapshots", "create", &machine, "--wait", "--timeout", "8s", "--config", &config];
    let (code, said) = told(&quartermaster(&wait));
    assert_eq!(code, 1, "{said}");
    let reasons: Vec<&str> = said.lines().filter(|line| line.starts_with("qm-")).collect();
    assert!(reasons.iter().any(|line| line.contains(": the cloud cannot be reached (")), "{said}");
    assert!(reasons.iter().any(|line| line.contains("never sent (the connection was refused)")), "{said}");
    let once: std::collections::BTreeSet<&&str> = reasons.iter().collect();
    assert_eq!(once.len(), reasons.len(), "each reason is told once: {said}");
    assert!(said.contains("error: not done within 8 s: qm-") && said.contains("; it goes on, and"), "{said}");
    let help = quartermaster(&["snapshots", "create", "--help"]);
    let help = String::from_utf8_lossy(&help.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("at most so long, in real time also where `[clock]` stretches it"), "{help}");
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn a_refused_connection_is_told_with_its_reason_and_its_beginning_and_by_one_bar_alone() {
    const REASON: &str = "never sent (the connection was refused) at the last of 3 tries";
    let site = out_of_reach();
    let mut daemon = Process::start(&["run", "--config", &site.text("qm.toml")]);
    until("the reason, long before the alarm", || {
        site.path("data/journal.db").exists() && said(&site).contains(REASON)
    });
    let alarm = || {
        let shown = status(&site)?;
        shown["stops"].as_array()?.iter().find(|stop| stop["kind"] == "cloud_unreachable").cloned()
    };
    until("the alarm", || alarm().is_some());
    let since: jiff::Timestamp = alarm().unwrap()["since"].as_str().unwrap().parse().unwrap();
    let journal = quartermaster(&[
        "log",
        "list",
        "--kind",
        "looked",
        "--after",
        "0",
        "--json",
        "--data-dir",
        &site.text("data"),
    ]);
    let first = json(&journal)["events"][0]["recorded_at"].as_str().unwrap().parse::<jiff::Timestamp>();
    assert_eq!(since, first.unwrap(), "the alarm itself begins an hour after the first look that failed");
    let text = said(&site);
    let bar = format!(": the cloud cannot be reached (page 1: {REASON}): nothing is backed up");
    assert!(text.contains("CLOUD UNREACHABLE since 20") && text.contains(&bar), "{text}");
    assert!(!text.contains("LOOKS FAIL") && !text.contains("the balance cannot be read"), "{text}");
    until("the letter", || letters(&site.path("spool")).contains("the cloud cannot be reached"));
    let letter = letters(&site.path("spool"));
    assert!(letter.contains(&format!(": page 1: {REASON}")), "{letter}");
    let started = fs::read_to_string(site.path("qm.toml")).unwrap();
    let address = started.split("listen = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let page = || served::read(&address, "/");
    until("the page", || page().contains("CLOUD UNREACHABLE"));
    assert!(page().contains(REASON) && !page().contains("LOOKS FAIL"), "{}", page());
    assert_eq!(daemon.terminate(), 0);
}
