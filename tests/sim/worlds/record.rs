//! One target's story, told the slow way: whole lists of what happened to it, and what follows.
use waypost::plan::{Approval, Recovery};

/// What is known of one target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) proven: bool,
    pub(crate) down: bool,
    /// Up again, with nothing yet.
    pub(crate) waiting: Option<Waiting>,
    /// Step and, unless the gate holds it, when the next is due.
    pub(crate) ramp: Option<(usize, Option<u64>)>,
    pub(crate) fell_at: u64,
    pub(crate) share_before: u16,
    pub(crate) kept: Option<&'static str>,
    /// Whether it went with a blackout.
    pub(crate) blackout: bool,
    /// When it left automatically for the last time.
    pub(crate) left_at: Option<u64>,
    /// From when on which share is the most that an operator's orders leave; whole without any.
    ceiling: Vec<(u64, u16)>,
    past: Past,
    /// The falls that made clients leave.
    falls: Vec<u64>,
    slower: u64,
    /// What slowness leaves of it.
    pub(crate) pace: u16,
}

/// What a target that is up again waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) word: &'static str,
    pub(crate) until: u64,
    approved: bool,
    then: Past,
}

/// Where it goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Past {
    /// Nowhere: it begins anew.
    #[default]
    None,
    Step(usize),
    Full,
}

/// What the slots of its gates say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gates {
    /// None is anything but up.
    pub(crate) up: bool,
    /// Each has passed so often in a row that it is no accident.
    pub(crate) proven: bool,
}

impl Record {
    /// Nothing is known of it; its endpoint is drained, or not.
    pub(crate) fn new(drained: bool) -> Self {
        Self {
            ceiling: drained.then_some((0, 0)).into_iter().collect(),
            pace: 1000,
            ..Self::default()
        }
    }

    /// Orders leave nothing of it.
    pub(crate) fn take_out(&mut self) {
        self.ceiling = vec![(0, 0)];
    }

    /// Nobody has watched for so long: what is due is due that much later.
    pub(crate) fn leave_out(&mut self, away: u64) {
        self.fell_at += away;
        let due = self.ramp.iter_mut().filter_map(|(_, due)| due.as_mut());
        let held = self.waiting.iter_mut().map(|waiting| &mut waiting.until);
        let left = self.left_at.iter_mut();
        let orders = self.ceiling.iter_mut().map(|(from, _)| from);
        let all = due.chain(held).chain(left).chain(orders);
        all.chain(&mut self.falls).for_each(|at| *at += away);
    }

    /// Nothing is known of its slots any more: it is served unproven, unless something was due before it may serve.
    pub(crate) fn forget(&mut self, recovery: &Recovery) {
        let due = !recovery.gates.is_empty() || recovery.approval == Approval::Needed;
        if !self.down {
            self.proven &= self.waiting.is_some() || self.ramp.is_some();
            return;
        }
        self.down = false;
        let resumes = match self.blackout {
            true => self.past,
            false => Past::None,
        };
        if self.kept.take().is_some() {
            self.proven &= self.ramp.is_some();
            return;
        }
        (self.waiting, self.ramp) = (None, None);
        match (due, resumes) {
            (true, then) => {
                self.proven = true;
                self.waiting = Some(Waiting {
                    word: "gated",
                    until: 0,
                    approved: false,
                    then,
                });
            }
            (false, Past::Step(step)) => self.ramp = Some((step, None)),
            (false, Past::None | Past::Full) => self.proven = false,
        }
    }

    /// Share and word without any order.
    pub(crate) fn health(&self, recovery: &Recovery) -> (u16, &'static str) {
        if self.down {
            return self
                .kept
                .map_or((0, "down"), |word| (self.share_before, word));
        }
        if !self.proven {
            return (1000, "unproven");
        }
        if let Some(waiting) = self.waiting {
            return (0, waiting.word);
        }
        match self.ramp {
            Some((step, None)) => (recovery.steps[step].0, "gated"),
            Some((step, Some(_))) => (recovery.steps[step].0, "ramping"),
            None => (1000, "healthy"),
        }
    }

    /// The most that orders leave now.
    pub(crate) fn most(&self, now: u64) -> u16 {
        let due = self.ceiling.iter().filter(|(from, _)| *from <= now);
        due.map(|(_, share)| *share).next_back().unwrap_or(1000)
    }

    /// The word for what orders leave.
    pub(crate) fn word(&self, now: u64) -> &'static str {
        let last = self.ceiling.last().map_or(1000, |(_, share)| *share);
        match (last, self.most(now)) {
            (0, 0) => "drained",
            (0, _) => "draining",
            _ => "returning",
        }
    }

    /// When it next changes by itself.
    pub(crate) fn due(&self, now: u64) -> Option<u64> {
        let step = self.ramp.and_then(|(_, due)| due);
        let held = self.waiting.map(|waiting| waiting.until);
        let own = step.into_iter().chain(held).filter(|_| !self.down);
        let ceiling = self.ceiling.iter().map(|(from, _)| *from);
        own.chain(ceiling).filter(|due| *due > now).min()
    }

    /// An order takes away what it has, step by step.
    pub(crate) fn drain(&mut self, now: u64, share: u16, recovery: &Recovery) {
        let steps = recovery.steps.iter().rev().map(|step| step.0);
        let below = steps.filter(|step| *step < share).chain([0]);
        self.ceiling = below
            .enumerate()
            .map(|(place, share)| (now + place as u64 * recovery.every.0, share))
            .collect();
    }

    /// An order gives it back, step by step.
    pub(crate) fn undrain(&mut self, now: u64, recovery: &Recovery) {
        let most = self.most(now);
        let steps = recovery.steps.iter().map(|step| step.0);
        self.ceiling = steps
            .filter(|step| *step > most)
            .enumerate()
            .map(|(place, share)| (now + place as u64 * recovery.every.0, share))
            .collect();
    }

    /// Whether a word made a difference.
    pub(crate) fn approve(&mut self, recovery: &Recovery) -> bool {
        match &mut self.waiting {
            Some(waiting)
                if waiting.then == Past::None
                    && recovery.approval == Approval::Needed
                    && !self.down
                    && !waiting.approved =>
            {
                waiting.approved = true;
                true
            }
            _ => false,
        }
    }

    /// Takes the steps of its ramp that are due.
    pub(crate) fn climb_to(&mut self, now: u64, recovery: &Recovery) {
        while let Some((step, Some(due))) = self.ramp
            && due <= now
        {
            self.climb(step + 1, due, recovery);
        }
    }

    /// A slot is down.
    pub(crate) fn fall(&mut self, now: u64, dark: bool, recovery: &Recovery) {
        self.share_before = self.health(recovery).0;
        self.past = match (self.waiting, self.ramp) {
            _ if !self.proven => Past::None,
            (Some(waiting), _) => waiting.then,
            (None, Some((step, _))) => Past::Step(step),
            (None, None) => Past::Full,
        };
        (self.down, self.fell_at, self.blackout) = (true, now, dark);
        self.ramp = self.ramp.map(|(step, _)| (step, None));
    }

    /// All slots are up.
    pub(crate) fn rise(&mut self, now: u64, recovery: &Recovery) {
        let was_proven = std::mem::replace(&mut self.proven, true);
        if !std::mem::replace(&mut self.down, false) {
            return;
        }
        if self.kept.take().is_some() {
            // It never left; a ramp is where it was, its step begins anew.
            return;
        }
        let resumes = self.blackout && self.past != Past::None;
        if !resumes {
            let waited = self.waiting.is_some();
            if was_proven && !waited && !self.blackout {
                self.falls.push(self.fell_at);
            }
            self.slower = self.factor(now, recovery);
        }
        let hold_down = recovery.every.0 * (self.slower.max(1) - 1) + recovery.delay.0;
        self.ramp = None;
        self.waiting = Some(Waiting {
            word: "held",
            until: if resumes { 0 } else { now + hold_down },
            approved: false,
            then: if resumes { self.past } else { Past::None },
        });
    }

    /// Waits no longer than it must; a gate that is down holds a ramp.
    pub(crate) fn go_on(&mut self, now: u64, gates: Gates, recovery: &Recovery) {
        if self.down {
            return;
        }
        if let Some(waiting) = &mut self.waiting {
            let asks = recovery.approval == Approval::Needed && waiting.then == Past::None;
            waiting.word = match () {
                () if now < waiting.until => "held",
                () if !gates.proven => "gated",
                () if asks && !waiting.approved => "unapproved",
                () => "",
            };
            if !waiting.word.is_empty() {
                return;
            }
            let then = waiting.then;
            self.waiting = None;
            match then {
                Past::None => self.climb(0, now, recovery),
                Past::Step(step) => self.climb(step, now, recovery),
                Past::Full => {}
            }
        }
        match self.ramp {
            Some((step, _)) if !gates.up => self.ramp = Some((step, None)),
            Some((step, None)) => self.climb(step, now, recovery),
            Some(_) | None => {}
        }
    }

    fn climb(&mut self, step: usize, at: u64, recovery: &Recovery) {
        let pace = recovery.every.0 * self.slower.max(1);
        let more = recovery.steps[step].0 < 1000;
        self.ramp = more.then_some((step, Some(at + pace)));
    }

    /// How many times slower this return is: every fall but the last weighs one, and half of the
    /// weight is gone after each half-life, evenly within it.
    fn factor(&self, now: u64, recovery: &Recovery) -> u64 {
        let half_life = recovery.damping.half_life.0;
        let Some((_, earlier)) = self.falls.split_last() else {
            return 1;
        };
        let (mut weight, mut at) = (0, 0);
        for fell in earlier {
            weight = 1000 + faded(weight, fell - at, half_life);
            at = *fell;
        }
        let falls = (faded(weight, now - at, half_life) + 500) / 1000;
        let most = u64::from(recovery.damping.most);
        (0..falls).fold(1, |times, _| most.min(times * 2))
    }
}

/// What is left of a weight.
fn faded(mut weight: u64, mut age: u64, half_life: u64) -> u64 {
    while age >= half_life && weight > 0 {
        weight /= 2;
        age -= half_life;
    }
    weight - weight * (age % half_life) / (2 * half_life)
}
