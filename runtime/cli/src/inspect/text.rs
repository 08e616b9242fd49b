//! What is told of a component, for a person.

use std::fmt::Write as _;

use arrow::datatypes::DataType;
use azud_model::ColumnType;
use azud_sandbox::escaped;
use azud_sandbox::inspect::{Asked, Inspection, Reach};

use super::{Told, keeps};

pub(super) fn text(told: &Told<'_>) -> String {
    let (mut text, inspection) = (String::new(), &told.inspection);
    let path = escaped(&told.path.display().to_string());
    let _ = writeln!(text, "{path}: {} bytes", inspection.bytes);
    let _ = writeln!(text, "sha256 {}", inspection.digest);
    text += "\nit is\n";
    for (interface, version) in &inspection.exports {
        let _ = writeln!(text, "  {interface} {version}: {}", what(interface));
    }
    imports(&mut text, inspection);
    if let Some(asked) = &told.asked {
        columns(&mut text, asked, told.found);
        if asked.output.is_ok() && !inspection.has("transform") {
            text += if inspection.has("keyed") {
                "  `key` of the node names those that are the key\n"
            } else if inspection.has("aggregate") {
                "  a query calls it with these arguments, in this order\n"
            } else {
                "  a sink is given all columns of what it reads\n"
            };
        }
        if let Some(kept) = &asked.keeps {
            keeps::text(&mut text, kept);
        }
        if let Some(kept) = &asked.keeps_of_group {
            keeps::text_of_group(&mut text, kept);
        }
    }
    if inspection.can_run() {
        let _ = write!(text, "\nfor the manifest\n{}", told.snippet);
    }
    text
}

fn what(interface: &str) -> &'static str {
    match interface {
        "transform" => "maps batches",
        "sink" => "writes batches",
        "keyed" => "maps rows by what it knows of their key",
        "aggregate" => "reduces groups",
        "epochs" => "a sink with transactions",
        "migration" => "converts what earlier versions have kept of a key",
        "aggregate-migration" => "converts what earlier versions have kept of a group",
        _ => "unknown to this version",
    }
}

/// Imports by what they mean, the worst first.
fn imports(text: &mut String, inspection: &Inspection) {
    *text += "\nit asks for\n";
    if inspection.imports.is_empty() {
        *text += "  nothing\n";
    }
    let mut reaches: Vec<Reach> = inspection.imports.iter().map(|one| one.reach).collect();
    reaches.sort();
    reaches.dedup();
    for reach in reaches.into_iter().rev() {
        for import in inspection.imports.iter().filter(|one| one.reach == reach) {
            let _ = writeln!(text, "  {}", import.name);
        }
        let (transform, sink) = (inspection.has("transform"), inspection.has("sink"));
        match (reach.in_transform(), reach.in_sink()) {
            (as_transform, as_sink) if as_transform == as_sink || !(transform && sink) => {
                let meaning = if sink { as_sink } else { as_transform };
                let _ = writeln!(text, "      {meaning}");
            }
            (as_transform, as_sink) => {
                let _ = writeln!(text, "      as a transform: {as_transform}");
                let _ = writeln!(text, "      as a sink: {as_sink}");
            }
        }
    }
}

fn columns(text: &mut String, asked: &Asked, found: bool) {
    let how = match found {
        true => "found by asking",
        false => "as --schema says",
    };
    let _ = writeln!(text, "\nits input, {how}");
    if asked.input.is_empty() {
        *text += "  no column\n";
    }
    let input = asked.input.iter().map(|column| {
        let use_of_it = match (&asked.output, column.read) {
            (Err(_), _) => "",
            (Ok(_), true) => "read",
            (Ok(_), false) => "not read",
        };
        let sql = column.data_type.as_ref().map_or("any type".into(), sql);
        [escaped(&column.name), sql, use_of_it.to_owned()]
    });
    table(text, &input.collect::<Vec<_>>());
    match &asked.output {
        // A sink has none.
        Ok(output) if output.is_empty() => {}
        Ok(output) => {
            *text += "\nits output\n";
            let output = output.iter().map(|column| {
                let is_any = column
                    .carried
                    .and_then(|number| asked.input.get(number))
                    .is_some_and(|column| column.data_type.is_none());
                let sql = match is_any {
                    true => "as it is".into(),
                    false => sql(column.field.data_type()),
                };
                let how = match (column.carried, column.field.is_nullable()) {
                    (Some(_), _) => "carried",
                    (None, true) => "computed",
                    (None, false) => "computed, never null",
                };
                [escaped(column.field.name()), sql, how.to_owned()]
            });
            table(text, &output.collect::<Vec<_>>());
        }
        Err(error) => {
            let _ = writeln!(
                text,
                "\nit cannot be opened on that\n  {error}\n  \
                 say with --schema which columns it gets, with --config which configuration"
            );
        }
    }
}

/// SQL's word for a type, or Arrow's where SQL has none.
pub(super) fn sql(data_type: &DataType) -> String {
    let sql = ColumnType::from_arrow(data_type).map(|sql| sql.to_string());
    escaped(&sql.unwrap_or_else(|| data_type.to_string()))
}

pub(super) fn table(text: &mut String, rows: &[[String; 3]]) {
    let width = |of: fn(&[String; 3]) -> &String| {
        let widths = rows.iter().map(|row| of(row).chars().count());
        widths.max().unwrap_or_default()
    };
    let (names, types) = (width(|row| &row[0]), width(|row| &row[1]));
    for [name, sql, how] in rows {
        let line = format!("  {name:names$}  {sql:types$}  {how}");
        *text += line.trim_end();
        *text += "\n";
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use arrow::datatypes::Field;
    use azud_sandbox::inspect::{Import, InputColumn, OutputColumn};
    use azud_sandbox::{GuestError, OpenError};

    use super::*;

    fn told(exports: &[&str], imports: &[(&str, Reach)], asked: Option<Asked>) -> String {
        let inspection = Inspection {
            digest: "00ff".into(),
            bytes: 123,
            exports: exports
                .iter()
                .map(|export| ((*export).into(), "0.1.0".into()))
                .collect(),
            imports: imports
                .iter()
                .map(|(name, reach)| Import {
                    name: (*name).into(),
                    reach: *reach,
                })
                .collect(),
        };
        text(&Told {
            path: Path::new("x.wasm"),
            snippet: "plugins: ...\n".into(),
            inspection,
            asked,
            found: true,
        })
    }

    #[test]
    fn a_transform_shows_its_columns() {
        let asked = Asked {
            input: vec![
                InputColumn {
                    name: "n\u{1b}[2J".into(),
                    data_type: Some(DataType::Int64),
                    read: true,
                },
                InputColumn {
                    name: "any".into(),
                    data_type: None,
                    read: false,
                },
            ],
            output: Ok(vec![
                OutputColumn {
                    field: Field::new("any", DataType::Utf8, true),
                    carried: Some(1),
                },
                OutputColumn {
                    field: Field::new("part", DataType::Date32, false),
                    carried: None,
                },
            ]),
            keeps: None,
            keeps_of_group: None,
        };
        let imports = [
            ("azud:plugin/log@0.1.0", Reach::Log),
            ("wasi:cli/stderr@0.2.6", Reach::Output),
            ("wasi:cli/stdout@0.2.6", Reach::Output),
        ];
        assert_eq!(
            told(&["transform"], &imports, Some(asked)),
            "\
x.wasm: 123 bytes
sha256 00ff

it is
  transform 0.1.0: maps batches

it asks for
  wasi:cli/stderr@0.2.6
  wasi:cli/stdout@0.2.6
      what it prints goes to the pipeline's log; there is no input
  azud:plugin/log@0.1.0
      lines in the pipeline's log

its input, found by asking
  n\\u{1b}[2J  bigint    read
  any         any type  not read

its output
  any   as it is  carried
  part  date      computed, never null

for the manifest
plugins: ...
"
        );
    }

    #[test]
    fn what_is_both_is_told_for_each() {
        let imports = [("wasi:http/outgoing-handler@0.2.4", Reach::Http)];
        let told = told(&["transform", "sink"], &imports, None);
        let expected = "
it asks for
  wasi:http/outgoing-handler@0.2.4
      as a transform: no network: a call of it fails
      as a sink: the servers that `grants: { http }` names
";
        assert!(told.contains(expected), "{told}");
    }

    #[test]
    fn what_cannot_be_run_gets_no_lines_for_a_manifest() {
        let imports = [("evil:x/y@1.0.0", Reach::Foreign)];
        assert_eq!(
            told(&["sink"], &imports, None),
            "\
x.wasm: 123 bytes
sha256 00ff

it is
  sink 0.1.0: writes batches

it asks for
  evil:x/y@1.0.0
      azud has it not: the plugin cannot be run
"
        );
    }

    #[test]
    fn a_refusal_is_told_in_the_plugins_words() {
        let asked = Asked {
            input: Vec::new(),
            output: Err(OpenError::Guest(GuestError::Refused("no `above`".into()))),
            keeps: None,
            keeps_of_group: None,
        };
        let told = told(&["transform"], &[], Some(asked));
        let expected = "
it asks for
  nothing

its input, found by asking
  no column

it cannot be opened on that
  the plugin refuses: no `above`
  say with --schema which columns it gets, with --config which configuration
";
        assert!(told.contains(expected), "{told}");
    }
}
