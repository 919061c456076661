//! Orders about declared objects and questions about whole configs, handed on to the threads that read and compare those, and what those who watch are told
//! of anything declared. Where there is no such thread, whoever asked hears that nobody answers.
use std::sync::mpsc::SendError;
use std::sync::{Arc, PoisonError};

use super::comparer::ComparerReply;
use super::control_loop::ControlLoop;
use super::declaring::{ObjectReply, ObjectWork};
use super::reader::{ReaderMessage, Request};
use crate::config::declared::DeclaredObjects;
use crate::io::control::{ComparedConfig, ComparedPart, ProvedConfig};
use crate::io::history::event::TimelineEvent;
use crate::zones::Notice;

impl ControlLoop {
    /// Has declared objects changed by the reader.
    pub(super) fn declare(&self, work: ObjectWork, reply: ObjectReply) {
        let unsent = match &self.handles.reader {
            None => return,
            Some(reader) => reader.send(ReaderMessage::Declare(work, reply)),
        };
        // Whoever asked hears that nobody answers.
        drop(unsent);
    }

    /// Has the config read again.
    pub(super) fn ask_reader(&self, request: Request) {
        let refused = match &self.handles.reader {
            None => Some((request, "this server has no config file to read again")),
            Some(reader) => match reader.send(ReaderMessage::Reload(request)) {
                Err(SendError(ReaderMessage::Reload(request))) => {
                    Some((request, "the thread that reads the config has ended"))
                }
                Ok(())
                | Err(SendError(
                    ReaderMessage::Names(_)
                    | ReaderMessage::Discovered(..)
                    | ReaderMessage::Declare(..)
                    | ReaderMessage::Share(..),
                )) => None,
            },
        };
        if let Some((request, why)) = refused {
            drop(request.reply.send(Err(why.to_owned())));
        }
    }

    /// Has a config held against the one in force.
    pub(super) fn compare(
        &self,
        reply: ComparerReply<ComparedConfig>,
        new: (String, ComparedPart),
    ) {
        if let Some(comparer) = &self.handles.comparer {
            comparer.compare(reply, new);
        }
    }

    /// Has the plan in force proved.
    pub(super) fn verify(&self, reply: ComparerReply<ProvedConfig>) {
        if let Some(comparer) = &self.handles.comparer {
            comparer.verify(reply);
        }
    }

    /// Tells those who watch the timeline what was declared.
    pub(super) fn tell_declared(&self, notice: &Notice) {
        let author = notice.author.as_deref().unwrap_or_default();
        let event = TimelineEvent::declared(author, &notice.text);
        self.handles.history.event(event);
    }

    /// The declared objects in force.
    pub(super) fn declared_objects(&self) -> Arc<DeclaredObjects> {
        let in_force = self.handles.in_force.read();
        let in_force = in_force.unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&in_force.declared)
    }
}
