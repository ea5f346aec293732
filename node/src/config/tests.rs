use super::*;

fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// Resolves settings from the text of a file, variables and flags.
fn resolve_all(
    text: &str,
    variables: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<Resolved, ConfigError> {
    let (_folder, path) = written(text);
    let owned = |pairs: &[(&str, &str)]| -> Vec<_> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    };
    let flag = |(key, text): (String, String)| Flag { name: format!("--set {key}"), key, text };
    let flags: Vec<Flag> = owned(flags).into_iter().map(flag).collect();
    resolve(&path, owned(variables), &flags)
}

fn error(text: &str) -> String {
    let error = resolve_all(text, &[], &[]).unwrap_err().to_string();
    // The folder's name is random.
    let (before, after) = error.split_once("/config.toml").expect("the file should be named");
    format!(
        "{}config.toml{after}",
        before.rsplit_once(' ').map_or("", |(text, _)| text).to_owned() + " "
    )
}

#[test]
fn later_layers_win_and_each_value_knows_its_origin() {
    let resolved = resolve_all(
        "[params.peers]\noutbound = 3\nbook_max = 30\ninbound_max = 300\n",
        &[("TIDINGS_PARAMS__PEERS__BOOK_MAX", "40"), ("TIDINGS_PARAMS__PEERS__INBOUND_MAX", "400")],
        &[("params.peers.inbound_max", "500")],
    );
    let Resolved { config, layered } = resolved.unwrap();
    let peers = &config.params.peers;
    assert_eq!((peers.outbound, peers.book_max, peers.inbound_max), (3, 40, 500));
    let layer = |key: &str| layered.origin(&format!("params.peers.{key}")).layer();
    assert_eq!(
        ["dialling_max", "outbound", "book_max", "inbound_max"].map(layer),
        ["default", "file", "env", "flag"]
    );
    assert!(matches!(layered.origin("params.peers.outbound"), Origin::File { line: 2, .. }));
}

#[test]
fn a_missing_file_leaves_the_defaults() {
    let resolved = resolve(Path::new("/nonexistent/config.toml"), [], &[]).unwrap();
    assert_eq!(resolved.config, Config::default());
}

#[test]
fn an_unknown_key_is_refused_with_a_suggestion() {
    assert_eq!(
        error("[node]\nlistne = []\n"),
        "unknown key `node.listne` in config.toml, line 2; did you mean `node.listen`?"
    );
    assert_eq!(
        error("[relay]\nstrategy = 'flood'\n"),
        "unknown key `relay.strategy` in config.toml, line 2; did you mean `params.relay.strategy`?"
    );
    assert_eq!(
        error("[weather]\nsunny = true\n"),
        "unknown key `weather.sunny` in config.toml, line 2"
    );
    assert_eq!(error("[weather]\n"), "unknown key `weather` in config.toml, line 1");
}

#[test]
fn a_value_of_the_wrong_type_names_key_file_and_line() {
    assert_eq!(
        error("\n[params.peers]\noutbound = 'ten'\n"),
        "`params.peers.outbound` in config.toml, line 3 must be a whole number, not a string"
    );
    assert_eq!(
        error("node = 3\n"),
        "`node` in config.toml, line 1 is a section, not a setting; it has settings such as `node.advertise`"
    );
    let message = error("[params.peers]\noutbound = -1\n");
    assert!(
        message.starts_with("`params.peers.outbound` in config.toml, line 2 is -1, but: "),
        "{message}"
    );
}

#[test]
fn a_value_out_of_range_names_key_file_and_line() {
    let message = error("[node]\nlisten = ['localhost:4000']\n");
    assert!(message.starts_with("`node.listen` in config.toml, line 2 is "), "{message}");
    assert!(message.contains("`localhost:4000` is not an address"), "{message}");
    let message = error("[params.relay]\nstrategy = 'shout'\n");
    assert!(message.contains("unknown variant `shout`"), "{message}");
    assert_eq!(
        error("[params.memory]\nseen_max = 0\n"),
        "`params.memory.seen_max` in config.toml, line 2 is 0, but must be at least 1"
    );
    let message = error("[lab]\nslow_motion = 0\n");
    assert!(message.contains("`lab.slow_motion` in config.toml, line 2"), "{message}");
    assert!(message.contains("must be a whole number of times, 1 to 1000"), "{message}");
    let message = error("[params.budgets.messages]\nper_s = -1\n");
    assert!(
        message.starts_with("`params.budgets.messages` in config.toml, line 2 is "),
        "{message}"
    );
}

#[test]
fn broken_toml_names_file_and_line() {
    let message = error("[node]\nlisten = [\n");
    assert!(message.contains("config.toml, line "), "{message}");
    assert!(message.contains("is not valid TOML"), "{message}");
}

#[test]
fn variables_are_read_as_the_type_of_their_setting() {
    let resolved = resolve_all(
        "",
        &[
            ("TIDINGS_NODE__LISTEN", "127.0.0.1:1, 127.0.0.1:2"),
            ("TIDINGS_NODE__BOOTSTRAP", "[\"127.0.0.1:3\"]"),
            ("TIDINGS_LOG__FILTER", "debug"),
            ("TIDINGS_LINKS__SEED", "7"),
            ("TIDINGS_PARAMS__BUDGETS__MESSAGES__PER_S", "5"),
            ("TIDINGS_PARAMS__RELAY__STRATEGY", "flood"),
        ],
        &[("node.connect", "")],
    );
    let config = resolved.unwrap().config;
    assert_eq!((config.node.listen.len(), config.node.bootstrap.len()), (2, 1));
    assert_eq!((config.log.filter.as_str(), config.links.seed), ("debug", 7));
    assert!((config.params.budgets.messages.per_s - 5.0).abs() < f64::EPSILON);
    assert!(config.node.connect.is_empty());
}

#[test]
fn an_ipv6_address_is_a_flag_a_variable_and_a_line_of_the_file() {
    let expected: Vec<PeerAddr> =
        ["[::1]:4000", "127.0.0.1:4000"].map(|text| text.parse().unwrap()).to_vec();
    for (file, variable, flag) in [
        ("[node]\nlisten = ['[::1]:4000', '127.0.0.1:4000']\n", None, None),
        ("", Some("[::1]:4000,127.0.0.1:4000"), None),
        ("", Some("['[::1]:4000', '127.0.0.1:4000']"), None),
        ("", None, Some("[::1]:4000, 127.0.0.1:4000")),
        ("", None, Some("[::1]:4000,[::ffff:127.0.0.1]:4000")),
    ] {
        let variables: Vec<_> =
            variable.map(|text| ("TIDINGS_NODE__LISTEN", text)).into_iter().collect();
        let flags: Vec<_> = flag.map(|text| ("node.listen", text)).into_iter().collect();
        let config = resolve_all(file, &variables, &flags).unwrap().config;
        assert_eq!(config.node.listen, expected, "{file}{variable:?}{flag:?}");
    }
    let one = resolve_all("", &[("TIDINGS_NODE__ADVERTISE", "[2a00::1]:4000")], &[]);
    assert_eq!(one.unwrap().config.node.advertise, Some("[2a00::1]:4000".parse().unwrap()));
    let error = resolve_all("", &[("TIDINGS_NODE__LISTEN", "[::1]")], &[]).unwrap_err().to_string();
    assert!(error.contains("`[::1]` is not an address"), "{error}");
}

#[test]
fn a_mistaken_variable_is_refused_by_its_name() {
    let error =
        |name: &str, text: &str| resolve_all("", &[(name, text)], &[]).unwrap_err().to_string();
    assert_eq!(
        error("TIDINGS_NODE__LISTNE", "x"),
        "unknown key `node.listne` in environment variable TIDINGS_NODE__LISTNE; \
         did you mean `TIDINGS_NODE__LISTEN`?"
    );
    assert!(error("TIDINGS_LOG_FILTER", "x").ends_with("did you mean `TIDINGS_LOG__FILTER`?"));
    assert_eq!(
        error("TIDINGS_LINKS__SEED", "x"),
        "`links.seed` in environment variable TIDINGS_LINKS__SEED must be a whole number, not `x`"
    );
}

#[test]
fn variables_of_others_are_left_alone() {
    let variables = [
        ("TIDINGS_DATA_DIR", "/x"),
        ("TIDINGS_SERVICE_HOST", "10.0.0.1"),
        ("TIDINGS_PORT", "tcp://10.0.0.1:4000"),
        ("TIDINGS_PORT_4000_TCP_ADDR", "10.0.0.1"),
        ("TIDINGS_SEED_SERVICE_PORT_P2P", "4000"),
        ("PATH", "/bin"),
    ];
    assert_eq!(resolve_all("", &variables, &[]).unwrap().config, Config::default());
}

#[test]
fn the_template_changes_nothing_as_it_is() {
    assert_eq!(resolve_all(TEMPLATE, &[], &[]).unwrap().config, Config::default());
}

/// The template with every setting taken at its word.
fn uncommented() -> String {
    let setting = |line: &str| {
        line.strip_prefix("# ")
            .filter(|rest| {
                rest.split_once(" = ").is_some_and(|(key, _)| !key.is_empty() && !key.contains(' '))
            })
            .map(str::to_owned)
    };
    let lines = TEMPLATE.lines().map(|line| setting(line).unwrap_or_else(|| line.to_owned()));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_template_shows_every_setting_with_its_default() {
    let Resolved { mut config, layered } = resolve_all(&uncommented(), &[], &[]).unwrap();
    for key in schema().keys() {
        assert_eq!(layered.origin(key).layer(), "file", "{key} is missing in template.toml");
    }
    config.node.advertise = None;
    config.admin.tcp = None;
    config.metrics.listen = None;
    (config.trace.file, config.log.file, config.capture.file) = (None, None, None);
    config.lab.slow_motion = None;
    config.node.region = None;
    config.node.asmap = None;
    (config.blocks.kept, config.blocks.max_bytes) = (None, None);
    (config.members.name, config.members.advertise) = (None, None);
    config.params.record.steps = None; // which a node takes as what the template shows
    let relay = &mut config.params.relay;
    (relay.local_fanout, relay.remote_fanout) = (None, None);
    (relay.adaptive.redundancy, relay.adaptive.compare_ms) = (None, None);
    assert_eq!(config, Config::default());
}
