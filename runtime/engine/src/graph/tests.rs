use azud_model::Mode::{self, Append, Complete, Update};

use super::{From, Instance, Route, Side, Topology, Vertex, Work};

/// Only the shape matters here: a step's operator is never made.
fn vertex(work: Work, above: &[usize]) -> Vertex {
    let from = |vertex: &usize| From {
        vertex: *vertex,
        side: Side::Output,
    };
    Vertex {
        output: true,
        ..Vertex::new(0, work, vec![above.iter().map(from).collect()])
    }
}

fn source() -> Vertex {
    vertex(Work::Source(0), &[])
}

fn step(above: &[usize]) -> Vertex {
    let make = |_: &[Mode]| Err(azud_model::Error::internal("never made"));
    vertex(Work::Operator(std::sync::Arc::new(make)), above)
}

fn aggregate(above: usize) -> Vertex {
    Vertex {
        exchange: Some(vec![0]),
        changing: true,
        ..step(&[above])
    }
}

fn sink(above: &[usize], mode: Mode) -> Vertex {
    Vertex {
        mode,
        ..vertex(Work::Sink(0), above)
    }
}

fn topology(vertices: &[Vertex]) -> Vec<Instance> {
    Topology::new(vertices).unwrap().instances
}

#[test]
fn a_stateless_pipeline_is_one_stage_of_calls() {
    let instances = topology(&[source(), step(&[0]), sink(&[1], Append)]);
    assert!(instances.iter().all(|instance| instance.stage == 0));
    assert_eq!(instances[0].ports[0][0].instance, 1);
    assert_eq!(instances[1].ports[0][0].route, Route::Call);
}

#[test]
fn an_exchange_starts_a_stage() {
    let instances = topology(&[source(), step(&[0]), aggregate(1), sink(&[2], Complete)]);
    let stages: Vec<_> = instances.iter().map(|instance| instance.stage).collect();
    assert_eq!(stages, [0, 0, 1, 1]);
    assert_eq!(instances[1].ports[0][0].route, Route::Exchange(vec![0]));
    assert_eq!(instances[2].ports[0][0].route, Route::Call);
}

#[test]
fn two_modes_share_the_aggregate_and_double_what_is_below() {
    let vertices = [
        source(),
        aggregate(0),
        step(&[1]),
        sink(&[2], Update),
        sink(&[2], Complete),
    ];
    let instances = topology(&vertices);
    let of_vertex: Vec<_> = instances.iter().map(|instance| instance.vertex).collect();
    assert_eq!(of_vertex, [0, 1, 2, 2, 3, 4]);
    assert_eq!(instances[1].modes, [Update, Complete]);
    assert_eq!(instances[1].ports[0][0].instance, 2);
    assert_eq!(instances[1].ports[1][0].instance, 3);
    assert_eq!(instances[2].ports[0][0].instance, 4);
    assert_eq!(instances[3].ports[0][0].instance, 5);
}

#[test]
fn rejected_rows_reach_a_sink_in_a_later_stage_by_forwarding() {
    let mut letters = sink(&[2], Update);
    letters.inputs[0].push(From {
        vertex: 0,
        side: Side::Rejected,
    });
    let instances = topology(&[source(), step(&[0]), aggregate(1), letters]);
    assert_eq!(instances[0].rejected[0].route, Route::Forward);
    assert_eq!(instances[3].stage, 1);
}

#[test]
fn modes_are_refused_by_sparks_rules() {
    let append = Topology::new(&[source(), aggregate(0), sink(&[1], Append)]).unwrap_err();
    assert_eq!(append.vertex, 2);
    assert!(
        append
            .reason
            .starts_with("append output mode not supported")
    );
    let complete = Topology::new(&[source(), sink(&[0], Complete)]).unwrap_err();
    assert!(
        complete
            .reason
            .starts_with("complete output mode not supported")
    );
    let twice =
        Topology::new(&[source(), aggregate(0), aggregate(1), sink(&[2], Update)]).unwrap_err();
    assert_eq!(twice.vertex, 2);
    let mixed = Topology::new(&[source(), aggregate(0), sink(&[0, 1], Complete)]).unwrap_err();
    assert_eq!(mixed.vertex, 2);
}

#[test]
fn a_limit_is_refused_wherever_it_is_above_a_sink_in_update() {
    let limit = |above: usize| Vertex {
        exchange: Some(vec![]),
        counts: true,
        refuses: &[(Update, "no limits")],
        ..step(&[above])
    };
    for mode in [Append, Complete] {
        let closed = Vertex {
            closes: true,
            ..aggregate(0)
        };
        let instances = topology(&[source(), closed, limit(1), sink(&[2], mode)]);
        assert_eq!(instances[2].modes, [mode]);
    }
    let instances = topology(&[source(), limit(0), aggregate(1), sink(&[2], Complete)]);
    assert_eq!(instances[1].modes, [Append]);

    let refused = |vertices: &[Vertex]| Topology::new(vertices).unwrap_err();
    assert_eq!(refused(&[source(), limit(0), sink(&[1], Update)]).vertex, 1);
    let below = [source(), limit(0), aggregate(1), sink(&[2], Update)];
    assert_eq!(refused(&below).reason, "no limits");
    // What a limit rejects is no row of it.
    let mut letters = sink(&[0], Update);
    letters.inputs[0].push(From {
        vertex: 1,
        side: Side::Rejected,
    });
    topology(&[source(), limit(0), sink(&[1], Append), letters]);
}

#[test]
fn what_waits_for_others_has_a_stage_of_its_own() {
    let plugin = |node: usize, above: usize| Vertex {
        node,
        own_stage: true,
        ..step(&[above])
    };
    let end = |node: usize, above: usize| Vertex {
        node,
        ..sink(&[above], Append)
    };
    let mut letters = sink(&[], Append);
    letters.node = 4;
    letters.inputs = vec![vec![From {
        vertex: 1,
        side: Side::Rejected,
    }]];
    let instances = topology(&[
        source(),
        plugin(1, 0),
        end(1, 1),
        plugin(2, 0),
        end(2, 3),
        aggregate(0),
        sink(&[5], Complete),
        letters,
    ]);
    let stages: Vec<_> = instances.iter().map(|instance| instance.stage).collect();
    // Neither the other plugin, nor the aggregate, nor the rejected rows share one.
    assert_eq!(stages, [0, 1, 1, 2, 2, 3, 3, 3]);
    assert_eq!(instances[0].ports[0][0].route, Route::Forward);
    assert_eq!(instances[1].ports[0][0].route, Route::Call);
    assert_eq!(instances[1].rejected[0].route, Route::Forward);

    let unread = topology(&[
        source(),
        Vertex {
            inputs: vec![vec![]],
            ..plugin(1, 0)
        },
    ]);
    assert_eq!(unread[1].stage, 0, "it would never hear of an epoch's end");
}
