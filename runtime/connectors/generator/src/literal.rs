//! Values that stand in the manifest: read as the JSON format reads them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use azud_connect::{Format, FormatOptions, Records, decoder};
use azud_model::{Column, ColumnType, Partition};
use serde_json::{Value, json};

/// Values of a column.
///
/// # Errors
/// Which value does not fit, and why.
pub(crate) fn literals(
    name: &str,
    column_type: &ColumnType,
    values: &[Value],
) -> Result<ArrayRef, String> {
    let column = Column {
        name: name.to_owned(),
        column_type: column_type.clone(),
    };
    let options = FormatOptions {
        format: Format::Json,
        schema: vec![column],
        header: false,
        keep: Vec::new(),
        payload: "value".to_owned(),
        payload_at: 0,
        avro: None,
    };
    let records = Records {
        partition: Arc::new(Partition {
            source: String::new(),
            name: String::new(),
        }),
        first: 0,
        positions: None,
        payload: values
            .iter()
            .map(|value| json!({ name: value }).to_string())
            .collect(),
        bad: Vec::new(),
        header: None,
        metadata: None,
    };
    let mut decoder = decoder(&options).map_err(|error| error.to_string())?;
    let decoded = decoder
        .decode(&records)
        .map_err(|error| error.to_string())?;
    if let Some(bad) = decoded.bad.first() {
        // The reason names the column, and so does whoever shows it.
        let reason = bad.reason.strip_prefix(&format!("column `{name}`: "));
        return Err(reason.unwrap_or(&bad.reason).to_owned());
    }
    let column = decoded.batch.columns().columns().first().cloned();
    let column = column.ok_or_else(|| "a decoder that makes no column".to_owned())?;
    if column.null_count() > 0 {
        return Err("null is no value: use `null_ratio`".to_owned());
    }
    Ok(column)
}

/// One value as a whole number: see [`crate::whole`].
pub(crate) fn whole(name: &str, column_type: &ColumnType, value: &Value) -> Result<i64, String> {
    let column = literals(name, column_type, std::slice::from_ref(value))?;
    let number = match column.data_type() {
        DataType::Decimal128(_, _) => {
            let units = column
                .as_primitive::<Decimal128Type>()
                .iter()
                .next()
                .flatten();
            units.and_then(|units| i64::try_from(units).ok())
        }
        other => {
            let narrow = *other == DataType::Date32;
            let column = if narrow {
                cast(&column, &DataType::Int32)
            } else {
                Ok(column)
            };
            let column = column.and_then(|column| cast(&column, &DataType::Int64));
            let column = column.map_err(|error| error.to_string())?;
            column.as_primitive::<Int64Type>().iter().next().flatten()
        }
    };
    number.ok_or_else(|| format!("{value} has more than 18 digits"))
}

/// One value as a double.
pub(crate) fn double(name: &str, value: &Value) -> Result<f64, String> {
    let column = literals(name, &ColumnType::Double, std::slice::from_ref(value))?;
    let number = column.as_primitive::<Float64Type>().iter().next().flatten();
    match number {
        Some(number) if number.is_finite() => Ok(number),
        _ => Err(format!("{value} is not finite")),
    }
}
