//! Samples of answers for whoever looks at them elsewhere: dnstap (dnstap.info), over Frame Streams.
//!
//! ```text
//! answering thread --one of so many, copied--> bounded queue --[thread "dnstap"]--> socket or file
//!                                                   '--full, or nobody listens--> dropped, and counted
//! ```
//!
//! Each sample is a message of type AUTH_RESPONSE with the reply, its time and its client, which is cut to a /24 or a /48
//! ([`hide_client`] does the same within the reply). Whoever answers copies a reply and goes on: all else is done by a
//! thread of the lowest priority. No reader, a slow one or a full disk cost samples.
//!
//! It is decided once, when the server starts, whether there is any sampling: where there is none, the threads that answer
//! run code without it.
//!
//! | module | what it decides |
//! |---|---|
//! | `message` | what a sample is like on the wire |
//! | `stream` | where the stream goes, and when it is begun anew |
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tracing::{info, warn};

use self::stream::FrameStream;
use crate::answer::Transport;
use crate::base::limits::{DNSTAP_QUEUE, DNSTAP_TOGETHER};
use crate::base::{Moment, Span};
use crate::dns::anonymous::hide_client;
use crate::io::background;
use crate::io::clock::Clock;
use crate::io::metrics::{Metrics, Sampled};
use crate::io::node_name::NodeName;
use crate::plan::Dnstap;

mod message;
mod stream;

pub use message::TapSample;

/// The time for which a place that takes nothing is left alone.
const PAUSE: Span = Span::from_secs(1);
/// The time for which the end of the program waits for the last samples.
const FAREWELL: Duration = Duration::from_millis(500);

/// The way to whoever looks at samples; clones are the same way.
#[derive(Clone, Debug)]
pub struct Tap {
    queue: SyncSender<TapMessage>,
    one_in: u32,
    /// Answers over streams since one was taken.
    passed: Arc<AtomicU32>,
    clock: Clock,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
enum TapMessage {
    /// A sample, with its time in milliseconds since 1970.
    Sample(TapSample, u64),
    /// The last one; answered when the stream is ended.
    Finish(SyncSender<()>),
}

impl Tap {
    /// Starts the thread that writes samples, as this node.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(
        config: &Dnstap,
        node: NodeName,
        (clock, metrics): (Clock, Arc<Metrics>),
    ) -> io::Result<Self> {
        let (queue, samples) = sync_channel(DNSTAP_QUEUE);
        let writer = TapWriter {
            stream: FrameStream::new(config.place.clone()),
            node,
            clock,
            metrics: Arc::clone(&metrics),
            again_at: None,
        };
        background::spawn("dnstap", move || writer.run(&samples))?;
        Ok(Self {
            queue,
            one_in: config.one_in,
            passed: Arc::default(),
            clock,
            metrics,
        })
    }

    /// One of how many answers is taken.
    #[must_use]
    pub fn one_in(&self) -> u32 {
        self.one_in
    }

    /// Takes a sample, if there is room for it.
    pub fn take(&self, sample: TapSample) {
        let message = TapMessage::Sample(sample, self.clock.wall_ms());
        if self.queue.try_send(message).is_err() {
            self.metrics.sampled(Sampled::Dropped, 1);
        }
    }

    /// Takes an answer over a stream, if it is its turn; all connections count together.
    pub fn take_in_turn(&self, client: IpAddr, transport: Transport, reply: &[u8]) {
        let passed = self.passed.fetch_add(1, Ordering::Relaxed);
        if passed.is_multiple_of(self.one_in) {
            self.take(TapSample {
                client,
                transport,
                reply: reply.to_vec(),
            });
        }
    }

    /// Ends the stream, and waits a moment for it.
    pub fn finish(&self) {
        let (done, finished) = sync_channel(1);
        if self.queue.try_send(TapMessage::Finish(done)).is_ok() {
            // Past this moment they are lost: an end that hangs would be worse.
            let _ = finished.recv_timeout(FAREWELL);
        }
    }
}

/// The far end of the queue.
struct TapWriter {
    stream: FrameStream,
    node: NodeName,
    clock: Clock,
    metrics: Arc<Metrics>,
    /// The moment at which a place that took nothing is tried again.
    again_at: Option<Moment>,
}

impl TapWriter {
    fn run(mut self, queue: &Receiver<TapMessage>) {
        while let Ok(first) = queue.recv() {
            let more = queue.try_iter().take(DNSTAP_TOGETHER);
            let (mut frames, mut samples, mut finished) = (Vec::new(), 0, None);
            for message in std::iter::once(first).chain(more) {
                match message {
                    TapMessage::Sample(sample, at_ms) => {
                        samples += u64::from(self.encode(sample, at_ms, &mut frames).is_some());
                    }
                    TapMessage::Finish(done) => finished = Some(done),
                }
            }
            self.write(&frames, samples);
            if let Some(done) = finished {
                self.stream.finish();
                // Whoever waited may have given up.
                let _ = done.try_send(());
                return;
            }
        }
        self.stream.finish();
    }

    /// Adds the frame of a sample; a reply that cannot be read is not told, because it may say who asked.
    fn encode(&self, mut sample: TapSample, at_ms: u64, frames: &mut Vec<u8>) -> Option<()> {
        if hide_client(&mut sample.reply).is_none() {
            self.metrics.sampled(Sampled::Dropped, 1);
            return None;
        }
        let message = message::encode(&sample, at_ms, &self.node.get());
        frames.extend(stream::frame(&message)?);
        Some(())
    }

    fn write(&mut self, frames: &[u8], samples: u64) {
        let written = samples > 0 && self.is_open() && self.put(frames);
        let outcome = if written {
            Sampled::Written
        } else {
            Sampled::Dropped
        };
        self.metrics.sampled(outcome, samples);
    }

    /// Tells that somebody listens, after a try if it is time for one.
    fn is_open(&mut self) -> bool {
        let now = self.clock.now();
        if self.stream.is_open() {
            return true;
        }
        if self.again_at.is_some_and(|at| now < at) {
            return false;
        }
        let path = self.stream.place().path().display().to_string();
        match self.stream.open() {
            Ok(()) => {
                info!(
                    event = "dnstap_ready",
                    path, "samples of answers are written"
                );
                self.again_at = None;
                true
            }
            Err(error) => {
                if self.again_at.is_none() {
                    warn!(
                        event = "dnstap_waits",
                        path,
                        "nobody takes samples of answers ({error}): they are dropped until somebody does"
                    );
                }
                self.again_at = Some(now.after(PAUSE));
                false
            }
        }
    }

    fn put(&mut self, frames: &[u8]) -> bool {
        let Err(error) = self.stream.write(frames) else {
            return true;
        };
        let path = self.stream.place().path().display().to_string();
        warn!(
            event = "dnstap_waits",
            path, "samples of answers are taken no more ({error}): they are dropped until they are"
        );
        self.again_at = Some(self.clock.now().after(PAUSE));
        false
    }
}
