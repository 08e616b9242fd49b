//! Functions of DataFusion that skip nulls where Spark's give null.

use std::sync::Arc;

use arrow::array::Array;
use arrow::compute::{is_null, nullif};
use arrow::datatypes::{DataType, FieldRef};
use datafusion_common::Result;
use datafusion_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

/// A function that is null where one of its first arguments is.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Strict {
    function: ScalarUDF,
    /// How many arguments count.
    first: usize,
}

// === impl Strict ===

impl Strict {
    pub(crate) fn new(function: &ScalarUDF, first: usize) -> Self {
        Self {
            function: function.clone(),
            first,
        }
    }
}

impl ScalarUDFImpl for Strict {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.function.coerce_types(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.function.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let field = self.function.return_field_from_args(args)?;
        Ok(Arc::new(field.as_ref().clone().with_nullable(true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut arguments = super::columns(&args)?;
        arguments.truncate(self.first);
        let rows = args.number_rows;
        let mut result = self.function.invoke_with_args(args)?.into_array(rows)?;
        for argument in arguments
            .iter()
            .filter(|argument| argument.null_count() > 0)
        {
            result = nullif(&result, &is_null(argument)?)?;
        }
        Ok(ColumnarValue::Array(result))
    }
}
