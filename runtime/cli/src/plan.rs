//! `azud plan`.

use std::path::Path;

use azud_engine::{Fit, NodeFit, NodeView, PlanView};
use azud_state::Location;
use serde_json::json;

use crate::apply;
use crate::args::PlanArguments;
use crate::failure::Failure;
use crate::load;
use crate::output::{print_json, print_text, table};

pub(crate) fn plan(arguments: &PlanArguments) -> Result<(), Failure> {
    if let Some(address) = endpoint(arguments) {
        return apply::plan(&arguments.file, address, arguments.json);
    }
    let plan = load::plan(&arguments.file)?;
    let Some(against) = &arguments.against else {
        let view = plan.view().map_err(Failure::Pipeline)?;
        if arguments.json {
            return print_json(&view);
        }
        return print_text(&describe(&view));
    };
    let location = match against.to_str().filter(|text| text.contains("://")) {
        Some(url) => {
            Location::new(url, Path::new("")).map_err(|error| Failure::Input(error.to_string()))?
        }
        None => Location::Folder(against.clone()),
    };
    let fits = plan
        .against(&location)
        .map_err(|error| Failure::Input(error.to_string()))?;
    match arguments.json {
        true => {
            let fits = fits.iter().map(|NodeFit { node, fit }| {
                let (fit, reason) = words(fit);
                json!({ "node": node, "fit": fit, "reason": reason })
            });
            print_json(&fits.collect::<Vec<_>>())?;
        }
        false => print_text(&compare(&fits))?,
    }
    let lost = fits.iter().filter(|one| matches!(one.fit, Fit::Lost(_)));
    match lost.count() {
        0 => Ok(()),
        lost => Err(Failure::Lost(lost)),
    }
}

/// Where a pipeline listens, if that is what `--against` says.
fn endpoint(arguments: &PlanArguments) -> Option<&str> {
    let against = arguments.against.as_ref().filter(|path| !path.exists())?;
    let address = against.to_str()?;
    let (host, port) = address.rsplit_once(':')?;
    let is_one = !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok();
    is_one.then_some(address)
}

fn describe(view: &PlanView) -> String {
    let lanes = match view.parallelism {
        1 => "1 lane".to_owned(),
        lanes => format!("{lanes} lanes"),
    };
    let checkpoint = view.checkpoint.as_deref().unwrap_or("none");
    let mut rows = Vec::new();
    for node in &view.nodes {
        rows.push(vec![
            node.kind.to_owned(),
            node.name.clone(),
            node.reads.join(", "),
            facts(node).join("; "),
        ]);
    }
    format!(
        "{}: {}, {lanes}, checkpoint: {checkpoint}\n\n{}",
        view.name,
        view.trigger,
        table(&["kind", "node", "reads", "what"], &rows)
    )
}

fn facts(node: &NodeView) -> Vec<String> {
    let mut facts = Vec::new();
    facts.extend(node.connector.clone());
    let stages: Vec<String> = node.stages.iter().map(ToString::to_string).collect();
    facts.extend(match stages.as_slice() {
        // A table: those who join it read it.
        [] => None,
        [one] => Some(format!("stage {one}")),
        stages => Some(format!("stages {}", stages.join(", "))),
    });
    if !node.modes.is_empty() && node.kind != "source" {
        facts.push(format!("mode {}", node.modes.join(", ")));
    }
    facts.extend(node.state.iter().map(|state| format!("keeps {state}")));
    if let Some(digest) = &node.plugin {
        facts.push(format!("plugin {}", digest.get(..12).unwrap_or(digest)));
    }
    if let Some(guarantee) = &node.guarantee {
        facts.push(match &guarantee.weakest_link {
            None => guarantee.delivery.to_owned(),
            Some(link) => format!("{} ({link})", guarantee.delivery),
        });
    }
    facts
}

fn compare(fits: &[NodeFit]) -> String {
    let rows: Vec<Vec<String>> = fits
        .iter()
        .map(|NodeFit { node, fit }| {
            let (fit, reason) = words(fit);
            vec![node.clone(), fit.to_owned(), reason.unwrap_or_default()]
        })
        .collect();
    table(&["node", "state", "why"], &rows)
}

fn words(fit: &Fit) -> (&'static str, Option<String>) {
    match fit {
        Fit::Kept => ("kept", None),
        Fit::New => ("new", None),
        Fit::Changed(how) => ("changed", Some(how.clone())),
        Fit::Lost(why) => ("lost", Some(why.clone())),
    }
}
