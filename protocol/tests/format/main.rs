//! What whoever writes a wallet or a node in another language needs to know: `FORMAT.md`, and `format.json` beside it, which holds
//! examples. They are what this code makes, and a program that shares no line with it agrees.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod items;
mod wire;

use std::process::Command;
use std::sync::Once;

use serde_json::{Value, json};

const PAGE: &str = include_str!("../../FORMAT.md");
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/format.json");
const OTHER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/format.py");
const RENEW: &str = "TIDINGS_RENEW_FORMAT";

/// Bytes as the page and the examples show them.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn examples() -> Value {
    json!({
        "about": "Examples for FORMAT.md, made by protocol/tests/format. Bytes are hexadecimal; numbers that may be large are text.",
        "hashes": items::hashes(),
        "keys": items::keys(),
        "transactions": items::transactions(),
        "refused_transactions": items::refused_transactions(),
        "blocks": items::blocks(),
        "refused_blocks": items::refused_blocks(),
        "messages": wire::messages(),
        "messages_in_parts": wire::in_parts(),
        "refused_frames": wire::refused(),
    })
}

/// The examples as they are committed; renewed before, if that is asked for.
fn committed() -> String {
    static RENEWED: Once = Once::new();
    RENEWED.call_once(|| {
        if std::env::var_os(RENEW).is_some() {
            std::fs::write(EXAMPLES, made()).unwrap();
        }
    });
    std::fs::read_to_string(EXAMPLES).unwrap()
}

fn made() -> String {
    serde_json::to_string_pretty(&examples()).unwrap() + "\n"
}

#[test]
fn the_examples_of_the_format_are_what_the_code_makes() {
    assert!(
        committed() == made(),
        "format.json isn't what the code makes. Another format is another network: if it is meant, run this test with {RENEW}=1"
    );
}

#[test]
fn another_implementation_agrees_with_the_examples() {
    let examples: Value = serde_json::from_str(&committed()).unwrap();
    let output = match Command::new("python3").arg(OTHER).arg("check").arg(EXAMPLES).output() {
        Ok(output) => output,
        Err(error) => return eprintln!("skipped: there is no python3 ({error})"),
    };
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (told(&output.stdout), told(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    let count = examples.as_object().unwrap().values().filter_map(Value::as_array).map(Vec::len);
    assert_eq!(out, format!("{} examples agree\n", count.sum::<usize>()));
}

#[test]
fn a_transaction_of_another_implementation_is_good_and_the_same_as_ours() {
    let draft = json!({
        "seed": hex(&[7; 32]), "genesis": hex(&[0; 32]), "nonce": "7", "fee": "3", "payload": hex(b"hello"),
    });
    let other = Command::new("python3").arg(OTHER).arg("make").arg(draft.to_string()).output();
    let output = match other {
        Ok(output) => output,
        Err(error) => return eprintln!("skipped: there is no python3 ({error})"),
    };
    let made = String::from_utf8(output.stdout).unwrap();
    assert_eq!(made.trim(), hex(&items::transfer([7; 32], 7, 3, b"hello")));
}

#[test]
fn the_page_has_each_kind_of_message_with_its_byte() {
    for message in wire::messages().as_array().unwrap() {
        let (byte, name) = (&message["byte"], message["kind"].as_str().unwrap());
        let row = format!("\n| {byte} | `{name}` |");
        assert!(
            PAGE.contains(&row),
            "FORMAT.md should have a row that begins with `{}`",
            row.trim()
        );
    }
}
