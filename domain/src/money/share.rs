//! How an amount is shared, so that nothing of it is lost or added.

use std::cmp::Reverse;

/// Shares of `total` in proportion to `weights`, by largest remainder: each is rounded down, and what is then left goes
/// to those with the largest remainders, one unit each. Among equal remainders the first ones get it. If all weights
/// are 0, they count as equal.
///
/// # Panics
///
/// If a number is negative, or if there is something to share and no weights.
pub fn share(total: i64, weights: &[i64]) -> Vec<i64> {
    assert!(total >= 0 && weights.iter().all(|weight| *weight >= 0), "only what is positive is shared");
    assert!(total == 0 || !weights.is_empty(), "there is something to share, and no one gets it");
    let sum: i128 = weights.iter().copied().map(i128::from).sum();
    if sum == 0 {
        return if total == 0 { vec![0; weights.len()] } else { share(total, &vec![1; weights.len()]) };
    }
    let mut left = total;
    let mut shares = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    for weight in weights {
        // A product of two that fit into 64 bits fits into 128.
        let product = i128::from(total) * i128::from(*weight);
        let part: i64 = (product / sum).try_into().expect("a share is not larger than the total");
        shares.push(part);
        remainders.push(product % sum);
        left -= part;
    }
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|index| Reverse(remainders[*index]));
    for (index, _) in order.into_iter().zip(0..left) {
        shares[index] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn what_is_left_goes_to_the_largest_remainders() {
        assert_eq!(share(10, &[1, 1, 1]), [4, 3, 3]);
        assert_eq!(share(100, &[1, 2, 3]), [17, 33, 50]);
        assert_eq!(share(5, &[3, 0, 3]), [3, 0, 2]);
        assert_eq!(share(1, &[1, 2]), [0, 1]);
    }

    #[test]
    fn weights_of_zero_are_equal_if_all_of_them_are() {
        assert_eq!(share(5, &[0, 0, 0]), [2, 2, 1]);
        assert_eq!(share(5, &[0, 0, 1]), [0, 0, 5]);
        assert_eq!(share(0, &[0, 0]), [0, 0]);
        assert_eq!(share(0, &[]), [0; 0]);
    }

    #[test]
    fn the_largest_amounts_can_be_shared() {
        let shares = share(i64::MAX, &[i64::MAX; 3]);
        let largest = i64::MAX / 3;
        assert_eq!(shares, [largest + 1, largest, largest]);
    }

    #[test]
    #[should_panic(expected = "only what is positive is shared")]
    fn what_is_negative_is_not_shared() {
        share(1, &[2, -1]);
    }

    #[test]
    #[should_panic(expected = "no one gets it")]
    fn nothing_is_shared_among_none() {
        share(1, &[]);
    }

    /// Up to what a line of an order can cost.
    fn any_amount() -> impl Strategy<Value = i64> {
        prop_oneof![0..100_i64, 0..1_000_000_i64, 0..=100_000_000_000_000_000_i64]
    }

    proptest! {
        #[test]
        fn shares_add_up(total in any_amount(), weights in vec(any_amount(), 1..40)) {
            let shares = share(total, &weights);
            prop_assert_eq!(shares.iter().sum::<i64>(), total);
            let sum: i128 = weights.iter().copied().map(i128::from).sum();
            for (share, weight) in shares.into_iter().zip(weights) {
                // Each is less than one unit from its exact share, so what has no weight has no share.
                let apart = i128::from(share) * sum - i128::from(total) * i128::from(weight);
                prop_assert!(sum == 0 || apart.abs() < sum);
            }
        }

        #[test]
        fn a_larger_weight_has_no_smaller_share(total in any_amount(), weights in vec(any_amount(), 1..40)) {
            let shares = share(total, &weights);
            let mut pairs: Vec<(i64, i64)> = weights.into_iter().zip(shares).collect();
            pairs.sort_unstable();
            prop_assert!(pairs.is_sorted_by_key(|(_, share)| share));
        }
    }
}
