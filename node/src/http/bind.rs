//! Where the API listens, and who may connect there.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::unix::SocketAddr;
use tokio::net::{TcpListener, UnixListener, UnixSocket, UnixStream};
use tokio::time::timeout;

/// Longest path of a unix socket, bytes: `sun_path` has 108 on Linux and 104 elsewhere, the final
/// zero included.
const SOCKET_PATH_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// Connections that may wait to be accepted: more than one person's tools open at once. A guess.
const BACKLOG: u32 = 128;

/// Why nothing can listen there.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The path doesn't fit into a socket's address.
    #[error(
        "the path of the admin socket, {}, has {} bytes, but the system allows {SOCKET_PATH_MAX}: set \
         admin.socket to a shorter path",
        .0.display(),
        .0.as_os_str().len()
    )]
    PathTooLong(PathBuf),
    /// Somebody answers there.
    #[error("another node answers on {}: stop it first, or set admin.socket to another path", .0.display())]
    Answered(PathBuf),
    /// Something else is in the way.
    #[error("{} is in the way of the admin socket: it is no socket; move it, or set admin.socket", .0.display())]
    NoSocket(PathBuf),
    /// The system refuses the socket.
    #[error("cannot listen on {}: {source}", path.display())]
    Unix {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refuses the port.
    #[error("cannot listen on {addr} ({key}): {source}{}", advice(source))]
    Tcp {
        /// The setting.
        key: &'static str,
        /// Where.
        addr: std::net::SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => "; choose another port, or stop what uses this one",
        io::ErrorKind::PermissionDenied => "; ports below 1024 are reserved, choose a higher one",
        _ => "",
    }
}

/// How often it is looked whether the socket's file is still there. A guess: whoever deletes it by mistake can wait so long.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// A unix socket that only its owner can connect to. Its file is removed when it is dropped, and made again when somebody else
/// removed it: nobody would find the node any more, and it could only be killed.
#[derive(Debug)]
pub struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and number of the file; `None` if there is none of ours.
    file: Option<(u64, u64)>,
    /// It was said that the file can't be made again.
    complained: bool,
}

/// Which file is at a path.
fn file_at(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|there| (there.dev(), there.ino()))
}

impl AdminSocket {
    /// Listens at a path. What a killed process left there is replaced, if nobody answers.
    ///
    /// # Errors
    /// When the path is too long, taken, or the system refuses.
    pub fn bind(path: PathBuf) -> Result<Self, BindError> {
        if path.as_os_str().len() > SOCKET_PATH_MAX {
            return Err(BindError::PathTooLong(path));
        }
        remove_stale(&path)?;
        match listen_privately(&path) {
            Ok(listener) => {
                let file = file_at(&path).ok();
                Ok(Self { listener, path, file, complained: false })
            }
            Err(source) => Err(BindError::Unix { path, source }),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the file, once; whoever connected before stays connected. From then on the path is
    /// free for another node.
    pub(crate) fn remove_file(&mut self) {
        if self.file.take().is_some_and(|ours| file_at(&self.path).is_ok_and(|there| there == ours))
        {
            let _ = fs::remove_file(&self.path);
        }
    }

    /// Listens anew if somebody removed the file. What is there in its place is left alone.
    fn mend(&mut self) {
        let Some(ours) = self.file else { return };
        let problem = match file_at(&self.path) {
            Ok(there) if there == ours => return self.complained = false,
            Ok(_) => "something else is in its place".to_owned(),
            Err(error) if error.kind() != io::ErrorKind::NotFound => error.to_string(),
            Err(_) => match listen_privately(&self.path) {
                Ok(listener) => {
                    tracing::warn!(path = %self.path.display(), "the admin socket was removed, and is made again");
                    (self.listener, self.file) = (listener, file_at(&self.path).ok());
                    return self.complained = false;
                }
                Err(error) => error.to_string(),
            },
        };
        if !std::mem::replace(&mut self.complained, true) {
            tracing::error!(
                path = %self.path.display(),
                problem,
                "the admin socket isn't there any more, and can't be made again: no command finds this node until it can; SIGTERM stops it"
            );
        }
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        self.remove_file();
    }
}

impl Listener for AdminSocket {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            match timeout(LOOK_INTERVAL, Listener::accept(&mut self.listener)).await {
                Ok(accepted) => return accepted,
                Err(_) => self.mend(),
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// Takes the path, closes it to others, and only then listens: a socket that doesn't listen yet
/// refuses everybody, so there is no moment in which others could connect. (The process's umask
/// would do it too, but it holds for all threads, and for the files that they make meanwhile.)
fn listen_privately(path: &Path) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .and_then(|()| socket.listen(BACKLOG))
        .inspect_err(|_| drop(fs::remove_file(path)))
}

fn remove_stale(path: &Path) -> Result<(), BindError> {
    let failed = |source| BindError::Unix { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(there) if !there.file_type().is_socket() => {
            return Err(BindError::NoSocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(BindError::Answered(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Listens on a TCP port; `key` is the setting that names it.
pub(crate) async fn bind_tcp(
    key: &'static str,
    addr: std::net::SocketAddr,
) -> Result<TcpListener, BindError> {
    TcpListener::bind(addr).await.map_err(|source| BindError::Tcp { key, addr, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_for_its_owner_and_goes_with_its_listener() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let socket = AdminSocket::bind(path.clone()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a listener of the standard library leaves its file");
        let live = AdminSocket::bind(path.clone()).unwrap();
        assert!(matches!(AdminSocket::bind(path), Err(BindError::Answered(_))));
        drop(live);
    }

    #[tokio::test]
    async fn a_socket_whose_file_was_removed_is_made_again_and_what_took_its_place_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let mut socket = AdminSocket::bind(path.clone()).unwrap();
        socket.mend();
        fs::remove_file(&path).unwrap();
        socket.mend();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let (mine, theirs) = tokio::join!(UnixStream::connect(&path), socket.accept());
        drop((mine.unwrap(), theirs));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "precious").unwrap();
        socket.mend();
        assert!(socket.complained);
        drop(socket);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_file_in_the_way_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(AdminSocket::bind(path.clone()), Err(BindError::NoSocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_path_that_does_not_fit_says_so() {
        let error = AdminSocket::bind(Path::new("/tmp").join("x".repeat(120))).unwrap_err();
        assert!(error.to_string().contains("has 125 bytes"), "{error}");
    }

    #[tokio::test]
    async fn a_port_in_use_says_which_setting_to_change() {
        let first =
            bind_tcp("admin.tcp", std::net::SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let error = bind_tcp("metrics.listen", first.local_addr().unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("(metrics.listen)"), "{error}");
        assert!(error.to_string().contains("choose another port"), "{error}");
    }
}
