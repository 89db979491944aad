//! The fold of doubts: totals that their pages contradict, a refused key, deletions that must wait.

use super::event::{KeyJudged, Postponed, TotalDisbelieved};
use super::fleet::{Look, LookResult, Scope};
use super::freshness::{Freshness, Miscounted};
use super::state::{Fleet, KeyRefusal, Postponement, State};
use super::time::{Seconds, Timestamp};

/// A deletion that the audit let wait is proposed again after this, then after twice as long ...
const FIRST_WAIT: Seconds = Seconds::minutes(1);
/// ... up to this: what never changes must not cost a look each minute.
const LAST_WAIT: Seconds = Seconds::hours(6);

impl State {
    /// How often a listing failed in a row, and by how much its total is off.
    pub(super) fn weigh_total(&mut self, look: &Look, began: Timestamp) {
        let Some(freshness) = self.fleet.freshness_mut(&look.scope) else { return };
        match look.result {
            LookResult::Complete => freshness.failures = 0,
            _ => freshness.failures = freshness.failures.saturating_add(1),
        }
        freshness.broke_off = match &look.result {
            LookResult::Incomplete(why) => Some(why.clone()),
            LookResult::Complete | LookResult::NotFound | LookResult::Unavailable(_) => None,
        };
        let excess = look.miscount.map(|miscount| miscount.excess());
        freshness.miscounted = match (excess, freshness.miscounted.take()) {
            (Some(excess), Some(known)) if known.excess == excess => {
                Some(Miscounted { looks: known.looks.saturating_add(1), ..known })
            }
            // Another number begins the learning anew, and whatever was believed is not any more.
            (Some(excess), _) => Some(Miscounted { excess, since: began, looks: 1, believed: false }),
            // Two walks or one prove the total right.
            (None, _) if look.result == LookResult::Complete => None,
            // A look that broke off says nothing of totals.
            (None, known) => known,
        };
    }

    pub(super) fn disbelieve_total(&mut self, of: &TotalDisbelieved) {
        let freshness = self.fleet.freshness_mut(&of.scope);
        let known = freshness.and_then(|freshness| freshness.miscounted.as_mut());
        if let Some(known) = known.filter(|known| known.excess == of.excess) {
            known.believed = true;
        }
    }

    pub(super) fn judge_key(&mut self, judged: &KeyJudged, at: Timestamp) {
        let since = self.key_refused.as_ref().map_or(at, |refused| refused.since);
        self.key_refused = judged.refused.map(|status| KeyRefusal { status, since });
    }

    pub(super) fn postpone(&mut self, postponed: &Postponed, at: Timestamp) {
        let count = self.postponed.get(&postponed.backup).map_or(0, |before| before.count).saturating_add(1);
        let wait = Seconds(FIRST_WAIT.0 << (count - 1).min(12)).min(LAST_WAIT);
        let until = at + wait;
        let why = postponed.why.clone();
        self.postponed.insert(postponed.backup.clone(), Postponement { count, until, why });
    }
}

impl Fleet {
    /// Of a listing; single objects have none.
    fn freshness_mut(&mut self, scope: &Scope) -> Option<&mut Freshness> {
        match scope {
            Scope::Machines => Some(&mut self.machine_look),
            Scope::Snapshots => Some(&mut self.snapshot_look),
            Scope::Images => Some(&mut self.image_look),
            Scope::Balance => Some(&mut self.balance_look),
            Scope::Prices => Some(&mut self.price_look),
            Scope::Snapshot(_) | Scope::Links(_) | Scope::Billing(..) => None,
        }
    }

    pub fn freshness(&self, scope: &Scope) -> Option<&Freshness> {
        match scope {
            Scope::Machines => Some(&self.machine_look),
            Scope::Snapshots => Some(&self.snapshot_look),
            Scope::Images => Some(&self.image_look),
            Scope::Balance => Some(&self.balance_look),
            Scope::Prices => Some(&self.price_look),
            Scope::Snapshot(_) | Scope::Links(_) | Scope::Billing(..) => None,
        }
    }

    /// Why the last look at a listing came to nothing; of several, that of the one that matters most, so that
    /// it does not change with each look.
    pub fn broke_off(&self) -> Option<&str> {
        let listings =
            [&self.machine_look, &self.snapshot_look, &self.image_look, &self.balance_look, &self.price_look];
        listings.into_iter().find_map(|look| look.broke_off.as_deref())
    }

    /// By how much the total of a listing is known to be too high.
    pub fn excess(&self, scope: &Scope) -> Option<u64> {
        let known = self.freshness(scope)?.miscounted.as_ref()?;
        known.believed.then_some(known.excess)
    }
}
