//! Which modes each vertex must serve, by Spark's rules.

use std::collections::BTreeSet;

use azud_model::Mode;

use super::{Vertex, Work};

/// A sink asks for a mode that what it reads cannot give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModeProblem {
    /// The vertex that is to blame: a sink, or a stateful step fed by another.
    pub(crate) vertex: usize,
    /// Why, in Spark's words.
    pub(crate) reason: &'static str,
    /// What to write instead.
    pub(crate) help: &'static str,
}

const APPEND_OVER_AGGREGATE: &str = "append output mode not supported when there are streaming \
    aggregations on streaming DataFrames/DataSets without watermark";
const COMPLETE_WITHOUT_AGGREGATE: &str = "complete output mode not supported when there are no \
    streaming aggregations on streaming DataFrames/Datasets";
const AGGREGATE_OVER_AGGREGATE: &str = "multiple streaming aggregations are not supported on \
    streaming DataFrames/Datasets: rows that enter a stateful node must never change";

const SESSIONS_IN_TWO_MODES: &str = "sessions are given in one mode: append closes them, and in \
    complete they go on";

/// For every vertex, the modes that the sinks below it ask for, sorted.
///
/// Vertices are in topological order: an edge goes from a lower to a higher number.
pub(super) fn wanted(vertices: &[Vertex]) -> Result<Vec<BTreeSet<Mode>>, ModeProblem> {
    let below_changing = below_changing(vertices);
    check(vertices, &below_changing)?;

    let mut wanted = vec![BTreeSet::new(); vertices.len()];
    for (number, vertex) in vertices.iter().enumerate().rev() {
        let own: BTreeSet<Mode> = match vertex.work {
            Work::Sink(_) => BTreeSet::from([vertex.mode]),
            _ => wanted.get(number).cloned().unwrap_or_default(),
        };
        for from in vertex.inputs.iter().flatten() {
            let passes = from.is_output() && !vertex.is_stateful();
            let Some(above) = wanted.get_mut(from.vertex) else {
                continue;
            };
            let changes = below_changing.get(from.vertex).copied().unwrap_or(false);
            if passes && changes {
                above.extend(own.iter().copied());
            } else {
                above.insert(Mode::Append);
            }
        }
        if let (Work::Sink(_), Some(slot)) = (&vertex.work, wanted.get_mut(number)) {
            *slot = own;
        }
    }
    let of_batch = below_batch(vertices);
    let asked = asked(vertices);
    for (number, (vertex, modes)) in vertices.iter().zip(&wanted).enumerate() {
        // Each epoch is a whole result there.
        if of_batch.get(number).copied().unwrap_or(false) {
            continue;
        }
        if vertex.changing && !vertex.refuses.is_empty() && modes.len() > 1 {
            return Err(ModeProblem {
                vertex: number,
                reason: SESSIONS_IN_TWO_MODES,
                help: "write a SQL node for each mode",
            });
        }
        let is_asked = |mode: &Mode| {
            let below = asked.get(number).filter(|_| vertex.counts);
            modes.contains(mode) || below.is_some_and(|asked| asked.contains(mode))
        };
        let mut refused = vertex.refuses.iter();
        if let Some((_, reason)) = refused.find(|(mode, _)| is_asked(mode)) {
            return Err(ModeProblem {
                vertex: number,
                reason,
                help: match vertex.refuses.len() {
                    1 => "write `mode: append` or `mode: complete` on the sink",
                    _ => "write `mode: complete` on the sink, or leave it out of the query",
                },
            });
        }
    }
    for modes in &mut wanted {
        // Nobody reads it: it still runs, so that its errors and counts are seen.
        if modes.is_empty() {
            modes.insert(Mode::Append);
        }
    }
    Ok(wanted)
}

/// For every vertex, the modes of all sinks below it, whatever is between: Spark's mode is that of
/// the whole query.
fn asked(vertices: &[Vertex]) -> Vec<BTreeSet<Mode>> {
    let mut asked = vec![BTreeSet::new(); vertices.len()];
    for (number, vertex) in vertices.iter().enumerate().rev() {
        let own: BTreeSet<Mode> = match vertex.work {
            Work::Sink(_) => BTreeSet::from([vertex.mode]),
            _ => asked.get(number).cloned().unwrap_or_default(),
        };
        for from in vertex
            .inputs
            .iter()
            .flatten()
            .filter(|from| from.is_output())
        {
            if let Some(above) = asked.get_mut(from.vertex) {
                above.extend(own.iter().copied());
            }
        }
    }
    asked
}

/// Whether each epoch's rows stand for themselves: an aggregate with `state: batch`, or below one.
/// They can be read as complete, as an update, or as rows that will never change.
pub(crate) fn below_batch(vertices: &[Vertex]) -> Vec<bool> {
    let mut of_batch: Vec<bool> = Vec::with_capacity(vertices.len());
    for vertex in vertices {
        let is = |from: &super::From| of_batch.get(from.vertex).copied().unwrap_or(false);
        let mut inputs = vertex.inputs.iter().flatten().peekable();
        let above = inputs.peek().is_some() && inputs.all(|from| from.is_output() && is(from));
        of_batch.push(vertex.of_batch || above);
    }
    of_batch
}

/// Whether a vertex's rows may replace earlier ones: it is an aggregate, or below one.
pub(crate) fn below_changing(vertices: &[Vertex]) -> Vec<bool> {
    let mut changing: Vec<bool> = Vec::with_capacity(vertices.len());
    for vertex in vertices {
        let above =
            vertex.inputs.iter().flatten().any(|from| {
                from.is_output() && changing.get(from.vertex).copied().unwrap_or(false)
            });
        changing.push(vertex.changing || above && !vertex.keeps);
    }
    changing
}

/// Whether a vertex's rows never change once they are given in append mode: no aggregate is
/// above it but such that the watermark closes.
fn appendable(vertices: &[Vertex]) -> Vec<bool> {
    let mut appendable: Vec<bool> = Vec::with_capacity(vertices.len());
    for vertex in vertices {
        let is = |from: &super::From| {
            !from.is_output() || appendable.get(from.vertex).copied().unwrap_or(false)
        };
        let above = vertex.inputs.iter().flatten().all(is);
        appendable.push(above && (!vertex.changing || vertex.closes));
    }
    appendable
}

fn check(vertices: &[Vertex], below_changing: &[bool]) -> Result<(), ModeProblem> {
    let appendable = appendable(vertices);
    let of_batch = below_batch(vertices);
    let is = |flags: &[bool], vertex: usize| flags.get(vertex).copied().unwrap_or(false);
    let changes = |vertex: usize| is(below_changing, vertex);
    for (number, vertex) in vertices.iter().enumerate() {
        let inputs = || {
            vertex
                .inputs
                .iter()
                .flatten()
                .filter(|from| from.is_output())
        };
        let over_open = inputs().any(|from| !is(&appendable, from.vertex));
        let over_final =
            vertex.inputs.iter().flatten().any(|from| {
                !from.is_output() || !(changes(from.vertex) || is(&of_batch, from.vertex))
            });
        let problem = |reason, help| {
            Err(ModeProblem {
                vertex: number,
                reason,
                help,
            })
        };
        if (vertex.is_stateful() || vertex.of_batch) && over_open {
            return problem(
                AGGREGATE_OVER_AGGREGATE,
                "write `state: batch` on the inner aggregate, if each epoch may stand for itself",
            );
        }
        if !matches!(vertex.work, Work::Sink(_)) {
            continue;
        }
        match vertex.mode {
            Mode::Append if over_open => {
                return problem(
                    APPEND_OVER_AGGREGATE,
                    "write `mode: update` or `mode: complete` on the sink, or `state: batch` on the aggregate",
                );
            }
            Mode::Complete if over_final => {
                return problem(
                    COMPLETE_WITHOUT_AGGREGATE,
                    "write `mode: append` on the sink",
                );
            }
            _ => {}
        }
    }
    Ok(())
}
