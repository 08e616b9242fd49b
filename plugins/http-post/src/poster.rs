//! A batch as requests, and their answers as what became of the batch.

use std::time::Duration;

use azud_plugin::{Error, JsonRows, Outcome, Partial, Result, log};

use crate::{
    config::Config,
    endpoint::Endpoint,
    headers::{self, Header},
    parts::Parts,
    secrets::Secrets,
    transport::{Failure, Request, Transport},
    verdict::{self, Verdict},
    wait,
};

/// Sends batches, and remembers what it needs to send one again.
pub(crate) struct Poster {
    endpoint: Endpoint,
    headers: Vec<Header>,
    secrets: Secrets,
    max_bytes: usize,
    timeout: Duration,
    /// Of this instance alone; drawn with the first request.
    nonce: Option<u128>,
    /// How many keys there were so far.
    keys: u64,
    /// How many attempts in a row came to nothing.
    attempts: u32,
    /// The request that the last batch ended with, if no answer settled it. Only the
    /// very next batch can offer its rows again.
    unsettled: Option<Sent>,
}

/// A request that was sent.
struct Sent {
    key: String,
    body: Vec<u8>,
}

/// Why a batch was not sent to its end.
enum Stop {
    Later(Duration, String),
    Never(String),
}

// === impl Poster ===

impl Poster {
    /// Refuses what can never be sent. `secret` gives a granted secret.
    pub(crate) fn new(config: Config, secret: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let endpoint = Endpoint::parse(&config.url)?;
        let (headers, secrets) = headers::of(&config, secret)?;
        if config.max_bytes == 0 {
            return Err(Error::new("`max_bytes` is 0: no row fits"));
        }
        if config.timeout == 0 {
            return Err(Error::new("`timeout` is 0: no server answers in no time"));
        }
        Ok(Self {
            endpoint,
            headers,
            secrets,
            max_bytes: config.max_bytes,
            timeout: Duration::from_millis(config.timeout.into()),
            nonce: None,
            keys: 0,
            attempts: 0,
            unsettled: None,
        })
    }

    /// Sends a batch: one request after the other, up to the first that is not taken
    /// as a whole. What is not sent within the time of a request comes again: the host
    /// limits a call as well, and then knows nothing of what was accepted.
    pub(crate) fn write(
        &mut self,
        rows: usize,
        json: &JsonRows<'_>,
        transport: &mut dyn Transport,
    ) -> Result<Outcome> {
        let mut parts = Parts::new(rows, self.max_bytes, |row, out| json.line(row, out));
        let mut again = self.unsettled.take();
        let mut outcome = Partial::default();
        let started = transport.now();
        loop {
            let part = parts.next();
            for (row, bytes) in &part.too_long {
                let limit = self.max_bytes;
                outcome.reject(
                    *row,
                    format!("the row has {bytes} bytes as JSON, more than `max_bytes`: {limit}"),
                );
            }
            if part.rows.is_empty() {
                return Ok(outcome.into());
            }
            let sent = self.sent(part.body, again.take(), transport);
            let verdict = self.send(&sent, part.rows.len(), transport);
            let stop = self.settle(verdict, &part.rows, &mut outcome);
            if let Some(stop) = stop {
                if outcome.retry.is_empty() {
                    // Nothing of this request was taken: the same may come again.
                    outcome.retry.extend(&part.rows);
                    self.unsettled = Some(sent);
                }
                outcome.retry.extend(parts.rest());
                return self.stopped(stop, rows, outcome);
            }
            if transport.now().saturating_sub(started) >= self.timeout {
                outcome.retry.extend(parts.rest());
                return Ok(outcome.into());
            }
        }
    }

    /// The request of a body: with the key that it had, if it is sent again.
    fn sent(&mut self, body: Vec<u8>, again: Option<Sent>, transport: &mut dyn Transport) -> Sent {
        if let Some(again) = again.filter(|again| again.body == body) {
            return again;
        }
        let nonce = *self.nonce.get_or_insert_with(|| transport.random());
        self.keys += 1;
        Sent {
            key: format!("{nonce:032x}-{}", self.keys),
            body,
        }
    }

    fn send(&self, sent: &Sent, rows: usize, transport: &mut dyn Transport) -> Verdict {
        let request = Request {
            endpoint: &self.endpoint,
            headers: &self.headers,
            key: &sent.key,
            body: &sent.body,
            timeout: self.timeout,
        };
        match transport.post(&request) {
            Ok(response) => verdict::of(&response, rows, &self.secrets),
            Err(Failure::Later(what)) => Verdict::Later(None, self.secrets.hide(&what)),
            Err(Failure::Never(what)) => Verdict::Never(self.secrets.hide(&what)),
            Err(Failure::Denied) => {
                let server = &self.endpoint.server;
                Verdict::Never(format!(
                    "is not granted: add `grants: {{ http: [\"{server}\"] }}` to the plugin in the manifest"
                ))
            }
        }
    }

    /// Adds what became of a request, whose lines are these rows. Answers with why no
    /// other may follow.
    fn settle(&mut self, verdict: Verdict, rows: &[usize], outcome: &mut Partial) -> Option<Stop> {
        let server = &self.endpoint.server;
        let row = |line: usize| rows.get(line).copied();
        match verdict {
            Verdict::Accepted => {
                self.attempts = 0;
                None
            }
            Verdict::Partial {
                rejected,
                retry,
                after,
            } => {
                if retry.len() < rows.len() {
                    self.attempts = 0;
                }
                let rejected = rejected.into_iter();
                let rejected = rejected.filter_map(|(line, reason)| Some((row(line)?, reason)));
                outcome.rejected.extend(rejected);
                let mut retry: Vec<_> = retry.into_iter().filter_map(row).collect();
                if retry.is_empty() {
                    return None;
                }
                // In their order, so that a server sees them as it did.
                retry.sort_unstable();
                let count = retry.len();
                outcome.retry = retry;
                let reason = format!(
                    "{server} answered 207: {count} of {} rows again",
                    rows.len()
                );
                let after = after.unwrap_or_else(|| self.next_wait());
                Some(Stop::Later(after, reason))
            }
            Verdict::Later(asked, what) => {
                let reason = format!("{server} {what}");
                let backoff = self.next_wait();
                Some(Stop::Later(asked.unwrap_or(backoff), reason))
            }
            Verdict::Never(what) => Some(Stop::Never(format!("{server} {what}"))),
        }
    }

    /// What became of a batch of which `outcome.retry` is left.
    fn stopped(&mut self, stop: Stop, rows: usize, mut outcome: Partial) -> Result<Outcome> {
        let nothing_settled = outcome.retry.len() == rows;
        match stop {
            Stop::Later(after, reason) if nothing_settled => {
                Ok(Outcome::retry_after(after, reason))
            }
            Stop::Later(after, reason) => {
                log::warn(reason);
                outcome.after = after;
                Ok(outcome.into())
            }
            Stop::Never(reason) if nothing_settled => {
                self.unsettled = None;
                Err(Error::new(reason))
            }
            // The others come again alone, and fail then: those that were taken are
            // not to be sent twice.
            Stop::Never(_) => Ok(outcome.into()),
        }
    }

    fn next_wait(&mut self) -> Duration {
        let wait = wait::backoff(self.attempts);
        self.attempts = self.attempts.saturating_add(1);
        wait
    }
}
