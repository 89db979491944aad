//! Families under construction: samples of described series, in the order in which they are told.

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use super::names::{Described, Kind};
use crate::domain::digest::Digest;
use crate::domain::time::Timestamp;
use crate::report::foreign::visible;

#[derive(Default)]
pub struct Families(Vec<MetricFamily>);

impl Families {
    /// One family; each sample has a value for every label that is described. Without a sample there
    /// is no family.
    pub fn tell<const LABELS: usize, Word: Into<String>>(
        &mut self,
        described: &Described,
        samples: impl IntoIterator<Item = ([Word; LABELS], f64)>,
    ) {
        debug_assert_eq!(LABELS, described.labels.len(), "{}", described.name);
        let metric = |(words, value): ([Word; LABELS], f64)| {
            let pairs = described.labels.iter().zip(words).map(|(label, word)| pair(label, word.into()));
            let mut metric = Metric::from_label(pairs.collect());
            match described.kind {
                Kind::Counter => {
                    let mut counter = Counter::default();
                    counter.set_value(value);
                    metric.set_counter(counter);
                }
                Kind::Gauge => {
                    let mut gauge = Gauge::default();
                    gauge.set_value(value);
                    metric.set_gauge(gauge);
                }
            }
            metric
        };
        let metrics: Vec<Metric> = samples.into_iter().map(metric).collect();
        if metrics.is_empty() {
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(described.name.to_owned());
        family.set_help(described.help.to_owned());
        family.set_field_type(match described.kind {
            Kind::Counter => MetricType::COUNTER,
            Kind::Gauge => MetricType::GAUGE,
        });
        family.set_metric(metrics);
        self.0.push(family);
    }

    /// A family of one series without labels.
    pub fn tell_one(&mut self, described: &Described, value: f64) {
        self.tell::<0, String>(described, [([], value)]);
    }

    pub fn into_proto(self) -> Vec<MetricFamily> {
        self.0
    }
}

fn pair(name: &str, value: String) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value);
    pair
}

/// An id that the cloud chose, as a label: harmless, of bounded length, and no two alike.
pub fn id(text: &str) -> String {
    let shown = visible(text);
    if shown == text { shown } else { format!("{shown} #{}", Digest::of_fields([text.as_bytes()]).short()) }
}

/// Seconds since 1970; 0 where it has not happened yet.
pub fn seconds(at: Option<Timestamp>) -> f64 {
    at.map_or(0.0, |at| at.micros() as f64 / 1e6)
}

pub fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}
