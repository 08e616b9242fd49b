//! Keeps the rows whose column compares with a number, a text or a boolean.
//!
//! Columns are typed: JSON was decoded by the source. See `README.md`.

mod config;
mod range;
#[cfg(test)]
mod tests;

use azud_plugin::{
    Batch, Bool, Error, Float32, Float64, Int8, Int16, Int32, Int64, Output, Result, Setup,
    Transform, Type, UInt8, UInt16, UInt32, Utf8,
};
use config::Config;
use range::{Floats, Integers};

/// What a row's value has to be.
enum Filter {
    Integers(Width, Integers),
    Float32(Floats),
    Float64(Floats),
    Text(String),
    Bool(bool),
}

/// The integer types, which all compare as `i64`.
enum Width {
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
}

azud_plugin::transform!(Filter);

// === impl Filter ===

impl Transform for Filter {
    type Config = Config;

    fn open(config: Config, setup: &mut Setup) -> Result<Self> {
        let column = config.column(setup.input())?;
        let fields = setup.read_any(&column)?;
        let format = fields.first().map_or("", |field| field.format.as_str());
        setup.carry_all();
        let width = match format {
            "c" => Some(Width::Int8),
            "s" => Some(Width::Int16),
            "i" => Some(Width::Int32),
            "l" => Some(Width::Int64),
            "C" => Some(Width::UInt8),
            "S" => Some(Width::UInt16),
            "I" => Some(Width::UInt32),
            _ => None,
        };
        match (width, format) {
            (Some(width), _) => Ok(Self::Integers(width, config.integers(&column)?)),
            (_, "f") => Ok(Self::Float32(config.floats(&column)?)),
            (_, "g") => Ok(Self::Float64(config.floats(&column)?)),
            (_, "u") => config.text(&column).map(Self::Text),
            (_, "b") => config.boolean(&column).map(Self::Bool),
            _ => Err(Error::new(format!(
                "column `{column}` is neither a number, nor text, nor boolean: filter it in SQL"
            ))),
        }
    }

    fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<()> {
        match self {
            Self::Integers(Width::Int8, range) => {
                keep::<Int8>(batch, out, |value| range.has(value.into()))
            }
            Self::Integers(Width::Int16, range) => {
                keep::<Int16>(batch, out, |value| range.has(value.into()))
            }
            Self::Integers(Width::Int32, range) => {
                keep::<Int32>(batch, out, |value| range.has(value.into()))
            }
            Self::Integers(Width::Int64, range) => {
                keep::<Int64>(batch, out, |value| range.has(value))
            }
            Self::Integers(Width::UInt8, range) => {
                keep::<UInt8>(batch, out, |value| range.has(value.into()))
            }
            Self::Integers(Width::UInt16, range) => {
                keep::<UInt16>(batch, out, |value| range.has(value.into()))
            }
            Self::Integers(Width::UInt32, range) => {
                keep::<UInt32>(batch, out, |value| range.has(value.into()))
            }
            Self::Float32(floats) => keep::<Float32>(batch, out, |value| floats.has(value.into())),
            Self::Float64(floats) => keep::<Float64>(batch, out, |value| floats.has(value)),
            Self::Text(text) => keep::<Utf8>(batch, out, |value| value == text),
            Self::Bool(bool) => keep::<Bool>(batch, out, |value| value == *bool),
        }
    }
}

/// Keeps the rows whose value fits; null fits nothing, as in SQL.
fn keep<T: Type>(
    batch: &Batch,
    out: &mut Output,
    fits: impl Fn(T::Value<'_>) -> bool,
) -> Result<()> {
    for (row, value) in batch.column::<T>(0)?.iter().enumerate() {
        if value.is_some_and(&fits) {
            out.keep(row);
        }
    }
    Ok(())
}
