//! The whole life of a backup as one table that a person can read.

use crate::domain::backup::{Happening, Life};

const LIVES: [Life; 12] = [
    Life::Intended,
    Life::Requested,
    Life::Pending,
    Life::Ready,
    Life::Good,
    Life::Failed,
    Life::TimedOut,
    Life::Bad,
    Life::Vanished,
    Life::Disputed,
    Life::DeleteIntended,
    Life::Deleted,
];

const HAPPENINGS: [Happening; 17] = [
    Happening::Accepted,
    Happening::SeenPending,
    Happening::SeenReady,
    Happening::SeenFailed,
    Happening::RequestFailed,
    Happening::RequestOpen,
    Happening::Overdue,
    Happening::Passed,
    Happening::FailedCheck,
    Happening::SeenTwice,
    Happening::Missed,
    Happening::DeleteAsked,
    Happening::DeleteAbandoned,
    Happening::RemnantStays,
    Happening::OverdueStays,
    Happening::BadStays,
    Happening::SeenGone,
];

fn grid() -> String {
    let row = |life: Life| {
        let moves = HAPPENINGS.map(|happening| (happening, life.after(happening)));
        let moves = moves.into_iter().filter(|(_, after)| *after != life);
        let moves: Vec<String> =
            moves.map(|(happening, after)| format!("{happening:?} → {}", after.word())).collect();
        format!("{}: {}", life.word(), moves.join(", "))
    };
    LIVES.map(row).join("\n")
}

#[test]
fn every_pair_of_life_and_happening_leads_where_the_table_says() {
    insta::assert_snapshot!(grid(), @"
    intended: Accepted → requested, SeenPending → pending, SeenReady → ready, SeenFailed → failed, RequestFailed → failed, SeenTwice → disputed, Missed → vanished
    requested: SeenPending → pending, SeenReady → ready, SeenFailed → failed, RequestFailed → failed, RequestOpen → intended, SeenTwice → disputed, Missed → vanished
    pending: SeenReady → ready, SeenFailed → failed, Overdue → timed out, SeenTwice → disputed, Missed → vanished
    ready: SeenFailed → bad, Passed → good, FailedCheck → bad, SeenTwice → disputed, Missed → vanished
    good: SeenFailed → bad, FailedCheck → bad, SeenTwice → disputed, Missed → vanished, DeleteAsked → delete intended
    failed: SeenPending → pending, SeenReady → ready, RequestOpen → intended, SeenTwice → disputed, Missed → vanished, DeleteAsked → delete intended
    timed out: SeenReady → ready, SeenFailed → failed, SeenTwice → disputed, Missed → vanished, DeleteAsked → delete intended
    bad: SeenTwice → disputed, Missed → vanished, DeleteAsked → delete intended
    vanished: SeenPending → disputed, SeenReady → disputed, SeenFailed → disputed, SeenTwice → disputed
    disputed: Missed → vanished
    delete intended: SeenTwice → disputed, DeleteAbandoned → good, RemnantStays → failed, OverdueStays → timed out, BadStays → bad, SeenGone → deleted
    deleted: SeenPending → disputed, SeenReady → disputed, SeenFailed → disputed, SeenTwice → disputed
    ");
}
