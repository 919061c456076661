//! Notices of the engine as log lines: one per transition, with its reason.
//!
//! Whether a transition is told by itself or with others is decided elsewhere ([`crate::engine::bursts`]).
use tracing::{debug, error, info, warn};

use super::order_log;
use crate::base::{Permille, Why};
use crate::engine::Notice;
use crate::engine::notice::{Clients, Sense};
use crate::io::log_line::LogList;
use crate::plan::Units;

/// Writes a notice of the engine as a line.
pub(super) fn notice(notice: &Notice) {
    match notice {
        Notice::Standing { to, .. } => standing(notice, loudness(*to)),
        Notice::FailOpen { .. } | Notice::AllDown { .. } => stranded(notice),
        Notice::Doubt { .. } | Notice::Capped { .. } => alarm(notice),
        Notice::Unwatched { .. } => unwatched(notice),
        Notice::Address { .. } => address(notice),
        Notice::Overload { .. } => overload(notice),
        // Written with the answer to the order.
        Notice::Ordered { .. } => {}
        Notice::OrderDue { .. } => order_log::due(notice),
        Notice::Reloaded {
            digest,
            kept,
            new,
            gone,
        } => {
            info!(
                event = "reloaded",
                plan = digest,
                kept,
                new,
                gone,
                "a new plan is in force"
            );
        }
        Notice::Rejected { reason } => {
            error!(
                event = "rejected",
                reason,
                "a table failed its check and was not published; this is a defect of waypost"
            );
        }
    }
}

/// A slot that nobody looks at, or somebody does again.
fn unwatched(notice: &Notice) {
    let Notice::Unwatched {
        endpoint,
        region,
        monitor,
        address,
        active,
        age_ms,
    } = notice
    else {
        return;
    };
    let whose = match endpoint {
        Some(endpoint) => format!("endpoint {endpoint}"),
        None => "a canary".to_owned(),
    };
    let seconds = age_ms / 1000;
    if *active {
        error!(
            event = "unwatched",
            endpoint,
            region,
            monitor,
            address,
            age_ms,
            "nobody has looked at {whose} by {monitor} for {seconds} s: this node could run no probe of it; what was known of it is answered"
        );
    } else {
        info!(
            event = "unwatched_over",
            endpoint, region, monitor, address, age_ms, "{whose} is looked at by {monitor} again"
        );
    }
}

/// An address that leaves its endpoint's answers alone, or comes back.
fn address(notice: &Notice) {
    let Notice::Address {
        endpoint,
        region,
        address,
        left,
    } = notice
    else {
        return;
    };
    if *left {
        warn!(
            event = "address_left",
            endpoint,
            region,
            address,
            "{address} is down and left out; {endpoint} is answered without it"
        );
    } else {
        info!(
            event = "address_back",
            endpoint, region, address, "{address} is in the answers of {endpoint} again"
        );
    }
}

/// Writes what begins and ends, and is an error while it lasts.
fn alarm(notice: &Notice) {
    match notice {
        Notice::Doubt {
            active: true,
            because,
            failing_permille,
        } => {
            let evidence = match because {
                Sense::CanariesFail => "most canaries fail",
                Sense::MostFail | Sense::NothingPasses | Sense::ProbesPass => {
                    "most targets fail at once and no region is sound"
                }
            };
            error!(
                event = "doubt",
                failing_permille,
                "{evidence}: doubting this node's own network, nothing more is taken out"
            );
        }
        Notice::Doubt {
            active: false,
            because,
            failing_permille,
        } => match because {
            Sense::NothingPasses => error!(
                event = "doubt_over",
                failing_permille, "nothing passes any more: failing open"
            ),
            Sense::ProbesPass | Sense::MostFail | Sense::CanariesFail => info!(
                event = "doubt_over",
                failing_permille, "probes make sense again"
            ),
        },
        Notice::Capped {
            active: true,
            ejected_permille,
        } => {
            error!(
                event = "capped",
                ejected_permille,
                "guard.max_ejected or guard.max_ejected_at_once is reached: what fails beyond it is kept"
            );
        }
        Notice::Capped {
            active: false,
            ejected_permille,
        } => {
            info!(
                event = "capped_over",
                ejected_permille,
                "nothing is kept by guard.max_ejected or guard.max_ejected_at_once any more"
            );
        }
        Notice::Standing { .. }
        | Notice::FailOpen { .. }
        | Notice::AllDown { .. }
        | Notice::Overload { .. }
        | Notice::Unwatched { .. }
        | Notice::Address { .. }
        | Notice::Ordered { .. }
        | Notice::OrderDue { .. }
        | Notice::Reloaded { .. }
        | Notice::Rejected { .. } => {}
    }
}

/// Clients for whom nothing is healthy, or something is again.
fn stranded(notice: &Notice) {
    let (event, service, family, active, clients) = match notice {
        Notice::FailOpen {
            service,
            family,
            active,
            clients,
        } => ("fail_open", service, family, *active, clients),
        Notice::AllDown {
            service,
            family,
            active,
            clients,
            ..
        } => ("all_down", service, family, *active, clients),
        Notice::Standing { .. }
        | Notice::Doubt { .. }
        | Notice::Capped { .. }
        | Notice::Overload { .. }
        | Notice::Unwatched { .. }
        | Notice::Address { .. }
        | Notice::Ordered { .. }
        | Notice::OrderDue { .. }
        | Notice::Reloaded { .. }
        | Notice::Rejected { .. } => return,
    };
    let told = clients.prefer.join(" ");
    let prefer = LogList(&clients.prefer);
    let Clients { classes, of, .. } = *clients;
    let text = fate(notice, &told);
    if active {
        error!(event, service, family, ?prefer, classes, of, "{text}");
    } else {
        let event = format!("{event}_over");
        info!(event, service, family, ?prefer, "{text}");
    }
}

/// Demand that fits nowhere, or does again.
fn overload(notice: &Notice) {
    let Notice::Overload {
        service,
        active,
        overload,
        demand_thousandths,
        overloaded_thousandths,
    } = notice
    else {
        return;
    };
    let (demand, unplaced) = (Units(*demand_thousandths), Units(*overloaded_thousandths));
    if *active {
        error!(
            event = "overload",
            service,
            %demand,
            overloaded = %unplaced,
            "{unplaced} of {demand} asked for fits nowhere within the stated capacities: overload = \"{overload}\" says who serves it"
        );
    } else {
        info!(
            event = "overload_over",
            service, %demand, "all of {demand} asked for fits again"
        );
    }
}

/// The fate of clients who prefer these regions.
fn fate(notice: &Notice, prefer: &str) -> String {
    match notice {
        Notice::FailOpen { active: true, .. } => {
            format!(
                "nothing healthy for clients of {prefer}: answering with endpoints that are down"
            )
        }
        Notice::AllDown {
            active: true,
            answer,
            ..
        } => format!("nothing healthy for clients of {prefer}: answering {answer}"),
        Notice::FailOpen { .. }
        | Notice::AllDown { .. }
        | Notice::Standing { .. }
        | Notice::Doubt { .. }
        | Notice::Capped { .. }
        | Notice::Overload { .. }
        | Notice::Unwatched { .. }
        | Notice::Address { .. }
        | Notice::Ordered { .. }
        | Notice::OrderDue { .. }
        | Notice::Reloaded { .. }
        | Notice::Rejected { .. } => format!("healthy endpoints answer clients of {prefer} again"),
    }
}

/// The loudness of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loudness {
    /// Clients lose something.
    Error,
    /// They would, but for a guard; or somebody is waited for.
    Warning,
    /// All goes its way.
    Information,
    /// It is told with others.
    Quiet,
}

/// The loudness of a transition to a state.
pub(super) fn loudness(to: Why) -> Loudness {
    match to {
        Why::Down(_) => Loudness::Error,
        Why::Doubted(_)
        | Why::Capped(_)
        | Why::Outvoted(_)
        | Why::Gated
        | Why::Unapproved
        | Why::Refused
        | Why::Degraded => Loudness::Warning,
        Why::Ramping { .. }
        | Why::Healthy
        | Why::Unproven
        | Why::Held
        | Why::Draining
        | Why::Drained
        | Why::Returning
        | Why::Weighted
        | Why::Forced
        | Why::Supposed => Loudness::Information,
    }
}

/// A transition of a target. Fields that are empty are left out.
pub(super) fn standing(notice: &Notice, loudness: Loudness) {
    let Notice::Standing {
        endpoint,
        region,
        provider,
        family,
        monitors,
        gate,
        from,
        to,
        share_permille,
        vantages,
    } = notice
    else {
        return;
    };
    let (was, now) = (from.word(), to.word());
    let vantages = vantages.as_deref();
    let cause = to.cause().map(|cause| cause.to_string());
    let monitors = Some(monitors.as_str()).filter(|names| !names.is_empty());
    let gate = gate.as_deref();
    let text = course(*from, *to, *share_permille, gate);
    macro_rules! line {
        ($level:ident) => {
            $level!(
                event = "standing",
                endpoint,
                region,
                provider,
                family,
                monitors,
                gate = gate.filter(|_| now == "gated"),
                from = was,
                to = now,
                share_permille,
                cause,
                vantages,
                "{text}"
            )
        };
    }
    match loudness {
        Loudness::Error => line!(error),
        Loudness::Warning => line!(warn),
        Loudness::Information => line!(info),
        Loudness::Quiet => line!(debug),
    }
}

/// An endpoint's course, for a person.
fn course(from: Why, to: Why, share_permille: u16, gate: Option<&str>) -> String {
    let gate = gate.map_or("its gate".to_owned(), |gate| format!("its gate `{gate}`"));
    let share = Permille(share_permille);
    match (from, to) {
        (_, Why::Down(_)) => "endpoint is down".to_owned(),
        (_, Why::Doubted(_) | Why::Capped(_)) => "endpoint fails but is kept".to_owned(),
        (_, Why::Outvoted(_)) => {
            "endpoint fails here, and the vantages do not rule it down".to_owned()
        }
        (_, Why::Held) => "endpoint is back and held out for a while".to_owned(),
        (_, Why::Unapproved) => "endpoint is back and waits for `waypost approve`".to_owned(),
        (_, Why::Refused) => "endpoint is back, and its return is refused".to_owned(),
        (_, Why::Drained) => "endpoint is drained: no new answer has it".to_owned(),
        (_, Why::Draining) => format!("endpoint is being drained, and limited to {share}"),
        (_, Why::Returning) => format!("endpoint returns after an order, and has {share}"),
        (_, Why::Forced) => format!("endpoint is forced to {share} by an override"),
        (_, Why::Gated) if share == Permille::NONE => {
            format!("endpoint is back and waits for {gate}")
        }
        (_, Why::Gated) => format!("endpoint is held at {share} by {gate}"),
        (Why::Ramping { .. }, Why::Ramping { .. }) => {
            "endpoint takes a step of its ramp".to_owned()
        }
        (_, Why::Ramping { step: 1, .. }) => "endpoint is back and starts its ramp".to_owned(),
        (_, Why::Ramping { .. }) => "endpoint goes on with its ramp".to_owned(),
        (_, Why::Weighted) => format!("endpoint follows its weight, and has {share}"),
        (_, Why::Degraded) => format!("endpoint is slow, and limited to {share}"),
        (_, Why::Healthy | Why::Unproven | Why::Supposed) => "endpoint serves in full".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::base::Cause;

    /// The text that was written, for all who hold it.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The line of a notice, from its level on.
    fn line(told: &Notice) -> String {
        let paper = Paper::default();
        let pen = paper.clone();
        let lines = tracing_subscriber::fmt()
            .with_writer(move || pen.clone())
            .with_ansi(false)
            .with_target(false)
            .without_time();
        tracing::subscriber::with_default(lines.finish(), || notice(told));
        let bytes = paper.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().trim().to_owned()
    }

    fn standing(from: Why, to: Why, share_permille: u16) -> Notice {
        Notice::Standing {
            endpoint: "fra".into(),
            region: "eu".into(),
            provider: "hetzner".into(),
            family: "v4",
            monitors: "web".into(),
            gate: Some("replicated".into()),
            from,
            to,
            share_permille,
            vantages: None,
        }
    }

    #[test]
    fn transitions_read_as_what_they_are() {
        let down = Why::Down(Cause::Refused);
        let step = |step| Why::Ramping { step, of: 4 };
        for (from, to, share, text) in [
            (Why::Healthy, down, 0, "endpoint is down"),
            (
                down,
                Why::Gated,
                0,
                "endpoint is back and waits for its gate `replicated`",
            ),
            (
                step(3),
                Why::Gated,
                500,
                "endpoint is held at 50% by its gate `replicated`",
            ),
            (
                Why::Gated,
                step(1),
                50,
                "endpoint is back and starts its ramp",
            ),
            (down, step(1), 50, "endpoint is back and starts its ramp"),
            (step(1), step(2), 200, "endpoint takes a step of its ramp"),
            (Why::Gated, step(3), 500, "endpoint goes on with its ramp"),
            (step(4), Why::Healthy, 1000, "endpoint serves in full"),
            (
                down,
                Why::Held,
                0,
                "endpoint is back and held out for a while",
            ),
            (
                Why::Held,
                Why::Unapproved,
                0,
                "endpoint is back and waits for `waypost approve`",
            ),
            (
                Why::Healthy,
                Why::Draining,
                500,
                "endpoint is being drained, and limited to 50%",
            ),
            (
                Why::Draining,
                Why::Drained,
                0,
                "endpoint is drained: no new answer has it",
            ),
        ] {
            assert!(line(&standing(from, to, share)).contains(text), "{text}");
        }
    }

    #[test]
    fn empty_fields_are_left_out() {
        let well = line(&standing(Why::Unproven, Why::Healthy, 1000));
        assert!(!well.contains("cause") && !well.contains("gate"), "{well}");
        let ill = line(&standing(Why::Healthy, Why::Down(Cause::Refused), 0));
        assert!(ill.contains("cause=\"connection refused\""), "{ill}");
        assert!(ill.contains("monitors=\"web\""), "{ill}");
    }

    #[test]
    fn clients_without_anything_healthy_are_named() {
        let clients = Clients {
            prefer: vec!["na-toronto".into()],
            classes: 2,
            of: 9,
        };
        let open = |active| Notice::FailOpen {
            service: "api".into(),
            family: "v4",
            active,
            clients: clients.clone(),
        };
        let begun = line(&open(true));
        let text =
            "nothing healthy for clients of na-toronto: answering with endpoints that are down";
        assert!(
            begun.starts_with("ERROR") && begun.contains(text),
            "{begun}"
        );
        assert!(begun.contains("classes=2 of=9"), "{begun}");
        assert!(line(&open(false)).contains("fail_open_over"));
        let silent = line(&Notice::AllDown {
            service: "api".into(),
            family: "v4",
            active: true,
            answer: "servfail",
            clients,
        });
        assert!(silent.contains("answering servfail"), "{silent}");
    }

    #[test]
    fn a_doubt_says_why_it_began() {
        let begin = |because| {
            line(&Notice::Doubt {
                active: true,
                because,
                failing_permille: 0,
            })
        };
        assert!(begin(Sense::CanariesFail).contains("most canaries fail: doubting"));
        assert!(begin(Sense::MostFail).contains("no region is sound: doubting"));
    }

    #[test]
    fn a_doubt_says_why_it_ended() {
        let end = |because| {
            line(&Notice::Doubt {
                active: false,
                because,
                failing_permille: 0,
            })
        };
        assert!(end(Sense::NothingPasses).contains("nothing passes any more: failing open"));
        assert!(end(Sense::ProbesPass).contains("probes make sense again"));
    }
}
