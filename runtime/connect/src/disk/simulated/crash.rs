//! What a power cut leaves of a simulated disk.

use fastrand::Rng;

use super::image::{Image, Inode};

/// A disk writes so many bytes at once, or none of them.
const SECTOR: usize = 512;

// === impl Image ===

impl Image {
    /// What is durable, and a random part of what is not.
    pub(super) fn crash(&self, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut names = self.durable.clone();
        for change in &self.pending {
            if rng.bool() {
                change.apply(&mut names);
            }
        }
        let inodes: Vec<Inode> = self
            .inodes
            .iter()
            .map(|inode| {
                let left = inode.crash(&mut rng);
                Inode {
                    durable: left.clone(),
                    shortest: left.len(),
                    live: left,
                    ..Inode::default()
                }
            })
            .collect();
        Self {
            durable: names.clone(),
            names,
            pending: Vec::new(),
            inodes,
        }
    }
}

// === impl Inode ===

impl Inode {
    fn crash(&self, rng: &mut Rng) -> Vec<u8> {
        // It was cut and not synced: the cut, and what was written after it, may not have happened.
        if self.shortest < self.durable.len() && rng.bool() {
            return self.durable.clone();
        }
        let (safe, unsynced) = self.live.split_at(self.shortest.min(self.live.len()));
        let (kept, rest) = unsynced.split_at(rng.usize(0..=unsynced.len()));
        // What is known to be durable may differ from what a process sees: a sync has failed.
        let mut left = match self.durable.get(..safe.len()) {
            Some(durable) => durable.to_vec(),
            None => safe.to_vec(),
        };
        left.extend_from_slice(kept);
        // The file may have grown before its bytes arrived.
        let (grown, _) = rest.split_at(rng.usize(0..=rest.len()));
        match rng.u8(0..6) {
            0 => left.extend(grown.iter().map(|_| 0)),
            1 => left.extend(grown.iter().map(|_| rng.u8(..))),
            // Some sectors arrived, in any order.
            2 => {
                for sector in grown.chunks(SECTOR) {
                    let arrived = rng.bool();
                    left.extend(sector.iter().map(|byte| if arrived { *byte } else { 0 }));
                }
            }
            _ => {}
        }
        left
    }
}
