//! Every `invalid/<case>.yaml` is refused with exactly the text of `invalid/<case>.err`.
//!
//! `BLESS=1 cargo test -p azud-manifest` writes the texts anew; read the diff before it is committed.

use std::{env, fs, path::Path};

use crate::connectors::parse;

#[test]
fn every_error_has_exactly_its_text() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/invalid");
    let bless = env::var_os("BLESS").is_some();
    let mut cases: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    cases.sort();
    assert!(cases.len() >= 30, "cases are missing: {}", cases.len());
    let mut failed = Vec::new();
    for path in cases {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let found = match parse(name, &text) {
            Ok(_) => "accepted\n".to_owned(),
            Err(report) => format!("{report}\n"),
        };
        let golden = path.with_extension("err");
        if bless {
            fs::write(&golden, &found).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != found {
            failed.push(format!("--- {name}\n{found}"));
        }
    }
    assert!(
        failed.is_empty(),
        "other texts than the golden ones:\n{}",
        failed.join("\n")
    );
}
