//! Aggregates in the test kit: what they give, and the laws that they may break.

use azud_plugin::{
    Aggregate, Batch, Builder, Columns, Error, Int64, Members, Result, Signature, Utf8,
    testing::{Table, Value, reduce},
};

/// Sums, or breaks a law.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Fold {
    how: How,
}

#[derive(Clone, Copy, PartialEq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    Sums,
    KeepsTheFirst,
    ForgetsOnMerge,
    CountsStates,
    LoadsTooFew,
    SetsTooFew,
    SetsNothing,
}

impl Aggregate for Fold {
    type Config = Self;
    type Group = Option<i64>;

    fn open(config: Self, signature: &mut Signature) -> Result<Self> {
        assert_eq!(signature.arguments(), 1);
        signature.argument::<Int64>(0)?;
        signature.state("value", Int64);
        signature.output("value", Int64);
        signature.output("words", Utf8).not_null();
        Ok(config)
    }

    fn load(&mut self, states: &Batch) -> Result<Vec<Option<i64>>> {
        let values = states.column::<Int64>("value")?;
        let skipped = usize::from(self.how == How::LoadsTooFew);
        Ok(values.iter().skip(skipped).collect())
    }

    fn store(&mut self, groups: &[Option<i64>], states: &mut Columns) -> Result<()> {
        let mut values = Builder::<Int64>::new();
        let skipped = usize::from(self.how == How::SetsTooFew);
        for group in groups.iter().skip(skipped) {
            values.push_option(*group);
        }
        match self.how {
            How::SetsNothing => Ok(()),
            _ => states.set(0, values),
        }
    }

    fn update(
        &mut self,
        groups: &mut [Option<i64>],
        members: Members<'_>,
        rows: &Batch,
    ) -> Result<()> {
        for (member, value) in members.iter().zip(rows.column::<Int64>(0)?) {
            let Some(value) = value else { continue };
            if value < 0 {
                return Err(Error::new("a value is negative"));
            }
            match (self.how, groups[member]) {
                (How::KeepsTheFirst, Some(_)) => {}
                (_, known) => groups[member] = Some(known.unwrap_or_default() + value),
            }
        }
        Ok(())
    }

    fn merge(&mut self, group: &mut Option<i64>, other: Option<i64>) -> Result<()> {
        *group = match (self.how, *group, other) {
            (How::ForgetsOnMerge, known, _) => known,
            (How::KeepsTheFirst, known, other) => known.or(other),
            (How::CountsStates, known, other) => {
                Some(known.unwrap_or_default() + other.unwrap_or_default() + 1)
            }
            (_, Some(known), Some(other)) => Some(known + other),
            (_, known, other) => known.or(other),
        };
        Ok(())
    }

    fn finish(&mut self, groups: &[Option<i64>], results: &mut Columns) -> Result<()> {
        let (mut values, mut words) = (Builder::<Int64>::new(), Builder::<Utf8>::new());
        for group in groups {
            values.push_option(*group);
            words.push(&format!("{group:?}"));
        }
        results.set("words", words)?;
        results.set("value", values)
    }
}

fn fold(how: &str, values: &[Option<i64>]) -> Result<Vec<Value>, String> {
    let rows = Table::new().column("arg1", Int64, values.iter().copied());
    let reduced = reduce::<Fold>(&format!(r#"{{ "how": "{how}" }}"#), &rows);
    let reduced = reduced.map_err(|error| error.to_string())?;
    Ok(["value", "words"]
        .map(|name| reduced.value(name).clone())
        .into())
}

#[test]
fn a_group_is_reduced_to_its_result() {
    assert_eq!(
        fold("sums", &[Some(1), None, Some(41)]).unwrap(),
        [Value::from(42), Value::from("Some(42)")]
    );
    assert_eq!(
        fold("sums", &[]).unwrap(),
        [Value::Null, Value::from("None")]
    );
}

#[test]
fn who_breaks_a_law_is_told_where() {
    let broken = |how: &str| fold(how, &[Some(1), Some(2), Some(4)]).unwrap_err();
    let first = broken("keeps-the-first");
    assert!(
        first.starts_with("cut before row 1 and merged the other way round, the result is"),
        "{first}"
    );
    let forgets = broken("forgets-on-merge");
    assert!(
        forgets.starts_with("cut before row 0 and merged, the result is"),
        "{forgets}"
    );
    let counts = broken("counts-states");
    assert!(
        counts.starts_with("cut before row 0 and merged, the result is"),
        "{counts}"
    );
}

#[test]
fn mistakes_are_named() {
    for (how, what) in [
        ("loads-too-few", "`load` made 0 groups of 1 states"),
        (
            "sets-too-few",
            "column `value` has 0 values for 1 output rows",
        ),
        (
            "sets-nothing",
            "column `value` was announced in `open` and not set",
        ),
    ] {
        assert_eq!(fold(how, &[Some(1)]).unwrap_err(), what);
    }
    assert_eq!(
        fold("sums", &[Some(-1)]).unwrap_err(),
        "a value is negative"
    );
}
