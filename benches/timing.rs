//! Times cases by criterion: each is prepared when its turn comes, and only if the filter of the
//! command line lets it run. It does not know what is measured; `benches/cases` says that.
use criterion::Criterion;

use crate::cases::Case;

/// Times every case under its name.
pub(crate) fn time(criterion: &mut Criterion, cases: Vec<Case>) {
    for case in cases {
        let mut operation = None;
        criterion.bench_function(case.name, |bencher| {
            bencher.iter(operation.get_or_insert_with(case.prepare));
        });
    }
}
