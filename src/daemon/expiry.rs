//! Says in the log that the server's own certificate expires soon, or has expired.
//!
//! It is said as soon as it is so, and again every few hours until there is another certificate:
//! a renewal that has stopped working is noticed by nobody else before clients are turned away.
use tracing::{error, warn};

use crate::base::Moment;
use crate::base::limits::{CERTIFICATE_ALARM_EVERY, CERTIFICATE_SOON};
use crate::io::clock::Clock;
use crate::plan::Plan;

/// Which expiry was told last, and when.
#[derive(Debug, Default)]
pub(super) struct Expiry {
    told: Option<(u64, Moment)>,
}

/// How near an expiry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nearness {
    Far,
    /// So many hours are left.
    Soon(u64),
    Over,
}

impl Expiry {
    /// Looks whether there is something to say.
    pub(super) fn look(&mut self, plan: &Plan, clock: Clock) {
        let Some(tls) = &plan.server.tls else { return };
        let (expires, now) = (tls.pair.expires, clock.now());
        let names = tls.pair.names.join(", ");
        if !self.is_due(expires, now) {
            return;
        }
        match nearness(expires, clock.wall_seconds()) {
            Nearness::Far => return,
            Nearness::Soon(hours) => warn!(
                event = "certificate_expires",
                "the certificate of {names} expires in {hours} hours: renew it"
            ),
            Nearness::Over => error!(
                event = "certificate_expired",
                "the certificate of {names} has expired: clients refuse it until it is renewed"
            ),
        }
        self.told = Some((expires, now));
    }

    fn is_due(&self, expires: u64, now: Moment) -> bool {
        self.told
            .is_none_or(|(told, at)| told != expires || now.since(at) >= CERTIFICATE_ALARM_EVERY)
    }
}

fn nearness(expires: u64, now: u64) -> Nearness {
    match expires.saturating_sub(now) {
        0 => Nearness::Over,
        left if left < CERTIFICATE_SOON.0 / 1000 => Nearness::Soon(left / 3600),
        _ => Nearness::Far,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Span;

    #[test]
    fn an_expiry_is_soon_seven_days_before() {
        let day = 24 * 3600;
        assert_eq!(nearness(7 * day, 0), Nearness::Far);
        assert_eq!(nearness(7 * day, 1), Nearness::Soon(167));
        assert_eq!(nearness(7 * day, 7 * day), Nearness::Over);
        assert_eq!(nearness(7 * day, 8 * day), Nearness::Over);
    }

    #[test]
    fn it_is_told_again_for_another_certificate_or_after_a_while() {
        let told = Expiry {
            told: Some((5, Moment(1000))),
        };
        assert!(!told.is_due(5, Moment(2000)));
        assert!(told.is_due(6, Moment(2000)));
        assert!(told.is_due(5, Moment(1000).after(CERTIFICATE_ALARM_EVERY)));
        assert!(Expiry::default().is_due(5, Moment(0).after(Span::ZERO)));
    }
}
