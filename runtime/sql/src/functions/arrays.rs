//! Functions on arrays and maps that DataFusion lacks or has otherwise.

use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::{DataType, Field};
use datafusion_common::cast::{as_list_array, as_map_array};
use datafusion_common::{Result, exec_err, plan_err};
use datafusion_expr::binary::comparison_coercion;
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::lists::{entries, entry, flatten, position, remove, sizes};

/// A function of an array or a map.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ArrayFunction {
    kind: Kind,
    signature: Signature,
    aliases: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// `size(array or map)`: how many elements; not those of inner arrays.
    Size,
    /// `array_position(array, element)`: from 1; 0 if it is not there.
    Position,
    /// `array_remove(array, element)`: without all that are equal.
    Remove,
    /// `flatten(array of arrays)`: null if one of them is.
    Flatten,
    /// `map_entries(map)`: structs of `key` and `value`.
    Entries,
}

// === impl ArrayFunction ===

impl ArrayFunction {
    pub(super) fn all() -> [Self; 5] {
        [
            Kind::Size,
            Kind::Position,
            Kind::Remove,
            Kind::Flatten,
            Kind::Entries,
        ]
        .map(|kind| Self {
            kind,
            signature: Signature::user_defined(Volatility::Immutable),
            aliases: match kind {
                Kind::Size => vec!["cardinality".to_owned(), "array_size".to_owned()],
                _ => Vec::new(),
            },
        })
    }
}

impl ScalarUDFImpl for ArrayFunction {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Size => "size",
            Kind::Position => "array_position",
            Kind::Remove => "array_remove",
            Kind::Flatten => "flatten",
            Kind::Entries => "map_entries",
        }
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match (self.kind, types) {
            (Kind::Size, [DataType::List(_) | DataType::Map(..)])
            | (Kind::Entries, [DataType::Map(..)]) => Ok(types.to_vec()),
            (Kind::Flatten, [DataType::List(inner)])
                if matches!(inner.data_type(), DataType::List(_)) =>
            {
                Ok(types.to_vec())
            }
            (Kind::Position | Kind::Remove, [DataType::List(item), element]) => {
                let Some(common) = common_type(item.data_type(), element) else {
                    return plan_err!(
                        "{} looks for what the array can hold: an element of the same type",
                        self.name()
                    );
                };
                let item = item.as_ref().clone().with_data_type(common.clone());
                Ok(vec![DataType::List(Arc::new(item)), common])
            }
            (Kind::Size, _) => plan_err!("size takes an array or a map"),
            (Kind::Entries, _) => plan_err!("map_entries takes a map"),
            (Kind::Flatten, _) => plan_err!("flatten takes an array of arrays"),
            (Kind::Position | Kind::Remove, _) => {
                plan_err!("{} takes an array and an element", self.name())
            }
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(match (self.kind, types) {
            (Kind::Size, _) => DataType::Int32,
            (Kind::Position, _) => DataType::Int64,
            (Kind::Remove, [list, ..]) => list.clone(),
            (Kind::Flatten, [DataType::List(inner)]) => inner.data_type().clone(),
            (Kind::Entries, [DataType::Map(entries, _)]) => DataType::List(Arc::new(
                Field::new_list_field(DataType::Struct(entry(entries.data_type())), true),
            )),
            _ => return plan_err!("{} takes an array or a map", self.name()),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = super::columns(&args)?;
        Ok(ColumnarValue::Array(
            match (self.kind, columns.as_slice()) {
                (Kind::Size, [of]) => match of.data_type() {
                    DataType::Map(..) => sizes(as_map_array(of)?.offsets(), of.nulls()),
                    _ => sizes(as_list_array(of)?.offsets(), of.nulls()),
                },
                (Kind::Position, [list, element]) => position(as_list_array(list)?, element)?,
                (Kind::Remove, [list, element]) => remove(as_list_array(list)?, element)?,
                (Kind::Flatten, [list]) => flatten(as_list_array(list)?)?,
                (Kind::Entries, [map]) => entries(as_map_array(map)?)?,
                _ => return exec_err!("{} takes an array or a map", self.name()),
            },
        ))
    }
}

/// In which type an element is compared with those of an array.
fn common_type(item: &DataType, element: &DataType) -> Option<DataType> {
    match (item, element) {
        (item, element) if item == element => Some(item.clone()),
        (only, DataType::Null) | (DataType::Null, only) => Some(only.clone()),
        // Numbers meet; nested types may differ in what their fields are called.
        (item, element)
            if item.is_numeric() && element.is_numeric()
                || item.is_nested() && element.is_nested() =>
        {
            comparison_coercion(item, element)
        }
        _ => None,
    }
}
