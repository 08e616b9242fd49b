//! `dropDuplicates` as a node of a plan.

use std::fmt;
use std::sync::Arc;

use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{DFSchemaRef, Result, ScalarValue, internal_err};
use datafusion_expr::{
    Distinct, DistinctOn, Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore,
};

/// What stands first in `DISTINCT ON`, which `syntax` makes of the calls in FROM: no query says
/// it by itself.
pub(crate) const DROP_DUPLICATES: &str = "dropDuplicates";

/// The same, forgetting a key once the watermark has passed its first row.
pub(crate) const WITHIN_WATERMARK: &str = "dropDuplicatesWithinWatermark";

/// The rows of `input` whose key has not been seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Hash)]
pub(crate) struct Deduplicate {
    pub(crate) input: LogicalPlan,
    /// Columns of the input.
    pub(crate) keys: Vec<Expr>,
    pub(crate) within_watermark: bool,
}

/// Makes them of what the planner knows.
pub(crate) fn of_distinct(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up(|plan| {
        let LogicalPlan::Distinct(Distinct::On(DistinctOn { on_expr, input, .. })) = &plan else {
            return Ok(Transformed::no(plan));
        };
        let Some((Expr::Literal(ScalarValue::Utf8(Some(name)), _), keys)) = on_expr.split_first()
        else {
            return Ok(Transformed::no(plan));
        };
        let input = input.as_ref().clone();
        let keys = match keys.is_empty() {
            true => input.schema().iter().map(Expr::from).collect(),
            false => keys.to_vec(),
        };
        Ok(Transformed::yes(LogicalPlan::Extension(Extension {
            node: Arc::new(Deduplicate {
                within_watermark: name == WITHIN_WATERMARK,
                input,
                keys,
            }),
        })))
    })?;
    Ok(plan.data)
}

/// The node, if that is what an extension is.
pub(crate) fn of_extension(extension: &Extension) -> Option<&Deduplicate> {
    extension.node.as_any().downcast_ref()
}

impl UserDefinedLogicalNodeCore for Deduplicate {
    fn name(&self) -> &str {
        match self.within_watermark {
            true => WITHIN_WATERMARK,
            false => DROP_DUPLICATES,
        }
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        self.keys.clone()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }

    fn with_exprs_and_inputs(&self, keys: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let Ok([input]) = <[LogicalPlan; 1]>::try_from(inputs) else {
            return internal_err!("{} has one input", self.name());
        };
        Ok(Self {
            input,
            keys,
            within_watermark: self.within_watermark,
        })
    }
}
