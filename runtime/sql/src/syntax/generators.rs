//! Spark's generators (`explode` and its kin) as DataFusion's `unnest`.

use datafusion_sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    ObjectNamePart, SelectItem,
};

use crate::SqlError;

/// A function that makes a row of every element of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generator {
    /// `explode`, `explode_outer`.
    Explode { outer: bool },
    /// `posexplode`, `posexplode_outer`: the element's position comes first.
    Posexplode { outer: bool },
}

/// The generator that an expression calls, if it calls one.
pub(super) fn find(expression: &Expr) -> Option<Generator> {
    let Expr::Function(function) = expression else {
        return None;
    };
    Some(match function.name.to_string().to_lowercase().as_str() {
        "explode" => Generator::Explode { outer: false },
        "explode_outer" => Generator::Explode { outer: true },
        "posexplode" => Generator::Posexplode { outer: false },
        "posexplode_outer" => Generator::Posexplode { outer: true },
        _ => return None,
    })
}

// === impl Generator ===

impl Generator {
    /// The generator that an expression must call.
    pub(super) fn of(expression: &Expr) -> Result<Self, SqlError> {
        find(expression).ok_or_else(|| {
            SqlError::new("only explode and posexplode make rows")
                .help("write LATERAL VIEW explode(an_array) t AS element")
                .at(expression)
        })
    }

    /// The names of the columns that it makes.
    pub(super) fn names(self, aliases: &[Ident], at: &Expr) -> Result<Vec<String>, SqlError> {
        let own: &[&str] = match self {
            Self::Explode { .. } => &["col"],
            Self::Posexplode { .. } => &["pos", "col"],
        };
        if aliases.is_empty() {
            return Ok(own.iter().map(|&name| name.to_owned()).collect());
        }
        if aliases.len() != own.len() {
            return Err(SqlError::new(format!(
                "the function makes {} columns but has {} names",
                own.len(),
                aliases.len()
            ))
            .help(match self {
                Self::Explode { .. } => "write explode(an_array) AS element",
                Self::Posexplode { .. } => "write posexplode(an_array) AS (position, element)",
            })
            .at(at));
        }
        Ok(aliases.iter().map(|alias| alias.value.clone()).collect())
    }

    /// The SELECT items that compute it.
    pub(super) fn items(self, call: Expr, names: &[String]) -> Result<Vec<SelectItem>, SqlError> {
        let argument = argument(&call)?;
        let unnest = match self {
            Self::Explode { outer: true } | Self::Posexplode { outer: true } => "unnest_outer",
            Self::Explode { outer: false } | Self::Posexplode { outer: false } => "unnest",
        };
        let columns = match self {
            Self::Explode { .. } => vec![argument],
            Self::Posexplode { .. } => {
                vec![
                    function("azud_positions", argument.clone(), &call),
                    argument,
                ]
            }
        };
        Ok(columns
            .into_iter()
            .zip(names)
            .map(|(column, name)| SelectItem::ExprWithAlias {
                expr: function(unnest, column, &call),
                alias: Ident::new(name.to_lowercase()),
            })
            .collect())
    }
}

fn argument(call: &Expr) -> Result<Expr, SqlError> {
    if let Expr::Function(Function {
        args: FunctionArguments::List(list),
        ..
    }) = call
        && let [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] = list.args.as_slice()
    {
        return Ok(argument.clone());
    }
    Err(SqlError::new("explode takes one array")
        .help("write explode(split(line, ' '))")
        .at(call))
}

/// A call of `name`, made like `model` and at its place.
fn function(name: &str, argument: Expr, model: &Expr) -> Expr {
    let mut result = model.clone();
    if let Expr::Function(function) = &mut result {
        let mut ident = Ident::new(name);
        if let Some(old) = function.name.0.first().and_then(ObjectNamePart::as_ident) {
            ident.span = old.span;
        }
        function.name = ObjectName::from(vec![ident]);
        if let FunctionArguments::List(list) = &mut function.args {
            list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))];
        }
    }
    result
}
