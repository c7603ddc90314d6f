//! One caller: what it has sent, what it is still to be sent, and how much of either may wait.

use std::time::{Duration, Instant};

use inventory_json::problem::Problem;

use super::request::{Arrived, HEAD_BYTES_MAX, Request, first};
use super::response::{After, Response};

/// With more than this unsent, a caller is not listened to.
const OUTPUT_BYTES_MAX: usize = 1 << 20;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A caller's bytes, both ways.
#[derive(Debug)]
pub(crate) struct Connection {
    input: Vec<u8>,
    output: Vec<u8>,
    /// How much of the output has left.
    sent: usize,
    /// Nothing more is read: the caller, or an answer, ended it.
    is_closing: bool,
    told_to_continue: bool,
    /// A whole request is left for the next round.
    has_more: bool,
    /// Since when a part of a request waits for its rest.
    part_since: Option<Instant>,
    /// When bytes last moved.
    moved_at: Instant,
}

impl Connection {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            input: Vec::new(),
            output: Vec::new(),
            sent: 0,
            is_closing: false,
            told_to_continue: false,
            has_more: false,
            part_since: None,
            moved_at: now,
        }
    }

    pub(crate) fn input_bytes(&self) -> usize {
        self.input.len()
    }

    /// Whether more should be read.
    pub(crate) fn wants_input(&self, body_bytes_max: usize) -> bool {
        let has_room = self.input.len() < HEAD_BYTES_MAX + body_bytes_max;
        !self.is_closing && has_room && self.output.len() < OUTPUT_BYTES_MAX
    }

    /// What is still to be sent.
    pub(crate) fn unsent(&self) -> &[u8] {
        &self.output[self.sent..]
    }

    /// Nothing is left to do for this caller.
    pub(crate) fn is_over(&self) -> bool {
        self.is_closing && self.unsent().is_empty() && !self.has_more
    }

    /// A request has been arriving for so long, however many bytes moved.
    pub(crate) fn is_slow(&self, now: Instant, timeout: Duration) -> bool {
        self.part_since.is_some_and(|since| now.duration_since(since) > timeout)
    }

    /// No byte has moved for so long.
    pub(crate) fn is_silent(&self, now: Instant, timeout: Duration) -> bool {
        now.duration_since(self.moved_at) > timeout
    }

    pub(crate) fn received(&mut self, bytes: &[u8], now: Instant) {
        self.input.extend_from_slice(bytes);
        self.moved_at = now;
    }

    /// The caller sends no more. What it has asked before is still answered.
    pub(crate) fn ended(&mut self) {
        self.is_closing = true;
    }

    pub(crate) fn sent(&mut self, bytes: usize, now: Instant) {
        self.sent += bytes;
        self.moved_at = now;
        if self.sent == self.output.len() {
            self.output.clear();
            self.sent = 0;
        }
    }

    /// Hands out whole requests, from the first, until `take` wants no more. Answers whether one
    /// may be left.
    pub(crate) fn take_requests(
        &mut self,
        body_bytes_max: usize,
        mut take: impl FnMut(Result<&Request<'_>, Problem>) -> Taken,
    ) -> bool {
        let mut at = 0;
        self.has_more = false;
        while at < self.input.len() {
            if self.output.len() > OUTPUT_BYTES_MAX {
                break;
            }
            match first(&self.input[at..], body_bytes_max) {
                Ok(Arrived::Whole(request)) => match take(Ok(&request)) {
                    Taken::Yes => {
                        at += request.length;
                        self.told_to_continue = false;
                        if !request.keep_alive {
                            self.is_closing = true;
                            at = self.input.len();
                        }
                    }
                    Taken::Later => {
                        self.has_more = true;
                        break;
                    }
                },
                Ok(Arrived::Part { wants_continue }) => {
                    if wants_continue && !self.told_to_continue {
                        self.told_to_continue = true;
                        self.output.extend_from_slice(CONTINUE);
                    }
                    break;
                }
                Err(problem) => {
                    // What follows cannot be told from the body of this one.
                    take(Err(problem));
                    self.is_closing = true;
                    at = self.input.len();
                }
            }
        }
        self.input.drain(..at);
        if self.input.is_empty() || self.has_more {
            self.part_since = None;
        } else if at > 0 || self.part_since.is_none() {
            self.part_since = Some(self.moved_at);
        }
        self.has_more
    }

    /// Answers next in order.
    pub(crate) fn answer(&mut self, response: &Response, after: After) {
        response.write(after, &mut self.output);
    }

    /// Answers, and reads no more. The caller has as long to read that as anybody.
    pub(crate) fn turn_away(&mut self, problem: Problem, now: Instant) {
        self.moved_at = now;
        self.input = Vec::new();
        self.has_more = false;
        self.part_since = None;
        self.is_closing = true;
        Response::from(problem).write(After::Close, &mut self.output);
    }
}

/// Whether a request goes into this round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Yes,
    Later,
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

    fn connection(bytes: &[u8]) -> Connection {
        let now = Instant::now();
        let mut connection = Connection::new(now);
        connection.received(bytes, now);
        connection
    }

    #[test]
    fn whole_requests_are_taken_and_a_part_stays() {
        let mut connection = connection(&[GET, GET, &GET[..5]].concat());
        let mut taken = 0;
        let more = connection.take_requests(10, |request| {
            assert!(request.is_ok());
            taken += 1;
            Taken::Yes
        });
        assert_eq!((taken, more, connection.input_bytes()), (2, false, 5));
    }

    #[test]
    fn a_request_put_off_is_there_the_next_time() {
        let mut connection = connection(&[GET, GET].concat());
        let mut first = true;
        let more = connection.take_requests(10, |_| {
            if std::mem::replace(&mut first, false) { Taken::Yes } else { Taken::Later }
        });
        assert!(more);
        assert_eq!(connection.input_bytes(), GET.len());
    }

    #[test]
    fn nothing_is_taken_after_what_is_no_request() {
        let mut connection = connection(&[b"nonsense\r\n\r\n", GET].concat());
        let mut problems = 0;
        connection.take_requests(10, |request| {
            assert!(request.is_err());
            problems += 1;
            Taken::Yes
        });
        assert_eq!((problems, connection.input_bytes(), connection.is_over()), (1, 0, true));
    }

    #[test]
    fn a_caller_that_waits_with_its_body_is_told_once_to_go_on() {
        let head = b"POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
        let mut connection = connection(head);
        for _ in 0..2 {
            connection.take_requests(10, |_| panic!("there is no whole request"));
        }
        assert_eq!(connection.unsent(), CONTINUE);
    }
}
