//! A plan for people and programs: `azud plan`.

use std::collections::BTreeSet;

use azud_connect::{Delivery, Replay};
use azud_model::{Mode, Result};
use serde::Serialize;

use crate::graph::{Side, Vertex, Work};
use crate::plan::{Plan, PlanSource};
use crate::recovery::states;
use crate::run::Trigger;

/// What a plan is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlanView {
    /// The pipeline's name.
    pub name: String,
    /// What ends epochs: `once`, `continuous every 1s`, `every 5s`.
    pub trigger: String,
    /// How many lanes work side by side.
    pub parallelism: usize,
    /// Where epochs are recorded.
    pub checkpoint: Option<String>,
    /// Every node, in the order in which rows flow.
    pub nodes: Vec<NodeView>,
}

/// A node of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeView {
    /// Its name.
    pub name: String,
    /// `source`, `table`, `transform` or `sink`.
    pub kind: &'static str,
    /// A source's, table's or sink's connector.
    pub connector: Option<String>,
    /// The nodes that it reads; `x.rejected` for what `x` rejects.
    pub reads: Vec<String>,
    /// The stages that it runs in: rows move between lanes from one to the next.
    pub stages: Vec<usize>,
    /// The output modes that it serves.
    pub modes: Vec<&'static str>,
    /// What it keeps from epoch to epoch: `count(*) by word`.
    pub state: Vec<String>,
    /// The digest of its plugin.
    pub plugin: Option<String>,
    /// A sink's guarantee.
    pub guarantee: Option<Guarantee>,
}

/// How often a row of the sources reaches a sink, over crashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Guarantee {
    /// `exactly once`, `at least once`, `at most once` or `none`.
    pub delivery: &'static str,
    /// What keeps it from being more, or what remains at the edge of the world.
    pub weakest_link: Option<String>,
}

// === impl Plan ===

impl Plan {
    /// What it is.
    ///
    /// # Errors
    /// `Internal` if an operator cannot be made.
    pub fn view(&self) -> Result<PlanView> {
        let states = states(self)?;
        let nodes = self.nodes.iter().enumerate().map(|(number, node)| {
            let own = states.iter().filter(|state| *state.node == *node.name);
            let source = self.sources.iter().find(|source| source.node == number);
            let table = self.tables.iter().find(|table| table.node == number);
            let sink = self.sinks.iter().find(|sink| sink.node == number);
            NodeView {
                name: node.name.to_string(),
                kind: match (source, table, sink) {
                    (Some(_), _, _) => "source",
                    (_, Some(_), _) => "table",
                    (_, _, Some(_)) => "sink",
                    _ => "transform",
                },
                connector: source
                    .map(|source| source.connector.clone())
                    .or_else(|| table.map(|table| table.connector.clone()))
                    .or_else(|| sink.map(|sink| sink.connector.clone())),
                reads: self.reads(number),
                stages: self.stages(number),
                modes: self.modes(number),
                state: own.map(|state| state.shape.computes.clone()).collect(),
                plugin: node.plugin.as_deref().map(str::to_owned),
                guarantee: sink.map(|sink| self.guarantee(number, sink.sink.delivery())),
            }
        });
        Ok(PlanView {
            name: self.name.clone(),
            trigger: match self.trigger {
                Trigger::Once => "once".to_owned(),
                Trigger::Continuous(every) => format!("continuous, every {every:?}"),
                Trigger::Every(every) => format!("every {every:?}"),
                Trigger::Steps { .. } => "steps".to_owned(),
            },
            parallelism: self.lanes,
            checkpoint: self
                .checkpoint
                .as_ref()
                .map(|checkpoint| checkpoint.location.to_string()),
            nodes: nodes.collect(),
        })
    }

    fn of_node(&self, node: usize) -> impl Iterator<Item = &Vertex> {
        self.vertices
            .iter()
            .filter(move |vertex| vertex.node == node)
    }

    fn reads(&self, node: usize) -> Vec<String> {
        let mut reads = Vec::new();
        for from in self
            .of_node(node)
            .flat_map(|vertex| vertex.inputs.iter().flatten())
        {
            let above = self.vertices.get(from.vertex).map(|above| above.node);
            let name = above.filter(|above| *above != node);
            let Some(name) = name.and_then(|above| self.nodes.get(above)) else {
                continue;
            };
            let read = match from.side {
                Side::Rejected => format!("{}.rejected", name.name),
                Side::Late => format!("{}.late", name.name),
                Side::Output => name.name.to_string(),
            };
            if !reads.contains(&read) {
                reads.push(read);
            }
        }
        let tables = self.of_node(node).filter_map(|vertex| vertex.table);
        for table in tables.filter_map(|table| self.nodes.get(table)) {
            let table = table.name.to_string();
            if !reads.contains(&table) {
                reads.push(table);
            }
        }
        reads
    }

    fn instances(&self, node: usize) -> impl Iterator<Item = &crate::graph::Instance> {
        let is_own = move |vertex: usize| {
            let vertex = self.vertices.get(vertex);
            vertex.is_some_and(|vertex| vertex.node == node)
        };
        let instances = self.topology.instances.iter();
        instances.filter(move |instance| is_own(instance.vertex))
    }

    fn stages(&self, node: usize) -> Vec<usize> {
        let stages: BTreeSet<usize> = self.instances(node).map(|one| one.stage).collect();
        stages.into_iter().collect()
    }

    fn modes(&self, node: usize) -> Vec<&'static str> {
        let shown = self.instances(node).filter(|instance| {
            let vertex = self.vertices.get(instance.vertex);
            vertex.is_some_and(|vertex| vertex.output || matches!(vertex.work, Work::Sink(_)))
        });
        let modes: BTreeSet<Mode> = shown.flat_map(|one| one.modes.clone()).collect();
        let name = |mode| match mode {
            Mode::Append => "append",
            Mode::Update => "update",
            Mode::Complete => "complete",
        };
        modes.into_iter().map(name).collect()
    }

    /// The sources whose rows reach a node.
    fn sources_above(&self, node: usize) -> Vec<&PlanSource> {
        let mut above: BTreeSet<usize> = BTreeSet::new();
        // An edge goes from a lower vertex to a higher one.
        for (number, vertex) in self.vertices.iter().enumerate().rev() {
            if vertex.node == node || above.contains(&number) {
                above.extend(vertex.inputs.iter().flatten().map(|from| from.vertex));
            }
        }
        let sources = above
            .iter()
            .filter_map(|number| match self.vertices.get(*number)?.work {
                Work::Source(source) => self.sources.get(source),
                _ => None,
            });
        sources.collect()
    }

    fn guarantee(&self, node: usize, delivery: Delivery) -> Guarantee {
        let weak = |delivery, link: String| Guarantee {
            delivery,
            weakest_link: Some(link),
        };
        if delivery == Delivery::WithPositions {
            return Guarantee {
                delivery: "exactly once",
                weakest_link: None,
            };
        }
        if self.checkpoint.is_none() {
            let link =
                "the pipeline has no `checkpoint`: a crash loses or repeats what is under way";
            return weak("none", link.to_owned());
        }
        let name = |source: &PlanSource| self.nodes.get(source.node).map_or("", |node| &node.name);
        let pushed: Vec<&PlanSource> = self
            .sources_above(node)
            .into_iter()
            .filter(|source| source.source.replay() == Replay::Never)
            .collect();
        if let Some(source) = pushed.iter().find(|source| source.journal.is_none()) {
            let name = name(source);
            let link = format!("source `{name}` keeps nothing: `durability: memory`");
            return weak("at most once", link);
        }
        if let Some(source) = pushed.iter().find(|source| source.drops()) {
            let link = format!(
                "source `{}` drops what its journal has no room for",
                name(source)
            );
            return weak("at most once", link);
        }
        match delivery {
            Delivery::AtLeastOnce(why) | Delivery::SpooledAtLeastOnce(why) => {
                weak("at least once", why.to_owned())
            }
            Delivery::ExactlyOnce | Delivery::Spooled | Delivery::WithPositions => Guarantee {
                delivery: "exactly once",
                weakest_link: pushed.first().map(|source| {
                    format!(
                        "source `{}`: what was sent and had not reached its journal is lost",
                        name(source)
                    )
                }),
            },
        }
    }
}
