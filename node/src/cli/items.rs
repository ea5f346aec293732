//! `tidings item` and `decode`: what an item says, asked of the node, or read without one.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

use bytes::Bytes;
use data_encoding::HEXLOWER_PERMISSIVE;
use serde_json::Value;
use tidings_protocol::ground::item::ItemKind;

use super::Folder;
use super::args::{DecodeArgs, ItemArgs};
use super::chain::print_hex;
use super::shapes::Readings;
use crate::api::chain::Decoded;
use crate::cli::error::{EXIT_FAILURE, Error};
use crate::decode;
use crate::files::network::{LIMIT_MAX, Network};

pub(super) fn item(folder: &Folder, args: &ItemArgs) -> Result<ExitCode, Error> {
    let ItemArgs { id, hex, remote } = args;
    let decoded = folder.ask(remote, async |client| client.decode(id).await)?;
    if *hex && let Some(id) = decoded.id {
        return print_hex(folder, remote, id, &format!("{} {id}", decoded.kind));
    }
    folder.output.print(&decoded, || tell(&decoded))?;
    Ok(ExitCode::SUCCESS)
}

/// Reads bytes by the rules of the folder's network, and asks no node.
pub(super) fn decode(folder: &Folder, args: &DecodeArgs) -> Result<ExitCode, Error> {
    let config = folder.resolve(&[])?.config;
    let chain = Network::load(&folder.dir.join(config.node.network))?.chain();
    let bytes = read(&args.what)?;
    let kind = match (args.tx, args.block) {
        (true, _) => Some(ItemKind::Tx),
        (_, true) => Some(ItemKind::Block),
        _ => None,
    };
    let readings = match kind {
        Some(kind) => vec![decode::decode(&*chain, kind, &bytes)],
        None => decode::guess(&*chain, &bytes),
    };
    let read = Readings { readings };
    folder.output.print(&read, || {
        let told: Vec<String> = read.readings.iter().map(tell).collect();
        told.join("\n")
    })?;
    let is_any_valid = read.readings.iter().any(|decoded| decoded.valid);
    Ok(if is_any_valid { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILURE) })
}

/// The bytes that are meant. More than any network allows isn't read.
fn read(what: &str) -> Result<Bytes, Error> {
    let from = |source: &mut dyn Read| {
        let (mut bytes, max) = (Vec::new(), 2 * LIMIT_MAX as u64 + 2);
        source.take(max).read_to_end(&mut bytes).map(|_| bytes)
    };
    let bytes = match what {
        "-" => from(&mut io::stdin().lock()).map_err(Error::io("read standard input"))?,
        path if Path::new(path).is_file() => {
            let read = File::open(path).and_then(|mut file| from(&mut file));
            read.map_err(Error::io(format!("read {path}")))?
        }
        hex => {
            return digits(hex.as_bytes()).filter(|bytes| !bytes.is_empty()).ok_or_else(|| {
                Error::Usage("that is neither a file nor an even number of hexadecimal digits; `-` is standard input".to_owned())
            });
        }
    };
    if bytes.is_empty() {
        return Err(Error::Usage("there is nothing to read: give the bytes of an item".to_owned()));
    }
    Ok(digits(&bytes).unwrap_or_else(|| bytes.into()))
}

/// What hexadecimal digits stand for, spaces and lines between them left out.
fn digits(text: &[u8]) -> Option<Bytes> {
    let digits: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    HEXLOWER_PERMISSIVE.decode(&digits).ok().map(Bytes::from)
}

fn tell(decoded: &Decoded) -> String {
    let Decoded { kind, id, bytes, rule, fields, .. } = decoded;
    let id = id.map_or_else(|| "without an id".to_owned(), |id| id.to_string());
    let mut text = format!("{kind} {id}\n");
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<13} {value}");
    };
    line("size", format!("{bytes} bytes"));
    line(
        "valid",
        match rule {
            None => "yes, as far as its bytes tell".to_owned(),
            Some(rule) => format!("no: it breaks the rule {rule}"),
        },
    );
    for (name, value) in fields {
        match value {
            Value::String(value) => line(name, value.clone()),
            value => line(name, value.to_string()),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn digits_may_have_spaces_and_either_case_and_nothing_else() {
        assert_eq!(digits(b"0a FF\n").as_deref(), Some(&[10, 255][..]));
        for wrong in ["0", "xy", "0a,ff"] {
            assert_eq!(digits(wrong.as_bytes()), None, "{wrong}");
        }
        let error = read("no such file").unwrap_err().to_string();
        assert!(error.contains("neither a file nor"), "{error}");
    }

    #[test]
    fn what_is_decoded_reads_as_lines() {
        let fields = [("nonce".to_owned(), json!(3)), ("payload".to_owned(), json!("hello"))];
        let decoded = Decoded {
            kind: ItemKind::Tx,
            id: None,
            bytes: 150,
            valid: false,
            rule: Some("bad-signature".to_owned()),
            fields: fields.into_iter().collect(),
        };
        let text = tell(&decoded);
        assert!(text.starts_with("tx without an id\nsize          150 bytes\n"), "{text}");
        assert!(
            text.contains("rule bad-signature\nnonce         3\npayload       hello\n"),
            "{text}"
        );
    }
}
