//! The driver behind standard input and output: one thread reads, one does everything else.

use std::io::{self, BufRead as _, Write as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tidings_protocol::ground::time::Time;

use super::driver::Driver;

/// Most lines that wait to be taken; then reading waits, and with it whoever writes to us.
const LINES_MAX: usize = 1_024;

/// Most remarks that wait for whoever reads standard error; further ones are lost. A guess.
const REMARKS_MAX: usize = 1_024;

/// How long the end waits for that reader. A guess.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs until standard input ends.
///
/// # Errors
/// When standard input can't be read or standard output can't be written. If nobody reads our output any more,
/// that is an end like any other.
pub(super) fn run(mut driver: Driver) -> io::Result<()> {
    let (to_driver, lines) = sync_channel(LINES_MAX);
    let reader = thread::spawn(move || read(&to_driver));
    let (log, remarks) = sync_channel(REMARKS_MAX);
    let (done, written) = sync_channel::<()>(0);
    thread::spawn(move || {
        write_remarks(&remarks);
        drop(done);
    });
    let driven = drive(&mut driver, &lines, &log);
    drop(log);
    let _ = written.recv_timeout(PATIENCE); // nothing is ever sent: it ends when all is written
    match driven {
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

/// Writes remarks on a thread of its own, since their reader may be slow or stuck. If there is none, nobody misses them.
fn write_remarks(remarks: &Receiver<String>) {
    for remark in remarks {
        let _ = writeln!(io::stderr(), "{remark}");
    }
}

fn drive(
    driver: &mut Driver,
    lines: &Receiver<String>,
    log: &SyncSender<String>,
) -> io::Result<()> {
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
            let _ = log.try_send(remark);
        }
    }
}
