//! A new plugin with state: it remembers at once.

use crate::support::Bench;

#[test]
fn a_new_keyed_plugin_is_tested_built_and_run_at_once() {
    let bench = Bench::new();
    bench.ok("", "new plugin my-totals --world keyed");
    let lock = bench.read("my-totals/Cargo.lock");

    let native = bench.cargo_test("my-totals");
    assert_eq!(native.code, Some(0), "{}", native.stderr);
    let passed = "test tests::totals_grow_over_calls ... ok";
    assert!(native.stdout.contains(passed), "{}", native.stdout);
    assert!(!native.stderr.contains("warning"), "{}", native.stderr);

    let built = bench.ok("my-totals", "build -o . --json");
    let (bytes, sha256) = bench.component("my-totals/my-totals.wasm");
    assert_eq!(
        built,
        format!(
            "{{\"path\":\"./my-totals.wasm\",\"bytes\":{bytes},\"sha256\":\"{sha256}\",\"world\":\"keyed\",\"built\":true}}\n"
        )
    );
    assert_eq!(bench.read("my-totals/Cargo.lock"), lock);
    assert_eq!(
        bench.ok("my-totals", "test pipeline.yaml"),
        "ok each user has a total\nok what was known goes on over epochs\n2 passed, 0 failed\n"
    );
    let run = bench.ok("my-totals", "run pipeline.yaml");
    let mut rows: Vec<&str> = run.lines().filter(|line| line.starts_with('|')).collect();
    rows.sort_unstable();
    let expected = [
        "|  bo|     7|    7|",
        "|  cy|   120|  120|",
        "| ana|    51|   51|",
        "|user|amount|total|",
    ];
    assert_eq!(rows, expected, "{run}");

    // What it wants is told by looking into it.
    let told = bench.ok("my-totals", "inspect my-totals.wasm");
    for words in [
        "keyed 0.1.0: maps rows by what it knows of their key",
        "user",
        "amount",
    ] {
        assert!(told.contains(words), "{told}");
    }
}
