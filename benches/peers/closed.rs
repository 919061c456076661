//! The closed loop: a bounded number of queries under way, and as fast as the server can.
//!
//! The window is smaller than any server's receive queue, so nothing is lost unless the server
//! loses it, and large enough to give a full batch to one that takes batches while the next is
//! already waiting. A query that is not answered in time, or answered wrongly, ends the run.
use std::time::{Duration, Instant};

use crate::Failure;
use crate::packets::Packets;
use crate::wire::{BATCH, Stamps, Wire};

/// Queries under way at most: three batches. The kernel's default receive queue (208 KiB) holds
/// about 220 datagrams of this size.
const WINDOW: usize = 3 * BATCH;
/// How long an answer may take before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(2);
/// One reply of so many is kept and read in full.
const SAMPLED: usize = 509;
/// Rounds without an arrival before the clock is looked at.
const EMPTY_ROUNDS: usize = 4096;
const NONE: u32 = u32::MAX;

/// A generator connected to one server.
pub(crate) struct Closed<'p> {
    packets: &'p Packets,
    wire: Wire,
    /// Which query is under way, by id.
    open: Vec<u32>,
    under_way: usize,
    next: usize,
    answered: usize,
    samples: Vec<(usize, Vec<u8>)>,
}

impl<'p> Closed<'p> {
    /// A generator of these queries.
    pub(crate) fn connect(port: u16, packets: &'p Packets) -> Result<Self, Failure> {
        Ok(Self {
            packets,
            wire: Wire::connect(port, Stamps::Unwanted)?,
            open: vec![NONE; 0x1_0000],
            under_way: 0,
            next: 0,
            answered: 0,
            samples: Vec::new(),
        })
    }

    /// Asks for so long, waits for every answer, reads some in full; gives how many there were
    /// and how long it took in all.
    pub(crate) fn run(&mut self, time: Duration) -> Result<(usize, Duration), Failure> {
        let (start, before) = (Instant::now(), self.answered);
        let (mut heard, mut empty) = (start, 0_usize);
        let mut asking = true;
        while asking || self.under_way > 0 {
            if asking && self.under_way + BATCH <= WINDOW {
                self.ask()?;
            }
            if self.listen()? > 0 {
                (heard, empty) = (Instant::now(), 0);
                asking = asking && heard - start < time;
                continue;
            }
            empty += 1;
            if empty.is_multiple_of(EMPTY_ROUNDS) && heard.elapsed() > PATIENCE {
                return Err(format!("{} queries were lost", self.under_way));
            }
        }
        let taken = start.elapsed();
        for (index, reply) in self.samples.drain(..) {
            self.packets.examine(index, &reply)?;
        }
        Ok((self.answered - before, taken))
    }

    /// Sends the next batch.
    fn ask(&mut self) -> Result<(), Failure> {
        let all = &self.packets.queries;
        let next = self.next;
        let batch = (0..BATCH).map(|offset| all[(next + offset) % all.len()].as_slice());
        let sent = self.wire.send(batch)?;
        for offset in 0..sent {
            let index = (next + offset) % all.len();
            self.open[index & 0xFFFF] =
                u32::try_from(index).expect("there are not so many queries");
        }
        self.next = (next + sent) % all.len();
        self.under_way += sent;
        Ok(())
    }

    /// Takes answers; gives how many came.
    fn listen(&mut self) -> Result<usize, Failure> {
        let count = self.wire.receive()?;
        for place in 0..count {
            let reply = self.wire.datagram(place);
            let [high, low, ..] = reply else {
                return Err("an empty reply".to_owned());
            };
            let open = &mut self.open[usize::from(u16::from_be_bytes([*high, *low]))];
            if *open == NONE {
                return Err("a reply to nothing that was asked".to_owned());
            }
            let index = usize::try_from(*open).expect("it was an index");
            *open = NONE;
            self.packets.glance(index, reply)?;
            if self.answered.is_multiple_of(SAMPLED) {
                self.samples.push((index, reply.to_vec()));
            }
            self.answered += 1;
        }
        self.under_way -= count;
        Ok(count)
    }
}
