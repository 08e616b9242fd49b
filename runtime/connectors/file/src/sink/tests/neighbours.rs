//! Files and runs beside our own.

use super::*;

async fn refused(home: &Path, mode: Mode, options: Value) -> String {
    let refused = Bench::new(home, "json", mode, options).await;
    refused.err().unwrap().to_string()
}

/// A run that died between the two steps of a commit has left one.
#[tokio::test]
async fn a_file_that_no_list_knows_is_found_at_the_start() {
    for mode in [Mode::Append, Mode::Complete] {
        let home = tempfile::tempdir().unwrap();
        let out = home.path().join("out");
        fs::create_dir(&out).unwrap();
        for name in ["part-3-0.json", "part-0-1.json"] {
            fs::write(out.join(name), "{}\n").unwrap();
        }
        // Nothing that we would write.
        for name in ["part-0-0.csv", "part-x-0.json", "part-00000", "notes.json"] {
            fs::write(out.join(name), "").unwrap();
        }
        let options = json!({"path": "out"});
        assert_eq!(
            refused(home.path(), mode, options.clone()).await,
            "`out/part-0-1.json` is there already, and no list in `out/_azud` knows it: remove it, \
             or write to another folder"
        );
        for name in ["part-3-0.json", "part-0-1.json"] {
            fs::remove_file(out.join(name)).unwrap();
        }
        assert!(Bench::new(home.path(), "json", mode, options).await.is_ok());
    }
}

/// Two runs would remove each other's hidden files.
#[tokio::test]
async fn a_second_run_at_the_same_place_is_refused() {
    for (layout, lock) in [
        ("batches", ".out-azud.lock"),
        ("table", "out/_azud/tmp.lock"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let options = json!({"path": "out", "layout": layout});
        let mut bench = Bench::new(home.path(), "json", Mode::Append, options.clone())
            .await
            .unwrap();
        assert!(home.path().join(lock).exists());
        bench.write(0, "1\n").await;
        let clock = Arc::new(ManualClock::at(0));
        let context = context(home.path(), "json", Mode::Append, &clock);
        let second = super::super::make(options.clone(), context).unwrap();
        let schema = Arc::new(arrow::datatypes::Schema::empty());
        let error = second.writer(0, schema).await.err().unwrap();
        assert_eq!(error.kind(), azud_model::ErrorKind::Invalid);
        assert_eq!(
            error.to_string(),
            "another run writes to `out`: stop it, or write to another folder"
        );
        // It has nothing of its own to remove.
        second.abort().await.unwrap();
        drop(second);
        bench.epoch(epoch(0, true), ["", ""]).await;
        let written = match layout {
            "batches" => "out-1000/part-00000=1\n",
            _ => "out/part-0-0.json=1\n",
        };
        assert!(visible(home.path()).contains(&written.to_owned()));
        assert!(!home.path().join(lock).exists(), "{layout}");
    }
}

/// What is left of a run that was killed holds nobody.
#[tokio::test]
async fn a_lock_that_nobody_holds_is_taken() {
    let home = tempfile::tempdir().unwrap();
    let lock = home.path().join("out/_azud/tmp.lock");
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    fs::write(&lock, "").unwrap();
    let options = json!({"path": "out"});
    for _ in 0..2 {
        let bench = Bench::new(home.path(), "json", Mode::Append, options.clone()).await;
        assert_eq!(names(home.path()), ["out/_azud/tmp.lock"]);
        drop(bench.unwrap());
        assert_eq!(names(home.path()), Vec::<String>::new());
    }
}

/// A run that goes back to what is recorded keeps others out as before.
#[tokio::test]
async fn a_run_that_was_rolled_back_has_the_place_still() {
    for layout in ["batches", "table", "rolling"] {
        let home = tempfile::tempdir().unwrap();
        let options = json!({"path": "out", "layout": layout});
        let make = || {
            let clock = Arc::new(ManualClock::at(0));
            let context = SinkContext {
                pipeline: "test".into(),
                checkpointed: true,
                group: None,
                ..context(home.path(), "json", Mode::Append, &clock)
            };
            super::super::make(options.clone(), context).unwrap()
        };
        let recovery = |run: &str| azud_connect::Recovery {
            run: run.to_owned(),
            generation: 0,
            epoch: None,
            last: None,
            allow_reset: false,
        };
        let schema = Arc::new(arrow::datatypes::Schema::empty());
        let first = make();
        for _ in 0..2 {
            first.recover(&recovery("a")).await.unwrap();
            let mut writer = first.writer(0, schema.clone()).await.unwrap();
            let bytes = "1\n".into();
            writer
                .write(Output::Encoded { rows: 1, bytes })
                .await
                .unwrap();
            writer.prepare(&epoch(0, false)).await.unwrap();
            let error = make()
                .recover(&recovery("b"))
                .await
                .unwrap_err()
                .to_string();
            assert_eq!(
                error,
                "another run writes to `out`: stop it, or write to another folder"
            );
            first.abort().await.unwrap();
        }
    }
}
