//! Links of no use, in whole networks.

use super::*;
use crate::ground::peer::PeerAddr;
use crate::limits::misbehavior::Fault;
use crate::params::StrategyKind;
use crate::peers::useless::{ROUND, ROUNDS};
use crate::testkit::Mesh;

/// A network in which everybody knows everybody, in which something is said each round by somebody, for twice as long as it takes to be
/// of no use. Links aren't exchanged at random, so that they grow as old.
fn mesh(nodes: usize, strategy: StrategyKind) -> Mesh {
    let mut params = Params::default();
    params.relay.strategy = strategy;
    params.peers.local_addresses = true;
    params.peers.rotate_s = 1_000_000;
    params.peers.outbound = 6;
    let mut mesh = Mesh::new(nodes, 7, 7, params, Arc::new(Opaque::default()));
    let all: Vec<usize> = (0..nodes).collect();
    (0..nodes).for_each(|node| mesh.learn(node, &all));
    mesh.run_for(Duration::from_secs(60));
    for n in 0..2 * ROUNDS {
        let bytes = n.to_le_bytes().repeat(25);
        let tx = Opaque::default().item(ItemKind::Tx, bytes.into()).unwrap();
        mesh.submit(n as usize * 7 % nodes, tx);
        mesh.run_for(ROUND);
    }
    mesh
}

fn replaced(mesh: &Mesh) -> Vec<(usize, Option<usize>, Fault)> {
    let useless = mesh.closings().iter().filter_map(|closing| match closing.why {
        Reason::Useless(fault) => Some((closing.by, closing.to, fault)),
        _ => None,
    });
    useless.collect()
}

#[test]
fn in_a_healthy_network_nobody_is_replaced() {
    for strategy in StrategyKind::ALL {
        let mesh = mesh(24, *strategy);
        assert_eq!(replaced(&mesh), [], "{strategy}");
    }
}

/// A node and scripted peers that it dials: they say hello and answer pings, and of each item that is told all but one tell, and deliver.
struct Town {
    solo: Solo,
    links: Vec<Link>,
    slots: u32,
    dumb: Option<Link>,
    closed: Vec<(Link, Reason)>,
}

impl Town {
    fn new() -> Self {
        let mut params = at_once();
        params.peers.local_addresses = true;
        params.peers.rotate_s = 1_000_000;
        let solo = Solo::new(params);
        let mut town = Self { solo, links: Vec::new(), slots: 0, dumb: None, closed: Vec::new() };
        let addr = |n: u8| PeerAddr::tcp(([10, 0, 0, n], 4_000).into());
        let known: Vec<_> = (1..=40).map(addr).collect();
        let actions = town.solo.hand(Input::Learned(&known));
        town.carry_out(actions);
        town.wait(Duration::from_secs(60));
        assert_eq!(town.links.len(), 8);
        town
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            let answer = match action {
                Action::Dial { addr } => {
                    let (link, peer) = (Link::new(self.slots, 1), PeerKey(self.slots.into()));
                    let (direction, addr) = (Direction::Outbound, Some(addr));
                    (self.slots, _) = (self.slots + 1, self.links.push(link));
                    let came = Input::Connected { link, peer, direction, addr };
                    let actions = self.solo.hand(came);
                    self.carry_out(actions);
                    self.solo.say(link, &hello())
                }
                Action::Send { link, message: Message::Session(Session::Ping { nonce }) } => {
                    self.solo.say(link, &Message::Session(Session::Pong { nonce }))
                }
                Action::Disconnect { link, why } => {
                    self.closed.push((link, why));
                    self.links.retain(|other| *other != link);
                    self.solo.hand(Input::Disconnected { link })
                }
                _ => continue,
            };
            self.carry_out(answer);
        }
    }

    fn wait(&mut self, time: Duration) {
        let until = self.solo.now + time;
        while self.solo.node.deadline() <= until {
            self.solo.now = self.solo.now.max(self.solo.node.deadline());
            let actions = self.solo.hand(Input::Wake);
            self.carry_out(actions);
        }
        self.solo.now = until;
    }

    /// All but the one tell of an item, and whoever is asked delivers.
    fn tell(&mut self, n: u32) {
        let bytes = n.to_le_bytes().repeat(25);
        let tx = (*self.solo.chain).item(ItemKind::Tx, bytes.into()).unwrap();
        let dumb = self.dumb;
        for link in self.links.clone().into_iter().filter(|link| Some(*link) != dumb) {
            let actions = self.solo.say(link, &announce(&tx));
            if sends(&actions).contains(&(link, get_data(&tx))) {
                let actions = self.solo.say(link, &Message::Items(Items::Item(tx.clone())));
                self.carry_out(actions);
            }
        }
        assert!(self.solo.node.item(&tx.id()).is_some());
    }
}

#[test]
fn whoever_says_nothing_is_replaced_and_nobody_else() {
    let mut town = Town::new();
    town.dumb = town.links.last().copied();
    for n in 0..3 * ROUNDS {
        town.tell(n);
        town.wait(ROUND);
    }
    let useless = town.closed.iter().filter(|(_, why)| matches!(why, Reason::Useless(_)));
    let useless: Vec<_> = useless.copied().collect();
    assert_eq!(useless, [(town.dumb.unwrap(), Reason::Useless(Fault::Behind))]);
    assert!(town.links.len() >= 8, "another has its place");
}

#[test]
fn where_nothing_is_told_whoever_says_nothing_stays() {
    let mut town = Town::new();
    town.dumb = town.links.last().copied();
    town.wait(Duration::from_secs(86_400));
    assert!(town.closed.iter().all(|(_, why)| !matches!(why, Reason::Useless(_))));
}
