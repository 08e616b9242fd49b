//! Sinks, as a plugin writes them and a test runs them.

use std::time::Duration;

use azud_plugin::{
    Batch, Error, Flushed, Input, Int64, NoConfig, Outcome, Partial, Result, Sink, Utf8,
    testing::{Table, open_sink},
};

/// Keeps amounts; says of each row what its column `say` tells it to.
struct Keeps {
    say: usize,
    amount: usize,
    kept: Vec<i64>,
    flushes: usize,
}

impl Sink for Keeps {
    type Config = NoConfig;

    fn open(_: NoConfig, input: &Input) -> Result<Self> {
        Ok(Self {
            say: input.require::<Utf8>("say")?,
            amount: input.require::<Int64>("amount")?,
            kept: Vec::new(),
            flushes: 0,
        })
    }

    fn write(&mut self, batch: &Batch) -> Result<Outcome> {
        let mut partial = Partial::default();
        let amounts = batch.column::<Int64>(self.amount)?;
        for (row, say) in batch.column::<Utf8>(self.say)?.iter().enumerate() {
            match say.unwrap_or_default() {
                "wait" => return Ok(Outcome::retry_after(Duration::from_secs(1), "busy")),
                "fail" => return Err(Error::new("it said no")),
                "parse" => drop("x".parse::<i64>()?),
                "reject" => partial.reject(row, "bad"),
                "twice" => partial.retry.extend([row, row]),
                "far" => partial.retry.push(row + 100),
                "again" => partial.retry.push(row),
                _ => self.kept.extend(amounts.get(row)),
            }
        }
        Ok(partial.into())
    }

    fn flush(&mut self) -> Result<Flushed> {
        self.flushes += 1;
        match self.flushes {
            1 => Ok(Flushed::retry_after(Duration::from_millis(5), "not yet")),
            _ => Ok(Flushed::Done),
        }
    }
}

fn table(say: &[&str]) -> Table {
    Table::new()
        .column("other", Utf8, say.iter().map(|_| "x"))
        .column("amount", Int64, 0..say.len() as i64)
        .column("say", Utf8, say.iter().copied())
}

#[test]
fn batches_and_flushes_follow_each_other_on_one_instance() {
    let mut sink = open_sink::<Keeps>("", &table(&[])).unwrap();
    assert_eq!(sink.write(&table(&["", ""])).unwrap(), Outcome::Accepted);
    let batch = table(&["", "again", "reject", ""]);
    let Outcome::Partial(partial) = sink.write(&batch).unwrap() else {
        panic!("not partial");
    };
    assert_eq!(partial.retry, [1]);
    assert_eq!(partial.rejected, [(2, "bad".to_owned())]);
    assert_eq!(
        sink.write(&table(&["wait"])).unwrap(),
        Outcome::RetryAfter(Duration::from_secs(1), "busy".into())
    );
    assert_eq!(
        sink.flush().unwrap(),
        Flushed::retry_after(Duration::from_millis(5), "not yet")
    );
    assert_eq!(sink.flush().unwrap(), Flushed::Done);
    assert_eq!(sink.sink().kept, [0, 1, 0, 3]);
}

#[test]
fn an_error_fails_the_batch() {
    let said = |say: &str| {
        let mut sink = open_sink::<Keeps>("", &table(&[])).unwrap();
        sink.write(&table(&[say])).unwrap_err().to_string()
    };
    assert_eq!(said("fail"), "it said no");
    assert_eq!(said("parse"), "invalid digit found in string");
    assert_eq!(said("twice"), "row 0 is listed twice");
    assert_eq!(said("far"), "row 100 was listed of a batch of 1 rows");
}

#[test]
fn an_input_that_does_not_fit_is_refused() {
    let refused = open_sink::<Keeps>("", &Table::new().column("say", Int64, [1]));
    assert_eq!(
        refused.err().unwrap().to_string(),
        "column `say` is bigint, not string: cast it in SQL before this step"
    );
}

#[test]
fn rows_are_picked_in_order() {
    let table = table(&["a", "b", "c"]);
    assert_eq!(table.pick(&[0, 1, 2]), table);
    let mut sink = open_sink::<Keeps>("", &table).unwrap();
    sink.write(&table.pick(&[2, 0])).unwrap();
    assert_eq!(sink.sink().kept, [2, 0]);
}
