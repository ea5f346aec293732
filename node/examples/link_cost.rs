//! What a link costs: CPU time a message between two networks over TCP on the loopback interface, both
//! ends and the kernel included.
//!
//! ```text
//! cargo run --release -p tidings --example link_cost
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use libp2p::identity::Keypair;
use rustix::time::{ClockId, clock_gettime};
use tidings::clock::Clock;
use tidings::net::{Net, NetConfig, NetEvent};
use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::ground::link::Link;
use tidings_protocol::wire::message::{Items, Message};

/// Bytes of a message's item.
const ITEM_BYTES: usize = 300;

/// Batch sizes, and how many batches of each are sent.
const RUNS: [(usize, usize); 4] = [(1, 20_000), (4, 20_000), (32, 5_000), (256, 1_000)];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut from, mut to) = (net("127.0.0.1:0").await?, net("127.0.0.1:0").await?);
        from.dial(to.listening()[0]);
        let (link, _) = (connected(&mut from).await, connected(&mut to).await);
        let chain = Opaque::default();
        let item = chain
            .item(ItemKind::Tx, vec![1; ITEM_BYTES].into())
            .map_err(|rejection| rejection.to_string())?;
        let message = Message::Items(Items::Item(item));
        // Once to warm up: buffers grow, code is loaded.
        run(&mut from, &mut to, link, &message, (32, 1_000)).await;
        println!("messages a batch   CPU us a message   messages/s");
        for (batch, batches) in RUNS {
            let (cpu, wall) = run(&mut from, &mut to, link, &message, (batch, batches)).await;
            let messages = (batch * batches) as f64;
            let (cpu, rate) = (cpu.as_secs_f64() * 1e6 / messages, messages / wall.as_secs_f64());
            println!("{batch:16}   {cpu:16.2}   {rate:10.0}");
        }
        Ok(())
    })
}

async fn net(listen: &str) -> Result<Net, Box<dyn std::error::Error>> {
    let config = NetConfig {
        keypair: Keypair::generate_ed25519(),
        network: "cost".to_owned(),
        chain: Arc::new(Opaque::default()),
        listen: vec![listen.parse()?],
        inbound_max: 8,
        local_addresses: true,
        autonat: false,
        position: None,
        clock: Clock::start(),
    };
    Ok(Net::start(&config).await?)
}

async fn connected(net: &mut Net) -> Link {
    loop {
        net.wait().await;
        if let Some(NetEvent::Connected { link, .. }) = net.next_event() {
            return link;
        }
    }
}

/// Sends batches, each once the one before has arrived; CPU and wall time.
async fn run(
    from: &mut Net,
    to: &mut Net,
    link: Link,
    message: &Message,
    (batch, batches): (usize, usize),
) -> (Duration, Duration) {
    let (cpu, wall) = (cpu_time(), Instant::now());
    for _ in 0..batches {
        for _ in 0..batch {
            from.send(link, message.clone());
        }
        let mut arrived = 0;
        while arrived < batch {
            to.wait().await;
            while let Some(event) = to.next_event() {
                if let NetEvent::Received { link, messages } = event {
                    arrived += messages.len();
                    to.recycle(link, messages);
                }
            }
        }
    }
    (cpu_time() - cpu, wall.elapsed())
}

fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}
