//! Our fleet: nodes of this program, each a process, a member and nothing else.
//!
//! *The relay sends nothing:* it knows nobody, dials nobody, and is dialled by nobody, so what crosses the network is membership's. Its store is
//! switched off, as in all test networks. Two more nodes, with the same settings but for membership, are started with them and never asked anything but
//! whether they are there: what a member has more than they is what membership takes.
//!
//! Nodes are asked over their unix sockets, which no counter of the network sees.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tidings::api::event::{Streamed, What as Told};
use tidings::api::members::MemberStatus;
use tidings::api::members::shared::FireRequest;
use tidings::client::Client;
use tidings::config::Config;
use tidings::config::members::{MembersConfig, MembersPreset};
use tidings::files::datadir::{CONFIG, DataDir};
use tidings::files::identity;
use tidings::files::network::Network;
use tidings::members::KEYS_FILE;
use tidings::members::keyring::{Key, Keyring};
use tidings_protocol::chain::Rules;
use tidings_protocol::ground::peer::PeerAddr;
use tokio::time::sleep;

use super::fleet::{Fleet, Listener, PAYLOAD_LEN, Sighting, Sightings, Start, What};
use super::fleet::{event_name, event_number};
use super::process::{Agent, Program, ip, name, number};
use crate::launch::local::{check_socket_path, mode};

/// Nodes that aren't members.
pub(super) const WITHOUT: usize = 2;

/// The port of members, as it is by default.
const PORT: u16 = 4_010;

/// The relay's port.
const RELAY_PORT: u16 = 4_009;

/// The admin socket within a node's folder.
const SOCKET: &str = "admin.sock";

/// How long a node may take until its API answers. A guess: 250 nodes that start on two cores.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a starting node is looked at: it takes some 20 ms.
const START_POLL: Duration = Duration::from_millis(10);

/// Our fleet.
#[derive(Debug)]
pub(super) struct Ours {
    agents: Vec<Agent>,
    without: Vec<Agent>,
    clients: Vec<Client>,
}

impl Ours {
    /// Starts it, and waits until every node's API answers.
    ///
    /// # Errors
    /// What can't be written or started.
    pub(super) async fn start(start: &Start, preset: MembersPreset) -> Result<Self, String> {
        let Start { folder, members, key } = start;
        check_socket_path(folder)?;
        let refused = |error: String| format!("a node's folder can't be made: {error}");
        let network = folder.join("network.toml");
        let text = Network::for_tests(Rules::Tidings).to_toml();
        std::fs::write(&network, text).map_err(|error| refused(error.to_string()))?;
        let mut agents = Vec::new();
        for of in 0..members + WITHOUT {
            let membership = (of < *members).then(|| MembersConfig {
                enabled: true,
                name: Some(name(of)),
                listen: addr(of),
                preset,
                ..MembersConfig::default()
            });
            let home = folder.join(name(of));
            write(&home, of, membership, &network, key.as_deref()).map_err(refused)?;
            let args = [mode::RUN.into(), mode::DATA_DIR.into(), home.into()];
            agents.push(Agent::start(&Program::Ours, args, of, folder)?);
        }
        let client = |agent: &Agent| Client::unix(folder.join(&agent.name).join(SOCKET));
        let clients: Vec<_> = agents.iter().map(client).collect();
        for (agent, client) in agents.iter().zip(&clients) {
            wait(agent, client).await?;
        }
        let without = agents.split_off(*members);
        Ok(Self { agents, without, clients })
    }
}

fn addr(number: usize) -> SocketAddr {
    SocketAddr::new(ip(number), PORT)
}

/// Writes all that a node finds when it starts.
fn write(
    home: &Path,
    number: usize,
    membership: Option<MembersConfig>,
    network: &Path,
    key: Option<&str>,
) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let dir = DataDir::locate(Some(home)).map_err(|error| text(&error))?;
    dir.create().map_err(|error| text(&error))?;
    identity::create(&dir).map_err(|error| text(&error))?;
    identity::create_account(&dir).map_err(|error| text(&error))?;
    if let Some(key) = key {
        let mut ring = Keyring::default();
        let installed = Key::parse(key).and_then(|key| ring.install(key));
        installed.and_then(|()| ring.save(&dir.join(KEYS_FILE))).map_err(|error| text(&error))?;
    }
    let config = toml::to_string(&config(number, membership, network.to_owned()));
    let config = config.map_err(|error| text(&error))?;
    std::fs::write(dir.join(CONFIG), config).map_err(|error| text(&error))
}

fn config(number: usize, membership: Option<MembersConfig>, network: PathBuf) -> Config {
    let relay = PeerAddr::tcp(SocketAddr::new(ip(number), RELAY_PORT));
    let mut config = Config { members: membership.unwrap_or_default(), ..Config::default() };
    config.params.peers.outbound = 0;
    config.node.listen = vec![relay];
    config.node.advertise = Some(relay);
    config.node.network = network;
    config.admin.socket = SOCKET.into();
    config.store.enabled = false;
    config
}

async fn wait(agent: &Agent, client: &Client) -> Result<(), String> {
    let deadline = Instant::now() + START_TIMEOUT;
    while client.status().await.is_err() {
        agent.check()?;
        if Instant::now() > deadline {
            return Err(agent.problem("doesn't answer"));
        }
        sleep(START_POLL).await;
    }
    Ok(())
}

impl Fleet for Ours {
    fn agents(&self) -> &[Agent] {
        &self.agents
    }

    fn without(&self) -> &[Agent] {
        &self.without
    }

    async fn join(&self, member: usize) -> Result<(), String> {
        // Where many ask at once, the first may not answer all: a member that knows nobody asks again by itself.
        let joined = self.clients[member].members_join(&[addr(0)]).await;
        joined.map(drop).map_err(|error| self.agents[member].problem(&error.to_string()))
    }

    async fn alive(&self, member: usize) -> Result<Vec<usize>, String> {
        let members = self.clients[member].members().await;
        let members = members.map_err(|error| self.agents[member].problem(&error.to_string()))?;
        let alive = members.iter().filter(|of| of.status == MemberStatus::Alive);
        Ok(alive.filter_map(|of| number(&of.name)).collect())
    }

    /// There is nothing: unix sockets are no part of it.
    async fn hang_up(&self) {}

    async fn listen(&self, member: usize, seen: &Sightings) -> Result<Listener, String> {
        let stream = self.clients[member].events().await;
        let mut stream = stream.map_err(|error| self.agents[member].problem(&error.to_string()))?;
        let seen = seen.clone();
        let task = tokio::spawn(async move {
            while let Ok(Some(told)) = stream.next().await {
                let at = Instant::now();
                for what in sightings(&told).into_iter().flatten() {
                    if seen.send(Sighting { at, by: member, what }).await.is_err() {
                        return;
                    }
                }
            }
        });
        Ok(Listener(vec![task]))
    }

    async fn fire(&self, member: usize, event: usize) -> Result<Instant, String> {
        let request = FireRequest {
            name: event_name(event).as_str().into(),
            payload: "x".repeat(PAYLOAD_LEN).as_str().into(),
            coalesce: false,
            filter: Default::default(),
        };
        let at = Instant::now();
        let fired = self.clients[member].members_fire(&request).await;
        fired.map_err(|error| self.agents[member].problem(&error.to_string()))?;
        Ok(at)
    }
}

/// What an event of a node says: a node tells whatever it knows at once.
fn sightings(told: &Streamed) -> [Option<What>; 2] {
    let Streamed::Event(event) = told else { return [None; 2] };
    match &event.what {
        Told::UserEvent { title, .. } => {
            let event = std::str::from_utf8(&title.0).ok().and_then(event_number);
            [event.map(What::Event), None]
        }
        Told::MemberFailed { member, .. } => {
            let failed = number(&member.name);
            [failed.map(What::Failed), failed.map(What::FailedTold)]
        }
        _ => [None; 2],
    }
}

#[cfg(test)]
mod tests {
    use tidings::api::event::NodeEvent;
    use tidings::api::members::MemberName;

    use super::*;

    fn told(what: Told) -> [Option<What>; 2] {
        sightings(&Streamed::Event(NodeEvent { unix_us: 0, what }))
    }

    #[test]
    fn deaths_and_events_are_seen_and_nothing_else() {
        let member = MemberName { name: "n7".to_owned(), id: "0b".to_owned(), addr: None };
        let failed = told(Told::MemberFailed { member: member.clone(), by: "0c".to_owned() });
        assert_eq!(failed, [Some(What::Failed(7)), Some(What::FailedTold(7))]);
        let (title, payload) = ("e3".into(), "x".into());
        let event = told(Told::UserEvent { member: member.clone(), title, payload });
        assert_eq!(event, [Some(What::Event(3)), None]);
        assert_eq!(told(Told::MemberLeft { member }), [None; 2]);
    }

    #[test]
    fn a_node_of_it_can_load_what_it_finds_and_knows_nobody_for_its_relay() {
        let temp = tempfile::tempdir().unwrap();
        let network = temp.path().join("network.toml");
        let membership = MembersConfig { enabled: true, listen: addr(3), ..Default::default() };
        let key = Key::generate().unwrap().to_text();
        let home = temp.path().join("n3");
        write(&home, 3, Some(membership), &network, Some(&key)).unwrap();
        let text = std::fs::read_to_string(home.join(CONFIG)).unwrap();
        let config: Config = toml::from_str(&text).unwrap();
        assert!(config.members.enabled && config.members.listen == addr(3));
        assert!(config.node.bootstrap.is_empty() && config.params.peers.outbound == 0);
        assert!(!Keyring::load(&home.join(KEYS_FILE)).unwrap().is_empty());
    }
}
