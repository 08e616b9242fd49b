//! The contract's list of fields as an Arrow field: hostile input.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};

use super::{format, width};
use crate::{
    GuestError,
    bindings::azud::plugin::types,
    limits::{DEPTH, FIELDS, NAME, ROW},
    log,
};

type WireFields<'a> = std::slice::Iter<'a, types::FieldResult>;

/// Names go into messages, files and terminals: one that is not printed as it is
/// has no place there. The text for messages is the name, cut and escaped.
fn check_name(name: &str) -> Result<(), GuestError> {
    let plain = log::clean(name, NAME);
    let shown = log::clean(name, 64);
    match name.len() {
        length if length > NAME => Err(GuestError::invalid(format!(
            "a name of {length} bytes, more than {NAME}: `{shown}...`"
        ))),
        _ if plain != name => Err(GuestError::invalid(format!(
            "control characters in the name `{shown}`"
        ))),
        _ => Ok(()),
    }
}

/// The one column that a list of fields describes, with all its descendants.
pub(crate) fn columns(fields: &[types::FieldResult]) -> Result<Field, GuestError> {
    let Some(first) = fields.first() else {
        return Err(GuestError::invalid("a computed column without a field"));
    };
    fields
        .iter()
        .take(FIELDS)
        .try_for_each(|field| check_name(&field.name))?;
    if fields.len() > FIELDS {
        return Err(GuestError::invalid(format!(
            "column `{}` has more than {FIELDS} fields",
            first.name
        )));
    }
    let mut rest = fields.iter();
    let column = parse(&mut rest, &first.name, 0)?;
    let row = width(column.data_type());
    if row > ROW {
        return Err(GuestError::invalid(format!(
            "column `{}` takes {row} bytes a row, at most {ROW} are possible",
            first.name
        )));
    }
    match rest.len() {
        0 => Ok(column),
        left => Err(GuestError::invalid(format!(
            "column `{}` is followed by {left} fields that belong to none",
            first.name
        ))),
    }
}

fn parse(rest: &mut WireFields<'_>, column: &str, depth: usize) -> Result<Field, GuestError> {
    let Some(field) = rest.next() else {
        return Err(GuestError::invalid(format!(
            "column `{column}` announces more children than it has fields"
        )));
    };
    if depth > DEPTH {
        return Err(GuestError::invalid(format!(
            "column `{column}` is nested more than {DEPTH} deep"
        )));
    }
    let wrong = |what: &str| GuestError::invalid(format!("column `{column}`: {what}"));
    if field.children as usize > rest.len() {
        return Err(wrong("it announces more children than it has fields"));
    }
    let mut children = || {
        (0..field.children)
            .map(|_| parse(rest, column, depth + 1))
            .collect::<Result<Vec<_>, _>>()
    };
    let one = |children: Vec<Field>, format: &str| match <[Field; 1]>::try_from(children) {
        Ok([child]) => Ok(Arc::new(child)),
        Err(children) => Err(wrong(&format!(
            "`{format}` has {} children, not 1",
            children.len()
        ))),
    };
    let data_type = match field.format.as_str() {
        "+s" if field.children == 0 => return Err(wrong("a struct without children")),
        "+s" => DataType::Struct(Fields::from(children()?)),
        "+l" => DataType::List(one(children()?, "+l")?),
        "+m" => {
            let entries = one(children()?, "+m")?;
            check_entries(&entries).map_err(wrong)?;
            DataType::Map(entries, false)
        }
        list if list.starts_with("+w:") => {
            let size = list.strip_prefix("+w:").and_then(format::size);
            let size =
                size.ok_or_else(|| wrong(&format!("`{}` is no format", log::clean(list, 64))))?;
            DataType::FixedSizeList(one(children()?, list)?, size)
        }
        plain => {
            let data_type = format::parse(plain)
                .ok_or_else(|| wrong(&format!("`{}` is no format", log::clean(plain, 64))))?;
            if field.children != 0 {
                return Err(wrong(&format!("`{plain}` has no children")));
            }
            data_type
        }
    };
    Ok(Field::new(&field.name, data_type, field.nullable))
}

/// Arrow's rules for a map: entries are never null, and neither are their keys.
fn check_entries(entries: &Field) -> Result<(), &'static str> {
    match entries.data_type() {
        DataType::Struct(fields) => match fields.iter().as_slice() {
            [key, _] if !key.is_nullable() && !entries.is_nullable() => Ok(()),
            [_, _] => Err("a map's entries and its keys are not nullable"),
            _ => Err("a map has one struct child with two children"),
        },
        _ => Err("a map has one struct child with two children"),
    }
}
