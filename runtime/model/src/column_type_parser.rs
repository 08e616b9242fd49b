//! Reads a type's SQL name: `decimal(10,2)`, `array<struct<a:int,b:string>>`.

use std::str::FromStr;

use crate::{Column, ColumnType, TimestampUnit};

/// Types deeper than this are refused: nobody writes them, and they would exhaust the stack.
const MAX_DEPTH: usize = 32;

/// Why a text is no type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnTypeError {
    /// No type has that name.
    #[error("unknown type `{0}`: one of {NAMES}")]
    Unknown(String),
    /// The text ends or goes on where it should not.
    #[error("bad type `{text}`: {problem}")]
    Malformed {
        /// The whole text.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
}

const NAMES: &str = "string, boolean, tinyint, smallint, int, bigint, float, double, \
    decimal(p,s), date, timestamp, timestamp(s|ms|us|ns), binary, array<...>, map<...,...>, struct<name:type,...>";

impl FromStr for ColumnType {
    type Err = ColumnTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parser = Parser { text, rest: text };
        let column_type = parser.column_type(0)?;
        match parser.rest.trim() {
            "" => Ok(column_type),
            rest => Err(parser.malformed(format!("`{rest}` is left over"))),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
}

// === impl Parser ===

impl<'a> Parser<'a> {
    fn column_type(&mut self, depth: usize) -> Result<ColumnType, ColumnTypeError> {
        if depth > MAX_DEPTH {
            return Err(self.malformed(format!("nested more than {MAX_DEPTH} deep")));
        }
        let name = self.word();
        Ok(match name.to_ascii_lowercase().as_str() {
            "boolean" | "bool" => ColumnType::Boolean,
            "tinyint" | "byte" => ColumnType::TinyInt,
            "smallint" | "short" => ColumnType::SmallInt,
            "int" | "integer" => ColumnType::Int,
            "bigint" | "long" => ColumnType::BigInt,
            "float" | "real" => ColumnType::Float,
            "double" => ColumnType::Double,
            "decimal" | "dec" | "numeric" => self.decimal()?,
            "string" => ColumnType::String,
            "binary" => ColumnType::Binary,
            "date" => ColumnType::Date,
            "timestamp" => ColumnType::Timestamp(self.unit()?),
            "array" => {
                self.expect('<')?;
                let element = self.column_type(depth + 1)?;
                self.expect('>')?;
                ColumnType::Array(Box::new(element))
            }
            "map" => {
                self.expect('<')?;
                let key = self.column_type(depth + 1)?;
                self.expect(',')?;
                let value = self.column_type(depth + 1)?;
                self.expect('>')?;
                ColumnType::Map(Box::new(key), Box::new(value))
            }
            "struct" => ColumnType::Struct(self.columns(depth)?),
            "" => return Err(self.malformed("a type is missing".into())),
            _ => return Err(ColumnTypeError::Unknown(name.to_owned())),
        })
    }

    fn decimal(&mut self) -> Result<ColumnType, ColumnTypeError> {
        if !self.accept('(') {
            return Ok(ColumnType::Decimal(10, 0));
        }
        let precision: u8 = self.number()?;
        let scale: i8 = if self.accept(',') { self.number()? } else { 0 };
        self.expect(')')?;
        let scale_fits = u8::try_from(scale).is_ok_and(|scale| scale <= precision);
        if !(1..=38).contains(&precision) || !scale_fits {
            return Err(self.malformed(
                "a decimal has a precision of 1 to 38 and a scale of 0 to its precision".into(),
            ));
        }
        Ok(ColumnType::Decimal(precision, scale))
    }

    fn unit(&mut self) -> Result<TimestampUnit, ColumnTypeError> {
        if !self.accept('(') {
            return Ok(TimestampUnit::default());
        }
        let unit = match self.word() {
            "s" => TimestampUnit::Second,
            "ms" => TimestampUnit::Millisecond,
            "us" => TimestampUnit::Microsecond,
            "ns" => TimestampUnit::Nanosecond,
            other => {
                return Err(self.malformed(format!("`{other}` is no unit: one of s, ms, us, ns")));
            }
        };
        self.expect(')')?;
        Ok(unit)
    }

    fn columns(&mut self, depth: usize) -> Result<Vec<Column>, ColumnTypeError> {
        self.expect('<')?;
        let mut columns: Vec<Column> = Vec::new();
        loop {
            let name = self.word().to_owned();
            if name.is_empty() {
                return Err(self.malformed("a field's name is missing".into()));
            }
            if columns.iter().any(|column| column.name == name) {
                return Err(self.malformed(format!("the field `{name}` is there twice")));
            }
            self.expect(':')?;
            let column_type = self.column_type(depth + 1)?;
            columns.push(Column { name, column_type });
            if !self.accept(',') {
                self.expect('>')?;
                return Ok(columns);
            }
        }
    }

    fn word(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        let end = self
            .rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn number<T: FromStr>(&mut self) -> Result<T, ColumnTypeError> {
        let word = self.word();
        word.parse()
            .map_err(|_| self.malformed(format!("`{word}` is not a small whole number")))
    }

    fn accept(&mut self, wanted: char) -> bool {
        match self.rest.trim_start().strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, wanted: char) -> Result<(), ColumnTypeError> {
        if self.accept(wanted) {
            return Ok(());
        }
        let found = match self.rest.trim_start().chars().next() {
            Some(found) => format!("found `{found}`"),
            None => "it ends".to_owned(),
        };
        Err(self.malformed(format!("expected `{wanted}`, {found}")))
    }

    fn malformed(&self, problem: String) -> ColumnTypeError {
        ColumnTypeError::Malformed {
            text: self.text.to_owned(),
            problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read_and_written_under_its_sql_name() {
        for text in [
            "string",
            "boolean",
            "tinyint",
            "smallint",
            "int",
            "bigint",
            "float",
            "double",
            "date",
            "binary",
            "timestamp",
            "timestamp(s)",
            "timestamp(ns)",
            "decimal(10,2)",
            "array<bigint>",
            "map<string,array<int>>",
            "struct<a:int,b:struct<c:decimal(38,0)>>",
        ] {
            let parsed: ColumnType = text.parse().unwrap();
            let again = ColumnType::from_arrow(&parsed.to_arrow()).unwrap();
            assert_eq!(parsed.to_string(), text);
            if !matches!(parsed, ColumnType::Timestamp(_)) {
                assert_eq!(again, parsed);
            }
        }
    }

    #[test]
    fn spaces_case_and_synonyms_do_not_matter() {
        let parsed: ColumnType = " Map < STRING , Decimal ( 5 ) > ".parse().unwrap();
        assert_eq!(parsed.to_string(), "map<string,decimal(5,0)>");
    }

    #[test]
    fn what_is_no_type_says_why() {
        for (text, expected) in [
            ("bigin", "unknown type `bigin`"),
            ("", "bad type ``: a type is missing"),
            ("array<int", "bad type `array<int`: expected `>`, it ends"),
            ("int)", "bad type `int)`: `)` is left over"),
            ("decimal(39,2)", "a precision of 1 to 38"),
            ("decimal(3,4)", "a scale of 0 to its precision"),
            ("timestamp(m)", "`m` is no unit: one of s, ms, us, ns"),
            ("struct<a:int,a:int>", "the field `a` is there twice"),
        ] {
            let error = text.parse::<ColumnType>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let deep = "array<".repeat(5000);
        assert!(deep.parse::<ColumnType>().is_err());
    }
}
