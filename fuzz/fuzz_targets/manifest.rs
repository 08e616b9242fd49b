//! Any text is a manifest, or has a report that can be drawn.
#![no_main]

#[path = "../../runtime/manifest/tests/manifests/connectors.rs"]
#[expect(dead_code, reason = "the options are there for their schemas")]
mod connectors;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    if let Err(report) = connectors::parse("fuzz.yaml", &text) {
        assert!(!report.diagnostics().is_empty());
        assert!(!report.to_string().is_empty());
        for one in report.diagnostics() {
            assert!(one.span().start <= text.len());
        }
    }
});
