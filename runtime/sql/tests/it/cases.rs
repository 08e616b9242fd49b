//! The queries of `cases/`, with the rows, rejected rows or errors that Spark 4 gives.
//!
//! A file holds tables, then cases: `=== name`, SQL, and what comes of it:
//! `rows` (the schema on the same line), `rejected`, `error`. With `BLESS=1`
//! the test writes what it found into the files: read the difference.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::{Run, from_json, schema, to_json};
use azud_model::{Batch, ColumnType, Mode};
use azud_sql::{Query, Tables, plan};

struct File {
    head: String,
    tables: Tables,
    rows: BTreeMap<String, Vec<String>>,
    cases: Vec<Case>,
}

struct Case {
    name: String,
    sql: String,
    expected: String,
}

#[test]
fn every_case_gives_what_spark_gives() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut wrong = Vec::new();
    let mut count = 0;
    for path in files {
        let file = parse(&fs::read_to_string(&path).unwrap());
        let mut blessed = file.head.clone();
        for case in &file.cases {
            count += 1;
            let found = outcome(&file, case);
            if found != case.expected {
                wrong.push(format!(
                    "{}: {}\n{}\n--- expected\n{}--- found\n{found}",
                    path.file_name().unwrap().to_string_lossy(),
                    case.name,
                    case.sql,
                    case.expected
                ));
            }
            blessed += &format!("=== {}\n{}{}\n", case.name, case.sql, found);
        }
        if std::env::var_os("BLESS").is_some() {
            fs::write(path, blessed.trim_end().to_owned() + "\n").unwrap();
        }
    }
    assert!(count >= 60, "{count} cases");
    assert!(
        wrong.is_empty(),
        "{} of {count} differ\n\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}

fn parse(text: &str) -> File {
    let (head, cases) = match text.find("=== ") {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let mut file = File {
        head: head.to_owned(),
        tables: Tables::new(),
        rows: BTreeMap::new(),
        cases: Vec::new(),
    };
    let mut table = String::new();
    for line in head
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        match line.strip_prefix("table ") {
            Some(declared) => {
                let (name, columns) = declared.split_once(": ").unwrap();
                table = name.to_owned();
                file.tables.insert(table.clone(), schema(columns).into());
            }
            None => file
                .rows
                .entry(table.clone())
                .or_default()
                .push(line.to_owned()),
        }
    }
    for case in cases.split("=== ").skip(1) {
        let (name, body) = case.split_once('\n').unwrap();
        let mut offset = 0;
        for line in body.split_inclusive('\n') {
            if ["rows", "rejected", "error"]
                .iter()
                .any(|word| line.starts_with(word))
            {
                break;
            }
            offset += line.len();
        }
        let (sql, expected) = body.split_at(offset);
        file.cases.push(Case {
            name: name.to_owned(),
            sql: sql.trim_end().to_owned() + "\n",
            expected: expected.trim_end().to_owned() + "\n",
        });
    }
    file
}

/// What a query gives, in the words of the files.
fn outcome(file: &File, case: &Case) -> String {
    match plan(case.sql.trim_end(), &file.tables) {
        Ok(query) => run(file, query),
        Err(error) => {
            let mut text = match error.location {
                Some(at) => format!("error {at}-{}:{}\n", at.end_line, at.end_column),
                None => "error\n".to_owned(),
            };
            text += &format!("{error}\n");
            if let Some(help) = error.help {
                text += &format!("help: {help}\n");
            }
            text
        }
    }
}

fn run(file: &File, query: Query) -> String {
    let columns: Vec<_> = query
        .schema
        .fields()
        .iter()
        .map(|field| {
            let data_type = ColumnType::from_arrow(field.data_type()).unwrap();
            format!("{} {data_type}", field.name())
        })
        .collect();
    let mode = match query.steps.iter().any(|step| step.stateful) {
        true => Mode::Complete,
        false => Mode::Append,
    };
    let mut run = Run::new(query, 1, mode, false);
    for (table, schema) in &file.tables {
        let lines: Vec<_> = file
            .rows
            .get(table)
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        run.push(
            table,
            0,
            &Batch::without_origin(from_json(&schema.schema, &lines)),
        );
    }
    let rows = run.end_epoch();
    let mut text = format!("rows {}\n", columns.join(", "));
    for row in to_json(&rows) {
        text += &format!("{row}\n");
    }
    if !run.rejected.is_empty() {
        text += "rejected\n";
    }
    for (row, reason) in &run.rejected {
        text += &format!("{row} => {reason}\n");
    }
    text
}
