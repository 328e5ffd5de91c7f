//! A range of internet addresses: `cidr`.

use std::net::IpAddr;

/// The addresses that share their first bits with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    /// Of version 4: the first address, and which bits count.
    V4(u32, u32),
    /// Of version 6, likewise.
    V6(u128, u128),
}

impl Network {
    /// Reads an address, `/`, and how many of its bits count; the bits after those are ignored.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        // `u32::from_str` would take a sign.
        if !bits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let bits: u32 = bits.parse().ok()?;
        match address.parse().ok()? {
            IpAddr::V4(address) => {
                let free = u32::BITS.checked_sub(bits)?;
                let mask = u32::MAX.checked_shl(free).unwrap_or(0);
                Some(Self::V4(address.to_bits() & mask, mask))
            }
            IpAddr::V6(address) => {
                let free = u128::BITS.checked_sub(bits)?;
                let mask = u128::MAX.checked_shl(free).unwrap_or(0);
                Some(Self::V6(address.to_bits() & mask, mask))
            }
        }
    }

    /// Whether the text is an address of this network; the versions never meet.
    pub(super) fn contains(self, text: &str) -> bool {
        match (self, text.parse()) {
            (Self::V4(first, mask), Ok(IpAddr::V4(address))) => address.to_bits() & mask == first,
            (Self::V6(first, mask), Ok(IpAddr::V6(address))) => address.to_bits() & mask == first,
            (Self::V4(..), Ok(IpAddr::V6(_))) | (Self::V6(..), Ok(IpAddr::V4(_))) | (_, Err(_)) => {
                false
            }
        }
    }
}
