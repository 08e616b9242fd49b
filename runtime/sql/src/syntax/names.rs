//! The names that Spark gives to columns without an alias.

use datafusion_sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, UnaryOperator, Value,
};

use super::literals::unescape;

/// The name of the column that an expression makes.
pub(super) fn name_of(expression: &Expr) -> String {
    match expression {
        Expr::Identifier(name) => name.value.clone(),
        Expr::CompoundIdentifier(parts) => parts
            .last()
            .map(|part| part.value.clone())
            .unwrap_or_default(),
        other => text(other),
    }
}

/// An expression inside a name.
fn text(expression: &Expr) -> String {
    match expression {
        Expr::Identifier(name) => name.value.clone(),
        Expr::CompoundIdentifier(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| part.value.as_str()).collect();
            // Spark leaves table names out, which cannot be told from structs here.
            parts.last().copied().unwrap_or_default().to_owned()
        }
        Expr::Value(literal) => match &literal.value {
            Value::SingleQuotedString(text) => unescape(text, '\''),
            Value::DoubleQuotedString(text) => unescape(text, '"'),
            Value::Number(text, _) => text.clone(),
            Value::Boolean(value) => value.to_string(),
            other => other.to_string(),
        },
        Expr::Nested(inner) => text(inner),
        Expr::BinaryOp { left, op, right } => binary(&text(left), op, &text(right)),
        Expr::UnaryOp { op, expr } => match op {
            UnaryOperator::Minus => match expr.as_ref() {
                Expr::Value(_) => format!("-{}", text(expr)),
                _ => format!("(- {})", text(expr)),
            },
            UnaryOperator::Plus => format!("(+ {})", text(expr)),
            UnaryOperator::Not | UnaryOperator::BangNot => format!("(NOT {})", text(expr)),
            _ => expression.to_string(),
        },
        Expr::IsNull(inner) => format!("({} IS NULL)", text(inner)),
        Expr::IsNotNull(inner) => format!("({} IS NOT NULL)", text(inner)),
        Expr::Cast {
            expr,
            data_type,
            kind,
            ..
        } => {
            let cast = match kind {
                datafusion_sql::sqlparser::ast::CastKind::TryCast => "TRY_CAST",
                _ => "CAST",
            };
            format!(
                "{cast}({} AS {})",
                text(expr),
                data_type.to_string().to_uppercase()
            )
        }
        Expr::Case {
            operand,
            conditions,
            else_result,
            ..
        } => case(operand.as_deref(), conditions, else_result.as_deref()),
        Expr::InList {
            expr,
            list,
            negated,
            ..
        } => negate(
            *negated,
            format!("({} IN ({}))", text(expr), list_text(list)),
        ),
        Expr::Between {
            expr,
            negated,
            low,
            high,
        } => negate(
            *negated,
            format!("between({}, {}, {})", text(expr), text(low), text(high)),
        ),
        Expr::Like {
            negated,
            expr,
            pattern,
            ..
        } => negate(*negated, format!("{} LIKE {}", text(expr), text(pattern))),
        Expr::RLike {
            negated,
            expr,
            pattern,
            ..
        } => negate(
            *negated,
            format!("RLIKE({}, {})", text(expr), text(pattern)),
        ),
        Expr::Substring {
            expr,
            substring_from,
            substring_for,
            shorthand,
            ..
        } => {
            let mut arguments = vec![text(expr)];
            arguments.extend(substring_from.iter().map(|from| text(from)));
            arguments.extend(substring_for.iter().map(|length| text(length)));
            let name = if *shorthand { "substr" } else { "substring" };
            format!("{name}({})", arguments.join(", "))
        }
        Expr::Ceil { expr, .. } => format!("CEIL({})", text(expr)),
        Expr::Floor { expr, .. } => format!("FLOOR({})", text(expr)),
        Expr::Trim { expr, .. } => format!("trim({})", text(expr)),
        Expr::Extract { field, expr, .. } => format!("extract({field} FROM {})", text(expr)),
        Expr::Function(function) => call(function),
        other => other.to_string(),
    }
}

fn list_text(list: &[Expr]) -> String {
    list.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn negate(negated: bool, text: String) -> String {
    if negated {
        format!("(NOT {text})")
    } else {
        text
    }
}

fn binary(left: &str, op: &BinaryOperator, right: &str) -> String {
    match op {
        BinaryOperator::NotEq => format!("(NOT ({left} = {right}))"),
        BinaryOperator::StringConcat => format!("concat({left}, {right})"),
        BinaryOperator::MyIntegerDivide => format!("({left} div {right})"),
        BinaryOperator::Spaceship => format!("({left} <=> {right})"),
        op => format!("({left} {op} {right})"),
    }
}

fn case(operand: Option<&Expr>, conditions: &[CaseWhen], otherwise: Option<&Expr>) -> String {
    let mut result = "CASE".to_owned();
    for branch in conditions {
        let condition = match operand {
            Some(operand) => format!("({} = {})", text(operand), text(&branch.condition)),
            None => text(&branch.condition),
        };
        result += &format!(" WHEN {condition} THEN {}", text(&branch.result));
    }
    if let Some(otherwise) = otherwise {
        result += &format!(" ELSE {}", text(otherwise));
    }
    result + " END"
}

fn call(function: &Function) -> String {
    let name = function.name.to_string().to_lowercase();
    if name == "window" || name == "session_window" {
        return name;
    }
    let mut result = match &function.args {
        FunctionArguments::List(list) => {
            let distinct = match list.duplicate_treatment {
                Some(DuplicateTreatment::Distinct) => "DISTINCT ",
                _ => "",
            };
            let arguments: Vec<_> = list.args.iter().map(argument).collect();
            format!("{name}({distinct}{})", arguments.join(", "))
        }
        _ => format!("{name}()"),
    };
    if let Some(filter) = &function.filter {
        result += &format!(" FILTER (WHERE {})", text(filter));
    }
    result
}

fn argument(argument: &FunctionArg) -> String {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => text(expression),
        // Spark counts the rows of count(*) as count(1).
        FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => "1".to_owned(),
        other => other.to_string(),
    }
}
