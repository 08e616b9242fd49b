//! Where DataFusion's SQL planner asks us: operators, element and field access, types.

use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use azud_model::ColumnType;
use datafusion_common::{
    Column, DFSchema, Result, ScalarValue, TableReference, plan_datafusion_err, plan_err,
};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::planner::{
    ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr, TypePlanner,
};
use datafusion_expr::{Cast, Expr, ExprSchemable, GetFieldAccess, lit};
use datafusion_sql::sqlparser::ast::{BinaryOperator, DataType as SqlType};

use crate::functions::{Arithmetic, Operation, Subscript};
use crate::nearest::nearest;

/// Plans operators and access to parts of values as Spark does.
#[derive(Debug)]
pub(crate) struct SparkOperators;

/// Reads type names as manifests do.
#[derive(Debug)]
pub(crate) struct SparkTypes;

// === impl SparkOperators ===

impl ExprPlanner for SparkOperators {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let (Ok(left), Ok(right)) = (expr.left.get_type(schema), expr.right.get_type(schema))
        else {
            return Ok(PlannerResult::Original(expr));
        };
        if let Some(operation) = arithmetic(&expr.op) {
            if Arithmetic::takes(&left) && Arithmetic::takes(&right) {
                return Ok(PlannerResult::Planned(Arithmetic::call(
                    operation,
                    beside(expr.left, &right),
                    beside(expr.right, &left),
                )));
            }
            return Ok(PlannerResult::Original(expr));
        }
        Ok(PlannerResult::Original(match compares(&expr.op) {
            true => meet(expr, &left, &right),
            false => expr,
        }))
    }

    fn plan_field_access(
        &self,
        expr: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let data_type = expr.expr.get_type(schema)?;
        match (&data_type, expr.field_access) {
            (DataType::Struct(fields), GetFieldAccess::NamedStructField { name }) => {
                let name = name.try_as_str().flatten().unwrap_or_default();
                let field = find(fields, name)?;
                Ok(PlannerResult::Planned(get_field(expr.expr, field.name())))
            }
            (_, GetFieldAccess::NamedStructField { name }) => Ok(PlannerResult::Planned(
                Subscript::call(expr.expr, lit(name)),
            )),
            (_, GetFieldAccess::ListIndex { key }) => {
                Ok(PlannerResult::Planned(Subscript::call(expr.expr, *key)))
            }
            (_, GetFieldAccess::ListRange { .. }) => {
                plan_err!("an array is cut with slice(array, start, length)")
            }
        }
    }

    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested_names: &[String],
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let mut expr = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        let mut data_type = field.data_type().clone();
        for name in nested_names {
            match data_type {
                DataType::Struct(fields) => {
                    let field = find(&fields, name)?;
                    expr = get_field(expr, field.name());
                    data_type = field.data_type().clone();
                }
                // Spark reads `map.key` as `map['key']`.
                DataType::Map(entries, _) => {
                    expr = Subscript::call(expr, lit(name.as_str()));
                    data_type = match entries.data_type() {
                        DataType::Struct(fields) => fields
                            .get(1)
                            .map_or(DataType::Null, |value| value.data_type().clone()),
                        _ => DataType::Null,
                    };
                }
                _ => return plan_err!("`{}` has no parts, so no `{name}`", field.name()),
            }
        }
        Ok(PlannerResult::Planned(expr))
    }

    fn plan_array_literal(
        &self,
        exprs: Vec<Expr>,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let array = datafusion_spark::function::array::array();
        Ok(PlannerResult::Planned(array.call(exprs)))
    }

    fn plan_substring(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        let substring = datafusion_spark::function::string::substring();
        Ok(PlannerResult::Planned(substring.call(args)))
    }

    fn plan_position(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        let strpos = datafusion_functions::unicode::strpos();
        // POSITION(part IN text) asks for the text first.
        Ok(PlannerResult::Planned(strpos.call(args)))
    }

    fn plan_make_map(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for pair in args.chunks(2) {
            let [key, value] = pair else {
                return plan_err!("map takes keys and values in turn");
            };
            keys.push(key.clone());
            values.push(value.clone());
        }
        let array = datafusion_functions_nested::make_array::make_array_udf();
        let map = datafusion_functions_nested::map::map_udf();
        Ok(PlannerResult::Planned(
            map.call(vec![array.call(keys), array.call(values)]),
        ))
    }
}

fn arithmetic(op: &BinaryOperator) -> Option<Operation> {
    Some(match op {
        BinaryOperator::Plus => Operation::Add,
        BinaryOperator::Minus => Operation::Subtract,
        BinaryOperator::Multiply => Operation::Multiply,
        BinaryOperator::Divide => Operation::Divide,
        BinaryOperator::MyIntegerDivide => Operation::WholeDivide,
        BinaryOperator::Modulo => Operation::Remainder,
        _ => return None,
    })
}

/// A whole number written beside a decimal is a decimal of its own digits.
fn beside(operand: Expr, other: &DataType) -> Expr {
    match operand {
        Expr::Literal(ScalarValue::Int64(Some(value)), metadata)
            if matches!(other, DataType::Decimal128(..)) =>
        {
            let digits = value.unsigned_abs().checked_ilog10().unwrap_or_default() + 1;
            let precision = u8::try_from(digits).unwrap_or(20);
            let value = ScalarValue::Decimal128(Some(i128::from(value)), precision, 0);
            Expr::Literal(value, metadata)
        }
        operand => operand,
    }
}

fn compares(op: &BinaryOperator) -> bool {
    matches!(
        op,
        BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
            | BinaryOperator::Spaceship
    )
}

/// Text beside another type is read as that type.
fn meet(mut expr: RawBinaryExpr, left: &DataType, right: &DataType) -> RawBinaryExpr {
    let read = |text: Expr, data_type: &DataType| {
        let data_type = match data_type.is_integer() {
            true => DataType::Int64,
            false => data_type.clone(),
        };
        Expr::Cast(Cast::new(Box::new(text), data_type))
    };
    let plain = |data_type: &DataType| {
        data_type.is_numeric()
            || matches!(
                data_type,
                DataType::Boolean | DataType::Date32 | DataType::Timestamp(..)
            )
    };
    if left.is_string() && plain(right) {
        expr.left = read(expr.left, right);
    } else if right.is_string() && plain(left) {
        expr.right = read(expr.right, left);
    }
    expr
}

fn find<'a>(fields: &'a Fields, name: &str) -> Result<&'a FieldRef> {
    let found = fields
        .iter()
        .find(|field| field.name() == name)
        .or_else(|| {
            fields
                .iter()
                .find(|field| field.name().eq_ignore_ascii_case(name))
        });
    found.ok_or_else(|| {
        let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        match nearest(name, names.iter().copied()) {
            Some(near) => {
                plan_datafusion_err!("there is no field `{name}`; did you mean `{near}`?")
            }
            None => plan_datafusion_err!(
                "there is no field `{name}`; the fields are {}",
                names.join(", ")
            ),
        }
    })
}

pub(crate) fn get_field(expr: Expr, name: &str) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(
        datafusion_functions::core::get_field(),
        vec![expr, lit(ScalarValue::from(name))],
    ))
}

// === impl SparkTypes ===

impl TypePlanner for SparkTypes {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        let name = sql_type.to_string();
        let data_type = match name.to_lowercase().parse::<ColumnType>() {
            Ok(data_type) => data_type.to_arrow(),
            Err(error) => return plan_err!("{error}"),
        };
        Ok(Some(std::sync::Arc::new(Field::new("", data_type, true))))
    }
}
