//! From a schema's JSON to its types.

use std::collections::HashMap;
use std::str::FromStr;

use azud_model::{Error, Result, TimestampUnit};
use serde_json::{Map, Value};

use super::schema::{AvroSchema, Kind, Logical, Name, RecordField, Type};

/// A larger schema is refused.
const LARGEST_SCHEMA: usize = 4 << 20;

/// A schema with more types is refused.
const MOST_TYPES: usize = 100_000;

impl FromStr for AvroSchema {
    type Err = Error;

    /// Reads a schema, strictly where its meaning is in question: unknown attributes are left
    /// alone, as the specification wants, and so are logical types that it does not know.
    fn from_str(text: &str) -> Result<Self> {
        if text.len() > LARGEST_SCHEMA {
            return Err(Error::invalid("the avro schema is larger than 4 MiB"));
        }
        let json: Value = serde_json::from_str(text)
            .map_err(|error| Error::invalid("the avro schema is not json").because(error))?;
        let mut reading = Reading::default();
        let root = reading.add(&json, "")?;
        Ok(Self {
            types: reading.types,
            root,
            text: text.to_owned(),
        })
    }
}

/// A schema, while it is read.
#[derive(Default)]
struct Reading {
    types: Vec<Type>,
    /// Those without a name, which one number is enough for.
    plain: HashMap<&'static str, usize>,
    named: HashMap<String, usize>,
    /// The fields around.
    path: Vec<String>,
}

// === impl Reading ===

impl Reading {
    fn add(&mut self, json: &Value, namespace: &str) -> Result<usize> {
        match json {
            Value::String(name) => self.reference(name, namespace),
            Value::Array(branches) => self.union(branches, namespace),
            Value::Object(object) => match object.get("type") {
                Some(Value::String(kind)) => self.object(kind, object, namespace),
                // What is around it has no meaning there.
                Some(inner) => self.add(inner, namespace),
                None => Err(self.wrong("a type has no attribute `type`")),
            },
            other => Err(self.wrong(&format!("{other} is no type"))),
        }
    }

    fn reference(&mut self, name: &str, namespace: &str) -> Result<usize> {
        if let Some(kind) = primitive(name) {
            if let Some(known) = self.plain.get(kind.name()) {
                return Ok(*known);
            }
            let key = kind.name();
            let number = self.push(kind, None, None)?;
            self.plain.insert(key, number);
            return Ok(number);
        }
        let found = self.named.get(&full_name(name, namespace));
        // As Java does: a name that its namespace does not have is looked for without one.
        let found = found.or_else(|| self.named.get(name));
        found.copied().ok_or_else(|| {
            self.wrong(&format!(
                "there is no type `{name}`; a type is defined before it is named, in the same schema"
            ))
        })
    }

    fn union(&mut self, branches: &[Value], namespace: &str) -> Result<usize> {
        let mut numbers = Vec::new();
        let mut seen = Vec::new();
        for branch in branches {
            let number = self.add(branch, namespace)?;
            let Some(added) = self.types.get(number) else {
                continue;
            };
            if matches!(added.kind, Kind::Union(_)) {
                return Err(self.wrong("a union is directly within a union"));
            }
            let what = added.describe();
            if seen.contains(&what) {
                return Err(self.wrong(&format!("a union has {what} twice")));
            }
            seen.push(what);
            numbers.push(number);
        }
        if numbers.is_empty() {
            return Err(self.wrong("a union has no branch"));
        }
        self.push(Kind::Union(numbers), None, None)
    }

    fn object(
        &mut self,
        kind: &str,
        object: &Map<String, Value>,
        namespace: &str,
    ) -> Result<usize> {
        match kind {
            "record" | "error" => self.record(object, namespace),
            "enum" => {
                let symbols = self.texts(object, "symbols")?;
                let default = object.get("default").and_then(Value::as_str);
                let default = default.map(str::to_owned);
                if default.iter().any(|default| !symbols.contains(default)) {
                    return Err(self.wrong("the default of an enum is none of its symbols"));
                }
                let name = self.name(object, namespace)?;
                self.push(Kind::Enum { symbols, default }, None, Some(name))
            }
            "fixed" => {
                let size = object.get("size").and_then(Value::as_u64);
                let size = size.and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or_else(|| self.wrong("a fixed has no `size`"))?;
                let name = self.name(object, namespace)?;
                let logical = decimal(object, Some(size));
                self.push(Kind::Fixed(size), logical, Some(name))
            }
            "array" => {
                let items = self.inner(object, "items", namespace)?;
                self.push(Kind::Array(items), None, None)
            }
            "map" => {
                let values = self.inner(object, "values", namespace)?;
                self.push(Kind::Map(values), None, None)
            }
            _ => match (primitive(kind), logical(kind, object)) {
                (Some(kind), Some(logical)) => self.push(kind, Some(logical), None),
                _ => self.reference(kind, namespace),
            },
        }
    }

    fn inner(&mut self, object: &Map<String, Value>, key: &str, namespace: &str) -> Result<usize> {
        match object.get(key) {
            Some(inner) => self.add(inner, namespace),
            None => Err(self.wrong(&format!("a type has no attribute `{key}`"))),
        }
    }

    fn record(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<usize> {
        let name = self.name(object, namespace)?;
        let within = name.full.rsplit_once('.').map_or("", |(within, _)| within);
        let within = within.to_owned();
        let Some(Value::Array(fields)) = object.get("fields") else {
            return Err(self.wrong(&format!("record `{}` has no list of `fields`", name.full)));
        };
        // Known before its fields: they may name it.
        let number = self.push(Kind::Record(Vec::new()), None, Some(name))?;
        let mut read: Vec<RecordField> = Vec::with_capacity(fields.len());
        for field in fields {
            let field_name = field.get("name").and_then(Value::as_str);
            let field_name = field_name.filter(|name| !name.is_empty());
            let field_name = field_name.ok_or_else(|| self.wrong("a field has no `name`"))?;
            if read.iter().any(|other| other.name == field_name) {
                return Err(self.wrong(&format!("there are two fields `{field_name}`")));
            }
            self.path.push(field_name.to_owned());
            let of = match field.get("type") {
                Some(of) => self.add(of, &within)?,
                None => return Err(self.wrong("it has no `type`")),
            };
            let aliases = match field.as_object() {
                Some(object) if object.contains_key("aliases") => self.texts(object, "aliases")?,
                _ => Vec::new(),
            };
            self.path.pop();
            read.push(RecordField {
                name: field_name.to_owned(),
                aliases,
                of,
                default: field.get("default").cloned(),
            });
        }
        if let Some(record) = self.types.get_mut(number) {
            record.kind = Kind::Record(read);
        }
        Ok(number)
    }

    fn name(&self, object: &Map<String, Value>, namespace: &str) -> Result<Name> {
        let name = object.get("name").and_then(Value::as_str);
        let name = name.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| self.wrong("a record, enum or fixed has no `name`"))?;
        let own = object.get("namespace").and_then(Value::as_str);
        let full = full_name(name, own.unwrap_or(namespace));
        let within = full.rsplit_once('.').map_or("", |(within, _)| within);
        let aliases = match object.contains_key("aliases") {
            true => self.texts(object, "aliases")?,
            false => Vec::new(),
        };
        let aliases = aliases.iter().map(|alias| full_name(alias, within));
        Ok(Name {
            aliases: aliases.collect(),
            full,
        })
    }

    fn texts(&self, object: &Map<String, Value>, key: &str) -> Result<Vec<String>> {
        let list = object.get(key).and_then(Value::as_array);
        let texts = list.and_then(|list| {
            let texts = list.iter().map(|text| text.as_str().map(str::to_owned));
            texts.collect::<Option<Vec<_>>>()
        });
        texts.ok_or_else(|| self.wrong(&format!("`{key}` is no list of names")))
    }

    fn push(&mut self, kind: Kind, logical: Option<Logical>, name: Option<Name>) -> Result<usize> {
        let number = self.types.len();
        if number >= MOST_TYPES {
            return Err(self.wrong("it has more than 100000 types"));
        }
        if let Some(name) = &name
            && self.named.insert(name.full.clone(), number).is_some()
        {
            return Err(self.wrong(&format!("there are two types `{}`", name.full)));
        }
        self.types.push(Type {
            kind,
            logical,
            name,
        });
        Ok(number)
    }

    fn wrong(&self, what: &str) -> Error {
        let place = match self.path.as_slice() {
            [] => String::new(),
            path => format!("field `{}`: ", path.join(".")),
        };
        Error::invalid(format!("the avro schema is wrong: {place}{what}"))
    }
}

fn primitive(name: &str) -> Option<Kind> {
    Some(match name {
        "null" => Kind::Null,
        "boolean" => Kind::Boolean,
        "int" => Kind::Int,
        "long" => Kind::Long,
        "float" => Kind::Float,
        "double" => Kind::Double,
        "bytes" => Kind::Bytes,
        "string" => Kind::String,
        _ => return None,
    })
}

/// A name with dots has its namespace in it.
fn full_name(name: &str, namespace: &str) -> String {
    match name.contains('.') || namespace.is_empty() {
        true => name.trim_start_matches('.').to_owned(),
        false => format!("{namespace}.{name}"),
    }
}

/// What an unknown or impossible logical type annotates is the bare type: the specification
/// asks readers to go on with that.
fn logical(kind: &str, object: &Map<String, Value>) -> Option<Logical> {
    let logical = object.get("logicalType").and_then(Value::as_str)?;
    match (kind, logical) {
        ("int", "date") => Some(Logical::Date),
        ("long", "timestamp-millis" | "local-timestamp-millis") => {
            Some(Logical::Timestamp(TimestampUnit::Millisecond))
        }
        ("long", "timestamp-micros" | "local-timestamp-micros") => {
            Some(Logical::Timestamp(TimestampUnit::Microsecond))
        }
        ("long", "timestamp-nanos" | "local-timestamp-nanos") => {
            Some(Logical::Timestamp(TimestampUnit::Nanosecond))
        }
        ("bytes", "decimal") => decimal(object, None),
        _ => None,
    }
}

fn decimal(object: &Map<String, Value>, size: Option<usize>) -> Option<Logical> {
    if object.get("logicalType").and_then(Value::as_str) != Some("decimal") {
        return None;
    }
    let precision = object.get("precision").and_then(Value::as_u64)?;
    let scale = match object.get("scale") {
        Some(scale) => scale.as_u64()?,
        None => 0,
    };
    // 8 bits of a fixed hold 2.4 digits, but for the sign.
    let holds = |size: usize| (8.0 * size as f64 - 1.0) * std::f64::consts::LOG10_2;
    let fits = size.is_none_or(|size| precision as f64 <= holds(size).max(0.0).floor());
    (precision > 0 && scale <= precision && fits).then_some(Logical::Decimal { precision, scale })
}
