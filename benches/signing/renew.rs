//! Renewal as time goes by: a zone in this process, in virtual time, a look each second as the server takes
//! them; the figure is processor time by virtual time.
use waypost::dns::dnssec::Algorithm;

use super::spent;
use super::zone::{NOW, VALIDITY, build, prepare, renewed};

/// Names of the zone; each has an RRset and a link of the chain.
const NAMES: usize = 50_000;
/// Virtual seconds of renewals.
const LOOKS: u64 = 20_000;
/// How long the server lets signatures gather that are due, seconds.
const TOGETHER: u64 = 30;

pub(crate) fn measure() {
    let zone = build(NAMES);
    for algorithm in [
        Algorithm::EcdsaP256,
        Algorithm::Ed25519,
        Algorithm::RsaSha256,
    ] {
        let mut signed = prepare(&zone, algorithm);
        let first = spent(|| signed = renewed(&signed, &signed.stale(NOW), NOW));
        let mut chunks = 0;
        let later = spent(|| {
            for now in NOW + 1..=NOW + LOOKS {
                if signed.due(now) + TOGETHER <= now {
                    let due = signed.stale(now);
                    chunks += due.len();
                    signed = renewed(&signed, &due, now);
                }
            }
        });
        println!(
            "{algorithm}: {} RRsets signed in {:.1} s of one core; renewed over half of {} days: {:.3} % of a core ({chunks} chunks in {LOOKS} s)",
            signed.entries(),
            first.as_secs_f64(),
            VALIDITY / 86_400,
            later.as_secs_f64() * 100.0 / LOOKS as f64
        );
    }
}
