//! Services that the controller has declared for resources that are no longer there: those of a definition that was deleted, or of a
//! resource whose finalizer somebody took away. They stay until somebody says that they may go.
use std::collections::BTreeSet;

use kube::ResourceExt;
use kube::api::{Api, ListParams};

use crate::config::Config;
use crate::plan::name_of;
use crate::print;
use crate::resource::WaypostService;
use crate::waypost::{Changes, Waypost, batch};

/// Prints them, and removes them.
///
/// # Errors
/// Why not.
pub(crate) async fn list(path: &str, delete: bool) -> Result<(), String> {
    let config = Config::read(path)?;
    let home = config.clusters.iter().find(|own| own.name == config.home);
    let home = home.ok_or("home: no such cluster")?;
    let client = home.client(config.silence_seconds).await?;
    let all: Api<WaypostService> = Api::all(client);
    let there = all.list(&ListParams::default()).await;
    let there = there.map_err(|error| error.to_string())?;
    let names = there.iter().map(|own| {
        let namespace = own.namespace().unwrap_or_default();
        format!("services/{}", name_of(&config, &namespace, &own.name_any()))
    });
    let names: BTreeSet<String> = names.collect();
    let mut waypost = Waypost::new(config.api()?.into(), &config.owner, &config.prefix);
    waypost.look().await.map_err(|error| error.to_string())?;
    let own = waypost.own_services().map(|own| own.0.to_owned());
    let orphans: Vec<String> = own.filter(|own| !names.contains(own)).collect();
    for path in &orphans {
        print(&format!("{path}\n"))?;
    }
    if !delete {
        return Ok(());
    }
    let mut changes: Changes = orphans.into_iter().map(|path| (path, None)).collect();
    while !changes.is_empty() {
        let done = waypost.declare(&batch(&mut changes)).await;
        done.map_err(|error| error.to_string())?;
    }
    Ok(())
}
