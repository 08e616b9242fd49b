//! Output of others, and output that is ahead of the checkpoint.

use azud_connect::{Recorded, Recovery};

use super::crash::{RUN, recovery, sink};
use super::*;

const LAYOUTS: [&str; 2] = ["table", "batches"];

fn options(layout: &str) -> Value {
    json!({"path": "out", "layout": layout})
}

/// One process of a run: an epoch a text, one lane. Answers what was recorded.
async fn run(
    home: &Path,
    layout: &str,
    recovery: &Recovery,
    texts: &[&str],
) -> Result<Vec<Recorded>> {
    let sink = sink(home, Mode::Append, &options(layout), 1);
    sink.check(&Arc::new(arrow::datatypes::Schema::empty()))?;
    sink.recover(recovery).await?;
    let mut first = 0;
    if let Some(last) = &recovery.last {
        sink.commit(&last.epoch, last.prepared.clone()).await?;
        first = last.epoch.number + 1;
    }
    let schema = Arc::new(arrow::datatypes::Schema::empty());
    let mut writer = sink.writer(0, schema).await?;
    let mut recorded = Vec::new();
    for (number, text) in (first..).zip(texts) {
        let epoch = epoch(number, false);
        let bytes = text.as_bytes().to_vec().into();
        writer.write(Output::Encoded { rows: 1, bytes }).await?;
        let prepared = vec![writer.prepare(&epoch).await?];
        sink.commit(&epoch, prepared.clone()).await?;
        recorded.push(Recorded { epoch, prepared });
    }
    Ok(recorded)
}

async fn refused(home: &Path, layout: &str, recovery: &Recovery) -> String {
    let before = tree(home);
    let error = run(home, layout, recovery, &[]).await.unwrap_err();
    assert_eq!(error.kind(), azud_model::ErrorKind::Invalid);
    assert_eq!(tree(home), before, "it left a trace");
    error.to_string()
}

fn other(last: Option<Recorded>, allow_reset: bool) -> Recovery {
    Recovery {
        run: "beef".into(),
        generation: 0,
        epoch: last.as_ref().map(|last| last.epoch.number),
        last,
        allow_reset,
    }
}

#[tokio::test]
async fn the_output_of_another_run_is_refused_or_put_aside() {
    for layout in LAYOUTS {
        let home = tempfile::tempdir().unwrap();
        run(home.path(), layout, &recovery(None), &["1\n", "2\n"])
            .await
            .unwrap();
        let theirs = visible(home.path());
        let error = refused(home.path(), layout, &other(None, false)).await;
        let witness = match layout {
            "table" => "out/_azud/0.json",
            _ => "out-1000",
        };
        assert_eq!(
            error,
            format!(
                "`out` holds the output of another run: `{witness}` is of run `4f1c`, and this is \
                 run `beef`: write to another folder, or put that output aside with \
                 `--allow-reset out`"
            )
        );
        assert_eq!(visible(home.path()), theirs);
        let ours = run(home.path(), layout, &other(None, true), &["3\n"])
            .await
            .unwrap();
        let (aside, expected) = match layout {
            "table" => (
                [
                    "out/_azud/reset-1/part-0-0.txt",
                    "out/_azud/reset-1/part-1-0.txt",
                ],
                vec!["out/part-0-0.txt=3\n".to_owned()],
            ),
            _ => (
                [
                    ".out-1000-reset-1/part-00000",
                    ".out-2000-reset-1/part-00000",
                ],
                vec![
                    "out-1000/_SUCCESS={\"run\":\"beef\",\"epoch\":0}\n".to_owned(),
                    "out-1000/part-00000=3\n".to_owned(),
                ],
            ),
        };
        let is_aside = |line: &String| !line.contains("-reset-1/");
        let mut now = visible(home.path());
        now.retain(is_aside);
        assert_eq!(now, expected);
        for (path, content) in aside.iter().zip(["1\n", "2\n"]) {
            assert_eq!(fs::read_to_string(home.path().join(path)).unwrap(), content);
        }
        // It goes on with no more to be said, and a second reset has a place of its own.
        let last = ours.last().cloned();
        run(home.path(), layout, &other(last, false), &["4\n"])
            .await
            .unwrap();
        run(
            home.path(),
            layout,
            &Recovery {
                run: "cafe".into(),
                ..other(None, true)
            },
            &["5\n"],
        )
        .await
        .unwrap();
        let second = match layout {
            "table" => "out/_azud/reset-2/part-1-0.txt",
            _ => ".out-2000-reset-2/part-00000",
        };
        assert_eq!(fs::read_to_string(home.path().join(second)).unwrap(), "4\n");
    }
}

#[tokio::test]
async fn the_output_of_a_run_without_a_checkpoint_is_refused_or_left() {
    for layout in LAYOUTS {
        let home = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(0));
        let context = context(home.path(), "text", Mode::Append, &clock);
        let sink = super::super::make(options(layout), context).unwrap();
        let schema = Arc::new(arrow::datatypes::Schema::empty());
        let mut writer = sink.writer(0, schema).await.unwrap();
        let bytes = b"1\n".to_vec().into();
        writer
            .write(Output::Encoded { rows: 1, bytes })
            .await
            .unwrap();
        let epoch = Epoch {
            time_ms: 5,
            ..epoch(0, true)
        };
        let prepared = vec![writer.prepare(&epoch).await.unwrap()];
        sink.commit(&epoch, prepared).await.unwrap();
        if layout == "table" {
            assert_eq!(
                refused(home.path(), layout, &recovery(None)).await,
                "`out` holds the output of a run without a checkpoint: `out/_azud/0.json` names no \
                 run: write to another folder, or put that output aside with `--allow-reset out`"
            );
            continue;
        }
        // Long reports of others' committers, too.
        let spark = home.path().join("out-7");
        fs::create_dir(&spark).unwrap();
        fs::write(
            spark.join("_SUCCESS"),
            format!("{{\"name\":\"{}\"}}", "x".repeat(9000)),
        )
        .unwrap();
        run(home.path(), layout, &recovery(None), &["2\n"])
            .await
            .unwrap();
        assert!(visible(home.path()).contains(&"out-5/_SUCCESS=".to_owned()));
        assert!(visible(home.path()).contains(&"out-1000/part-00000=2\n".to_owned()));
    }
}

/// The checkpoint is an older copy: what it does not know must not be written over.
#[tokio::test]
async fn output_that_is_ahead_of_the_checkpoint_is_refused_or_put_aside() {
    for layout in LAYOUTS {
        let home = tempfile::tempdir().unwrap();
        let texts = ["1\n", "2\n", "3\n"];
        let recorded = run(home.path(), layout, &recovery(None), &texts)
            .await
            .unwrap();
        let witness = |epoch: u64| match layout {
            "table" => format!("out/_azud/{epoch}.json"),
            _ => format!("out-{}000", epoch + 1),
        };
        let end = "the checkpoint is an older copy: bring back the newer one, or put the later \
                   output aside with `--allow-reset out`";
        assert_eq!(
            refused(home.path(), layout, &recovery(None)).await,
            format!(
                "`out` is ahead of the checkpoint: `{}` is of epoch 0 of this run, and no epoch is \
                 recorded: {end}",
                witness(0)
            )
        );
        let older = recovery(Some(recorded[0].clone()));
        assert_eq!(
            refused(home.path(), layout, &older).await,
            format!(
                "`out` is ahead of the checkpoint: `{}` is of epoch 1 of this run, and the last \
                 recorded epoch is 0: {end}",
                witness(1)
            )
        );
        let reset = Recovery {
            allow_reset: true,
            ..older
        };
        run(home.path(), layout, &reset, &["4\n"]).await.unwrap();
        let mut now = visible(home.path());
        now.retain(|line| !line.contains("reset-1") && !line.contains("_SUCCESS"));
        let expected = match layout {
            "table" => ["out/part-0-0.txt=1\n", "out/part-1-0.txt=4\n"],
            _ => ["out-1000/part-00000=1\n", "out-2000/part-00000=4\n"],
        };
        assert_eq!(now, expected);
    }
}

/// What another run has prepared may be recorded, and nobody would find it again.
#[tokio::test]
async fn what_another_run_has_prepared_is_not_removed() {
    for layout in LAYOUTS {
        let home = tempfile::tempdir().unwrap();
        let first = sink(home.path(), Mode::Append, &options(layout), 1);
        first.recover(&recovery(None)).await.unwrap();
        let schema = Arc::new(arrow::datatypes::Schema::empty());
        let mut writer = first.writer(0, schema.clone()).await.unwrap();
        let bytes = b"1\n".to_vec().into();
        writer
            .write(Output::Encoded { rows: 1, bytes })
            .await
            .unwrap();
        let prepared = vec![writer.prepare(&epoch(0, false)).await.unwrap()];
        // The engine aborts whatever the reason is.
        first.abort().await.unwrap();
        drop(first);
        let staging = match layout {
            "table" => home.path().join("out/_azud/tmp"),
            _ => home.path().join(".out-azud"),
        };
        assert_eq!(
            refused(home.path(), layout, &other(None, false)).await,
            format!(
                "`{}` holds rows of run `4f1c` that are not visible yet, and this is run `beef`: \
                 write to another folder, or put that output aside with `--allow-reset out`",
                staging.display()
            )
        );
        let plain = Bench::new(home.path(), "text", Mode::Append, options(layout)).await;
        assert_eq!(
            plain.err().unwrap().to_string(),
            format!(
                "`out` waits for run `4f1c`, whose checkpoint holds rows that are not visible yet: \
                 start that one again, write elsewhere, or remove `{}`",
                staging.display()
            )
        );
        let last = Recorded {
            epoch: epoch(0, false),
            prepared,
        };
        run(home.path(), layout, &recovery(Some(last)), &[])
            .await
            .unwrap();
        let row = match layout {
            "table" => "out/part-0-0.txt=1\n",
            _ => "out-1000/part-00000=1\n",
        };
        assert!(visible(home.path()).contains(&row.to_owned()));
    }
}

/// A crash while it is put aside: it is found again, and nothing of it is lost.
#[tokio::test]
async fn putting_aside_survives_each_step() {
    for layout in LAYOUTS {
        for steps in 0.. {
            let home = tempfile::tempdir().unwrap();
            run(home.path(), layout, &recovery(None), &["1\n", "2\n"])
                .await
                .unwrap();
            let reset = sink(home.path(), Mode::Append, &options(layout), 1);
            reset.paths.steps.probe.die_after(steps);
            let survived = reset.recover(&other(None, true)).await.is_ok();
            drop(reset);
            run(home.path(), layout, &other(None, true), &["3\n"])
                .await
                .unwrap();
            let rows = |is_aside: bool| {
                let mut rows: Vec<String> = tree(home.path())
                    .into_iter()
                    .filter(|(name, _)| {
                        name.contains("part-") && name.contains("reset-") == is_aside
                    })
                    .map(|(_, content)| content)
                    .collect();
                rows.sort();
                rows
            };
            assert_eq!(rows(true), ["1\n", "2\n"], "{layout} {steps}");
            assert_eq!(rows(false), ["3\n"], "{layout} {steps}");
            if survived {
                assert!(steps > 2);
                break;
            }
        }
    }
    assert_eq!(RUN, "4f1c");
}
