//! Lines for a file descriptor that may not take them: a bounded queue in front of a thread that
//! writes.
//!
//! Logging never waits. Lines that do not fit into the queue, or cannot be written, are counted and
//! left out.

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
    os::fd::{AsFd, BorrowedFd},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

/// The most bytes that wait; as many again may be with the thread.
const LIMIT: usize = 2 << 20;
/// The metric that counts the lines left out since the process started.
pub const DROPPED: &str = "ledgerline_log_lines_dropped_total";

/// A writer of whole lines. Clones share the queue.
#[derive(Clone)]
pub struct Lines(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    queued: Condvar,
    written: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Queue {
    text: Vec<u8>,
    /// True if the thread has lines that it has not written yet.
    writing: bool,
}

impl Lines {
    /// Begins to write to this descriptor, by a thread that lives as long as the process.
    pub fn to(descriptor: BorrowedFd<'_>) -> io::Result<Self> {
        let file = File::from(descriptor.try_clone_to_owned()?);
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            queued: Condvar::new(),
            written: Condvar::new(),
            dropped: AtomicU64::new(0),
        });
        let thread = thread::Builder::new().name("log".to_owned());
        let writer = Arc::clone(&shared);
        thread.spawn(move || writer.write_to(file))?;
        Ok(Self(shared))
    }

    /// Queues a line, or counts it as dropped.
    pub fn push(&self, line: &[u8]) {
        let mut queue = self.0.lock();
        if queue.text.len() + line.len() > LIMIT {
            drop(queue);
            self.0.lose(1);
            return;
        }
        queue.text.extend_from_slice(line);
        drop(queue);
        self.0.queued.notify_one();
    }

    /// Waits until everything is written, for the time `time` at most; true if it is.
    pub fn flush_within(&self, time: Duration) -> bool {
        let queue = self.0.lock();
        let waiting = |queue: &mut Queue| queue.writing || !queue.text.is_empty();
        let waited = self.0.written.wait_timeout_while(queue, time, waiting);
        let (_queue, result) = waited.unwrap_or_else(PoisonError::into_inner);
        !result.timed_out()
    }
}

/// Takes a whole line with every call and never waits.
impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lose(&self, lines: u64) {
        let before = self.dropped.fetch_add(lines, Ordering::Relaxed);
        metrics::counter!(DROPPED).absolute(before + lines);
    }

    fn write_to(&self, mut file: File) {
        let (mut batch, mut reported) = (Vec::new(), 0);
        loop {
            self.take(&mut batch);
            let left = write(&mut file, &batch);
            self.lock().writing = false;
            self.written.notify_all();
            match left {
                0 => reported = self.report(reported),
                lines => self.lose(lines),
            }
        }
    }

    /// Waits for lines and takes all of them.
    fn take(&self, batch: &mut Vec<u8>) {
        batch.clear();
        let none = |queue: &mut Queue| queue.text.is_empty();
        let queue = self.queued.wait_while(self.lock(), none);
        let mut queue = queue.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut queue.text, batch);
        queue.writing = true;
    }

    /// Logs the number of lines dropped since the last report; returns the number dropped in all.
    fn report(&self, reported: u64) -> u64 {
        let dropped = self.dropped.load(Ordering::Relaxed);
        let lines = dropped.saturating_sub(reported);
        if lines > 0 {
            tracing::warn!("{lines} lines dropped: the log was not read as fast as it is written");
        }
        dropped
    }
}

/// Writes everything, however long that takes; returns the number of lines that could not be
/// written.
fn write(file: &mut File, mut text: &[u8]) -> u64 {
    while !text.is_empty() {
        match file.write(text) {
            Ok(written) if written > 0 => text = &text[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock && is_ready(file) => {}
            _ => return lines_in(text),
        }
    }
    0
}

/// Waits until a descriptor that does not block takes more; false if that cannot be known.
fn is_ready(file: &File) -> bool {
    let mut polled = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
    matches!(
        poll(&mut polled, PollTimeout::NONE),
        Ok(_) | Err(Errno::EINTR)
    )
}

fn lines_in(text: &[u8]) -> u64 {
    let ends = text.iter().filter(|byte| **byte == b'\n').count();
    u64::try_from(ends).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, Read, pipe};

    use super::*;

    const LINE: &[u8] = &[b'x'; 1024];

    fn piped() -> (PipeReader, Lines) {
        let (reader, writer) = pipe().unwrap();
        (reader, Lines::to(writer.as_fd()).unwrap())
    }

    fn dropped(lines: &Lines) -> u64 {
        lines.0.dropped.load(Ordering::Relaxed)
    }

    /// Queues lines until one does not fit.
    fn fill(lines: &Lines) -> usize {
        let mut queued = 0;
        while dropped(lines) == 0 {
            lines.push(&[LINE, b"\n"].concat());
            queued += 1;
        }
        queued - 1
    }

    #[test]
    fn a_pipe_that_is_not_read_holds_up_no_writer() {
        let (mut reader, lines) = piped();
        let queued = fill(&lines);
        assert!(!lines.flush_within(Duration::from_millis(10)));
        let mut text = vec![0; queued * (LINE.len() + 1)];
        reader.read_exact(&mut text).unwrap();
        let whole = text.split(|byte| *byte == b'\n').filter(|it| *it == LINE);
        assert_eq!(whole.count(), queued);
        assert!(lines.flush_within(Duration::from_secs(60)));
        assert_eq!(dropped(&lines), 1);
    }

    #[test]
    fn a_pipe_without_a_reader_only_counts() {
        let (reader, lines) = piped();
        drop(reader);
        lines.push(b"one\n");
        assert!(lines.flush_within(Duration::from_secs(60)));
        while dropped(&lines) == 0 {
            thread::yield_now();
        }
        assert_eq!(dropped(&lines), 1);
    }

    #[test]
    fn a_full_descriptor_that_does_not_block_is_waited_for() {
        use nix::fcntl::{FcntlArg, OFlag, fcntl};
        let (mut reader, writer) = pipe().unwrap();
        fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let lines = Lines::to(writer.as_fd()).unwrap();
        let queued = fill(&lines);
        let mut text = vec![0; queued * (LINE.len() + 1)];
        reader.read_exact(&mut text).unwrap();
        assert!(lines.flush_within(Duration::from_secs(60)));
        assert_eq!(dropped(&lines), 1);
    }
}
