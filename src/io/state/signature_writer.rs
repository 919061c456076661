//! The thread that keeps signatures and finds them again.
//!
//! It is not the one that writes everything else: nobody waits for signatures to be on the disk, and orders, which
//! somebody waits for, must not stand behind megabytes of them. It yields to threads that answer, and ends with the server.
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::oneshot;

use super::signatures::SignatureFolder;
use crate::dns::Name;
use crate::io::background;
use crate::zones::{Recalled, ToKeep};

/// Whoever is told what was kept.
pub(super) type TellRecalled = Box<dyn FnOnce(Recalled) + Send>;
/// Whoever is told whether signatures are on the disk.
pub(super) type TellKept = Box<dyn Fn(Name, Result<(), String>) + Send>;

/// Hands over signatures that are to be kept.
#[derive(Clone, Debug)]
pub struct SignatureWriter {
    tasks: Sender<SignatureTask>,
}

enum SignatureTask {
    Recall(Name, TellRecalled),
    Keep(Box<ToKeep>),
    Retain(BTreeSet<Name>),
    Release(oneshot::Sender<()>),
    Resume(PathBuf),
}

impl SignatureWriter {
    /// Starts the thread, for a folder of state if there is one.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(state: Option<&Path>, kept: TellKept) -> io::Result<Self> {
        let (tasks, queue) = channel();
        let folder = state.map(SignatureFolder::of);
        background::spawn("signatures", move || work(&queue, folder, &kept))?;
        Ok(Self { tasks })
    }

    /// Finds what was kept of a zone. False if the thread has ended.
    pub fn recall(&self, apex: Name, tell: TellRecalled) -> bool {
        self.tasks.send(SignatureTask::Recall(apex, tell)).is_ok()
    }

    /// Keeps signatures.
    pub fn keep(&self, to_keep: Box<ToKeep>) {
        // At the end of the server nobody waits for it.
        let _ = self.tasks.send(SignatureTask::Keep(to_keep));
    }

    /// Keeps nothing of other zones.
    pub fn retain(&self, apexes: BTreeSet<Name>) {
        // At the end of the server nobody waits for it.
        let _ = self.tasks.send(SignatureTask::Retain(apexes));
    }

    /// Has all that was handed over written, and nothing after that until [`SignatureWriter::resume`].
    pub async fn release(&self) {
        let (released, is_released) = oneshot::channel();
        if self.tasks.send(SignatureTask::Release(released)).is_ok() {
            // The thread may end before; then nothing is written either.
            let _ = is_released.await;
        }
    }

    /// Takes the folder again that was released.
    pub fn resume(&self, state: PathBuf) {
        // If the thread has ended, nothing is kept.
        let _ = self.tasks.send(SignatureTask::Resume(state));
    }
}

fn work(queue: &Receiver<SignatureTask>, mut folder: Option<SignatureFolder>, kept: &TellKept) {
    while let Ok(task) = queue.recv() {
        match task {
            SignatureTask::Recall(apex, tell) => {
                let recalled = folder.as_mut().map(|folder| folder.recall(&apex));
                tell(recalled.unwrap_or_default());
            }
            SignatureTask::Keep(to_keep) => {
                // Without a folder nothing is to be kept.
                let outcome = folder.as_mut().map(|folder| folder.keep(&to_keep));
                kept(to_keep.apex.clone(), outcome.unwrap_or(Ok(())));
            }
            SignatureTask::Retain(apexes) => {
                if let Some(folder) = &mut folder {
                    folder.retain(&apexes);
                }
            }
            SignatureTask::Release(released) => {
                folder = None;
                // Whoever asked may have given up waiting.
                let _ = released.send(());
            }
            SignatureTask::Resume(state) => folder = Some(SignatureFolder::of(&state)),
        }
    }
}
