//! A new aggregate: called from SQL at once, and an edit of it, too.

use crate::support::Bench;

#[test]
fn a_new_aggregate_is_tested_built_and_run_at_once() {
    let bench = Bench::new();
    bench.ok("", "new plugin my-spread --world aggregate");
    let lock = bench.read("my-spread/Cargo.lock");

    let native = bench.cargo_test("my-spread");
    assert_eq!(native.code, Some(0), "{}", native.stderr);
    let passed = "test tests::the_ends_are_apart ... ok";
    assert!(native.stdout.contains(passed), "{}", native.stdout);
    assert!(!native.stderr.contains("warning"), "{}", native.stderr);

    let built = bench.ok("my-spread", "build -o . --json");
    let (bytes, sha256) = bench.component("my-spread/my-spread.wasm");
    assert_eq!(
        built,
        format!(
            "{{\"path\":\"./my-spread.wasm\",\"bytes\":{bytes},\"sha256\":\"{sha256}\",\"world\":\"aggregate\",\"built\":true}}\n"
        )
    );
    assert_eq!(bench.read("my-spread/Cargo.lock"), lock);
    assert_eq!(
        bench.ok("my-spread", "test pipeline.yaml"),
        "ok one row for each user\nok what was known goes on over epochs\n2 passed, 0 failed\n"
    );
    let table = "\
-------------------------------------------
Batch: 0
-------------------------------------------
+------+------+
|orders|spread|
+------+------+
|     4|   113|
+------+------+

";
    assert_eq!(bench.ok("my-spread", "run pipeline.yaml"), table);
}
