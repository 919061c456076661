//! `/healthz` and `/metrics` of the controller itself.
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::net::TcpListener;

/// State for those who watch the controller.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<Shown>);

#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    is_leader: bool,
    passes: u64,
    resources: usize,
    programmed: usize,
    ready: usize,
    fault: Option<&'static str>,
}

impl Health {
    /// After a pass.
    pub(crate) fn set(
        &self,
        resources: usize,
        [programmed, ready]: [usize; 2],
        fault: Option<&'static str>,
    ) {
        let mut own = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *own = Shown {
            passes: own.passes + 1,
            is_leader: own.is_leader,
            resources,
            programmed,
            ready,
            fault,
        };
    }

    /// When the Lease is got, or lost.
    pub(crate) fn lead(&self, is_leader: bool) {
        let mut own = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        own.is_leader = is_leader;
    }

    fn metrics(&self) -> String {
        let own = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (name, kind, help, value) in [
            (
                "leader",
                "gauge",
                "1 of the controller that acts",
                u64::from(own.is_leader),
            ),
            (
                "passes_total",
                "counter",
                "Passes over all resources",
                own.passes,
            ),
            (
                "resources",
                "gauge",
                "Resources WaypostService",
                own.resources as u64,
            ),
            (
                "programmed",
                "gauge",
                "Those that Waypost has as they are to be",
                own.programmed as u64,
            ),
            (
                "ready",
                "gauge",
                "Those with a ready endpoint",
                own.ready as u64,
            ),
            (
                "fault",
                "gauge",
                "1 while Waypost cannot be changed",
                u64::from(own.fault.is_some()),
            ),
        ] {
            let name = format!("waypost_kubernetes_{name}");
            let _ = writeln!(
                text,
                "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"
            );
        }
        text
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let (status, text) = match request.uri().path() {
            "/healthz" => (StatusCode::OK, "well\n".to_owned()),
            "/metrics" => (StatusCode::OK, self.metrics()),
            _ => (StatusCode::NOT_FOUND, String::new()),
        };
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        response
    }
}

/// Answers until it is dropped; the runtime has one thread, so an answer says that it turns.
pub(crate) async fn serve(health: Arc<Health>, listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            continue;
        };
        let health = health.clone();
        let service = service_fn(move |request| {
            let response = health.answer(&request);
            async move { Ok::<_, std::convert::Infallible>(response) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        let bounded = tokio::time::timeout(std::time::Duration::from_secs(10), connection);
        tokio::spawn(bounded);
    }
}
