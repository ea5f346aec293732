//! Serf's fleet: agents of Debian's package, each a process, with the settings of a profile and nothing changed.
//!
//! Agents are spoken to over [`rpc`](super::rpc), which is TCP on loopback and would be counted as traffic: connections are closed before anything is
//! counted, and only datagrams are counted while events are told.
//!
//! *An agent knows of a death before it tells it.* What it tells programs of members it gathers first, for a second at least (`CoalescePeriod` of 3 s
//! and `QuiescentPeriod` of 1 s in `setupAgent`, cmd/serf/command/agent); its log says so at once. Both are seen: the log by `monitor`, what
//! programs are told by `stream`. Events of users are told at once.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rmpv::Value;
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::fleet::{Fleet, Listener, PAYLOAD_LEN, Sighting, Sightings, Start, What};
use super::fleet::{event_name, event_number};
use super::process::{Agent, Program, name, number};
use super::rpc::{Rpc, list, map, text};

/// The program.
const PROGRAM: &str = "serf";

/// The port of agents among each other, and that for programs: Serf's own defaults.
const PORT: u16 = 7_946;
const RPC_PORT: u16 = 7_373;

/// How long an agent may take until it answers. A guess.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a starting agent is looked at.
const START_POLL: Duration = Duration::from_millis(20);

/// What the log says of a death (`handleNodeLeave` of Serf), before the name.
const LOGGED: &str = "serf: EventMemberFailed: ";

/// Where the program is, as the shell would find it.
pub(super) fn find() -> Option<PathBuf> {
    find_in(&std::env::var_os("PATH")?)
}

fn find_in(path: &OsString) -> Option<PathBuf> {
    std::env::split_paths(path).map(|folder| folder.join(PROGRAM)).find(|file| file.is_file())
}

/// What a program says of its version.
pub(super) fn version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("version").output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().next().map(|line| line.trim().to_owned())
}

/// Serf's fleet.
#[derive(Debug)]
pub(super) struct Serf {
    agents: Vec<Agent>,
    connections: Vec<Mutex<Option<Rpc>>>,
}

impl Serf {
    /// Starts it, and waits until every agent answers.
    ///
    /// # Errors
    /// What can't be started.
    pub(super) async fn start(
        start: &Start,
        program: PathBuf,
        profile: &str,
    ) -> Result<Self, String> {
        let program = Program::Other(program);
        let mut agents = Vec::new();
        for of in 0..start.members {
            let ip = super::process::ip(of);
            let mut args = vec![
                "agent".to_owned(),
                format!("-node={}", name(of)),
                format!("-bind={ip}:{PORT}"),
                format!("-rpc-addr={ip}:{RPC_PORT}"),
                format!("-profile={profile}"),
                "-log-level=info".to_owned(),
            ];
            args.extend(start.key.as_ref().map(|key| format!("-encrypt={key}")));
            let args = args.into_iter().map(OsString::from);
            agents.push(Agent::start(&program, args, of, &start.folder)?);
        }
        let connections = agents.iter().map(|_| Mutex::new(None)).collect();
        let fleet = Self { agents, connections };
        for agent in &fleet.agents {
            wait(agent).await?;
        }
        Ok(fleet)
    }

    /// Does something over the connection that is kept to an agent.
    async fn ask<T>(
        &self,
        member: usize,
        what: impl AsyncFnOnce(&mut Rpc) -> Result<T, String>,
    ) -> Result<T, String> {
        let agent = &self.agents[member];
        let connection = &mut *self.connections[member].lock().await;
        let rpc = match connection {
            Some(rpc) => rpc,
            None => connection.insert(connect(agent).await?),
        };
        what(rpc).await.map_err(|problem| agent.problem(&problem))
    }
}

async fn connect(agent: &Agent) -> Result<Rpc, String> {
    let connected = Rpc::connect(SocketAddr::new(agent.ip, RPC_PORT)).await;
    connected.map_err(|problem| agent.problem(&problem))
}

async fn wait(agent: &Agent) -> Result<(), String> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        agent.check()?;
        match connect(agent).await {
            Ok(_) => return Ok(()),
            Err(problem) if Instant::now() > deadline => return Err(problem),
            Err(_) => sleep(START_POLL).await,
        }
    }
}

impl Fleet for Serf {
    fn agents(&self) -> &[Agent] {
        &self.agents
    }

    async fn join(&self, member: usize) -> Result<(), String> {
        let existing = vec![self.agents[0].ip.to_string().into()];
        let body = map([("Existing", Value::Array(existing)), ("Replay", false.into())]);
        self.ask(member, async |rpc| {
            rpc.ask("join", Some(body)).await?;
            rpc.object().await.map(drop)
        })
        .await
    }

    async fn alive(&self, member: usize) -> Result<Vec<usize>, String> {
        let said = self.ask(member, async |rpc| {
            rpc.ask("members", None).await?;
            rpc.object().await
        });
        Ok(alive(&said.await?))
    }

    async fn hang_up(&self) {
        for connection in &self.connections {
            connection.lock().await.take();
        }
    }

    async fn listen(&self, member: usize, seen: &Sightings) -> Result<Listener, String> {
        let agent = &self.agents[member];
        let mut tasks = Vec::new();
        for (command, key, value) in [("stream", "Type", "*"), ("monitor", "LogLevel", "INFO")] {
            let mut rpc = connect(agent).await?;
            let asked = rpc.ask(command, Some(map([(key, value.into())]))).await;
            asked.map_err(|problem| agent.problem(&problem))?;
            let seen = seen.clone();
            tasks.push(tokio::spawn(async move {
                while let Ok(told) = rpc.told().await {
                    let at = Instant::now();
                    for what in sightings(&told) {
                        if seen.send(Sighting { at, by: member, what }).await.is_err() {
                            return;
                        }
                    }
                }
            }));
        }
        // The connection for events is there before any is timed.
        self.ask(member, async |_| Ok(())).await?;
        Ok(Listener(tasks))
    }

    async fn fire(&self, member: usize, event: usize) -> Result<Instant, String> {
        let payload = Value::Binary(vec![b'x'; PAYLOAD_LEN]);
        let name = event_name(event).into();
        let body = map([("Name", name), ("Payload", payload), ("Coalesce", false.into())]);
        self.ask(member, async |rpc| {
            let at = Instant::now();
            rpc.ask("event", Some(body)).await.map(|()| at)
        })
        .await
    }
}

/// Who is alive, of the answer to `members`.
fn alive(said: &Value) -> Vec<usize> {
    let alive = list(said, "Members").iter().filter(|of| text(of, "Status") == Some("alive"));
    alive.filter_map(|of| number(text(of, "Name")?)).collect()
}

/// What `stream` or `monitor` told.
fn sightings(told: &Value) -> Vec<What> {
    if let Some(line) = text(told, "Log") {
        let failed = line.split_once(LOGGED).and_then(|(_, rest)| rest.split_whitespace().next());
        return failed.and_then(number).map(What::Failed).into_iter().collect();
    }
    match text(told, "Event") {
        Some("user") => {
            text(told, "Name").and_then(event_number).map(What::Event).into_iter().collect()
        }
        Some("member-failed") => {
            let members = list(told, "Members").iter();
            members.filter_map(|of| number(text(of, "Name")?)).map(What::FailedTold).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, status: &str) -> Value {
        map([("Name", name.into()), ("Status", status.into())])
    }

    #[test]
    fn who_is_alive_is_read_from_the_list() {
        let all = ["alive", "failed", "alive"].iter().zip(["n0", "n1", "n12"]);
        let members = all.map(|(status, name)| member(name, status)).collect();
        assert_eq!(alive(&map([("Members", Value::Array(members))])), [0, 12]);
        assert!(alive(&map([])).is_empty());
    }

    #[test]
    fn a_death_is_known_by_the_log_and_told_by_the_stream() {
        let log = "2026/11/30 09:11:22 [INFO] serf: EventMemberFailed: n5 127.0.1.6";
        assert_eq!(sightings(&map([("Log", log.into())])), [What::Failed(5)]);
        let log = "2026/11/30 09:11:22 [INFO] serf: EventMemberJoin: n5 127.0.1.6";
        assert!(sightings(&map([("Log", log.into())])).is_empty());
        let members = Value::Array(vec![member("n5", "failed"), member("n6", "failed")]);
        let told = map([("Event", "member-failed".into()), ("Members", members)]);
        assert_eq!(sightings(&told), [What::FailedTold(5), What::FailedTold(6)]);
    }

    #[test]
    fn events_of_users_are_seen_by_their_name() {
        let told = |name: &str| map([("Event", "user".into()), ("Name", name.into())]);
        assert_eq!(sightings(&told("e17")), [What::Event(17)]);
        assert!(sightings(&told("deploy")).is_empty());
    }

    #[test]
    fn the_program_is_found_where_the_path_says_and_nowhere_else() {
        let temp = tempfile::tempdir().unwrap();
        let path = std::env::join_paths([Path::new("/nowhere"), temp.path()]).unwrap();
        assert_eq!(find_in(&path), None);
        std::fs::write(temp.path().join(PROGRAM), "").unwrap();
        assert_eq!(find_in(&path), Some(temp.path().join(PROGRAM)));
    }
}
