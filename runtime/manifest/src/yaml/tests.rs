use std::sync::Arc;

use serde_json::json;

use super::{Node, read};
use crate::{report::Findings, text::Text};

fn tree(text: &str) -> (Node, Findings) {
    let mut findings = Findings::new(Arc::new(Text::new("t.yaml", text)));
    let node = read(&mut findings).expect("valid YAML");
    (node, findings)
}

#[test]
fn scalars_have_the_types_of_the_core_schema() {
    let (node, _) = tree(
        "[no, on, yes, y, true, ~, null, 5, 0x1F, -1.5, 1e3, .inf, 010, '5', \"true\", 1_000, 12:30]",
    );
    assert_eq!(
        node.to_json(),
        json!([
            "no", "on", "yes", "y", true, null, null, 5, 31, -1.5, 1000.0, ".inf", 10, "5", "true",
            "1_000", "12:30"
        ])
    );
}

#[test]
fn places_are_bytes_whatever_the_script_and_the_line_ends() {
    for text in [
        "a: ä\nñ: [\"x\" , 'y']\nb: z\n",
        "a: ä\r\nñ: [\"x\" , 'y']\r\nb: z\r\n",
    ] {
        let (node, findings) = tree(text);
        let written = |node: &Node| findings.text.slice(node.span).to_owned();
        assert_eq!(written(node.get("a").unwrap()), "ä");
        assert_eq!(written(node.get("ñ").unwrap()), "[\"x\" , 'y']");
        assert_eq!(written(node.get("b").unwrap()), "z");
        assert_eq!(findings.text.slice(node.entry("ñ").unwrap().key_span), "ñ");
    }
}
