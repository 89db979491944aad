//! Shares: parts of a sum in whole cents that add up to the cents of the sum.

use crate::domain::money::Nanos;

const NANOS_IN_A_CENT: i64 = 10_000_000;

/// The cents of a sum alone, towards zero.
pub fn whole(sum: Nanos) -> i64 {
    sum.0 / NANOS_IN_A_CENT
}

/// The cents of each part, which is within one of its own; those with the largest rests are rounded up.
pub fn shares(total_cents: i64, parts: &[Nanos]) -> Vec<i64> {
    let mut cents: Vec<i64> = parts.iter().map(|part| part.0.div_euclid(NANOS_IN_A_CENT)).collect();
    let sum = cents.iter().fold(0_i64, |sum, part| sum.saturating_add(*part));
    let missing = usize::try_from(total_cents.saturating_sub(sum)).unwrap_or(0);
    let mut by_rest: Vec<usize> = (0..parts.len()).collect();
    by_rest.sort_by_key(|at| std::cmp::Reverse(parts[*at].0.rem_euclid(NANOS_IN_A_CENT)));
    for at in by_rest.into_iter().take(missing) {
        cents[at] += 1;
    }
    cents
}

/// `12.34`
pub fn text(cents: i64) -> String {
    let (sign, cents) = (if cents < 0 { "-" } else { "" }, cents.unsigned_abs());
    format!("{sign}{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_thirds_of_a_dollar_are_a_dollar() {
        let third = Nanos(333_333_334);
        assert_eq!(shares(100, &[third, third, third]), [34, 33, 33]);
        assert_eq!([text(34), text(-5), text(1_200)], ["0.34", "-0.05", "12.00"]);
    }

    proptest! {
        #[test]
        fn parts_add_up_to_their_sum_and_none_is_off_by_more_than_a_cent(
            parts in proptest::collection::vec(-1_000_000_000_000_i64..1_000_000_000_000, 1..20)
        ) {
            let total = whole(Nanos(parts.iter().sum()));
            let parts: Vec<Nanos> = parts.into_iter().map(Nanos).collect();
            let shown = shares(total, &parts);
            prop_assert_eq!(shown.iter().sum::<i64>(), total);
            for (cents, part) in shown.iter().zip(&parts) {
                prop_assert!((cents * NANOS_IN_A_CENT - part.0).abs() <= NANOS_IN_A_CENT);
            }
        }
    }
}
