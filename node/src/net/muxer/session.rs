//! One side of a Yamux session without its socket: bytes in, bytes out, and what waits in between.

use std::collections::VecDeque;
use std::task::Waker;

use bytes::{Buf as _, BytesMut};
use tokio::time::Instant;

use super::frame::{ACK, FIN, HEAD_LEN, Head, Kind, RST, SYN};
use super::patience::Patience;
use super::{
    ANSWER_MAX, CONTROL_MAX, FIRST_WINDOW, Fault, OUT_MAX, STREAMS_MAX, WAITING_MAX, WINDOW,
};

/// Longest data frame that is sent, bytes: others get their turn in between (`split_send_size` of rust-yamux).
const DATA_MAX: usize = 16 << 10;

/// An empty buffer with more room than this gives it back.
const KEEP_MAX: usize = 4 << 10;

/// Who dialled: of whom all streams have odd numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Dialler,
    Listener,
}

/// One side of a session.
#[derive(Debug)]
pub(super) struct Session {
    role: Role,
    /// At most [`STREAMS_MAX`].
    streams: Vec<(u32, Flow)>,
    /// Streams that the peer opened and nobody took yet.
    accepted: VecDeque<u32>,
    next: u32,
    head: [u8; HEAD_LEN],
    head_len: usize,
    body: Option<Body>,
    /// What is to be written: at most [`OUT_MAX`] of data, and [`CONTROL_MAX`] besides.
    pub(super) out: BytesMut,
    patience: Patience,
}

/// Data that is still to come of a frame.
#[derive(Clone, Copy, Debug)]
struct Body {
    stream: u32,
    left: usize,
    fin: bool,
}

/// A stream.
#[derive(Debug)]
struct Flow {
    is_ours: bool,
    /// What came and wasn't read: at most [`WINDOW`].
    buffer: VecDeque<u8>,
    /// What the peer may still send.
    window: usize,
    /// What we may still send.
    credit: u32,
    /// Flags for the next frame.
    due: u16,
    no_more_comes: bool,
    no_more_goes: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Flow {
    fn new(is_ours: bool) -> Self {
        Self {
            is_ours,
            buffer: VecDeque::new(),
            window: FIRST_WINDOW,
            credit: u32::try_from(FIRST_WINDOW).unwrap_or(u32::MAX),
            due: if is_ours { SYN } else { ACK },
            no_more_comes: false,
            no_more_goes: false,
            reader: None,
            writer: None,
        }
    }

    fn end(&mut self) {
        (self.no_more_comes, self.no_more_goes) = (true, true);
        self.wake();
    }

    fn wake(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }

    /// Doubles the room when it is used up, but never beyond what may wait.
    fn append(&mut self, data: &[u8]) {
        let len = self.buffer.len() + data.len();
        if len > self.buffer.capacity() {
            let room = len.max(2 * self.buffer.capacity()).min(len.max(WINDOW));
            self.buffer.reserve_exact(room - self.buffer.len());
        }
        self.buffer.extend(data);
    }
}

impl Session {
    pub(super) fn new(role: Role, now: Instant) -> Self {
        Self {
            role,
            streams: Vec::new(),
            accepted: VecDeque::new(),
            next: if role == Role::Dialler { 1 } else { 2 },
            head: [0; HEAD_LEN],
            head_len: 0,
            body: None,
            out: BytesMut::new(),
            patience: Patience::new(now),
        }
    }

    /// Memory of all that waits, bytes.
    pub(super) fn held_bytes(&self) -> usize {
        let streams: usize = self.streams.iter().map(|(_, flow)| flow.buffer.capacity()).sum();
        streams + self.out.capacity() + self.streams.capacity() * size_of::<(u32, Flow)>()
    }

    fn flow(&mut self, id: u32) -> Option<&mut Flow> {
        self.streams.iter_mut().find(|(stream, _)| *stream == id).map(|(_, flow)| flow)
    }

    /// Opens a stream; the peer learns of it by the first frame.
    ///
    /// # Errors
    /// When there are as many as may be.
    pub(super) fn open(&mut self) -> Result<u32, Fault> {
        if self.streams.len() >= STREAMS_MAX {
            return Err(Fault::Streams);
        }
        let id = self.next;
        self.next = id.checked_add(2).ok_or(Fault::Streams)?;
        self.streams.push((id, Flow::new(true)));
        Ok(id)
    }

    /// The next stream that the peer opened.
    pub(super) fn accept(&mut self) -> Option<u32> {
        self.accepted.pop_front()
    }

    /// Whether the peer opened a stream that nobody took yet.
    pub(super) fn has_accepted(&self) -> bool {
        !self.accepted.is_empty()
    }

    /// Bytes came.
    ///
    /// # Errors
    /// When no honest peer would have sent them; the session can't go on.
    pub(super) fn receive(&mut self, mut bytes: &[u8], now: Instant) -> Result<(), Fault> {
        while !bytes.is_empty() {
            if let Some(body) = self.body {
                let (data, rest) = bytes.split_at(body.left.min(bytes.len()));
                bytes = rest;
                self.on_data(body, data)?;
                continue;
            }
            let wanted = (HEAD_LEN - self.head_len).min(bytes.len());
            let (part, rest) = bytes.split_at(wanted);
            self.head[self.head_len..self.head_len + wanted].copy_from_slice(part);
            (bytes, self.head_len) = (rest, self.head_len + wanted);
            if self.head_len == HEAD_LEN {
                self.head_len = 0;
                self.on_head(Head::read(self.head)?, now)?;
            }
        }
        Ok(())
    }

    fn on_head(&mut self, head: Head, now: Instant) -> Result<(), Fault> {
        // A data frame with data pays for itself; whatever else comes is charged, once a frame.
        let is_known = self.flow(head.stream).is_some_and(|flow| !flow.no_more_comes);
        let carries = head.kind == Kind::Data && head.length > 0 && is_known;
        if (!carries || head.has(SYN | RST)) && !self.patience.spend(now) {
            return Err(Fault::Flood);
        }
        match head.kind {
            Kind::Data | Kind::Window => self.on_stream_frame(head),
            Kind::Ping if head.has(SYN) => {
                self.control(Head { kind: Kind::Ping, flags: ACK, ..head })
            }
            Kind::Ping => Ok(()),
            Kind::GoAway => Err(Fault::Closed),
        }
    }

    fn on_stream_frame(&mut self, head: Head) -> Result<(), Fault> {
        let id = head.stream;
        if head.has(SYN) {
            self.on_syn(id)?;
        }
        if head.has(RST) {
            self.flow(id).into_iter().for_each(Flow::end);
        }
        let length = head.length as usize;
        let Some(flow) = self.flow(id) else {
            // We reset it a moment ago.
            return self.skip(head);
        };
        if head.kind == Kind::Window {
            flow.credit = flow.credit.checked_add(head.length).ok_or(Fault::Credit)?;
            flow.writer.take().into_iter().for_each(Waker::wake);
            if head.has(FIN) {
                flow.no_more_comes = true;
                flow.wake();
            }
            return Ok(());
        }
        if flow.no_more_comes {
            return self.skip(head);
        }
        flow.window = flow.window.checked_sub(length).ok_or(Fault::Window)?;
        let body = Body { stream: id, left: length, fin: head.has(FIN) };
        self.body = Some(body);
        if length == 0 { self.on_data(body, &[]) } else { Ok(()) }
    }

    fn on_syn(&mut self, id: u32) -> Result<(), Fault> {
        let is_odd = id % 2 == 1;
        if id == 0 || is_odd == (self.role == Role::Dialler) || self.flow(id).is_some() {
            return Err(Fault::Stream(id));
        }
        if self.streams.len() >= STREAMS_MAX {
            return self.control(Head { kind: Kind::Data, flags: RST, stream: id, length: 0 });
        }
        self.streams.push((id, Flow::new(false)));
        self.accepted.push_back(id);
        Ok(())
    }

    /// Passes over the data of a stream that doesn't exist.
    fn skip(&mut self, head: Head) -> Result<(), Fault> {
        if head.kind == Kind::Data && head.length > 0 {
            let left = head.length as usize;
            if left > WINDOW {
                return Err(Fault::Window);
            }
            self.body = Some(Body { stream: 0, left, fin: false });
        }
        Ok(())
    }

    fn on_data(&mut self, mut body: Body, data: &[u8]) -> Result<(), Fault> {
        body.left -= data.len();
        self.body = Some(body).filter(|body| body.left > 0);
        let waiting: usize = self.streams.iter().map(|(_, flow)| flow.buffer.len()).sum();
        let Some(flow) = self.flow(body.stream) else { return Ok(()) };
        flow.append(data);
        if body.left == 0 && body.fin {
            flow.no_more_comes = true;
        }
        flow.reader.take().into_iter().for_each(Waker::wake);
        if flow.is_ours && flow.buffer.len() > ANSWER_MAX || waiting + data.len() > WAITING_MAX {
            return Err(Fault::Unasked);
        }
        self.patience.earn(data.len());
        Ok(())
    }

    /// Sends a frame without data.
    fn control(&mut self, head: Head) -> Result<(), Fault> {
        head.put(&mut self.out);
        // Whoever doesn't read gets no answers.
        if self.out.len() > OUT_MAX + CONTROL_MAX { Err(Fault::NotReading) } else { Ok(()) }
    }

    /// Reads what came on a stream; `None` if there is nothing yet, and the waker is kept.
    ///
    /// # Errors
    /// When answering the peer would have us hold too much.
    pub(super) fn read(
        &mut self,
        id: u32,
        into: &mut [u8],
        waker: &Waker,
    ) -> Result<Option<usize>, Fault> {
        let Some(flow) = self.flow(id) else { return Ok(Some(0)) };
        let (first, second) = flow.buffer.as_slices();
        let one = first.len().min(into.len());
        into[..one].copy_from_slice(&first[..one]);
        let two = second.len().min(into.len() - one);
        into[one..one + two].copy_from_slice(&second[..two]);
        flow.buffer.drain(..one + two);
        if flow.buffer.is_empty() && flow.buffer.capacity() > KEEP_MAX {
            flow.buffer = VecDeque::new();
        }
        if one + two == 0 && !flow.no_more_comes {
            flow.reader = Some(waker.clone());
            return Ok(None);
        }
        self.grant(id)?;
        Ok(Some(one + two))
    }

    /// Lets the peer send what has room again, once that is worth a frame.
    fn grant(&mut self, id: u32) -> Result<(), Fault> {
        // What is still to come of a frame is neither in the window any more nor in the buffer yet.
        let coming = self.body.filter(|body| body.stream == id).map_or(0, |body| body.left);
        let Some(flow) = self.flow(id) else { return Ok(()) };
        let room = WINDOW.saturating_sub(flow.window + flow.buffer.len() + coming);
        if flow.is_ours || flow.no_more_comes || room < WINDOW / 4 {
            return Ok(());
        }
        flow.window += room;
        let flags = std::mem::take(&mut flow.due);
        let length = u32::try_from(room).map_err(|_| Fault::Window)?;
        self.control(Head { kind: Kind::Window, flags, stream: id, length })
    }

    /// Queues data of a stream; how much of it, or `None` if nothing now, and the waker is kept.
    ///
    /// # Errors
    /// When the stream is closed for that.
    pub(super) fn write(
        &mut self,
        id: u32,
        data: &[u8],
        waker: &Waker,
    ) -> Result<Option<usize>, Fault> {
        let room = OUT_MAX.saturating_sub(self.out.len());
        let flow = self.flow(id).filter(|flow| !flow.no_more_goes).ok_or(Fault::Closed)?;
        let len = data.len().min(room).min(flow.credit as usize).min(DATA_MAX);
        if len == 0 && !data.is_empty() {
            flow.writer = Some(waker.clone());
            return Ok(None);
        }
        let length = u32::try_from(len).map_err(|_| Fault::Closed)?;
        flow.credit -= length;
        let flags = std::mem::take(&mut flow.due);
        Head { kind: Kind::Data, flags, stream: id, length }.put(&mut self.out);
        self.out.extend_from_slice(&data[..len]);
        self.patience.earn(len);
        Ok(Some(len))
    }

    /// Keeps a waker until something was written out.
    pub(super) fn wait_for_room(&mut self, id: u32, waker: &Waker) {
        if let Some(flow) = self.flow(id) {
            flow.writer = Some(waker.clone());
        }
    }

    /// So many bytes were written out.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.out.advance(bytes);
        if self.out.is_empty() {
            if self.out.capacity() > KEEP_MAX {
                self.out = BytesMut::new();
            }
            let writers = self.streams.iter_mut().filter_map(|(_, flow)| flow.writer.take());
            writers.for_each(Waker::wake);
        }
    }

    /// Nothing more is written on a stream.
    pub(super) fn finish(&mut self, id: u32) {
        if let Some(flow) = self.flow(id)
            && !std::mem::replace(&mut flow.no_more_goes, true)
        {
            let flags = std::mem::take(&mut flow.due) | FIN;
            Head { kind: Kind::Data, flags, stream: id, length: 0 }.put(&mut self.out);
        }
    }

    /// Nobody is interested in a stream any more.
    pub(super) fn forget(&mut self, id: u32) {
        let Some(place) = self.streams.iter().position(|(stream, _)| *stream == id) else { return };
        let (_, flow) = self.streams.swap_remove(place);
        let was_told = flow.due & SYN == 0;
        if was_told && !(flow.no_more_comes && flow.no_more_goes) {
            let flags = flow.due | RST;
            Head { kind: Kind::Data, flags, stream: id, length: 0 }.put(&mut self.out);
        }
    }

    /// Says that the session is over.
    pub(super) fn go_away(&mut self) {
        Head { kind: Kind::GoAway, flags: 0, stream: 0, length: 0 }.put(&mut self.out);
    }

    /// The session is over: whoever waits learns it.
    pub(super) fn end(&mut self) {
        self.streams.iter_mut().for_each(|(_, flow)| flow.end());
    }
}

#[cfg(test)]
mod tests;
