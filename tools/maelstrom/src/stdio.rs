//! The driver behind standard input and output: one thread reads, one does everything else.

use std::io::{self, BufRead as _, Write as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use tidings_protocol::ground::time::Time;

use super::driver::Driver;

/// Most lines that wait to be taken; then reading waits, and with it whoever writes to us.
const LINES_MAX: usize = 1_024;

/// Runs until standard input ends.
///
/// # Errors
/// When standard input can't be read or standard output can't be written. If nobody reads our output any more,
/// that is an end like any other.
pub(super) fn run(mut driver: Driver) -> io::Result<()> {
    let (to_driver, lines) = sync_channel(LINES_MAX);
    let reader = thread::spawn(move || read(&to_driver));
    match drive(&mut driver, &lines) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        Err(error) => return Err(error),
    }
    reader.join().unwrap_or_else(|_| Err(io::Error::other("the reading thread panicked")))
}

fn read(to_driver: &SyncSender<String>) -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        if to_driver.send(line?).is_err() {
            break; // the driver has ended
        }
    }
    Ok(())
}

fn drive(driver: &mut Driver, lines: &Receiver<String>) -> io::Result<()> {
    let start = Instant::now();
    let now = || Time::from_nanos(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
    loop {
        match lines.recv_timeout(driver.deadline().since(now())) {
            Ok(line) => {
                // What has come meanwhile belongs to the same moment.
                let now = now();
                driver.on_line(&line, now);
                lines.try_iter().take(LINES_MAX).for_each(|line| driver.on_line(&line, now));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        let output = driver.finish_turn(now());
        let mut stdout = io::stdout().lock();
        for line in output.lines {
            writeln!(stdout, "{line}")?;
        }
        stdout.flush()?;
        for remark in output.log {
            // If nobody reads the log, nobody misses it.
            let _ = writeln!(io::stderr(), "{remark}");
        }
    }
}
