//! The contract does not change unseen.

use std::{fs, path::Path};

use sha2::{Digest as _, Sha256};

#[test]
fn the_changelog_knows_the_contract() {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let entries = fs::read_dir(&wit)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "wit"))
        .collect();
    files.sort();
    let digest = files
        .iter()
        .fold(Sha256::new(), |digest, file| {
            digest.chain_update(fs::read(file).unwrap())
        })
        .finalize();
    let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let changelog = fs::read_to_string(wit.join("CHANGELOG.md")).unwrap();
    assert!(
        changelog.contains(&hash),
        "say in wit/CHANGELOG.md what changed, with sha256: {hash}"
    );
}
