//! Asks the sources of discoveries for their lists: files, documents on the web, SRV records, Consul.
//!
//! One task for each source, which asks, tells what came, and waits. What is done with a list is decided in [`crate::discovery`]. A list is told each
//! time, whether it has changed or not, so that its age is known.
use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep};

use super::resolve::NameResolver;
use crate::base::Span;
use crate::base::limits::DISCOVERED_LIST_BYTES;
use crate::discovery::{self, DiscoveryInput, EndpointList, json_list};
use crate::plan::{Discovery, DiscoverySource, Resolving};

mod web;

use web::{ConsulWatch, WebDocument};

/// Time between two looks at a file.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Least time between two questions to Consul, which answers at once whenever anything changes.
const APART: Duration = Duration::from_secs(1);

/// A source, and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedSource {
    name: String,
    source: DiscoverySource,
    every: Span,
    timeout: Span,
    /// The resolvers, where names are asked for.
    resolving: Option<Resolving>,
}

impl WatchedSource {
    /// That of a discovery.
    #[must_use]
    pub fn of(own: &Discovery, resolving: &Resolving) -> Self {
        let asks = matches!(own.source, DiscoverySource::Srv(_));
        Self {
            name: own.name.clone(),
            source: own.source.clone(),
            every: own.every,
            timeout: own.timeout,
            resolving: asks.then(|| resolving.clone()),
        }
    }
}

/// A source that is asked one question after the other.
enum AskedSource {
    File,
    Web(WebDocument),
    Srv(Box<NameResolver>),
    Consul(ConsulWatch),
}

/// Asks a source until nobody wants to know.
pub async fn watch(own: WatchedSource, to: UnboundedSender<DiscoveryInput>) {
    let (mut failures, mut asked) = (0, own.asked());
    loop {
        let (began, before) = (Instant::now(), own.stamp());
        let outcome = match &mut asked {
            Ok(asked) => own.ask(asked).await,
            Err(why) => Err(why.clone()),
        };
        let is_well = outcome.is_ok();
        failures = if is_well { 0 } else { failures + 1 };
        let input = match outcome {
            Ok(list) => DiscoveryInput::Listed(own.name.clone(), list),
            Err(why) => DiscoveryInput::Failed(own.name.clone(), why),
        };
        if to.send(input).is_err() {
            return;
        }
        let pause = Duration::from_millis(discovery::pause(own.every, failures).0);
        match &own.source {
            DiscoverySource::File(path) => until_changed((path, before), pause).await,
            // Its answer waits for a change by itself.
            DiscoverySource::Consul(..) if is_well => {
                sleep(APART.saturating_sub(began.elapsed())).await;
            }
            DiscoverySource::Consul(..) | DiscoverySource::Url(_) | DiscoverySource::Srv(_) => {
                sleep(pause).await;
            }
        }
    }
}

impl WatchedSource {
    fn asked(&self) -> Result<AskedSource, String> {
        Ok(match &self.source {
            DiscoverySource::File(_) => AskedSource::File,
            DiscoverySource::Url(web) => AskedSource::Web(WebDocument::new(web)?),
            DiscoverySource::Srv(_) => {
                let resolving = self.resolving.clone().unwrap_or_default();
                AskedSource::Srv(Box::new(NameResolver::new(&resolving)))
            }
            DiscoverySource::Consul(web, query) => {
                AskedSource::Consul(ConsulWatch::new(web, query)?)
            }
        })
    }

    /// The stamp of the file, to be taken before it is read: a change meanwhile counts as one that comes later.
    fn stamp(&self) -> Option<FileStamp> {
        match &self.source {
            DiscoverySource::File(path) => stamp(path),
            DiscoverySource::Url(_) | DiscoverySource::Srv(_) | DiscoverySource::Consul(..) => None,
        }
    }

    async fn ask(&self, asked: &mut AskedSource) -> Result<EndpointList, String> {
        let timeout = Duration::from_millis(self.timeout.0);
        match (&self.source, asked) {
            (DiscoverySource::File(path), _) => read(path).await,
            (_, AskedSource::Web(document)) => json_list(&document.get(timeout).await?),
            (_, AskedSource::Consul(consul)) => consul.ask(self.every, timeout).await,
            (DiscoverySource::Srv(name), AskedSource::Srv(resolver)) => {
                let asked = tokio::time::timeout(timeout, resolver.services(name));
                asked
                    .await
                    .map_err(|_| "no resolver answers in time".to_owned())?
            }
            (_, AskedSource::File | AskedSource::Srv(_)) => Err("the source is another".to_owned()),
        }
    }
}

async fn read(path: &Path) -> Result<EndpointList, String> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let text = crate::io::keep::read(&path, DISCOVERED_LIST_BYTES);
        let text = text.map_err(|error| error.to_string())?;
        json_list(&text.ok_or("there is no such file")?)
    });
    read.await.map_err(|error| error.to_string())?
}

/// Length of a file, and when it was changed last.
type FileStamp = (u64, SystemTime);

fn stamp(path: &Path) -> Option<FileStamp> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.len(), found.modified().ok()?))
}

/// Waits until a file is another than before, or for so long.
async fn until_changed((path, before): (&Path, Option<FileStamp>), longest: Duration) {
    let end = Instant::now() + longest;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || stamp(path) != before {
            return;
        }
        sleep(left.min(LOOK_EVERY)).await;
    }
}
