//! A token bucket with a bounded waiting line.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{sync::Notify, time::Instant};

/// The most attempts that wait for one bucket.
const LINE: usize = 1_024;

/// A place in the line: by rank, then by arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket {
    rank: u32,
    arrival: u64,
}

#[derive(Debug)]
pub(crate) struct Bucket {
    capacity: f64,
    /// Tokens refilled per second.
    rate: f64,
    tokens: f64,
    refilled_at: Instant,
    /// Tokens of attempts that have not ended and may come back.
    in_flight: usize,
    arrivals: u64,
    line: BTreeMap<Ticket, Arc<Notify>>,
}

impl Bucket {
    pub fn new(allowed: u32, within: Duration, now: Instant) -> Self {
        let capacity = f64::from(allowed.max(1));
        Self {
            capacity,
            rate: capacity / within.as_secs_f64().max(1.0),
            tokens: capacity,
            refilled_at: now,
            in_flight: 0,
            arrivals: 0,
            line: BTreeMap::new(),
        }
    }

    /// Takes a token (`None`) or a place in the line; fails with the time until a retry makes sense
    /// if the line is full or the wait would exceed `timeout`.
    pub fn enter(
        &mut self,
        rank: u32,
        now: Instant,
        timeout: Duration,
        woken: Arc<Notify>,
    ) -> Result<Option<Ticket>, Duration> {
        self.refill(now);
        if self.line.is_empty() && self.tokens >= 1.0 {
            self.take();
            return Ok(None);
        }
        let ticket = Ticket {
            rank,
            arrival: self.arrivals,
        };
        self.arrivals += 1;
        let ahead = self.line.range(..ticket).count();
        let wait = self.refilled_in(ahead + 1);
        // With no attempt in flight, no token comes back before the bucket refills.
        if self.in_flight == 0 && wait > timeout {
            return Err(wait);
        }
        if self.line.len() >= LINE {
            match self.line.last_entry() {
                Some(last) if *last.key() > ticket => last.remove().notify_one(),
                _ => return Err(wait),
            }
        }
        self.line.insert(ticket, woken);
        Ok(Some(ticket))
    }

    /// Takes a token if this ticket is the first in the line and a token is available.
    pub fn take_turn(&mut self, ticket: Ticket, now: Instant) -> bool {
        self.refill(now);
        let is_first = self.line.keys().next() == Some(&ticket);
        if !is_first || self.tokens < 1.0 {
            return false;
        }
        self.line.remove(&ticket);
        self.take();
        self.wake_first();
        true
    }

    pub fn is_waiting(&self, ticket: Ticket) -> bool {
        self.line.contains_key(&ticket)
    }

    /// The time at which the bucket has the next token, if this ticket is the first in the line;
    /// the others are woken.
    pub fn wakes_at(&self, ticket: Ticket, now: Instant) -> Option<Instant> {
        let is_first = self.line.keys().next() == Some(&ticket);
        is_first.then(|| now + self.refilled_in(1))
    }

    /// The time until the next token.
    pub fn next_token(&self, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.refilled_at);
        self.refilled_in(1).saturating_sub(since)
    }

    /// Gives up the place in the line, if the ticket still has it.
    pub fn leave(&mut self, ticket: Ticket) {
        if self.line.remove(&ticket).is_some() {
            self.wake_first();
        }
    }

    /// Ends an attempt; its token comes back unless the guess was wrong.
    pub fn end(&mut self, is_wrong: bool, now: Instant) {
        self.refill(now);
        self.in_flight = self.in_flight.saturating_sub(1);
        if !is_wrong {
            self.tokens = (self.tokens + 1.0).min(self.capacity);
        }
        self.wake_first();
    }

    fn take(&mut self) {
        self.tokens -= 1.0;
        self.in_flight += 1;
    }

    fn refill(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.refilled_at);
        let taken = self.capacity - self.in_flight as f64;
        let full = taken.max(self.tokens);
        self.tokens = (self.tokens + since.as_secs_f64() * self.rate).min(full);
        self.refilled_at = now;
    }

    /// The time until the bucket holds `tokens` tokens, if none comes back.
    fn refilled_in(&self, tokens: usize) -> Duration {
        let missing = (tokens as f64 - self.tokens).max(0.0);
        // One millisecond more, to make up for rounding down.
        Duration::from_secs_f64(missing / self.rate) + Duration::from_millis(1)
    }

    fn wake_first(&self) {
        if let Some(first) = self.line.values().next() {
            first.notify_one();
        }
    }
}
