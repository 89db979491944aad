//! Streams of randomness, one per purpose.
//!
//! No stream is shared: a new purpose must never shift the draws of an older one.

use fastrand::Rng;

/// The stream for `purpose` under this seed (FNV-1a over the name, mixed with the seed).
pub fn stream(seed: u64, purpose: &str) -> Rng {
    let mut mixed = 0xcbf2_9ce4_8422_2325_u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in purpose.bytes() {
        mixed = (mixed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    Rng::with_seed(mixed)
}

/// The stream for one thing of a kind, whatever happened to the others.
pub fn numbered(seed: u64, purpose: &str, number: u64) -> Rng {
    stream(seed.wrapping_add(number.wrapping_mul(0xd134_2543_de82_ef95)), purpose)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_streams_are_even() {
        for seed in 0..20 {
            let low = |number: &u64| numbered(seed, "F33", *number).u32(..10_000) < 1_000;
            let hits = (80_000..90_000).filter(low).count();
            assert!((880..1_120).contains(&hits), "{hits} of 10000 under seed {seed}");
        }
    }
}
