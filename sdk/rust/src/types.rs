//! The column types: how each reads its buffers and how it writes them.

mod binary;
mod bool;
mod fixed;
mod fixed_binary;
mod inside;

pub use binary::{Binary, Bytes, Utf8};
pub use bool::Bool;
pub use fixed::{
    Date, Decimal, Duration, Float32, Float64, Int8, Int16, Int32, Int64, Time, Timestamp, UInt8,
    UInt16, UInt32, UInt64,
};
pub use fixed_binary::FixedBinary;

pub(crate) use inside::Inside;

use crate::testing::Value;

/// A column type. The types of this crate implement it, and no others can:
/// plugins only name them.
///
/// How a type reads buffers is out of reach as well. A text is one because the
/// host checked the column that it is in, so bytes from elsewhere never get here:
///
/// ```compile_fail,E0061
/// fn text(bytes: &[Vec<u8>]) {
///     <azud_plugin::Utf8 as azud_plugin::Type>::view(bytes, 1);
/// }
/// ```
pub trait Type: Sized + 'static {
    /// Its name in errors.
    const NAME: &'static str;
    /// A row's value.
    type Value<'a>;
    /// The buffers after the validity bitmap, checked once.
    type View<'a>: Copy;
    /// What a builder gathers.
    type Values: Default;

    /// The format string of the Arrow C data interface.
    fn format(&self) -> String;
    /// Whether a column of this format can be read as this type.
    fn accepts(format: &str) -> bool;

    #[doc(hidden)]
    fn view(buffers: &[Vec<u8>], rows: usize, _: Inside) -> Option<Self::View<'_>>;
    #[doc(hidden)]
    fn get<'a>(view: Self::View<'a>, row: usize, _: Inside) -> Option<Self::Value<'a>>;
    #[doc(hidden)]
    fn reserved(rows: usize, bytes: usize) -> Self::Values;
    #[doc(hidden)]
    fn push(values: &mut Self::Values, row: usize, value: Self::Value<'_>);
    #[doc(hidden)]
    fn push_null(values: &mut Self::Values, row: usize);
    #[doc(hidden)]
    fn truncate(values: &mut Self::Values, rows: usize);
    #[doc(hidden)]
    fn finish(values: Self::Values, buffers: &mut Vec<Vec<u8>>);
    #[doc(hidden)]
    fn to_value(value: Self::Value<'_>) -> Value;
    #[doc(hidden)]
    fn of_value(value: &Value) -> Option<Self::Value<'_>>;
}
