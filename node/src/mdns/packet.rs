//! What is said on the link, in messages of the DNS (RFC 6762 and 6763): hickory-proto makes and reads them.
//!
//! A node asks for instances of [`SERVICE`]. Whoever is one answers with its port (a record SRV) and the name of its network
//! (TXT). Its address isn't in the answer: that is where the answer comes from, so that nobody names others.

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::{PTR, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// What nodes are on a link. libp2p's own `_p2p._udp` would have us dial every program that speaks libp2p.
const SERVICE: &str = "_tidings._tcp.local.";

/// How long others may remember an answer, seconds (RFC 6762, section 10: records with a host's name).
const TTL_S: u32 = 120;

/// Most records of a message that are looked at. A guess: an answer of ours has three.
const RECORDS_MAX: usize = 64;

/// What somebody says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Who is there?
    Question,
    /// Here I am.
    Answer(Instance),
}

/// A node on the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instance {
    /// What it calls itself, of no meaning: 16 hexadecimal digits.
    pub(super) label: String,
    /// Its network.
    pub(super) network: String,
    /// Where it listens.
    pub(super) port: u16,
}

fn service() -> Name {
    Name::from_ascii(SERVICE).expect("it is a name")
}

/// The question who is there; `None` if it can't be made, which it can.
pub(super) fn question() -> Option<Vec<u8>> {
    let mut message = Message::new(0, MessageType::Query, OpCode::Query);
    message.queries.push(Query::query(service(), RecordType::PTR));
    message.to_vec().ok()
}

/// The answer of a node; `None` if its label or network's name doesn't fit, which they do.
pub(super) fn answer(of: &Instance) -> Option<Vec<u8>> {
    let name = Name::from_ascii(format!("{}.{SERVICE}", of.label)).ok()?;
    let host = Name::from_ascii(format!("{}.local.", of.label)).ok()?;
    let mut message = Message::response(0, OpCode::Query);
    message.metadata.authoritative = true;
    let record = |name: &Name, data| Record::from_rdata(name.clone(), TTL_S, data);
    message.answers.push(record(&service(), RData::PTR(PTR(name.clone()))));
    let text = TXT::new(vec![format!("network={}", of.network)]);
    message.additionals = vec![
        record(&name, RData::SRV(SRV::new(0, 0, of.port, host))),
        record(&name, RData::TXT(text)),
    ];
    message.to_vec().ok()
}

/// What bytes from the link say, if it concerns us.
pub(super) fn read(bytes: &[u8]) -> Option<Said> {
    let message = Message::from_vec(bytes).ok()?;
    if message.metadata.message_type == MessageType::Query {
        let is_asked = |query: &Query| {
            let kind = query.query_type();
            *query.name() == service() && matches!(kind, RecordType::PTR | RecordType::ANY)
        };
        return message.queries.iter().any(is_asked).then_some(Said::Question);
    }
    let name = message.answers.iter().take(RECORDS_MAX).find_map(|record| match &record.data {
        RData::PTR(PTR(name)) if record.name == service() => Some(name),
        _ => None,
    })?;
    let label = name.iter().next().and_then(|label| std::str::from_utf8(label).ok())?.to_owned();
    let records = message.answers.iter().chain(&message.additionals).take(RECORDS_MAX);
    let (mut port, mut network) = (None, None);
    for record in records.filter(|record| record.name == *name) {
        match &record.data {
            RData::SRV(service) => port = Some(service.port),
            RData::TXT(text) => {
                let texts = text.txt_data.iter().filter_map(|text| std::str::from_utf8(text).ok());
                network = texts
                    .filter_map(|text| text.strip_prefix("network="))
                    .next()
                    .map(str::to_owned);
            }
            _ => {}
        }
    }
    Some(Said::Answer(Instance { label, network: network?, port: port? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance() -> Instance {
        Instance { label: "0123456789abcdef".into(), network: "tidings-dev".into(), port: 4_000 }
    }

    #[test]
    fn what_one_says_another_understands() {
        assert_eq!(read(&question().unwrap()), Some(Said::Question));
        assert_eq!(read(&answer(&instance()).unwrap()), Some(Said::Answer(instance())));
        let longest = Instance { network: "x".repeat(64), ..instance() };
        assert_eq!(read(&answer(&longest).unwrap()), Some(Said::Answer(longest)));
    }

    #[test]
    fn what_is_cut_or_changed_anywhere_is_read_without_a_panic() {
        for whole in [question().unwrap(), answer(&instance()).unwrap()] {
            assert!(whole.len() < 512, "{}", whole.len());
            for end in 0..whole.len() {
                let _ = read(&whole[..end]);
                for bit in 0..8 {
                    let mut changed = whole.clone();
                    changed[end] ^= 1 << bit;
                    let _ = read(&changed);
                }
            }
        }
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn questions_and_answers_about_others_do_not_concern_us() {
        let other = Name::from_ascii("_p2p._udp.local.").unwrap();
        let mut asks = Message::new(0, MessageType::Query, OpCode::Query);
        asks.queries.push(Query::query(other.clone(), RecordType::PTR));
        assert_eq!(read(&asks.to_vec().unwrap()), None);
        let mut says = Message::from_vec(&answer(&instance()).unwrap()).unwrap();
        says.answers[0].name = other;
        assert_eq!(read(&says.to_vec().unwrap()), None);
        says.answers.clear();
        assert_eq!(read(&says.to_vec().unwrap()), None);
    }
}
