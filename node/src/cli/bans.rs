//! `tidings ban`, `unban`, `bans`, `disconnect` and `connect`: peers by hand.

use std::process::ExitCode;

use super::args::{BanArgs, ConnectArgs, DisconnectArgs, Remote, UnbanArgs};
use super::shapes::Noted;
use super::show::duration;
use super::table::{self, Column};
use super::watch::fits_peer;
use super::{Folder, explain::utc};
use crate::api::bans::{Ban, BanRequest, Subject};
use crate::cli::error::Error;
use crate::cli::output::terminal_width;
use crate::clock::real_unix_us;

pub(super) fn ban(folder: &Folder, args: &BanArgs) -> Result<ExitCode, Error> {
    let BanArgs { subject, span, remote } = args;
    let seconds = span.as_deref().map(seconds).transpose().map_err(Error::Usage)?;
    let subject = whom(subject, || {
        let peers = folder.ask(remote, async |client| client.peers().await)?.peers;
        Ok(peers.into_iter().map(|peer| peer.peer_id).collect())
    })?;
    let request = BanRequest { subject, seconds };
    let concerned = folder.ask(remote, async |client| client.ban(&request).await)?;
    folder.output.print(&concerned, || match concerned.closed {
        0 => format!("{subject} is banned\n"),
        1 => format!("{subject} is banned; its link was closed\n"),
        closed => format!("{subject} is banned; {closed} links were closed\n"),
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn unban(folder: &Folder, args: &UnbanArgs) -> Result<ExitCode, Error> {
    let UnbanArgs { subject, remote, .. } = args;
    let subject = subject.as_deref().map(|subject| {
        whom(subject, || {
            let bans = folder.ask(remote, async |client| client.bans().await)?.bans;
            Ok(bans.into_iter().map(|ban| ban.subject.to_string()).collect())
        })
    });
    let subject = subject.transpose()?;
    let concerned = folder.ask(remote, async |client| client.unban(subject).await)?;
    folder.output.print(&concerned, || match (subject, concerned.unbanned) {
        (Some(subject), _) => format!("{subject} may come again\n"),
        (None, 0) => "nobody was banned\n".to_owned(),
        (None, count) => format!("{count} bans were taken back\n"),
    })?;
    Ok(ExitCode::SUCCESS)
}

const BAN_COLUMNS: [Column; 3] = [
    Column { title: "WHOM", number: false, rank: 0 },
    Column { title: "UNTIL", number: false, rank: 1 },
    Column { title: "LEFT", number: true, rank: 0 },
];

pub(super) fn bans(folder: &Folder, remote: &Remote) -> Result<ExitCode, Error> {
    let list = folder.ask(remote, async |client| client.bans().await)?;
    let now_s = real_unix_us() / 1_000_000;
    folder.output.print(&list, || describe(&list.bans, now_s, terminal_width()))?;
    Ok(ExitCode::SUCCESS)
}

fn describe(bans: &[Ban], now_s: u64, width: Option<usize>) -> String {
    if bans.is_empty() {
        return "nobody is banned\n".to_owned();
    }
    let row = |ban: &Ban| {
        let left_s = ban.until_unix_s.saturating_sub(now_s);
        let until = utc(ban.until_unix_s.saturating_mul(1_000_000));
        vec![ban.subject.to_string(), until, duration(left_s as f64)]
    };
    table::render(&BAN_COLUMNS, &bans.iter().map(row).collect::<Vec<_>>(), width)
}

pub(super) fn disconnect(folder: &Folder, args: &DisconnectArgs) -> Result<ExitCode, Error> {
    let DisconnectArgs { peer, remote } = args;
    let concerned = folder.ask(remote, async |client| client.disconnect(peer).await)?;
    folder
        .output
        .print(&concerned, || "the link was closed; the peer may come again\n".to_owned())?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn connect(folder: &Folder, args: &ConnectArgs) -> Result<ExitCode, Error> {
    let ConnectArgs { addr, remote } = args;
    folder.ask(remote, async |client| client.connect(*addr).await)?;
    let noted = Noted { noted: addr.to_string() };
    folder.output.print(&noted, || {
        format!("{addr} is tried before others, as soon as an outbound place is free\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Whom a text means: a subject as such, or the only one of some whose name begins so.
fn whom(text: &str, names: impl FnOnce() -> Result<Vec<String>, Error>) -> Result<Subject, Error> {
    let whole = match text.parse::<Subject>() {
        Ok(subject) => return Ok(subject),
        Err(error) => error,
    };
    // What no peer id is the beginning of is a slip in something else.
    if text.is_empty() || !text.chars().all(|letter| letter.is_ascii_alphanumeric()) {
        return Err(Error::Usage(whole.to_string()));
    }
    let mut fits = names()?;
    fits.retain(|name| fits_peer(name, text));
    fits.sort_unstable();
    fits.dedup();
    match &fits[..] {
        [] => Err(Error::Usage(format!("{whole}; and no peer that is known begins so"))),
        [one] => one.parse().map_err(|_| Error::Usage(whole.to_string())),
        several => Err(Error::Usage(format!(
            "`{text}` fits {} peers: say more of it, such as {}",
            several.len(),
            several[0]
        ))),
    }
}

/// The seconds of `30s`, `15m`, `12h`, `7d` or a plain number of seconds.
fn seconds(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3_600),
        Some((at, 'd')) => (&text[..at], 86_400),
        _ => (text, 1),
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    seconds.ok_or_else(|| {
        format!("--for {text} is no time: expected for instance 90s, 15m, 12h or 7d")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        let read = ["90", "90s", "15m", "12h", "7d"].map(|text| seconds(text).unwrap());
        assert_eq!(read, [90, 90, 900, 43_200, 604_800]);
        for text in ["", "d", "1w", "-5s", "1.5h", "99999999999999999999d"] {
            assert!(seconds(text).unwrap_err().contains("is no time"), "{text}");
        }
    }

    #[test]
    fn a_peer_is_meant_by_the_only_beginning_that_fits() {
        let new = || libp2p::identity::Keypair::generate_ed25519().public().to_peer_id();
        let ids = [(); 2].map(|()| new().to_string());
        let names = || Ok(ids.to_vec());
        // Random ids differ within their first twenty letters, but for a chance that is none.
        let (one, beginning) = (&ids[0], &ids[0][..30]);
        assert_eq!(whom(one, || panic!("it is whole")).unwrap().to_string(), *one);
        assert_eq!(whom(beginning, names).unwrap().to_string(), *one);
        let said = |text: &str| whom(text, names).unwrap_err().to_string();
        assert!(said("12").contains("fits 2 peers: say more of it"), "{}", said("12"));
        assert!(said("zzz").contains("no peer that is known begins so"), "{}", said("zzz"));
        assert!(said("192.0.2.0/40").contains("neither a whole peer id"));
    }

    #[test]
    fn bans_read_as_a_table() {
        let ban =
            |subject: &str, until_unix_s| Ban { subject: subject.parse().unwrap(), until_unix_s };
        let text = describe(
            &[ban("192.0.2.0/24", 1_000_090_000), ban("2001:db8::1", 999)],
            1_000_000_000,
            None,
        );
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("192.0.2.0/24") && lines[1].ends_with("1 d 1 h"), "{text}");
        assert!(lines[2].ends_with("0 s"), "{text}");
        assert_eq!(describe(&[], 0, None), "nobody is banned\n");
    }
}
