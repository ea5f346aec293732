//! Others' nodes: what they can't do, and where their programs are.

use std::path::{Path, PathBuf};

use tidings_protocol::chain::Rules;
use tidings_sim::overlay::Shape;

use crate::manifest::contender::Contender;
use crate::manifest::{Manifest, Workload};

/// Refuses what only our own nodes can do.
///
/// # Errors
/// A sentence about the first such setting.
pub fn check(manifest: &Manifest) -> Result<(), String> {
    let Manifest { network, workload, members, slow_motion, .. } = manifest;
    let refused = |key: &str, why: &str| Err(format!("{key}: a contender {why}"));
    if network.rules != Rules::Opaque {
        return refused("network.rules", "looks into no item: use opaque");
    }
    if network.topology == Shape::Gossip {
        return refused(
            "network.topology",
            "finds no peers by itself: use outbound or another shape",
        );
    }
    if matches!(workload, Workload::BitcoinBlock { .. }) {
        return refused("workload.kind", "relays no blocks: use transfers");
    }
    if members.is_some() {
        return refused("members", "is no member of a fleet: leave it out");
    }
    if slow_motion.is_some_and(|slow| slow.times() > 1) {
        return refused(
            "slow_motion",
            "keeps the time of its own libraries, which is real: leave it out",
        );
    }
    Ok(())
}

/// The program of a contender: beside this one, or where a release build puts it.
///
/// # Errors
/// The sentence that says how to build it.
pub fn find(contender: Contender) -> Result<PathBuf, String> {
    let own = std::env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(Path::to_owned);
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    find_in(contender, beside.into_iter().chain([target.join("release")]))
}

fn find_in(
    contender: Contender,
    folders: impl IntoIterator<Item = PathBuf>,
) -> Result<PathBuf, String> {
    let program = contender.program();
    let mut programs = folders.into_iter().map(|folder| folder.join(program));
    let found = programs.find(|path| path.is_file()).and_then(|path| path.canonicalize().ok());
    found.ok_or_else(|| {
        let release = if cfg!(debug_assertions) { "" } else { " --release" };
        format!(
            "there is no program {program} beside this one, nor under target/release: build it with \
             `cargo build{release} -p {program}`, or name one with --node-binary"
        )
    })
}

#[cfg(test)]
mod tests {
    use tidings::config::members::MembersPreset;
    use tidings::lab::slow_motion::SlowMotion;

    use super::*;

    #[test]
    fn a_contender_is_found_beside_this_program() {
        let temp = tempfile::tempdir().unwrap();
        let program = temp.path().join(Contender::GossipsubEth.program());
        let find =
            || find_in(Contender::GossipsubEth, [temp.path().join("no"), temp.path().into()]);
        std::fs::write(&program, "").unwrap();
        assert_eq!(find(), Ok(program.canonicalize().unwrap()));
    }

    #[test]
    fn a_contender_that_is_not_built_says_how_to_build_it() {
        let error = find_in(Contender::Gossipsub, []).unwrap_err();
        assert!(error.contains("cargo build") && error.contains("-p tidings-gossipsub"), "{error}");
    }

    #[test]
    fn what_only_our_own_nodes_can_do_is_refused() {
        let contended = Manifest::contended_by_default();
        assert_eq!(check(&contended), Ok(()));
        type Change = fn(&mut Manifest);
        let cases: [(Change, &str); 4] = [
            (|manifest| manifest.network.rules = Rules::Tidings, "network.rules"),
            (|manifest| manifest.network.topology = Shape::Gossip, "network.topology"),
            (|manifest| manifest.members = Some(MembersPreset::Fleet), "members"),
            (|manifest| manifest.slow_motion = SlowMotion::try_from(5).ok(), "slow_motion"),
        ];
        for (change, key) in cases {
            let mut manifest = contended.clone();
            change(&mut manifest);
            let error = check(&manifest).unwrap_err();
            assert!(error.starts_with(key), "{error}");
        }
    }
}
