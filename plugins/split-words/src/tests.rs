use azud_plugin::{
    Int64, Utf8,
    testing::{Ran, Table, run},
};

use super::SplitWords;

fn split(config: &str, lines: &[Option<&str>]) -> Ran {
    run::<SplitWords>(
        config,
        &Table::new().column("value", Utf8, lines.iter().copied()),
    )
    .unwrap()
}

#[test]
fn a_word_is_what_stands_between_white_space() {
    let output = split(
        "{}",
        &[Some("to be or"), Some(""), None, Some("  not\tto \r\n be ")],
    );
    assert_eq!(output.column("word"), ["to", "be", "or", "not", "to", "be"]);
    assert_eq!(output.rows, [0, 0, 0, 3, 3, 3]);
    assert_eq!(output.columns.len(), 1);
}

#[test]
fn white_space_is_unicodes() {
    let output = split(
        "{}",
        &[
            Some("año\u{a0}nuevo"),
            Some("雨\u{3000}水 x"),
            Some("a\u{b}b\u{c}c\u{85}d\u{1c}e"),
        ],
    );
    assert_eq!(
        output.column("word"),
        ["año", "nuevo", "雨", "水", "x", "a", "b", "c", "d\u{1c}e"]
    );
}

#[test]
fn ascii_and_unicode_agree_on_every_ascii_character() {
    for character in (0..128_u8).map(char::from) {
        let ascii = format!("a{character}b");
        let unicode = format!("{ascii}ñ");
        let count = |line: &str| split("{}", &[Some(line)]).rows.len();
        assert_eq!(count(&ascii), count(&unicode), "{character:?}");
    }
}

#[test]
fn a_separator_is_a_character_or_a_text() {
    assert_eq!(
        split(r#"{"separator": " "}"#, &[Some("to  be\tor")]).column("word"),
        ["to", "be\tor"]
    );
    assert_eq!(
        split(r#"{"separator": ", "}"#, &[Some("a, b,c, , d")]).column("word"),
        ["a", "b,c", "d"]
    );
    assert_eq!(
        split(r#"{"separator": "ñ"}"#, &[Some("añbñ")]).column("word"),
        ["a", "b"]
    );
    assert_eq!(split("{}", &[Some(&"x".repeat(100_000))]).rows, [0]);
}

#[test]
fn columns_go_with_their_words() {
    let input = Table::new()
        .column("text", Utf8, ["a b", "c"])
        .column("id", Int64, [7, 8]);
    let output = run::<SplitWords>(r#"{"column": "text", "keep": ["id"]}"#, &input).unwrap();
    assert_eq!(output.column("word"), ["a", "b", "c"]);
    assert_eq!(output.column("id"), [7, 7, 8]);
}

#[test]
fn what_cannot_be_split_is_refused() {
    let refusal = |config: &str| {
        run::<SplitWords>(config, &Table::new().column("n", Int64, [1]))
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(refusal("{}"), "the input has no column `value`; it has `n`");
    assert_eq!(
        refusal(r#"{"column": "n"}"#),
        "column `n` is bigint, not string: cast it in SQL before this step"
    );
    assert_eq!(
        refusal(r#"{"separator": 1}"#),
        "config: invalid type: integer `1`, expected a string"
    );
    assert_eq!(
        run::<SplitWords>(
            r#"{"separator": ""}"#,
            &Table::new().column("value", Utf8, ["a"])
        )
        .map(|_| ())
        .unwrap_err()
        .to_string(),
        "`separator` is empty: leave it out to split at white space"
    );
}
