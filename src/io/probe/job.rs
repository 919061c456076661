//! What is prepared when a plan comes, so that a probe only has to run.
//!
//! Roots, methods, paths and headers are read once for each monitor. A monitor that cannot be run
//! (roots that do not parse, a header that is none) is told to the caller and its probes end as
//! local failures; the other monitors of the plan go on. The compiler of the config refuses most of
//! these first.
use std::net::SocketAddr;
use std::sync::Arc;

use super::Unready;
use super::http::Request;
use super::postgres::Postgres;
use super::tls::{TlsSettings, Trust};
use crate::base::Span;
use crate::engine::ProbeId;
use crate::plan::{Check, HttpCheck, Monitor, Plan};

/// One probe, ready to run.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) address: SocketAddr,
    pub(super) timeout: Span,
    pub(super) work: Work,
}

/// What a probe does once it is connected.
#[derive(Debug)]
pub(super) enum Work {
    /// Nothing more.
    Tcp,
    /// A request, over TLS or not. The host is what the server is asked for.
    Http { host: String, http: Arc<Http> },
    /// A login, and a look at how far behind the server is.
    Postgres(Arc<Postgres>),
}

/// What all HTTP probes of one monitor share.
#[derive(Debug)]
pub(super) struct Http {
    pub(super) tls: Option<TlsSettings>,
    pub(super) request: Request,
    pub(super) expect_status: Vec<(u16, u16)>,
    pub(super) expect_body: Option<String>,
}

/// A plan with its monitors prepared.
#[derive(Debug)]
pub(super) struct Jobs {
    current: Option<(u32, Arc<Plan>)>,
    /// By monitor.
    prepared: Vec<Prepared>,
}

#[derive(Clone, Debug)]
enum Prepared {
    Tcp,
    Http(Arc<Http>),
    Postgres(Arc<Postgres>),
    Unready,
}

impl Jobs {
    /// Before the first plan: nothing can be probed.
    pub(super) fn none() -> Self {
        Self {
            current: None,
            prepared: Vec::new(),
        }
    }

    /// Prepares the monitors of a plan, and tells which cannot be run.
    pub(super) fn prepare(epoch: u32, plan: Arc<Plan>, trust: &mut Trust) -> (Self, Vec<Unready>) {
        let mut unready = Vec::new();
        let mut prepared = Vec::with_capacity(plan.monitors.len());
        for monitor in &plan.monitors {
            let made = prepare(monitor, trust).unwrap_or_else(|reason| {
                let monitor = monitor.name.clone();
                unready.push(Unready { monitor, reason });
                Prepared::Unready
            });
            prepared.push(made);
        }
        let current = Some((epoch, plan));
        (Self { current, prepared }, unready)
    }

    /// The job of a probe; `None` if it is of another plan or its monitor cannot be run.
    pub(super) fn find(&self, id: ProbeId) -> Option<Job> {
        let (epoch, plan) = self.current.as_ref()?;
        let slot = plan.slots.get(id.slot.index())?;
        let monitor = plan.monitors.get(slot.monitor.index())?;
        let work = match self.prepared.get(slot.monitor.index())? {
            Prepared::Tcp => Work::Tcp,
            Prepared::Http(http) => Work::Http {
                host: host(&slot.host, slot.address),
                http: Arc::clone(http),
            },
            Prepared::Postgres(postgres) => Work::Postgres(Arc::clone(postgres)),
            Prepared::Unready => return None,
        };
        (*epoch == id.epoch).then_some(Job {
            address: slot.address,
            timeout: monitor.timeout,
            work,
        })
    }
}

/// The host to ask for; the address itself where the plan names none.
fn host(named: &str, address: SocketAddr) -> String {
    match named {
        "" => address.ip().to_string(),
        _ => named.to_owned(),
    }
}

fn prepare(monitor: &Monitor, trust: &mut Trust) -> Result<Prepared, String> {
    match &monitor.check {
        Check::Tcp => Ok(Prepared::Tcp),
        Check::Http(check) => prepare_http(check, trust).map(|http| Prepared::Http(Arc::new(http))),
        Check::Postgres(check) => {
            Postgres::prepare(check).map(|postgres| Prepared::Postgres(Arc::new(postgres)))
        }
    }
}

fn prepare_http(check: &HttpCheck, trust: &mut Trust) -> Result<Http, String> {
    let tls = check.tls.as_ref().map(|tls| trust.settings(tls));
    Ok(Http {
        tls: tls.transpose().map_err(|error| error.to_string())?,
        request: Request::prepare(check)?,
        expect_status: check.expect_status.clone(),
        expect_body: check.expect_body.clone(),
    })
}
