//! Network namespaces: networks within this machine, which nothing else of it is on.
//!
//! - [`enter`] puts this whole program into one of its own. The kernel counts by namespace, so that whatever else the machine sends isn't
//!   counted, and what is done to its links and routes concerns nobody else. The program becomes `unshare`, which becomes the program again, in a
//!   namespace in which nothing but loopback is, switched on by `ip`. That takes root, or a system that lets anybody have a namespace of
//!   users. Where neither is allowed the program goes on where it is, and says what may be wrong with it.
//! - [`Other`] is one more, from there, with a cable to it that can be pulled.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// How the program knows that it is there already: the last of its arguments.
pub const INSIDE: &str = "inside-namespace";

/// What `unshare` is asked for: as root, and as anybody.
const WAYS: [&[&str]; 2] = [&["--net"], &["--user", "--map-root-user", "--net"]];

/// Our end of the cable, and the other one.
const ENDS: [&str; 2] = ["near", "far"];

/// Continues in a namespace of its own, as another process image; returns only if that can't be, and says why.
pub fn enter(mut args: impl Iterator<Item = OsString>) -> String {
    let Some(program) = std::env::current_exe().ok() else {
        return "this program can't be found".to_owned();
    };
    let _ = args.next();
    let mut why = String::new();
    for way in WAYS {
        let tried =
            Command::new("unshare").args(way).args(["ip", "link", "set", "lo", "up"]).output();
        match tried {
            Err(error) => return format!("there is no `unshare` (util-linux) here: {error}"),
            Ok(output) if output.status.success() => {
                let mut command = Command::new("unshare");
                command.args(way).args(["sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]);
                command.arg(&program).args(args).arg(format!("--{INSIDE}"));
                return command.exec().to_string();
            }
            Ok(output) => why = first_line(&output.stderr),
        }
    }
    why
}

/// Runs `ip` where this thread is.
///
/// # Errors
/// What it says.
pub fn ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip").args(arguments.split_whitespace()).output();
    let output = output.map_err(|error| format!("there is no `ip` (iproute2) here: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("`ip {arguments}`: {}", first_line(&output.stderr))),
    }
}

fn first_line(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    said.lines().next().unwrap_or("it refuses, and doesn't say why").trim().to_owned()
}

/// A namespace that a cable joins with the one that this program is in. It is gone when the last process in it is.
#[derive(Debug)]
pub struct Other {
    /// Does nothing, and keeps it; it ends with this program, whose end of a pipe it waits for.
    keeper: Child,
    own: File,
    other: File,
    /// Our address at the cable, through which it reaches everything.
    gateway: String,
    /// Its own.
    addr: String,
}

impl Other {
    /// Makes one, and a cable with an address at each end, and prefixes' lengths (`10.0.0.1/24`); all that it sends goes through the cable.
    ///
    /// # Errors
    /// What the system says: it takes a namespace that is this program's own.
    pub fn at(own_addr: &str, addr: &str) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("cannot make a network namespace: {error}");
        let mut keeper = Command::new("unshare");
        keeper.args(["--net", "sh", "-c", "ip link set lo up && echo made && exec cat"]);
        keeper.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = keeper.spawn().map_err(failed)?;
        let mut said = String::new();
        if let Some(stdout) = keeper.stdout.take() {
            BufReader::new(stdout).read_line(&mut said).map_err(failed)?;
        }
        let open = |process: &str| File::open(format!("/proc/{process}/ns/net")).map_err(failed);
        let (own, other) = (open("thread-self")?, open(&keeper.id().to_string())?);
        let plain = |addr: &str| addr.split('/').next().unwrap_or_default().to_owned();
        let (gateway, plain_addr) = (plain(own_addr), plain(addr));
        let made = Self { keeper, own, other, gateway, addr: plain_addr };
        if said.trim() != "made" {
            return Err("`unshare --net` refuses another network namespace".to_owned());
        }
        let ([near, far], keeper) = (ENDS, made.keeper.id());
        ip(&format!("link add {near} type veth peer name {far} netns {keeper}"))?;
        ip(&format!("addr add {own_addr} dev {near}"))?;
        ip(&format!("link set {near} up"))?;
        let gateway = &made.gateway;
        made.inside(|| {
            ip(&format!("addr add {addr} dev {far}"))?;
            ip(&format!("link set {far} up"))?;
            ip(&format!("route add default via {gateway}"))
        })??;
        Ok(made)
    }

    /// Goes there with this thread, and whatever it starts there stays there.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn go(&self) -> Result<(), String> {
        Self::move_to(&self.other)
    }

    /// Comes back.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn come_back(&self) -> Result<(), String> {
        Self::move_to(&self.own)
    }

    fn move_to(namespace: &File) -> Result<(), String> {
        let moved = move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network));
        moved.map_err(|error| format!("cannot enter a network namespace: {error}"))
    }

    /// Does something there.
    ///
    /// # Errors
    /// When the system refuses to go there or back.
    pub fn inside<T>(&self, doing: impl FnOnce() -> T) -> Result<T, String> {
        self.go()?;
        let done = doing();
        self.come_back()?;
        Ok(done)
    }

    /// Pulls the cable at its end, or puts it back: its link is down, and it has no way to anybody.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn switch(&self, on: bool) -> Result<(), String> {
        let (far, gateway) = (ENDS[1], &self.gateway);
        self.inside(|| {
            if on {
                ip(&format!("link set {far} up"))?;
                return ip(&format!("route replace default via {gateway}"));
            }
            ip(&format!("link set {far} down"))
        })?
    }

    /// Has all that is sent to it get lost, or no longer: its link stays up, and nobody answers.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn lose(&self, lost: bool) -> Result<(), String> {
        let verb = if lost { "add" } else { "del" };
        ip(&format!("route {verb} blackhole {}", self.addr))
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_a_line() {
        let said = b"unshare: unshare failed: Operation not permitted\nmore\n";
        assert_eq!(first_line(said), "unshare: unshare failed: Operation not permitted");
        assert_eq!(first_line(b""), "it refuses, and doesn't say why");
    }
}
