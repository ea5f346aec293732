//! What newcomers stumble over: each is told in a sentence what is wrong and what to do.

use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixStream;

use super::*;

/// The first line of a node's log that says so; what it logs later is read, too, so that it is never stuck.
fn log_line(node: &mut Node, says: &'static str) -> String {
    let log = BufReader::new(node.child.stderr.take().unwrap());
    let (send, receive) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            if line.contains(says) {
                let _ = send.try_send(line);
            }
        }
    });
    receive.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it should say `{says}`"))
}

/// What a node says that finds nobody at an address: in its log, and when it is asked.
fn left_alone_at(addr: &str, more: &[&str]) -> (String, String) {
    let folder = Folder::new();
    let mut node = folder.run(&[&["--bootstrap", addr], more].concat());
    let line = log_line(&mut node, "no peer can be reached");
    assert!(line.contains(" WARN "), "{line}");
    let failure = &folder.json(&["status"])["last_failure"];
    assert_eq!(failure["whom"], addr, "{failure}");
    let text = String::from_utf8(folder.tidings(&["status"]).stdout).unwrap();
    assert!(text.contains(&format!("\nfailed     {addr}, ")), "{text}");
    (line, failure["why"].as_str().unwrap().to_owned())
}

#[test]
fn a_node_that_cannot_join_says_why_in_its_log_and_its_status() {
    // Nobody listens there.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    // Somebody hangs up.
    let hangs_up = TcpListener::bind("127.0.0.1:0").unwrap();
    let rude = hangs_up.local_addr().unwrap().to_string();
    std::thread::spawn(move || hangs_up.incoming().for_each(drop));
    // Others are of another network, or of another world.
    let (folder, elsewhere) = (Folder::new(), Folder::empty());
    let other_links = folder.run(&["--set", "links.model=regions"]);
    elsewhere.json(&["init"]);
    let network = elsewhere.file("network.toml");
    let text = fs::read_to_string(&network).unwrap().replace("tidings-dev", "tidings-elsewhere");
    fs::write(&network, text).unwrap();
    let stranger = elsewhere.run(&[]);
    let shaped: &[&str] = &["--set", "links.model=regions"];
    for (addr, more, why, hint) in [
        (&*closed, &[][..], "the connection was refused", "Is the node there running"),
        (&rude, &[], "the handshake failed", "Something answers there"),
        (stranger.listen(), &[], "it belongs to another network", "Are node.network and"),
        (other_links.listen(), &[], "it has links of another model", "Is links.model the same"),
        (stranger.listen(), shaped, "it has links of another model", "Is links.model the same"),
    ] {
        let (line, last) = left_alone_at(addr, more);
        let expected = format!("attempts: 1, the last at {addr}: {why} (1). {hint}");
        assert!(line.contains(&expected), "{expected}: {line}");
        assert_eq!(last, why);
    }
}

#[test]
fn a_level_that_is_misspelt_is_refused_with_what_was_meant() {
    let folder = Folder::new();
    let error = folder.fails(78, &["run", "--listen", "127.0.0.1:0", "--log", "inof"]);
    assert!(error.contains("`inof` is no level; did you mean `info`?"), "{error}");
}

#[test]
fn submit_without_arguments_says_what_to_type() {
    let folder = Folder::new();
    let error = folder.fails(64, &["submit"]);
    for way in ["tidings submit tx.bin", "standard input", "tidings submit --payload hello"] {
        assert!(error.contains(way), "{error}");
    }
    assert_eq!(error.lines().count(), 1, "{error}");
    let help = String::from_utf8(folder.tidings(&["submit", "--help"]).stdout).unwrap();
    assert!(help.contains("Examples:\n  tidings submit --payload hello"), "{help}");
}

#[test]
fn a_payload_may_begin_with_a_hyphen() {
    let folder = Folder::new();
    let _node = folder.run(&[]);
    for (nonce, payload) in [("1", "-x"), ("2", "--fee"), ("3", "-")] {
        let args = ["submit", "--nonce", nonce, "--payload", payload];
        let submitted = folder.json(&args);
        assert_eq!(submitted["outcome"], "accepted", "{payload}");
        let item = folder.json(&["item", submitted["id"].as_str().unwrap()]);
        assert_eq!(item["fields"]["payload"], payload);
    }
}

#[test]
fn a_transaction_that_conflicts_names_its_rival_to_whoever_submits_it_and_in_its_story() {
    let folder = Folder::new();
    let _node = folder.run(&[]);
    let first = folder.json(&["submit", "--nonce", "7", "--payload", "first"]);
    let rival = first["id"].as_str().unwrap();
    let second = ["submit", "--nonce", "7", "--fee", "1000", "--payload", "second"];
    let output = folder.tidings(&[&second[..], &["--json"]].concat());
    assert_eq!(code(&output), 1);
    let refused: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&refused["outcome"], &refused["rule"]),
        (&json!("rejected"), &json!("conflicts-with-pool"))
    );
    // These rules vouch for no fee, so none helps.
    assert_eq!(refused["rival"], json!({ "id": rival, "least_fee": null }));
    let text = String::from_utf8(folder.tidings(&second).stdout).unwrap();
    let sentence = format!(
        "(conflicts-with-pool): it conflicts with {rival}, which was first; no fee would make it replace that one"
    );
    assert!(text.starts_with("rejected ") && text.contains(&sentence), "{text}");
    let id = refused["id"].as_str().unwrap();
    let story = folder.tidings(&["explain", "tx", id]);
    let text = String::from_utf8(story.stdout).unwrap();
    assert!(text.contains(&sentence), "{text}");
    assert_eq!(
        folder.json(&["explain", "tx", id])["steps"].as_array().unwrap().last().unwrap()["rival"]["id"],
        rival
    );
}

/// The head of an answer to a request, and what there is of its body.
fn ask(folder: &Folder, method: &str, path: &str, body: &str) -> String {
    let mut stream = UnixStream::connect(folder.file("admin.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut head = String::new();
    let mut answer = BufReader::new(stream);
    while answer.read_line(&mut head).unwrap() > 2 {}
    head.to_ascii_lowercase()
}

#[test]
fn whatever_a_route_refuses_is_told_as_a_problem() {
    let folder = Folder::new();
    let node = folder.run(&["--metrics", "127.0.0.1:0"]);
    let description = include_str!("../../openapi.json");
    let description: Value = serde_json::from_str(description).unwrap();
    let mut refused = 0;
    for path in description["paths"].as_object().unwrap().keys() {
        // Answered, and then the node would be gone; or what is told isn't that anything was refused.
        if ["/v1/stop", "/healthy", "/ready"].contains(&&**path) {
            continue;
        }
        let named = path.replace('{', "").replace('}', "%ff");
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            for (path, body) in
                [(&named, ""), (&named, "no such thing"), (&format!("{named}?x=y"), "{}")]
            {
                let head = ask(&folder, method, path, body);
                let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
                if status >= 400 {
                    refused += 1;
                    assert!(
                        head.contains("content-type: application/problem+json"),
                        "{method} {path} with `{body}`: {head}"
                    );
                }
            }
        }
    }
    assert!(refused > 200, "{refused}");
    let metrics = node.ready["metrics"].as_str().unwrap();
    for path in ["/", "/v1/status", "/metrics/more"] {
        let answer = get(metrics, path);
        assert!(answer.contains("application/problem+json"), "{path}: {answer}");
    }
}

#[test]
#[cfg(feature = "quic")]
fn the_default_build_speaks_quic() {
    let (first, second) = (Folder::new(), Folder::new());
    let here = first.start(first.command(&["run", "--json", "--listen", "127.0.0.1:0/quic"]));
    assert!(here.listen().ends_with("/quic"), "{}", here.listen());
    let _there = second.run(&["--connect", here.listen()]);
    eventually("they connect", || first.json(&["peers"])["peers"] != json!([]));
    let shaped = ["--set", "links.model=regions", "--listen", "127.0.0.1:0/quic"];
    let error = Folder::new().fails(78, &[&["run"][..], &shaped].concat());
    assert!(error.contains("a node whose links are emulated (links.model) has no QUIC"), "{error}");
}

#[test]
#[cfg(not(feature = "quic"))]
fn a_build_without_quic_says_so_of_an_address_that_needs_it() {
    let folder = Folder::new();
    for args in [["--listen", "127.0.0.1:0/quic"], ["--connect", "127.0.0.1:1/quic"]] {
        let error = folder.fails(78, &[&["run"][..], &args].concat());
        assert!(error.contains(args[1]) && error.contains("this build has no QUIC"), "{error}");
    }
    let (_, why) = left_alone_at("127.0.0.1:1/quic", &[]);
    assert_eq!(why, "this node has no QUIC");
}
