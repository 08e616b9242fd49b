//! The stateful steps of a plan.

use arrow::datatypes::SchemaRef;
use azud_connect::Sink;
use azud_model::{Error, Result};
use azud_operators::StateShape;
use azud_state::Shape;

use crate::event_time::TimeFrom;
use crate::graph::Work;
use crate::plan::Plan;

/// A stateful step.
#[derive(Clone, Debug)]
pub(crate) struct PlanState {
    /// The instance that keeps it: one, whatever the modes are.
    pub(crate) instance: usize,
    /// The node's name.
    pub(crate) node: String,
    /// Which of the node's stateful steps, from 0.
    pub(crate) step: u32,
    /// The sources whose event time it goes by.
    pub(crate) sources: Vec<TimeFrom>,
    pub(crate) schema: SchemaRef,
    pub(crate) shape: Shape,
    /// Those of earlier versions that it converts.
    pub(crate) formers: Vec<Shape>,
    /// Whether all its rows are in the first lane.
    pub(crate) in_one_lane: bool,
}

/// Where a sink writes, in words that stay the same where a project is moved as a whole.
pub(super) fn place(plan: &Plan, sink: &dyn Sink) -> Option<String> {
    let target = sink.target()?;
    let home = plan.checkpoint.as_ref().map(|checkpoint| &checkpoint.home);
    let within = home.and_then(|home| target.strip_prefix(&format!("{}/", home.display())));
    Some(within.map_or_else(|| target.clone(), |within| format!("./{within}")))
}

/// All stateful steps, in the order of the graph.
pub(crate) fn states(plan: &Plan) -> Result<Vec<PlanState>> {
    let mut states: Vec<PlanState> = Vec::new();
    for (number, instance) in plan.topology.instances.iter().enumerate() {
        let missing = || Error::internal("an instance has no vertex or node");
        let vertex = plan.vertices.get(instance.vertex).ok_or_else(missing)?;
        let may_keep = vertex.is_stateful() || vertex.counts;
        let (true, Work::Operator(make)) = (may_keep, &vertex.work) else {
            continue;
        };
        let operator = make(&instance.modes)?;
        let Some(state) = operator.state() else {
            continue;
        };
        let node = plan.nodes.get(vertex.node).ok_or_else(missing)?;
        let earlier = states.iter().filter(|state| *state.node == *node.name);
        let step = u32::try_from(earlier.count()).unwrap_or(u32::MAX);
        states.push(PlanState {
            instance: number,
            sources: instance.sources.clone(),
            node: node.name.to_string(),
            step,
            shape: recorded(&state),
            formers: operator.formers().iter().map(recorded).collect(),
            schema: state.schema,
            in_one_lane: vertex.exchange.as_ref().is_some_and(Vec::is_empty),
        });
    }
    Ok(states)
}

/// A shape as records have it.
fn recorded(state: &StateShape) -> Shape {
    let columns = state.schema.fields().iter();
    Shape {
        keys: state.keys,
        columns: columns
            .map(|field| format!("{} {}", field.name(), field.data_type()))
            .collect(),
        computes: state.computes.clone(),
    }
}
