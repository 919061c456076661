//! When a receiver is sent a message, and when again.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::{error, info};

use super::LogEvent;
use super::body::{self, Speaker};
use crate::base::limits::NOTIFY_TOGETHER;
use crate::io::metrics::{Metrics, Notified};
use crate::io::web;
use crate::plan::{Webhook, WebhookShape};

/// The time over which what happens is gathered into one message.
const GATHERED: Duration = Duration::from_secs(1);
/// The patience with a receiver.
#[derive(Clone, Copy, Debug)]
pub(super) struct DeliveryPatience {
    /// The time that one request may take.
    request: Duration,
    /// The pauses before it is tried again; after the last it is given up.
    pauses: [Duration; 4],
}

impl DeliveryPatience {
    /// That of a running server.
    pub(super) const USUAL: Self = Self {
        request: Duration::from_secs(5),
        pauses: [
            Duration::from_secs(1),
            Duration::from_secs(4),
            Duration::from_secs(15),
            Duration::from_secs(40),
        ],
    };
}

/// The header of the signature.
const SIGNATURE: &str = "X-Waypost-Signature";

/// The things that are needed to tell one receiver.
pub(super) struct Delivery {
    pub(super) webhook: Webhook,
    pub(super) node: String,
    pub(super) metrics: Arc<Metrics>,
    /// Things that its queue had no room for.
    pub(super) left_out: Arc<AtomicU64>,
    pub(super) patience: DeliveryPatience,
}

/// The outcome of one request.
enum Reception {
    /// It was taken.
    Taken,
    /// It never will be, as it is.
    Refused(String),
    /// It may be later.
    Failed(String),
}

impl Delivery {
    /// Tells the receiver what comes, as long as it is in the config.
    pub(super) async fn run(self, mut waiting: mpsc::Receiver<Arc<LogEvent>>) {
        let client = match web::client(&[]) {
            Ok(client) => client,
            Err(why) => return self.complain(&why),
        };
        let mut is_heard = true;
        while let Some(first) = waiting.recv().await {
            sleep(GATHERED).await;
            let mut told = vec![first];
            while told.len() < NOTIFY_TOGETHER
                && let Ok(next) = waiting.try_recv()
            {
                told.push(next);
            }
            let left_out = self.left_out.swap(0, Ordering::Relaxed);
            self.metrics
                .notified(&self.webhook.name, Notified::LeftOut, left_out);
            let sender = Speaker {
                node: &self.node,
                left_out,
            };
            let secret = self.webhook.secret.as_ref();
            for message in body::messages(self.webhook.shape, secret, sender, &told) {
                is_heard = self.send(&client, &message, is_heard).await;
            }
        }
    }

    /// Sends one message until it is taken or given up; tells whether it was taken.
    async fn send(&self, client: &Client, message: &Value, was_heard: bool) -> bool {
        let text = message.to_string();
        let mut pauses = self.patience.pauses.iter();
        loop {
            let why = match self.attempt(client, &text).await {
                Reception::Taken => {
                    self.metrics
                        .notified(&self.webhook.name, Notified::Delivered, 1);
                    if !was_heard {
                        let receiver = &self.webhook.name;
                        info!(
                            event = "notify_over",
                            receiver, "the receiver takes messages again"
                        );
                    }
                    return true;
                }
                Reception::Failed(why) => match pauses.next() {
                    Some(pause) => {
                        sleep(*pause).await;
                        continue;
                    }
                    None => why,
                },
                Reception::Refused(why) => why,
            };
            self.metrics
                .notified(&self.webhook.name, Notified::Failed, 1);
            if was_heard {
                self.complain(&why);
            }
            return false;
        }
    }

    async fn attempt(&self, client: &Client, text: &str) -> Reception {
        let request = client
            .post(&self.webhook.url)
            .header("Content-Type", "application/json")
            .timeout(self.patience.request)
            .body(text.to_owned());
        let request = match (&self.webhook.secret, self.webhook.shape) {
            (Some(secret), WebhookShape::Json | WebhookShape::Slack) => {
                let seconds = self.metrics.wall_seconds();
                request.header(SIGNATURE, body::signature(secret, seconds, text))
            }
            (Some(_), WebhookShape::Pagerduty) | (None, _) => request,
        };
        match request.send().await {
            Ok(response) => {
                let status = response.status();
                // Too many requests and a timeout are the receiver's troubles of the moment, as all of 5xx.
                let is_passing = status.is_server_error() || [408, 429].contains(&status.as_u16());
                match (status.is_success(), is_passing) {
                    (true, _) => Reception::Taken,
                    (false, true) => Reception::Failed(format!("it answers {status}")),
                    (false, false) => Reception::Refused(format!("it answers {status}")),
                }
            }
            Err(error) => Reception::Failed(error.without_url().to_string()),
        }
    }

    fn complain(&self, why: &str) {
        let receiver = &self.webhook.name;
        error!(
            event = "notify_failed",
            receiver, "the receiver is not told what happens: {why}"
        );
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::io::clock::Clock;
    use crate::plan::Urgency;

    const SHORT: DeliveryPatience = DeliveryPatience {
        request: Duration::from_millis(200),
        pauses: [Duration::from_millis(1); 4],
    };

    fn delivery(url: String) -> Delivery {
        let webhook = Webhook {
            name: "ops".to_owned(),
            url,
            shape: WebhookShape::Json,
            secret: None,
            urgency: Urgency::Info,
            scope: Vec::new(),
        };
        Delivery {
            webhook,
            node: "node".to_owned(),
            metrics: Arc::new(Metrics::new(Clock::start())),
            left_out: Arc::default(),
            patience: SHORT,
        }
    }

    /// Sends one message to a receiver that answers each request with the next status, or with none; whether it was taken,
    /// and how many were delivered and given up.
    async fn outcome(statuses: &'static [Option<u16>]) -> (bool, u64, u64) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let delivery = delivery(format!("http://{}/", listener.local_addr().unwrap()));
        let receiver = tokio::spawn(async move {
            let mut silent = Vec::new();
            for status in statuses {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 4096]).await.unwrap();
                let Some(status) = status else {
                    silent.push(stream);
                    continue;
                };
                let reply = format!(
                    "HTTP/1.1 {status} Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                stream.write_all(reply.as_bytes()).await.unwrap();
            }
            // What it has not closed it holds, and listens no more.
            drop(listener);
            std::future::pending::<()>().await;
        });
        let taken = delivery
            .send(&web::client(&[]).unwrap(), &Value::Null, true)
            .await;
        receiver.abort();
        let of = |outcome| delivery.metrics.notifications("ops", outcome);
        (taken, of(Notified::Delivered), of(Notified::Failed))
    }

    #[tokio::test]
    async fn one_that_fails_is_tried_again_and_then_given_up() {
        assert_eq!(
            outcome(&[Some(503), Some(429), Some(200)]).await,
            (true, 1, 0)
        );
        assert_eq!(outcome(&[Some(500); 5]).await, (false, 0, 1));
        assert_eq!(
            outcome(&[Some(400), Some(200)]).await,
            (false, 0, 1),
            "what is refused stays refused"
        );
    }

    #[tokio::test]
    async fn one_that_says_nothing_is_given_up() {
        assert_eq!(outcome(&[None; 5]).await, (false, 0, 1));
        assert_eq!(outcome(&[None, Some(200)]).await, (true, 1, 0));
    }

    #[tokio::test]
    async fn one_that_is_dead_is_given_up() {
        assert_eq!(outcome(&[]).await, (false, 0, 1));
    }
}
