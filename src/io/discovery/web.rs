//! Sources on the web: documents, and Consul's HTTP API with its blocking queries.
//!
//! A question to Consul names the index of the last answer, and is answered when the catalog has another one or the wait is over. An index that
//! goes back is none: Consul was restored, and it is asked from the beginning.
use std::time::Duration;

use reqwest::{Client, Response, Url};

use crate::base::limits::DISCOVERED_LIST_BYTES;
use crate::base::{Secret, Span};
use crate::discovery::{EndpointList, consul_list};
use crate::io::web;
use crate::plan::{ConsulQuery, WebSource};

/// The header of the index.
const INDEX: &str = "X-Consul-Index";
/// The header of the token.
const TOKEN: &str = "X-Consul-Token";

/// A document that is asked for again and again.
pub(super) struct WebDocument {
    client: Client,
    url: Url,
    token: Option<Secret>,
}

impl WebDocument {
    /// # Errors
    /// The reason why it can never be asked for.
    pub(super) fn new(web: &WebSource) -> Result<Self, String> {
        Ok(Self {
            client: web::client(&web.roots)?,
            url: parse(&web.url)?,
            token: web.token.clone(),
        })
    }

    /// Its octets; the token is that of a bearer (RFC 6750).
    ///
    /// # Errors
    /// The reason why there are none.
    pub(super) async fn get(&self, timeout: Duration) -> Result<Vec<u8>, String> {
        let mut request = self.client.get(self.url.clone()).timeout(timeout);
        if let Some(token) = &self.token {
            request = request.bearer_auth(&token.0);
        }
        let response = request.send().await.map_err(|error| told(&error))?;
        content(response).await
    }
}

/// A service in Consul's catalog.
pub(super) struct ConsulWatch {
    client: Client,
    url: Url,
    token: Option<Secret>,
    index: u64,
}

impl ConsulWatch {
    /// # Errors
    /// The reason why it can never be asked.
    pub(super) fn new(web: &WebSource, query: &ConsulQuery) -> Result<Self, String> {
        let mut url = parse(&web.url)?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty()
                .extend(["v1", "health", "service", &query.service]);
        }
        {
            let mut pairs = url.query_pairs_mut();
            if query.passing {
                pairs.append_pair("passing", "true");
            }
            for tag in &query.tags {
                pairs.append_pair("tag", tag);
            }
            if let Some(own) = &query.datacenter {
                pairs.append_pair("dc", own);
            }
        }
        Ok(Self {
            client: web::client(&web.roots)?,
            url,
            token: web.token.clone(),
            index: 0,
        })
    }

    /// Its instances, when they are others than before or the wait is over.
    ///
    /// # Errors
    /// The reason why there are none.
    pub(super) async fn ask(
        &mut self,
        wait: Span,
        timeout: Duration,
    ) -> Result<EndpointList, String> {
        let asked = self.answer(wait, timeout).await;
        if asked.is_err() {
            // It is asked from the beginning, so that the next answer comes at once.
            self.index = 0;
        }
        asked
    }

    async fn answer(&mut self, wait: Span, timeout: Duration) -> Result<EndpointList, String> {
        let mut url = self.url.clone();
        let mut patience = timeout;
        if self.index > 0 {
            let mut pairs = url.query_pairs_mut();
            pairs.append_pair("index", &self.index.to_string());
            pairs.append_pair("wait", &format!("{}ms", wait.0));
            // Consul adds up to a sixteenth of the wait to it.
            patience += Duration::from_millis(wait.0 + wait.0 / 16);
        }
        let mut request = self.client.get(url).timeout(patience);
        if let Some(token) = &self.token {
            request = request.header(TOKEN, &token.0);
        }
        let response = request.send().await.map_err(|error| told(&error))?;
        let index = response.headers().get(INDEX);
        let index = index.and_then(|value| value.to_str().ok()?.parse().ok());
        let list = consul_list(&content(response).await?)?;
        let index = index.ok_or(format!("the answer has no {INDEX}"))?;
        self.index = if index < self.index { 0 } else { index };
        Ok(list)
    }
}

fn parse(url: &str) -> Result<Url, String> {
    Url::parse(url).map_err(|error| format!("`{url}`: {error}"))
}

/// The content of a response that is well.
async fn content(mut response: Response) -> Result<Vec<u8>, String> {
    let status = response.status();
    if !status.is_success() {
        return Err(format!("it answers {status}"));
    }
    let mut octets = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| told(&error))? {
        octets.extend_from_slice(&chunk);
        if octets.len() as u64 > DISCOVERED_LIST_BYTES {
            return Err(format!(
                "the list is longer than {DISCOVERED_LIST_BYTES} octets"
            ));
        }
    }
    Ok(octets)
}

/// An error with its reason, and without the address, which may hold a secret.
fn told(error: &reqwest::Error) -> String {
    let mut text = match (error.is_timeout(), error.is_connect()) {
        (true, _) => "no answer in time".to_owned(),
        (false, true) => "it cannot be reached".to_owned(),
        (false, false) => "the question failed".to_owned(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(own) = cause {
        if own.source().is_none() {
            text = format!("{text}: {own}");
        }
        cause = own.source();
    }
    text
}
