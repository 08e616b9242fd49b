//! Values out of bytes into columns.

use std::collections::{HashMap, HashSet};

use super::cursor::Cursor;
use super::decimal;
use super::plan::{Plan, RecordPlan, Step};
use super::resolve::within;
use super::schema::AvroSchema;
use super::skip::{EMPTY_ITEM, skip};
use super::whole;
use crate::format::column::{Builder, Fields, Values};

/// What is said where a column cannot hold more.
const NO_ROOM: &str = "its column has no room for it";

/// Reads a record by its plan; what was appended when it fails is for the caller to take back.
pub(super) fn record(
    plan: &RecordPlan,
    writer: &AvroSchema,
    from: &mut Cursor<'_>,
    fields: &mut Fields,
) -> Result<(), String> {
    from.spend(plan.weight)?;
    for step in &plan.steps {
        match step {
            Step::Read(place, plan) => {
                let Some(into) = fields.builders.get_mut(*place) else {
                    return Err(NO_ROOM.to_owned());
                };
                if let Err(reason) = value(plan, writer, from, into) {
                    let name = fields.names.get(*place).map_or("", String::as_str);
                    return Err(within(name, &reason));
                }
            }
            Step::Skip(number) => skip(writer, *number, from, 0)?,
        }
    }
    for (place, default) in &plan.defaults {
        let into = fields.builders.get_mut(*place);
        if !into.is_some_and(|into| default.append(into)) {
            return Err(NO_ROOM.to_owned());
        }
    }
    Ok(())
}

fn value(
    plan: &Plan,
    writer: &AvroSchema,
    from: &mut Cursor<'_>,
    into: &mut Builder,
) -> Result<(), String> {
    let fits = match (plan, &mut into.values) {
        (Plan::Null(weight), _) => {
            from.spend(*weight)?;
            into.append_null();
            return Ok(());
        }
        (Plan::Whole { is_int, unit }, _) => {
            let value = match is_int {
                true => i64::from(from.int()?),
                false => from.long()?,
            };
            return match whole::append(into, value, *unit) {
                true => Ok(()),
                false => Err(format!("{value} is out of range")),
            };
        }
        (Plan::Branch(plans), _) => {
            let branch = from.long()?;
            let found = usize::try_from(branch).ok();
            let found = found.and_then(|branch| plans.get(branch));
            return match found {
                Some(Ok(plan)) => value(plan, writer, from, into),
                Some(Err(reason)) => Err(reason.clone()),
                None => Err(format!("a union has no branch {branch}")),
            };
        }
        (Plan::Boolean, Values::Boolean(values)) => match from.byte()? {
            0 => {
                values.append(false);
                true
            }
            1 => {
                values.append(true);
                true
            }
            other => return Err(format!("{other} is no boolean")),
        },
        (Plan::Float, Values::Float(values)) => {
            values.push(f32::from_le_bytes(from.fixed()?));
            true
        }
        (Plan::Float, Values::Double(values)) => {
            values.push(f64::from(f32::from_le_bytes(from.fixed()?)));
            true
        }
        (Plan::Double, Values::Double(values)) => {
            values.push(f64::from_le_bytes(from.fixed()?));
            true
        }
        (Plan::Text, Values::Text(values)) => {
            let bytes = from.bytes()?;
            match std::str::from_utf8(bytes) {
                Ok(_) => values.append(bytes),
                Err(_) => return Err("a string is not valid UTF-8".to_owned()),
            }
        }
        (Plan::Bytes, Values::Binary(values)) => values.append(from.bytes()?),
        (Plan::Fixed(size), Values::Binary(values)) => values.append(from.take(*size)?),
        (Plan::Decimal { size, precision }, Values::Decimal(values, _, _)) => {
            let bytes = match size {
                Some(size) => from.take(*size)?,
                None => from.bytes()?,
            };
            values.push(decimal::read(bytes, *precision)?);
            true
        }
        (Plan::Enum(symbols), Values::Text(values)) => {
            let number = from.int()?;
            let found = usize::try_from(number).ok();
            match found.and_then(|number| symbols.get(number)) {
                Some(Ok(symbol)) => values.append(symbol.as_bytes()),
                Some(Err(symbol)) => {
                    return Err(format!("the reader's enum has no symbol `{symbol}`"));
                }
                None => return Err(format!("an enum has no symbol of number {number}")),
            }
        }
        (Plan::Array(item), Values::Array(offsets, elements)) => {
            blocks(from, |from| value(item, writer, from, elements))?;
            whole::end(offsets, elements.len())
        }
        (Plan::Map(item), Values::Map(offsets, columns)) => {
            let (keys, values) = columns.as_mut();
            map(item, writer, from, keys, values)?;
            whole::end(offsets, keys.len())
        }
        (Plan::Record(plan), Values::Struct(fields)) => {
            record(plan, writer, from, fields)?;
            true
        }
        (
            Plan::Member {
                number,
                others,
                plan,
            },
            Values::Struct(fields),
        ) => {
            from.spend(*others)?;
            for (member, into) in fields.builders.iter_mut().enumerate() {
                match member == *number {
                    true => value(plan, writer, from, into)?,
                    false => into.append_null(),
                }
            }
            true
        }
        _ => false,
    };
    match into.mark(fits) {
        true => Ok(()),
        false => Err(NO_ROOM.to_owned()),
    }
}

/// Reads entries; of those with one key the last one counts, as in Java.
fn map(
    plan: &Plan,
    writer: &AvroSchema,
    from: &mut Cursor<'_>,
    keys: &mut Builder,
    values: &mut Builder,
) -> Result<(), String> {
    let (Values::Text(_), start) = (&keys.values, keys.len()) else {
        return Err(NO_ROOM.to_owned());
    };
    let mut entries: Vec<(&[u8], Cursor<'_>)> = Vec::new();
    let mut is_doubled = false;
    blocks(from, |from| {
        let key = from.bytes()?;
        if std::str::from_utf8(key).is_err() {
            return Err("a key of a map is not valid UTF-8".to_owned());
        }
        is_doubled |= entries.iter().rev().take(8).any(|(other, _)| *other == key);
        entries.push((key, from.clone()));
        append_key(keys, key)?;
        value(plan, writer, from, values)
    })?;
    if entries.len() > 8 && !is_doubled {
        let mut seen = HashSet::with_capacity(entries.len());
        is_doubled = !entries.iter().all(|(key, _)| seen.insert(*key));
    }
    if !is_doubled {
        return Ok(());
    }
    keys.truncate(start);
    values.truncate(start);
    let numbered = entries.iter().enumerate();
    let last: HashMap<&[u8], usize> = numbered.map(|(number, (key, _))| (*key, number)).collect();
    for (number, (key, mut at)) in entries.into_iter().enumerate() {
        if last.get(key) == Some(&number) {
            append_key(keys, key)?;
            value(plan, writer, &mut at, values)?;
        }
    }
    Ok(())
}

fn append_key(keys: &mut Builder, key: &[u8]) -> Result<(), String> {
    let fits = match &mut keys.values {
        Values::Text(values) => values.append(key),
        _ => false,
    };
    match keys.mark(fits) {
        true => Ok(()),
        false => Err(NO_ROOM.to_owned()),
    }
}

/// Reads the items of an array or map, block by block. Nothing is made ready for as many as a
/// block claims to have: each of them has to come.
fn blocks<'a>(
    from: &mut Cursor<'a>,
    mut item: impl FnMut(&mut Cursor<'a>) -> Result<(), String>,
) -> Result<(), String> {
    loop {
        let (count, size) = from.block()?;
        if count == 0 {
            return Ok(());
        }
        let end = size.map(|size| from.left().saturating_sub(size));
        for _ in 0..count {
            let before = from.left();
            item(from)?;
            if from.left() == before {
                from.spend(EMPTY_ITEM)?;
            }
        }
        if end.is_some_and(|end| end != from.left()) {
            return Err("a block does not have the size that it claims".to_owned());
        }
    }
}
