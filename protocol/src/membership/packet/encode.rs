//! How the bodies of SWIM's own parts look in bytes. The table stands at [`super`].

use std::sync::Arc;

use super::super::bytes::put_id;
use super::super::profile::Profile;
use super::{Ack, Alive, Failed, Left, Nack, Ping, PingReq, Suspect};
use crate::wire::bytes::{Encode, Malformed, Reader};

impl Encode for Ping {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.seq.to_le_bytes());
        put_id(self.target, out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { seq: input.u32()?, target: input.id()? })
    }
}

impl Encode for Ack {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.seq.to_le_bytes());
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { seq: input.u32()? })
    }
}

impl Encode for PingReq {
    fn put(&self, out: &mut Vec<u8>) {
        Ping { seq: self.seq, target: self.target }.put(out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ping::take(input).map(|Ping { seq, target }| Self { seq, target })
    }
}

impl Encode for Nack {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.seq.to_le_bytes());
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { seq: input.u32()? })
    }
}

impl Encode for Alive {
    fn put(&self, out: &mut Vec<u8>) {
        put_id(self.id, out);
        out.extend_from_slice(&self.incarnation.to_le_bytes());
        self.profile.put(out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (id, incarnation) = (input.id()?, input.u32()?);
        Ok(Self { id, incarnation, profile: Arc::new(Profile::take(input)?) })
    }
}

impl Encode for Suspect {
    fn put(&self, out: &mut Vec<u8>) {
        let Self { id, incarnation, by, nacks } = *self;
        Failed { id, incarnation, by }.put(out);
        out.push(nacks);
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let Failed { id, incarnation, by } = Failed::take(input)?;
        Ok(Self { id, incarnation, by, nacks: input.u8()? })
    }
}

impl Encode for Failed {
    fn put(&self, out: &mut Vec<u8>) {
        put_id(self.id, out);
        out.extend_from_slice(&self.incarnation.to_le_bytes());
        put_id(self.by, out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { id: input.id()?, incarnation: input.u32()?, by: input.id()? })
    }
}

impl Encode for Left {
    fn put(&self, out: &mut Vec<u8>) {
        put_id(self.id, out);
        out.extend_from_slice(&self.incarnation.to_le_bytes());
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { id: input.id()?, incarnation: input.u32()? })
    }
}
