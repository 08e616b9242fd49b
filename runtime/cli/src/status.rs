//! `azud status`.

use azud_admin::{NodeStatus, Status};

use crate::args::StatusArguments;
use crate::failure::Failure;
use crate::output::{print, print_json, table};
use crate::reload::{client, failure};

/// As much of a digest as tells two apart.
const DIGEST: usize = 12;

pub(crate) fn status(arguments: &StatusArguments) -> Result<(), Failure> {
    let status = client(&arguments.at).status().map_err(failure)?;
    match arguments.json {
        true => print_json(&status),
        false => {
            print(&shown(&status));
            Ok(())
        }
    }
}

fn shown(status: &Status) -> String {
    let (name, seconds) = (&status.name, status.seconds);
    let Some(epoch) = status.epoch else {
        return format!("{name}, for {seconds:.0} s: no epoch is committed yet\n");
    };
    let (records, rate) = (status.records, status.records_per_second);
    let mut text = format!(
        "{name}, for {seconds:.0} s: epoch {epoch}, {records} records, {rate:.0} a second in the \
         last epoch\n\n"
    );
    let rows: Vec<Vec<String>> = status.nodes.iter().map(|node| row(status, node)).collect();
    let heads = [
        "node",
        "rows in",
        "rows out",
        "rejected",
        "late",
        "watermark",
        "plugin",
    ];
    text += &table(&heads, &rows);
    text
}

fn row(status: &Status, node: &NodeStatus) -> Vec<String> {
    let mut watermarks = status.watermarks.iter();
    let watermark = watermarks.find(|of| of.source == node.name);
    let watermark = watermark.map(|of| {
        let time = of.watermark.as_deref().unwrap_or("none yet");
        let idle = if of.idle { ", idle" } else { "" };
        format!("{time}{idle}")
    });
    // A query may call several.
    let own =
        |of: &str| of == node.name || of.split_once('.').is_some_and(|(of, _)| of == node.name);
    let plugins = status.plugins.iter().filter(|plugin| own(&plugin.node));
    let plugins = plugins.map(|plugin| {
        let digest = plugin.sha256.get(..DIGEST).unwrap_or(&plugin.sha256);
        format!("{} {digest}", plugin.path)
    });
    vec![
        node.name.clone(),
        node.rows_in.to_string(),
        node.rows_out.to_string(),
        node.rejected.to_string(),
        node.late.to_string(),
        watermark.unwrap_or_default(),
        plugins.collect::<Vec<_>>().join(", "),
    ]
}
