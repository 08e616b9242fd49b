//! The slots of a lane: decoders, operators and outlets made from the plan.

use std::sync::Arc;

use azud_connect::{decoder, typed_decoder};
use azud_model::{Error, Result};

use super::chain::{Slot, Worker};
use super::counters::{Counts, NodeCounters};
use super::outlet::Outlet;
use crate::graph::{Instance, Vertex, Work};
use crate::plan::Plan;
use crate::tap::{SlotTaps, Taps};

/// Everything that runs in one lane of a stage, in topological order.
///
/// `outlets` holds an outlet for each sink and lane, and gives this lane's away.
pub(super) fn slots(
    plan: &Plan,
    stage: usize,
    lane: usize,
    counters: &[Arc<NodeCounters>],
    outlets: &mut [Vec<Option<Outlet>>],
    taps: &Taps,
) -> Result<Vec<Slot>> {
    let mut slots = Vec::new();
    for (number, instance) in plan.topology.instances.iter().enumerate() {
        if instance.stage != stage {
            continue;
        }
        let missing = || Error::internal("an instance has no vertex or node");
        let vertex = plan.vertices.get(instance.vertex).ok_or_else(missing)?;
        let node = plan.nodes.get(vertex.node).ok_or_else(missing)?;
        // With no columns to tell lanes apart, all rows meet in the first lane.
        if lane > 0 && vertex.exchange.as_ref().is_some_and(Vec::is_empty) {
            continue;
        }
        let comes_from_elsewhere = vertex.inputs.iter().flatten().any(|from| {
            let above = plan.vertices.get(from.vertex);
            !from.is_output() || above.is_some_and(|above| above.node != vertex.node)
        });
        // A vertex that serves two modes is there twice: its rows count once.
        let same = |other: &Instance| other.vertex == instance.vertex;
        let first = plan.topology.instances.iter().position(same) == Some(number);
        let counters = counters.get(vertex.node).ok_or_else(missing)?;
        let is_sink = plan.sinks.iter().any(|sink| sink.node == vertex.node);
        let (takes, gives) = (is_sink && comes_from_elsewhere, !is_sink && vertex.output);
        let taps = || SlotTaps::new(taps, &node.name, takes, gives);
        slots.push(Slot {
            instance: number,
            worker: Some(worker(plan, vertex, instance, lane, outlets)?),
            ports: instance.ports.clone(),
            rejected: instance.rejected.clone(),
            late: instance.late.clone(),
            sources: instance.sources.clone(),
            on_reject: node.on_reject,
            node: node.name.clone(),
            plugin: node.plugin.clone(),
            counters: first.then(|| counters.lane()),
            counted: Counts::default(),
            input: comes_from_elsewhere || matches!(vertex.work, Work::Source(_)),
            output: vertex.output,
            taps: first.then(taps).unwrap_or_default(),
        });
    }
    Ok(slots)
}

fn worker(
    plan: &Plan,
    vertex: &Vertex,
    instance: &Instance,
    lane: usize,
    outlets: &mut [Vec<Option<Outlet>>],
) -> Result<Worker> {
    Ok(match &vertex.work {
        Work::Source(number) => {
            let source = plan.sources.get(*number);
            let source = source.ok_or_else(|| Error::internal("a source is missing"))?;
            Worker::Decoder(match &source.format {
                Some(format) => decoder(format)?,
                None => typed_decoder(source.schema.clone()),
            })
        }
        Work::Operator(make) => {
            let instances = plan.topology.instances.iter();
            let mut of = instances.filter(|other| Some(other.vertex) == vertex.serves);
            let modes = of.next().map_or(&instance.modes, |other| &other.modes);
            Worker::Operator(make(modes)?)
        }
        Work::Sink(number) => {
            let of_sink = outlets.get_mut(*number);
            let outlet = of_sink
                .and_then(|lanes| lanes.get_mut(lane))
                .and_then(Option::take);
            let outlet =
                outlet.ok_or_else(|| Error::internal("a sink's outlet was taken twice"))?;
            Worker::Sink(Box::new(outlet))
        }
    })
}
