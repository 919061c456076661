//! A whole number in whole parts.

/// Splits `total` by sizes, whole, by largest remainder; of equal remainders the first is rounded
/// up.
#[must_use]
pub fn shared_out(total: u64, sizes: &[u64]) -> Vec<u64> {
    let sum: u128 = sizes.iter().map(|&size| u128::from(size)).sum();
    if sum == 0 {
        return vec![0; sizes.len()];
    }
    let products = sizes
        .iter()
        .map(|&size| u128::from(size) * u128::from(total));
    let whole = |product: u128| u64::try_from(product / sum).unwrap_or(u64::MAX);
    let mut parts: Vec<u64> = products.clone().map(whole).collect();
    let mut order: Vec<(u128, usize)> = products
        .enumerate()
        .map(|(index, product)| (sum - product % sum, index))
        .collect();
    order.sort_unstable();
    let missing = total - parts.iter().sum::<u64>();
    let missing = usize::try_from(missing).unwrap_or(0);
    for (_, index) in order.into_iter().take(missing) {
        parts[index] += 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_and_follow_sizes() {
        for (total, sizes, parts) in [
            (10, &[1, 1, 1][..], &[4, 3, 3][..]),
            (10, &[7, 2, 1], &[7, 2, 1]),
            (1, &[1, 5, 3], &[0, 1, 0]),
            (5, &[], &[]),
            (5, &[0, 0], &[0, 0]),
            (u64::MAX / 2, &[u64::MAX / 2, 1], &[u64::MAX / 2 - 1, 1]),
        ] {
            assert_eq!(shared_out(total, sizes), parts, "{total} by {sizes:?}");
        }
    }
}
