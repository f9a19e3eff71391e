//! Hash tables of symbols, which are the only place that says how many symbols there are.

/// How many symbols a table of kind `DT_HASH` has.
pub(super) fn count_of_hash(table: &[u8]) -> Option<u64> {
    let word = |place| word(table, place);
    let (buckets, symbols) = (u64::from(word(0)?), u64::from(word(1)?));
    let fits =
        (2..2 + buckets + symbols).all(|place| word(place).is_some_and(|symbol| u64::from(symbol) < symbols));
    (buckets != 0 && fits).then_some(symbols)
}

/// How many symbols a table of kind `DT_GNU_HASH` has: one more than the last in any chain.
pub(super) fn count_of_gnu_hash(table: &[u8]) -> Option<u64> {
    let word = |place| word(table, place);
    let (buckets, first) = (u64::from(word(0)?), u64::from(word(1)?));
    let (bloom, shift) = (word(2)?, word(3)?);
    if buckets == 0 || !bloom.is_power_of_two() || shift >= 64 {
        return None;
    }
    let starts = 4 + 2 * u64::from(bloom);
    let chains = starts + buckets;
    let mut highest = 0;
    for bucket in starts..chains {
        let symbol = u64::from(word(bucket)?);
        if symbol != 0 && symbol < first {
            return None;
        }
        highest = highest.max(symbol);
    }
    if highest == 0 {
        return Some(first);
    }
    while word(chains + highest - first)? & 1 == 0 {
        highest += 1;
    }
    Some(highest + 1)
}

/// The word number `place` of a table, if the table has it.
fn word(table: &[u8], place: u64) -> Option<u32> {
    let at = usize::try_from(place.checked_mul(4)?).ok()?;
    table.get(at..)?.first_chunk().map(|word| u32::from_le_bytes(*word))
}
