//! Rows of states and outputs as Rust values: `(Utf8, Int64)` is `(String, i64)`.

use crate::{Batch, Builder, Error, Field, Result, Type, types::*};

/// A column type whose values can be kept.
pub trait Cell: Type + Default {
    /// A value that belongs to itself.
    type Owned: Clone + 'static;

    #[doc(hidden)]
    fn own(value: Self::Value<'_>) -> Self::Owned;
    #[doc(hidden)]
    fn lend(owned: &Self::Owned) -> Self::Value<'_>;
}

/// A column of a [`Record`]: a [`Cell`], never null, or one that is [`Nullable`].
pub trait Item: 'static {
    /// A value of the column.
    type Owned: Clone + 'static;

    #[doc(hidden)]
    fn field(name: &str) -> Field;
    #[doc(hidden)]
    fn read(batch: &Batch, column: usize) -> Result<Vec<Self::Owned>>;
    #[doc(hidden)]
    fn build<'a>(values: impl Iterator<Item = &'a Self::Owned>) -> (usize, Vec<Vec<u8>>);
}

/// A column that may be null: its values are `Option`s.
pub struct Nullable<T>(std::marker::PhantomData<T>);

/// The columns of a row: one type, or up to eight in a tuple. Its values are one value, or a
/// tuple of them.
pub trait Record: 'static {
    /// A row.
    type Row: Clone + 'static;

    #[doc(hidden)]
    const COLUMNS: usize;
    #[doc(hidden)]
    fn fields(names: &[&str]) -> Vec<Field>;
    #[doc(hidden)]
    fn read(batch: &Batch, first: usize) -> Result<Vec<Self::Row>>;
    #[doc(hidden)]
    fn build(rows: &[&Self::Row]) -> Vec<Vec<u8>>;
}

macro_rules! cells {
    ($($name:ident: $native:ty),+) => {$(
        impl Cell for $name {
            type Owned = $native;

            fn own(value: $native) -> $native {
                value
            }

            fn lend(owned: &$native) -> $native {
                *owned
            }
        }
    )+};
}

cells!(
    Bool: bool, Int8: i8, Int16: i16, Int32: i32, Int64: i64, UInt8: u8, UInt16: u16,
    UInt32: u32, UInt64: u64, Float32: f32, Float64: f64, Date: i32, Time: i64, Duration: i64,
    Timestamp: i64
);

impl Cell for Utf8 {
    type Owned = String;

    fn own(value: &str) -> String {
        value.to_owned()
    }

    fn lend(owned: &String) -> &str {
        owned
    }
}

impl Cell for Binary {
    type Owned = Vec<u8>;

    fn own(value: &[u8]) -> Vec<u8> {
        value.to_vec()
    }

    fn lend(owned: &Vec<u8>) -> &[u8] {
        owned
    }
}

impl<T: Cell> Item for T {
    type Owned = T::Owned;

    fn field(name: &str) -> Field {
        Field {
            name: name.into(),
            format: T::default().format(),
            nullable: false,
            children: 0,
        }
    }

    fn read(batch: &Batch, column: usize) -> Result<Vec<T::Owned>> {
        let values = batch.column::<T>(column)?.iter();
        let values = values.map(|value| value.map(T::own));
        let values: Option<Vec<_>> = values.collect();
        values.ok_or_else(|| Error::new("a column that is never null has a null"))
    }

    fn build<'a>(values: impl Iterator<Item = &'a T::Owned>) -> (usize, Vec<Vec<u8>>) {
        let mut builder = Builder::<T>::new();
        values.for_each(|value| builder.push(T::lend(value)));
        (builder.len(), builder.finish())
    }
}

impl<T: Cell> Item for Nullable<T> {
    type Owned = Option<T::Owned>;

    fn field(name: &str) -> Field {
        Field {
            nullable: true,
            ..<T as Item>::field(name)
        }
    }

    fn read(batch: &Batch, column: usize) -> Result<Vec<Self::Owned>> {
        let values = batch.column::<T>(column)?.iter();
        Ok(values.map(|value| value.map(T::own)).collect())
    }

    fn build<'a>(values: impl Iterator<Item = &'a Self::Owned>) -> (usize, Vec<Vec<u8>>) {
        let mut builder = Builder::<T>::new();
        values.for_each(|value| builder.push_option(value.as_ref().map(T::lend)));
        (builder.len(), builder.finish())
    }
}

impl<T: Item> Record for T {
    type Row = T::Owned;

    const COLUMNS: usize = 1;

    fn fields(names: &[&str]) -> Vec<Field> {
        names.iter().take(1).map(|name| T::field(name)).collect()
    }

    fn read(batch: &Batch, first: usize) -> Result<Vec<T::Owned>> {
        T::read(batch, first)
    }

    fn build(rows: &[&T::Owned]) -> Vec<Vec<u8>> {
        T::build(rows.iter().copied()).1
    }
}

macro_rules! records {
    ($($count:literal: $($item:ident $place:tt),+;)+) => {$(
        impl<$($item: Item),+> Record for ($($item,)+) {
            type Row = ($($item::Owned,)+);

            const COLUMNS: usize = $count;

            fn fields(names: &[&str]) -> Vec<Field> {
                let mut names = names.iter().copied();
                vec![$($item::field(names.next().unwrap_or_default())),+]
            }

            fn read(batch: &Batch, first: usize) -> Result<Vec<Self::Row>> {
                let mut columns = ($($item::read(batch, first + $place)?.into_iter(),)+);
                let mut rows = Vec::with_capacity(batch.rows());
                for _ in 0..batch.rows() {
                    let short = || Error::new("a column has too few rows");
                    rows.push(($(columns.$place.next().ok_or_else(short)?,)+));
                }
                Ok(rows)
            }

            fn build(rows: &[&Self::Row]) -> Vec<Vec<u8>> {
                let mut buffers = Vec::new();
                $(buffers.extend($item::build(rows.iter().map(|row| &row.$place)).1);)+
                buffers
            }
        }
    )+};
}

records! {
    1: A 0;
    2: A 0, B 1;
    3: A 0, B 1, C 2;
    4: A 0, B 1, C 2, D 3;
    5: A 0, B 1, C 2, D 3, E 4;
    6: A 0, B 1, C 2, D 3, E 4, F 5;
    7: A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
}
