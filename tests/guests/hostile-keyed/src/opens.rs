//! Wrong answers of `open`.

use crate::exports::azud::plugin::keyed::{Field, Kind, Opened, State};

pub fn open(how: &str) -> Result<Opened, String> {
    let one = |name: &str, format: &str, children| Field {
        name: name.into(),
        format: format.into(),
        nullable: false,
        children,
    };
    let state = |name: &str, kind, columns: Vec<Field>, keys| State {
        name: name.into(),
        kind,
        columns,
        keys,
        ttl: None,
    };
    let sum = || vec![one("sum", "l", 0)];
    let pair = || vec![one("entry", "l", 0), one("count", "l", 0)];
    let map = |keys| state("map", Kind::Map, pair(), keys);
    let mut opened = Opened {
        reads: vec![1],
        states: vec![state("total", Kind::Value, sum(), 0), map(1)],
        output: sum(),
        event_time: None,
        event_timers: true,
        pending_timers: false,
    };
    match how {
        "refuses" => return Err("not these\u{1b}[2J".into()),
        "traps" => panic!("in open"),
        "loops" => loop {
            std::hint::black_box(0);
        },
        "reads-beyond" => opened.reads = vec![7],
        "reads-twice" => opened.reads = vec![1, 1],
        "no-output" => opened.output = Vec::new(),
        "no-columns" => opened.states = vec![state("total", Kind::Value, Vec::new(), 0)],
        "same-name" => {
            opened.states = vec![
                state("a", Kind::Value, sum(), 0),
                state("a", Kind::List, sum(), 0),
            ];
        }
        "name-of-key" => opened.states = vec![state("k", Kind::Value, sum(), 0)],
        "strange-name" => opened.states = vec![state("_a\u{1b}[2J", Kind::Value, sum(), 0)],
        "key-of-value" => opened.states = vec![state("total", Kind::Value, sum(), 1)],
        "no-time-to-live" => opened.states[0].ttl = Some(0),
        "nested-map-key" => {
            let columns = vec![one("a", "+l", 1), one("item", "l", 0), one("b", "l", 0)];
            opened.states = vec![state("map", Kind::Map, columns, 1)];
        }
        "no-map-key" => opened.states = vec![map(0)],
        "long-map-key" => opened.states = vec![map(3)],
        "many-states" => {
            let names = (0..5_000).map(|name| format!("s{name}"));
            opened.states = names
                .map(|name| state(&name, Kind::Value, sum(), 0))
                .collect();
        }
        "event-time-beyond" => opened.event_time = Some(9),
        "event-time-number" => opened.event_time = Some(0),
        "no-timers" => opened.event_timers = false,
        _ => {}
    }
    Ok(opened)
}
