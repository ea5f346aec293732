//! What an operator does by mistake leaves nothing behind, and is told.

use std::fs;
use std::process::Command;

use super::{Folder, code, stderr};

#[test]
fn a_folder_that_is_no_data_folder_is_left_as_it_is() {
    let folder = Folder::empty();
    fs::create_dir(folder.path()).unwrap();
    fs::write(folder.file("passwd"), "precious").unwrap();
    for args in [&["run"][..], &["config"], &["store", "check"]] {
        let error = folder.fails(78, args);
        assert!(error.contains("is no data folder") && error.contains("tidings init"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{args:?} left something");
    }
}

#[test]
fn settings_of_a_folder_that_is_not_there_are_no_settings() {
    let error = Folder::empty().fails(78, &["config"]);
    assert!(error.contains("there is no data folder"), "{error}");
    assert!(error.contains("tidings init"), "{error}");
}

#[test]
fn limits_that_make_no_sense_are_refused_by_name() {
    let folder = Folder::new();
    for (setting, said) in [
        ("params.peers.outbound=99999999", "is 99999999, but must be 1000 at most"),
        ("params.memory.pool_max_bytes=9223372036854775807", "1099511627776 at most"),
        ("log.keep=1000", "`log.keep`"),
    ] {
        for verb in ["run", "config"] {
            let error = folder.fails(78, &[verb, "--set", setting]);
            assert!(error.contains(said), "{error}");
        }
    }
}

/// A command in whose process no file may become larger than so many bytes, as if the disk were full then.
fn with_little_room(command: &Command, bytes: u32) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", bytes / 512);
    shell.args(["-c", &script]).arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    shell
}

#[test]
fn a_data_folder_that_cannot_be_made_leaves_nothing() {
    // The settings don't fit; and then nothing does.
    for bytes in [4_096, 0] {
        let folder = Folder::empty();
        let output = with_little_room(&folder.command(&["init"]), bytes).output().unwrap();
        assert_eq!(code(&output), 1, "{}", stderr(&output));
        assert!(stderr(&output).starts_with("tidings: cannot "), "{}", stderr(&output));
        assert!(!folder.path().exists(), "with {bytes} bytes");
        folder.json(&["init"]);
        // A folder that was there stays, with what is in it.
        let folder = Folder::empty();
        fs::create_dir(folder.path()).unwrap();
        fs::write(folder.file("notes"), "").unwrap();
        let output = with_little_room(&folder.command(&["init"]), bytes).output().unwrap();
        assert_eq!(code(&output), 1, "{}", stderr(&output));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        folder.json(&["init"]);
    }
}
