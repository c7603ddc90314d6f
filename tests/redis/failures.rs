//! Redis killed, stopped, restarted, silent: what is known afterwards, how long it takes, and that
//! no call ever gets the reply of another.

use std::{
    io::{Read, Write},
    net::TcpListener,
    ops::AddAssign,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use edge_host::{
    guest::{
        Redis,
        redis::{Error, Node},
    },
    host_functions::redis::RedisHost,
};

use super::{
    PATIENT, bytes, client, host,
    servers::{Server, until},
    words,
};

const TIMEOUT: Duration = Duration::from_millis(100);
/// Generous: this machine runs many tests at once.
const AT_ONCE: Duration = Duration::from_secs(2);

/// What calls came to.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    ok: i64,
    /// May have run.
    unknown: i64,
    /// Did not run.
    unavailable: i64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.ok += other.ok;
        self.unknown += other.unknown;
        self.unavailable += other.unavailable;
    }
}

/// Calls from some threads while `disturb` runs; each asks for what only it can be answered.
fn under_load(url: &str, disturb: impl FnOnce()) -> Tally {
    let shared = client(url, TIMEOUT);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|caller| {
                let (mut redis, stop) = (RedisHost::new(Some(Arc::clone(&shared))), &stop);
                scope.spawn(move || {
                    let mut tally = Tally::default();
                    let mut numbers = 0..;
                    while !stop.load(Ordering::SeqCst) {
                        tally += call(&mut redis, &format!("{caller}-{:?}", numbers.next()));
                    }
                    tally
                })
            })
            .collect();
        disturb();
        stop.store(true, Ordering::SeqCst);
        let mut sum = Tally::default();
        for caller in callers {
            sum += caller.join().unwrap();
        }
        sum
    })
}

/// Counts, and asks for the token back.
fn call(redis: &mut RedisHost, token: &str) -> Tally {
    let script = "return {redis.call('INCR', KEYS[1]), ARGV[1]}".to_owned();
    let token = token.as_bytes().to_vec();
    match redis.eval(script, vec![b"counter".to_vec()], vec![token.clone()]) {
        Ok(reply) => {
            assert_eq!(reply[2], Node::Bytes(token), "another call's reply");
            Tally { ok: 1, ..Tally::default() }
        }
        Err(Error::Timeout | Error::Lost) => Tally { unknown: 1, ..Tally::default() },
        Err(Error::Unavailable(_)) => {
            // A guest goes on without it; here that would only spin.
            thread::sleep(Duration::from_millis(1));
            Tally { unavailable: 1, ..Tally::default() }
        }
        Err(error) => panic!("{error:?}"),
    }
}

fn pause() {
    thread::sleep(Duration::from_millis(300));
}

/// What was counted lies between what is known to have run and what may have.
fn assert_truth(server: &Server, tally: Tally) {
    let counted: i64 = server.cli(&["GET", "counter"]).parse().unwrap();
    let possible = tally.ok..=tally.ok + tally.unknown;
    assert!(possible.contains(&counted), "{counted} increments for {tally:?}");
    assert!(tally.ok > 100 && tally.unavailable > 0, "{tally:?}");
}

#[test]
fn killed_and_restarted_under_load_every_outcome_says_the_truth() {
    let durable = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"];
    let mut server = Server::start_with(&durable);
    let tally = under_load(&server.url(), || {
        for _ in 0..3 {
            pause();
            server.kill();
            pause();
            server.start_again();
        }
        pause();
    });
    assert_truth(&server, tally);
}

#[test]
fn stopped_and_continued_under_load_no_reply_reaches_another_call() {
    let server = Server::start();
    let tally = under_load(&server.url(), || {
        for _ in 0..4 {
            pause();
            server.pause();
            pause();
            server.resume();
        }
        pause();
    });
    assert_truth(&server, tally);
}

#[test]
fn a_stopped_server_costs_one_timeout_and_is_then_left_alone() {
    let server = Server::start();
    let mut redis = host(&server.url(), TIMEOUT);
    assert_eq!(redis.execute(words(&["ECHO", "a"])), Ok(bytes("a")));
    server.pause();
    let started = Instant::now();
    assert_eq!(redis.execute(words(&["ECHO", "b"])), Err(Error::Timeout));
    assert!((TIMEOUT..AT_ONCE).contains(&started.elapsed()), "{:?}", started.elapsed());
    // A thousand calls do not wait a thousand timeouts.
    let started = Instant::now();
    for _ in 0..1_000 {
        let answer = redis.execute(words(&["ECHO", "c"]));
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    }
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    server.resume();
    until("it is asked again", || redis.execute(words(&["ECHO", "d"])) == Ok(bytes("d")));
}

#[test]
fn a_reply_that_comes_late_is_never_taken_for_another() {
    let server = Server::start();
    let mut redis = host(&server.url(), TIMEOUT);
    let slow = "local until_then = redis.call('TIME')
        local function past() local now = redis.call('TIME')
            return (now[1] - until_then[1]) * 1000000 + now[2] - until_then[2] end
        while past() < 250000 do end
        return 'late'";
    for number in 0..3 {
        until("the script runs too long", || {
            redis.eval(slow.to_owned(), vec![], vec![]) == Err(Error::Timeout)
        });
        let token = format!("token-{number}");
        until("it is asked again", || match redis.execute(words(&["ECHO", &token])) {
            Err(Error::Unavailable(_) | Error::Timeout) => false,
            answer => {
                assert_eq!(answer, Ok(bytes(&token)));
                true
            }
        });
    }
}

#[test]
fn a_restart_between_two_calls_is_not_noticed() {
    let mut server = Server::start();
    let mut redis = host(&server.url(), PATIENT);
    for number in 0..5 {
        let token = number.to_string();
        assert_eq!(redis.execute(words(&["ECHO", &token])), Ok(bytes(&token)));
        server.kill();
        server.start_again();
    }
}

#[test]
fn a_server_that_is_not_there_is_unavailable_at_once_and_found_when_it_comes() {
    let mut server = Server::start();
    server.kill();
    let mut redis = host(&server.url(), PATIENT);
    let started = Instant::now();
    let Err(Error::Unavailable(why)) = redis.execute(words(&["PING"])) else { panic!("gone") };
    assert!(why.contains(&server.port.to_string()), "{why}");
    assert!(started.elapsed() < AT_ONCE);
    server.start_again();
    until("it is found", || redis.execute(words(&["PING"])).is_ok());
}

#[test]
fn a_server_that_loads_its_data_is_unavailable() {
    let mut server = Server::start_with(&[
        "--save",
        "",
        "--key-load-delay",
        "2000",
        "--loading-process-events-interval-bytes",
        "1024",
        "--enable-debug-command",
        "yes",
    ]);
    server.cli(&["DEBUG", "POPULATE", "1000"]);
    server.cli(&["SAVE"]);
    server.kill();
    let mut redis = host(&server.url(), PATIENT);
    // Loading takes 2 s: the calls fall into it.
    thread::scope(|scope| {
        scope.spawn(|| server.start_again());
        let mut loading = 0;
        until("it has loaded", || match redis.execute(words(&["DBSIZE"])) {
            Ok(reply) => {
                assert_eq!(reply, [Node::Integer(1_000)]);
                true
            }
            Err(Error::Unavailable(why)) => {
                loading += usize::from(why.contains("LOADING"));
                false
            }
            Err(error) => panic!("{error:?}"),
        });
        assert!(loading > 0, "it never said that it loads");
    });
}

/// A server that answers every connection's first bytes with `answer`, a byte every 5 ms.
fn dribbling(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 1_024]);
                // The greeting is answered at once.
                let _ = stream.write_all(b"+PONG\r\n");
                let _ = stream.read(&mut [0; 1_024]);
                for byte in answer.iter().cycle() {
                    if stream.write_all(&[*byte]).is_err() {
                        return;
                    }
                    thread::sleep(Duration::from_millis(5));
                }
            });
        }
    });
    url
}

#[test]
fn the_deadline_holds_for_the_whole_reply_and_not_for_each_piece_of_it() {
    for answer in [&b"$9999\r\n"[..], b"x"] {
        let mut redis = host(&dribbling(answer), TIMEOUT);
        let started = Instant::now();
        let answer = redis.execute(words(&["GET", "k"]));
        assert!(matches!(answer, Err(Error::Timeout | Error::Lost)), "{answer:?}");
        assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    }
}

#[test]
fn a_callers_own_deadline_is_kept_and_says_nothing_of_the_server() {
    let server = Server::start();
    let mut redis = host(&server.url(), PATIENT);
    assert_eq!(redis.execute(words(&["ECHO", "a"])), Ok(bytes("a")));
    redis.set_deadline(Some(Instant::now()));
    let passed = Error::Unavailable("the caller's deadline has passed".to_owned());
    assert_eq!(redis.execute(words(&["ECHO", "b"])), Err(passed));
    server.pause();
    let started = Instant::now();
    redis.set_deadline(Some(started + Duration::from_millis(20)));
    assert_eq!(redis.execute(words(&["ECHO", "c"])), Err(Error::Timeout));
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    server.resume();
    redis.set_deadline(None);
    assert_eq!(redis.execute(words(&["ECHO", "d"])), Ok(bytes("d")));
}
