//! A schema of Avro: its types by number, so that a name may lead back to a type above it.

use azud_model::TimestampUnit;
use serde_json::Value;

/// A schema, read and whole.
#[derive(Clone, PartialEq)]
pub struct AvroSchema {
    pub(super) types: Vec<Type>,
    pub(super) root: usize,
    /// As it was written.
    pub(super) text: String,
}

/// One type of a schema.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Type {
    pub(super) kind: Kind,
    pub(super) logical: Option<Logical>,
    /// Of records, enums and fixed.
    pub(super) name: Option<Name>,
}

/// A name with its namespace, and the others that it goes by.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Name {
    pub(super) full: String,
    pub(super) aliases: Vec<String>,
}

/// What a value of a type is made of; other types by their number.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(usize),
    Enum {
        symbols: Vec<String>,
        default: Option<String>,
    },
    Array(usize),
    Map(usize),
    Record(Vec<RecordField>),
    Union(Vec<usize>),
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RecordField {
    pub(super) name: String,
    pub(super) aliases: Vec<String>,
    pub(super) of: usize,
    pub(super) default: Option<Value>,
}

/// What a type stands for, where that is more than its bytes and a column can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Logical {
    Date,
    Timestamp(TimestampUnit),
    Decimal { precision: u64, scale: u64 },
}

// === impl AvroSchema ===

impl AvroSchema {
    /// The schema's text, as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The type of that number: null where there is none, which no schema has.
    pub(super) fn get(&self, number: usize) -> &Type {
        const NONE: &Type = &Type {
            kind: Kind::Null,
            logical: None,
            name: None,
        };
        self.types.get(number).unwrap_or(NONE)
    }

    /// The types of a union that are not null; the type itself where it is no union. And whether
    /// it can be null.
    pub(super) fn options(&self, number: usize) -> (Vec<usize>, bool) {
        let is_null = |number: &usize| matches!(self.get(*number).kind, Kind::Null);
        match &self.get(number).kind {
            Kind::Union(all) => {
                let options: Vec<_> = all.iter().copied().filter(|one| !is_null(one)).collect();
                let nullable = options.len() < all.len();
                (options, nullable)
            }
            Kind::Null => (Vec::new(), true),
            _ => (vec![number], false),
        }
    }
}

impl std::fmt::Debug for AvroSchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AvroSchema").field(&self.text).finish()
    }
}

// === impl Type ===

impl Type {
    /// In a sentence: "string", "enum `Suit`".
    pub(super) fn describe(&self) -> String {
        let kind = self.kind.name();
        match &self.name {
            Some(name) => format!("{kind} `{}`", name.full),
            None => kind.to_owned(),
        }
    }
}

// === impl Name ===

impl Name {
    /// The name without its namespace.
    pub(super) fn short(&self) -> &str {
        short(&self.full)
    }

    /// Whether a writer's type of that name is this one: by the name without its namespace, as
    /// the specification has it, or by an alias.
    pub(super) fn is(&self, writer: &Self) -> bool {
        self.short() == writer.short()
            || self
                .aliases
                .iter()
                .any(|alias| *alias == writer.full || short(alias) == writer.short())
    }
}

fn short(full: &str) -> &str {
    full.rsplit_once('.').map_or(full, |(_, short)| short)
}

// === impl Kind ===

impl Kind {
    /// The name in a schema.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::String => "string",
            Self::Fixed(_) => "fixed",
            Self::Enum { .. } => "enum",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Record(_) => "record",
            Self::Union(_) => "union",
        }
    }
}
