//! A drill on the live system: drains that end by themselves, looked after until they are lifted.
//!
//! Each drain is ordered with an end ([`Lease`]) a little ahead, and put off again as long as all is well. So nothing outlives
//! the drill for long, whatever becomes of it: a drill that ends, is stopped by a guard, by a signal or with its terminal lifts
//! its drains; one that is killed leaves them to their ends.
use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::arguments::Drill;
use super::compared::{DrillLook, DrillOutcome, Predicted, TableChoice};
use super::guards::{DrillBounds, Guards, Scrape};
use crate::base::{Moment, Span};
use crate::cli::order::{given, post};
use crate::cli::orders::list;
use crate::cli::remote::Remote;
use crate::cli::say;
use crate::daemon::Failure;
use crate::engine::order::Action;
use crate::io::clock::Clock;
use crate::io::control::ForecastView;
use crate::sim::play::drill::DrillStep;

/// Time between two looks at the server.
const TICK: Duration = Duration::from_millis(500);
/// Tries to lift a drain.
const TRIES: usize = 5;

/// HeldSignals that end a drill, held back so that it can undo what it did.
pub(super) struct HeldSignals(SignalFd);

/// A drain that is in force for a while.
struct Lease {
    scope: String,
    /// The moment at which it is put off again.
    renew_at: Moment,
}

/// A drill at work.
struct DrillCourse<'d> {
    arguments: &'d Drill,
    remote: &'d Remote,
    guards: Guards,
    clock: Clock,
    began: Moment,
    leases: Vec<Lease>,
    /// Endpoints that are, or were, drained.
    drained: BTreeSet<String>,
}

impl HeldSignals {
    /// Holds them back, from this thread and those that it starts.
    ///
    /// # Errors
    /// The system does not.
    pub(super) fn hold() -> Result<Self, Failure> {
        let set: SigSet = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM]
            .into_iter()
            .collect();
        let held = set.thread_block().and_then(|()| {
            SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
        });
        held.map(Self)
            .map_err(|error| format!("cannot hold signals back: {error}"))
    }

    fn came(&self) -> Option<String> {
        match self.0.read_signal() {
            Ok(Some(signal)) => {
                let number = i32::try_from(signal.ssi_signo).ok();
                let signal = number.and_then(|number| Signal::try_from(number).ok());
                Some(signal.map_or_else(|| "a signal".to_owned(), |signal| signal.to_string()))
            }
            Ok(None) | Err(Errno::EINTR) => None,
            Err(error) => Some(format!("signals cannot be read: {error}")),
        }
    }
}

/// Plays the steps; whatever comes between, they are undone.
///
/// # Errors
/// Why nothing was begun.
pub(super) fn play(
    (arguments, remote): (&Drill, &Remote),
    signals: &HeldSignals,
    (steps, duration): (&[DrillStep], Span),
    predicted: &[Predicted],
) -> Result<DrillOutcome, Failure> {
    let bounds = DrillBounds {
        load: arguments.max_load,
        errors: arguments.max_errors,
    };
    refuse_what_is_ordered(remote, steps)?;
    let guards =
        Guards::set(bounds, &scrape(remote)?).map_err(|why| format!("nothing was begun: {why}"))?;
    let clock = Clock::start();
    let mut course = DrillCourse {
        arguments,
        remote,
        guards,
        clock,
        began: clock.now(),
        leases: Vec::new(),
        drained: BTreeSet::new(),
    };
    let mut looks = Vec::new();
    let course_of = course.run((signals, duration), steps, (predicted, &mut looks));
    let lasted = course.played();
    let left = course.undo();
    Ok(DrillOutcome {
        looks,
        stopped: course_of.err(),
        left,
        lasted,
    })
}

/// Somebody's drain would be lifted with ours.
fn refuse_what_is_ordered(remote: &Remote, steps: &[DrillStep]) -> Result<(), Failure> {
    let orders = list(remote)?.orders;
    let mut held = orders.iter().map(|held| &held.order.scope);
    match held.find(|scope| steps.iter().any(|step| step.scope == **scope)) {
        Some(scope) => Err(format!(
            "nothing was begun: there is an order for {scope} already (`waypost orders`)"
        )),
        None => Ok(()),
    }
}

fn scrape(remote: &Remote) -> Result<Scrape, Failure> {
    Ok(Scrape::read(&remote.get("/metrics", &[])?))
}

impl DrillCourse<'_> {
    fn played(&self) -> Span {
        self.clock.now().since(self.began)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a command that waits for a server has nothing else to do"
    )]
    fn run(
        &mut self,
        (signals, duration): (&HeldSignals, Span),
        steps: &[DrillStep],
        (predicted, looks): (&[Predicted], &mut Vec<DrillLook>),
    ) -> Result<(), String> {
        let (mut begun, mut ended) = (0, BTreeSet::new());
        loop {
            if let Some(signal) = signals.came() {
                return Err(format!("{signal} came"));
            }
            self.guards.judge(&scrape(self.remote)?, &self.drained)?;
            let now = self.played();
            while let Some(due) = predicted
                .get(looks.len())
                .filter(|due| due.checkpoint.at <= now)
            {
                looks.push(DrillLook::at(self.remote, due, TableChoice::Live)?);
            }
            for (number, step) in steps.iter().enumerate() {
                if step.until <= now && ended.insert(number) && number < begun {
                    self.lift(&step.scope)?;
                }
            }
            while let Some(step) = steps.get(begun).filter(|step| step.from <= now) {
                self.begin(step)?;
                begun += 1;
            }
            self.renew()?;
            if now >= duration {
                return Ok(());
            }
            sleep(TICK);
        }
    }

    fn begin(&mut self, step: &DrillStep) -> Result<(), String> {
        let mut asked = given(Action::Drain.word(), &step.scope, &self.arguments.by);
        asked.push(("dry_run", "true".to_owned()));
        let body = post(self.remote, &asked)?;
        let forecast: ForecastView = serde_json::from_str(&body)
            .map_err(|error| format!("the server's answer is not a forecast: {error}"))?;
        if !forecast.damage.is_empty() {
            let damage = forecast.damage.join("; ");
            return Err(format!(
                "a drain of {} would do damage: {damage}",
                step.scope
            ));
        }
        self.drained.extend(forecast.endpoints);
        // It counts as there before it is: what is not certain is lifted.
        self.leases.push(Lease {
            scope: step.scope.clone(),
            renew_at: Moment(0),
        });
        say(&format!("{} drain {}", self.played(), step.scope));
        Ok(())
    }

    /// Puts the end of each drain off, where half of its time has passed.
    fn renew(&mut self) -> Result<(), String> {
        let (now, lease) = (self.clock.now(), self.arguments.lease);
        for own in self.leases.iter_mut().filter(|own| own.renew_at <= now) {
            let mut asked = given(Action::Drain.word(), &own.scope, &self.arguments.by);
            asked.push(("for", lease.to_string()));
            post(self.remote, &asked)?;
            own.renew_at = now.after(Span(lease.0 / 2));
        }
        Ok(())
    }

    fn lift(&mut self, scope: &str) -> Result<(), String> {
        let asked = given(Action::Undrain.word(), scope, &self.arguments.by);
        post(self.remote, &asked)?;
        self.leases.retain(|own| own.scope != scope);
        say(&format!("{} undrain {scope}", self.played()));
        Ok(())
    }

    /// Tells whether there is still an order for this; where nobody can say, there may be.
    fn is_ordered(&self, scope: &str) -> bool {
        list(self.remote).map_or(true, |list| {
            list.orders.iter().any(|held| held.order.scope == scope)
        })
    }

    /// Lifts every drain; gives what could not be lifted.
    #[expect(
        clippy::disallowed_methods,
        reason = "a command that waits for a server has nothing else to do"
    )]
    fn undo(&mut self) -> Vec<String> {
        let scopes: Vec<String> = self.leases.iter().map(|own| own.scope.clone()).collect();
        let mut left = Vec::new();
        for scope in scopes {
            let mut last = self.lift(&scope);
            for _ in 1..TRIES {
                if last.is_ok() {
                    break;
                }
                sleep(TICK);
                last = self.lift(&scope);
            }
            // What was never ordered, or has ended, cannot be lifted.
            if let Err(why) = last
                && self.is_ordered(&scope)
            {
                let lease = self.arguments.lease;
                left.push(format!("{scope} ({why}); it ends by itself within {lease}"));
            }
        }
        left
    }
}
