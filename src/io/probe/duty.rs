//! The duty to report: one report for each probe that was started, whatever becomes of it.
//!
//! A probe that is dropped before it reported (a panic, no place, an unknown slot) reports
//! [`Cause::Local`] on its way out, so the engine never waits for a probe that will not come back.
//! It does not know why the probe was dropped; a panic has been printed by then.
use tokio::sync::mpsc::UnboundedSender;

use crate::base::{Cause, Span};
use crate::engine::ProbeId;
use crate::health::{ProbeResult, Report, Timing};

/// The end of one probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Which probe.
    pub id: ProbeId,
    /// Result, times, and when the certificate expires.
    pub report: Report,
    /// Time between its moment and its beginning: the node's own lateness, waiting for a place included.
    pub late: Span,
}

/// Reports once: what it is told, or `Local` when dropped.
#[derive(Debug)]
pub(super) struct Duty {
    reports: UnboundedSender<Finished>,
    finished: Finished,
}

impl Duty {
    pub(super) fn new(id: ProbeId, reports: UnboundedSender<Finished>) -> Self {
        let report = Report {
            outcome: ProbeResult::Fail(Cause::Local),
            timing: Timing::default(),
            certificate_expires: None,
            value: None,
        };
        let finished = Finished {
            id,
            report,
            late: Span::ZERO,
        };
        Self { reports, finished }
    }

    /// Notes how long after its time the probe began.
    pub(super) fn late(&mut self, late: Span) {
        self.finished.late = late;
    }

    /// Reports.
    pub(super) fn fulfil(mut self, report: Report) {
        self.finished.report = report;
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        // Nobody listens any more when the program ends; then nobody waits either.
        let _ = self.reports.send(self.finished);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SlotId;
    use tokio::sync::mpsc::unbounded_channel;

    const ID: ProbeId = ProbeId {
        epoch: 3,
        slot: SlotId(7),
    };

    #[test]
    fn a_dropped_duty_reports_a_local_failure_once() {
        let (sender, mut reports) = unbounded_channel();
        let panic = std::panic::catch_unwind(move || {
            let _duty = Duty::new(ID, sender);
            panic!("a defect in a probe");
        });
        assert!(panic.is_err());
        let finished = reports.try_recv().unwrap();
        assert_eq!(finished.id, ID);
        assert_eq!(finished.report.outcome, ProbeResult::Fail(Cause::Local));
        assert!(reports.try_recv().is_err());
    }

    #[test]
    fn a_fulfilled_duty_reports_what_it_was_told_once() {
        let (sender, mut reports) = unbounded_channel();
        let mut duty = Duty::new(ID, sender);
        duty.late(Span(12));
        let report = Report {
            outcome: ProbeResult::Pass,
            timing: Timing::default(),
            certificate_expires: Some(5),
            value: None,
        };
        duty.fulfil(report);
        let finished = reports.try_recv().unwrap();
        assert_eq!((finished.report, finished.late), (report, Span(12)));
        assert!(reports.try_recv().is_err());
    }
}
