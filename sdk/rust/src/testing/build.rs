//! Values to buffers: what the host would send for a column.

use super::Value;
use crate::{Builder, Field, Type, bits, schema, types::*};

/// The buffers of a column of this field, whose descendants follow it. Answers with
/// what is wrong where a value does not fit.
pub(super) fn build(fields: &[Field], values: &[Value]) -> Result<Vec<Vec<u8>>, String> {
    let Some((field, descendants)) = fields.split_first() else {
        return Err("a column has a field".into());
    };
    let format = field.format.as_str();
    match format {
        "b" => leaf::<Bool>(values),
        "c" => leaf::<Int8>(values),
        "s" => leaf::<Int16>(values),
        "i" | "tdD" | "ttm" => leaf::<Int32>(values),
        "C" => leaf::<UInt8>(values),
        "S" => leaf::<UInt16>(values),
        "I" => leaf::<UInt32>(values),
        "L" => leaf::<UInt64>(values),
        "f" => leaf::<Float32>(values),
        "g" => leaf::<Float64>(values),
        "u" => leaf::<Utf8>(values),
        "z" => leaf::<Binary>(values),
        "l" | "ttu" => leaf::<Int64>(values),
        "+s" => structs(descendants, values),
        "+l" => lists(descendants, values),
        "+m" => maps(descendants, values),
        _ if format.starts_with("ts") || format.starts_with("tD") => leaf::<Int64>(values),
        _ if format.starts_with("d:") => leaf::<Decimal>(values),
        _ => match (size(format, "w:"), size(format, "+w:")) {
            (Some(width), _) => fixed_binary(width, values),
            (_, Some(length)) => fixed_lists(length, descendants, values),
            _ => Err(format!("the contract has no format {format:?}")),
        },
    }
    .map_err(|wrong| match wrong.is_empty() {
        true => format!("`{}` is {}", field.name, schema::name_of(format)),
        false => wrong,
    })
}

fn size(format: &str, prefix: &str) -> Option<usize> {
    format.strip_prefix(prefix)?.parse().ok()
}

/// What does not fit is said by the caller, who knows the column.
fn misfit() -> String {
    String::new()
}

fn leaf<T: Type>(values: &[Value]) -> Result<Vec<Vec<u8>>, String> {
    let mut builder = Builder::<T>::new();
    for value in values {
        match (value, T::of_value(value)) {
            (Value::Null, _) => builder.push_null(),
            (_, Some(value)) => builder.push(value),
            _ => return Err(misfit()),
        }
    }
    Ok(builder.finish())
}

fn fixed_binary(width: usize, values: &[Value]) -> Result<Vec<Vec<u8>>, String> {
    let mut data = Vec::new();
    for value in values {
        match value {
            Value::Null => data.extend(std::iter::repeat_n(0, width)),
            Value::Bytes(bytes) if bytes.len() == width => data.extend(bytes),
            _ => return Err(misfit()),
        }
    }
    Ok(vec![validity(values), data])
}

fn structs(children: &[Field], values: &[Value]) -> Result<Vec<Vec<u8>>, String> {
    let mut buffers = vec![validity(values)];
    for (place, child) in split(children).into_iter().enumerate() {
        let of_child = values.iter().map(|value| match value {
            Value::Struct(values) => values.get(place).cloned().ok_or_else(misfit),
            Value::Null => Ok(Value::Null),
            _ => Err(misfit()),
        });
        buffers.extend(build(child, &of_child.collect::<Result<Vec<_>, _>>()?)?);
    }
    Ok(buffers)
}

fn lists(item: &[Field], values: &[Value]) -> Result<Vec<Vec<u8>>, String> {
    let mut items = Vec::new();
    let mut offsets = Offsets::default();
    for value in values {
        match value {
            Value::List(values) => items.extend(values.iter().cloned()),
            Value::Null => {}
            _ => return Err(misfit()),
        }
        offsets.push(items.len());
    }
    let mut buffers = vec![validity(values), offsets.0];
    buffers.extend(build(item, &items)?);
    Ok(buffers)
}

fn fixed_lists(length: usize, item: &[Field], values: &[Value]) -> Result<Vec<Vec<u8>>, String> {
    let mut items = Vec::new();
    for value in values {
        match value {
            Value::List(values) if values.len() == length => items.extend(values.iter().cloned()),
            Value::Null => items.extend(std::iter::repeat_n(Value::Null, length)),
            _ => return Err(misfit()),
        }
    }
    let mut buffers = vec![validity(values)];
    buffers.extend(build(item, &items)?);
    Ok(buffers)
}

fn maps(entries: &[Field], values: &[Value]) -> Result<Vec<Vec<u8>>, String> {
    let mut items = Vec::new();
    let mut offsets = Offsets::default();
    for value in values {
        match value {
            Value::Map(entries) => {
                let pairs = entries.iter().cloned();
                items.extend(pairs.map(|(key, value)| Value::Struct(vec![key, value])));
            }
            Value::Null => {}
            _ => return Err(misfit()),
        }
        offsets.push(items.len());
    }
    let mut buffers = vec![validity(values), offsets.0];
    buffers.extend(build(entries, &items)?);
    Ok(buffers)
}

/// One slice a child, with the child's own descendants.
fn split(mut fields: &[Field]) -> Vec<&[Field]> {
    let mut children = Vec::new();
    while !fields.is_empty() {
        let (child, rest) = fields.split_at(schema::span(fields, 0).min(fields.len()));
        children.push(child);
        fields = rest;
    }
    children
}

/// Empty where no value is null, as the host sends it.
fn validity(values: &[Value]) -> Vec<u8> {
    let mut validity = Vec::new();
    if values.contains(&Value::Null) {
        for (row, value) in values.iter().enumerate() {
            bits::push(&mut validity, row, *value != Value::Null);
        }
    }
    validity
}

struct Offsets(Vec<u8>);

// === impl Offsets ===

impl Default for Offsets {
    fn default() -> Self {
        Self(vec![0; 4])
    }
}

impl Offsets {
    fn push(&mut self, end: usize) {
        self.0.extend_from_slice(&(end as u32).to_le_bytes());
    }
}
