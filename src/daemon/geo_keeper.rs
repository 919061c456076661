//! Has what was compiled of the geo database kept, and what was taken for the same looked at.
//!
//! ```text
//! config in force --read from its file, or a copy of it--> keep it for the next start
//!                 --taken up by what the file system said--> read the file: the same, or kept data is wrong: read it all again
//! ```
//!
//! Either reads the whole file once more. So it is done on a thread of its own, of the lowest priority, when the server
//! answers already and nobody waits for it, once for each database that comes into force. It says what has happened; a
//! disk that does not take it is told once, until it does.
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use tracing::{error, info, warn};

use super::prepared::Source;
use crate::geo::Database;
use crate::io::background;
use crate::io::state::geo_data::{GeoData, GeoOrigin, GeoVerdict};

/// The relation of the database in force to its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// It says what the file says, as far as is known.
    AsRead,
    /// The file says something else: everything has to be read again.
    Stale,
}

/// Keeps what was compiled of the geo database.
#[derive(Default)]
pub(super) struct GeoKeeper {
    /// The config whose database was looked after last.
    last: Option<Arc<Source>>,
    /// A file that is kept as it is, or was looked at.
    settled: Option<GeoData>,
    work: Option<(GeoData, Receiver<GeoWork>)>,
    trouble: Option<String>,
}

/// The work that a thread has done.
enum GeoWork {
    /// It has kept so many octets, or nothing because the file has changed since.
    Kept(Result<Option<usize>, String>),
    /// It has looked at the file.
    Verified(Result<GeoVerdict, String>),
}

impl GeoKeeper {
    /// Looks after the database of the config in force; to be called now and then.
    pub(super) fn look(&mut self, source: &Arc<Source>) -> Freshness {
        match self.work.as_ref().map(|(_, work)| work.try_recv()) {
            Some(Err(TryRecvError::Empty)) => return Freshness::AsRead,
            Some(outcome) => {
                let geo = self.work.take().map(|(geo, _)| geo);
                if let (Some(geo), Ok(work)) = (geo, outcome) {
                    return self.end(geo, work);
                }
            }
            None => {}
        }
        let is_known = |last: &Arc<Source>| Arc::ptr_eq(last, source);
        if !self.last.as_ref().is_some_and(is_known) {
            self.last = Some(Arc::clone(source));
            if let Some(geo) = &source.geo {
                self.begin(geo, source.plan.atlas.database().clone());
            }
        }
        Freshness::AsRead
    }

    fn begin(&mut self, geo: &GeoData, database: Database) {
        if let Some(why) = &geo.damage {
            warn!(
                event = "geo_kept_damaged",
                "`{}` is damaged ({why}); its geo database was compiled anew",
                geo.kept.display()
            );
        }
        let settled = self.settled.as_ref();
        if geo.origin != GeoOrigin::File && settled.is_some_and(|own| own.is_of_same_file(geo)) {
            return;
        }
        let (done, work) = channel();
        let own = geo.clone();
        let started = background::spawn("geo", move || {
            // The reader ends with the server.
            let _ = done.send(do_work(&own, &database));
        });
        if started.is_ok() {
            self.work = Some((geo.clone(), work));
        }
    }

    fn end(&mut self, geo: GeoData, work: GeoWork) -> Freshness {
        let (source, kept) = (geo.source.display(), geo.kept.display());
        match work {
            GeoWork::Kept(Ok(Some(octets))) => {
                info!(
                    event = "geo_kept",
                    octets, "`{source}` is kept compiled, in `{kept}`"
                );
                self.trouble = None;
                self.settled = Some(geo);
            }
            GeoWork::Kept(Err(why)) => {
                if self.trouble.as_ref() != Some(&why) {
                    warn!(
                        event = "geo_not_kept",
                        "the next start will compile `{source}` again: {why}"
                    );
                }
                self.trouble = Some(why);
            }
            GeoWork::Verified(Ok(GeoVerdict::Same)) => {
                info!(
                    event = "geo_taken_up",
                    "`{source}` was compiled before, and has not changed"
                );
                self.settled = Some(geo);
            }
            GeoWork::Verified(Ok(GeoVerdict::Other)) => {
                error!(
                    event = "geo_kept_stale",
                    "`{source}` has changed and the file system does not show it; reading it again"
                );
                // Otherwise the next reading would take it up again.
                if let Err(why) = geo.forget() {
                    error!(event = "geo_kept_stale", "cannot remove `{kept}`: {why}");
                    return Freshness::AsRead;
                }
                return Freshness::Stale;
            }
            // The file has changed since it was read, or is gone: it is watched.
            GeoWork::Kept(Ok(None)) | GeoWork::Verified(Ok(GeoVerdict::Moved) | Err(_)) => {}
        }
        Freshness::AsRead
    }
}

fn do_work(geo: &GeoData, database: &Database) -> GeoWork {
    match geo.origin {
        GeoOrigin::SameFile(_) => GeoWork::Verified(geo.verify()),
        GeoOrigin::File | GeoOrigin::SameContent(_) => GeoWork::Kept(geo.keep(database)),
    }
}
