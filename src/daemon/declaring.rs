//! Declared objects on the thread that reads configs: judged, compiled with the files in force, kept on the disk, taken into force.
//!
//! The files are those in force, as they were read: a change by the API never takes in what a file says by now, which the
//! watch may have refused. Only zones and databases come from the disk, under the same guards. A change that is on the disk
//! and cannot come into force is undone there; one that was answered is on the disk **and** in force.
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::{error, info};

use super::comparer::compared;
use super::prepared::{Keys, Prepared, Source};
use crate::config;
use crate::config::declared::{
    DeclaredObjects, JudgedObjects, OWNED, ObjectOrder, ObjectPart, ObjectPurpose, ObjectRefusal,
};
use crate::config::{Diagnostics, Files};
use crate::io::control::ObjectsDone;
use crate::io::files::{self, Beside, Loaded};
use crate::io::state::objects::ObjectFile;
use crate::names::KnownNames;

/// A change of declared objects.
pub(super) enum ObjectWork {
    /// Somebody orders it.
    Order(Box<ObjectOrder>),
    /// Another node of the cluster has made it.
    Agree(Box<ObjectPart>),
}

/// The one who hears what became of a change.
pub(super) type ObjectReply = oneshot::Sender<Result<ObjectsDone, ObjectRefusal>>;

/// The file of declared objects; opened with the first change.
#[derive(Default)]
pub(super) struct ObjectKeeper(Option<ObjectFile>);

/// A change that is judged and compiled.
pub(super) struct ObjectDraft {
    pub(super) prepared: Box<Prepared>,
    judged: JudgedObjects,
    done: ObjectsDone,
}

impl ObjectKeeper {
    /// Judges and compiles a change. The outcome is there already if nothing is to be changed.
    pub(super) fn draft(
        &mut self,
        work: &ObjectWork,
        source: &Source,
        names: &Arc<KnownNames>,
    ) -> Result<Result<ObjectDraft, ObjectsDone>, ObjectRefusal> {
        let Some(folder) = &source.zoning.state else {
            let why = "nothing can be declared without `[server] state`, where it is kept";
            return Err(ObjectRefusal::Failed(why.to_owned()));
        };
        let file = self.0.get_or_insert_with(|| ObjectFile::open(folder).0);
        let dynamic = &source.zoning.dynamic;
        let rules = (&*dynamic.objects, dynamic.node);
        let (judged, purpose) = match work {
            ObjectWork::Order(order) => (file.kept().judge(order, rules)?, order.purpose),
            ObjectWork::Agree(told) => (file.kept().agree(told, rules)?, ObjectPurpose::Do),
        };
        let mut done = outcome(file.kept(), &judged, purpose);
        if judged.part.objects.is_empty() {
            return Ok(Err(done));
        }
        let next = Arc::new(judged.next.clone());
        let beside = Beside {
            declared: Some(&next),
            ..source.beside()
        };
        let mut loaded = files::load_in_force(&source.spec, beside);
        refuse_files(source, &loaded)?;
        loaded.files.names = Arc::clone(names);
        loaded.files.measured = Arc::new(source.plan.measured());
        let diagnostics = std::mem::take(&mut loaded.diagnostics);
        let compiled = config::compile(&loaded.spec, diagnostics, &loaded.files);
        let (compiled, _) = compiled.map_err(|found| unfit(&found))?;
        let prepared = Prepared::new(loaded, compiled, Keys::Read);
        let prepared = prepared.map_err(|why| ObjectRefusal::Unfit(why, Vec::new()))?;
        if purpose == ObjectPurpose::Compare {
            let plan = compared(source, (&prepared.plan, &prepared.zones.zoning));
            done.plan = Some(plan.map_err(ObjectRefusal::Failed)?);
        }
        if done.dry_run {
            return Ok(Err(done));
        }
        Ok(Ok(ObjectDraft {
            prepared: Box::new(prepared),
            judged,
            done,
        }))
    }

    /// Keeps what was drafted; gives it back with what undoes it.
    pub(super) fn keep(
        &mut self,
        draft: ObjectDraft,
    ) -> Result<(Box<Prepared>, ObjectPart, ObjectsDone), ObjectRefusal> {
        let ObjectDraft {
            prepared,
            judged: JudgedObjects { part, undo, .. },
            done,
        } = draft;
        match self.write(part) {
            Ok(()) => Ok((prepared, undo, done)),
            Err(why) => {
                self.undo(undo);
                Err(ObjectRefusal::Failed(why))
            }
        }
    }

    /// Takes back what is on the disk and did not come into force.
    pub(super) fn undo(&mut self, part: ObjectPart) {
        if let Err(why) = self.write(part) {
            error!(
                event = "state_unwritten",
                "a declared object that is not in force may come back with a restart: {why}"
            );
        }
    }

    fn write(&mut self, part: ObjectPart) -> Result<(), String> {
        match &mut self.0 {
            Some(file) => file.keep(part),
            None => Ok(()),
        }
    }
}

/// Says in the log what has come into force.
pub(super) fn tell(work: &ObjectWork, done: &ObjectsDone) {
    let (author, reason) = match work {
        ObjectWork::Order(order) => (&*order.author, &*order.reason),
        ObjectWork::Agree(told) => {
            let by = told.objects.iter().find_map(|(_, own)| own.as_ref());
            by.map_or(("", ""), |own| (&*own.author, &*own.reason))
        }
    };
    info!(
        event = "objects_declared",
        author,
        reason,
        revision = done.revision,
        "{}",
        done.result
    );
}

/// Refuses what names a file that the config does not: it would be read by this server for whoever declares it.
fn refuse_files(source: &Source, loaded: &Loaded) -> Result<(), ObjectRefusal> {
    let none = Files::new();
    let known: BTreeSet<PathBuf> = source.spec.files(&none).into_iter().collect();
    let mut wanted = loaded.spec.files(&none).into_iter();
    match wanted.find(|path| !known.contains(path)) {
        None => Ok(()),
        Some(path) => {
            let path = path.display();
            let why = format!("`{path}` is named: what is declared names no file of this machine");
            Err(ObjectRefusal::Unfit(why, Vec::new()))
        }
    }
}

fn unfit(found: &Diagnostics) -> ObjectRefusal {
    let list = found.list();
    let text = found.render(false);
    match list.iter().any(|own| own.message.ends_with(OWNED)) {
        true => ObjectRefusal::Owned(text),
        false => ObjectRefusal::Unfit(text, list),
    }
}

fn outcome(
    before: &DeclaredObjects,
    judged: &JudgedObjects,
    purpose: ObjectPurpose,
) -> ObjectsDone {
    let changes = judged.part.objects.iter();
    let changes = changes.map(|(path, after)| {
        let sign = match (before.get(path), after) {
            (None, _) => "+",
            (Some(_), None) => "-",
            (Some(_), Some(after)) if after.is_gone => "-",
            (Some(_), Some(_)) => "~",
        };
        format!("{sign} {path}")
    });
    let changes: Vec<String> = changes.collect();
    ObjectsDone {
        revision: judged.next.revision,
        dry_run: purpose != ObjectPurpose::Do,
        result: match changes.is_empty() {
            true => "nothing is to be changed".to_owned(),
            false => format!("declared: {}", changes.join(", ")),
        },
        changes,
        plan: None,
    }
}
