//! `--schema "user string, amount decimal(10,2)"`.

use arrow::datatypes::{Field, Schema};
use azud_model::{Column, ColumnType};

/// The columns of a list of names with types.
pub(super) fn parse(text: &str) -> Result<Schema, String> {
    let mut fields: Vec<Field> = Vec::new();
    for column in split(text) {
        let (name, column_type) = name_and_type(column.trim())?;
        if fields.iter().any(|field| field.name() == name) {
            return Err(format!("the column `{name}` is there twice"));
        }
        let column_type: ColumnType = column_type
            .parse()
            .map_err(|error| format!("column `{name}`: {error}"))?;
        let name = name.to_owned();
        fields.push(Column { name, column_type }.to_arrow());
    }
    Ok(Schema::new(fields))
}

/// The parts between commas that are in no brackets.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(|c| {
        match c {
            '<' | '(' => depth += 1,
            '>' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .collect()
}

/// `user string`, `user: string`, or with a name in backticks.
fn name_and_type(column: &str) -> Result<(&str, &str), String> {
    let quoted = column
        .strip_prefix('`')
        .and_then(|rest| rest.split_once('`'));
    let plain = || column.split_once(|c: char| c.is_whitespace() || c == ':');
    match quoted.or_else(plain) {
        Some((name, column_type)) if !name.is_empty() => {
            let column_type = column_type.trim_start();
            Ok((name, column_type.strip_prefix(':').unwrap_or(column_type)))
        }
        _ => Err(format!(
            "`{column}` is no column: write a name and a type, as in \"user string, amount bigint\""
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let schema = parse(text).unwrap();
        let column = |field: &Field| {
            let column_type = ColumnType::from_arrow(field.data_type()).unwrap();
            format!("{}|{column_type}", field.name())
        };
        let columns: Vec<_> = schema.fields().iter().map(|field| column(field)).collect();
        columns.join(" ")
    }

    #[test]
    fn names_and_types_are_read() {
        assert_eq!(
            read("user string, amount bigint"),
            "user|string amount|bigint"
        );
        assert_eq!(read(" a:int "), "a|int");
        assert_eq!(
            read("p decimal(10,2), m map<string,array<int>>, `a b` double"),
            "p|decimal(10,2) m|map<string,array<int>> a b|double"
        );
    }

    #[test]
    fn what_is_no_schema_says_why() {
        for (text, expected) in [
            ("", "`` is no column: write a name and a type"),
            ("user", "`user` is no column"),
            ("user string,", "`` is no column"),
            ("user sting", "column `user`: unknown type `sting`"),
            ("a int, a int", "the column `a` is there twice"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
