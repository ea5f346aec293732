//! What the commands that touch a live network share: which network, a folder for results, one thread, and how they are stopped.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tidings::files::network::Network;

use super::trouble::Trouble;

/// Which network.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The folder of a run that `tidings-testnet launch --out` or `up` is making: its network and all its nodes.
    #[arg(long, value_name = "DIR")]
    pub(crate) run: Option<PathBuf>,
    /// The network's file, as its nodes have it.
    #[arg(long, value_name = "FILE")]
    pub(crate) network: Option<PathBuf>,
}

/// Reads a network file.
pub(crate) fn network(path: &Path) -> Result<Network, Trouble> {
    if !path.exists() {
        let what =
            format!("there is no network file {}: ask whoever runs the network", path.display());
        return Err(Trouble::of_input(what, true));
    }
    Network::load(path).map_err(Trouble::config)
}

/// Makes a folder for results, which must not be there: nothing is ever overwritten.
pub(crate) fn new_folder(path: &Path) -> Result<(), Trouble> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent).map_err(|error| {
            Trouble::failure(format!("cannot create {}: {error}", parent.display()))
        })?;
    }
    fs::create_dir(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Trouble::usage(format!(
            "the folder {} exists, and nothing is overwritten: choose another --out",
            path.display()
        )),
        _ => Trouble::failure(format!("cannot create {}: {error}", path.display())),
    })
}

/// A length of time, from seconds more than 0.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("`{text}` is no number of seconds"))?;
    if !(seconds > 0.0 && seconds <= 31_536_000.0) {
        return Err("it must be more than 0 and at most a year of seconds".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Runs something on this thread alone.
pub(crate) fn on_one_thread<T>(
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Trouble::failure(format!("cannot start: {error}")))?.block_on(work)
}

/// Waits for a signal that asks to end; from the call on, not only once it is waited for.
pub(crate) fn interrupted() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| {
        let signals = signal(kind);
        async move {
            match signals {
                Ok(mut signals) => _ = signals.recv().await,
                Err(_) => std::future::pending().await,
            }
        }
    };
    let (interrupt, terminate, hangup) = (
        listen(SignalKind::interrupt()),
        listen(SignalKind::terminate()),
        listen(SignalKind::hangup()),
    );
    async move {
        tokio::select! {
            () = interrupt => {}
            () = terminate => {}
            () = hangup => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_more_than_none_and_less_than_a_year() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "x", "inf", "NaN", "1e99"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_folder_that_is_there_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        new_folder(&dir.path().join("a/b")).unwrap();
        let trouble = new_folder(&dir.path().join("a/b")).unwrap_err();
        assert!(trouble.what.contains("choose another --out"), "{trouble:?}");
    }
}
