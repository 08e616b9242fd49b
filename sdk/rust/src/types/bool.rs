//! Booleans: one bit a row.

use super::{Inside, Type};
use crate::{bits, testing::Value};

/// SQL's `boolean`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bool;

impl Type for Bool {
    const NAME: &'static str = "boolean";
    type Value<'a> = bool;
    type View<'a> = &'a [u8];
    type Values = Vec<u8>;

    fn format(&self) -> String {
        "b".into()
    }

    fn accepts(format: &str) -> bool {
        format == "b"
    }

    fn view(buffers: &[Vec<u8>], rows: usize, _: Inside) -> Option<&[u8]> {
        buffers.first()?.get(..rows.div_ceil(8))
    }

    #[inline(always)]
    fn get<'a>(view: Self::View<'a>, row: usize, _: Inside) -> Option<Self::Value<'a>> {
        Some(bits::get(view, row))
    }

    fn reserved(rows: usize, _: usize) -> Vec<u8> {
        Vec::with_capacity(rows.div_ceil(8))
    }

    #[inline(always)]
    fn push(values: &mut Vec<u8>, row: usize, value: bool) {
        bits::push(values, row, value);
    }

    fn push_null(values: &mut Vec<u8>, row: usize) {
        bits::push(values, row, false);
    }

    fn truncate(values: &mut Vec<u8>, rows: usize) {
        bits::truncate(values, rows);
    }

    fn finish(values: Vec<u8>, buffers: &mut Vec<Vec<u8>>) {
        buffers.push(values);
    }

    fn to_value(value: bool) -> Value {
        Value::Bool(value)
    }

    fn of_value(value: &Value) -> Option<bool> {
        match value {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }
}
