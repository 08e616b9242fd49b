//! The SQL types of columns: `format: column-type`.

use azud_model::{ColumnType, ColumnTypeError};

use super::{Owner, words};
use crate::{nearest::did_you_mean, report::Findings, yaml::Node};

const TYPES: [&str; 15] = [
    "string",
    "boolean",
    "tinyint",
    "smallint",
    "int",
    "bigint",
    "float",
    "double",
    "decimal",
    "date",
    "timestamp",
    "binary",
    "array",
    "map",
    "struct",
];

pub(super) fn check(text: &str, node: &Node, owner: Owner<'_>, findings: &mut Findings) {
    match text.parse::<ColumnType>() {
        Ok(_) => {}
        // Its own message may show what a variable stands for.
        Err(error) if node.replaced.is_some() => {
            let what = if matches!(error, ColumnTypeError::Unknown(_)) {
                "unknown"
            } else {
                "bad"
            };
            let shown = words::shown(node, findings);
            findings.add(
                node.span,
                format!("{what} type `{shown}` of {}", words::owner(owner)),
            );
        }
        Err(ColumnTypeError::Unknown(unknown)) => {
            let guess = did_you_mean(&unknown, TYPES);
            findings.add_with_help(
                node.span,
                format!("unknown type `{unknown}` of {}{guess}", words::owner(owner)),
                format!("the types are {}", TYPES.join(", ")),
            );
        }
        Err(error) => findings.add(node.span, error.to_string()),
    }
}
