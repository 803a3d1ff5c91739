//! What is counted, as text for Prometheus.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::engine::{ModelStatus, Observer, Status};

type Labels<const N: usize> = [(&'static str, String); N];
type Number = Gauge<i64, AtomicI64>;

/// Counts of the server.
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels<2>, Counter>,
    seconds: Family<Labels<1>, Histogram>,
    /// Connections that are open.
    pub connections: Number,
    /// Connections that were turned away, by the reason.
    turned_away: Family<Labels<1>, Counter>,
    /// Answers that nobody went on reading.
    pub unread: Counter,
    tasks: Family<Labels<3>, Counter>,
    waited: Family<Labels<1>, Histogram>,
    ran: Family<Labels<1>, Histogram>,
    shared: Family<Labels<1>, Counter>,
    works: Family<Labels<2>, Number>,
    faults: Family<Labels<2>, Counter>,
    queued: Number,
    running: Number,
    held: Number,
    arriving: Number,
    memory: Number,
    files: Number,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            seconds: seconds(),
            tasks: Family::default(),
            waited: seconds(),
            ran: seconds(),
            shared: Family::default(),
            works: Family::default(),
            faults: Family::default(),
            queued: Gauge::default(),
            running: Gauge::default(),
            held: Gauge::default(),
            arriving: Gauge::default(),
            connections: Gauge::default(),
            turned_away: Family::default(),
            unread: Counter::default(),
            memory: Gauge::default(),
            files: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        let own = registry.sub_registry_with_prefix("alphagenome");
        own.register(
            "requests",
            "Requests by route and by how they ended: the HTTP status, gRPC's status, or left",
            metrics.requests.clone(),
        );
        own.register_with_unit(
            "request",
            "From the first byte of a request to the last byte of its answer",
            Unit::Seconds,
            metrics.seconds.clone(),
        );
        own.register(
            "connections",
            "Connections that are open",
            metrics.connections.clone(),
        );
        own.register(
            "connections_turned_away",
            "Connections without a request, by the reason",
            metrics.turned_away.clone(),
        );
        own.register(
            "answers_unread",
            "Answers that were dropped since nobody went on reading them",
            metrics.unread.clone(),
        );
        own.register(
            "tasks",
            "What models were asked for, by kind, organism and outcome",
            metrics.tasks.clone(),
        );
        own.register_with_unit(
            "task_waited",
            "How long it waited for a model",
            Unit::Seconds,
            metrics.waited.clone(),
        );
        own.register_with_unit(
            "task_ran",
            "How long a model worked for it",
            Unit::Seconds,
            metrics.ran.clone(),
        );
        own.register(
            "tasks_shared",
            "Tasks that were answered with what a model did for another one",
            metrics.shared.clone(),
        );
        own.register(
            "model_works",
            "Whether a model takes tasks, by its number and device",
            metrics.works.clone(),
        );
        own.register(
            "model_faults",
            "Tasks that a model failed on and another one answered",
            metrics.faults.clone(),
        );
        own.register("queued", "Tasks that wait", metrics.queued.clone());
        own.register("running", "Tasks that run", metrics.running.clone());
        own.register_with_unit(
            "held",
            "Answers that are being made or read",
            Unit::Bytes,
            metrics.held.clone(),
        );
        own.register_with_unit(
            "arriving",
            "Requests that have not come to their end",
            Unit::Bytes,
            metrics.arriving.clone(),
        );
        let process = registry.sub_registry_with_prefix("process");
        process.register_with_unit(
            "resident_memory",
            "Resident memory",
            Unit::Bytes,
            metrics.memory.clone(),
        );
        process.register("open_fds", "Open files", metrics.files.clone());
        metrics
    }
}

impl Metrics {
    /// What the engine tells of its tasks.
    #[must_use]
    pub fn observer(self: &Arc<Self>) -> Observer {
        let metrics = self.clone();
        Arc::new(move |event| {
            let kind = ("kind", event.kind.name().to_owned());
            let labels = [
                kind.clone(),
                ("organism", event.organism.name().to_owned()),
                ("outcome", format!("{:?}", event.outcome)),
            ];
            metrics.tasks.get_or_create(&labels).inc();
            if event.shared {
                metrics
                    .shared
                    .get_or_create(std::array::from_ref(&kind))
                    .inc();
            }
            let observed = |family: &Family<Labels<1>, Histogram>, took: Duration| {
                family
                    .get_or_create(std::array::from_ref(&kind))
                    .observe(took.as_secs_f64());
            };
            observed(&metrics.waited, event.waited);
            observed(&metrics.ran, event.ran);
        })
    }

    /// Counts a request.
    pub fn request(&self, route: &'static str, code: String, took: Duration) {
        let labels = [("route", route.to_owned()), ("code", code)];
        self.requests.get_or_create(&labels).inc();
        let labels = [("route", route.to_owned())];
        let seconds = self.seconds.get_or_create(&labels);
        seconds.observe(took.as_secs_f64());
    }

    /// Counts a connection that was turned away.
    pub fn turned_away(&self, reason: &'static str) {
        let labels = [("reason", reason.to_owned())];
        self.turned_away.get_or_create(&labels).inc();
    }

    /// The text, in OpenMetrics' format.
    #[must_use]
    pub fn text(&self, status: &Status, models: &[ModelStatus]) -> String {
        let (memory, files) = process();
        self.memory.set(memory);
        self.files.set(files);
        self.queued.set(status.queued as i64);
        self.running.set(status.running as i64);
        self.held.set(status.held_bytes as i64);
        self.arriving.set(status.arriving_bytes as i64);
        for (number, model) in models.iter().enumerate() {
            let labels = [
                ("model", number.to_string()),
                ("device", model.device.to_string()),
            ];
            self.works.get_or_create(&labels).set(model.works.into());
            let faults = self.faults.get_or_create(&labels);
            faults.inner().store(model.faults, Ordering::Relaxed);
        }
        let mut text = String::new();
        // A string takes everything.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn seconds() -> Family<Labels<1>, Histogram> {
    Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.002, 2.0, 18)))
}

/// Resident bytes and open files; 0 where the system does not tell.
fn process() -> (i64, i64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = resident.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
    let memory = kilobytes.map_or(0, |kilobytes: i64| kilobytes << 10);
    // The folder itself is open while it is read.
    let files = std::fs::read_dir("/proc/self/fd").map_or(1, Iterator::count);
    (memory, files as i64 - 1)
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use crate::engine::{Event, Kind};

    #[test]
    fn what_happens_is_counted_under_its_name() {
        let metrics = Arc::new(Metrics::default());
        let event = |shared, outcome| Event {
            kind: Kind::ScoreVariant,
            organism: scorers::Organism::Human,
            length: 16_384,
            outcome,
            waited: Duration::from_secs(1),
            ran: Duration::ZERO,
            worker: None,
            shared,
        };
        let observe = metrics.observer();
        observe(&event(false, Code::Ok));
        observe(&event(true, Code::Ok));
        observe(&event(false, Code::Cancelled));
        let status = Status {
            queued: 3,
            queued_bytes: 0,
            arriving_bytes: 5,
            running: 1,
            held_bytes: 7,
            workers: 1,
            closing: false,
        };
        let model = |works, faults| ModelStatus {
            device: "sim".into(),
            works,
            faults,
        };
        let text = metrics.text(&status, &[model(true, 0), model(false, 4)]);
        let kind = Kind::ScoreVariant.name();
        for line in [
            format!("tasks_total{{kind=\"{kind}\",organism=\"HOMO_SAPIENS\",outcome=\"Ok\"}} 2"),
            format!(
                "tasks_total{{kind=\"{kind}\",organism=\"HOMO_SAPIENS\",outcome=\"Cancelled\"}} 1"
            ),
            format!("tasks_shared_total{{kind=\"{kind}\"}} 1"),
            "queued 3".into(),
            "running 1".into(),
            "held_bytes 7".into(),
            "arriving_bytes 5".into(),
            "model_works{model=\"0\",device=\"sim\"} 1".into(),
            "model_works{model=\"1\",device=\"sim\"} 0".into(),
            "model_faults_total{model=\"1\",device=\"sim\"} 4".into(),
        ] {
            assert!(
                text.contains(&format!("alphagenome_{line}\n")),
                "{line}\n{text}"
            );
        }
    }
}
