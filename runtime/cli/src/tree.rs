//! Columns as a tree: what Spark's `printSchema` prints (`StructType.treeString`).

use std::fmt::Write;

use arrow::datatypes::{DataType, Field, Schema};
use azud_model::ColumnType;

/// The columns, a line each, and what they are made of below them.
pub(crate) fn tree(schema: &Schema) -> String {
    let mut out = String::from("root\n");
    for field in schema.fields() {
        column(field, " |", "nullable", &mut out);
    }
    out
}

fn column(field: &Field, indent: &str, says: &str, out: &mut String) {
    let (name, nullable) = (field.name(), field.is_nullable());
    let kind = type_name(field.data_type());
    // A `String` takes everything.
    let _ = writeln!(out, "{indent}-- {name}: {kind} ({says} = {nullable})");
    inside(field.data_type(), &format!("{indent}    |"), out);
}

/// What a type is made of.
fn inside(data_type: &DataType, indent: &str, out: &mut String) {
    match data_type {
        DataType::Struct(fields) => {
            for field in fields {
                column(field, indent, "nullable", out);
            }
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            let item = item.as_ref().clone().with_name("element");
            column(&item, indent, "containsNull", out);
        }
        DataType::Map(entries, _) => {
            if let DataType::Struct(pair) = entries.data_type()
                && let [key, value] = pair.iter().as_slice()
            {
                let kind = type_name(key.data_type());
                let _ = writeln!(out, "{indent}-- key: {kind}");
                inside(key.data_type(), &format!("{indent}    |"), out);
                let value = value.as_ref().clone().with_name("value");
                column(&value, indent, "valueContainsNull", out);
            }
        }
        DataType::Dictionary(_, value) => inside(value, indent, out),
        _ => {}
    }
}

/// Spark's `typeName`.
fn type_name(data_type: &DataType) -> String {
    match ColumnType::from_arrow(data_type) {
        Some(ColumnType::TinyInt) => "byte".to_owned(),
        Some(ColumnType::SmallInt) => "short".to_owned(),
        Some(ColumnType::Int) => "integer".to_owned(),
        Some(ColumnType::BigInt) => "long".to_owned(),
        Some(ColumnType::Timestamp(_)) => "timestamp".to_owned(),
        Some(ColumnType::Array(_)) => "array".to_owned(),
        Some(ColumnType::Map(..)) => "map".to_owned(),
        Some(ColumnType::Struct(_)) => "struct".to_owned(),
        Some(other) => other.to_string(),
        None => data_type.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Spark 4.3 prints a DataFrame with these columns.
    #[test]
    fn it_is_what_spark_prints() {
        let columns = [
            ("key", "binary"),
            ("partition", "int"),
            ("offset", "bigint"),
            ("price", "decimal(10,2)"),
            ("headers", "array<struct<key: string, value: binary>>"),
            ("tags", "map<string, array<double>>"),
        ];
        let fields = columns.map(|(name, sql)| {
            let column_type: ColumnType = sql.parse().unwrap();
            Field::new(name, column_type.to_arrow(), true)
        });
        let expected = "\
root
 |-- key: binary (nullable = true)
 |-- partition: integer (nullable = true)
 |-- offset: long (nullable = true)
 |-- price: decimal(10,2) (nullable = true)
 |-- headers: array (nullable = true)
 |    |-- element: struct (containsNull = true)
 |    |    |-- key: string (nullable = true)
 |    |    |-- value: binary (nullable = true)
 |-- tags: map (nullable = true)
 |    |-- key: string
 |    |-- value: array (valueContainsNull = true)
 |    |    |-- element: double (containsNull = true)
";
        assert_eq!(tree(&Schema::new(fields.to_vec())), expected);
    }
}
