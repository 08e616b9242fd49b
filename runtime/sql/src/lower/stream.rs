//! Rows on their way: an input and the stateless stages that follow it, fused into one step.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use azud_operators::{Chain, Project, Stage};

use super::{column, stage};
use crate::{Input, Step};

/// An input, and stages that no step has yet.
pub(super) struct Stream {
    pub(super) input: Input,
    pub(super) schema: SchemaRef,
    stages: Vec<(&'static str, Arc<dyn Stage>)>,
}

// === impl Stream ===

impl Stream {
    pub(super) fn new(input: Input, schema: SchemaRef) -> Self {
        Self {
            input,
            schema,
            stages: Vec::new(),
        }
    }

    /// The stream after one more stage.
    pub(super) fn then(
        mut self,
        name: &'static str,
        next: impl Stage + 'static,
        schema: SchemaRef,
    ) -> Self {
        self.stages.push((name, stage(next)));
        self.schema = schema;
        self
    }

    /// The same columns under the names and in the types of `schema`.
    pub(super) fn conform(self, schema: &SchemaRef) -> Self {
        if self.schema == *schema {
            return self;
        }
        let fields = self.schema.fields().iter().enumerate();
        let expressions = fields.map(|(index, field)| column(field.name(), index));
        let project = Project::new(expressions.collect(), schema.clone());
        self.then("project", project, schema.clone())
    }

    /// Whether nothing happens to the input.
    pub(super) fn is_bare(&self) -> bool {
        self.stages.is_empty()
    }

    /// The stages alone.
    pub(super) fn into_stages(self) -> Arc<[Arc<dyn Stage>]> {
        self.stages.into_iter().map(|(_, stage)| stage).collect()
    }

    /// The step that runs the stages.
    pub(super) fn into_step(self, keep_origin: bool) -> Step {
        let has = |name: &str| self.stages.iter().any(|(stage, _)| *stage == name);
        let names = ["explode", "expand", "filter"];
        let name = names.into_iter().find(|name| has(name));
        let name = name.unwrap_or("project");
        let (input, schema) = (self.input.clone(), self.schema.clone());
        let stages = self.into_stages();
        Step {
            make: Arc::new(move |_| Ok(Box::new(Chain::new(stages.clone(), keep_origin)))),
            ..Step::stateless(name, input, schema)
        }
    }
}
