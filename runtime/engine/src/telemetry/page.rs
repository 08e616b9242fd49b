//! Metrics as text: OpenMetrics, which Prometheus reads.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::{Registry, Unit};

use super::families::{Family, Kind};
use super::histogram::Durations;

/// The samples of some moment, family by family.
#[derive(Debug, Default)]
pub(super) struct Page(Vec<Samples>);

#[derive(Debug)]
struct Samples {
    family: &'static Family,
    samples: Vec<Sample>,
}

/// The values of the family's labels, and the sample's own.
pub(super) type Sample = (Vec<String>, Value);

/// The value of a sample.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Count(u64),
    Number(f64),
    Durations(Durations),
    /// Of an info: what it says is in the labels.
    One,
}

// === impl Page ===

impl Page {
    /// A family's samples; one without any is not shown.
    pub(super) fn add(
        &mut self,
        family: &'static Family,
        samples: impl IntoIterator<Item = Sample>,
    ) {
        let samples: Vec<Sample> = samples.into_iter().collect();
        if !samples.is_empty() {
            self.0.push(Samples { family, samples });
        }
    }

    /// All of it, of a pipeline of that name.
    pub(super) fn text(self, pipeline: &str) -> String {
        let label = ("pipeline".into(), pipeline.to_owned().into());
        let mut registry = Registry::with_prefix_and_labels("azud", [label].into_iter());
        registry.register_collector(Box::new(self));
        let mut page = String::new();
        // Writing to a string cannot fail.
        let _ = text::encode(&mut page, &registry);
        page
    }
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Samples { family, samples } in &self.0 {
            let unit = match family.unit {
                "" => None,
                "seconds" => Some(Unit::Seconds),
                "bytes" => Some(Unit::Bytes),
                other => Some(Unit::Other(other.to_owned())),
            };
            let help = format!("{}.", family.help);
            let kind = kind(family.kind);
            let mut metric = encoder.encode_descriptor(family.name, &help, unit.as_ref(), kind)?;
            for (labels, value) in samples {
                let labels: Vec<(&str, &str)> = family
                    .labels
                    .iter()
                    .zip(labels)
                    .map(|(label, value)| (*label, value.as_str()))
                    .collect();
                match value {
                    Value::One => metric.encode_info(&labels)?,
                    value if labels.is_empty() => value.encode(&mut metric)?,
                    value => value.encode(&mut metric.encode_family(&labels)?)?,
                }
            }
        }
        Ok(())
    }
}

// === impl Value ===

impl Value {
    fn encode(&self, metric: &mut MetricEncoder<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => metric.encode_counter(count, None::<&Exemplar<NoLabelSet, u64>>),
            Self::Number(number) => metric.encode_gauge(number),
            Self::Durations(durations) => metric.encode_histogram::<NoLabelSet>(
                durations.sum,
                durations.count(),
                &durations.buckets,
                None,
            ),
            Self::One => Ok(()),
        }
    }
}

const fn kind(kind: Kind) -> MetricType {
    match kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
        Kind::Info => MetricType::Info,
    }
}

#[cfg(test)]
mod tests {
    use super::super::families::{BUILD, EPOCHS, INPUT_ROWS, QUEUE, RECORD_DURATION};
    use super::super::histogram::Histogram;
    use super::*;

    #[test]
    fn a_page_is_open_metrics() {
        let mut page = Page::default();
        page.add(&BUILD, [(vec!["1".to_owned()], Value::One)]);
        page.add(&EPOCHS, [(Vec::new(), Value::Count(3))]);
        let node = |name: &str| vec![name.to_owned()];
        let rows = [("a", 1), ("say \"b\"", 2)];
        let rows = rows.map(|(name, rows)| (node(name), Value::Count(rows)));
        page.add(&INPUT_ROWS, rows);
        page.add(&QUEUE, []);
        let histogram = Histogram::default();
        histogram.observe(std::time::Duration::from_secs(5));
        page.add(
            &RECORD_DURATION,
            [(Vec::new(), Value::Durations(histogram.read()))],
        );
        let text = page.text("p");
        for line in [
            "# TYPE azud_build info",
            "azud_build_info{pipeline=\"p\",version=\"1\"} 1",
            "# UNIT azud_committed_epochs epochs",
            "azud_committed_epochs_total{pipeline=\"p\"} 3",
            "# TYPE azud_node_input_rows counter",
            "azud_node_input_rows_total{pipeline=\"p\",node=\"a\"} 1",
            "azud_node_input_rows_total{pipeline=\"p\",node=\"say \\\"b\\\"\"} 2",
            "azud_checkpoint_record_duration_seconds_sum{pipeline=\"p\"} 5.0",
            "azud_checkpoint_record_duration_seconds_bucket{pipeline=\"p\",le=\"2.5\"} 0",
            "azud_checkpoint_record_duration_seconds_bucket{pipeline=\"p\",le=\"10.0\"} 1",
            "azud_checkpoint_record_duration_seconds_bucket{pipeline=\"p\",le=\"+Inf\"} 1",
        ] {
            assert!(text.lines().any(|of| of == line), "{line}\n{text}");
        }
        assert!(!text.contains("queue"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}
