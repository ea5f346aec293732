//! What a node tells whoever started it: systemd's protocol, from a real process.

use std::os::unix::net::UnixDatagram;

use super::*;

/// What comes next.
fn heard(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 256];
    let len = socket.recv(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..len]).into_owned()
}

#[test]
fn a_supervisor_hears_that_the_node_is_up_that_it_lives_and_that_it_stops() {
    let folder = Folder::new();
    let path = folder.temp.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let node = folder.run_by(|mut command| {
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000");
        command
    });
    assert!(heard(&socket).starts_with("READY=1\n"));
    for _ in 0..3 {
        assert_eq!(heard(&socket), "WATCHDOG=1");
    }
    node.signal(Signal::TERM);
    let stopping = std::iter::repeat_with(|| heard(&socket)).find(|said| said != "WATCHDOG=1");
    assert!(stopping.is_some_and(|said| said.starts_with("STOPPING=1\n")));
    assert_eq!(node.code(), Some(0));
}

#[test]
fn a_supervisor_that_is_gone_keeps_no_node_from_running() {
    let folder = Folder::new();
    let node = folder.run_by(|mut command| {
        command.env("NOTIFY_SOCKET", "/nonexistent/notify").env("WATCHDOG_USEC", "200000");
        command
    });
    folder.json(&["stop"]);
    assert_eq!(node.code(), Some(0));
}
