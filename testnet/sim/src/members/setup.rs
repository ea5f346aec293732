//! All settings of a simulated fleet, as plain data.

use tidings_protocol::membership::Settings;

use crate::fault::FaultSpec;
use crate::latency::{Draw, LinkSpec};

/// Most members: as many as one knows by default ([`Settings::members_max`]).
pub const MEMBERS_MAX: usize = 16_384;

/// All settings of a simulated fleet. Two runs with equal ones don't differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// How many members.
    pub members: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// What lies between members.
    pub link: LinkSpec,
    /// What goes wrong on purpose. Times count from the end of the [warm-up](Setup::warmup_s).
    pub fault: Vec<FaultSpec>,
    /// Whom they know in the beginning.
    pub start: Start,
    /// How long they are left alone in the beginning, seconds.
    pub warmup_s: f64,
    /// After a pause, timers come before what waits in sockets, against what a driver promises: as where each timer is a thread of its own, and
    /// whoever is overloaded finds that its time is over before it finds the answer.
    pub is_rash: bool,
    /// How each of them behaves.
    pub settings: Settings,
}

/// Whom members know in the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// All others.
    Acquainted,
    /// Nobody. They ask the first of them, all at once.
    Joining,
    /// Nobody, and nobody asks.
    Strangers,
}

/// How a member's process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// It runs.
    Running,
    /// It stands still (SIGSTOP), and what comes for it waits.
    Paused,
    /// Its timers go on, and what comes and what it sends waits: so does Lifeguard's paper make a member slow, and so is one whose threads
    /// for the network are starved.
    Muffled,
    /// It was killed: streams to it are refused.
    Killed,
    /// Its machine is gone: nothing comes back.
    Vanished,
}

impl Process {
    /// Whether its timers go on.
    #[must_use]
    pub const fn has_timers(self) -> bool {
        matches!(self, Self::Running | Self::Muffled)
    }
}

impl Setup {
    /// Members of a local network, in which a message takes 0.2 to 1 ms, who know one another.
    #[must_use]
    pub fn lan(members: usize, settings: &Settings, seed: u64) -> Self {
        Self {
            members,
            seed,
            link: LinkSpec::Uniform { min_ms: 0.2, max_ms: 1.0, draw: Draw::Message },
            fault: Vec::new(),
            start: Start::Acquainted,
            warmup_s: 10.0,
            is_rash: false,
            settings: settings.clone(),
        }
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// A sentence about the first that makes no sense.
    pub fn validate(&self) -> Result<(), String> {
        if !(2..=MEMBERS_MAX).contains(&self.members) {
            return Err(format!(
                "there are {} members, but must be 2 to {MEMBERS_MAX}",
                self.members
            ));
        }
        if !(0.0..=1e6).contains(&self.warmup_s) {
            return Err(format!("the warm-up is {} s, but must be 0 to 1000000", self.warmup_s));
        }
        self.link.validate()?;
        for fault in &self.fault {
            fault.validate(self.members)?;
            let is_of_links = !fault.named_links().is_empty();
            if is_of_links || matches!(fault, FaultSpec::Clog { .. } | FaultSpec::Liar { .. }) {
                let name = fault.name();
                return Err(format!(
                    "fault {name} has no meaning among members: they have no links, and speak otherwise"
                ));
            }
        }
        Ok(())
    }
}
