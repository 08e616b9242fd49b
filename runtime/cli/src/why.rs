//! `azud why`: what a node waits for.

use azud_engine::{Why, WhyHeld, WhySource, WhyStep};

use crate::args::WhyArguments;
use crate::failure::Failure;
use crate::load;
use crate::output::{print_json, print_text, table};

pub(crate) fn why(arguments: &WhyArguments) -> Result<(), Failure> {
    let plan = load::plan(&arguments.file)?;
    let why = plan.why(&arguments.node);
    let why = why.map_err(|error| Failure::Input(error.to_string()))?;
    if arguments.json {
        return print_json(&why);
    }
    print_text(&told(&why))
}

fn told(why: &Why) -> String {
    let Why {
        node, epoch, time, ..
    } = why;
    let mut text = format!("{node}, after epoch {epoch} of {time}\n\n");
    text.push_str(&watermark(why));
    if !why.sources.is_empty() {
        let rows: Vec<Vec<String>> = why.sources.iter().map(source).collect();
        text.push('\n');
        let heads = ["source", "column", "delay", "latest row", "watermark", ""];
        text.push_str(&table(&heads, &rows));
    }
    let partitions: Vec<Vec<String>> = why.sources.iter().flat_map(partitions).collect();
    if !partitions.is_empty() {
        text.push('\n');
        text.push_str(&table(
            &["source", "partition", "latest row", ""],
            &partitions,
        ));
    }
    for one in &why.steps {
        text.push('\n');
        text.push_str(&step(one, &why.watermark));
    }
    text
}

fn watermark(why: &Why) -> String {
    let timed = why.sources.iter().filter(|source| source.column.is_some());
    let timed = timed.count();
    let behind = why.held_back_by.iter().map(|name| format!("`{name}`"));
    let behind = behind.collect::<Vec<_>>().join(", ");
    let mut text = match (&why.watermark, timed) {
        (_, 0) => "no source above it has event time: no watermark closes anything\n".to_owned(),
        (None, _) => format!("no watermark yet: it waits for {behind}\n"),
        (Some(watermark), 1) => format!("watermark {watermark}, by {behind}\n"),
        (Some(watermark), _) => format!("watermark {watermark}, held back by {behind}\n"),
    };
    if let Some(closed) = &why.closed {
        text.push_str(&format!(
            "the end of an input has closed everything up to {closed}\n"
        ));
    }
    text
}

fn source(source: &WhySource) -> Vec<String> {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let mut notes = Vec::new();
    match (&source.column, &source.latest) {
        (None, _) => notes.push("no event time: it holds back nobody".to_owned()),
        (Some(_), None) => notes.push("no row yet".to_owned()),
        _ => {}
    }
    if source.passed_over {
        notes.push("it was idle, and holds back nobody until it gives a row".to_owned());
    }
    if let Some(behind) = &source.behind {
        notes.push(format!("rows may be {behind} behind it here"));
    }
    vec![
        source.source.clone(),
        or_none(&source.column),
        or_none(&source.delay),
        or_none(&source.latest),
        or_none(&source.watermark),
        notes.join("; "),
    ]
}

/// Its partitions, the slowest of them first.
fn partitions(source: &WhySource) -> Vec<Vec<String>> {
    let rows = source.partitions.iter().enumerate().map(|(number, known)| {
        let note = match (known.idle, &known.latest, number) {
            (true, ..) => "idle: it holds back nobody",
            (false, None, _) => "no row yet: it holds back the source",
            (false, Some(_), 0) => "it holds back the source",
            _ => "",
        };
        let latest = known.latest.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            source.source.clone(),
            known.partition.clone(),
            latest,
            note.to_owned(),
        ]
    });
    rows.collect()
}

/// `of_node` is told already.
fn step(step: &WhyStep, of_node: &Option<String>) -> String {
    let mut text = format!("{} keeps {}\n", step.node, step.computes);
    if step.watermark != *of_node
        && let Some(own) = &step.watermark
    {
        text.push_str(&format!("  its watermark is {own}\n"));
    }
    if let Some(unknown) = &step.unknown {
        text.push_str(&format!("  {unknown}\n"));
        return text;
    }
    if step.held.is_empty() {
        text.push_str("  nothing now\n");
    }
    for held in &step.held {
        text.push_str(&format!("  {}\n", kept(held)));
    }
    let Some(next) = &step.next else {
        return text;
    };
    text.push_str(&format!("  next at the watermark {next}"));
    if let Some(missing) = &step.missing {
        text.push_str(&format!(", {missing} from now"));
    }
    let needs = step.needs.iter().map(|need| {
        let unless = if need.unless_idle {
            " unless it is idle"
        } else {
            ""
        };
        let each = match need.partitions.is_empty() {
            true => String::new(),
            false => format!(" in each of {}", need.partitions.join(", ")),
        };
        format!(
            "a row of {} or later from `{}`{each}{unless}",
            need.row, need.source
        )
    });
    let needs: Vec<String> = needs.collect();
    match needs.is_empty() {
        true => text.push_str(": the next epoch comes to it\n"),
        false => text.push_str(&format!(": it takes {}\n", needs.join(", and "))),
    }
    text
}

fn kept(held: &WhyHeld) -> String {
    let mut text = format!("{}: {}", held.what, held.rows);
    if let Some(oldest) = &held.oldest {
        text.push_str(&format!(", from {oldest} on"));
    }
    if let (Some(first), Some(last)) = (&held.first, &held.last) {
        match first == last {
            true => text.push_str(&format!(", until the watermark is {first}")),
            false => text.push_str(&format!(
                ", the first until the watermark is {first}, the last until {last}"
            )),
        }
    }
    if let Some(due) = &held.due {
        let next = if held.rows > 1 { "the next " } else { "" };
        text.push_str(&format!(", {next}due at {due}"));
    }
    match held.for_ever {
        0 => {}
        all if all == held.rows => text.push_str(", for ever"),
        some => text.push_str(&format!(", {some} of them for ever")),
    }
    text
}
