//! Laying a cost over the hours of the minutes that it covers, exact to the nano.

use crate::domain::money::Nanos;
use crate::domain::time::Timestamp;

const MINUTE: i64 = 60;
pub const HOUR: i64 = 3_600;
pub const DAY_HOURS: i64 = 24;
/// A cost that covers more is laid over the last 31 days of it: a correction of a machine that has run
/// for years restates a month and not all of them.
const MOST_MINUTES: u64 = 31 * 24 * 60;

/// Which minutes of a record a change of its cost covers: those that came with it, or, where none
/// did, all of them.
pub fn covered(minutes_before: u64, minutes: u64) -> (u64, u64) {
    let from = if minutes > minutes_before { minutes_before } else { 0 };
    (from.max(minutes.saturating_sub(MOST_MINUTES)), minutes)
}

/// The amount of each hour (counted from 1970), in order: proportional to its minutes, and what is left
/// over goes by largest remainder, the earlier hour first.
pub fn over_hours(start: Timestamp, (from, until): (u64, u64), amount: Nanos) -> Vec<(i64, Nanos)> {
    let minute_at = |minute: u64| {
        let seconds = i64::try_from(minute).unwrap_or(i64::MAX).saturating_mul(MINUTE);
        start.seconds().saturating_add(seconds)
    };
    if until <= from {
        return vec![(minute_at(from).div_euclid(HOUR), amount)];
    }
    let first = minute_at(from).div_euclid(HOUR);
    let last = minute_at(until - 1).div_euclid(HOUR);
    if first == last {
        return vec![(first, amount)];
    }
    // How many of the minutes begin before the end of an hour.
    let before_end = |hour: i64| {
        let seconds = (hour + 1) * HOUR - start.seconds();
        let minutes = seconds.div_euclid(MINUTE) + i64::from(seconds.rem_euclid(MINUTE) > 0);
        u64::try_from(minutes).unwrap_or(0).clamp(from, until)
    };
    let all = i128::from(until - from);
    let whole = i128::from(amount.0).unsigned_abs();
    let mut begun = from;
    let mut shares: Vec<(i64, u128, u128)> = Vec::new();
    for hour in first..=last {
        let end = before_end(hour);
        let weighted = whole * u128::from(end - begun);
        shares.push((hour, weighted / all.unsigned_abs(), weighted % all.unsigned_abs()));
        begun = end;
    }
    let given: u128 = shares.iter().map(|(_, share, _)| share).sum();
    let left = usize::try_from(whole - given).unwrap_or(0);
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|a, b| shares[*b].2.cmp(&shares[*a].2).then(a.cmp(b)));
    for index in order.into_iter().take(left) {
        shares[index].1 += 1;
    }
    let signed = |share: u128| {
        let share = i64::try_from(share).unwrap_or(i64::MAX);
        Nanos(if amount.0 < 0 { -share } else { share })
    };
    shares.into_iter().map(|(hour, share, _)| (hour, signed(share))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy};
    use proptest::{prop_assert, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    fn amounts() -> impl Strategy<Value = i64> {
        prop_oneof![-10_i64..10, -5_000_000_000_i64..5_000_000_000, Just(i64::MAX), Just(i64::MIN + 1)]
    }

    proptest! {
        #[test]
        fn the_hours_of_a_cost_sum_to_it_to_the_nano(
            start in 1_700_000_000_i64..1_900_000_000, before in 0_u64..60_000, minutes in 0_u64..60_000,
            amount in amounts(),
        ) {
            let hours = over_hours(Timestamp::from_seconds(start), covered(before, minutes), Nanos(amount));
            prop_assert_eq!(hours.iter().map(|(_, share)| i128::from(share.0)).sum::<i128>(), i128::from(amount));
            prop_assert!(hours.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0));
            prop_assert!(hours.len() <= 31 * 24 + 1);
        }

        #[test]
        fn no_hour_is_off_its_exact_share_by_a_nano(
            start in 1_700_000_000_i64..1_700_090_000, minutes in 1_u64..5_000, amount in 0_i64..9_000_000_000,
        ) {
            let hours = over_hours(Timestamp::from_seconds(start), (0, minutes), Nanos(amount));
            for (hour, share) in hours {
                // Counted one by one, as a naive reader would.
                let of_hour = (0..minutes).filter(|minute| (start + *minute as i64 * 60) / 3_600 == hour).count();
                let exact = i128::from(amount) * of_hour as i128;
                prop_assert!((i128::from(share.0) * i128::from(minutes) - exact).abs() < i128::from(minutes));
            }
        }
    }

    #[test]
    fn a_cost_without_minutes_is_of_the_hour_in_which_its_record_began() {
        let start = Timestamp::from_seconds(1_772_330_400);
        assert_eq!(over_hours(start, covered(0, 0), Nanos(5)), [(1_772_330_400 / 3_600, Nanos(5))]);
    }
}
