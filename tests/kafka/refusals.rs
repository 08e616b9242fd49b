//! Servers that are not there, topics that are not there, and users that may not.

use crate::brokers::Brokers;
use crate::pipeline::Pipeline;
use crate::topics::Topics;

/// From a topic to a topic, as `login` says, which begins with a comma.
fn through(servers: &str, from: &str, to: &str, login: &str) -> Pipeline {
    Pipeline::new(&format!(
        "
name: azud-through
trigger: once
checkpoint: {{ to: ./state }}
sources:
  all: {{ kafka: {{ servers: '{servers}', topics: {from}{login} }}, format: text }}
sinks:
  out: {{ from: all, kafka: {{ servers: '{servers}', topic: {to}{login} }}, format: text }}
"
    ))
}

#[test]
fn servers_that_are_away_are_waited_for() {
    let pipeline = through("127.0.0.1:1", "a", "b", "");
    let mut run = pipeline.start();
    pipeline.until_said("127.0.0.1:1");
    pipeline.until_said("trying again");
    assert!(run.is_running(), "{}", pipeline.log());
    run.signal("TERM");
    run.wait();
}

#[test]
fn a_topic_that_is_not_there_is_named() {
    let Some(topics) = Topics::shared() else {
        return;
    };
    let servers = topics.servers();
    let refused = through(servers, "not-there", "nor-there", "").refused();
    let why = format!("there is no topic `not-there` at {servers}: make it first");
    assert!(refused.contains(&why), "{refused}");
    assert_eq!(topics.partitions("not-there"), [0_i32; 0]);
}

#[test]
fn every_way_to_say_who_it_is_works_and_no_secret_is_told() {
    let Some(brokers) = Brokers::start(&["--secure"]) else {
        return;
    };
    let topics = Topics::at(brokers.servers());
    for name in ["public-in", "private-in", "out"] {
        topics.make(name, 1);
    }
    topics.give_values("public-in", 0, &["row"]);
    let (tls, plain) = (brokers.of("KAFKA_SECURE"), brokers.of("KAFKA_SASL"));
    let ca = format!("tls: {{ ca: '{}' }}", brokers.of("KAFKA_CA"));
    let sasl = |mechanism: &str, user: &str| {
        format!("sasl: {{ mechanism: {mechanism}, user: {user}, password: '${{PASSWORD}}' }}")
    };
    let run = |servers: &str, login: &str, password: &str| {
        let login = format!(", {login}");
        let mut pipeline = through(servers, "public-in", "out", &login);
        pipeline.set("PASSWORD", password);
        pipeline
    };
    let secret = brokers.of("KAFKA_PASSWORD_AZUD");
    let mut good = vec![
        (tls, format!("{ca}, {}", sasl("PLAIN", "azud"))),
        (tls, format!("{ca}, {}", sasl("SCRAM-SHA-256", "azud"))),
        (tls, format!("{ca}, {}", sasl("SCRAM-SHA-512", "azud"))),
        (plain, sasl("SCRAM-SHA-256", "azud")),
    ];
    let files = format!(
        "tls: {{ ca: '{}', certificate: '{}', key: '{}' }}",
        brokers.of("KAFKA_CA"),
        brokers.of("KAFKA_CERT_AZUD"),
        brokers.of("KAFKA_KEY_AZUD")
    );
    good.push((brokers.of("KAFKA_SSL"), files));
    for (servers, login) in &good {
        let before = topics.values("out").len();
        let pipeline = run(servers, login, secret);
        // What is there is another run's: its checkpoint is elsewhere.
        let manifest = std::fs::read_to_string(pipeline.path("p.yaml")).unwrap();
        let name = format!("name: azud-{before}");
        pipeline.write(&manifest.replace("name: azud-through", &name));
        let status = pipeline.start_with(&["-vv"], &[]).wait();
        assert!(status.success(), "{login}: {}", pipeline.log());
        assert_eq!(topics.values("out").len(), before + 1, "{login}");
        let told = format!(
            "{}{}{}",
            pipeline.log(),
            pipeline.tell(&["check", "p.yaml"]),
            pipeline.tell(&["plan", "p.yaml"])
        );
        assert!(!told.contains(secret), "{login}: {told}");
    }
    let reader = brokers.of("KAFKA_PASSWORD_READER");
    let nobody = brokers.of("KAFKA_PASSWORD_NOBODY");
    let login = |user| format!("{ca}, {}", sasl("SCRAM-SHA-512", user));
    let scram = login("azud");
    let cases = [
        (
            "a wrong password",
            tls,
            scram.clone(),
            "no-such-secret",
            "uthentication",
        ),
        (
            "no right to write",
            tls,
            login("reader"),
            reader,
            "no permission for the",
        ),
        (
            "no right to anything",
            tls,
            login("nobody"),
            nobody,
            "no permission for the group (its ACL)",
        ),
        (
            "an authority that nobody trusts",
            tls,
            scram.replace(&ca, "tls: true"),
            secret,
            "ertificate",
        ),
        (
            "no TLS",
            tls,
            sasl("SCRAM-SHA-512", "azud"),
            secret,
            "does this port want `tls` or `sasl`?",
        ),
    ];
    for (what, servers, login, password, why) in cases {
        let pipeline = run(servers, &login, password);
        let run = pipeline.start();
        pipeline.until_said(why);
        run.signal("TERM");
        run.wait();
        let log = pipeline.log();
        println!("{what}: {}", last(&log));
        assert!(!log.contains(password), "{what}: {log}");
    }
}

/// The last line that is no debugging.
fn last(log: &str) -> &str {
    let lines = log.lines().rev();
    let mut told = lines.filter(|line| !line.contains("DEBUG") && !line.is_empty());
    told.next().unwrap_or_default()
}
