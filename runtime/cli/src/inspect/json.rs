//! What is told of a component, for a program.

use azud_sandbox::inspect::{Asked, Import};
use serde_json::{Value, json};

use super::{Told, keeps, text::sql};

pub(super) fn json(told: &Told<'_>) -> Value {
    let inspection = &told.inspection;
    let exports = inspection.exports.iter();
    let exports = exports.map(|(name, version)| json!({ "name": name, "version": version }));
    let import = |import: &Import| {
        json!({
            "name": import.name,
            "reach": import.reach.name(),
            "in_transform": import.reach.in_transform(),
            "in_sink": import.reach.in_sink(),
        })
    };
    let asked = told.asked.as_ref();
    let of_key = asked.and_then(|asked| asked.keeps.as_ref());
    let of_group = asked.and_then(|asked| asked.keeps_of_group.as_ref());
    let keeps = of_key.map(keeps::json);
    json!({
        "path": told.path.display().to_string(),
        "bytes": inspection.bytes,
        "sha256": inspection.digest,
        "can_run": inspection.can_run(),
        "exports": exports.collect::<Vec<_>>(),
        "imports": inspection.imports.iter().map(import).collect::<Vec<_>>(),
        "columns": told.asked.as_ref().map(|asked| columns(asked, told.found)),
        "keeps": keeps.or_else(|| of_group.map(keeps::json_of_group)),
        "manifest": told.snippet,
    })
}

/// `type` is null where any will do.
fn columns(asked: &Asked, found: bool) -> Value {
    let input = asked.input.iter().map(|column| {
        json!({
            "name": column.name,
            "type": column.data_type.as_ref().map(sql),
            "read": column.read,
        })
    });
    let (output, refused) = match &asked.output {
        Ok(output) => {
            let output = output.iter().map(|column| {
                json!({
                    "name": column.field.name(),
                    "type": sql(column.field.data_type()),
                    "nullable": column.field.is_nullable(),
                    "carried": column.carried.is_some(),
                })
            });
            (Some(output.collect::<Vec<_>>()), None)
        }
        Err(error) => (None, Some(error.to_string())),
    };
    json!({
        "found_by_asking": found,
        "input": input.collect::<Vec<_>>(),
        "output": output,
        "refused": refused,
    })
}
