//! A node as one of many in a host.

use std::path::PathBuf;

use super::{Outside, leave, members_setup, shell_config, start};
use crate::admin::routes;
use crate::cli::error::Error;
use crate::config;
use crate::control::Stop;
use crate::files::datadir::{CONFIG, DataDir};
use crate::host::{Failure, Guest};

/// Puts the node of a data folder together as one of many in this process. It has the settings of its folder alone, offers
/// its API to the host instead of on a socket of its own, keeps no addresses for a next run, and doesn't claim
/// the folder: whoever started the host has just made it, and a node in a host has no more descriptors than it needs.
///
/// # Errors
/// What is wrong with the folder, or that it can't listen.
pub async fn guest(folder: PathBuf) -> Result<Guest, Failure> {
    Box::pin(put_together(folder)).await.map_err(|error| failure(&error))
}

async fn put_together(folder: PathBuf) -> Result<Guest, Error> {
    let dir = DataDir::locate(Some(&folder))?;
    let config = config::resolve(&dir.join(CONFIG), [], &[])?.config;
    let mut shell_config = shell_config(&dir, &config)?;
    shell_config.addresses = None;
    let stop = Stop::default();
    let setup = members_setup(&dir, &config, &shell_config);
    let outside = Outside { stop: stop.clone(), ..Outside::default() };
    let (shell, members, api) = start(shell_config, setup, outside).await?;
    let stopping = stop.clone();
    Ok(Guest {
        routes: Box::new(move || routes::router(api.clone())),
        stop,
        life: Box::pin(async move {
            let stopped = async move {
                stopping.requested().await;
                leave(members).await;
            };
            let ended = Box::pin(shell.run(stopped)).await;
            ended.map_err(|error| failure(&error.into()))
        }),
    })
}

fn failure(error: &Error) -> Failure {
    Failure { code: error.exit_code(), sentence: error.to_string() }
}
