//! A key that is replaced while the daemon runs.

use super::*;

fn is_refused(site: &Site) -> bool {
    let kinds = status(site).map(|status| status["alarms"].clone()).unwrap_or_default();
    kinds.as_array().is_some_and(|alarms| alarms.iter().any(|alarm| alarm["kind"] == "key_refused"))
}

#[test]
fn a_renewed_key_is_tried_at_once_after_a_reload() {
    let (_cloud, site) = simulated_as(&[], 1, "observe");
    site.write_key("not-the-key-of-the-cloud", 0o600);
    let daemon = site.run();
    until("the refusal of the key", || is_refused(&site));
    site.write_key(KEY, 0o600);
    let told = Command::new("kill").args(["-HUP", &daemon.0.id().to_string()]).status().unwrap();
    assert!(told.success());
    until("the key to be accepted", || !is_refused(&site));
}
