//! The functions that a query may call: DataFusion's, over them Spark's, and
//! over those our own where neither does what Spark 4 does.

mod arithmetic;
mod cast;
mod cast_text;
mod decimal;
mod divide;
mod narrow;
mod positions;
mod split;
mod subscript;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion_expr::{AggregateUDF, ScalarUDF};

pub(crate) use arithmetic::{Arithmetic, Operation};
pub(crate) use cast::SparkCast;
pub(crate) use narrow::Narrow;
pub(crate) use subscript::Subscript;

/// Scalar and aggregate functions by their lower-case names.
pub(crate) struct Functions {
    scalars: BTreeMap<String, Arc<ScalarUDF>>,
    aggregates: BTreeMap<String, Arc<AggregateUDF>>,
}

/// Spark's names for aggregates that DataFusion calls otherwise.
const AGGREGATE_NAMES: [(&str, &str); 10] = [
    ("first", "first_value"),
    ("last", "last_value"),
    ("any_value", "first_value"),
    ("every", "bool_and"),
    ("some", "bool_or"),
    ("any", "bool_or"),
    ("approx_count_distinct", "approx_distinct"),
    ("mean", "avg"),
    ("std", "stddev"),
    ("variance", "var_samp"),
];

/// Spark's names for scalar functions that DataFusion calls otherwise.
const SCALAR_NAMES: [(&str, &str); 8] = [
    ("azud_size", "cardinality"),
    ("startswith", "starts_with"),
    ("endswith", "ends_with"),
    ("dateadd", "date_add"),
    ("rlike", "regexp_like"),
    ("regexp", "regexp_like"),
    ("ucase", "upper"),
    ("lcase", "lower"),
];

/// Spelled by `syntax::spelling` as calls of other functions.
const SPELLED: [&str; 18] = [
    "count_if",
    "isnull",
    "isnotnull",
    "year",
    "quarter",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "dayofmonth",
    "dayofyear",
    "weekofyear",
    "dayofweek",
    "sort_array",
    "date_format",
    "unix_seconds",
    "struct",
];

/// Aggregates that DataFusion's newer ones must not hide, or that need an order or all rows at once.
const NOT_AGGREGATES: [&str; 5] = [
    "array_agg",
    "string_agg",
    "nth_value",
    "grouping",
    "percentile_cont",
];

// === impl Functions ===

impl Functions {
    pub(crate) fn new() -> Self {
        let mut functions = Self {
            scalars: BTreeMap::new(),
            aggregates: BTreeMap::new(),
        };
        let scalars = datafusion_functions::all_default_functions()
            .into_iter()
            .chain(datafusion_functions_nested::all_default_nested_functions())
            .chain(datafusion_spark::all_default_scalar_functions())
            .chain(own());
        for function in scalars {
            functions.add_scalar(&function);
        }
        for (name, known_as) in SCALAR_NAMES {
            if let Some(function) = functions.scalars.get(known_as).cloned() {
                functions.scalars.insert(name.to_owned(), function);
            }
        }
        let aggregates = datafusion_functions_aggregate::all_default_aggregate_functions()
            .into_iter()
            .chain(datafusion_spark::all_default_aggregate_functions())
            // Spark's own in `datafusion-spark` makes doubles of decimals.
            .chain([datafusion_functions_aggregate::average::avg_udaf()]);
        for function in aggregates {
            for name in function.aliases() {
                functions.aggregates.insert(name.clone(), function.clone());
            }
            functions
                .aggregates
                .insert(function.name().to_owned(), function.clone());
        }
        for (name, known_as) in AGGREGATE_NAMES {
            if let Some(function) = functions.aggregates.get(known_as).cloned() {
                functions.aggregates.insert(name.to_owned(), function);
            }
        }
        for name in NOT_AGGREGATES {
            functions.aggregates.remove(name);
        }
        functions
    }

    fn add_scalar(&mut self, function: &Arc<ScalarUDF>) {
        for name in function.aliases() {
            self.scalars.insert(name.clone(), function.clone());
        }
        self.scalars
            .insert(function.name().to_owned(), function.clone());
    }

    pub(crate) fn scalar(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.scalars.get(name).cloned()
    }

    pub(crate) fn aggregate(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.aggregates.get(name).cloned()
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.scalars.contains_key(name)
            || self.aggregates.contains_key(name)
            || SPELLED.contains(&name)
    }

    /// Every name that a query may write.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.scalars
            .keys()
            .chain(self.aggregates.keys())
            .map(String::as_str)
            .filter(|name| !name.starts_with("azud_"))
            .chain(SPELLED)
            .chain(["explode", "explode_outer", "posexplode", "posexplode_outer"])
    }

    pub(crate) fn scalar_names(&self) -> Vec<String> {
        self.scalars.keys().cloned().collect()
    }

    pub(crate) fn aggregate_names(&self) -> Vec<String> {
        self.aggregates.keys().cloned().collect()
    }
}

fn own() -> Vec<Arc<ScalarUDF>> {
    let mut own: Vec<Arc<ScalarUDF>> = vec![
        Arc::new(ScalarUDF::from(split::Split::new())),
        Arc::new(ScalarUDF::from(positions::Positions::new())),
        Arc::new(ScalarUDF::from(Subscript::element_at())),
        Arc::new(ScalarUDF::from(Arithmetic::new(Operation::Remainder))),
    ];
    own.extend(text::TextFunction::all().map(|function| Arc::new(ScalarUDF::from(function))));
    own
}
