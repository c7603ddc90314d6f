//! One connection to one server. It carries one call at a time, and none after one that failed: a
//! late reply can therefore never be taken for that of a later call.

use std::{
    io::{self, BufReader, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};

use super::{
    reply::{self, Budget, ReadError},
    url::Address,
};
use crate::guest::redis::Reply;

/// Most replies fit; what is longer goes around the buffer.
const BUFFER_BYTES: usize = 8 << 10;

/// An open connection.
pub(super) struct Wire(BufReader<Stream>);

enum Stream {
    Tcp(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

/// A socket that waits until a deadline, whatever the number of system calls until then.
struct Timed {
    socket: TcpStream,
    deadline: Instant,
}

impl Wire {
    /// Connects, and shakes hands where `tls` says so.
    pub(super) fn connect(
        address: &Address,
        tls: Option<Arc<ClientConfig>>,
        deadline: Instant,
    ) -> io::Result<Self> {
        let socket = dial(address, deadline)?;
        socket.set_nodelay(true)?;
        let timed = Timed { socket, deadline };
        let stream = match tls {
            None => Stream::Tcp(timed),
            Some(config) => {
                let name = ServerName::try_from(address.host.clone()).map_err(io::Error::other)?;
                let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
                Stream::Tls(Box::new(StreamOwned::new(connection, timed)))
            }
        };
        Ok(Self(BufReader::with_capacity(BUFFER_BYTES, stream)))
    }

    /// Nothing came since the last reply, not even the connection's end.
    pub(super) fn is_quiet(&mut self) -> bool {
        if !self.0.buffer().is_empty() {
            return false;
        }
        let socket = &self.0.get_mut().timed().socket;
        let peeked = socket.set_nonblocking(true).and_then(|()| {
            let peeked = socket.peek(&mut [0]);
            socket.set_nonblocking(false)?;
            peeked
        });
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends commands; the replies must come before `deadline` too.
    pub(super) fn send(&mut self, bytes: &[u8], deadline: Instant) -> io::Result<()> {
        let stream = self.0.get_mut();
        stream.timed().deadline = deadline;
        match stream {
            Stream::Tcp(timed) => timed.write_all(bytes),
            Stream::Tls(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
        }
    }

    /// The next reply.
    pub(super) fn receive(&mut self, budget: &mut Budget) -> Result<Reply, ReadError> {
        reply::read(&mut self.0, budget)
    }
}

impl Stream {
    fn timed(&mut self) -> &mut Timed {
        match self {
            Self::Tcp(timed) => timed,
            Self::Tls(tls) => &mut tls.sock,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(timed) => timed.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(remaining(self.deadline)?))?;
        self.socket.read(buffer).map_err(timed_out)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(remaining(self.deadline)?))?;
        self.socket.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

fn remaining(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Linux says of a timeout that the call would block.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

fn dial(address: &Address, deadline: Instant) -> io::Result<TcpStream> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host's name has no address");
    for address in resolve(address, deadline)? {
        match TcpStream::connect_timeout(&address, remaining(deadline)?) {
            Ok(socket) => return Ok(socket),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Names are asked for on a thread of their own: the system's resolver knows no deadline.
fn resolve(address: &Address, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = address.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, address.port)]);
    }
    let (sender, answer) = mpsc::sync_channel(1);
    let name = (address.host.clone(), address.port);
    thread::Builder::new().name("redis-resolve".to_owned()).spawn(move || {
        // Nobody may be waiting any more.
        let _ = sender.send(name.to_socket_addrs().map(Iterator::collect));
    })?;
    answer.recv_timeout(remaining(deadline)?).map_err(|_| io::ErrorKind::TimedOut)?
}
