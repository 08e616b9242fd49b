//! `docs/plugins.md` says what is.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::Bench;

fn docs() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join("docs/plugins.md")).unwrap()
}

#[test]
fn the_page_shows_what_a_new_plugin_prints() {
    let wrote = Bench::new().ok("", "new plugin my_filter");
    let shown = format!("```text\n{wrote}```\n");
    assert!(docs().contains(&shown), "it prints\n{wrote}");
}

#[test]
fn the_page_has_every_limit_and_grant_of_a_manifest() {
    let schema: Value = serde_json::from_str(&Bench::new().ok("", "schema")).unwrap();
    let keys = |of: &str| -> Vec<String> {
        let properties = schema["$defs"][of]["properties"].as_object();
        properties.unwrap().keys().cloned().collect()
    };
    let docs = docs();
    let (before, limits) = docs.split_once("\n## Limits\n").unwrap();
    for limit in keys("Limits") {
        assert!(limits.contains(&format!("| `{limit}` |")), "limit {limit}");
    }
    for grant in keys("Grants") {
        assert!(
            before.contains(&format!("\n      {grant}: ")),
            "grant {grant}"
        );
    }
}
