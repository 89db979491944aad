//! The routes of bills: one list for each kind of thing.

use axum::Extension;
use axum::extract::State;
use http::{StatusCode, Uri};

use crate::sim::answer::Answer;
use crate::sim::books::Ledger;
use crate::sim::cloud::{Cloud, Inside};
use crate::sim::fault::Fault;
use crate::sim::page::Page;
use crate::sim::record::Actor;
use crate::sim::routes::{Told, parameters};
use crate::sim::world::World;

const USUAL_BILLING_PAGE: usize = 20;
const LARGEST_BILLING_PAGE: usize = 100;
/// A little more than a record's text has.
const BILLING_RECORD_BYTES: usize = 480;

pub async fn snapshot_billing(
    State(cloud): State<Cloud>,
    Extension(by): Extension<Actor>,
    uri: Uri,
    told: Told,
) -> Answer {
    cloud.enter(|inside| billing(inside, by, World::snapshot_ledger_mut, &uri, &told))
}

pub async fn machine_billing(
    State(cloud): State<Cloud>,
    Extension(by): Extension<Actor>,
    uri: Uri,
    told: Told,
) -> Answer {
    cloud.enter(|inside| billing(inside, by, World::machine_ledger_mut, &uri, &told))
}

pub async fn volume_billing(
    State(cloud): State<Cloud>,
    Extension(by): Extension<Actor>,
    uri: Uri,
    told: Told,
) -> Answer {
    cloud.enter(|inside| billing(inside, by, World::volume_ledger_mut, &uri, &told))
}

fn billing(
    inside: &mut Inside,
    by: Actor,
    ledger: impl Fn(&mut World) -> &mut Ledger,
    uri: &Uri,
    told: &Told,
) -> Answer {
    if by == Actor::Rival {
        let id = inside.request_id();
        return Answer::error(StatusCode::FORBIDDEN, "PERMISSION_DENIED", "This key reads no bills.", &id);
    }
    let page = Page::asked(&parameters(uri), "limit", USUAL_BILLING_PAGE, LARGEST_BILLING_PAGE);
    let now = inside.world.now();
    let ledger = ledger(&mut inside.world);
    let listed = ledger.listed(now);
    let slice = page.slice(listed.len(), told.as_ref().and_then(|Extension(told)| told.bend));
    let mut records = String::with_capacity(slice.positions.len() * BILLING_RECORD_BYTES);
    let mut wrong = 0;
    for position in &slice.positions {
        if !records.is_empty() {
            records.push(',');
        }
        wrong += ledger.answer(listed[*position], now, &mut records);
    }
    let fields = page.fields("records", &records, slice.total);
    let answer = Answer::billing(&format!(r#"{fields},"summary":{},"currency":"USD""#, ledger.summary(now)));
    (0..wrong).for_each(|_| inside.faults.hit(Fault::Misbilled));
    inside.count_bent(slice.bent.then_some(Fault::BentPage));
    answer
}
