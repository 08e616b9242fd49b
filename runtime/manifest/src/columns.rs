//! The columns of a source: names and SQL types.

use azud_model::Column;

use crate::{Source, Spanned, report::Findings};

/// Reads `schema`, whose types were checked with its shape; names that collide are among the findings.
pub(crate) fn columns(source: &Source, findings: &mut Findings) -> Vec<Spanned<Column>> {
    let mut columns: Vec<Spanned<Column>> = Vec::new();
    for (name, written) in source.schema.iter().flat_map(|schema| &schema.value) {
        if name.is_empty() {
            findings.add(written.span, "a column without a name");
        }
        // SQL does not tell `User` from `user`.
        let same = columns
            .iter()
            .find(|other| other.value.name.eq_ignore_ascii_case(name));
        if let Some(other) = same {
            let message = format!(
                "the columns `{}` and `{name}` have the same name",
                other.value.name
            );
            findings.add_with_help(
                written.span,
                message,
                "SQL ignores case: rename one of them",
            );
            continue;
        }
        match written.value.parse() {
            Ok(column_type) => {
                let column = Column {
                    name: name.clone(),
                    column_type,
                };
                columns.push(Spanned::new(column, written.span));
            }
            Err(_) => findings.add(written.span, format!("`{name}` has no type")),
        }
    }
    columns
}
