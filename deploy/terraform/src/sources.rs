//! Data sources: looks at a running server.
use serde_json::Value as Json;

use crate::api::{Api, ApiError, Ask};
use crate::resource::{Fault, reached, set, text, word};
use crate::schema::{Attribute, Block, Kind, Mode};
use crate::value::{Object, Value};

/// `waypost_explain`.
pub(crate) const EXPLAIN: Block = Block {
    name: "waypost_explain",
    summary: "The answer that one client gets, and why.",
    text: "What `waypost explain` says. With `down`, what it would say if something were down: with a `check` block or a `postcondition`, an apply proves that the failover is as you want it.",
    attributes: &[
        Attribute {
            name: "name",
            kind: Kind::Text,
            mode: Mode::Required,
            text: "The name that is asked for.",
        },
        Attribute {
            name: "client",
            kind: Kind::Text,
            mode: Mode::Required,
            text: "The client's address.",
        },
        Attribute {
            name: "type",
            kind: Kind::Text,
            mode: Mode::Optional,
            text: "The type that is asked for. Default: `A`.",
        },
        Attribute {
            name: "down",
            kind: Kind::Set,
            mode: Mode::Optional,
            text: "Regions, providers and endpoints that are supposed down.",
        },
        Attribute {
            name: "service",
            kind: Kind::Text,
            mode: Mode::Computed,
            text: "The service that answers; empty for data of a zone, which are the same for every client.",
        },
        Attribute {
            name: "region",
            kind: Kind::Text,
            mode: Mode::Computed,
            text: "The region of the answer; empty if there is none.",
        },
        Attribute {
            name: "endpoints",
            kind: Kind::List,
            mode: Mode::Computed,
            text: "Endpoints of the answer.",
        },
        Attribute {
            name: "addresses",
            kind: Kind::List,
            mode: Mode::Computed,
            text: "Addresses of the answer, where it is steered.",
        },
        Attribute {
            name: "text",
            kind: Kind::Text,
            mode: Mode::Computed,
            text: "The explanation, for a person.",
        },
        Attribute {
            name: "json",
            kind: Kind::Text,
            mode: Mode::Computed,
            text: "All of it, for `jsondecode`: `Explanation` of the control API.",
        },
    ],
    import: None,
};

/// `waypost_status`.
pub(crate) const STATUS: Block = Block {
    name: "waypost_status",
    summary: "The state of a server.",
    text: "What `waypost status` shows.",
    attributes: &[
        Attribute {
            name: "version",
            kind: Kind::Text,
            mode: Mode::Computed,
            text: "The server's version.",
        },
        Attribute {
            name: "generation",
            kind: Kind::Number,
            mode: Mode::Computed,
            text: "The generation of the table that is served.",
        },
        Attribute {
            name: "unhealthy",
            kind: Kind::List,
            mode: Mode::Computed,
            text: "Endpoints of which a target is not healthy, drained ones included.",
        },
        Attribute {
            name: "json",
            kind: Kind::Text,
            mode: Mode::Computed,
            text: "All of it, for `jsondecode`: `Status` of the control API.",
        },
    ],
    import: None,
};

/// `waypost_verify`.
pub(crate) const VERIFY: Block = Block {
    name: "waypost_verify",
    summary: "The proof that no failure leads a client out of its fence.",
    text: "What `waypost verify` says of the plan that is in force when it is read, with all that is declared: whether any combination of failures leads a client out of its fence, or to no answer. \
           In a `check` block it is read after everything else of an apply. It may take seconds.",
    attributes: &[
        Attribute {
            name: "proved",
            kind: Kind::Bool,
            mode: Mode::Computed,
            text: "Whether both promises hold.",
        },
        Attribute {
            name: "breaches",
            kind: Kind::Number,
            mode: Mode::Computed,
            text: "The number of counterexamples.",
        },
        Attribute {
            name: "policy",
            kind: Kind::Text,
            mode: Mode::Computed,
            text: "The hash of the policy that was proved; nodes that answer alike have the same.",
        },
        Attribute {
            name: "text",
            kind: Kind::Text,
            mode: Mode::Computed,
            text: "The proof, for a person.",
        },
        Attribute {
            name: "json",
            kind: Kind::Text,
            mode: Mode::Computed,
            text: "All of it, for `jsondecode`: `ProvedConfig` of the control API.",
        },
    ],
    import: None,
};

/// The answer of a data source.
pub(crate) async fn read(name: &str, api: Option<&Api>, config: Object) -> Result<Object, Fault> {
    let api = reached(api)?;
    let read = match name {
        "waypost_explain" => explain(api, config).await,
        "waypost_verify" => verify(api, config).await,
        _ => status(api, config).await,
    };
    read.map_err(|error| Fault::of(&error, &format!("Cannot read {name}")))
}

async fn explain(api: &Api, mut state: Object) -> Result<Object, ApiError> {
    let question = state.clone();
    let down = question
        .get("down")
        .and_then(Value::as_set)
        .unwrap_or_default();
    let mut query = vec![
        ("name", text(&question, "name")),
        ("client", text(&question, "client")),
        ("type", text(&question, "type")),
    ];
    query.extend(down.iter().map(|own| ("down", own.as_str())));
    let answer = api.ask(&Ask::get(&["explain"], &query)).await?.body;
    query.push(("format", "text"));
    let told = api.ask(&Ask::get(&["explain"], &query)).await?.body;
    let chain = &answer["chain"];
    for attribute in ["service", "region"] {
        let value = Value::Text(word(chain, attribute).to_owned());
        set(&mut state, attribute, value);
    }
    for attribute in ["endpoints", "addresses"] {
        let list = chain[attribute].as_array().into_iter().flatten();
        set(
            &mut state,
            attribute,
            Value::texts(list.filter_map(Json::as_str)),
        );
    }
    set(
        &mut state,
        "text",
        Value::Text(told.as_str().unwrap_or_default().to_owned()),
    );
    set(&mut state, "json", Value::Text(answer.to_string()));
    Ok(state)
}

async fn verify(api: &Api, mut state: Object) -> Result<Object, ApiError> {
    let answer = api.ask(&Ask::get(&["verify"], &[])).await?.body;
    for attribute in ["proved", "breaches", "policy", "text"] {
        set(&mut state, attribute, answer[attribute].clone().into());
    }
    set(&mut state, "json", Value::Text(answer.to_string()));
    Ok(state)
}

async fn status(api: &Api, mut state: Object) -> Result<Object, ApiError> {
    let answer = api.ask(&Ask::get(&["status"], &[])).await?.body;
    set(
        &mut state,
        "version",
        Value::Text(word(&answer, "version").to_owned()),
    );
    set(
        &mut state,
        "generation",
        answer["generation"].clone().into(),
    );
    let regions = answer["regions"].as_array().into_iter().flatten();
    let endpoints = regions
        .filter_map(|region| region["endpoints"].as_array())
        .flatten();
    let unhealthy = endpoints.filter(|endpoint| {
        let mut targets = endpoint["targets"].as_array().into_iter().flatten();
        targets.any(|target| word(target, "state") != "healthy")
    });
    let unhealthy = Value::texts(unhealthy.map(|endpoint| word(endpoint, "name")));
    set(&mut state, "unhealthy", unhealthy);
    set(&mut state, "json", Value::Text(answer.to_string()));
    Ok(state)
}
