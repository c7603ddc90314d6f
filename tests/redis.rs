//! `inventory:host/redis` against real servers and a real cluster, which are killed, stopped and
//! restarted under load; and the read cache that is shared through them.

mod cache;
mod calls;
mod cluster;
mod failures;
mod guest;
mod servers;

use std::{sync::Arc, time::Duration};

use edge_host::{
    guest::redis::{Command, Node, Reply},
    host_functions::redis::{Client, Config, RedisHost},
    metrics::Metrics,
};

/// Long enough for a busy machine.
const PATIENT: Duration = Duration::from_secs(10);

/// What a guest would call, for as many threads as want one.
fn client(url: &str, timeout: Duration) -> Arc<Client> {
    let metrics = Metrics::new(std::time::Instant::now());
    let ca_file = "/etc/ssl/certs/ca-certificates.crt".into();
    let config = Config { url: url.parse().unwrap(), timeout, ca_file };
    Arc::new(Client::new(config, metrics.redis.user("guest")))
}

fn host(url: &str, timeout: Duration) -> RedisHost {
    RedisHost::new(Some(client(url, timeout)))
}

/// A command of words.
fn words(words: &[&str]) -> Command {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

fn bytes(text: &str) -> Reply {
    vec![Node::Bytes(text.as_bytes().to_vec())]
}

fn ok() -> Reply {
    vec![Node::Status("OK".to_owned())]
}
