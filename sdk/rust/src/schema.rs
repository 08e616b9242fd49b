//! Fields as they cross the boundary, and where their buffers are.

/// One field of a schema; nested fields follow their parent in pre-order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The column's name.
    pub name: String,
    /// The Arrow format string of its type (`"l"` is int64).
    pub format: String,
    /// Whether a row may be null.
    pub nullable: bool,
    /// How many of the fields that follow are direct children of this one.
    pub children: u32,
}

/// How many fields `fields[at]` spans: itself and all its descendants.
pub(crate) fn span(fields: &[Field], at: usize) -> usize {
    let children = fields.get(at).map_or(0, |field| field.children);
    (0..children).fold(1, |length, _| length + span(fields, at + length))
}

/// How many buffers a field has of its own, its children's not counted.
pub(crate) fn buffers(format: &str) -> usize {
    match format {
        "u" | "z" => 3,
        "+s" => 1,
        _ if format.starts_with("+w:") => 1,
        _ => 2,
    }
}

/// A type for an error text: SQL's word where there is one, not the format.
pub(crate) fn name_of(format: &str) -> &str {
    match format {
        "b" => "boolean",
        "c" => "int8",
        "s" => "int16",
        "i" => "int",
        "l" => "bigint",
        "C" => "uint8",
        "S" => "uint16",
        "I" => "uint32",
        "L" => "uint64",
        "f" => "float",
        "g" => "double",
        "u" => "string",
        "z" => "binary",
        "tdD" => "date",
        "ttm" | "ttu" => "time",
        "+s" => "struct",
        "+l" => "array",
        "+m" => "map",
        _ if format.starts_with("ts") => "timestamp",
        _ if format.starts_with("d:") => "decimal",
        _ if format.starts_with("tD") => "duration",
        _ if format.starts_with("w:") => "binary of a fixed length",
        _ if format.starts_with("+w:") => "array of a fixed length",
        _ => format,
    }
}
