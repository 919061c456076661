//! The open loop: queries at a given rate, whatever the server does, and how long each answer took.
//!
//! Queries come at random moments (a Poisson process from a fixed seed: the same for every
//! server). A latency runs from the moment before the call that sends the query to the moment at
//! which the kernel had the reply. If the generator itself was kept from its core, what it missed
//! is not made up for in a burst, so its own troubles are not blamed on the server.
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::Failure;
use crate::packets::Packets;
use crate::wire::{BATCH, Stamps, Wire};
use crate::world::Random;

/// How far behind the generator may be and still send what it missed.
const LATE: Duration = Duration::from_micros(200);
/// How long answers are waited for after the last query.
const PATIENCE: Duration = Duration::from_secs(1);

/// How fast and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Queries per second.
    pub(crate) rate: f64,
    pub(crate) time: Duration,
}

/// One answer.
pub(crate) struct Heard<'r> {
    pub(crate) reply: &'r [u8],
    pub(crate) latency: Duration,
    /// When it was asked, since the start.
    pub(crate) asked: Duration,
}

/// How many were asked and how many of those were never answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally {
    pub(crate) asked: usize,
    pub(crate) lost: usize,
}

/// The generator of one run.
struct Paced<'p> {
    packets: &'p Packets,
    wire: Wire,
    /// Index of the query under way and when it was sent, by id.
    open: Vec<Option<(usize, Duration)>>,
    start: Duration,
    next: usize,
    tally: Tally,
}

/// Asks at this pace and tells of every answer; for as long as it may, or until it is told to stop.
pub(crate) fn run(
    port: u16,
    packets: &Packets,
    pace: Pace,
    mut heard: impl FnMut(Heard<'_>) -> ControlFlow<()>,
) -> Result<Tally, Failure> {
    let mut paced = Paced {
        packets,
        wire: Wire::connect(port, Stamps::Wanted)?,
        open: vec![None; 0x1_0000],
        start: now(),
        next: 0,
        tally: Tally { asked: 0, lost: 0 },
    };
    let (mut random, mut due) = (Random::new(), paced.start);
    let mut last = paced.start;
    let mut flow = ControlFlow::Continue(());
    while flow.is_continue() && last < paced.start + pace.time {
        last = now();
        if last > due + LATE {
            due = last;
        }
        let mut count = 0;
        while due <= last && count < BATCH {
            due += gap(&mut random, pace.rate);
            count += 1;
        }
        if count > 0 {
            paced.ask(count, last)?;
        }
        flow = paced.listen(&mut heard)?;
    }
    while now() < last + PATIENCE && paced.open.iter().any(Option::is_some) {
        let _ = paced.listen(&mut heard)?;
    }
    paced.tally.lost += paced.open.iter().flatten().count();
    Ok(paced.tally)
}

impl Paced<'_> {
    fn ask(&mut self, count: usize, now: Duration) -> Result<(), Failure> {
        let all = &self.packets.queries;
        let next = self.next;
        let batch = (0..count).map(|offset| all[(next + offset) % all.len()].as_slice());
        let sent = self.wire.send(batch)?;
        for index in (next..next + sent).map(|index| index % all.len()) {
            // Whoever had this id before had thousands of queries' time to answer.
            let before = self.open[index & 0xFFFF].replace((index, now));
            self.tally.lost += usize::from(before.is_some());
        }
        self.next = (next + sent) % all.len();
        self.tally.asked += sent;
        Ok(())
    }

    fn listen(
        &mut self,
        heard: &mut impl FnMut(Heard<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Failure> {
        let mut flow = ControlFlow::Continue(());
        for place in 0..self.wire.receive()? {
            let reply = self.wire.datagram(place);
            let [high, low, ..] = reply else {
                return Err("an empty reply".to_owned());
            };
            let open = &mut self.open[usize::from(u16::from_be_bytes([*high, *low]))];
            // An answer that came after its query was given up: lost all the same.
            let Some((index, sent)) = open.take() else {
                continue;
            };
            self.packets.glance(index, reply)?;
            let arrival = self
                .wire
                .arrival(place)
                .ok_or("the kernel gave no time stamp")?;
            flow = heard(Heard {
                reply,
                latency: arrival.saturating_sub(sent),
                asked: sent.saturating_sub(self.start),
            });
        }
        Ok(flow)
    }
}

/// The time of the kernel's stamps.
fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Time until the next query (inverse of the exponential distribution).
fn gap(random: &mut Random, rate: f64) -> Duration {
    let unit = f64::from(u32::try_from(random.next() >> 32).expect("32 bits"));
    let unit = (unit + 1.0) / (f64::from(u32::MAX) + 1.0);
    Duration::from_secs_f64(-unit.ln() / rate)
}
