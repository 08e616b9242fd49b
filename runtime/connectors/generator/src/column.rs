//! A column: its settings checked, ready to make values.

use std::ops::Range;
use std::str::FromStr;

use arrow::array::ArrayRef;
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::Field;
use azud_model::{ColumnType, Error, Result};

use crate::draw::Draw;
use crate::maker::Maker;
use crate::options::{ColumnOptions, ColumnSettings};
use crate::{range, whole::Whole};

/// Longer texts would make chunks of a single row.
const LONGEST: usize = 65_536;

const DEFAULT_LENGTH: usize = 10;

/// One column of the generated rows.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    inner: azud_model::Column,
    maker: Maker,
    values: Draw,
    nulls: Draw,
    null_ratio: f64,
}

// === impl Column ===

impl Column {
    /// # Errors
    /// `Invalid`, naming the column.
    pub(crate) fn new(name: &str, options: &ColumnOptions, seed: u64) -> Result<Self> {
        let settings = options.settings();
        let made = ColumnType::from_str(&settings.column_type)
            .map_err(|error| error.to_string())
            .and_then(|column_type| {
                let maker = maker(name, &column_type, &settings)?;
                Ok((column_type, maker))
            });
        let (column_type, maker) =
            made.map_err(|reason| Error::invalid(format!("column `{name}`: {reason}")))?;
        if !(0.0..=1.0).contains(&settings.null_ratio) {
            let ratio = settings.null_ratio;
            return Err(Error::invalid(format!(
                "column `{name}`: `null_ratio` must be from 0 to 1, found {ratio}"
            )));
        }
        Ok(Self {
            inner: azud_model::Column {
                name: name.to_owned(),
                column_type,
            },
            maker,
            values: Draw::new(seed, "value", name),
            nulls: Draw::new(seed, "null", name),
            null_ratio: settings.null_ratio,
        })
    }

    pub(crate) fn field(&self) -> Field {
        self.inner.to_arrow()
    }

    /// About how many bytes a value has.
    pub(crate) fn width(&self) -> usize {
        self.maker.width()
    }

    /// The values of some rows, made at `now_ms`.
    pub(crate) fn make(&self, rows: Range<u64>, now_ms: i64) -> Result<ArrayRef> {
        let nulls = (self.null_ratio > 0.0).then(|| {
            let valid = |row| self.nulls.row(row).f64() >= self.null_ratio;
            NullBuffer::new(rows.clone().map(valid).collect::<BooleanBuffer>())
        });
        self.maker
            .make(&self.inner.column_type, self.values, rows, now_ms, nulls)
    }
}

fn maker(name: &str, column_type: &ColumnType, settings: &ColumnSettings) -> Result<Maker, String> {
    if let Some(values) = &settings.values {
        refuse(settings, &["min", "max", "length"], "beside `values`")?;
        let values = crate::literal::literals(name, column_type, values)?;
        let last = i64::try_from(values.len()).unwrap_or(i64::MAX) - 1;
        if last < 0 {
            return Err("`values` is empty".to_owned());
        }
        let step = range::steps(&ColumnType::BigInt, name, settings)?;
        let index = Whole::new(0, last, step);
        return Ok(Maker::Choice { values, index });
    }
    let of_type = format!("for {column_type}");
    match column_type {
        ColumnType::Boolean => {
            refuse(settings, &["min", "max", "sequence", "length"], &of_type)?;
            Ok(Maker::Coin)
        }
        ColumnType::String | ColumnType::Binary => {
            refuse(settings, &["min", "max", "sequence"], &of_type)?;
            match settings.length.unwrap_or(DEFAULT_LENGTH) {
                length if length <= LONGEST => Ok(Maker::Text { length }),
                length => Err(format!(
                    "`length` must be at most {LONGEST}, found {length}"
                )),
            }
        }
        ColumnType::Float | ColumnType::Double => {
            refuse(settings, &["length"], &of_type)?;
            range::doubles(name, column_type, settings)
        }
        ColumnType::Array(_) | ColumnType::Map(_, _) | ColumnType::Struct(_) => Err(format!(
            "{column_type} is made of `values` only: list some, or build it in SQL"
        )),
        ColumnType::Date | ColumnType::Timestamp(_) if !range::is_given(settings) => {
            refuse(settings, &["length"], &of_type)?;
            Ok(Maker::Now)
        }
        _ => {
            refuse(settings, &["length"], &of_type)?;
            range::wholes(name, column_type, settings).map(Maker::Whole)
        }
    }
}

/// Settings that mean nothing here are mistakes.
fn refuse(settings: &ColumnSettings, names: &[&str], place: &str) -> Result<(), String> {
    let given = |name: &&&str| match **name {
        "min" => settings.min.is_some(),
        "max" => settings.max.is_some(),
        "length" => settings.length.is_some(),
        _ => settings.sequence.as_ref().is_some_and(crate::Step::is_on),
    };
    match names.iter().find(given) {
        Some(name) => Err(format!("`{name}` means nothing {place}")),
        None => Ok(()),
    }
}
