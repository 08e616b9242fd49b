//! A strict reader of OpenMetrics' text.

use std::collections::{BTreeMap, BTreeSet};

/// The labels of a sample.
pub(crate) type Labels = BTreeMap<String, String>;

/// What an endpoint served.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    /// By name.
    pub(crate) families: BTreeMap<String, Family>,
}

#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) kind: String,
    pub(crate) unit: String,
    /// By the sample's name and labels.
    pub(crate) samples: BTreeMap<(String, Labels), f64>,
}

// === impl Exposition ===

impl Exposition {
    /// Panics where the text is not as the standard wants it: families in one piece, each with HELP
    /// and TYPE before its samples; names with the unit and the type's suffix; no sample twice.
    pub(crate) fn parse(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").expect("no end");
        let mut all = Self::default();
        let mut helped = BTreeSet::new();
        let mut current = String::new();
        for line in body.lines() {
            let Some(comment) = line.strip_prefix("# ") else {
                all.sample(&current, line);
                continue;
            };
            let mut words = comment.splitn(3, ' ');
            let [word, name, rest] = [(); 3].map(|()| words.next().unwrap());
            if word == "HELP" {
                assert!(helped.insert(name.to_owned()), "twice: {line}");
                assert!(rest.ends_with('.'), "{line}");
                name.clone_into(&mut current);
                all.families.insert(name.to_owned(), Family::default());
            }
            assert_eq!(name, current, "out of its family: {line}");
            let family = all.families.get_mut(name).unwrap();
            assert!(family.samples.is_empty(), "after samples: {line}");
            match word {
                "HELP" => {}
                "TYPE" => rest.clone_into(&mut family.kind),
                "UNIT" => {
                    assert!(name.ends_with(&format!("_{rest}")), "{line}");
                    rest.clone_into(&mut family.unit);
                }
                _ => panic!("what is {line}?"),
            }
        }
        for (name, family) in &all.families {
            assert!(!family.samples.is_empty(), "{name} has no sample");
            family.check(name);
        }
        all
    }

    fn sample(&mut self, current: &str, line: &str) {
        let (id, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = match id.split_once('{') {
            Some((name, labels)) => (name, parse_labels(labels)),
            None => (id, Labels::new()),
        };
        let family = self.families.get_mut(current).expect(line);
        let suffixes: &[&str] = match &*family.kind {
            "counter" => &["_total"],
            "gauge" => &[""],
            "info" => &["_info"],
            "histogram" => &["_bucket", "_count", "_sum"],
            kind => panic!("no type before {line}: `{kind}`"),
        };
        let suffix = name.strip_prefix(current).expect(line);
        assert!(suffixes.contains(&suffix), "{line}");
        let value: f64 = value.parse().unwrap();
        let before = family.samples.insert((name.to_owned(), labels), value);
        assert_eq!(before, None, "twice: {line}");
    }

    /// The sample of that name and, beside `pipeline`, these labels.
    pub(crate) fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let samples = self.families.values().flat_map(|family| &family.samples);
        let mut found = samples.filter(|((of, own), _)| {
            let has = |(key, value): &(&str, &str)| own.get(*key).is_some_and(|own| own == value);
            of == name && own.len() == labels.len() + 1 && labels.iter().all(has)
        });
        found.next().map(|(_, value)| *value)
    }

    /// Panics where a counter is less than it was `before`, or one is gone of which `stays` says
    /// that it does not.
    pub(crate) fn assert_grown(&self, before: &Self, stays: impl Fn(&Labels) -> bool) {
        for (name, family) in &before.families {
            let only_grows = |sample: &str| {
                family.kind == "counter" || family.kind == "histogram" && !sample.ends_with("_sum")
            };
            for (id, value) in &family.samples {
                let now = self.families.get(name).and_then(|of| of.samples.get(id));
                match now {
                    Some(now) if only_grows(&id.0) => assert!(now >= value, "{id:?} fell"),
                    Some(_) => {}
                    None => assert!(
                        !only_grows(&id.0) || !stays(&id.1),
                        "{id:?} is gone: it was {value}"
                    ),
                }
            }
        }
    }
}

// === impl Family ===

impl Family {
    fn check(&self, name: &str) {
        for ((sample, labels), value) in &self.samples {
            assert!(labels.contains_key("pipeline"), "{sample} {labels:?}");
            assert!(value.is_finite(), "{sample}: {value}");
            if self.kind == "info" {
                assert!((*value - 1.0).abs() < f64::EPSILON, "{sample}");
            }
        }
        if self.kind == "histogram" {
            self.check_buckets(name);
        }
    }

    /// Buckets grow with their bounds, and the last has all.
    fn check_buckets(&self, name: &str) {
        let mut series: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
        for ((sample, labels), value) in &self.samples {
            if sample.ends_with("_bucket") {
                let mut labels = labels.clone();
                let bound = labels.remove("le").unwrap();
                let bound: f64 = bound.replace("+Inf", "inf").parse().unwrap();
                series.entry(labels).or_default().push((bound, *value));
            }
        }
        for (labels, mut buckets) in series {
            buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
            assert!(
                buckets.is_sorted_by(|one, other| one.1 <= other.1),
                "{name}"
            );
            let (bound, all) = *buckets.last().unwrap();
            assert!(bound.is_infinite(), "{name}");
            let count = self.samples[&(format!("{name}_count"), labels)];
            assert!((all - count).abs() < 0.5, "{name}: {all} of {count}");
        }
    }
}

/// What is between the braces.
fn parse_labels(text: &str) -> Labels {
    let mut rest = text.strip_suffix('}').expect(text);
    let mut labels = Labels::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").expect(text);
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().expect(text) {
                (end, '"') => break end,
                (_, '\\') => value.push(match chars.next().expect(text).1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        };
        assert_eq!(labels.insert(name.to_owned(), value), None, "{text}");
        rest = &after[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    labels
}

#[test]
fn nonsense_is_found() {
    let good =
        "# HELP a_x A.\n# TYPE a_x counter\n# UNIT a_x x\na_x_total{pipeline=\"p\"} 1\n# EOF\n";
    let parsed = Exposition::parse(good);
    assert_eq!(parsed.get("a_x_total", &[]), Some(1.0));
    let line = "a_x_total{pipeline=\"p\"} 1\n";
    for (from, to) in [
        ("# EOF\n", ""),
        ("# TYPE a_x counter\n", ""),
        ("counter", "gauge"),
        ("x x\n", "x y\n"),
        ("{pipeline=\"p\"}", ""),
        ("} 1", "} NaN"),
        (line, ""),
        (line, &line.repeat(2)),
        ("# HELP", "# HELP a_x A.\n# HELP"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        let parsed = std::panic::catch_unwind(|| Exposition::parse(&bad));
        assert!(parsed.is_err(), "{bad}");
    }
}
