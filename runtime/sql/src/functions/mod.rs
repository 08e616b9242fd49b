//! The functions that a query may call: of DataFusion's, Spark's and our own
//! those that `names` lists.

mod arithmetic;
mod arrays;
mod cast;
mod cast_text;
mod decimal;
mod digits;
mod divide;
mod later;
mod letters;
mod lists;
mod names;
mod narrow;
mod now;
mod ordered;
mod pad;
mod positions;
mod reals;
mod replace;
mod round;
mod session;
mod split;
mod strict;
mod subscript;
mod text;
mod user;
mod window;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::ArrayRef;
use azud_model::Clock;
use datafusion_common::Result;
use datafusion_expr::{AggregateUDF, ScalarFunctionArgs, ScalarUDF};

pub(crate) use arithmetic::{Arithmetic, Operation};
pub(crate) use cast::SparkCast;
pub(crate) use later::is_later;
pub(crate) use names::usage;
pub(crate) use narrow::Narrow;
use now::Now;
pub(crate) use ordered::Ordered;
pub(crate) use replace::Replacement;
pub(crate) use strict::Strict;
pub(crate) use subscript::Subscript;
pub(crate) use user::{Refusal, UserCall};
pub use user::{UserFunction, UserFunctions};
pub(crate) use window::{
    SESSION, WINDOW, WindowFunction, is_window_type, last_call, session_call, window_call,
    window_type,
};

/// Scalar and aggregate functions by their lower-case names.
pub(crate) struct Functions {
    scalars: BTreeMap<String, Arc<ScalarUDF>>,
    aggregates: BTreeMap<String, Arc<AggregateUDF>>,
}

// === impl Functions ===

impl Functions {
    pub(crate) fn new() -> Self {
        Self {
            scalars: scalars(),
            aggregates: aggregates(),
        }
    }

    /// The same, aggregates of users, and the time of a clock.
    pub(crate) fn with(users: &UserFunctions, clock: Option<&Arc<dyn Clock>>) -> Self {
        let mut functions = Self::new();
        for (name, now) in clock.into_iter().flat_map(Now::all) {
            functions.scalars.insert(name.to_owned(), now);
        }
        for (name, function) in users {
            let name = name.to_lowercase();
            if !functions.contains(&name) {
                let udaf = UserCall::udaf(&name, function);
                functions.aggregates.insert(name, udaf);
            }
        }
        functions
    }

    pub(crate) fn scalar(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.scalars.get(name).cloned()
    }

    pub(crate) fn aggregate(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.aggregates.get(name).cloned()
    }

    /// Whether a query may call it.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    /// Every name that a query may write.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.scalars
            .keys()
            .chain(self.aggregates.keys())
            .map(String::as_str)
            .filter(|name| !name.starts_with("azud_"))
            .chain(names::SPELLED.iter().map(|(name, _)| *name))
            .chain(["explode", "explode_outer", "posexplode", "posexplode_outer"])
            .chain(now::NAMES)
    }

    pub(crate) fn scalar_names(&self) -> Vec<String> {
        self.scalars.keys().cloned().collect()
    }

    pub(crate) fn aggregate_names(&self) -> Vec<String> {
        self.aggregates.keys().cloned().collect()
    }
}

/// Of two functions of one name the later counts: Spark's over DataFusion's,
/// and over those our own where neither does what Spark 4 does.
fn scalars() -> BTreeMap<String, Arc<ScalarUDF>> {
    let all: Vec<_> = datafusion_functions::all_default_functions()
        .into_iter()
        .chain(datafusion_functions_nested::all_default_nested_functions())
        .chain(datafusion_spark::all_default_scalar_functions())
        .chain(own())
        .collect();
    let all = all
        .iter()
        .map(|function| (function, function.name(), function.aliases()));
    let renamed = names::RENAMED.iter().chain(names::INTERNAL);
    pick(all, names::SCALARS, renamed)
}

fn aggregates() -> BTreeMap<String, Arc<AggregateUDF>> {
    let all: Vec<_> = datafusion_functions_aggregate::all_default_aggregate_functions()
        .into_iter()
        .chain(datafusion_spark::all_default_aggregate_functions())
        // Spark's own in `datafusion-spark` makes doubles of decimals.
        .chain([datafusion_functions_aggregate::average::avg_udaf()])
        .collect();
    let all = all
        .iter()
        .map(|function| (function, function.name(), function.aliases()));
    pick(all, names::AGGREGATES, names::RENAMED_AGGREGATES)
}

/// Those of the functions, with their names and aliases, that are listed.
fn pick<'a, F: Clone + 'a>(
    all: impl Iterator<Item = (&'a F, &'a str, &'a [String])>,
    same: &[&'a str],
    renamed: impl IntoIterator<Item = &'a (&'a str, &'a str)>,
) -> BTreeMap<String, F> {
    let mut known = BTreeMap::new();
    for (function, name, aliases) in all {
        let aliases = aliases.iter().map(String::as_str);
        known.extend(aliases.chain([name]).map(|name| (name, function)));
    }
    same.iter()
        .map(|name| (*name, *name))
        .chain(renamed.into_iter().copied())
        .filter_map(|(name, known_as)| Some((name.to_owned(), (*known.get(known_as)?).clone())))
        .collect()
}

fn own() -> Vec<Arc<ScalarUDF>> {
    let mut own = vec![
        ScalarUDF::from(split::Split::new()),
        ScalarUDF::from(positions::Positions::new()),
        ScalarUDF::from(Subscript::element_at()),
        ScalarUDF::from(Arithmetic::new(Operation::Remainder)),
        ScalarUDF::from(replace::RegexpReplace::new()),
        ScalarUDF::from(round::Round::new()),
        ScalarUDF::from(Strict::new(
            &datafusion_functions_nested::concat::array_append_udf(),
            1,
        )),
    ];
    own.extend(text::TextFunction::all().map(ScalarUDF::from));
    own.extend(letters::Letters::all().map(ScalarUDF::from));
    own.extend(pad::Pad::all().map(ScalarUDF::from));
    own.extend(reals::Real::all().map(ScalarUDF::from));
    own.extend(WindowFunction::all().map(ScalarUDF::from));
    own.extend(arrays::ArrayFunction::all().map(ScalarUDF::from));
    own.into_iter().map(Arc::new).collect()
}

/// Every argument as a column of its own.
fn columns(args: &ScalarFunctionArgs) -> Result<Vec<ArrayRef>> {
    args.args
        .iter()
        .map(|argument| argument.to_array(args.number_rows))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Functions, names};

    #[test]
    fn every_listed_name_is_a_function() {
        let functions = Functions::new();
        let renamed = [names::RENAMED, names::INTERNAL].concat();
        let scalars = names::SCALARS
            .iter()
            .chain(renamed.iter().map(|(name, _)| name));
        for name in scalars {
            assert!(functions.scalar(name).is_some(), "{name}");
        }
        let renamed = names::RENAMED_AGGREGATES.iter().map(|(name, _)| name);
        for name in names::AGGREGATES.iter().chain(renamed) {
            assert!(functions.aggregate(name).is_some(), "{name}");
        }
    }

    #[test]
    fn docs_list_every_function() {
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sql.md");
        let docs = std::fs::read_to_string(docs).unwrap();
        let pairs = [names::RENAMED, names::SPELLED, names::RENAMED_AGGREGATES].concat();
        let pairs = pairs.iter().map(|(name, _)| name);
        for name in names::SCALARS.iter().chain(names::AGGREGATES).chain(pairs) {
            assert!(
                docs.contains(&format!("`{name}`")),
                "docs/sql.md lacks `{name}`"
            );
        }
    }

    #[test]
    fn no_name_means_two_functions() {
        let functions = Functions::new();
        let mut names: Vec<_> = functions.names().collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
