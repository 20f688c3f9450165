//! Whole numbers as text and numbers from a seed: what the simulation does millions of times.

/// Appends `value` in decimal.
pub(super) fn push(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Number `index` of the series `series` of `seed`: 64 bits that look random. The finaliser of
/// SplitMix64 (Steele, Lea and Flood 2014), twice, so that neighbouring seeds have nothing in
/// common.
pub(super) fn random(seed: u64, series: u64, index: u64) -> u64 {
    mix(mix(seed ^ series.rotate_left(32)).wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// A double within 0 and 1 (not 1 itself) from 53 of the 64 bits.
pub(super) fn unit(random: u64) -> f64 {
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_standard_library_writes_them() {
        for value in [0, 9, 10, 10_117, u64::MAX] {
            let mut out = Vec::new();
            push(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        }
    }
}
