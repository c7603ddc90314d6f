//! The read cache, in memory and in Redis: whatever happens to Redis, a caller reads its own
//! writes, nobody reads an older state after a newer one, and no read fails.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use super::servers::{Cluster, Server, until};
use crate::harness::{Host, Start};

const SKUS: usize = 4;
const ENOUGH: u64 = 1_000_000;

fn start(data: &Path, url: &str) -> Host {
    Start::new(data).arg("--cache-backend", "redis").arg("--redis-url", url).start()
}

/// A published counter, of the backend in Redis.
fn counted(host: &Host, name: &str) -> u64 {
    let line = format!("edge_inventory_{name}_total{{backend=\"redis\"}} ");
    let text = host.get_text("/metrics");
    let value = text.lines().find_map(|found| found.strip_prefix(&line));
    value.unwrap_or_else(|| panic!("{line} is not in\n{text}")).parse().unwrap()
}

/// The cache is in use.
fn warm_up(host: &Host) {
    host.set_sellable("WARM", 1);
    let hits = counted(host, "cache_hits");
    until("a read is answered from Redis", || {
        host.sellable("WARM");
        counted(host, "cache_hits") > hits
    });
}

/// One writer and two readers a sku, while `disturb` runs. Every write is read by its writer; what
/// readers see only ever falls. Answers how many units were sold.
fn races(host: &Host, disturb: impl FnOnce()) -> u64 {
    let name = |sku: usize| format!("S-{sku}");
    for sku in 0..SKUS {
        host.set_sellable(&name(sku), u32::try_from(ENOUGH).unwrap());
    }
    let stop = AtomicBool::new(false);
    let sold = thread::scope(|scope| {
        let (stop, name) = (&stop, &name);
        let going = || !stop.load(Ordering::SeqCst);
        let writers: Vec<_> = (0..SKUS)
            .map(|sku| {
                scope.spawn(move || {
                    let mut sold = 0;
                    while going() {
                        sold += 1;
                        let order = format!("W-{sku}-{sold}");
                        assert_eq!(host.deduct(&order, &name(sku), 1).status, 200);
                        assert_eq!(host.sellable(&name(sku)), ENOUGH - sold, "its own write");
                    }
                    sold
                })
            })
            .collect();
        for reader in 0..2 * SKUS {
            scope.spawn(move || {
                let mut seen = ENOUGH;
                while going() {
                    let now = host.sellable(&name(reader % SKUS));
                    assert!(now <= seen, "{now} after {seen}: back in time");
                    seen = now;
                }
            });
        }
        disturb();
        stop.store(true, Ordering::SeqCst);
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    host.assert_audit_is_clean();
    sold
}

fn pause() {
    thread::sleep(Duration::from_millis(400));
}

#[test]
fn the_cache_in_memory_never_goes_back_in_time() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    assert!(races(&host, || thread::sleep(Duration::from_secs(2))) > 0);
}

#[test]
fn the_cache_in_redis_never_goes_back_in_time_whatever_redis_does() {
    let data = tempfile::tempdir().unwrap();
    // It keeps what it can, so that it comes back with what it knew before.
    let mut redis = Server::start_with(&["--appendonly", "yes", "--appendfsync", "no"]);
    let host = start(data.path(), &redis.url());
    warm_up(&host);
    let sold = races(&host, || {
        pause();
        redis.cli(&["FLUSHALL"]);
        pause();
        redis.pause();
        pause();
        redis.resume();
        pause();
        for _ in 0..2 {
            redis.kill();
            pause();
            redis.start_again();
            pause();
        }
        redis.cli(&["SCRIPT", "FLUSH"]);
        pause();
    });
    assert!(sold > 100, "{sold}");
    assert!(counted(&host, "cache_bypasses") > 0);
    assert!(counted(&host, "cache_generations") > 1);
    warm_up(&host);
}

#[test]
fn a_read_is_answered_from_redis_until_it_changes() {
    let data = tempfile::tempdir().unwrap();
    let redis = Server::start();
    let host = start(data.path(), &redis.url());
    warm_up(&host);
    host.set_sellable("TEA", 10);
    until("it is remembered", || {
        host.sellable("TEA");
        redis.cli(&["KEYS", "*:stock:TEA"]).contains("TEA")
    });
    let (before, first) = (counted(&host, "cache_hits"), host.get("/v1/stock/TEA"));
    assert_eq!(counted(&host, "cache_hits"), before + 1);
    assert_eq!(first.body["sellable"], 10);
    assert_eq!(host.deduct("O-1", "TEA", 4).status, 200);
    assert_eq!(host.sellable("TEA"), 6);
    let answer =
        host.post("/v1/stock/query", &serde_json::json!({"skus": ["TEA", "NONE", "WARM"]}));
    assert_eq!(answer.body["unknown"], serde_json::json!(["NONE"]));
    assert_eq!(answer.body["stock"][0]["sellable"], 6);
    assert_eq!(answer.body["stock"][1]["sku"], "WARM");
}

#[test]
fn a_redis_from_an_old_snapshot_is_not_believed() {
    let data = tempfile::tempdir().unwrap();
    let mut redis = Server::start();
    let host = start(data.path(), &redis.url());
    warm_up(&host);
    host.set_sellable("TEA", 10);
    until("it is remembered", || {
        host.sellable("TEA");
        redis.cli(&["KEYS", "*:stock:TEA"]).contains("TEA")
    });
    assert_eq!(redis.cli(&["SAVE"]), "OK");
    assert_eq!(host.deduct("O-1", "TEA", 4).status, 200);
    // Redis has been told.
    until("it is forgotten", || !redis.cli(&["KEYS", "*:stock:TEA"]).contains("TEA"));
    redis.kill();
    redis.start_again();
    assert!(redis.cli(&["KEYS", "*:stock:TEA"]).contains("TEA"), "the old value is back");
    for _ in 0..50 {
        assert_eq!(host.sellable("TEA"), 6);
    }
    warm_up(&host);
    assert_eq!(counted(&host, "cache_generations"), 2, "it began anew");
}

#[test]
fn a_clean_stop_hands_the_cache_over_and_nothing_else_does() {
    let data = tempfile::tempdir().unwrap();
    let redis = Server::start();
    let begin = || {
        let arguments = Start::new(data.path()).arg("--cache-ttl", "1h");
        arguments.arg("--cache-backend", "redis").arg("--redis-url", &redis.url()).start()
    };
    let is_warm = |host: &Host| {
        until("Redis is in use", || {
            host.sellable("TEA");
            counted(host, "cache_hits") > 0
        });
        counted(host, "cache_generations") == 0
    };
    let stop = |host: Host| {
        host.signal("-TERM");
        assert!(host.wait().success());
    };
    let host = begin();
    host.set_sellable("TEA", 10);
    assert!(!is_warm(&host), "there was no host before");
    stop(host);
    let host = begin();
    assert!(is_warm(&host));
    assert_eq!(host.deduct("O-1", "TEA", 1).status, 200);
    assert_eq!(host.sellable("TEA"), 9);
    stop(host);
    let host = begin();
    assert!(is_warm(&host));
    assert_eq!(host.sellable("TEA"), 9);
    // Killed: nobody knows what Redis was told.
    drop(host);
    let host = begin();
    assert!(!is_warm(&host));
    stop(host);
    // Another host changed the database without Redis.
    let host = Host::start(data.path());
    assert_eq!(host.deduct("O-2", "TEA", 1).status, 200);
    stop(host);
    let host = begin();
    assert_eq!(host.sellable("TEA"), 8);
    assert!(!is_warm(&host));
    stop(host);
    // Redis has lost it.
    redis.cli(&["FLUSHALL"]);
    let host = begin();
    assert!(!is_warm(&host));
    assert_eq!(host.sellable("TEA"), 8);
}

#[test]
fn reads_go_on_while_redis_is_stopped_or_was_never_there() {
    let data = tempfile::tempdir().unwrap();
    let redis = Server::start();
    let host = Start::new(data.path())
        .arg("--cache-backend", "redis")
        .arg("--redis-url", &redis.url())
        .arg("--query-timeout", "500ms")
        .start();
    warm_up(&host);
    host.set_sellable("TEA", 10);
    redis.pause();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..200).for_each(|_| assert_eq!(host.sellable("TEA"), 10)));
        }
    });
    let metrics = host.get_text("/metrics");
    let timeouts = "edge_inventory_redis_calls_total{user=\"cache\",outcome=\"timeout\"} ";
    let timeouts = metrics.lines().find_map(|line| line.strip_prefix(timeouts)).unwrap();
    assert!((1..20).contains(&timeouts.parse::<u32>().unwrap()), "{timeouts} of 800 reads waited");
    redis.resume();
    warm_up(&host);

    let other = tempfile::tempdir().unwrap();
    let host = start(other.path(), "redis://127.0.0.1:1");
    host.set_sellable("TEA", 10);
    assert_eq!(host.sellable("TEA"), 10);
    assert!(counted(&host, "cache_bypasses") > 0);
}

#[test]
fn two_hosts_on_one_redis_never_mix() {
    let redis = Server::start();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let hosts = folders.each_ref().map(|folder| start(folder.path(), &redis.url()));
    for (host, quantity) in hosts.iter().zip([10, 20]) {
        warm_up(host);
        host.set_sellable("TEA", quantity);
    }
    for _ in 0..20 {
        assert_eq!(hosts.each_ref().map(|host| host.sellable("TEA")), [10, 20]);
    }
}

#[test]
fn a_cluster_holds_the_cache_and_survives_the_death_of_its_node() {
    let data = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start();
    let host = start(data.path(), &cluster.url());
    warm_up(&host);
    let sold = races(&host, || {
        pause();
        for node in 0..2 {
            cluster.nodes[node].kill();
            pause();
            cluster.nodes[node].start_again();
            pause();
        }
    });
    assert!(sold > 100, "{sold}");
    warm_up(&host);
}
