//! A cluster of three: keys find their nodes, slots move under load, a node dies.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use edge_host::{
    guest::{
        Redis,
        redis::{Error, Node},
    },
    host_functions::redis::RedisHost,
};

use super::{
    PATIENT, bytes, client, host, ok,
    servers::{Cluster, until},
    words,
};

#[test]
fn keys_find_their_nodes_whatever_the_command() {
    let cluster = Cluster::start();
    let mut redis = host(&cluster.url(), PATIENT);
    let sets: Vec<_> =
        (0..300).map(|n| words(&["SET", &format!("k{n}"), &n.to_string()])).collect();
    assert!(redis.pipeline(sets).unwrap().iter().all(|answer| *answer == Ok(ok())));
    let gets: Vec<_> = (0..300).map(|n| words(&["GET", &format!("k{n}")])).collect();
    for (number, answer) in redis.pipeline(gets).unwrap().into_iter().enumerate() {
        assert_eq!(answer, Ok(bytes(&number.to_string())), "in order, from three nodes");
    }
    for node in &cluster.nodes {
        let keys: u32 = node.cli(&["DBSIZE"]).parse().unwrap();
        assert!((50..150).contains(&keys), "{keys} keys on one node");
    }
    for tag in 0..20 {
        let key = |name: &str| format!("{{{tag}}}{name}");
        assert_eq!(redis.execute(words(&["MSET", &key("a"), "1", &key("b"), "2"])), Ok(ok()));
        // Keys whose place only Redis can tell.
        let script = "return redis.call('GET', KEYS[1])";
        assert_eq!(redis.execute(words(&["EVAL", script, "1", &key("b")])), Ok(bytes("2")));
        let keys = vec![key("b").into_bytes()];
        assert_eq!(redis.eval(script.to_owned(), keys, vec![]), Ok(bytes("2")));
        let encoding = redis.execute(words(&["OBJECT", "ENCODING", &key("a")]));
        assert_eq!(encoding, Ok(bytes("int")));
        let added = redis.execute(words(&["XADD", &key("s"), "1-1", "f", "v"]));
        assert_eq!(added, Ok(bytes("1-1")));
        let read = redis.execute(words(&["XREAD", "COUNT", "1", "STREAMS", &key("s"), "0"]));
        assert_eq!(read.unwrap()[0], Node::Array(1));
    }
    assert_eq!(redis.execute(words(&["PING"])), Ok(vec![Node::Status("PONG".to_owned())]));
}

#[test]
fn keys_in_different_slots_and_unknown_commands_are_refused_before_they_are_sent() {
    let cluster = Cluster::start();
    let mut redis = host(&cluster.url(), PATIENT);
    assert_eq!(redis.execute(words(&["MGET", "a", "b"])), Err(Error::CrossSlot));
    let keys = vec![b"a".to_vec(), b"b".to_vec()];
    assert_eq!(redis.eval("return 1".to_owned(), keys, vec![]), Err(Error::CrossSlot));
    let unknown = redis.execute(words(&["NOSUCH", "a"]));
    assert!(matches!(unknown, Err(Error::NotAllowed(_))), "{unknown:?}");
    let answers = redis.pipeline(vec![words(&["SET", "a", "1"]), words(&["MGET", "a", "b"])]);
    assert_eq!(answers, Ok(vec![Ok(ok()), Err(Error::CrossSlot)]));
}

#[test]
fn while_a_slot_moves_every_increment_happens_once() {
    let cluster = Cluster::start();
    let shared = client(&cluster.url(), PATIENT);
    let stop = AtomicBool::new(false);
    let key = |number: usize| format!("{{moving}}{number}");
    let done: u64 = thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|caller| {
                let (mut redis, stop) = (RedisHost::new(Some(Arc::clone(&shared))), &stop);
                scope.spawn(move || {
                    let mut done = 0;
                    while !stop.load(Ordering::SeqCst) {
                        let increment = words(&["INCR", &key(caller)]);
                        match redis.execute(increment) {
                            Ok(_) => done += 1,
                            error => panic!("{error:?}"),
                        }
                    }
                    done
                })
            })
            .collect();
        for _ in 0..3 {
            thread::sleep(Duration::from_millis(100));
            move_slot(&cluster, "{moving}0");
        }
        thread::sleep(Duration::from_millis(100));
        stop.store(true, Ordering::SeqCst);
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    let mut redis = host(&cluster.url(), PATIENT);
    let counted: u64 = (0..4)
        .map(|number| match redis.execute(words(&["GET", &key(number)])).unwrap().remove(0) {
            Node::Bytes(text) => String::from_utf8(text).unwrap().parse::<u64>().unwrap(),
            other => panic!("{other:?}"),
        })
        .sum();
    assert!(done > 100);
    assert_eq!(counted, done);
}

/// Moves the key's slot to another node, slowly enough to be met half-way.
fn move_slot(cluster: &Cluster, key: &str) {
    let nodes = &cluster.nodes;
    let from = cluster.owner(key);
    let to = (from + 1) % nodes.len();
    let slot = nodes[0].cli(&["CLUSTER", "KEYSLOT", key]);
    let id = |place: usize| nodes[place].cli(&["CLUSTER", "MYID"]);
    let (from_id, to_id) = (id(from), id(to));
    let expect_ok = |said: String| assert_eq!(said, "OK");
    expect_ok(nodes[to].cli(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]));
    expect_ok(nodes[from].cli(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]));
    let port = nodes[to].port.to_string();
    loop {
        let keys = nodes[from].cli(&["CLUSTER", "GETKEYSINSLOT", &slot, "1"]);
        if keys.is_empty() {
            break;
        }
        nodes[from].cli(&["MIGRATE", "127.0.0.1", &port, &keys, "0", "5000"]);
        thread::sleep(Duration::from_millis(20));
    }
    for place in [to, from] {
        expect_ok(nodes[place].cli(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]));
    }
}

/// Sets so many that each node has some, each to its own name.
fn sixty_keys(redis: &mut RedisHost) -> Vec<String> {
    let keys: Vec<String> = (0..60).map(|number| format!("k{number}")).collect();
    for key in &keys {
        assert_eq!(redis.execute(words(&["SET", key, key])), Ok(ok()));
    }
    keys
}

#[test]
fn a_node_that_dies_takes_only_its_own_keys_along() {
    let mut cluster = Cluster::start();
    let mut redis = host(&cluster.url(), Duration::from_secs(1));
    let keys = sixty_keys(&mut redis);
    let dead = cluster.owner(&keys[0]);
    let theirs: Vec<bool> = keys.iter().map(|key| cluster.owner(key) == dead).collect();
    cluster.nodes[dead].kill();
    for (key, dead) in keys.iter().zip(&theirs) {
        match redis.execute(words(&["GET", key])) {
            Ok(reply) => assert!(!dead && reply == bytes(key)),
            Err(Error::Unavailable(_)) => assert!(dead, "{key} lives elsewhere"),
            error => panic!("{key}: {error:?}"),
        }
    }
    // One pipeline over all: each command has its own fate.
    let gets: Vec<_> = keys.iter().map(|key| words(&["GET", key])).collect();
    for (answer, dead) in redis.pipeline(gets).unwrap().iter().zip(&theirs) {
        assert_eq!(answer.is_err(), *dead, "{answer:?}");
    }
    cluster.nodes[dead].start_again();
    for key in &keys {
        until("every key is back", || redis.execute(words(&["GET", key])) == Ok(bytes(key)));
    }
}

#[test]
fn a_replica_that_takes_over_from_its_master_is_found() {
    let mut cluster = Cluster::start();
    let mut redis = host(&cluster.url(), Duration::from_secs(1));
    let keys = sixty_keys(&mut redis);
    let dead = cluster.owner(&keys[0]);
    let replica = cluster.add_replica(dead);
    cluster.nodes[dead].kill();
    for key in &keys {
        until("every key is there again", || {
            match redis.execute(words(&["GET", key])) {
                Ok(reply) => reply == bytes(key),
                // It is not sent twice: the caller says that a reading may be.
                Err(Error::Unavailable(_) | Error::Lost | Error::Timeout) => false,
                error => panic!("{key}: {error:?}"),
            }
        });
        assert_eq!(redis.execute(words(&["SET", key, "anew"])), Ok(ok()), "{key}");
    }
    assert_eq!(replica.cli(&["GET", &keys[0]]), "anew");
    // The old master comes back as a replica, and is not asked.
    cluster.nodes[dead].start_again();
    until("it follows", || replica.cli(&["INFO", "replication"]).contains("connected_slaves:1"));
    for key in &keys {
        assert_eq!(redis.execute(words(&["GET", key])), Ok(bytes("anew")), "{key}");
    }
}
