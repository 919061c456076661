//! Courses of returns to service, and which of two runs ahead.
use crate::base::{Permille, Span};

/// The course of a return: shares of its steps, and how long each lasts.
pub(super) type Course<'r> = (&'r [Permille], Span);

/// Tells whether `after` gives a larger share than `before` at any time after the start.
pub(super) fn runs_ahead(before: Course<'_>, after: Course<'_>) -> bool {
    let (steps, every) = after;
    let ends = (0..=steps.len() as u64).map(|step| Span(every.0.saturating_mul(step)));
    let mut starts = ends;
    // A share only rises in between where the other's is constant, so that it is worst where a step begins.
    starts.any(|time| share(after, time) > share(before, time))
}

fn share((steps, every): Course<'_>, time: Span) -> Permille {
    let step = time.0.checked_div(every.0).map_or(usize::MAX, |step| {
        usize::try_from(step).unwrap_or(usize::MAX)
    });
    steps.get(step).copied().unwrap_or(Permille::FULL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_course_is_ahead_if_it_is_so_at_any_time() {
        let slow = [50, 200, 500, 1000].map(Permille);
        let minute = Span::from_secs(60);
        let ahead = |steps: &[u16], every: Span| {
            let steps: Vec<Permille> = steps.iter().copied().map(Permille).collect();
            runs_ahead((&slow, minute), (&steps, every))
        };
        assert!(!ahead(&[50, 200, 500, 1000], minute));
        assert!(!ahead(&[10, 100, 100, 1000], minute));
        assert!(!ahead(&[50, 200, 500, 1000], Span::from_secs(61)));
        assert!(ahead(&[50, 200, 500, 1000], Span::from_secs(59)));
        assert!(ahead(&[50, 200, 501, 1000], minute));
        assert!(ahead(&[50, 200, 500], Span::from_secs(45)));
        assert!(ahead(&[1000], minute), "no steps at all");
        assert!(ahead(&[50, 1000], Span::ZERO));
    }
}
