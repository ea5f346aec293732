//! What happens at the node, for all who listen: one log of the latest events, which each reader reads at its own pace.
//!
//! A reader has no queue: it knows the number of the event that it reads next. So a thousand readers cost no more
//! memory than one, nobody waits for any of them, and one that comes back goes on where it was, as far as the log
//! reaches. What it doesn't reach any more is counted, and told as lost.
//!
//! Nothing is kept before somebody listens: the room for all events is more than all else that an idle node has. When the last
//! reader is gone, as many are kept as the log holds, since it may come back; then the log is emptied, and events are only counted.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rand::RngExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch};

use crate::api::NodeEvent;

/// Most events that are kept. A guess: half a minute of a busy node's.
pub const EVENTS_MAX: usize = 4_096;

/// Most bytes that they may take. A guess: events of the fleet may have a kilobyte each.
const EVENTS_MAX_BYTES: usize = 2 << 20;

/// Most readers at once, of events and of the map's changes. A guess: dashboards, scripts, and programs beside the node.
pub const READERS_MAX: usize = 128;

/// What an event takes besides its text: its fields, which are as much again, and its place.
const EVENT_BYTES: usize = 256;

/// What happens at the node, for all who listen.
#[derive(Clone, Debug, Default)]
pub struct Events {
    log: Arc<OnceLock<Arc<Log>>>,
    heard: Option<broadcast::Sender<NodeEvent>>,
    /// How many may read at once, if not [`READERS_MAX`].
    places: Option<usize>,
}

/// The latest events.
struct Log {
    /// Tells the ids of this log from those of others.
    run: u32,
    told: Mutex<Told>,
    /// How many there ever were.
    count: watch::Sender<u64>,
    places: Arc<Semaphore>,
}

struct Told {
    /// The number of the next event.
    next: u64,
    latest: VecDeque<Arc<Numbered>>,
    bytes: usize,
    readers: usize,
    /// Events since the last reader left.
    unread: usize,
}

/// An event and its place among all.
#[derive(Debug)]
pub struct Numbered {
    /// Its number, from 0.
    pub number: u64,
    /// What happened.
    pub event: NodeEvent,
    /// The same as JSON.
    pub json: String,
}

impl Numbered {
    fn bytes(&self) -> usize {
        2 * self.json.len() + EVENT_BYTES
    }
}

/// As many read events as may at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("as many read events as may: try again once one of them is gone")]
pub struct TooManyReaders;

impl Events {
    /// With fewer readers at once than [`READERS_MAX`].
    #[must_use]
    pub fn with_places(places: usize) -> Self {
        Self { places: Some(places.min(READERS_MAX)), ..Self::default() }
    }

    /// Listens from now on; or from the event after one of an id, as far as that is remembered.
    ///
    /// # Errors
    /// When too many do.
    pub fn read(&self, after: Option<&str>) -> Result<EventReader, TooManyReaders> {
        let log = Arc::clone(
            self.log.get_or_init(|| Arc::new(Log::new(self.places.unwrap_or(READERS_MAX)))),
        );
        let place = Arc::clone(&log.places).try_acquire_owned().map_err(|_| TooManyReaders)?;
        let mut told = log.lock();
        told.readers += 1;
        let (next, is_strange) = match after {
            None => (told.next, false),
            Some(id) => match log.after(id).filter(|next| *next <= told.next) {
                Some(next) => (next, false),
                None => (told.next, true),
            },
        };
        drop(told);
        let count = log.count.subscribe();
        Ok(EventReader { log, next, is_strange, count, _place: place })
    }

    /// Tells something, if somebody listens or may come back.
    pub fn tell(&self, event: impl FnOnce() -> NodeEvent) {
        let heard = self.heard.as_ref().filter(|heard| heard.receiver_count() > 0);
        let mut told = self.log.get().map(|log| (log, log.lock()));
        let is_kept = told.as_mut().is_some_and(|(_, told)| told.is_kept());
        if heard.is_none() && !is_kept {
            return;
        }
        let event = event();
        if let Some(heard) = heard {
            let _ = heard.send(event.clone());
        }
        if let Some((log, mut told)) = told.filter(|_| is_kept) {
            told.keep(event);
            let count = told.next;
            drop(told);
            log.count.send_replace(count);
        }
    }
}

/// Events go to whoever listens there, too: for those who have the node in their own process.
impl From<broadcast::Sender<NodeEvent>> for Events {
    fn from(heard: broadcast::Sender<NodeEvent>) -> Self {
        Self { heard: Some(heard), ..Self::default() }
    }
}

impl Told {
    /// Counts an event. Whether it is to be kept.
    fn is_kept(&mut self) -> bool {
        self.next += 1;
        if self.readers > 0 {
            return true;
        }
        self.unread += 1;
        if self.unread > EVENTS_MAX {
            (self.latest, self.bytes) = (VecDeque::new(), 0);
        }
        self.unread <= EVENTS_MAX
    }

    fn keep(&mut self, event: NodeEvent) {
        let json = serde_json::to_string(&event).expect("an event has a JSON form");
        let numbered = Numbered { number: self.next - 1, event, json };
        self.bytes += numbered.bytes();
        self.latest.push_back(Arc::new(numbered));
        while self.latest.len() > EVENTS_MAX || self.bytes > EVENTS_MAX_BYTES {
            let Some(oldest) = self.latest.pop_front() else { break };
            self.bytes -= oldest.bytes();
        }
    }

    /// The event of a number, or how many are missing from there on.
    fn from(&self, number: u64) -> Option<Result<Arc<Numbered>, u64>> {
        if number >= self.next {
            return None;
        }
        let first = self.latest.front().map_or(self.next, |first| first.number);
        let place = number.checked_sub(first).and_then(|place| usize::try_from(place).ok());
        match place.and_then(|place| self.latest.get(place)) {
            Some(numbered) => Some(Ok(Arc::clone(numbered))),
            None => Some(Err(first.max(number + 1) - number)),
        }
    }
}

impl Log {
    fn new(places: usize) -> Self {
        let told = Told { next: 0, latest: VecDeque::new(), bytes: 0, readers: 0, unread: 0 };
        Self {
            run: rand::rng().random(),
            told: Mutex::new(told),
            count: watch::Sender::new(0),
            places: Arc::new(Semaphore::new(places)),
        }
    }

    /// A panic can't leave it half changed.
    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn id(&self, number: u64) -> String {
        format!("{:08x}-{number}", self.run)
    }

    /// The number of the event after the one of an id, if the id is of this log.
    fn after(&self, id: &str) -> Option<u64> {
        match id.strip_prefix(&format!("{:08x}-", self.run))? {
            "" => Some(0),
            number => number.parse::<u64>().ok()?.checked_add(1),
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("run", &self.run).finish_non_exhaustive()
    }
}

/// Somebody who listens.
#[derive(Debug)]
pub struct EventReader {
    log: Arc<Log>,
    next: u64,
    /// It asked to go on from an id of another run.
    is_strange: bool,
    count: watch::Receiver<u64>,
    _place: OwnedSemaphorePermit,
}

/// What a reader is told.
#[derive(Debug)]
pub enum Heard {
    /// Something happened.
    Event(Arc<Numbered>),
    /// Events are missing here: so many, if that is known.
    Lost(Option<u64>),
}

impl EventReader {
    /// What comes next. Nothing is lost if nobody waits for it.
    pub async fn next(&mut self) -> Heard {
        if std::mem::take(&mut self.is_strange) {
            return Heard::Lost(None);
        }
        loop {
            // Before it is looked, so that nothing comes between.
            self.count.borrow_and_update();
            match self.log.lock().from(self.next) {
                Some(Ok(numbered)) => {
                    self.next += 1;
                    return Heard::Event(numbered);
                }
                Some(Err(lost)) => {
                    self.next += lost;
                    return Heard::Lost(Some(lost));
                }
                None => {}
            }
            // Fails only when the log is gone, and we hold it.
            let _ = self.count.changed().await;
        }
    }

    /// The id of what was told last; whoever goes on after it misses nothing.
    #[must_use]
    pub fn id(&self) -> String {
        match self.next.checked_sub(1) {
            Some(last) => self.log.id(last),
            // Nothing ever happened: an id from which everything is to come.
            None => format!("{:08x}-", self.log.run),
        }
    }
}

impl Drop for EventReader {
    fn drop(&mut self) {
        let mut told = self.log.lock();
        told.readers -= 1;
        told.unread = 0;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tidings_protocol::ground::item::Hash256;

    use super::*;
    use crate::api::What;

    fn tell(events: &Events, numbers: std::ops::Range<u64>) {
        for unix_us in numbers {
            let what = What::AlreadyKnown { id: Hash256([7; 32]) };
            events.tell(|| NodeEvent { unix_us, what });
        }
    }

    /// What a reader is told without waiting: events by their times, losses as such.
    fn heard(reader: &mut EventReader) -> Vec<Result<u64, Option<u64>>> {
        let mut all = Vec::new();
        while let Some(heard) = reader.next().now_or_never() {
            all.push(match heard {
                Heard::Event(numbered) => Ok(numbered.event.unix_us),
                Heard::Lost(count) => Err(count),
            });
        }
        all
    }

    #[test]
    fn nothing_is_made_before_somebody_listens() {
        let events = Events::default();
        events.tell(|| panic!("nobody listens"));
        let mut reader = events.read(None).unwrap();
        tell(&events, 1..3);
        assert_eq!(heard(&mut reader), [Ok(1), Ok(2)]);
    }

    #[test]
    fn who_comes_back_goes_on_where_it_was() {
        let events = Events::default();
        let mut reader = events.read(None).unwrap();
        tell(&events, 0..5);
        assert_eq!(heard(&mut reader).len(), 5);
        let id = reader.id();
        drop(reader);
        tell(&events, 5..8);
        assert_eq!(heard(&mut events.read(Some(&id)).unwrap()), [Ok(5), Ok(6), Ok(7)]);
        for strange in ["", "x", "00000000-1", &format!("{id}9"), "18446744073709551616"] {
            let mut reader = events.read(Some(strange)).unwrap();
            assert_eq!(heard(&mut reader), [Err(None)], "{strange}");
        }
    }

    #[test]
    fn a_slow_reader_is_told_how_many_it_lost_and_the_log_stays_within_its_bounds() {
        let events = Events::default();
        let mut slow = events.read(None).unwrap();
        let all = EVENTS_MAX as u64 + 10;
        tell(&events, 0..all);
        let told = heard(&mut slow);
        assert_eq!((told[0], told[1], told.len()), (Err(Some(10)), Ok(10), EVENTS_MAX + 1));
        let log = Arc::clone(&slow.log);
        assert!(log.lock().latest.len() <= EVENTS_MAX && log.lock().bytes <= EVENTS_MAX_BYTES);
        let payload = crate::api::kv::KvText(vec![b'x'; 60_000]);
        let member =
            crate::api::members::MemberName { name: String::new(), id: String::new(), addr: None };
        for unix_us in 0..100 {
            let (member, title, payload) = (member.clone(), "x".into(), payload.clone());
            let what = What::UserEvent { member, title, payload };
            events.tell(|| NodeEvent { unix_us, what });
        }
        assert!(log.lock().bytes <= EVENTS_MAX_BYTES, "large ones push out more");
        let told = heard(&mut slow);
        assert!(matches!(told[0], Err(Some(lost)) if lost == 101 - told.len() as u64));
    }

    #[test]
    fn once_nobody_listens_the_log_is_emptied_and_what_is_lost_is_counted_all_the_same() {
        let events = Events::default();
        let reader = events.read(None).unwrap();
        tell(&events, 0..1);
        let (id, log) = (reader.id(), Arc::clone(&reader.log));
        drop(reader);
        tell(&events, 0..EVENTS_MAX as u64 + 1);
        assert!(log.lock().latest.is_empty() && log.lock().bytes == 0);
        events.tell(|| panic!("it isn't even made"));
        let mut back = events.read(Some(&id)).unwrap();
        assert_eq!(heard(&mut back), [Err(Some(EVENTS_MAX as u64 + 3))]);
    }

    #[test]
    fn readers_have_so_many_places_and_give_them_back() {
        let events = Events::default();
        let mut readers: Vec<_> = (0..READERS_MAX).map(|_| events.read(None).unwrap()).collect();
        assert_eq!(events.read(None).unwrap_err(), TooManyReaders);
        readers.pop();
        events.read(None).unwrap();
    }
}
