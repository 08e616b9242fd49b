//! Changes that a hostile or broken guest would make.

/// SplitMix64: the same attacks every time.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % limit.max(1)
    }
}

/// One to three changes to a column's buffers or its number of rows.
pub(super) fn mutate(random: &mut Random, buffers: &mut Vec<Vec<u8>>, rows: &mut usize) {
    for _ in 0..=random.below(3) {
        let at = random.below(buffers.len());
        let length = buffers.get(at).map_or(0, Vec::len);
        match random.below(12) {
            0 => *rows = random.below(100),
            1 => *rows = [0, 1, 1 << 16, u32::MAX as usize][random.below(4)],
            2 => drop(buffers.pop()),
            3 => buffers.insert(at, vec![0; random.below(40)]),
            4 => {
                let other = random.below(buffers.len());
                if !buffers.is_empty() {
                    buffers.swap(at, other);
                }
            }
            _ if length == 0 => {}
            5 => buffers[at].truncate(random.below(length)),
            6 => buffers[at].extend([0xff; 7]),
            7 => buffers[at].clear(),
            8 => buffers[at].fill([0, 0xff, 0x7f, 0x80][random.below(4)]),
            // A whole offset or value, small or at an edge.
            9 | 10 => {
                let word = random.below(length / 4 + 1) * 4;
                let value = [random.below(100) as i32, -1, i32::MAX, i32::MIN][random.below(4)];
                if let Some(place) = buffers[at].get_mut(word..word + 4) {
                    place.copy_from_slice(&value.to_le_bytes());
                }
            }
            _ => {
                let byte = random.below(length);
                buffers[at][byte] ^= 1 << random.below(8);
            }
        }
    }
}
