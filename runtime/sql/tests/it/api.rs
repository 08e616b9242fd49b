//! What the engine asks besides `plan`: tables; and queries that mean harm.

use azud_sql::{Input, Tables, plan, tables};

use crate::support::schema;

fn nodes() -> Tables {
    Tables::from([("lines".to_owned(), schema("line string, n bigint").into())])
}

fn message(sql: &str) -> String {
    plan(sql, &nodes()).unwrap_err().to_string()
}

#[test]
fn tables_are_named_as_the_query_names_them() {
    let read = |sql| tables(sql).unwrap();
    assert_eq!(read("SELECT * FROM Lines"), ["Lines"]);
    assert_eq!(
        read(
            "SELECT * FROM a UNION ALL SELECT * FROM (SELECT * FROM b.rejected) UNION ALL SELECT * FROM a"
        ),
        ["a", "b.rejected"]
    );
    assert_eq!(
        read("WITH words AS (SELECT * FROM words), x AS (SELECT * FROM words) SELECT * FROM x"),
        ["words"]
    );
    assert_eq!(
        read("SELECT * FROM lines JOIN other ON a = b"),
        ["lines", "other"]
    );
    assert!(tables("SELECT FROM WHERE").is_err());
}

#[test]
fn steps_of_word_count() {
    let sql = "SELECT word, count(*) AS n FROM (SELECT explode(split(line, ' ')) AS word FROM Lines) GROUP BY word";
    let query = plan(sql, &nodes()).unwrap();
    let steps: Vec<_> = query
        .steps
        .iter()
        .map(|step| (step.name, step.exchange.clone(), step.stateful))
        .collect();
    assert_eq!(
        steps,
        [
            ("explode", None, false),
            ("partial aggregate", None, false),
            ("final aggregate", Some(vec![0]), true),
            ("project", None, false),
        ]
    );
    assert_eq!(query.steps[0].inputs, [Input::Table("lines".to_owned())]);
    assert_eq!(query.output, 3);
}

#[test]
fn a_filter_and_a_projection_are_one_step() {
    let query = plan(
        "SELECT n + 1 AS m FROM lines WHERE line LIKE 'a%'",
        &nodes(),
    )
    .unwrap();
    assert_eq!(query.steps.len(), 1);
    assert_eq!(query.steps[0].name, "filter");
}

#[test]
fn a_query_that_is_too_long_is_refused() {
    assert_eq!(
        message(&"(".repeat(1 << 20)),
        "the query is 1048576 bytes long; at most 65536 are allowed"
    );
}

#[test]
fn a_query_that_is_too_deep_is_refused() {
    let brackets = format!(
        "SELECT {}1{} FROM lines",
        "(".repeat(20_000),
        ")".repeat(20_000)
    );
    assert_eq!(
        message(&brackets),
        "the query is too deep: more than 40 nested brackets"
    );
    let sum = format!("SELECT 1{} FROM lines", " + 1".repeat(10_000));
    assert_eq!(
        message(&sum),
        "the query is too deep: more than 250 operators in one expression"
    );
    let unions = vec!["SELECT line FROM lines"; 1000].join(" UNION ALL ");
    assert_eq!(
        message(&unions),
        "the query is too deep: more than 100 unions"
    );
    for prefix in [
        "NOT ",
        "- ",
        "~ ",
        "CASE WHEN 1 = 1 THEN ",
        "CAST(",
        "a[",
        "SELECT * FROM (",
    ] {
        let sql = format!("SELECT {} FROM lines", prefix.repeat(60_000 / prefix.len()));
        assert!(plan(&sql, &nodes()).is_err(), "{prefix}");
    }
}

/// What is just allowed does not overflow the small stack of a test's thread.
#[test]
fn a_query_at_the_limits_is_planned() {
    let sum = format!("SELECT n{} AS x FROM lines", " + n".repeat(240));
    assert!(plan(&sum, &nodes()).is_ok());
    let brackets = format!(
        "SELECT {}n{} AS x FROM lines",
        "(".repeat(38),
        ")".repeat(38)
    );
    assert!(plan(&brackets, &nodes()).is_ok());
    let unions = ["SELECT line FROM lines"; 100].join(" UNION ALL ");
    assert!(plan(&unions, &nodes()).is_ok());
    let calls = format!(
        "SELECT {}line{} AS x FROM lines",
        "upper(".repeat(38),
        ")".repeat(38)
    );
    assert!(plan(&calls, &nodes()).is_ok());
    let any: Vec<_> = (0..120).map(|n| format!("n = {n}")).collect();
    assert!(
        plan(
            &format!("SELECT line FROM lines WHERE {}", any.join(" OR ")),
            &nodes()
        )
        .is_ok()
    );
}
