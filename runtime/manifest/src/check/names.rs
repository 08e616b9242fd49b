//! Every node has a name of its own.

use std::collections::HashMap;

use crate::{Spanned, draft::Draft, report::Findings};

/// SQL does not tell `Lines` from `lines`, so neither do nodes.
pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    let mut seen: HashMap<String, &Spanned<String>> = HashMap::new();
    for (_, name) in &draft.names {
        if findings.is_full() {
            return;
        }
        let Some(first) = seen.insert(name.value.to_ascii_lowercase(), name) else {
            continue;
        };
        let (line, _) = findings.text.line_and_column(first.span.start);
        let why = if first.value == name.value {
            ""
        } else {
            ", and SQL ignores case"
        };
        findings.add_with_help(
            name.span,
            format!("a second node called `{}`", name.value),
            format!(
                "`{}` is on line {line}{why}: rename one of them",
                first.value
            ),
        );
    }
}
