//! What the node tells whoever started it, if that wants to know: systemd's protocol of notifications (`sd_notify(3)`).
//!
//! A datagram to the socket that `NOTIFY_SOCKET` names, with a line for each thing: `READY=1` once the node listens, `STOPPING=1` once it
//! is to end, and `WATCHDOG=1` now and then as long as the main loop answers. A loop that is stuck says nothing,
//! and systemd restarts the node (`WatchdogSec=`). Nothing of it waits: a supervisor that doesn't read is its own problem.

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::control::{Command, Control, Stop, Unanswered};

/// Where notifications go.
#[derive(Clone, Debug, Default)]
pub(super) struct Supervisor {
    socket: Option<Arc<UnixDatagram>>,
    /// How often the loop has to prove that it runs.
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// The one that this process's environment names.
    pub(super) fn of_environment() -> Self {
        let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
        let watchdog = number("WATCHDOG_USEC").filter(|_| {
            // Meant for this process, and not for the one that started it.
            number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()))
        });
        Self::at(std::env::var_os("NOTIFY_SOCKET"), watchdog.map(Duration::from_micros))
    }

    fn at(address: Option<OsString>, watchdog: Option<Duration>) -> Self {
        let Some(address) = address else { return Self::default() };
        match connect(&address) {
            Ok(socket) => Self { socket: Some(Arc::new(socket)), watchdog },
            Err(error) => {
                tracing::warn!(%error, "the supervisor's socket (NOTIFY_SOCKET) can't be reached; the node runs all the same");
                Self::default()
            }
        }
    }

    fn tell(&self, what: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(what.as_bytes())
        {
            tracing::debug!(%error, what, "the supervisor didn't hear");
        }
    }

    /// The node is up. From now on its loop proves that it runs, until it is to stop.
    pub(super) fn ready(&self, control: &Control, stop: &Stop) {
        self.tell("READY=1\nSTATUS=The node is up.");
        if self.socket.is_none() {
            return;
        }
        let (this, stop) = (self.clone(), stop.clone());
        let (interval, control) = (self.watchdog.map(|limit| limit / 2), control.clone());
        tokio::spawn(async move {
            let prove = async {
                let Some(interval) = interval else { return std::future::pending().await };
                loop {
                    // Through the loop: that other tasks run proves nothing of it.
                    match control.ask(Command::Alive).await {
                        Ok(()) => {
                            this.tell("WATCHDOG=1");
                            sleep(interval).await;
                        }
                        Err(Unanswered::Overloaded) => {}
                        Err(Unanswered::Stopped) => return std::future::pending().await,
                    }
                }
            };
            tokio::select! {
                () = prove => {}
                () = stop.requested() => this.tell("STOPPING=1\nSTATUS=The node saves what must be kept."),
            }
        });
    }
}

/// A socket that sends to a path, or to an abstract name (`@…`), and never waits.
fn connect(address: &OsString) -> io::Result<UnixDatagram> {
    let address = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(address)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 256];
        let len = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..len]).into_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_answers_is_alive_and_one_that_does_not_is_silent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        let limit = Duration::from_secs(60);
        let supervisor = Supervisor::at(Some(path.into()), Some(limit));
        let (commands, mut inbox) = mpsc::channel(4);
        let stop = Stop::default();
        supervisor.ready(&Control::new(commands), &stop);
        assert!(heard(&socket).starts_with("READY=1\n"));
        for _ in 0..3 {
            let Some(Command::Alive(reply)) = inbox.recv().await else { panic!("nobody asked") };
            assert!(socket.recv(&mut [0; 9]).is_err(), "the loop hasn't answered yet");
            reply.send(()).unwrap();
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            assert_eq!(heard(&socket), "WATCHDOG=1");
        }
        // It is asked once more, and stuck.
        let _stuck = inbox.recv().await;
        sleep(3 * limit).await;
        assert!(socket.recv(&mut [0; 9]).is_err());
    }

    #[tokio::test]
    async fn the_end_is_told_before_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let supervisor = Supervisor::at(Some(path.into()), None);
        let (commands, _inbox) = mpsc::channel(4);
        let stop = Stop::default();
        supervisor.ready(&Control::new(commands), &stop);
        assert!(heard(&socket).starts_with("READY=1\n"));
        stop.request();
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert!(heard(&socket).starts_with("STOPPING=1\n"));
    }

    #[test]
    fn nobody_to_tell_is_no_error() {
        Supervisor::at(None, None).tell("READY=1");
        Supervisor::at(Some("/nonexistent/notify".into()), None).tell("READY=1");
    }
}
