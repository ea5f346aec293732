//! Asks name servers for the texts of a name, which the system's own resolver can't.
//!
//! hickory-proto makes and reads the messages; this sends them: to the servers of `/etc/resolv.conf`, one after the other,
//! over UDP, and over TCP where the answer doesn't fit. A whole resolver (hickory-resolver, as libp2p-dns has it) would bring
//! a cache and thirteen more crates for a question that a node asks once.
//!
//! *Attack:* somebody who sees or guesses the question forges an answer. An id of 16 bits and a port of the system's choice
//! are what any resolver without DNSSEC has; and what is told is hearsay (`names.rs`).

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, Query};
use hickory_proto::rr::{Name, RData, RecordType};

/// How long a server may take (resolv.conf(5): `RES_TIMEOUT`).
const PATIENCE: Duration = Duration::from_secs(5);

/// How often all servers are asked (`RES_DFLRETRY`).
const ROUNDS: usize = 2;

/// Most servers (`MAXNS`).
const SERVERS_MAX: usize = 3;

/// Most datagrams that are read for an answer: those that are none are passed over. A guess.
const DATAGRAMS_MAX: usize = 16;

/// Largest datagram that is asked for, bytes (the DNS flag day of 2020: what no network has to cut in pieces).
const DATAGRAM: u16 = 1_232;

/// Most records of an answer that are looked at. A guess, far above what `names/resolver.rs` takes.
const RECORDS_MAX: usize = 64;

const PORT: u16 = 53;

/// The texts of a name.
///
/// # Errors
/// When there is no such name, or no server answers.
pub(super) fn ask(name: &str) -> io::Result<Vec<String>> {
    let servers = servers(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
    ask_of(name, &servers, PATIENCE)
}

/// The servers that `/etc/resolv.conf` names; this machine if there are none.
fn servers(text: &str) -> Vec<SocketAddr> {
    let named = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let is_server = words.next() == Some("nameserver");
        words.next().filter(|_| is_server)?.parse::<IpAddr>().ok()
    });
    let mut servers: Vec<_> = named.take(SERVERS_MAX).map(|ip| SocketAddr::new(ip, PORT)).collect();
    if servers.is_empty() {
        servers.push(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)));
    }
    servers
}

fn ask_of(name: &str, servers: &[SocketAddr], patience: Duration) -> io::Result<Vec<String>> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for _ in 0..ROUNDS {
        for server in servers {
            match exchange(name, *server, patience).and_then(|answer| read(&answer)) {
                Ok(texts) => return Ok(texts),
                // The name's own answer: no other server knows better.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
                Err(error) => last = error,
            }
        }
    }
    Err(last)
}

fn question(name: &str) -> io::Result<Message> {
    let mut name = Name::from_ascii(name).map_err(io::Error::other)?;
    name.set_fqdn(true);
    let mut question = Message::query();
    question.metadata.recursion_desired = true;
    question.queries.push(Query::query(name, RecordType::TXT));
    let mut edns = Edns::new();
    edns.set_max_payload(DATAGRAM);
    question.edns = Some(edns);
    Ok(question)
}

fn exchange(name: &str, server: SocketAddr, patience: Duration) -> io::Result<Message> {
    let question = question(name)?;
    let bytes = question.to_vec().map_err(io::Error::other)?;
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(patience))?;
    socket.send(&bytes)?;
    let mut buffer = [0; 4_096];
    for _ in 0..DATAGRAMS_MAX {
        let length = socket.recv(&mut buffer).map_err(late)?;
        match answer_to(&question, &buffer[..length]) {
            Some(answer) if answer.metadata.truncation => {
                return exchange_by_tcp(&question, &bytes, server, patience);
            }
            Some(answer) => return Ok(answer),
            None => {}
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// The system says "would block" of a socket that nothing came to in time.
fn late(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => {
            io::Error::new(io::ErrorKind::TimedOut, "no name server answers")
        }
        _ => error,
    }
}

fn exchange_by_tcp(
    question: &Message,
    bytes: &[u8],
    server: SocketAddr,
    patience: Duration,
) -> io::Result<Message> {
    let mut stream = TcpStream::connect_timeout(&server, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], bytes].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).map_err(late)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer).map_err(late)?;
    answer_to(question, &answer).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Bytes as the answer to a question, if they are that.
fn answer_to(question: &Message, bytes: &[u8]) -> Option<Message> {
    let answer = Message::from_vec(bytes).ok()?;
    let is_answer = answer.metadata.id == question.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries == question.queries;
    is_answer.then_some(answer)
}

/// The texts of an answer. The parts of each belong together (RFC 7208, section 3.3, says so of its own).
fn read(answer: &Message) -> io::Result<Vec<String>> {
    use hickory_proto::op::ResponseCode::{NXDomain, NoError};
    match answer.metadata.response_code {
        NoError => {}
        NXDomain => return Err(io::Error::new(io::ErrorKind::NotFound, "there is no such name")),
        code => return Err(io::Error::other(format!("the name server says \"{code}\""))),
    }
    let texts = answer.answers.iter().take(RECORDS_MAX).filter_map(|record| match &record.data {
        RData::TXT(text) => String::from_utf8(text.txt_data.concat()).ok(),
        _ => None,
    });
    Ok(texts.collect())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use hickory_proto::op::ResponseCode;
    use hickory_proto::rr::Record;
    use hickory_proto::rr::rdata::TXT;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// The answer of a name server to a question.
    fn answer(bytes: &[u8], texts: &[&[&str]]) -> Message {
        let asked = Message::from_vec(bytes).unwrap();
        let mut answer = Message::response(asked.metadata.id, asked.metadata.op_code);
        answer.queries = asked.queries.clone();
        let name = asked.queries[0].name();
        answer.answers = texts
            .iter()
            .map(|text| {
                let parts = text.iter().map(|part| (*part).to_owned()).collect();
                Record::from_rdata(name.clone(), 60, RData::TXT(TXT::new(parts)))
            })
            .collect();
        answer
    }

    /// A name server that answers one question with one datagram after the other.
    fn server(
        answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
    ) -> (SocketAddr, thread::JoinHandle<()>) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = socket.local_addr().unwrap();
        let serve = move || {
            let mut buffer = [0; 4_096];
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            for answer in answers(&buffer[..length]) {
                socket.send_to(&answer, from).unwrap();
            }
        };
        (addr, thread::spawn(serve))
    }

    #[test]
    fn a_texts_parts_are_one_and_what_is_no_answer_is_passed_over() {
        let (addr, thread) = server(|asked| {
            let mut forged = answer(asked, &[&["forged"]]);
            forged.metadata.id ^= 1;
            let mut other = answer(asked, &[&["of another name"]]);
            other.queries[0].set_name(Name::from_ascii("other.org.").unwrap());
            let true_one = answer(asked, &[&["dnsaddr=/ip4/", "1.2.3.4/tcp/5"], &["more"]]);
            vec![
                b"?".to_vec(),
                asked.to_vec(),
                forged.to_vec().unwrap(),
                other.to_vec().unwrap(),
                true_one.to_vec().unwrap(),
            ]
        });
        let texts = ask_of("_dnsaddr.example.org", &[addr], SOON).unwrap();
        assert_eq!(texts, ["dnsaddr=/ip4/1.2.3.4/tcp/5", "more"]);
        thread.join().unwrap();
    }

    #[test]
    fn an_answer_that_does_not_fit_comes_over_tcp() {
        // One port of both kinds, if the second is free.
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let addr = udp.local_addr().unwrap();
        let serve = thread::spawn(move || {
            let mut buffer = [0; 4_096];
            let (length, from) = udp.recv_from(&mut buffer).unwrap();
            let mut cut = answer(&buffer[..length], &[]);
            cut.metadata.truncation = true;
            udp.send_to(&cut.to_vec().unwrap(), from).unwrap();
            let (mut stream, _) = tcp.accept().unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut asked = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut asked).unwrap();
            let whole = answer(&asked, &[&["whole"]]).to_vec().unwrap();
            let length = u16::try_from(whole.len()).unwrap();
            stream.write_all(&[&length.to_be_bytes()[..], &whole].concat()).unwrap();
        });
        assert_eq!(ask_of("a.org", &[addr], SOON).unwrap(), ["whole"]);
        serve.join().unwrap();
    }

    #[test]
    fn a_server_that_is_silent_or_broken_is_followed_by_the_next_and_no_such_name_is_final() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let refuse = |code| {
            server(move |asked| {
                let mut refusal = answer(asked, &[]);
                refusal.metadata.response_code = code;
                vec![refusal.to_vec().unwrap()]
            })
        };
        let (broken, first) = refuse(ResponseCode::ServFail);
        let (none, second) = refuse(ResponseCode::NXDomain);
        let servers = [silent.local_addr().unwrap(), broken, none];
        let error = ask_of("a.org", &servers, Duration::from_millis(100)).unwrap_err();
        assert_eq!(error.to_string(), "there is no such name");
        first.join().unwrap();
        second.join().unwrap();
    }

    #[test]
    fn name_servers_are_those_of_the_systems_file() {
        let text = "# nameserver 9.9.9.9\nsearch x\nnameserver 10.0.0.1\nnameserver nonsense\n\
                    nameserver ::1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n";
        let shown: Vec<_> = servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.0.0.1:53", "[::1]:53", "10.0.0.2:53"]);
        assert_eq!(servers("").len(), 1);
    }
}
