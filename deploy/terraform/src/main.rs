//! The provider of Waypost for Terraform and OpenTofu: records, services, drains and proofs as code.
//!
//! ```text
//!  terraform --tfplugin6 (gRPC over TLS)--> plugin -> provider -> record, object, drain, sources -> api --HTTP--> waypost
//! ```
//!
//! The plugin protocol is spoken here and not by a framework: what it takes is a few messages ([`protocol`]), their values ([`value`]) and
//! unary calls ([`plugin`]), which is half the dependencies and needs no compiler of protobuf. Nothing is decided here that the server
//! can decide: plans are tried there, and its words are shown.
use std::process::ExitCode;
use std::sync::Arc;

mod api;
mod declared;
mod docs;
mod drain;
mod object;
mod plugin;
mod protocol;
mod provider;
mod record;
mod resource;
mod schema;
mod sources;
mod value;

/// Told to whoever starts it by hand.
const USAGE: &str = "This is a plugin: Terraform or OpenTofu starts it. `terraform-provider-waypost docs DIR` writes its docs.\n";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match &arguments[..] {
        [] if plugin::is_plugin() => serve(),
        [word, folder] if word == "docs" => docs::write(folder.as_ref()),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            use std::io::Write;
            // Nobody is left to tell if that fails.
            let _ = std::io::stderr().write_all(why.as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(plugin::serve(Arc::default()))
}
