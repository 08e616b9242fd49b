//! Columns, builders and outputs, as a plugin uses them.

use azud_plugin::{
    Batch, Bool, Builder, Date, Decimal, FixedBinary, Float64, Int64, NoConfig, Output, Result,
    Setup, Timestamp, Transform, Type, Utf8,
    testing::{Table, run},
};

/// Copies a column of a type, value by value.
struct Copy<T>(std::marker::PhantomData<T>);

impl<T: Type + Default> Transform for Copy<T> {
    type Config = NoConfig;

    fn open(_: NoConfig, setup: &mut Setup) -> Result<Self> {
        setup.read::<T>("c")?;
        setup.compute("copy", T::default());
        Ok(Self(std::marker::PhantomData))
    }

    fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<()> {
        let column = batch.column::<T>("c")?;
        let mut copy = Builder::<T>::new();
        match column.values() {
            Some(values) => values.for_each(|value| copy.push(value)),
            None => column.iter().for_each(|value| copy.push_option(value)),
        }
        out.keep_all();
        out.set("copy", copy)
    }
}

macro_rules! copies {
    ($name:ident, $values:expr) => {{
        let values = $values;
        let input = Table::new().column("c", $name, values.clone());
        let output = run::<Copy<$name>>("{}", &input).unwrap();
        assert_eq!(output.column("copy"), values);
        assert_eq!(output.rows, (0..values.len()).collect::<Vec<_>>());
    }};
}

#[test]
fn every_family_of_types_comes_back() {
    copies!(Int64, [Some(i64::MIN), None, Some(0), Some(i64::MAX)]);
    copies!(Int64, [1, 2, 3]);
    copies!(Float64, [Some(-0.5), None]);
    copies!(Date, [Some(-1), None, Some(20_000)]);
    copies!(Timestamp, [1_767_225_600_000_000_i64]);
    copies!(
        Bool,
        [
            Some(true),
            None,
            Some(false),
            None,
            Some(true),
            Some(true),
            None,
            None,
            Some(false),
            Some(true)
        ]
    );
    copies!(
        Utf8,
        [
            Some(""),
            None,
            Some("ñ"),
            Some("a text that is longer than sixteen bytes"),
            Some("12345678"),
            Some("123")
        ]
    );
}

#[test]
fn text_of_every_length_is_copied_whole() {
    let text = "abcdefghijklmnopqrstuvwxyz";
    copies!(
        Utf8,
        (0..26).map(|length| &text[..length]).collect::<Vec<_>>()
    );
}

#[test]
fn a_null_after_eight_values_and_after_none() {
    for nulls in [0, 1, 7, 8, 9, 16] {
        copies!(
            Int64,
            (0..20)
                .map(|row| (row != nulls).then_some(row))
                .collect::<Vec<Option<i64>>>()
        );
    }
}

#[test]
fn no_rows() {
    copies!(Utf8, [""; 0]);
    copies!(Bool, [true; 0]);
}

#[test]
fn a_type_says_its_format() {
    assert_eq!(
        Decimal {
            precision: 10,
            scale: 2
        }
        .format(),
        "d:10,2"
    );
    assert_eq!(FixedBinary::<16>.format(), "w:16");
    assert!(FixedBinary::<16>::accepts("w:16") && !FixedBinary::<16>::accepts("w:17"));
    assert!(Timestamp::accepts("tsu:UTC") && !Timestamp::accepts("tsm:UTC"));
    assert!(Decimal::accepts("d:10,2") && !Decimal::accepts("d:10,2,256"));
}

/// Hands back buffers of its own making.
struct Raw;

impl Transform for Raw {
    type Config = Vec<Vec<u8>>;

    fn open(_: Self::Config, setup: &mut Setup) -> Result<Self> {
        setup.read::<Utf8>("c")?;
        setup.compute("made", Utf8);
        Ok(Self)
    }

    fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<()> {
        let bytes = batch.column::<Utf8>("c")?.view().data();
        let bytes: Vec<u8> = bytes.iter().map(|byte| byte ^ 0x80).collect();
        let offsets = [0, bytes.len() as u32].map(u32::to_le_bytes).concat();
        out.keep(0);
        out.set_buffers("made", 1, vec![vec![], offsets, bytes])
    }
}

#[test]
fn text_that_is_none_is_refused_as_the_host_would() {
    let input = Table::new().column("c", Utf8, ["a"]);
    let refused = run::<Raw>("[]", &input).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "column `made`: the text in row 0 is not UTF-8"
    );
}

/// Keeps short texts; refuses long ones, after it has made half of their output.
struct Rows;

impl Transform for Rows {
    type Config = NoConfig;

    fn open(_: NoConfig, setup: &mut Setup) -> Result<Self> {
        setup.read::<Utf8>("c")?;
        setup.carry_all();
        Ok(Self)
    }

    fn row(&mut self, batch: &Batch, row: usize, out: &mut Output) -> Result<()> {
        out.keep(row);
        match batch.column::<Utf8>(0)?.get(row) {
            Some(text) if text.len() > 3 => Err(azud_plugin::Error::new(format!("{text} is long"))),
            _ => Ok(()),
        }
    }
}

#[test]
fn an_error_of_a_row_rejects_that_row_only() {
    let input = Table::new().column("c", Utf8, [Some("a"), Some("long"), None]);
    let output = run::<Rows>("", &input).unwrap();
    assert_eq!(output.rows, [0, 2]);
    assert_eq!(output.column("c"), [Some("a"), None]);
    assert_eq!(output.rejected, [(1, "long is long".to_owned())]);
}

/// Forgets, in several ways, what it announced.
struct Forgets;

impl Transform for Forgets {
    type Config = String;

    fn open(_: String, setup: &mut Setup) -> Result<Self> {
        setup.read::<Utf8>("c")?;
        setup.compute("n", Int64).not_null();
        Ok(Self)
    }

    fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<()> {
        let text = batch.column::<Utf8>("c")?.get(0).unwrap_or_default();
        let mut builder = Builder::<Int64>::new();
        match text {
            "nothing" => Ok(()),
            "short" => {
                out.keep_all();
                out.set("n", builder)
            }
            "other" => out.set("other", builder),
            "type" => out.set("n", Builder::<Utf8>::new()),
            "column" => batch.column::<Utf8>("d").map(|_| ()),
            "as" => batch.column::<Int64>("c").map(|_| ()),
            _ => {
                out.keep(0);
                builder.push(1);
                out.set("n", builder)
            }
        }
    }
}

#[test]
fn mistakes_are_named() {
    let said = |text: &str| {
        let input = Table::new().column("c", Utf8, [text]);
        run::<Forgets>(r#""x""#, &input)
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        said("nothing"),
        "column `n` was announced in `open` and not set"
    );
    assert_eq!(said("short"), "column `n` has 0 values for 1 output rows");
    assert_eq!(said("other"), "column `other` was not announced in `open`");
    assert_eq!(
        said("type"),
        "column `n` was announced as bigint, not string"
    );
    assert_eq!(said("column"), "column `d` was not read in `open`");
    assert_eq!(said("as"), "column `c` is string, not bigint");
}

/// Changes a column in its place, whether it is carried before or after.
struct Shout {
    column: String,
}

#[derive(serde::Deserialize)]
struct ShoutConfig {
    column: String,
    compute_first: bool,
}

impl Transform for Shout {
    type Config = ShoutConfig;

    fn open(config: ShoutConfig, setup: &mut Setup) -> Result<Self> {
        setup.read::<Utf8>(&config.column)?;
        if config.compute_first {
            setup.compute(&config.column, Utf8);
            setup.carry_all();
        } else {
            setup.carry_all();
            setup.compute(&config.column, Utf8);
        }
        Ok(Self {
            column: config.column,
        })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output) -> Result<()> {
        let mut loud = Builder::<Utf8>::new();
        for text in batch.column::<Utf8>(&self.column)?.iter() {
            loud.push_option(text.map(str::to_uppercase).as_deref());
        }
        out.keep_all();
        out.set(&self.column, loud)
    }
}

#[test]
fn a_computed_column_takes_the_place_of_the_carried_one() {
    let input = Table::new()
        .column("n", Int64, [1, 2])
        .column("text", Utf8, [Some("a"), None])
        .column("m", Int64, [3, 4]);
    for (first, expected) in [(false, ["n", "text", "m"]), (true, ["text", "n", "m"])] {
        let config = format!(r#"{{ "column": "text", "compute_first": {first} }}"#);
        let output = run::<Shout>(&config, &input).unwrap();
        let names: Vec<&str> = output
            .columns
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, expected);
        assert_eq!(output.column("text"), [Some("A"), None]);
        assert_eq!(output.column("m"), [3, 4]);
    }
}
