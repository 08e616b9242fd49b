//! Instances, and the stages that they run in.

use std::collections::{BTreeMap, BTreeSet};

use azud_model::Mode;

use super::expand::{below_changing, wanted};
use super::time::sources;
use super::{ModeProblem, Side, Vertex, Work};
use crate::event_time::TimeFrom;

/// How rows get from one instance to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// A call within the lane.
    Call,
    /// A channel to the same lane of a later stage.
    Forward,
    /// A channel to the lane that the key group of these columns belongs to.
    Exchange(Vec<usize>),
}

/// Where an edge ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The instance below.
    pub(crate) instance: usize,
    /// Which of its inputs.
    pub(crate) input: usize,
    /// How rows get there.
    pub(crate) route: Route,
}

/// A vertex for some of its modes. Runs once in every lane of its stage.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    /// The vertex.
    pub(crate) vertex: usize,
    /// What its ports stand for: for an aggregate one port a mode, else one port.
    pub(crate) modes: Vec<Mode>,
    /// 0 next to the sources, one more behind each exchange; a sink plugin has one that is nobody else's.
    pub(crate) stage: usize,
    /// For every port, where its rows go.
    pub(crate) ports: Vec<Vec<Target>>,
    /// Where its rejected rows go.
    pub(crate) rejected: Vec<Target>,
    /// Where its late rows go.
    pub(crate) late: Vec<Target>,
    /// The sources that its rows come from.
    pub(crate) sources: Vec<TimeFrom>,
}

/// What the lanes run: instances in topological order.
#[derive(Clone, Debug)]
pub(crate) struct Topology {
    /// All instances; an edge goes from a lower to a higher number.
    pub(crate) instances: Vec<Instance>,
    /// How many stages there are.
    pub(crate) stages: usize,
}

// === impl Topology ===

impl Topology {
    /// Multiplies vertices by mode and cuts the result into stages.
    ///
    /// # Errors
    /// Where a sink's mode does not fit what it reads.
    pub(crate) fn new(vertices: &[Vertex]) -> Result<Self, ModeProblem> {
        let mut topology = Self {
            instances: instances(vertices, &wanted(vertices)?),
            stages: 0,
        };
        topology.connect(vertices, &below_changing(vertices));
        topology.stages = topology
            .instances
            .iter()
            .map(|i| i.stage + 1)
            .max()
            .unwrap_or(0);
        Ok(topology)
    }

    /// Stages and edges. Inputs come before their readers, so one pass is enough.
    fn connect(&mut self, vertices: &[Vertex], below_changing: &[bool]) {
        let mut reserved = BTreeMap::new();
        for number in 0..self.instances.len() {
            let Some(instance) = self.instances.get(number).cloned() else {
                continue;
            };
            let Some(vertex) = vertices.get(instance.vertex) else {
                continue;
            };
            let mut above = Vec::new();
            for (input, from) in vertex
                .inputs
                .iter()
                .enumerate()
                .flat_map(|(input, froms)| froms.iter().map(move |from| (input, from)))
            {
                let changes = below_changing.get(from.vertex).copied().unwrap_or(false);
                let mode = match instance.modes.first() {
                    Some(mode) if changes && from.is_output() && !vertex.is_stateful() => *mode,
                    _ => Mode::Append,
                };
                above.extend(self.find(from.vertex, mode).map(|at| (input, from, at)));
            }
            let stage = above
                .iter()
                .filter_map(|(_, _, (above, _))| self.instances.get(*above))
                .map(|above| {
                    above.stage + usize::from(vertex.exchange.is_some() || vertex.own_stage)
                })
                .max()
                .unwrap_or(0);
            // What reads nothing hears of epochs only next to the sources.
            let stage = match above.is_empty() {
                true => 0,
                false => self.reserve(number, vertex, stage, &mut reserved),
            };
            if let Some(instance) = self.instances.get_mut(number) {
                instance.stage = stage;
            }
            for (input, from, (above, port)) in above {
                let Some(above) = self.instances.get_mut(above) else {
                    continue;
                };
                let route = match &vertex.exchange {
                    Some(columns) => Route::Exchange(columns.clone()),
                    None if above.stage == stage => Route::Call,
                    None => Route::Forward,
                };
                let target = Target {
                    instance: number,
                    input,
                    route,
                };
                match (from.side, above.ports.get_mut(port)) {
                    (Side::Rejected, _) => above.rejected.push(target),
                    (Side::Late, _) => above.late.push(target),
                    (Side::Output, Some(port)) => port.push(target),
                    (Side::Output, None) => {}
                }
            }
        }
    }

    /// The stage of an instance: one that nobody else has, for a vertex that wants
    /// it; else the first from `stage` on that is nobody's own. Vertices of the same
    /// node stay together.
    fn reserve(
        &self,
        number: usize,
        vertex: &Vertex,
        stage: usize,
        reserved: &mut BTreeMap<usize, usize>,
    ) -> usize {
        if vertex.own_stage {
            let before = self.instances.iter().take(number);
            let next = before.map(|instance| instance.stage + 1).max();
            let own = next.unwrap_or(0).max(stage);
            reserved.insert(own, vertex.node);
            return own;
        }
        let is_free = |stage: &usize| {
            let owner = reserved.get(stage);
            owner.is_none_or(|owner| *owner == vertex.node)
        };
        (stage..).find(is_free).unwrap_or(stage)
    }

    /// The instance and port of a vertex that serve a mode.
    fn find(&self, vertex: usize, mode: Mode) -> Option<(usize, usize)> {
        let of_vertex = || {
            self.instances
                .iter()
                .enumerate()
                .filter(move |(_, instance)| instance.vertex == vertex)
        };
        of_vertex()
            .find_map(|(number, instance)| {
                let port = instance.modes.iter().position(|own| *own == mode)?;
                Some((number, port))
            })
            // Rejected rows are read whatever the modes are: of the first instance, so that they come once.
            .or_else(|| of_vertex().next().map(|(number, _)| (number, 0)))
    }
}

fn instances(vertices: &[Vertex], wanted: &[BTreeSet<Mode>]) -> Vec<Instance> {
    let mut instances = Vec::new();
    let sources = sources(vertices);
    for (vertex, modes) in wanted.iter().enumerate() {
        let modes: Vec<Mode> = modes.iter().copied().collect();
        let shared = vertices
            .get(vertex)
            .is_some_and(|vertex| vertex.is_stateful() || matches!(vertex.work, Work::Sink(_)));
        // An aggregate's state is shared by its modes; what is below it is stateless, and is simply there twice.
        let groups = match shared {
            true => vec![modes],
            false => modes.into_iter().map(|mode| vec![mode]).collect(),
        };
        instances.extend(groups.into_iter().map(|modes| Instance {
            vertex,
            ports: vec![Vec::new(); modes.len()],
            modes,
            stage: 0,
            rejected: Vec::new(),
            late: Vec::new(),
            sources: sources.get(vertex).cloned().unwrap_or_default(),
        }));
    }
    instances
}
