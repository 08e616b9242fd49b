//! What a guest says: right as a rule, so that what is wrong lies deep.

use arrow::datatypes::DataType;

use super::Choices;
use crate::bindings::azud::plugin::types::FieldResult;

/// The most values of a column that is made: the boundary's cost is not what is tested.
const MOST: usize = 4_096;

const PLAIN: [&str; 28] = [
    "l",
    "u",
    "b",
    "z",
    "c",
    "s",
    "i",
    "C",
    "S",
    "I",
    "L",
    "f",
    "g",
    "tdD",
    "ttm",
    "ttu",
    "tDm",
    "w:5",
    "w:1",
    "d:38,4",
    "d:5,-3",
    "d:1,1",
    "tss:",
    "tsm:UTC",
    "tsu:+01:00",
    "tsn:",
    "tsu:Europe/Madrid",
    "tsn:no/zone",
];

const ODD: [&str; 18] = [
    "",
    "+",
    "+w:",
    "+w:0",
    "+w:-1",
    "+w:2147483647",
    "+w:99999999999",
    "w:0",
    "w:+5",
    "w:2147483647",
    "d:39,0",
    "d:0,0",
    "d:5,6",
    "d:38,-38",
    "d:,",
    "tsx:",
    "ts",
    "+ud:1,2",
];

/// The fields of one column: of a layout of the contract, nearly always.
pub(super) fn fields(choices: &mut Choices<'_>) -> Vec<FieldResult> {
    let mut fields = Vec::new();
    column(choices, &mut fields, 0);
    fields
}

fn column(choices: &mut Choices<'_>, fields: &mut Vec<FieldResult>, depth: usize) {
    let nullable = choices.below(4) != 1;
    let mut push = |format: &str, nullable, children| {
        fields.push(FieldResult {
            name: "c".into(),
            format: format.into(),
            nullable,
            children,
        });
    };
    match choices.below(if depth > 3 { 4 } else { 9 }) {
        0..4 => push(
            PLAIN.get(choices.below(PLAIN.len())).unwrap_or(&"l"),
            nullable,
            0,
        ),
        4 | 5 => {
            let children = 1 + choices.below(3);
            push("+s", nullable, children as u32);
            (0..children).for_each(|_| column(choices, fields, depth + 1));
        }
        6 => {
            push("+l", nullable, 1);
            column(choices, fields, depth + 1);
        }
        7 => {
            push(
                choices.one_of(["+w:3", "+w:1", "+w:40", "+w:4000"]),
                nullable,
                1,
            );
            column(choices, fields, depth + 1);
        }
        _ => {
            push("+m", nullable, 1);
            push("+s", choices.below(16) == 1, 2);
            let key = fields.len();
            column(choices, fields, depth + 1);
            if let Some(key) = fields.get_mut(key) {
                key.nullable = choices.below(16) == 1;
            }
            column(choices, fields, depth + 1);
        }
    }
}

/// Fields of any sort.
pub(super) fn any_fields(choices: &mut Choices<'_>) -> Vec<FieldResult> {
    let mut all = fields(choices);
    for _ in 0..choices.one_of([1, 0, 2, 40]) {
        let at = choices.below(all.len());
        let format = match choices.below(3) {
            0 => PLAIN
                .get(choices.below(PLAIN.len()))
                .copied()
                .map(String::from),
            1 => ODD.get(choices.below(ODD.len())).copied().map(String::from),
            _ => {
                let length = choices.below(20);
                Some(String::from_utf8_lossy(&choices.bytes(length)).into_owned())
            }
        };
        let Some(field) = all.get_mut(at) else {
            return all;
        };
        match choices.below(6) {
            0 => field.format = format.unwrap_or_default(),
            1 => field.children = choices.one_of([1, 0, 2, 3, u32::MAX]),
            2 => field.nullable = !field.nullable,
            3 => field.name = format.unwrap_or_default(),
            4 => drop(all.remove(at)),
            _ => {
                let more = fields(choices);
                let times = choices.one_of([1, 20, 300]).min(2_000 / more.len().max(1));
                (0..times).for_each(|_| all.extend(more.iter().cloned()));
            }
        }
    }
    all
}

/// How many buffers a column of the type has.
pub(super) fn buffers_of(data_type: &DataType) -> usize {
    match data_type {
        DataType::Utf8 | DataType::Binary => 3,
        DataType::Struct(fields) => {
            1 + fields
                .iter()
                .map(|field| buffers_of(field.data_type()))
                .sum::<usize>()
        }
        DataType::FixedSizeList(item, _) => 1 + buffers_of(item.data_type()),
        DataType::List(item) | DataType::Map(item, _) => 2 + buffers_of(item.data_type()),
        _ => 2,
    }
}

/// Buffers that fit, where the rows are not too many to be made.
pub(super) fn buffers(
    choices: &mut Choices<'_>,
    data_type: &DataType,
    rows: usize,
) -> Vec<Vec<u8>> {
    let mut buffers = Vec::new();
    fill(choices, data_type, rows, &mut buffers);
    buffers
}

fn fill(choices: &mut Choices<'_>, data_type: &DataType, rows: usize, out: &mut Vec<Vec<u8>>) {
    let rows = rows.min(MOST);
    out.push(match choices.below(3) {
        1 => choices.bytes(rows.div_ceil(8)),
        2 => vec![0xff; rows.div_ceil(8) + 1],
        _ => Vec::new(),
    });
    match data_type {
        DataType::Boolean => out.push(choices.bytes(rows.div_ceil(8))),
        DataType::Utf8 => {
            let text = choices.one_of(["a", "ñ", "añ☃𝄞", "\0"]);
            let end = offsets(choices, rows, text.len(), out);
            out.push(text.bytes().cycle().take(end).collect());
        }
        DataType::Binary => {
            let end = offsets(choices, rows, 1, out);
            out.push(choices.bytes(end));
        }
        DataType::Struct(fields) => {
            for field in fields {
                fill(choices, field.data_type(), rows, out);
            }
        }
        DataType::FixedSizeList(item, size) => {
            fill(
                choices,
                item.data_type(),
                rows.saturating_mul(*size as usize),
                out,
            );
        }
        DataType::List(item) | DataType::Map(item, _) => {
            let end = offsets(choices, rows, 1, out);
            fill(choices, item.data_type(), end, out);
        }
        DataType::Decimal128(..) => {
            let small =
                |choices: &mut Choices<'_>| (choices.below(256) as i128 - 128).to_le_bytes();
            out.push((0..rows).flat_map(|_| small(choices)).collect());
        }
        data_type => {
            let width = match data_type {
                DataType::FixedSizeBinary(width) => *width as usize,
                other => other.primitive_width().unwrap_or(1),
            };
            out.push(choices.bytes(rows.saturating_mul(width).min(MOST * 16)));
        }
    }
}

/// Appends offsets of rows of a few times `unit` each; answers where they end.
fn offsets(choices: &mut Choices<'_>, rows: usize, unit: usize, out: &mut Vec<Vec<u8>>) -> usize {
    let mut end = choices.one_of([0, unit]);
    let mut bytes = (end as i32).to_le_bytes().to_vec();
    for _ in 0..rows {
        end += unit * choices.below(4);
        bytes.extend((end as i32).to_le_bytes());
    }
    out.push(bytes);
    end
}

/// Some changes to a column's buffers or its number of rows.
pub(super) fn change(choices: &mut Choices<'_>, buffers: &mut Vec<Vec<u8>>, rows: &mut usize) {
    for _ in 0..choices.below(4) {
        let (at, kind) = (choices.below(buffers.len()), choices.below(12));
        match kind {
            0 => *rows = choices.below(100),
            1 => *rows = choices.one_of([0, 1, 1 << 16, u32::MAX as usize]),
            2 => drop(buffers.pop()),
            3 => buffers.insert(at, vec![0; choices.below(40)]),
            4 if !buffers.is_empty() => {
                let other = choices.below(buffers.len());
                buffers.swap(at, other);
            }
            _ => {
                if let Some(buffer) = buffers.get_mut(at).filter(|buffer| !buffer.is_empty()) {
                    within(choices, kind, buffer);
                }
            }
        }
    }
}

fn within(choices: &mut Choices<'_>, kind: usize, buffer: &mut Vec<u8>) {
    let length = buffer.len();
    match kind {
        5 => buffer.truncate(choices.below(length)),
        6 => buffer.extend([0xff; 7]),
        7 => buffer.clear(),
        8 => buffer.fill(choices.one_of([0, 0xff, 0x7f, 0x80])),
        // A whole offset or value, small or at an edge.
        9 | 10 => {
            let word = choices.below(length / 4 + 1) * 4;
            let small = choices.below(100) as i32;
            let value = choices.one_of([small, -1, i32::MAX, i32::MIN]);
            if let Some(place) = buffer.get_mut(word..word + 4) {
                place.copy_from_slice(&value.to_le_bytes());
            }
        }
        _ => {
            let bit = 1 << choices.below(8);
            if let Some(byte) = buffer.get_mut(choices.below(length)) {
                *byte ^= bit;
            }
        }
    }
}
