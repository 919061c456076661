//! Tells receivers by HTTP what the log says: webhooks.
//!
//! Each line of the log that stands for something that happened has an `event`, and fields that say of what. Those lines are
//! what receivers are told, in the same words, so there is no second list of events: a layer beside the one that writes the
//! log ([`Notifier::layer`]) hands each to whoever asked for it.
//!
//! ```text
//! log line --[layer]--> bounded queue of each receiver --[1 s]--> one request --> retried 5 times --> lost, and counted
//! ```
//!
//! What ends is told to all, as an end is never as severe as its beginning was.
//!
//! Nobody waits for a receiver: what comes while its queue is full is left out, and the next message says how much that was.
//! Lines about notifying are told to nobody.
//!
//! | module | what it decides |
//! |---|---|
//! | [`body`] | what a message is like |
//! | `deliver` | when one is sent, and sent again |
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::base::limits::NOTIFY_QUEUE;
use crate::io::clock::Clock;
use crate::io::log_line::{LogLine, plain};
use crate::io::metrics::Metrics;
use crate::io::node_name::NodeName;
use crate::plan::{ScopeKind, Urgency, Webhook};

mod body;
mod deliver;

/// The beginning of events that nobody is told of.
const OWN: &str = "notify";
/// The name of a node without an identity, as receivers are told it.
const NAMELESS: &str = "waypost";

/// Something that happened, as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LogEvent {
    urgency: Urgency,
    /// The word of the event.
    event: String,
    text: String,
    /// Its other fields.
    fields: Vec<(&'static str, String)>,
    /// Milliseconds since 1970.
    at_ms: u64,
}

/// The receivers, and the way to them.
#[derive(Clone, Debug, Default)]
pub struct Notifier {
    receivers: Arc<Mutex<Vec<WebhookQueue>>>,
    node: NodeName,
}

/// One receiver, as long as it is in the config.
#[derive(Debug)]
struct WebhookQueue {
    webhook: Webhook,
    queue: mpsc::Sender<Arc<LogEvent>>,
    left_out: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Drop for WebhookQueue {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Notifier {
    /// One that speaks, and has the log speak, as this node.
    #[must_use]
    pub fn of(node: NodeName) -> Self {
        Self {
            node,
            ..Self::default()
        }
    }

    /// The layer of the log that listens.
    #[must_use]
    pub fn layer(&self, clock: Clock) -> NotifyLayer {
        NotifyLayer {
            notifier: self.clone(),
            clock,
        }
    }

    /// Tells these receivers from now on, as the node of this identity; those that stay keep what they wait for. It needs a runtime around it.
    pub fn set(&self, webhooks: &[Webhook], identity: Option<&str>, metrics: &Arc<Metrics>) {
        self.node.set(identity);
        let node = identity.unwrap_or(NAMELESS);
        let mut receivers = self
            .receivers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *receivers);
        for webhook in webhooks {
            let known = before.iter().position(|one| one.webhook == *webhook);
            receivers.push(match known {
                Some(place) => before.swap_remove(place),
                None => WebhookQueue::start(webhook.clone(), node.to_owned(), Arc::clone(metrics)),
            });
        }
    }

    fn tell(&self, told: LogEvent) {
        let receivers = self
            .receivers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let told = Arc::new(told);
        for receiver in receivers.iter() {
            let webhook = &receiver.webhook;
            let is_wanted = told.urgency >= webhook.urgency || body::is_over(&told);
            if is_wanted && webhook.covers(told.things()) {
                receiver.tell(Arc::clone(&told));
            }
        }
    }

    fn is_idle(&self) -> bool {
        let receivers = self.receivers.lock();
        receivers.unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl WebhookQueue {
    fn start(webhook: Webhook, node: String, metrics: Arc<Metrics>) -> Self {
        let (queue, waiting) = mpsc::channel(NOTIFY_QUEUE);
        let left_out = Arc::new(AtomicU64::new(0));
        let delivery = deliver::Delivery {
            patience: deliver::DeliveryPatience::USUAL,
            webhook: webhook.clone(),
            node,
            metrics,
            left_out: Arc::clone(&left_out),
        };
        Self {
            webhook,
            queue,
            left_out,
            task: tokio::spawn(delivery.run(waiting)),
        }
    }

    fn tell(&self, told: Arc<LogEvent>) {
        if self.queue.try_send(told).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl LogEvent {
    /// The things that it concerns.
    fn things(&self) -> impl Iterator<Item = (ScopeKind, &str)> + Clone {
        self.fields.iter().filter_map(|(name, value)| {
            let kind = match *name {
                "region" => ScopeKind::Region,
                "provider" => ScopeKind::Provider,
                "endpoint" => ScopeKind::Endpoint,
                "service" => ScopeKind::Service,
                _ => return None,
            };
            Some((kind, value.as_str()))
        })
    }
}

/// Listens to the log.
#[derive(Debug)]
pub struct NotifyLayer {
    notifier: Notifier,
    clock: Clock,
}

impl<S: Subscriber> Layer<S> for NotifyLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let urgency = match *event.metadata().level() {
            Level::ERROR => Urgency::Error,
            Level::WARN => Urgency::Warning,
            Level::INFO => Urgency::Info,
            _ => return,
        };
        if self.notifier.is_idle() {
            return;
        }
        let line = LogLine::of(event);
        let Some(name) = line.event.filter(|name| !name.starts_with(OWN)) else {
            return;
        };
        let fields = line.fields.iter();
        let fields = fields.map(|(name, value)| (*name, plain(value)));
        self.notifier.tell(LogEvent {
            urgency,
            event: name,
            text: line.text,
            fields: fields.collect(),
            at_ms: self.clock.wall_ms(),
        });
    }
}
