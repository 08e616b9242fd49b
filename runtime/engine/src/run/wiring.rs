//! The channels between lanes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::chain::Way;
use super::message::Message;
use crate::graph::Route;
use crate::plan::Plan;
use crate::telemetry::Queue;

/// How many batches may wait between two lanes.
const BATCHES_AHEAD: usize = 4;

/// All channels of a run, before they are given to their owners.
pub(super) struct Wiring {
    /// For every stage and lane, what it is fed by.
    inputs: Vec<Vec<Vec<Receiver<Message>>>>,
    /// For every stage and lane, whom it tells of epoch ends.
    below: Vec<Vec<Vec<Sender<Message>>>>,
    /// For every stage, lane, instance and lane of that instance, a way; empty where no edge leads.
    lanes_of: Vec<Vec<Vec<Vec<Way>>>>,
    /// For every instance that is sent batches, and each of its lanes, how many wait for it.
    waiting: BTreeMap<usize, Vec<Waits>>,
}

/// Batches that wait for an instance in one lane, and how many may.
#[derive(Clone, Default)]
struct Waits {
    count: Arc<AtomicUsize>,
    capacity: usize,
}

// === impl Wiring ===

impl Wiring {
    /// One channel between two lanes, however many edges use it: so an epoch's end comes once.
    pub(super) fn new(plan: &Plan) -> Self {
        let (stages, lanes) = (plan.topology.stages, plan.lanes);
        let instances = plan.topology.instances.len();
        let mut wiring = Self {
            inputs: vec![vec![Vec::new(); lanes]; stages],
            below: vec![vec![Vec::new(); lanes]; stages],
            lanes_of: vec![vec![vec![Vec::new(); instances]; lanes]; stages],
            waiting: BTreeMap::new(),
        };
        for above in 0..stages {
            for below in above + 1..stages {
                wiring.connect(plan, above, below);
            }
        }
        wiring
    }

    fn connect(&mut self, plan: &Plan, above: usize, below: usize) {
        let edges: Vec<_> = plan
            .topology
            .instances
            .iter()
            .filter(|instance| instance.stage == above)
            .flat_map(|instance| {
                let sides = instance.rejected.iter().chain(&instance.late);
                instance.ports.iter().flatten().chain(sides)
            })
            .filter(|target| {
                let target = plan.topology.instances.get(target.instance);
                target.is_some_and(|target| target.stage == below)
            })
            .collect();
        if edges.is_empty() {
            return;
        }
        let exchanges = edges
            .iter()
            .any(|edge| matches!(edge.route, Route::Exchange(_)));
        for from in 0..plan.lanes {
            let mut senders = Vec::new();
            for to in 0..plan.lanes {
                let (sender, receiver) = bounded(BATCHES_AHEAD);
                // Without an exchange only the lane of the same number is ever sent to.
                if exchanges || from == to {
                    self.feed(below, to, receiver);
                    if let Some(ends) = self.below.get_mut(above).and_then(|of| of.get_mut(from)) {
                        ends.push(sender.clone());
                    }
                }
                senders.push(sender);
            }
            let instances: BTreeSet<usize> = edges.iter().map(|edge| edge.instance).collect();
            for instance in instances {
                let waiting = self.waiting.entry(instance);
                let waiting = waiting.or_insert_with(|| vec![Waits::default(); plan.lanes]);
                let ways = senders.iter().zip(waiting).enumerate();
                let ways = ways.map(|(to, (sender, waits))| {
                    if exchanges || from == to {
                        waits.capacity += BATCHES_AHEAD;
                    }
                    Way {
                        sender: sender.clone(),
                        waiting: waits.count.clone(),
                    }
                });
                let ways = ways.collect();
                let slot = self
                    .lanes_of
                    .get_mut(above)
                    .and_then(|of| of.get_mut(from))
                    .and_then(|of| of.get_mut(instance));
                if let Some(slot) = slot {
                    *slot = ways;
                }
            }
        }
    }

    pub(super) fn feed(&mut self, stage: usize, lane: usize, receiver: Receiver<Message>) {
        if let Some(inputs) = self.inputs.get_mut(stage).and_then(|of| of.get_mut(lane)) {
            inputs.push(receiver);
        }
    }

    pub(super) fn take_inputs(&mut self, stage: usize, lane: usize) -> Vec<Receiver<Message>> {
        let inputs = self.inputs.get_mut(stage).and_then(|of| of.get_mut(lane));
        inputs.map(std::mem::take).unwrap_or_default()
    }

    pub(super) fn take_below(&mut self, stage: usize, lane: usize) -> Vec<Sender<Message>> {
        let below = self.below.get_mut(stage).and_then(|of| of.get_mut(lane));
        below.map(std::mem::take).unwrap_or_default()
    }

    /// How full the channels between lanes are, by the node that takes what waits there.
    pub(super) fn queues(&self, plan: &Plan) -> Vec<Queue> {
        let mut queues = Vec::new();
        for (instance, waiting) in &self.waiting {
            let instance = plan.topology.instances.get(*instance);
            let vertex = instance.and_then(|instance| plan.vertices.get(instance.vertex));
            let Some(node) = vertex.and_then(|vertex| plan.nodes.get(vertex.node)) else {
                continue;
            };
            for (lane, waits) in waiting.iter().enumerate() {
                let count = waits.count.clone();
                queues.push(Queue {
                    node: node.name.clone(),
                    lane,
                    capacity: waits.capacity,
                    fill: Box::new(move || count.load(Ordering::Relaxed)),
                });
            }
        }
        queues
    }

    pub(super) fn take_senders(&mut self, stage: usize, lane: usize) -> Vec<Vec<Way>> {
        let senders = self.lanes_of.get_mut(stage).and_then(|of| of.get_mut(lane));
        senders.map(std::mem::take).unwrap_or_default()
    }
}
