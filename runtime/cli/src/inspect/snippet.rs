//! The lines for a manifest.

use std::path::Path;

use azud_sandbox::escaped;
use azud_sandbox::inspect::Inspection;

/// An entry for `plugins:`. Grants are comments: whoever runs the plugin decides.
pub(super) fn snippet(path: &Path, inspection: &Inspection) -> String {
    let mut lines = format!(
        "plugins:\n  {}:\n    path: {}\n    sha256: {}\n",
        name(path),
        scalar(&path.display().to_string()),
        inspection.digest
    );
    let mut grants: Vec<(&str, &str)> = Vec::new();
    if inspection.has("sink") {
        for import in &inspection.imports {
            for grant in import.reach.grants() {
                if !grants.contains(grant) {
                    grants.push(*grant);
                }
            }
        }
    }
    if !grants.is_empty() {
        lines +=
            "    # nothing is granted; take away the `#` of what it may reach, name no more:\n";
        lines += "    # grants:\n";
    }
    for (key, example) in grants {
        lines += &format!("    #   {key}: {example}\n");
    }
    lines
}

/// A name that a manifest takes, of the file's.
fn name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let fits = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = stem.chars().map(fits).collect();
    match name.chars().next() {
        Some(first) if !first.is_ascii_digit() => name,
        _ => format!("_{name}"),
    }
}

/// A text as YAML has it, in quotes where it must be.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    let starts = |c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '.');
    match text.starts_with(starts) && text.chars().all(plain) {
        true => text.to_owned(),
        false => serde_json::Value::from(escaped(text)).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use azud_sandbox::inspect::{Import, Reach};

    use super::*;

    fn inspection(export: &str, reaches: &[Reach]) -> Inspection {
        let import = |reach: &Reach| Import {
            name: "x".into(),
            reach: *reach,
        };
        Inspection {
            digest: "00ff".into(),
            bytes: 1,
            exports: vec![(export.into(), "0.1.0".into())],
            imports: reaches.iter().map(import).collect(),
        }
    }

    #[test]
    fn a_transform_needs_no_grants() {
        let inspection = inspection("transform", &[Reach::Log, Reach::Http, Reach::Files]);
        assert_eq!(
            snippet("./plugins/json-filter.wasm".as_ref(), &inspection),
            "plugins:\n  json_filter:\n    path: ./plugins/json-filter.wasm\n    sha256: 00ff\n"
        );
    }

    #[test]
    fn grants_of_a_sink_are_shown_once_and_not_given() {
        let reaches = [Reach::Http, Reach::Http, Reach::Environment, Reach::Log];
        assert_eq!(
            snippet("9 lives.wasm".as_ref(), &inspection("sink", &reaches)),
            "plugins:\n  _9_lives:\n    path: \"9 lives.wasm\"\n    sha256: 00ff\n    \
             # nothing is granted; take away the `#` of what it may reach, name no more:\n    \
             # grants:\n    #   http: [\"example.com:443\"]\n    #   env: [NAME]\n    \
             #   secrets: [TOKEN]\n"
        );
    }

    #[test]
    fn strange_paths_are_quoted() {
        assert_eq!(scalar("a\nb"), r#""a\\nb""#);
        assert_eq!(scalar("-x"), r#""-x""#);
        assert_eq!(name("".as_ref()), "_");
    }
}
