//! Elements of arrays and maps: `a[0]`, `m['key']`, `element_at`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, MapArray, UInt32Array, make_comparator};
use arrow::compute::{SortOptions, cast, take};
use arrow::datatypes::{DataType, Int64Type};
use datafusion_common::cast::{as_list_array, as_map_array};
use datafusion_common::{Result, exec_err, plan_err};
use datafusion_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// One element. Out of bounds is an error, a key that a map lacks is null.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Subscript {
    /// 0 for `[]`; 1 for `element_at`, which also counts from the end.
    first: i64,
    signature: Signature,
}

// === impl Subscript ===

impl Subscript {
    /// `element_at(array, 1)`.
    pub(super) fn element_at() -> Self {
        Self {
            first: 1,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }

    /// `array[0]`.
    pub(crate) fn call(of: Expr, at: Expr) -> Expr {
        Arc::new(ScalarUDF::from(Self {
            first: 0,
            signature: Signature::user_defined(Volatility::Immutable),
        }))
        .call(vec![of, at])
    }

    /// Where in the values the element of a row lies.
    fn at(&self, index: i64, start: i32, length: usize) -> Result<u32> {
        let size = i64::try_from(length).unwrap_or(i64::MAX);
        let offset = match self.first {
            1 if index < 0 => size.checked_add(index).unwrap_or(-1),
            first => index.checked_sub(first).unwrap_or(-1),
        };
        if index == 0 && self.first == 1 {
            return exec_err!("element_at counts from 1, not from 0");
        }
        if offset < 0 || offset >= size {
            return exec_err!("index {index} is out of bounds: the array has {length} elements");
        }
        let at = i64::from(start) + offset;
        u32::try_from(at).or_else(|_| exec_err!("index {index} is out of bounds"))
    }

    fn list_elements(&self, list: &ArrayRef, index: &ArrayRef) -> Result<ArrayRef> {
        let list = as_list_array(list)?;
        let index = cast(index, &DataType::Int64)?;
        let index = index.as_primitive::<Int64Type>();
        let lengths = list.offsets().lengths();
        let places = list.offsets().iter().zip(lengths).zip(index).enumerate();
        let at = places
            .map(|(row, ((start, length), index))| match index {
                Some(index) if list.is_valid(row) => self.at(index, *start, length).map(Some),
                _ => Ok(None),
            })
            .collect::<Result<UInt32Array>>()?;
        Ok(take(list.values(), &at, None)?)
    }
}

impl ScalarUDFImpl for Subscript {
    fn name(&self) -> &str {
        match self.first {
            0 => "azud_subscript",
            _ => "element_at",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [list @ DataType::List(_), index] if index.is_integer() || index.is_null() => {
                Ok(vec![list.clone(), DataType::Int64])
            }
            [map @ DataType::Map(entries, _), _] => match entries.data_type() {
                DataType::Struct(fields) => match fields.first() {
                    Some(key) => Ok(vec![map.clone(), key.data_type().clone()]),
                    None => plan_err!("a map has keys"),
                },
                _ => plan_err!("a map has entries"),
            },
            _ => plan_err!(
                "an element is taken from an array by its number, or from a map by its key"
            ),
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [DataType::List(item), _] => Ok(item.data_type().clone()),
            [DataType::Map(entries, _), _] => match entries.data_type() {
                DataType::Struct(fields) => match fields.get(1) {
                    Some(value) => Ok(value.data_type().clone()),
                    None => plan_err!("a map has values"),
                },
                _ => plan_err!("a map has entries"),
            },
            _ => plan_err!("an element is taken from an array or a map"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [of, at] = args.args.as_slice() else {
            return exec_err!("an element needs a collection and a place");
        };
        let (of, at) = (
            of.to_array(args.number_rows)?,
            at.to_array(args.number_rows)?,
        );
        let result = match of.data_type() {
            DataType::Map(..) => map_values(as_map_array(&of)?, &at)?,
            _ => self.list_elements(&of, &at)?,
        };
        Ok(ColumnarValue::Array(result))
    }
}

fn map_values(map: &MapArray, key: &ArrayRef) -> Result<ArrayRef> {
    let same = make_comparator(map.keys(), key, SortOptions::default())?;
    let lengths = map.offsets().lengths();
    let at: UInt32Array = map
        .offsets()
        .iter()
        .zip(lengths)
        .enumerate()
        .map(|(row, (start, length))| {
            if map.is_null(row) || key.is_null(row) {
                return None;
            }
            let start = usize::try_from(*start).ok()?;
            let found = (start..start + length).find(|entry| same(*entry, row).is_eq())?;
            u32::try_from(found).ok()
        })
        .collect();
    Ok(take(map.values(), &at, None)?)
}
