//! Commands, pipelines and scripts: what is answered, what is refused, what is bounded.

use edge_host::{
    guest::{
        Redis,
        redis::{Error, Node, ServerError},
    },
    host_functions::redis::{Client, Config, RedisHost},
    metrics::Metrics,
};

use super::{
    PATIENT, bytes, host, ok,
    servers::{Certificates, Cluster, Server},
    words,
};

fn server_error(code: &str, message: &str) -> ServerError {
    ServerError { code: code.to_owned(), message: message.to_owned() }
}

#[test]
fn every_kind_of_value_comes_as_it_is() {
    let server = Server::start();
    let mut redis = host(&server.url(), PATIENT);
    let binary: Vec<u8> = (0..=255).collect();
    let set = vec![b"SET".to_vec(), binary.clone(), binary.clone()];
    assert_eq!(redis.execute(set), Ok(ok()));
    assert_eq!(redis.execute(vec![b"GET".to_vec(), binary.clone()]), Ok(vec![Node::Bytes(binary)]));
    assert_eq!(redis.execute(words(&["GET", "none"])), Ok(vec![Node::Nil]));
    assert_eq!(redis.execute(words(&["INCRBY", "n", "-7"])), Ok(vec![Node::Integer(-7)]));
    let wrong = "Operation against a key holding the wrong kind of value";
    assert_eq!(
        redis.execute(words(&["LPUSH", "n", "x"])),
        Err(Error::Server(server_error("WRONGTYPE", wrong)))
    );
    let nested = "return {1, {'two', {false, {}}}, redis.status_reply('fine'), {err='ODD thing'}}";
    assert_eq!(
        redis.eval(nested.to_owned(), vec![], vec![]),
        Ok(vec![
            Node::Array(4),
            Node::Integer(1),
            Node::Array(2),
            Node::Bytes(b"two".to_vec()),
            Node::Array(2),
            Node::Nil,
            Node::Array(0),
            Node::Status("fine".to_owned()),
            Node::Error(server_error("ODD", "thing")),
        ])
    );
}

#[test]
fn a_pipeline_answers_each_command_in_order() {
    let server = Server::start();
    let mut redis = host(&server.url(), PATIENT);
    let commands =
        vec![words(&["SET", "a", "1"]), words(&["LPUSH", "a", "x"]), words(&["INCR", "a"])];
    let answers = redis.pipeline(commands).unwrap();
    assert_eq!(answers[0], Ok(ok()));
    assert!(matches!(&answers[1], Err(Error::Server(error)) if error.code == "WRONGTYPE"));
    assert_eq!(answers[2], Ok(vec![Node::Integer(2)]));
    let many: Vec<_> = (0..1_024).map(|number| words(&["ECHO", &number.to_string()])).collect();
    for (number, answer) in redis.pipeline(many).unwrap().into_iter().enumerate() {
        assert_eq!(answer, Ok(bytes(&number.to_string())));
    }
    assert_eq!(
        redis.pipeline(vec![words(&["SELECT", "1"])]),
        Err(Error::NotAllowed("SELECT".into()))
    );
}

#[test]
fn a_script_is_loaded_when_redis_does_not_have_it() {
    let server = Server::start();
    let mut redis = host(&server.url(), PATIENT);
    let script = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
    let mut add = |by: &str| {
        redis.eval(script.to_owned(), vec![b"stock".to_vec()], vec![by.as_bytes().to_vec()])
    };
    assert_eq!(add("5"), Ok(vec![Node::Integer(5)]));
    assert_eq!(add("5"), Ok(vec![Node::Integer(10)]));
    assert_eq!(server.cli(&["SCRIPT", "FLUSH"]), "OK");
    assert_eq!(add("1"), Ok(vec![Node::Integer(11)]), "loaded again, run once");
    assert!(matches!(add("x"), Err(Error::Server(error)) if error.code == "ERR"));
    let stats = server.cli(&["INFO", "commandstats"]);
    let calls = |command: &str| {
        stats.lines().find(|line| line.starts_with(&format!("cmdstat_{command}:"))).is_some()
    };
    assert!(calls("evalsha") && calls("eval"), "{stats}");
}

#[test]
fn a_reply_past_its_bounds_is_an_error_and_the_next_call_gets_its_own() {
    let server = Server::start();
    let mut redis = host(&server.url(), PATIENT);
    assert_eq!(server.cli(&["SETRANGE", "huge", "20000000", "x"]), "20000001");
    let wide = "local t = {} for i = 1, 300000 do t[i] = i end return t";
    let deep = "local t = {} for i = 1, 40 do t = {t} end return t";
    for number in 0..3 {
        assert_eq!(redis.execute(words(&["GET", "huge"])), Err(Error::ReplyTooLarge));
        for script in [wide, deep] {
            let answer = redis.eval(script.to_owned(), vec![], vec![]);
            assert_eq!(answer, Err(Error::ReplyTooLarge), "{script}");
        }
        let token = format!("token-{number}");
        assert_eq!(redis.execute(words(&["ECHO", &token])), Ok(bytes(&token)));
    }
    // Together they pass what one call may answer.
    assert_eq!(server.cli(&["SETRANGE", "half", "9000000", "x"]), "9000001");
    let answers = redis.pipeline(vec![words(&["GET", "half"]); 2]).unwrap();
    assert!(answers[0].is_ok());
    assert_eq!(answers[1], Err(Error::ReplyTooLarge));
}

#[test]
fn what_passes_the_bounds_on_the_way_out_is_not_sent() {
    let server = Server::start();
    let mut redis = host(&server.url(), PATIENT);
    let large = vec![b"SET".to_vec(), b"k".to_vec(), vec![0; 5 << 20]];
    assert_eq!(redis.execute(large), Err(Error::TooLarge));
    assert_eq!(redis.execute(vec![b"DEL".to_vec(); 20_000]), Err(Error::TooLarge));
    assert_eq!(redis.eval("x".repeat(70_000), vec![], vec![]), Err(Error::TooLarge));
    assert!(matches!(redis.execute(vec![]), Err(Error::NotAllowed(_))));
    assert_eq!(server.cli(&["DBSIZE"]), "0");
}

#[test]
fn without_a_redis_every_call_is_unavailable() {
    let mut redis = RedisHost::unconfigured();
    let unconfigured = Error::Unavailable("no redis_url is configured".to_owned());
    assert_eq!(redis.execute(words(&["PING"])), Err(unconfigured.clone()));
    assert_eq!(redis.pipeline(vec![words(&["PING"])]), Err(unconfigured.clone()));
    assert_eq!(redis.eval("return 1".to_owned(), vec![], vec![]), Err(unconfigured));
}

#[test]
fn users_and_databases_come_from_the_url_and_are_never_told() {
    let user = ["--user", "edge", "on", ">s3cret", "~*", "+@all"];
    let server = Server::start_with(&[&user[..], &["--requirepass", "oth3r"]].concat());
    let port = server.port;
    let mut redis = host(&format!("redis://edge:s3cret@127.0.0.1:{port}/3"), PATIENT);
    assert_eq!(redis.execute(words(&["SET", "k", "v"])), Ok(ok()));
    let keys = server.cli(&["--no-auth-warning", "-a", "oth3r", "-n", "3", "KEYS", "*"]);
    assert_eq!(keys, "k");
    for wrong in ["redis://edge:wr0ng@127.0.0.1", "redis://:wr0ng@127.0.0.1", "redis://127.0.0.1"] {
        let mut redis = host(&format!("{wrong}:{port}"), PATIENT);
        let Err(Error::Unavailable(why)) = redis.execute(words(&["PING"])) else {
            panic!("{wrong} must be turned away");
        };
        assert!(why.contains("WRONGPASS") || why.contains("NOAUTH"), "{why}");
        assert!(why.contains("redis_url"), "it says what to mend: {why}");
        assert!(!why.contains("wr0ng"), "{why}");
    }
}

#[test]
fn tls_trusts_whom_the_file_names_and_nobody_else() {
    let certificates = Certificates::make();
    let server = certificates.serve(&[]);
    let with_ca = |ca_file: &str| over_tls(&format!("rediss://127.0.0.1:{}", server.port), ca_file);
    let mut redis = with_ca(&certificates.path("ca.crt"));
    for number in 0..100 {
        let token = number.to_string().repeat(1_000);
        assert_eq!(redis.execute(words(&["ECHO", &token])), Ok(bytes(&token)));
    }
    let stranger = Certificates::make();
    for untrusted in [stranger.path("ca.crt"), stranger.path("missing")] {
        let answer = with_ca(&untrusted).execute(words(&["PING"]));
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    }
}

#[test]
fn a_cluster_over_tls_is_found_by_its_url() {
    let certificates = Certificates::make();
    let cluster = Cluster::start_over_tls(&certificates);
    let url = format!("rediss-cluster://{}", cluster.hosts());
    let mut redis = over_tls(&url, &certificates.path("ca.crt"));
    for number in 0..30 {
        let key = format!("k{number}");
        assert_eq!(redis.execute(words(&["SET", &key, &key])), Ok(ok()));
        assert_eq!(redis.execute(words(&["GET", &key])), Ok(bytes(&key)));
    }
}

fn over_tls(url: &str, ca_file: &str) -> RedisHost {
    let metrics = Metrics::new(std::time::Instant::now());
    let config = Config { url: url.parse().unwrap(), timeout: PATIENT, ca_file: ca_file.into() };
    RedisHost::new(Some(Client::new(config, metrics.redis.user("guest")).into()))
}
