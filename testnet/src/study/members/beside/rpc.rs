//! What Serf's agents speak with programs of their machine: `MessagePack` objects over TCP, one behind the other without lengths
//! (<https://github.com/hashicorp/serf/blob/master/docs/agent/rpc.html.markdown>). A request is a header of command and number, and a body if
//! the command has one; an answer a header of number and error, and a body if the command has one.
//!
//! *Why not the lines that `serf monitor` prints:* joining, firing events and asking who is alive would each be a process of its own, which takes longer
//! than what is measured.

use std::io;
use std::net::SocketAddr;

use rmpv::{Value, decode, encode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The version that is spoken (`MinIPCVersion` and `MaxIPCVersion` of Serf's agent).
const VERSION: u64 = 1;

/// Longest object that is taken, bytes: the list of 250 members has some 50,000.
const OBJECT_MAX: usize = 1 << 20;

/// How deep objects may lie in each other: a list of members has four levels.
const DEPTH_MAX: usize = 16;

/// How much there is room for at least when more is read, bytes.
const READ: usize = 16 << 10;

/// A connection to an agent, which has agreed on the version.
#[derive(Debug)]
pub(super) struct Rpc {
    stream: TcpStream,
    received: Vec<u8>,
    /// Number of the latest request.
    seq: u64,
}

impl Rpc {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens, or speaks another version.
    pub(super) async fn connect(addr: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(addr).await.map_err(|error| broken(&error))?;
        stream.set_nodelay(true).map_err(|error| broken(&error))?;
        let mut rpc = Self { stream, received: Vec::new(), seq: 0 };
        rpc.ask("handshake", Some(map([("Version", VERSION.into())]))).await?;
        Ok(rpc)
    }

    /// Asks, and reads the header of the answer. Its body, if the command has one, is the next [`Self::object`].
    ///
    /// # Errors
    /// What the agent says, or that it is gone.
    pub(super) async fn ask(&mut self, command: &str, body: Option<Value>) -> Result<(), String> {
        self.seq += 1;
        let bytes = request(self.seq, command, body.as_ref());
        self.stream.write_all(&bytes).await.map_err(|error| broken(&error))?;
        answered(&self.object().await?, self.seq).map_err(|problem| format!("{command}: {problem}"))
    }

    /// The next object.
    ///
    /// # Errors
    /// When it is none, or the agent is gone.
    pub(super) async fn object(&mut self) -> Result<Value, String> {
        loop {
            if let Some(value) = take(&mut self.received)? {
                return Ok(value);
            }
            self.received.reserve(READ);
            match self.stream.read_buf(&mut self.received).await {
                Ok(0) => return Err("the agent hung up".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(broken(&error)),
            }
        }
    }

    /// What an answer without end tells next: it comes behind a header of its own.
    ///
    /// # Errors
    /// As [`Self::object`].
    pub(super) async fn told(&mut self) -> Result<Value, String> {
        self.object().await?;
        self.object().await
    }
}

fn broken(error: &io::Error) -> String {
    format!("the agent can't be spoken to: {error}")
}

/// A map with text keys.
pub(super) fn map<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(fields.map(|(key, value)| (key.into(), value)).into())
}

/// A field of a map.
pub(super) fn field<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    let fields = value.as_map()?.iter();
    fields.filter(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value).next()
}

/// A field of a map that is text.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    field(value, key)?.as_str()
}

/// A field of a map that is a list, of which there are none if it is empty.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    field(value, key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn request(seq: u64, command: &str, body: Option<&Value>) -> Vec<u8> {
    let header = map([("Command", command.into()), ("Seq", seq.into())]);
    let mut bytes = Vec::new();
    for value in [Some(&header), body].into_iter().flatten() {
        encode::write_value(&mut bytes, value).expect("a vector takes whatever is written");
    }
    bytes
}

/// Takes a whole object off the front, if there is one.
fn take(received: &mut Vec<u8>) -> Result<Option<Value>, String> {
    let mut rest = received.as_slice();
    match decode::read_value_with_max_depth(&mut rest, DEPTH_MAX) {
        Ok(value) => {
            let len = received.len() - rest.len();
            received.drain(..len);
            Ok(Some(value))
        }
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            if received.len() > OBJECT_MAX {
                return Err("the agent says something without end".to_owned());
            }
            Ok(None)
        }
        Err(error) => Err(format!("what the agent says is no MessagePack: {error}")),
    }
}

/// That a header is the good answer to the request of this number.
fn answered(header: &Value, seq: u64) -> Result<(), String> {
    match text(header, "Error") {
        Some("") if field(header, "Seq").and_then(Value::as_u64) == Some(seq) => Ok(()),
        Some("") | None => Err(format!("the agent answers something else: {header}")),
        Some(error) => Err(format!("the agent refuses: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(seq: u64, error: &str) -> Value {
        map([("Seq", seq.into()), ("Error", error.into())])
    }

    fn bytes(values: &[Value]) -> Vec<u8> {
        let mut bytes = Vec::new();
        values.iter().for_each(|value| encode::write_value(&mut bytes, value).unwrap());
        bytes
    }

    #[test]
    fn objects_are_taken_whole_however_they_come() {
        let sent = [header(1, ""), map([("Num", 19.into())]), header(2, "")];
        let (mut received, mut taken) = (Vec::new(), Vec::new());
        for byte in bytes(&sent) {
            received.push(byte);
            taken.extend(take(&mut received).unwrap());
        }
        assert_eq!(taken, sent);
        assert!(received.is_empty());
    }

    #[test]
    fn a_request_is_a_header_and_a_body() {
        let mut sent = request(7, "join", Some(&map([("Replay", false.into())])));
        let header = take(&mut sent).unwrap().unwrap();
        assert_eq!(
            (text(&header, "Command"), field(&header, "Seq")),
            (Some("join"), Some(&7.into()))
        );
        assert_eq!(field(&take(&mut sent).unwrap().unwrap(), "Replay"), Some(&false.into()));
        assert!(sent.is_empty());
    }

    #[test]
    fn an_answer_is_good_if_it_says_so_and_is_to_what_was_asked() {
        assert_eq!(answered(&header(3, ""), 3), Ok(()));
        let refused = answered(&header(3, "Handshake required"), 3).unwrap_err();
        assert_eq!(refused, "the agent refuses: Handshake required");
        assert!(answered(&header(2, ""), 3).unwrap_err().contains("something else"));
        assert!(answered(&map([]), 3).is_err());
    }

    #[test]
    fn what_is_no_object_or_has_no_end_is_refused() {
        // 0xdd: a list whose length follows.
        let mut endless = vec![0xdd, 0xff, 0xff, 0xff, 0xff];
        endless.resize(OBJECT_MAX + 6, 0xc0);
        assert!(take(&mut endless).unwrap_err().contains("without end"));
        let mut deep = vec![0x91; 100_000];
        assert!(take(&mut deep).unwrap_err().contains("no MessagePack"));
    }

    #[test]
    fn addresses_that_are_no_text_do_no_harm() {
        // As Serf writes them: bytes as text (the older MessagePack knows no other).
        let mut received = vec![0x82, 0xa4];
        received.extend(b"Addr\xa4\x7f\x00\x01\xff\xa4Name\xa2n3");
        let value = take(&mut received).unwrap().unwrap();
        assert_eq!((text(&value, "Addr"), text(&value, "Name")), (None, Some("n3")));
    }
}
