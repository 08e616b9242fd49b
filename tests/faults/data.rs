//! Records that can be checked one by one.

use std::fmt::Write as _;
use std::path::Path;

/// One record: `checksum` is computed of the rest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) partition: u64,
    pub(crate) sequence: u64,
    pub(crate) key: String,
    pub(crate) ts: u64,
}

impl Row {
    pub(crate) fn checksum(&self) -> u64 {
        // FNV-1a: what another program can compute as well.
        let text = format!(
            "{}/{}/{}/{}",
            self.partition, self.sequence, self.key, self.ts
        );
        text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }) >> 1
    }

    pub(crate) fn json(&self) -> String {
        format!(
            r#"{{"partition":{},"sequence":{},"key":"{}","ts":{},"checksum":{}}}"#,
            self.partition,
            self.sequence,
            self.key,
            self.ts,
            self.checksum()
        )
    }

    pub(crate) fn of_json(line: &str) -> Self {
        let value: serde_json::Value = serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("a torn row: {error}: {line:?}"));
        let number = |key: &str| {
            value[key]
                .as_u64()
                .unwrap_or_else(|| panic!("{key} in {line}"))
        };
        let row = Self {
            partition: number("partition"),
            sequence: number("sequence"),
            key: value["key"].as_str().unwrap().to_owned(),
            ts: number("ts"),
        };
        assert_eq!(row.checksum(), number("checksum"), "corrupt: {line}");
        row
    }
}

/// Row `sequence` of a partition: the same for the same seed.
pub(crate) fn row(seed: u64, partition: u64, sequence: u64) -> Row {
    let mut random = seed ^ (partition << 32) ^ sequence;
    // SplitMix64.
    random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    random = (random ^ (random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    random = (random ^ (random >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    random ^= random >> 31;
    Row {
        partition,
        sequence,
        key: format!("k{}", random % 97),
        ts: 1_767_225_600_000 + sequence,
    }
}

/// Writes a file a partition, and gives all rows.
pub(crate) fn files(folder: &Path, seed: u64, partitions: u64, rows: u64) -> Vec<Row> {
    std::fs::create_dir_all(folder).unwrap();
    let mut all = Vec::new();
    for partition in 0..partitions {
        let mut text = String::new();
        for sequence in 0..rows {
            let row = row(seed, partition, sequence);
            writeln!(text, "{}", row.json()).unwrap();
            all.push(row);
        }
        std::fs::write(folder.join(format!("{partition}.json")), text).unwrap();
    }
    all
}
