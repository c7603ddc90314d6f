//! Waiting for all callers at once, over WasmEdge's sockets.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use wasmedge_wasi_socket::poll::{EventType, Subscription, poll};
use wasmedge_wasi_socket::socket::{
    AddressFamily, Socket, SocketOptLevel, SocketOptName, SocketType,
};

use super::round::Rounds;
use crate::failure::Failure;
use crate::output;

/// How long nothing may be looked after: timeouts are that exact.
const ROUND_MAX: Duration = Duration::from_millis(500);
/// What one caller may send in a round.
const READ_BYTES: usize = 64 << 10;
const BACKLOG: i32 = 1_024;
/// The listener among the numbers of connections, which begin at 1.
const LISTENER: u64 = 0;
const TIMER: u64 = u64::MAX;

const TURNED_AWAY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\
    retry-after: 1\r\ncontent-length: 0\r\n\r\n";

/// Serves until the process ends.
pub(crate) fn serve(rounds: Rounds) -> Result<ExitCode, Failure> {
    let address = rounds.options.listen;
    let unusable = |source| Failure::Io { what: address.to_string(), source };
    let listener = listen(address).map_err(unusable)?;
    // The engine tells the port truly; of the address it is we who know.
    let port = listener.get_local().map_err(unusable)?.port();
    output::text(&format!("listening on {}\n", SocketAddrV4::new(*address.ip(), port)))?;
    let mut server =
        Server { listener, rounds, sockets: BTreeMap::new(), scratch: vec![0; READ_BYTES] };
    let mut more = false;
    loop {
        server.wait(more).map_err(unusable)?;
        server.rounds.sweep();
        more = server.rounds.answer();
        server.send_all();
        server.close_what_is_over();
    }
}

fn listen(address: SocketAddrV4) -> io::Result<Socket> {
    let socket = Socket::new(AddressFamily::Inet4, SocketType::Stream)?;
    socket.setsockopt(SocketOptLevel::SolSocket, SocketOptName::SoReuseaddr, 1_i32)?;
    socket.bind(&SocketAddr::V4(address))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

struct Server {
    listener: Socket,
    rounds: Rounds,
    /// By the number of their connection.
    sockets: BTreeMap<u64, Socket>,
    scratch: Vec<u8>,
}

impl Server {
    /// Until something arrives or can be sent, or not at all where more is there already.
    fn wait(&mut self, more: bool) -> io::Result<()> {
        let pause = match self.rounds.options.sweep_interval {
            _ if more => Duration::ZERO,
            Some(interval) => interval.min(ROUND_MAX),
            None => ROUND_MAX,
        };
        let mut waited_for = vec![
            Subscription::timeout(TIMER, SystemTime::now() + pause),
            Subscription::io(LISTENER, &self.listener, true, false, None),
        ];
        let body_bytes_max = self.rounds.options.body_bytes_max;
        for (number, socket) in &self.sockets {
            let connection = &self.rounds.connections[number];
            let reads = connection.wants_input(body_bytes_max);
            let writes = !connection.unsent().is_empty();
            if reads || writes {
                waited_for.push(Subscription::io(*number, socket, reads, writes, None));
            }
        }
        let events = match poll(&waited_for) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Vec::new(),
            events => events?,
        };
        for event in events {
            match (event.userdata, event.event_type) {
                (TIMER, _) => {}
                (LISTENER, _) => self.accept_all(),
                (number, EventType::Read) => self.receive(number),
                (number, EventType::Error(_)) => self.close(number),
                // What can be sent is, after the round.
                (_, EventType::Write | EventType::Timeout) => {}
            }
        }
        Ok(())
    }

    fn accept_all(&mut self) {
        loop {
            match self.listener.accept(true) {
                Ok(socket) if self.sockets.len() < self.rounds.options.connections_max => {
                    let number = self.rounds.add_connection();
                    self.sockets.insert(number, socket);
                }
                // Best effort: a fresh socket's buffer has room.
                Ok(socket) => drop(socket.send(TURNED_AWAY)),
                // Of the caller: it went before it was let in.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
                // None is left, or the system has no room: the next round tries again.
                Err(_) => return,
            }
        }
    }

    fn receive(&mut self, number: u64) {
        let (Some(socket), Some(connection)) =
            (self.sockets.get(&number), self.rounds.connections.get_mut(&number))
        else {
            return;
        };
        match socket.recv(&mut self.scratch) {
            Ok(0) => connection.ended(),
            Ok(length) => connection.received(&self.scratch[..length], Instant::now()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.close(number),
        }
    }

    fn send_all(&mut self) {
        let mut broken = Vec::new();
        for (number, socket) in &self.sockets {
            let Some(connection) = self.rounds.connections.get_mut(number) else { continue };
            while !connection.unsent().is_empty() {
                match socket.send(connection.unsent()) {
                    Ok(length) => connection.sent(length, Instant::now()),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(_) => {
                        broken.push(*number);
                        break;
                    }
                }
            }
        }
        broken.into_iter().for_each(|number| self.close(number));
    }

    fn close_what_is_over(&mut self) {
        let (now, timeout) = (Instant::now(), self.rounds.options.idle_timeout);
        self.rounds.turn_away_the_slow(now);
        let over = self.rounds.connections.iter();
        let over = over.filter(|(_, it)| it.is_over() || it.is_silent(now, timeout));
        let over: Vec<u64> = over.map(|(number, _)| *number).collect();
        over.into_iter().for_each(|number| self.close(number));
    }

    fn close(&mut self, number: u64) {
        self.sockets.remove(&number);
        self.rounds.connections.remove(&number);
    }
}
