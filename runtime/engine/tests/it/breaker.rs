//! A plugin that fails whatever it is given stops the pipeline, with the reason.

use azud_model::ErrorKind;

use crate::guest::{picky, run_batches};

#[test]
fn a_plugin_that_always_traps_stops_the_pipeline() {
    let ended = run_batches(&[vec![0; 5_000]], "");
    let error = ended.outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Plugin);
    let (error, plugin) = (error.to_string(), picky());
    let plugin = plugin.display();
    let start = format!(
        "node `parts`: the plugin {plugin} failed 48 calls in a row, the last with: the plugin \
         trapped: wasm `unreachable` instruction executed"
    );
    assert!(error.starts_with(&start), "{error}");
    let end = format!(
        "; it fails on the row at source `in`, p, position 16: test it with that, look what it \
         wants with `azud inspect {plugin}`, or use another version of it"
    );
    assert!(error.ends_with(&end), "{error}");
}

#[test]
fn batches_of_one_row_are_counted_together() {
    let batches: Vec<Vec<i64>> = (0..60).map(|_| vec![0]).collect();
    let error = run_batches(&batches, "").outcome.unwrap_err().to_string();
    assert!(error.contains("failed 48 calls in a row"), "{error}");
}

/// In seconds; a machine that does much else is given ten times that.
#[test]
fn a_plugin_that_always_loops_stops_the_pipeline_soon() {
    let ended = run_batches(&[vec![77; 5_000]], "");
    let error = ended.outcome.unwrap_err().to_string();
    assert!(
        error.contains("the last with: the plugin took longer than"),
        "{error}"
    );
    println!("given up after {:.1} s: {error}", ended.seconds);
    assert!(ended.seconds < 50.0, "{} s", ended.seconds);
}
