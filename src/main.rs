use quartermaster::{
    domain::time::Seconds,
    rehearsal::{
        run::{self, Nobody},
        setup::Setup,
    },
    sim::dialect::Dialect,
};
use std::{cell::RefCell, rc::Rc};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let n = |i: usize, d: u64| a.get(i).and_then(|s| s.parse().ok()).unwrap_or(d);
    let dir = format!("/tmp/qmdemo-{}", std::process::id());
    let _ = std::fs::remove_dir_all(&dir);
    let setup = Setup {
        length: Seconds::days(n(1, 7)),
        machines: n(2, 3) as u32,
        keep_last: n(3, 3) as u32,
        seed: n(4, 1),
        faults: a.get(5).cloned().unwrap_or("none".into()),
        dialect: Dialect::parse(a.get(6).map_or("plain", |s| s)).unwrap(),
        durable: false,
        directory: dir.clone().into(),
    };
    let s = run::run(&setup, Rc::new(RefCell::new(Nobody)));
    println!(
        "{}",
        match s {
            Ok(s) => serde_json::to_string_pretty(&s).unwrap(),
            Err(e) => format!("{e:?}"),
        }
    );
    if std::env::var("KEEP").is_err() {
        let _ = std::fs::remove_dir_all(&dir);
    } else {
        println!("{dir}");
    }
}
