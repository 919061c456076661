//! The things that carriers work with, and how one runs.
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::parse_x509_certificate;

use super::copy::SharedCopy;
use super::troubles::ToldTrouble;
use crate::base::Span;
use crate::io::background;
use crate::io::clock::Clock;
use crate::io::metrics::{Metrics, PeerTrouble};
use crate::plan::ClusterRules;

/// The things that a carrier works with.
#[derive(Clone, Debug)]
pub struct CarrierTools {
    /// The copy that is carried.
    pub copy: SharedCopy,
    /// The time.
    pub clock: Clock,
    /// The counters of troubles and octets.
    pub metrics: Arc<Metrics>,
}

/// A carrier on a thread of its own that yields to answers; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct CarrierThread {
    rules: watch::Sender<Arc<ClusterRules>>,
    end: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl CarrierThread {
    /// Starts what carries by the rules as they come; it is made inside the runtime.
    ///
    /// # Errors
    /// When there is no thread or no runtime to be had, or it cannot be made.
    pub(super) fn start<F: Future<Output = ()> + Send + 'static>(
        name: &str,
        rules: Arc<ClusterRules>,
        carry: impl FnOnce(watch::Receiver<Arc<ClusterRules>>) -> io::Result<F>,
    ) -> io::Result<Self> {
        let (end, is_end) = oneshot::channel::<()>();
        let (done, ended) = oneshot::channel();
        let (rules, changes) = watch::channel(rules);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let inside = runtime.enter();
        let carrying = carry(changes)?;
        drop(inside);
        // Other nodes wait for what this one sees: at the lowest priority it would fall silent where the cores are busy.
        background::spawn_awaited(name, move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = is_end => {}
                    () = carrying => {}
                }
            });
            // A look-up of a name may take long, and nobody waits for it.
            runtime.shutdown_background();
            // Whoever started it may have gone.
            let _ = done.send(());
        })?;
        Ok(Self { rules, end, ended })
    }

    /// Goes by other rules from now on.
    pub(super) fn set(&self, rules: &Arc<ClusterRules>) {
        self.rules.send_if_modified(|last| {
            let differs = last != rules;
            last.clone_from(rules);
            differs
        });
    }

    /// Ends it, and comes back when that is done.
    pub(super) async fn stop(self) {
        drop(self.end);
        // It has ended, whatever this says.
        let _ = self.ended.await;
    }
}

/// A span as the runtime wants it.
pub(super) fn duration(span: Span) -> Duration {
    Duration::from_millis(span.0)
}

/// Everything of a kind that a file in PEM holds; an error if there is nothing.
pub(super) fn all<T: PemObject>(path: &Path) -> Result<Vec<T>, ToldTrouble> {
    let octets = std::fs::read(path).map_err(|error| told(path, error))?;
    let found: Result<Vec<T>, _> = T::pem_slice_iter(&octets).collect();
    match found.map_err(|error| told(path, error))? {
        none if none.is_empty() => Err(told(path, "nothing of the kind stands in it")),
        found => Ok(found),
    }
}

/// The certificates of a file that this node shows; the time for which the first is valid is noted in the copy.
pub(super) fn shown_chain(
    path: &Path,
    copy: &SharedCopy,
) -> Result<Vec<CertificateDer<'static>>, ToldTrouble> {
    let chain: Vec<CertificateDer<'static>> = all(path)?;
    let parsed = chain.first().map(|own| parse_x509_certificate(own));
    if let Some(Ok((_, parsed))) = parsed {
        let validity = parsed.validity();
        let times = [validity.not_before, validity.not_after];
        let [begins, expires] = times.map(|time| u64::try_from(time.timestamp()).unwrap_or(0));
        // Before 1970 is as expired as in its first second.
        copy.shows_certificate(begins, expires.max(1));
    }
    Ok(chain)
}

/// The private key of a file.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ToldTrouble> {
    let octets = std::fs::read(path).map_err(|error| told(path, error))?;
    PrivateKeyDer::from_pem_slice(&octets).map_err(|error| told(path, error))
}

/// A file of this node that is not as it should be.
pub(super) fn told(path: &Path, why: impl std::fmt::Display) -> ToldTrouble {
    (PeerTrouble::Files, format!("`{}`: {why}", path.display()))
}
