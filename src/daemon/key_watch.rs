//! The thread that looks at folders of keys: for what others change in them, and for what other nodes of a cluster tell of theirs.
use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;

use super::key_sharing::KeySharing;
use crate::dns::Name;
use crate::io::keys::Store;
use crate::keys::ToldRing;
use crate::zones::Input;

/// Time between two looks at folders of keys, for what others have changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A thing that the thread is told.
pub(super) enum KeyWatchWord {
    /// Share keys with other nodes.
    Join(Box<KeySharing>),
    /// Look at these folders, each of a version of a zone.
    Folders(Vec<(Name, Store)>),
    /// A zone is served with this ring.
    Served(Name, Box<ToldRing>),
}

/// Starts the thread.
pub(super) fn start(events: mpsc::UnboundedSender<Input>) -> io::Result<Sender<KeyWatchWord>> {
    let (words, queue) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().name("keys".to_owned());
    thread.spawn(move || {
        let mut stores: Vec<WatchedKeys> = Vec::new();
        let mut sharing: Option<Box<KeySharing>> = None;
        loop {
            match queue.recv_timeout(LOOK_EVERY) {
                Ok(KeyWatchWord::Join(joined)) => sharing = Some(joined),
                Ok(KeyWatchWord::Folders(wanted)) => {
                    if let Some(sharing) = &mut sharing {
                        sharing.use_stores(&wanted);
                    }
                    let wanted = wanted.into_iter();
                    stores = wanted
                        .map(|(id, store)| WatchedKeys::of(id, store))
                        .collect();
                }
                Ok(KeyWatchWord::Served(apex, told)) => {
                    if let Some(sharing) = &mut sharing {
                        sharing.serve(&apex, *told);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let shared = sharing.iter_mut().flat_map(|sharing| sharing.turn());
            let shared = shared.collect::<Vec<Input>>().into_iter();
            let looked = stores.iter_mut().filter_map(WatchedKeys::look);
            for event in shared.chain(looked) {
                if events.send(event).is_err() {
                    return;
                }
            }
        }
    })?;
    Ok(words)
}

/// The folder of a zone's keys, as it was seen last.
struct WatchedKeys {
    id: Name,
    store: Store,
    /// The time at which the state was written.
    written: Option<SystemTime>,
    /// Set if the keys could be read: what makes them readable again need not touch the state.
    is_read: bool,
}

impl WatchedKeys {
    fn of(id: Name, store: Store) -> Self {
        Self {
            id,
            written: written(&store),
            is_read: store.load().is_ok(),
            store,
        }
    }

    /// Reads it again, if others may have changed it.
    fn look(&mut self) -> Option<Input> {
        let now = written(&self.store);
        if now == self.written && self.is_read {
            return None;
        }
        let is_new = now != self.written;
        let read = self.store.load().map_err(|error| error.to_string());
        let is_news = is_new || read.is_ok();
        (self.written, self.is_read) = (now, read.is_ok());
        is_news.then(|| Input::Keys {
            apex: self.id.clone(),
            steps: Vec::new(),
            read: Box::new(read),
        })
    }
}

/// The time at which the state of a zone's keys was last written.
fn written(store: &Store) -> Option<SystemTime> {
    let metadata = std::fs::metadata(store.state_path()).ok()?;
    metadata.modified().ok()
}
