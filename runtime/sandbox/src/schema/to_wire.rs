//! An Arrow schema as the contract's list of fields.

use arrow::datatypes::{DataType, Field, Schema};

use super::{format, physical};
use crate::{OpenError, bindings::azud::plugin::types};

/// A field that is not yet lent to the lowering, which borrows its texts.
pub(crate) struct WireField {
    pub(crate) name: String,
    pub(crate) format: String,
    pub(crate) nullable: bool,
    pub(crate) children: u32,
}

/// The fields of a schema in pre-order, in the layouts that a plugin gets.
pub(crate) fn fields(schema: &Schema) -> Result<Vec<WireField>, OpenError> {
    let mut wire = Vec::new();
    for field in schema.fields() {
        let refused = || OpenError::Type {
            column: field.name().clone(),
            data_type: field.data_type().to_string(),
        };
        let data_type = physical(field.data_type()).ok_or_else(refused)?;
        push(&mut wire, field.name(), &data_type, field.is_nullable()).ok_or_else(refused)?;
    }
    Ok(wire)
}

fn push(wire: &mut Vec<WireField>, name: &str, data_type: &DataType, nullable: bool) -> Option<()> {
    let (format, children): (String, Vec<&Field>) = match data_type {
        DataType::Struct(fields) => ("+s".into(), fields.iter().map(AsRef::as_ref).collect()),
        DataType::List(item) => ("+l".into(), vec![item]),
        DataType::FixedSizeList(item, size) => (format!("+w:{size}"), vec![item]),
        DataType::Map(entries, _) => ("+m".into(), vec![entries]),
        data_type => (format::of(data_type)?, Vec::new()),
    };
    wire.push(WireField {
        name: name.into(),
        format,
        nullable,
        children: u32::try_from(children.len()).ok()?,
    });
    for child in children {
        push(wire, child.name(), child.data_type(), child.is_nullable())?;
    }
    Some(())
}

// === impl WireField ===

impl WireField {
    pub(crate) fn lend(&self) -> types::FieldParam<'_> {
        types::FieldParam {
            name: &self.name,
            format: &self.format,
            nullable: self.nullable,
            children: self.children,
        }
    }
}
