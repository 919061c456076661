//! Leadership by a Lease (coordination.k8s.io/v1): of several controllers one acts.
//!
//! A Lease is taken when its holder has let go, or was not seen to renew it for as long as it says, by the own clock: the clocks of
//! machines need not agree. Whoever holds it stops a third of that time before others may take it.
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::{Client, Error};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::config::LeasePlace;
use crate::log;

/// One that may lead.
#[derive(Debug)]
pub(crate) struct Candidate {
    leases: Api<Lease>,
    name: String,
    identity: String,
    seconds: u16,
}

/// The Lease, as it is held.
#[derive(Debug)]
pub(crate) struct Held {
    lease: Lease,
    /// The moment at which its last renewal was begun.
    renewed: Instant,
}

impl Candidate {
    /// Somebody by this name, at this Lease.
    pub(crate) fn new(client: Client, place: &LeasePlace, identity: String) -> Self {
        Self {
            leases: Api::namespaced(client, &place.namespace),
            name: place.name.clone(),
            identity,
            seconds: place.seconds,
        }
    }

    /// Time between renewals.
    fn pace(&self) -> Duration {
        Duration::from_secs(self.seconds.into()) / 5
    }

    /// Time without a renewal after which whoever holds it stops.
    fn patience(&self) -> Duration {
        Duration::from_secs(self.seconds.into()) * 2 / 3
    }

    /// Waits until it is the own one.
    pub(crate) async fn acquire(&self) -> Held {
        let mut seen: Option<(String, Instant)> = None;
        let mut told = String::new();
        loop {
            let began = Instant::now();
            match timeout(self.patience(), self.attempt(&mut seen)).await {
                Ok(Ok(lease)) => {
                    return Held {
                        lease,
                        renewed: began,
                    };
                }
                Ok(Err(why)) if why == told => {}
                Ok(Err(why)) => {
                    log::line("standby", &why);
                    told = why;
                }
                Err(_) => log::line("standby", "the API server is silent"),
            }
            sleep(self.pace()).await;
        }
    }

    async fn attempt(&self, seen: &mut Option<(String, Instant)>) -> Result<Lease, String> {
        let found = self.leases.get_opt(&self.name).await;
        let Some(mut lease) = found.map_err(|error| error.to_string())? else {
            let lease = Lease {
                metadata: ObjectMeta {
                    name: Some(self.name.clone()),
                    ..ObjectMeta::default()
                },
                spec: Some(self.claim(&LeaseSpec::default())),
            };
            let made = self.leases.create(&PostParams::default(), &lease).await;
            return made.map_err(|error| error.to_string());
        };
        let spec = lease.spec.take().unwrap_or_default();
        let holder = spec.holder_identity.clone().unwrap_or_default();
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        let since = match seen {
            Some((known, since)) if *known == version => *since,
            Some(_) | None => seen.insert((version, Instant::now())).1,
        };
        let lasts = u64::try_from(spec.lease_duration_seconds.unwrap_or(0)).unwrap_or(0);
        let is_over = since.elapsed() >= Duration::from_secs(lasts.max(u64::from(self.seconds)));
        if !holder.is_empty() && holder != self.identity && !is_over {
            return Err(format!("{holder} leads"));
        }
        lease.spec = Some(self.claim(&spec));
        let taken = self.replace(&lease).await;
        taken.map_err(|error| error.to_string())
    }

    fn claim(&self, before: &LeaseSpec) -> LeaseSpec {
        let now = Some(MicroTime(Timestamp::now()));
        let is_own = before.holder_identity.as_ref() == Some(&self.identity);
        let changes = before.lease_transitions.unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(self.seconds.into()),
            acquire_time: before
                .acquire_time
                .clone()
                .filter(|_| is_own)
                .or_else(|| now.clone()),
            renew_time: now,
            lease_transitions: Some(changes + i32::from(!is_own)),
            ..LeaseSpec::default()
        }
    }

    async fn replace(&self, lease: &Lease) -> Result<Lease, Error> {
        self.leases
            .replace(&self.name, &PostParams::default(), lease)
            .await
    }

    /// Renews it until it is lost; why.
    pub(crate) async fn hold(&self, held: &mut Held) -> String {
        loop {
            let end = held.renewed + self.patience();
            let pause = timeout_at(end, sleep(self.pace())).await;
            let began = Instant::now();
            if pause.is_err() || began >= end {
                return format!("the Lease was not renewed for {:?}", self.patience());
            }
            let mut lease = held.lease.clone();
            let spec = lease.spec.take().unwrap_or_default();
            lease.spec = Some(self.claim(&spec));
            match timeout_at(end, self.replace(&lease)).await {
                Ok(Ok(lease)) => {
                    *held = Held {
                        lease,
                        renewed: began,
                    }
                }
                // Somebody else has written it: somebody who leads, or one who only touched it.
                Ok(Err(Error::Api(status))) if status.code == 409 || status.code == 404 => {
                    match timeout_at(end, self.leases.get_opt(&self.name)).await {
                        Ok(Ok(Some(lease))) if self.is_holder(&lease) => held.lease = lease,
                        Ok(Ok(Some(_) | None)) => return "another holds the Lease".to_owned(),
                        Ok(Err(_)) | Err(_) => {}
                    }
                }
                Ok(Err(error)) => log::line("lease_not_renewed", &error.to_string()),
                Err(_) => {}
            }
        }
    }

    fn is_holder(&self, lease: &Lease) -> bool {
        let spec = lease.spec.as_ref();
        spec.and_then(|own| own.holder_identity.as_ref()) == Some(&self.identity)
    }

    /// Lets go, so that another need not wait.
    pub(crate) async fn release(&self, held: Held) {
        let mut lease = held.lease;
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = Some(String::new());
        }
        let _ = timeout(self.pace(), self.replace(&lease)).await;
    }
}
