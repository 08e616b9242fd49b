//! A transactional sink, as a plugin writes it and a test takes it through crashes.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use azud_plugin::{
    Batch, Flushed, Identity, Input, Int64, Outcome, Result, Sink, TransactionalSink,
    testing::{OpenSink, Table, open_sink},
};

/// What outlasts a sink: transactions by epoch, and what can be seen.
#[derive(Default)]
struct Target {
    prepared: BTreeMap<u64, Vec<i64>>,
    visible: Vec<i64>,
}

#[derive(Default)]
struct Rows {
    target: Rc<RefCell<Target>>,
    written: Vec<i64>,
    token: usize,
}

#[derive(serde::Deserialize)]
struct Config {
    token: usize,
}

azud_plugin::transactional_sink!(Rows);

impl Sink for Rows {
    type Config = Config;

    fn open(config: Config, input: &Input) -> Result<Self> {
        input.require::<Int64>("n")?;
        Ok(Self {
            token: config.token,
            ..Self::default()
        })
    }

    fn write(&mut self, batch: &Batch) -> Result<Outcome> {
        self.written
            .extend(batch.column::<Int64>("n")?.iter().flatten());
        Ok(Outcome::Accepted)
    }
}

impl TransactionalSink for Rows {
    fn recover(&mut self, _: &Identity, last: Option<u64>) -> Result<Flushed> {
        let mut target = self.target.borrow_mut();
        target.prepared.retain(|epoch, _| Some(*epoch) <= last);
        Ok(Flushed::Done)
    }

    fn prepare(&mut self, epoch: u64) -> Result<Vec<u8>> {
        let written = std::mem::take(&mut self.written);
        self.target.borrow_mut().prepared.insert(epoch, written);
        Ok(vec![b't'; self.token])
    }

    fn commit(&mut self, epoch: u64, _: &[u8]) -> Result<Flushed> {
        let mut target = self.target.borrow_mut();
        let rows = target.prepared.remove(&epoch);
        target.visible.extend(rows.unwrap_or_default());
        Ok(Flushed::Done)
    }

    fn abort(&mut self, epoch: u64, _: &[u8]) -> Result<Flushed> {
        self.target.borrow_mut().prepared.remove(&epoch);
        Ok(Flushed::Done)
    }
}

fn rows(numbers: &[i64]) -> Table {
    Table::new().column("n", Int64, numbers.iter().copied())
}

/// A fresh instance over the same target.
fn open(target: &Rc<RefCell<Target>>, last: Option<u64>) -> OpenSink<Rows> {
    let mut sink = open_sink::<Rows>(r#"{ "token": 3 }"#, &rows(&[])).unwrap();
    sink.sink_mut().target = target.clone();
    let who = Identity {
        run: "r".into(),
        sink: "out".into(),
    };
    assert_eq!(sink.recover(&who, last).unwrap(), Flushed::Done);
    sink
}

fn prepare(sink: &mut OpenSink<Rows>, epoch: u64, numbers: &[i64]) -> Vec<u8> {
    assert_eq!(sink.write(&rows(numbers)).unwrap(), Outcome::Accepted);
    assert_eq!(sink.flush().unwrap(), Flushed::Done);
    sink.prepare(epoch).unwrap()
}

#[test]
fn each_epoch_is_seen_once_whatever_crashes() {
    let target: Rc<RefCell<Target>> = Rc::default();
    let mut sink = open(&target, None);
    let token = prepare(&mut sink, 0, &[1, 2]);
    assert_eq!(token, b"ttt");
    assert!(target.borrow().visible.is_empty());
    sink.commit(0, &token).unwrap();
    sink.commit(0, &token).unwrap();
    assert_eq!(target.borrow().visible, [1, 2]);
    // A crash before the record, one after it, and one in the middle of an epoch.
    prepare(&mut sink, 1, &[3]);
    let mut sink = open(&target, Some(0));
    let token = prepare(&mut sink, 1, &[4]);
    let mut sink = open(&target, Some(1));
    sink.commit(1, &token).unwrap();
    sink.write(&rows(&[5])).unwrap();
    let mut sink = open(&target, Some(1));
    let token = prepare(&mut sink, 2, &[6]);
    sink.abort(2, &token).unwrap();
    assert_eq!(target.borrow().visible, [1, 2, 4]);
    assert!(target.borrow().prepared.is_empty());
}

#[test]
fn a_token_that_the_host_would_refuse_is_an_error() {
    let open = |token: usize| {
        let config = format!(r#"{{ "token": {token} }}"#);
        open_sink::<Rows>(&config, &rows(&[])).unwrap()
    };
    assert!(open(1 << 20).prepare(0).is_ok());
    let error = open((1 << 20) + 1).prepare(0).unwrap_err();
    assert_eq!(error.to_string(), "a token of 1048577 bytes is too large");
}
