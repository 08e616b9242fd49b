//! The SDK carries its own copy of the contract, so that it can be used outside
//! of the repository. Within it, both must be the same.

use std::{fs, path::Path};

#[test]
fn the_copy_of_the_contract_is_the_contract() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("wit");
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    if !contract.exists() {
        return;
    }
    let files = |folder: &Path| {
        let entries = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let wit =
            entries.filter(|path| path.extension().is_some_and(|extension| extension == "wit"));
        let mut files: Vec<_> = wit
            .map(|path| {
                (
                    path.file_name().unwrap().to_owned(),
                    fs::read_to_string(&path).unwrap(),
                )
            })
            .collect();
        files.sort();
        files
    };
    assert_eq!(
        files(&own),
        files(&contract),
        "copy wit/*.wit to sdk/rust/wit/"
    );
}
