//! A connection that stands: what this node tells, asks and gives, and what it takes of others.
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep_until, timeout};

use super::carriage::NatsCarriage;
use super::connecting::{NatsConnection, refused};
use super::intake::NatsIntake;
use super::subject::NatsKind;
use super::wire::{NatsWord, published};
use crate::base::limits::{
    CLUSTER_BUNDLE_BYTES, CLUSTER_FRESH, CLUSTER_GATHERED, CLUSTER_HANDSHAKE, CLUSTER_NATS,
};
use crate::io::carry::CarrierKind;
use crate::io::carry::tools::duration;
use crate::io::carry::troubles::{ToldTrouble, wrong_with};
use crate::io::metrics::{CarriedWay, PeerTrouble};
use crate::share::Have;

/// Time between two questions, where the last one brought nothing.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// Octets of questions a second.
const ASKED: usize = 16 * 1024;
/// Time between two looks at whether the server lives, and time without a word of it after which it does not.
const PING: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(15)];

/// A connection, and all that is under way on it.
pub(super) struct NatsTalk<'c> {
    carriage: &'c NatsCarriage,
    /// As the log has it.
    server: &'c str,
    link: NatsConnection,
    /// The positions of this node's own records that it has told.
    told: &'c mut Have,
    /// The moment to tell the next; none, where there is nothing.
    tell_at: Option<Instant>,
    /// The moment from which more may be told.
    may_tell: Instant,
    ask_at: Instant,
    /// Whom it asked last.
    asked: String,
    /// Questions of others that wait, one of each.
    questions: VecDeque<(String, Have)>,
    /// Answers so far.
    turn: u64,
    may_answer: Instant,
    /// Those that were heard here, and when.
    heard: BTreeMap<String, Instant>,
    intake: NatsIntake,
    ping_at: Instant,
    /// The moment of the server's last word.
    spoke: Instant,
}

impl<'c> NatsTalk<'c> {
    pub(super) fn new(
        carriage: &'c NatsCarriage,
        server: &'c str,
        link: NatsConnection,
        told: &'c mut Have,
    ) -> Self {
        let now = Instant::now();
        Self {
            carriage,
            server,
            link,
            told,
            tell_at: Some(now),
            may_tell: now,
            ask_at: now,
            asked: String::new(),
            questions: VecDeque::new(),
            turn: 0,
            may_answer: now,
            heard: BTreeMap::new(),
            intake: NatsIntake::default(),
            ping_at: now,
            spoke: now,
        }
    }

    /// Tells, asks, gives and takes; ends when something goes wrong.
    pub(super) async fn talk(&mut self) -> Result<(), ToldTrouble> {
        let mut changes = self.carriage.tools.copy.changes();
        loop {
            let answer_at = (!self.questions.is_empty()).then_some(self.may_answer);
            let next = self.ask_at.min(self.ping_at);
            let next = [self.tell_at, answer_at]
                .into_iter()
                .flatten()
                .fold(next, Instant::min);
            tokio::select! {
                word = self.link.reader.next() => {
                    let word = word?;
                    self.hear(word).await?;
                }
                // The copy is there as long as somebody carries it.
                _ = changes.changed(), if self.tell_at.is_none() => {
                    let gathered = Instant::now() + duration(CLUSTER_GATHERED);
                    self.tell_at = Some(gathered.max(self.may_tell));
                }
                () = sleep_until(next) => {}
            }
            self.be_due().await?;
        }
    }

    /// Does what it is time for.
    async fn be_due(&mut self) -> Result<(), ToldTrouble> {
        let now = Instant::now();
        if self.tell_at.is_some_and(|at| at <= now) {
            self.tell_at = None;
            let (bundle, have) = self.carriage.tools.copy.newer_own(self.told);
            *self.told = have;
            if !bundle.is_empty() {
                self.may_tell = paced(now, bundle.len());
                self.publish(NatsKind::News, None, &bundle).await?;
            }
        }
        if self.ask_at <= now {
            self.ask(now).await?;
        }
        if self.may_answer <= now
            && let Some((asker, have)) = self.questions.pop_front()
        {
            self.turn += 1;
            let bundle = self.carriage.tools.copy.newer(&have, self.turn);
            self.may_answer = paced(now, bundle.len());
            if !bundle.is_empty() {
                self.publish(NatsKind::Give, Some(&asker), &bundle).await?;
            }
        }
        if self.ping_at <= now {
            self.ping_at = now + PING[0];
            if now - self.spoke > PING[1] {
                return Err((PeerTrouble::Slow, "it is silent".to_owned()));
            }
            self.write(b"PING\r\n").await?;
        }
        Ok(())
    }

    /// Asks the next of those that are heard; while none is, the next of all.
    async fn ask(&mut self, now: Instant) -> Result<(), ToldTrouble> {
        let have = self.carriage.tools.copy.have();
        let pause = Duration::from_secs(1).mul_f64(have.len() as f64 / ASKED as f64);
        self.ask_at = now + pause.max(ASK_EVERY);
        let rules = &self.carriage.rules;
        let window = duration(CLUSTER_FRESH.max(rules.beat.times(3)));
        self.heard.retain(|_, at| now - *at <= window);
        let others = rules.nodes.iter().map(|node| &node.name);
        let mut others: Vec<&String> = match self.heard.is_empty() {
            true => others.filter(|name| **name != rules.node).collect(),
            false => self.heard.keys().collect(),
        };
        others.sort_unstable();
        let after = others.partition_point(|name| **name <= self.asked);
        let Some(&other) = others.get(after).or(others.first()) else {
            return Ok(());
        };
        self.asked.clone_from(other);
        let other = other.clone();
        self.publish(NatsKind::Ask, Some(&other), &have).await
    }

    async fn hear(&mut self, word: NatsWord) -> Result<(), ToldTrouble> {
        self.spoke = Instant::now();
        match word {
            NatsWord::Message(subject, payload) => self.take(&subject, &payload),
            NatsWord::Oversize(subject) => {
                let from = NatsKind::parse(&subject).map_or_else(String::new, |(_, from)| from);
                let why = format!("a message has more than {CLUSTER_BUNDLE_BYTES} octets");
                self.tell(&from, (PeerTrouble::Oversize, why));
            }
            NatsWord::Ping => self.write(b"PONG\r\n").await?,
            NatsWord::Refusal(why) => self.tell("", refused(&why)),
            NatsWord::Info(_) | NatsWord::Well => {}
        }
        Ok(())
    }

    /// Takes a message of another node.
    fn take(&mut self, subject: &str, payload: &[u8]) {
        let tools = &self.carriage.tools;
        let Some((kind, from)) = NatsKind::parse(subject) else {
            let why = "a message has a subject of another form";
            return self.tell("", (PeerTrouble::Garbled, why.to_owned()));
        };
        if !tools.copy.listens_to(&from) {
            let why = "somebody publishes as a node that is not of the roster, or is revoked";
            return self.tell("", (PeerTrouble::Stranger, why.to_owned()));
        }
        if !self.intake.admits(&from, payload.len(), tools.clock.now()) {
            let why = "it sends more than is taken of one node: messages are dropped";
            return self.tell(&from, (PeerTrouble::Crowded, why.to_owned()));
        }
        tools.metrics.carried(CarriedWay::In, payload.len());
        if from != self.carriage.rules.node && self.heard.insert(from.clone(), self.spoke).is_none()
        {
            self.carriage.troubles.heard(&from, self.server);
        }
        if kind == NatsKind::Ask {
            return self.take_question(from, payload);
        }
        let taken = tools.copy.take(payload, CarrierKind::Nats);
        if kind == NatsKind::Give && taken.is_worth_more() {
            self.ask_at = paced(self.spoke, payload.len());
        }
        if let Some(told) = wrong_with(&taken) {
            self.tell(&from, told);
        }
    }

    fn take_question(&mut self, from: String, payload: &[u8]) {
        let Ok(have) = Have::unpack(payload) else {
            let why = "its question cannot be read, or is of another version";
            return self.tell(&from, (PeerTrouble::Garbled, why.to_owned()));
        };
        let mut waiting = self.questions.iter_mut();
        if let Some((_, own)) = waiting.find(|(asker, _)| *asker == from) {
            *own = have;
        } else if self.questions.len() < CLUSTER_NATS.1 {
            self.questions.push_back((from, have));
        } else {
            let why = format!("{} questions of others wait already", CLUSTER_NATS.1);
            self.tell(&from, (PeerTrouble::Crowded, why));
        }
    }

    /// Tells of a trouble with a member, or with the server where the name is empty.
    fn tell(&self, member: &str, told: ToldTrouble) {
        let is_member = self.carriage.tools.copy.listens_to(member);
        let member = if is_member { member } else { "" };
        let peer = if is_member { member } else { self.server };
        self.carriage.troubles.tell(member, peer, &told);
    }

    async fn publish(
        &mut self,
        kind: NatsKind,
        other: Option<&str>,
        payload: &[u8],
    ) -> Result<(), ToldTrouble> {
        let rules = &self.carriage.rules;
        let subject = kind.subject(&rules.name, &rules.node, other);
        let metrics = &self.carriage.tools.metrics;
        metrics.carried(CarriedWay::Out, payload.len());
        self.write(&published(&subject, payload)).await
    }

    /// Writes, and waits no longer than a server may take for that.
    async fn write(&mut self, octets: &[u8]) -> Result<(), ToldTrouble> {
        let writer = &mut self.link.writer;
        let written = async {
            writer.write_all(octets).await?;
            writer.flush().await
        };
        let written = timeout(duration(CLUSTER_HANDSHAKE), written).await;
        let slow = |_| {
            (
                PeerTrouble::Slow,
                "it does not take what it is sent".to_owned(),
            )
        };
        let broken = |error: std::io::Error| (PeerTrouble::Broken, error.to_string());
        written.map_err(slow)?.map_err(broken)
    }
}

/// The moment from which the next bundle may go after one of so many octets: a second for as much as one may hold.
fn paced(now: Instant, octets: usize) -> Instant {
    let part = octets as f64 / CLUSTER_BUNDLE_BYTES as f64;
    let took = Duration::from_secs(1).mul_f64(part.min(1.0));
    now + took.max(duration(CLUSTER_GATHERED))
}
