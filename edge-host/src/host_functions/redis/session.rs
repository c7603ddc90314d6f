//! The calls of one thread: its connections, and what their failures mean.

use std::{
    collections::HashMap,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{
    Client,
    command::{self, Script},
    reply::{Budget, ReadError},
    url::{Address, Topology},
    wire::Wire,
};
use crate::guest::redis::{Command, Error, Node, Reply, ServerError};

/// Connections of one session. A cluster has one for each of its masters.
const WIRES_MAX: usize = 128;

/// One caller's connections; calls follow each other. Nothing is connected before the first.
pub struct Session {
    pub(super) client: Arc<Client>,
    wires: HashMap<Address, Wire>,
}

/// Until when a call may wait, and what it says of the server when it waited in vain.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    pub(super) deadline: Instant,
    /// The configured timeout in full, and not what its caller had left.
    whole: bool,
}

/// A command, and its keys where the caller names them.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) command: &'a Command,
    pub(super) keys: Option<&'a [Vec<u8>]>,
}

/// What a call came to.
pub(super) type Answer = Result<Reply, Error>;

impl Session {
    /// A session without connections.
    pub fn new(client: Arc<Client>) -> Self {
        Self { client, wires: HashMap::new() }
    }

    /// Runs one command, before the deadline and the configured timeout.
    pub fn execute(&mut self, command: &Command, deadline: Option<Instant>) -> Answer {
        self.counted(deadline, |session, patience| {
            command::check(command)?;
            session.one(Call { command, keys: None }, patience)
        })
    }

    /// Runs commands without waiting in between.
    pub fn pipeline(
        &mut self,
        commands: &[Command],
        deadline: Option<Instant>,
    ) -> Result<Vec<Answer>, Error> {
        let started = Instant::now();
        if let Err(error) = command::check_all(commands) {
            self.client.metrics.called(Some(&error), started.elapsed());
            return Err(error);
        }
        let calls: Vec<Call<'_>> =
            commands.iter().map(|command| Call { command, keys: None }).collect();
        let patience = self.patience(started, deadline);
        let answers = self.all(&calls, patience, &mut Budget::for_one_call());
        for answer in &answers {
            self.client.metrics.called(answer.as_ref().err(), started.elapsed());
        }
        Ok(answers)
    }

    /// Runs a script, which Redis may have to be given first.
    pub fn eval(
        &mut self,
        script: String,
        keys: Vec<Vec<u8>>,
        arguments: Vec<Vec<u8>>,
        deadline: Option<Instant>,
    ) -> Answer {
        self.counted(deadline, |session, patience| {
            let script = Script::new(script, keys, arguments)?;
            let keys = script.keys();
            match session.one(Call { command: &script.by_digest, keys: Some(keys) }, patience) {
                Err(Error::Server(error)) if error.code == "NOSCRIPT" => {
                    session.one(Call { command: &script.with_text, keys: Some(keys) }, patience)
                }
                answer => answer,
            }
        })
    }

    fn counted(
        &mut self,
        deadline: Option<Instant>,
        call: impl FnOnce(&mut Self, Patience) -> Answer,
    ) -> Answer {
        let started = Instant::now();
        let patience = self.patience(started, deadline);
        let answer = call(self, patience);
        self.client.metrics.called(answer.as_ref().err(), started.elapsed());
        answer
    }

    fn patience(&self, started: Instant, deadline: Option<Instant>) -> Patience {
        let whole = started + self.client.timeout;
        match deadline {
            Some(deadline) if deadline < whole => Patience { deadline, whole: false },
            _ => Patience { deadline: whole, whole: true },
        }
    }

    fn one(&mut self, call: Call<'_>, patience: Patience) -> Answer {
        let mut answers = self.all(&[call], patience, &mut Budget::for_one_call());
        answers.pop().expect("one answer for each call")
    }

    fn all(&mut self, calls: &[Call<'_>], patience: Patience, budget: &mut Budget) -> Vec<Answer> {
        match self.client.url.topology {
            Topology::Cluster => self.all_on_cluster(calls, patience, budget),
            Topology::Server => {
                let address = self.client.url.addresses[0].clone();
                let commands: Vec<&Command> = calls.iter().map(|call| call.command).collect();
                self.exchange(&address, &commands, patience, budget)
            }
        }
    }

    /// Sends commands to one server, and waits for their replies.
    pub(super) fn exchange(
        &mut self,
        address: &Address,
        commands: &[&Command],
        patience: Patience,
        budget: &mut Budget,
    ) -> Vec<Answer> {
        match self.send(address, commands, patience) {
            Ok(wire) => self.receive(address, wire, commands.len(), patience, budget),
            Err(error) => vec![Err(error); commands.len()],
        }
    }

    /// The connection on which the replies will come; the caller passes it to [`Self::receive`].
    pub(super) fn send(
        &mut self,
        address: &Address,
        commands: &[&Command],
        patience: Patience,
    ) -> Result<Wire, Error> {
        let now = Instant::now();
        if now >= patience.deadline {
            return Err(Error::Unavailable("the caller's deadline has passed".to_owned()));
        }
        self.client.circuits.admit(address, now).map_err(Error::Unavailable)?;
        // What came unasked, be it the connection's end, would be taken for a reply.
        let kept = self.wires.remove(address);
        let mut wire = match kept.and_then(|mut wire| wire.is_quiet().then_some(wire)) {
            Some(wire) => wire,
            None => self.connect(address, patience)?,
        };
        let mut bytes = Vec::new();
        for command in commands {
            command::pack(command, &mut bytes);
        }
        match wire.send(&bytes, patience.deadline) {
            Ok(()) => Ok(wire),
            Err(error) => Err(self.broken(address, &error, patience)),
        }
    }

    /// The replies to what was sent. The connection is kept only when all came.
    pub(super) fn receive(
        &mut self,
        address: &Address,
        mut wire: Wire,
        count: usize,
        patience: Patience,
        budget: &mut Budget,
    ) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(count);
        let mut keep = true;
        while answers.len() < count {
            match wire.receive(budget) {
                Ok(reply) => {
                    let answer = settle(reply);
                    keep &= !matches!(&answer, Err(Error::Unavailable(_)));
                    answers.push(answer);
                }
                Err(error) => {
                    let error = match error {
                        ReadError::TooLarge => Error::ReplyTooLarge,
                        ReadError::Io(error) => self.broken(address, &error, patience),
                    };
                    answers.resize(count, Err(error));
                    return answers;
                }
            }
        }
        self.client.circuits.succeeded(address);
        if keep && self.wires.len() < WIRES_MAX {
            self.wires.insert(address.clone(), wire);
        }
        answers
    }

    /// After sending, a failure leaves open what ran.
    fn broken(&self, address: &Address, error: &io::Error, patience: Patience) -> Error {
        if error.kind() != io::ErrorKind::TimedOut {
            return Error::Lost;
        }
        self.silent(address, &format!("{address}: no reply in time"), patience);
        Error::Timeout
    }

    fn silent(&self, address: &Address, why: &str, patience: Patience) {
        if patience.whole {
            self.client.circuits.failed(address, why);
        } else {
            self.client.circuits.was_slow(address);
        }
    }

    fn connect(&self, address: &Address, patience: Patience) -> Result<Wire, Error> {
        match self.greeted(address, patience.deadline) {
            Ok(wire) => {
                self.client.metrics.connections.inc();
                Ok(wire)
            }
            Err(error) => {
                let why = format!("{address}: {error}");
                if error.kind() == io::ErrorKind::TimedOut {
                    self.silent(address, &why, patience);
                } else {
                    self.client.circuits.failed(address, &why);
                }
                Err(Error::Unavailable(why))
            }
        }
    }

    /// Connects and introduces itself.
    fn greeted(&self, address: &Address, deadline: Instant) -> io::Result<Wire> {
        let url = &self.client.url;
        let mut greetings: Vec<Vec<&str>> = Vec::new();
        let database = url.database.to_string();
        if let Some(password) = &url.password {
            let user = url.username.as_deref();
            greetings.push(["AUTH"].into_iter().chain(user).chain([password.as_str()]).collect());
        }
        if url.database != 0 {
            greetings.push(vec!["SELECT", &database]);
        }
        // Also tells whether it is still loading its data.
        greetings.push(vec!["PING"]);
        let tls = url.is_tls().then(|| self.client.tls()).transpose()?;
        let mut wire = Wire::connect(address, tls, deadline)?;
        let mut bytes = Vec::new();
        for greeting in &greetings {
            command::pack(greeting, &mut bytes);
        }
        wire.send(&bytes, deadline)?;
        for _ in greetings {
            let reply = wire.receive(&mut Budget::for_one_call()).map_err(|error| match error {
                ReadError::Io(error) => error,
                ReadError::TooLarge => io::ErrorKind::InvalidData.into(),
            })?;
            if let Some(Node::Error(ServerError { code, message })) = reply.first()
                && code != "NOPERM"
            {
                let cure = match (code.as_str(), &url.password) {
                    ("WRONGPASS" | "NOAUTH", Some(_)) => {
                        "; the user or the password in redis_url is not the server's"
                    }
                    ("WRONGPASS" | "NOAUTH", None) => {
                        "; redis_url has no password: redis://user:password@host"
                    }
                    _ => "",
                };
                return Err(io::Error::other(format!("{code} {message}{cure}")));
            }
        }
        Ok(wire)
    }
}

/// A reply that is an error becomes one.
fn settle(reply: Reply) -> Answer {
    match <[Node; 1]>::try_from(reply) {
        Ok([Node::Error(error)]) => Err(match error.code.as_str() {
            "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "READONLY" => {
                Error::Unavailable(format!("{} {}", error.code, error.message))
            }
            _ => Error::Server(error),
        }),
        Ok(single) => Ok(single.into()),
        Err(reply) => Ok(reply),
    }
}

/// Trusts whom the file names, and speaks TLS 1.3.
pub(super) fn tls(ca_file: &std::path::Path) -> io::Result<Arc<ClientConfig>> {
    let in_file = |error| io::Error::other(format!("{}: {error}", ca_file.display()));
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(ca_file).map_err(|e| in_file(e.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| in_file(error.to_string()))?;
        roots.add(certificate).map_err(|error| in_file(error.to_string()))?;
    }
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// What is left until the deadline, at most `most`.
pub(super) fn nap(patience: Patience, most: Duration) {
    let left = patience.deadline.saturating_duration_since(Instant::now());
    std::thread::sleep(left.min(most));
}
