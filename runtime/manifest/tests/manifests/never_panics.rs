//! Whatever the text, there is a manifest or a report, and the report can be drawn.

use proptest::{prelude::*, sample::Index};

use crate::connectors::parse;

const VALID: [&str; 4] = [
    include_str!("../valid/word-count.yaml"),
    include_str!("../valid/orders.yaml"),
    include_str!("../valid/variables.yaml"),
    include_str!("../valid/tests.yaml"),
];

/// What YAML and manifests are made of: likelier to get deep into the parser than random letters.
const PIECES: [&str; 28] = [
    "\n", "\r\n", "  ", "\t", ": ", "- ", "{", "}", "[", "]", ",", "\"", "'", "|\n", ">-\n", "#",
    "&a ", "*a", "!x ", "<<", "---\n", "${X:-", "$${", "sources", "from", "\u{feff}", "é", "~",
];

fn try_it(text: &str) {
    if let Err(report) = parse("fuzz.yaml", text) {
        assert!(!report.diagnostics().is_empty());
        assert!(!report.to_string().is_empty());
        for one in report.diagnostics() {
            assert!(one.span().start <= text.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn on_any_text(text in "\\PC*") {
        try_it(&text);
    }

    #[test]
    fn on_any_pieces(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40)) {
        try_it(&pieces.concat());
    }

    #[test]
    fn on_a_valid_manifest_with_one_change(
        which in 0..VALID.len(),
        at in any::<Index>(),
        cut in 0_usize..12,
        piece in prop::sample::select(&PIECES[..]),
    ) {
        let text = VALID[which];
        let at = text.floor_char_boundary(at.index(text.len()));
        let end = text.ceil_char_boundary((at + cut).min(text.len()));
        try_it(&format!("{}{piece}{}", &text[..at], &text[end..]));
    }
}

#[test]
fn on_a_manifest_of_many_errors_or_many_nodes() {
    let many = |line: &dyn Fn(usize) -> String| (0..20_000).map(line).collect::<String>();
    try_it(&many(&|n| format!("k{n}: 1\n")));
    try_it(&many(&|_| "k: 1\n".to_owned()));
    let nodes = many(&|n| format!("  n{n}: {{ from: m{n}, plugin: p }}\n"));
    try_it(&format!("name: p\ntransforms:\n{nodes}"));
    let chain = many(&|n| format!("  n{n}: {{ from: n{}, plugin: p }}\n", n + 1));
    try_it(&format!("name: p\ntransforms:\n{chain}"));
    try_it(&"x".repeat((1 << 20) + 1));
    try_it(&"[".repeat(1 << 20));
    try_it(&"- ".repeat(1 << 19));
}
