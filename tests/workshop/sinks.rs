//! A new sink: built for WASI, with a folder that it was granted.

use crate::support::Bench;

#[test]
fn a_new_sink_is_tested_built_and_run_at_once() {
    let bench = Bench::new();
    let wrote = bench.ok("", "new plugin appender --world sink");
    assert!(
        wrote.contains("  out/.gitignore  the folder that it writes to\n"),
        "{wrote}"
    );
    let lock = bench.read("appender/Cargo.lock");

    let native = bench.cargo_test("appender");
    assert_eq!(native.code, Some(0), "{}", native.stderr);
    let passed = "test tests::appends_a_line_a_row ... ok";
    assert!(native.stdout.contains(passed), "{}", native.stdout);
    assert!(!native.stderr.contains("warning"), "{}", native.stderr);

    let built = bench.ok("appender", "build -o . --json");
    let (bytes, sha256) = bench.component("appender/appender.wasm");
    assert_eq!(
        built,
        format!(
            "{{\"path\":\"./appender.wasm\",\"bytes\":{bytes},\"sha256\":\"{sha256}\",\"world\":\"sink\",\"built\":true}}\n"
        )
    );
    assert_eq!(bench.read("appender/Cargo.lock"), lock);
    assert_eq!(
        bench.ok("appender", "test pipeline.yaml"),
        "ok keeps what is above 50\n1 passed, 0 failed\n"
    );
    assert_eq!(bench.ok("appender", "run pipeline.yaml"), "");
    assert_eq!(bench.read("appender/out/orders.txt"), "ana 51\ncy 120\n");
}
