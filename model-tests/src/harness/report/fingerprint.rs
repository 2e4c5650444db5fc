//! A number that stands for the sources: FNV-1a of 64 bits, the same on every machine.
//!
//! Also part of the build script, which computes it; it protects against mistakes, not against malice.

/// Takes in named pieces of text, in the order in which they are given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    /// Of nothing.
    pub(crate) const EMPTY: Fingerprint = Fingerprint(0xcbf2_9ce4_8422_2325);

    /// With one more piece. Its length is counted in, so that two pieces differ from their sum.
    pub(crate) fn with(self, piece: &[u8]) -> Fingerprint {
        let length = (piece.len() as u64).to_le_bytes();
        let bytes = length.iter().chain(piece);
        Fingerprint(
            bytes.fold(self.0, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            }),
        )
    }

    /// Sixteen hexadecimal digits.
    pub(crate) fn text(self) -> String {
        format!("{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pieces: &[&str]) -> String {
        pieces.iter().fold(Fingerprint::EMPTY, |all, piece| all.with(piece.as_bytes())).text()
    }

    #[test]
    fn it_changes_with_each_piece_and_with_where_a_piece_ends() {
        let all = [of(&[]), of(&[""]), of(&["ab"]), of(&["a", "b"]), of(&["b", "a"]), of(&["ac"])];
        for (index, one) in all.iter().enumerate() {
            assert_eq!(one.len(), 16);
            assert!(!all[..index].contains(one), "{all:?}");
        }
    }

    #[test]
    fn it_is_the_known_function() {
        // FNV-1a of the byte `a` is known; the length before it is undone here.
        let bytes = |bytes: &[u8]| {
            bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            })
        };
        assert_eq!(bytes(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(of(&["a"]), format!("{:016x}", bytes(b"\x01\0\0\0\0\0\0\0a")));
    }
}
