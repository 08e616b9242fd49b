//! What DataFusion's SQL planner may know: the nodes' schemas and our functions.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use azud_operators::StaticRows;
use datafusion_common::config::ConfigOptions;
use datafusion_common::{Result, TableReference, plan_datafusion_err};
use datafusion_expr::planner::{ContextProvider, ExprPlanner, TypePlanner};
use datafusion_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF};

use crate::Tables;
use crate::functions::Functions;
use crate::hooks::{SparkOperators, SparkTypes};

/// Nodes as tables, under lower-case names and with lower-case columns, so
/// that names are found without regard to case.
pub(crate) struct Catalog<'a> {
    tables: &'a Tables,
    functions: &'a Functions,
    options: Arc<ConfigOptions>,
    planners: Vec<Arc<dyn ExprPlanner>>,
    types: Arc<dyn TypePlanner>,
}

/// A node as a table.
#[derive(Debug)]
pub(crate) struct Node {
    /// The node's name in [`Tables`].
    pub(crate) name: String,
    /// The columns as the node names them.
    pub(crate) names: Vec<String>,
    /// Those that hold event time, in lower case.
    pub(crate) times: Vec<String>,
    /// How far behind the latest row others may come: microseconds.
    pub(crate) delay: i64,
    /// Its rows, where it does not stream.
    pub(crate) rows: Option<Arc<dyn StaticRows>>,
    schema: SchemaRef,
}

// === impl Catalog ===

impl<'a> Catalog<'a> {
    pub(crate) fn new(
        tables: &'a Tables,
        functions: &'a Functions,
        options: Arc<ConfigOptions>,
    ) -> Self {
        Self {
            tables,
            functions,
            options,
            planners: vec![Arc::new(SparkOperators)],
            types: Arc::new(SparkTypes),
        }
    }
}

impl ContextProvider for Catalog<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        let wanted = name.to_string();
        let (name, table) = self
            .tables
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&wanted))
            .ok_or_else(|| plan_datafusion_err!("there is no node `{wanted}`"))?;
        let fields = table.schema.fields().iter();
        let names = fields.clone().map(|field| field.name().clone()).collect();
        let fields: Vec<_> = fields.map(|field| lower(field)).collect();
        Ok(Arc::new(Node {
            name: name.clone(),
            names,
            times: table
                .times
                .columns
                .iter()
                .map(|time| time.to_lowercase())
                .collect(),
            delay: table.times.delay,
            rows: table.rows.clone(),
            schema: Arc::new(Schema::new(fields)),
        }))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(self.types.clone())
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.functions.scalar(name)
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.functions.aggregate(name)
    }

    fn get_window_meta(&self, _name: &str) -> Option<Arc<WindowUDF>> {
        None
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        self.functions.scalar_names()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.functions.aggregate_names()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}

fn lower(field: &Field) -> Field {
    Field::new(field.name().to_lowercase(), field.data_type().clone(), true)
}

// === impl Node ===

impl TableSource for Node {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}
