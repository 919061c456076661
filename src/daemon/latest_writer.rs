//! Writes what is to be known after a restart, beside whoever has it written: one state after the other, and of several that wait the
//! newest alone. So no older one takes the place of a newer one, however long the disk takes.
use std::io;
use std::path::{Path, PathBuf};

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tracing::error;

/// The way to a file of state that is always written as a whole.
#[derive(Debug)]
pub(super) struct LatestWriter<T>(watch::Sender<Option<(PathBuf, T)>>);

impl<T: Clone + Send + Sync + 'static> LatestWriter<T> {
    /// Starts one. `write` replaces the file of a folder, whose path is the second word's; `lost` says what a restart would not know.
    pub(super) fn start(
        write: impl Fn(&Path, &T) -> io::Result<()> + Clone + Send + 'static,
        path: fn(&Path) -> PathBuf,
        lost: &'static str,
    ) -> Self {
        let (wishes, mut wished) = watch::channel::<Option<(PathBuf, T)>>(None);
        tokio::spawn(async move {
            while wished.changed().await.is_ok() {
                let Some((folder, state)) = wished.borrow_and_update().clone() else {
                    continue;
                };
                let (own, write) = (path(&folder), write.clone());
                let written = spawn_blocking(move || write(&folder, &state)).await;
                let outcome = written.unwrap_or_else(|error| Err(io::Error::other(error)));
                if let Err(why) = outcome {
                    error!(
                        event = "state_unwritable",
                        "cannot write `{}`: {why}; a restart would not know {lost}",
                        own.display()
                    );
                }
            }
        });
        Self(wishes)
    }

    /// Has a state written into its folder, once what is being written is.
    pub(super) fn write(&self, folder: &Path, state: T) {
        // At the end of the server nobody writes any more.
        let _ = self.0.send(Some((folder.to_owned(), state)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, mpsc};

    use super::*;

    #[tokio::test]
    async fn a_slow_disk_keeps_the_order_and_gets_the_newest() {
        let folder = Path::new("state");
        let (begun, begins) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let may_go_on = Arc::new(Mutex::new(may_go_on));
        let write = move |_: &Path, state: &u32| {
            begun.send(*state).unwrap();
            may_go_on.lock().unwrap().recv().unwrap();
            Ok(())
        };
        let writer = LatestWriter::start(write, Path::to_owned, "anything");
        let begins = Arc::new(Mutex::new(begins));
        let next = || {
            let begins = Arc::clone(&begins);
            spawn_blocking(move || begins.lock().unwrap().recv().unwrap())
        };
        writer.write(folder, 1);
        assert_eq!(next().await.unwrap(), 1);
        for state in 2..=4 {
            writer.write(folder, state);
        }
        tokio::task::yield_now().await;
        assert!(begins.lock().unwrap().try_recv().is_err(), "one at a time");
        go_on.send(()).unwrap();
        assert_eq!(next().await.unwrap(), 4, "the newest");
        go_on.send(()).unwrap();
    }
}
