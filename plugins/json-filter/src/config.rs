//! The step's `config:`.

use azud_plugin::{Error, Field, Result};

use crate::range::{Floats, Integers};

/// A column, and what its values are compared with. All that is given must hold.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The column to compare; may be left out where only one can be.
    column: Option<String>,
    above: Option<Number>,
    at_least: Option<Number>,
    below: Option<Number>,
    at_most: Option<Number>,
    equals: Option<Equals>,
}

/// A number as it was written.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(untagged)]
pub(crate) enum Number {
    Integer(i64),
    Float(f64),
}

#[derive(Clone, Debug, serde::Deserialize)]
#[serde(untagged)]
enum Equals {
    Bool(bool),
    Number(Number),
    Text(String),
}

// === impl Config ===

impl Config {
    /// The column to compare, of an input with these fields.
    pub(crate) fn column<'a>(&self, input: impl Iterator<Item = &'a Field>) -> Result<String> {
        if let Some(column) = &self.column {
            return Ok(column.clone());
        }
        let fits: fn(&str) -> bool = match self.equals {
            Some(Equals::Text(_)) => |format| format == "u",
            Some(Equals::Bool(_)) => |format| format == "b",
            Some(Equals::Number(_)) | None => {
                |format| matches!(format, "c" | "s" | "i" | "l" | "C" | "S" | "I" | "f" | "g")
            }
        };
        let names: Vec<_> = input
            .filter(|field| fits(&field.format))
            .map(|field| field.name.clone())
            .collect();
        match <[String; 1]>::try_from(names) {
            Ok([column]) => Ok(column),
            Err(names) if names.is_empty() => Err(Error::new(
                "no column of the input can be compared with that",
            )),
            Err(names) => Err(Error::new(format!(
                "`column` is missing: it could be any of {}",
                names.join(", ")
            ))),
        }
    }

    pub(crate) fn integers(&self, column: &str) -> Result<Integers> {
        let equals = self.number(column)?;
        Ok(Integers::ALL
            .from(self.above.map(|number| number.floor() + 1))
            .from(self.at_least.map(Number::ceil))
            .to(self.below.map(|number| number.ceil() - 1))
            .to(self.at_most.map(Number::floor))
            .from(equals.map(Number::ceil))
            .to(equals.map(Number::floor)))
    }

    pub(crate) fn floats(&self, column: &str) -> Result<Floats> {
        let float = |number: Option<Number>| number.map(Number::float);
        let equals = self.number(column)?;
        Ok(Floats {
            above: float(self.above),
            at_least: float(self.at_least),
            below: float(self.below),
            at_most: float(self.at_most),
            equals: float(equals),
        })
    }

    pub(crate) fn text(&self, column: &str) -> Result<String> {
        match &self.equals {
            Some(Equals::Text(text)) if self.is_plain() => Ok(text.clone()),
            _ => Err(Error::new(format!(
                "column `{column}` is text: give `equals` with a text"
            ))),
        }
    }

    pub(crate) fn boolean(&self, column: &str) -> Result<bool> {
        match self.equals {
            Some(Equals::Bool(bool)) if self.is_plain() => Ok(bool),
            _ => Err(Error::new(format!(
                "column `{column}` is boolean: give `equals: true` or `equals: false`"
            ))),
        }
    }

    /// The number to be equal to; something must be given.
    fn number(&self, column: &str) -> Result<Option<Number>> {
        match &self.equals {
            Some(Equals::Number(number)) => Ok(Some(*number)),
            None if !self.is_plain() => Ok(None),
            _ => Err(Error::new(format!(
                "column `{column}` is a number: give one or more of above, at_least, below, at_most, equals with a number"
            ))),
        }
    }

    /// Whether nothing but `equals` is given.
    fn is_plain(&self) -> bool {
        [self.above, self.at_least, self.below, self.at_most]
            .iter()
            .all(Option::is_none)
    }
}

// === impl Number ===

impl Number {
    fn float(self) -> f64 {
        match self {
            Self::Integer(number) => number as f64,
            Self::Float(number) => number,
        }
    }

    fn floor(self) -> i128 {
        match self {
            Self::Integer(number) => number.into(),
            Self::Float(number) => whole(number.floor()),
        }
    }

    fn ceil(self) -> i128 {
        match self {
            Self::Integer(number) => number.into(),
            Self::Float(number) => whole(number.ceil()),
        }
    }
}

/// Far enough out that one more or less does not overflow.
fn whole(number: f64) -> i128 {
    (number as i128).clamp(i64::MIN as i128 - 2, i64::MAX as i128 + 2)
}
