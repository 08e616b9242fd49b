//! One value of any column, for tests to write and to compare.

/// A value. Compares with plain Rust values: `assert_eq!(column, ["a", "b"])`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer, a date, a time, a decimal's digits.
    Int(i128),
    /// A float or a double.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list's items.
    List(Vec<Value>),
    /// A map's entries: keys and values.
    Map(Vec<(Value, Value)>),
    /// A struct's values, one a field.
    Struct(Vec<Value>),
    /// The raw buffers of a type that the test kit cannot read.
    Buffers(Vec<Vec<u8>>),
}

macro_rules! values {
    ($($variant:ident: $($native:ty),+;)+) => {$($(
        impl From<$native> for Value {
            fn from(value: $native) -> Self {
                Self::$variant(value.into())
            }
        }

        impl PartialEq<$native> for Value {
            fn eq(&self, other: &$native) -> bool {
                let other: Self = other.clone().into();
                *self == other
            }
        }
    )+)+};
}

values! {
    Bool: bool;
    Int: i8, i16, i32, i64, i128, u8, u16, u32, u64;
    Float: f32, f64;
    Text: &str, String;
    Bytes: &[u8], Vec<u8>;
}

macro_rules! natives {
    ($($native:ty),+) => {$(
        impl TryFrom<&Value> for $native {
            type Error = ();

            fn try_from(value: &Value) -> Result<Self, ()> {
                match value {
                    Value::Int(value) => Self::try_from(*value).map_err(|_| ()),
                    _ => Err(()),
                }
            }
        }
    )+};
}

natives!(i8, i16, i32, i64, i128, u8, u16, u32, u64);

impl TryFrom<&Value> for f64 {
    type Error = ();

    fn try_from(value: &Value) -> Result<Self, ()> {
        match value {
            Value::Float(value) => Ok(*value),
            _ => Err(()),
        }
    }
}

impl TryFrom<&Value> for f32 {
    type Error = ();

    fn try_from(value: &Value) -> Result<Self, ()> {
        f64::try_from(value).map(|value| value as Self)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T> PartialEq<Option<T>> for Value
where
    Self: PartialEq<T>,
{
    fn eq(&self, other: &Option<T>) -> bool {
        other
            .as_ref()
            .map_or(matches!(self, Self::Null), |other| self == other)
    }
}
