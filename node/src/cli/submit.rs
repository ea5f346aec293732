//! `tidings submit`: hands in an item.

use std::fs::File;
use std::io::{self, Read};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use data_encoding::HEXLOWER_PERMISSIVE;
use ed25519_zebra::SigningKey;
use tidings_protocol::chain::Rules;
use tidings_protocol::chain::tidings::Transfer;
use tidings_protocol::ground::item::ItemKind;

use super::Folder;
use super::args::SubmitArgs;
use crate::api::{Outcome, Submitted};
use crate::cli::error::{EXIT_FAILURE, Error};
use crate::files::identity;
use crate::files::network::{LIMIT_MAX, Network};

pub(super) fn submit(folder: &Folder, args: &SubmitArgs) -> Result<ExitCode, Error> {
    let kind = if args.block { ItemKind::Block } else { ItemKind::Tx };
    let bytes = match (&args.payload, &args.file) {
        (Some(payload), _) => sign_transfer(folder, args, payload)?,
        (None, Some(_)) => read_item(args)?,
        (None, None) => {
            let problem = "there is nothing to submit: name a file with the bytes of a transaction (`tidings submit \
                           tx.bin`, or `-` for standard input), or have one signed (`tidings submit --payload hello`)";
            return Err(Error::Usage(problem.to_owned()));
        }
    };
    let submitted = folder.ask(&args.remote, async |client| client.submit(kind, bytes).await)?;
    folder.output.print(&submitted, || describe(&submitted))?;
    match submitted.outcome {
        Outcome::Accepted | Outcome::AlreadyKnown => Ok(ExitCode::SUCCESS),
        Outcome::Rejected => Ok(ExitCode::from(EXIT_FAILURE)),
    }
}

fn describe(submitted: &Submitted) -> String {
    let id = submitted.id.map_or_else(|| "(no id)".to_owned(), |id| id.to_string());
    match (submitted.outcome, &submitted.rule, submitted.rival) {
        (Outcome::Accepted, ..) => format!("accepted {id}\n"),
        (Outcome::AlreadyKnown, ..) => format!("already known {id}\n"),
        (Outcome::Rejected, Some(rule), Some(rival)) => {
            format!("rejected {id} ({rule}): {rival}\n")
        }
        (Outcome::Rejected, Some(rule), None) => {
            format!("rejected {id}: it breaks the rule {rule}\n")
        }
        (Outcome::Rejected, None, _) => format!("rejected {id}\n"),
    }
}

/// Reads the item's bytes. More than any network allows isn't read; the node refuses the rest.
fn read_item(args: &SubmitArgs) -> Result<Bytes, Error> {
    let read_all = |source: &mut dyn Read| {
        let (mut bytes, max) = (Vec::new(), 2 * LIMIT_MAX as u64 + 2);
        source.take(max).read_to_end(&mut bytes).map(|_| bytes)
    };
    let (name, read) = match args.path() {
        Some(path) => {
            let read = File::open(path).and_then(|mut file| read_all(&mut file));
            (path.display().to_string(), read)
        }
        None => ("standard input".to_owned(), read_all(&mut io::stdin().lock())),
    };
    let bytes = read.map_err(Error::io(format!("read {name}")))?;
    if bytes.is_empty() {
        return Err(Error::Usage(format!("{name} is empty: give the canonical bytes of an item")));
    }
    if !args.hex {
        return Ok(bytes.into());
    }
    let digits: String = String::from_utf8_lossy(&bytes).split_whitespace().collect();
    let decoded = HEXLOWER_PERMISSIVE.decode(digits.as_bytes());
    decoded.map(Bytes::from).map_err(|_| {
        Error::Usage(format!("{name} is not hexadecimal: leave --hex away if it holds raw bytes"))
    })
}

/// Signs a transfer with the account of the data folder, for the network that its node joins.
fn sign_transfer(folder: &Folder, args: &SubmitArgs, payload: &str) -> Result<Bytes, Error> {
    let config = folder.resolve(&[])?.config;
    let network = Network::load(&folder.dir.join(config.node.network))?;
    if network.rules != Rules::Tidings {
        let problem = "--payload signs a transfer under the rules `tidings`, but network.toml names \
                       others: submit a file instead";
        return Err(Error::Usage(problem.to_owned()));
    }
    let key = SigningKey::from(identity::load_account(&folder.dir)?);
    let nonce = args.nonce.unwrap_or_else(unix_us);
    let genesis = network.settings.tidings.genesis;
    Ok(Transfer::sign(&key, genesis, nonce, args.fee, payload.as_bytes()))
}

fn unix_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}
