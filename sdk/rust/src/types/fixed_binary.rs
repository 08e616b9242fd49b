//! Binary values that all have the same length, known when the plugin is built.

use super::{Inside, Type};
use crate::testing::Value;

/// Binary values of `N` bytes each: a UUID is `FixedBinary<16>`.
#[derive(Clone, Copy, Debug, Default)]
pub struct FixedBinary<const N: usize>;

impl<const N: usize> Type for FixedBinary<N> {
    const NAME: &'static str = "binary of a fixed length";
    type Value<'a> = &'a [u8; N];
    type View<'a> = &'a [[u8; N]];
    type Values = Vec<u8>;

    fn format(&self) -> String {
        format!("w:{N}")
    }

    fn accepts(format: &str) -> bool {
        format
            .strip_prefix("w:")
            .and_then(|width| width.parse().ok())
            == Some(N)
    }

    fn view(buffers: &[Vec<u8>], rows: usize, _: Inside) -> Option<Self::View<'_>> {
        buffers.first()?.as_chunks().0.get(..rows)
    }

    #[inline(always)]
    fn get<'a>(view: Self::View<'a>, row: usize, _: Inside) -> Option<Self::Value<'a>> {
        view.get(row)
    }

    fn reserved(rows: usize, _: usize) -> Vec<u8> {
        Vec::with_capacity(rows * N)
    }

    #[inline(always)]
    fn push(values: &mut Vec<u8>, _: usize, value: &[u8; N]) {
        values.extend_from_slice(value);
    }

    fn push_null(values: &mut Vec<u8>, _: usize) {
        values.extend_from_slice(&[0; N]);
    }

    fn truncate(values: &mut Vec<u8>, rows: usize) {
        values.truncate(rows * N);
    }

    fn finish(values: Vec<u8>, buffers: &mut Vec<Vec<u8>>) {
        buffers.push(values);
    }

    fn to_value(value: &[u8; N]) -> Value {
        Value::Bytes(value.to_vec())
    }

    fn of_value(value: &Value) -> Option<&[u8; N]> {
        match value {
            Value::Bytes(bytes) => bytes.as_slice().try_into().ok(),
            _ => None,
        }
    }
}
