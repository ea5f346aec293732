//! Which gossipsub: the settings under which people run it.

use std::time::Duration;

use clap::ValueEnum;
use libp2p::PeerId;
use libp2p::identity::Keypair;
use libp2p_gossipsub::{
    Behaviour, Config, ConfigBuilder, IdentTopic, Message, MessageAuthenticity, MessageId,
    ValidationMode,
};
use tidings_protocol::ground::item::Hash256;

/// The one topic: blocks would be another, and no transaction travels in it.
const TOPIC: &str = "tx";

/// What a message has besides its item, bytes: author, number, topic, signature, and room to spare.
const AROUND_ITEM: usize = 1 << 10;

/// Which gossipsub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Setting {
    /// The crate's defaults: signed messages, a mesh of 6
    Default,
    /// Ethereum's: no author and no signature, ids by content, a mesh of 8, and IDONTWANT for messages of any size
    Eth,
    /// Floodsub: every message to every peer, unsigned
    Flood,
}

impl Setting {
    /// Its name, as the status tells it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Default => "gossipsub",
            Self::Eth => "gossipsub:eth",
            Self::Flood => "gossipsub:flood",
        }
    }

    /// The behaviour of a node, subscribed to what all are subscribed to.
    ///
    /// # Errors
    /// A sentence about settings that gossipsub refuses.
    pub(crate) fn behaviour(self, keypair: &Keypair, item_max: usize) -> Result<Behaviour, String> {
        let authenticity = match self {
            Self::Default => MessageAuthenticity::Signed(keypair.clone()),
            Self::Eth | Self::Flood => MessageAuthenticity::Anonymous,
        };
        let config = self.config(item_max)?;
        let mut behaviour = Behaviour::new(authenticity, config).map_err(str::to_owned)?;
        behaviour.subscribe(&topic()).map_err(|error| error.to_string())?;
        Ok(behaviour)
    }

    fn config(self, item_max: usize) -> Result<Config, String> {
        let mut config = ConfigBuilder::default();
        let size_max = Config::default_max_transmit_size().max(item_max + AROUND_ITEM);
        config.max_transmit_size(size_max);
        match self {
            Self::Default => {}
            Self::Eth => ethereum(&mut config),
            Self::Flood => {
                by_content(&mut config);
                config.idontwant_message_size_threshold(usize::MAX);
            }
        }
        config.build().map_err(|error| error.to_string())
    }

    /// A peer has come. One that is explicit gets every message, and is in no mesh.
    pub(crate) fn welcome(self, behaviour: &mut Behaviour, peer: &PeerId) {
        if self == Self::Flood {
            behaviour.add_explicit_peer(peer);
        }
    }
}

/// The topic of transactions.
pub(crate) fn topic() -> IdentTopic {
    IdentTopic::new(TOPIC)
}

/// Ethereum's consensus-specs, phase 0, networking, "The gossip domain: gossipsub". IDONTWANT isn't in it;
/// clients that have it send it for large messages only, here for all.
fn ethereum(config: &mut ConfigBuilder) {
    by_content(config)
        .mesh_n(8)
        .mesh_n_low(6)
        .mesh_n_high(12)
        .gossip_lazy(6)
        .heartbeat_interval(Duration::from_millis(700))
        .fanout_ttl(Duration::from_secs(60))
        .history_length(6)
        .history_gossip(3)
        .duplicate_cache_time(Duration::from_secs(768))
        .idontwant_message_size_threshold(0);
}

/// The author is nobody, and an id the first 20 bytes of a hash, as Ethereum has it ("`StrictNoSign`").
fn by_content(config: &mut ConfigBuilder) -> &mut ConfigBuilder {
    let id = |message: &Message| MessageId::from(&Hash256::of(&message.data).0[..20]);
    config.validation_mode(ValidationMode::Anonymous).message_id_fn(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_one_that_gossipsub_takes() {
        let keypair = Keypair::generate_ed25519();
        for setting in Setting::value_variants() {
            setting.behaviour(&keypair, 100_000).unwrap();
            let config = setting.config(100_000).unwrap();
            assert!(config.max_transmit_size() > 100_000);
        }
    }

    #[test]
    fn ethereums_setting_has_its_mesh_and_asks_for_no_copy_of_whatever_size() {
        let config = Setting::Eth.config(300).unwrap();
        assert_eq!((config.mesh_n(), config.mesh_n_low(), config.mesh_n_high()), (8, 6, 12));
        assert_eq!(config.idontwant_message_size_threshold(), 0);
        assert_eq!(Setting::Default.config(300).unwrap().mesh_n(), 6);
    }
}
