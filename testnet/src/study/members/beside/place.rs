//! A network namespace for the measurement alone: the kernel counts by namespace, so whatever else the machine sends isn't counted.
//!
//! The program becomes `unshare`, which becomes the program again, in a namespace of its own in which nothing but loopback is, switched on by `ip`. That
//! takes root, or a system that lets anybody have a namespace of users. Where neither is allowed the measurement goes on where it is,
//! and says what may be wrong with it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// How the program knows that it is there already: the last of its arguments.
pub(super) const INSIDE: &str = "inside-namespace";

/// What `unshare` is asked for: as root, and as anybody.
const WAYS: [&[&str]; 2] = [&["--net"], &["--user", "--map-root-user", "--net"]];

/// Continues in a namespace of its own, as another process image; returns only if that can't be, and says why.
pub(super) fn enter(mut args: impl Iterator<Item = OsString>) -> String {
    let Some(program) = std::env::current_exe().ok() else {
        return "this program can't be found".to_owned();
    };
    let _ = args.next();
    let mut why = String::new();
    for way in WAYS {
        let tried =
            Command::new("unshare").args(way).args(["ip", "link", "set", "lo", "up"]).output();
        match tried {
            Err(error) => return format!("there is no `unshare` (util-linux) here: {error}"),
            Ok(output) if output.status.success() => {
                let mut command = Command::new("unshare");
                command.args(way).args(["sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]);
                command.arg(&program).args(args).arg(format!("--{INSIDE}"));
                return command.exec().to_string();
            }
            Ok(output) => why = first_line(&output.stderr),
        }
    }
    why
}

fn first_line(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    said.lines().next().unwrap_or("`unshare` refuses").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_a_line() {
        let said = b"unshare: unshare failed: Operation not permitted\nmore\n";
        assert_eq!(first_line(said), "unshare: unshare failed: Operation not permitted");
        assert_eq!(first_line(b""), "`unshare` refuses");
    }
}
