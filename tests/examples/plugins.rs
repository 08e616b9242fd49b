//! Examples 03 and 04: a sink that is a plugin, and rows that are rejected.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::Command;

use super::{azud, root};

#[test]
fn example_03_sends_points_and_shows_what_it_cannot_send() {
    let graphite = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = graphite.local_addr().unwrap().to_string();
    let child = azud("03-sink-plugin")
        .env("GRAPHITE", address)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let received = std::thread::spawn(move || {
        let (connection, _) = graphite.accept().unwrap();
        let lines = BufReader::new(connection).lines();
        lines.map(Result::unwrap).collect::<Vec<_>>()
    });
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let expected = [
        "servers.web1.load 0.5 1767225600",
        "servers.web1.memory 734003200 1767225600",
        "servers.db1.load 1.75 1767225602",
    ];
    assert_eq!(received.join().unwrap(), expected);

    let readme = readme("03-sink-plugin");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let table: Vec<&str> = stdout.lines().skip(3).collect();
    assert!(readme.contains(table.join("\n").trim_end()), "{stdout}");
    expected
        .iter()
        .for_each(|line| assert!(readme.contains(line)));
}

#[test]
fn example_03_waits_for_a_server_that_is_away() {
    // A port that nobody listens at, yet.
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let mut child = azud("03-sink-plugin")
        .env("GRAPHITE", address.to_string())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let told = log.find(|line| line.as_ref().unwrap().contains("trying again in"));
    let told = told.unwrap().unwrap();
    assert!(told.contains("Connection refused"), "{told}");
    let graphite = TcpListener::bind(address).unwrap();
    let (connection, _) = graphite.accept().unwrap();
    assert_eq!(BufReader::new(connection).lines().count(), 3);
    assert!(child.wait().unwrap().success());
}

#[test]
fn example_04_loses_no_order() {
    let folder = tempfile::tempdir().unwrap();
    let output = azud("04-rejected-rows")
        .env("OUT", folder.path().join("out"))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    for row in [
        "|1  |ana     |4000 |40.0 |",
        r#"|3       |column `amount`: "12" is not a bigint "#,
        r#"|4       |not JSON: EOF while parsing an object at column 46|{"id":4,"customer":"dee","amount":45,"items":2|"#,
    ] {
        assert!(stdout.contains(row), "{row} is not in\n{stdout}");
    }
    let batch = std::fs::read_dir(folder.path()).unwrap();
    let batch = batch.map(|entry| entry.unwrap().path());
    let batch = batch
        .filter(|path| !path.ends_with("_azud"))
        .collect::<Vec<_>>();
    let letters = std::fs::read_to_string(batch[0].join("part-00000")).unwrap();
    let mut letters: Vec<(String, String, String)> = letters
        .lines()
        .map(|line| {
            let letter: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |key: &str| letter[key].as_str().unwrap().to_owned();
            (text("position"), text("node"), text("reason"))
        })
        .collect();
    letters.sort();
    let positions: Vec<_> = letters
        .iter()
        .map(|(position, ..)| position.as_str())
        .collect();
    assert_eq!(positions, ["2", "5", "6"]);
    assert_eq!(letters[0].1, "prices");
    let panic = "attempt to divide by zero";
    assert!(letters[0].2.ends_with(panic), "{}", letters[0].2);
    let range = "an amount of 9223372036854775807 is out of range";
    assert_eq!(letters[1].2, range);
    assert_eq!(
        (letters[2].1.as_str(), letters[2].2.as_str()),
        ("shares", "division by zero")
    );
}

#[test]
fn examples_03_and_04_pass_their_own_tests() {
    for (example, passed) in [("03-sink-plugin", 1), ("04-rejected-rows", 2)] {
        let pipeline = root().join("examples").join(example).join("pipeline.yaml");
        let mut azud = Command::new(env!("CARGO_BIN_EXE_azud"));
        let output = azud.arg("test").arg(pipeline).output().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{stdout}");
        let last = format!("{passed} passed, 0 failed\n");
        assert!(stdout.ends_with(&last), "{stdout}");
    }
}

fn readme(example: &str) -> String {
    std::fs::read_to_string(root().join("examples").join(example).join("README.md")).unwrap()
}
