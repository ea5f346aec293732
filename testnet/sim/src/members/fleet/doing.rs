//! What members are told to do by their operators.

use tidings_protocol::ground::time::Time;
use tidings_protocol::membership::filter::Filter;
use tidings_protocol::membership::{Input, MemberId};

use super::{Fleet, addr, id};

impl Fleet {
    /// One asks the first, or the second if it is that, who is there.
    pub fn join(&mut self, number: u32) {
        let seed = addr(u32::from(number == 0));
        self.hand(number, Input::Joining(&[seed]));
    }

    /// One leaves in order. Its process goes on until the machine says that it has left.
    pub fn leave(&mut self, number: u32) {
        self.hosts[number as usize].is_met = true;
        self.hand(number, Input::Leave);
    }

    /// One writes a key of its own.
    pub fn write(&mut self, number: u32, key: &[u8], value: &[u8]) {
        self.hand(number, Input::Set { key, value });
    }

    /// A consensus tells one that it leads a group.
    pub fn claim(&mut self, number: u32, group: &[u8], epoch: u64) {
        let address = addr(number).to_string();
        let (leader, address) = (id(number), address.as_bytes());
        self.hand(number, Input::Claim { group, epoch, leader, address });
    }

    /// One fires an event for all, of so many bytes.
    pub fn fire(&mut self, number: u32, name: &[u8], bytes: usize) {
        let (payload, filter) = (vec![0; bytes], Filter::default());
        let fire = Input::Fire { name, payload: &payload, coalesce: false, filter: &filter };
        self.hand(number, fire);
    }

    /// When members heard of events, since this was last taken.
    pub fn take_heard(&mut self) -> Vec<Time> {
        std::mem::take(&mut self.heard)
    }

    /// What one is known by.
    #[must_use]
    pub fn id(number: u32) -> MemberId {
        id(number)
    }
}
