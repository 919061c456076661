//! Where log lines go: a queue, and a thread that writes it to standard error.
//!
//! Whoever logs never waits and never fails. A reader that is stuck (a full pipe), gone, or a
//! disk that is full costs lines and nothing else; once lines go through again, one of their form says how
//! many were lost. Without this, a dead log collector would stop the engine.
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use crate::base::limits::LOG_LINES_WAITING;

/// How long the end of the program waits for the last lines.
const FAREWELL: Duration = Duration::from_millis(500);

/// The near end of the queue; clones are the same queue.
#[derive(Clone, Debug)]
pub(super) struct Sink {
    queue: SyncSender<Message>,
    lost: Arc<LostLines>,
}

/// Lines that were lost: those that no line has told of yet, and all since the start.
#[derive(Debug, Default)]
struct LostLines {
    untold: AtomicU64,
    all: Arc<AtomicU64>,
}

impl LostLines {
    fn add(&self) {
        self.untold.fetch_add(1, Ordering::Relaxed);
        self.all.fetch_add(1, Ordering::Relaxed);
    }
}

/// One event's text on its way into the queue.
pub(super) struct Line<'s> {
    text: Vec<u8>,
    sink: &'s Sink,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// Everything before it has been written when this is answered.
    Flush(SyncSender<()>),
}

impl Sink {
    /// Starts the thread, which writes to `out`; `word` gives the line that so many were lost.
    pub(super) fn start(
        out: impl Write + Send + 'static,
        word: impl Fn(u64) -> Vec<u8> + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, messages) = sync_channel(LOG_LINES_WAITING);
        let lost = Arc::new(LostLines::default());
        let sink = Self {
            queue,
            lost: lost.clone(),
        };
        let thread = std::thread::Builder::new().name("log".to_owned());
        thread.spawn(move || write_all(&messages, out, (&lost, word)))?;
        Ok(sink)
    }

    /// Waits a moment for what is in the queue.
    pub(super) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.queue.try_send(Message::Flush(done)).is_ok() {
            // Past this moment the lines are lost: an end that hangs would be worse.
            let _ = written.recv_timeout(FAREWELL);
        }
    }

    fn send(&self, text: Vec<u8>) {
        if self.queue.try_send(Message::Line(text)).is_err() {
            self.lost.add();
        }
    }

    /// The count of lines that were lost since the start.
    pub(super) fn lost(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.lost.all)
    }
}

fn write_all(
    messages: &Receiver<Message>,
    mut out: impl Write,
    (lost, word): (&LostLines, impl Fn(u64) -> Vec<u8>),
) {
    for message in messages {
        match message {
            Message::Line(text) => write_line(&text, &mut out, (lost, &word)),
            // Whoever waited may have given up.
            Message::Flush(done) => drop(done.try_send(())),
        }
    }
}

fn write_line(
    text: &[u8],
    out: &mut impl Write,
    (lost, word): (&LostLines, impl Fn(u64) -> Vec<u8>),
) {
    if out.write_all(text).and_then(|()| out.flush()).is_err() {
        lost.add();
        return;
    }
    let missing = lost.untold.swap(0, Ordering::Relaxed);
    if missing > 0 && out.write_all(&word(missing)).is_err() {
        lost.untold.fetch_add(missing, Ordering::Relaxed);
    }
}

impl<'s> MakeWriter<'s> for Sink {
    type Writer = Line<'s>;

    fn make_writer(&'s self) -> Line<'s> {
        Line {
            text: Vec::new(),
            sink: self,
        }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.sink.send(std::mem::take(&mut self.text));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Fails until told otherwise, then keeps what is written.
    #[derive(Clone, Default)]
    struct Flaky(Arc<Mutex<(bool, Vec<u8>)>>);

    impl Write for Flaky {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut state = self.0.lock().unwrap();
            if !state.0 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            state.1.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn worded(lost: u64) -> Vec<u8> {
        format!("{lost} were lost\n").into_bytes()
    }

    fn log(sink: &Sink, text: &str) {
        write!(sink.make_writer(), "{text}").unwrap();
        sink.flush();
    }

    #[test]
    fn a_broken_reader_costs_lines_and_says_so_later() {
        let out = Flaky::default();
        let sink = Sink::start(out.clone(), worded).unwrap();
        log(&sink, "one\n");
        log(&sink, "two\n");
        out.0.lock().unwrap().0 = true;
        log(&sink, "three\n");
        let text = String::from_utf8(out.0.lock().unwrap().1.clone()).unwrap();
        assert_eq!(text, "three\n2 were lost\n");
        assert_eq!(sink.lost().load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_stuck_reader_holds_nobody_up() {
        struct Stuck(Receiver<()>);
        impl Write for Stuck {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (_hold, held) = sync_channel(0);
        let sink = Sink::start(Stuck(held), worded).unwrap();
        for _ in 0..LOG_LINES_WAITING + 10 {
            write!(sink.make_writer(), "line").unwrap();
        }
        assert!(sink.lost().load(Ordering::Relaxed) >= 9);
    }
}
