//! `tidings run`: puts a node together, and takes it apart again.
//!
//! # The end
//! Somebody wants the node to stop: a signal, or the API. Its servers take no more connections and
//! finish the requests under way, with the shell still answering them, while the fleet is told that a member leaves. Then the shell saves what must
//! be kept. Then the socket's file goes, then the claim on the data folder, and the listening sockets
//! last: whoever waits on one of them (`tidings stop`) may start the next node at once.

mod guest;
mod listeners;
mod publish;
mod reload;
mod signals;
mod supervisor;

pub use self::guest::guest;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tidings_protocol::ground::reach::Reach;
use tokio::sync::mpsc;

use super::output::Output;
use super::shapes::Ready;
use super::stores::Stores;
use super::{Folder, descriptors, runtime, stores};
use crate::admin::Api;
use crate::capture::{self, CaptureConfig};
use crate::cli::error::Error;
use crate::clock::SystemClock;
use crate::config::seeds::Seed;
use crate::config::{Config, Flag, Live, Resolved};
use crate::control::{COMMANDS_MAX, Control, Events, Stop};
use crate::files::asmap;
use crate::files::datadir::{ADDRESSES, BANS, DataDir, Lock};
use crate::files::identity;
use crate::files::network::Network;
use crate::lab::Lab;
use crate::logging;
use crate::members::{self, Members, MembersSetup};
use crate::shell::{Shell, ShellConfig};
use listeners::Listeners;
use reload::Reload;
use supervisor::Supervisor;

/// How long leaving the fleet may keep a node from its end. A guess: the news of it takes a second.
const LEAVE_PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn run(folder: &Folder, flags: &[Flag]) -> Result<ExitCode, Error> {
    folder.dir.check_made()?;
    let lock = folder.dir.lock()?;
    let Resolved { mut config, layered } = folder.resolve(flags)?;
    config.log.file = config.log.file.map(|file| folder.dir.join(file));
    let _log = logging::init(&config.log)?;
    let mut shell = shell_config(&folder.dir, &config)?;
    // Each address has a socket, and both APIs.
    let of_members = if config.members.enabled { members::SOCKETS_MAX } else { 0 };
    let readers =
        descriptors::provide(&mut shell.params.peers, shell.listen.len() + 2 + of_members)?;
    let settings = Live::new(layered);
    let reload = Reload::new(folder.clone(), flags.to_vec(), settings.clone(), shell.lab.clock);
    let outside = Outside {
        events: Events::with_places(readers),
        settings: Some(settings),
        stop: Stop::default(),
    };
    // A task of its own: waking the future that `block_on` polls itself costs a system call each time.
    let serve = serve(folder.clone(), config, shell, (outside, reload), lock);
    let ended = runtime()?.block_on(async { tokio::spawn(serve).await });
    // Nobody aborts the task, so that it didn't end means that it panicked, and not in the shell, which contains that.
    ended.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))?;
    Ok(ExitCode::SUCCESS)
}

/// Everything that the shell needs, loaded.
fn shell_config(dir: &DataDir, config: &Config) -> Result<ShellConfig, Error> {
    let network = Network::load(&dir.join(&config.node.network))?;
    let keypair = identity::load(dir)?;
    identity::check_account(dir)?;
    let mut bootstrap = config.node.bootstrap.clone();
    bootstrap.extend(network.bootstrap.iter().cloned());
    if config.node.mdns {
        bootstrap.push(Seed::neighbourhood());
    }
    let chain = network.chain();
    let clock = SystemClock::ahead(config.lab.clock_ahead_s);
    let mut params = config.params.clone();
    params.peers.local_addresses |= network.local_addresses;
    if network.local_addresses {
        // Of a test network: nobody in it is a stranger, though all have just come.
        params.upload.unlimited = true;
        params.unbroadcast.standing_s = 0;
    }
    if let Some(addr) = config.node.advertise
        && !params.peers.local_addresses
        && Reach::of(addr.ip) != Some(Reach::World)
    {
        tracing::warn!(%addr, "node.advertise is no address of the world: only peers as near as that will take it");
    }
    let kv = config.kv.resolve(&network.name);
    let rules = capture::rules_of(&network);
    let Stores { store, blocks } = stores::of(dir, config, &network, &chain, clock);
    Ok(ShellConfig {
        keypair,
        chain,
        network: network.name,
        params,
        listen: config.node.listen.clone(),
        advertise: config.node.advertise,
        bootstrap,
        connect: config.node.connect.clone(),
        autonat: config.node.autonat,
        region: config.region(),
        trace: config.trace.file.as_ref().map(|file| dir.join(file)),
        capture: config.capture.file.as_ref().map(|file| CaptureConfig {
            file: dir.join(file),
            segment_bytes: config.capture.segment_bytes(),
            segments: config.capture.segments,
            network: rules,
        }),
        addresses: Some(dir.join(ADDRESSES)),
        asmap: config.node.asmap.as_ref().map(|file| asmap::load(&dir.join(file))).transpose()?,
        bans: Some(dir.join(BANS)),
        store,
        blocks,
        kv,
        lab: Lab {
            position: config.links.position(),
            slow_motion: config.lab.slow_motion,
            withhold: config.lab.withhold,
            trouble: config.lab.trouble,
            clock,
        },
        seed: None,
    })
}

/// What a member of a fleet needs to know, if the node is to be one.
fn members_setup(dir: &DataDir, config: &Config, shell: &ShellConfig) -> Option<MembersSetup> {
    config.members.enabled.then(|| MembersSetup {
        config: config.members.clone(),
        peer_id: shell.keypair.public().to_peer_id(),
        network: shell.network.clone(),
        advertise: config.node.advertise.map(|addr| addr.ip),
        folder: dir.path().to_owned(),
        unix_s: shell.lab.clock.unix_s(),
    })
}

/// Takes the node out of its fleet, if it is in one, so that nobody takes it for dead.
async fn leave(members: Option<Members>) {
    if let Some(members) = members {
        members.leave(LEAVE_PATIENCE).await;
    }
}

/// What a node has besides its shell, for whoever asks it.
#[derive(Debug, Default)]
struct Outside {
    events: Events,
    /// The settings with where each came from.
    settings: Option<Live>,
    stop: Stop,
}

/// Starts a shell and a member, and makes what asks them.
async fn start(
    config: ShellConfig,
    setup: Option<MembersSetup>,
    outside: Outside,
) -> Result<(Shell, Option<Members>, Api), Error> {
    let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
    let Outside { events, settings, stop } = outside;
    let chain = Arc::clone(&config.chain);
    let region = config.region.map(|region| region.name().to_owned());
    let shell = Shell::start(config, inbox, events.clone()).await?;
    let members = setup.map(|setup| Members::start(&setup, events.clone())).transpose()?;
    let of_members = members.as_ref().map(|members| members.control().clone());
    let control = Control::new(commands);
    if let Some(members) = &of_members {
        // It ends with what it asks.
        tokio::spawn(publish::publish(control.clone(), members.clone(), region));
    }
    let api = Api { control, events, members: of_members, chain, settings, stop };
    Ok((shell, members, api))
}

async fn serve(
    folder: Folder,
    config: Config,
    shell_config: ShellConfig,
    (outside, reload): (Outside, Reload),
    lock: Lock,
) -> Result<(), Error> {
    let stop = outside.stop.clone();
    signals::heed(&stop, reload)?;
    let peer_id = shell_config.keypair.public().to_peer_id();
    let listeners = Listeners::bind(&folder.dir, &config).await?;
    let setup = members_setup(&folder.dir, &config, &shell_config);
    let (shell, members, api) = start(shell_config, setup, outside).await?;
    let (listen, admin) = (shell.listening(), listeners.socket());
    let shown: Vec<String> = listen.iter().map(ToString::to_string).collect();
    tracing::info!(%peer_id, listen = shown.join(" "), admin = %admin.display(), "the node is up");
    if folder.output.json {
        let text = |addr: std::net::SocketAddr| addr.to_string();
        let ready = Ready {
            ready: true,
            pid: std::process::id(),
            peer_id: peer_id.to_string(),
            listen: shown,
            admin: admin.display().to_string(),
            admin_tcp: listeners.tcp_addr().map(text),
            metrics: listeners.metrics_addr().map(text),
            members: members.as_ref().map(|members| members.addr().to_string()),
        };
        say_ready(folder.output, ready);
    }
    let servers = listeners.serve(&api);
    Supervisor::of_environment().ready(&api.control, &stop);
    let (stopped, mut open) = (stop.clone(), None);
    let drained = async {
        stopped.requested().await;
        let (drained, ()) = tokio::join!(servers.drained(), leave(members));
        open = Some(drained);
    };
    let ended = Box::pin(shell.run(drained)).await;
    // Only in this order can the next node start at any moment: see above.
    if let Some(open) = &mut open {
        open.remove_socket_file();
    }
    drop(lock);
    drop(open);
    tracing::info!("the node has stopped");
    Ok(ended?)
}

/// Says on standard output that the node is up. Nobody may listen there, and who does may be stuck: that is no reason for a
/// node not to run, so a thread waits for them.
fn say_ready(output: Output, ready: Ready) {
    let say = move || {
        if let Err(error) = output.print(&ready, String::new) {
            tracing::warn!("{error}; the node runs all the same");
        }
    };
    if let Err(error) = std::thread::Builder::new().name("ready".to_owned()).spawn(say) {
        tracing::warn!(%error, "nobody is told on standard output that the node is up");
    }
}
