//! `posexplode`'s positions: for an array of three, `[0, 1, 2]`.

use std::sync::Arc;

use arrow::array::{Array, Int32Array, ListArray};
use arrow::datatypes::{DataType, Field};
use datafusion_common::cast::as_list_array;
use datafusion_common::{Result, exec_err, plan_err};
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Positions {
    signature: Signature,
}

// === impl Positions ===

impl Positions {
    pub(super) fn new() -> Self {
        Self {
            signature: Signature::any(1, Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for Positions {
    fn name(&self) -> &str {
        "azud_positions"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [DataType::List(_)] => Ok(DataType::List(Arc::new(Field::new_list_field(
                DataType::Int32,
                true,
            )))),
            _ => plan_err!("posexplode takes an array"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [list] = args.args.as_slice() else {
            return exec_err!("posexplode takes one array");
        };
        let list = list.to_array(args.number_rows)?;
        let list = as_list_array(&list)?;
        let lengths = list.offsets().lengths().collect::<Vec<_>>();
        let values: Int32Array = lengths
            .iter()
            .flat_map(|length| (0i32..).take(*length))
            .collect::<Vec<_>>()
            .into();
        let field = Arc::new(Field::new_list_field(DataType::Int32, true));
        let offsets = arrow::buffer::OffsetBuffer::from_lengths(lengths);
        let positions =
            ListArray::try_new(field, offsets, Arc::new(values), list.nulls().cloned())?;
        Ok(ColumnarValue::Array(Arc::new(positions)))
    }
}
