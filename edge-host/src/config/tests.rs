//! Settings in, a configuration or its problems out.

use std::ffi::OsString;
use std::time::Duration;

use super::*;

fn loaded(flags: &[&str], variables: &[(&str, &str)]) -> Result<Effective, Problems> {
    let program = ["edge-host", "--guest", "g.wasm"];
    let flags = command().try_get_matches_from(program.iter().chain(flags)).unwrap();
    let os = |text: &&str| OsString::from(text);
    load(&flags, variables.iter().map(|(name, value)| (os(name), os(value))))
}

fn problems(flags: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    let problems = loaded(flags, variables).expect_err("the configuration should be refused");
    problems.0.into_iter().map(|problem| problem.key).collect()
}

/// A file that lives as long as its test.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("edge-host-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn the_defaults_are_a_configuration_once_a_guest_is_named() {
    let config = loaded(&[], &[]).unwrap().config;
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.http.connections_max, 10_000);
    assert_eq!(config.shard.query_timeout, Duration::from_millis(20));
    assert_eq!(config.shard.cache.unwrap().ttl, Duration::from_secs(10));
    assert_eq!(config.guest.mode, ExecutionMode::Aot);
}

#[test]
fn a_missing_guest_is_a_problem_with_its_cure() {
    let flags = command().try_get_matches_from(["edge-host"]).unwrap();
    let problems = load(&flags, []).unwrap_err();
    let text = problems.to_string();
    assert!(text.contains("set --guest or EDGE_INVENTORY_GUEST"), "{text}");
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let file = File::new("order.toml", "readers = 3\nqueue_commands_max = 7000\nlog = \"warn\"\n");
    let effective = loaded(
        &["--config", file.path(), "--readers", "5"],
        &[("EDGE_INVENTORY_READERS", "4"), ("EDGE_INVENTORY_QUEUE_COMMANDS_MAX", "8000")],
    )
    .unwrap();
    assert_eq!(effective.config.shard.readers, 5);
    assert_eq!(effective.config.shard.queue_commands_max, 8000);
    let printed = effective.to_string();
    for line in [
        "readers = 5 # --readers".to_owned(),
        "queue_commands_max = 8000 # EDGE_INVENTORY_QUEUE_COMMANDS_MAX".to_owned(),
        format!("log = \"warn\" # {}", file.path()),
        "cache_ttl = \"10s\" # default".to_owned(),
    ] {
        assert!(printed.contains(&line), "{line} is not in\n{printed}");
    }
}

#[test]
fn every_problem_is_reported_at_once() {
    let file = File::new("bad.toml", "query-timeout = \"20ms\"\nreaders = 2.5\ncache_ttl = 10\n");
    let found = problems(
        &["--config", file.path(), "--listen", "localhost", "--max-connections=0"],
        &[("EDGE_INVENTORY_LISTN", "x"), ("EDGE_INVENTORY_LOG_FORMAT", "xml")],
    );
    for key in [
        "EDGE_INVENTORY_LISTN",
        "query-timeout",
        "readers",
        "cache_ttl",
        "listen",
        "max_connections",
        "log_format",
    ] {
        assert!(found.iter().any(|found| found == key), "{key} is not in {found:?}");
    }
}

#[test]
fn numbers_and_durations_keep_their_bounds() {
    for (flag, fits) in [
        ("--batch-commands-max=1024", true),
        ("--batch-commands-max=1025", false),
        ("--query-timeout=1ms", true),
        ("--query-timeout=0ms", false),
        ("--query-timeout=20", false),
        ("--default-ttl-s=31536000", true),
        ("--default-ttl-s=31536001", false),
        ("--readers=-1", false),
        ("--node=a:b", false),
        ("--default-mode=deduct_on_payment", true),
        ("--default-mode=deduct-on-payment", false),
        ("--cache-enabled=false", true),
        ("--cache-enabled=no", false),
        ("--interpreter", true),
        ("--queue-commands-max=100", false),
    ] {
        assert_eq!(loaded(&[flag], &[]).is_ok(), fits, "{flag}");
    }
}

#[test]
fn beyond_loopback_only_with_tokens() {
    assert_eq!(problems(&["--listen", "0.0.0.0:80"], &[]), ["listen"]);
    let token = ("EDGE_INVENTORY_TOKENS", "admin:0123456789abcdef");
    assert!(loaded(&["--listen", "0.0.0.0:80"], &[token]).is_ok());
    assert!(loaded(&["--listen", "[::1]:80"], &[]).is_ok());
}

#[test]
fn tokens_come_from_file_or_environment_and_are_never_shown() {
    let file =
        File::new("tokens.toml", "[[tokens]]\nrole = \"trade\"\ntoken = \"secret-secret-00\"\n");
    let effective = loaded(&["--config", file.path()], &[]).unwrap();
    assert_eq!(effective.config.http.tokens.len(), 1);
    let (printed, debugged) = (effective.to_string(), format!("{:?}", effective.config));
    assert!(!printed.contains("secret-secret") && !debugged.contains("secret-secret"));

    for bad in
        ["trade:short", "root:0123456789abcdef", "0123456789abcdef", "admin:ä-0123456789abcd"]
    {
        let refused = loaded(&[], &[("EDGE_INVENTORY_TOKENS", bad)]).unwrap_err();
        assert!(!refused.to_string().contains(bad), "{refused}");
    }
    assert!(command().try_get_matches_from(["edge-host", "--tokens", "x"]).is_err());
}

#[test]
fn a_redis_url_is_shown_without_its_secrets_and_never_repeated_when_it_is_wrong() {
    let url = "redis://edge:s3cret-s3cret@cache:7000/2";
    let effective = loaded(&[], &[("EDGE_INVENTORY_REDIS_URL", url)]).unwrap();
    let (printed, debugged) = (effective.to_string(), format!("{effective:?}"));
    assert!(printed.contains("redis_url = \"redis://hidden@cache:7000/2\" #"), "{printed}");
    assert!(!printed.contains("s3cret") && !debugged.contains("s3cret"), "{debugged}");
    assert!(loaded(&["--redis-url", "redis-cluster://a:1,b:2"], &[]).is_ok());
    for bad in ["redis://edge:s3cret@cache/x", "s3cret", "redis://s3cret@cache"] {
        let refused = loaded(&[], &[("EDGE_INVENTORY_REDIS_URL", bad)]).unwrap_err().to_string();
        assert!(refused.contains("redis_url") && !refused.contains("s3cret"), "{refused}");
    }
    let refused = loaded(&["--redis-url", url], &[]).unwrap_err().to_string();
    assert!(refused.contains("password in a flag") && !refused.contains("s3cret"), "{refused}");
}

#[test]
fn what_redis_needs_is_asked_for_together() {
    let flags = ["--cache-backend=redis", "--redis-timeout=0ms"];
    assert_eq!(problems(&flags, &[]), ["redis_timeout", "cache_backend"]);
    let flags = ["--cache-backend=disk", "--redis-ca-file=/nowhere", "--redis-url=rediss://a"];
    assert_eq!(problems(&flags, &[]), ["cache_backend", "redis_ca_file"]);
    assert!(loaded(&["--cache-backend=redis", "--redis-url=redis://a"], &[]).is_ok());
    assert!(loaded(&["--cache-backend=redis", "--cache-enabled=false"], &[]).is_ok());
}

#[test]
fn variables_that_kubernetes_makes_for_a_service_are_left_alone() {
    let variables = [
        ("EDGE_INVENTORY_SERVICE_HOST", "10.0.0.1"),
        ("EDGE_INVENTORY_SERVICE_PORT_HTTP", "80"),
        ("EDGE_INVENTORY_PORT", "tcp://10.0.0.1:80"),
        ("EDGE_INVENTORY_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("EDGE_INVENTORY_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("EDGE_INVENTORY_PORT_80_TCP_PORT", "80"),
        ("EDGE_INVENTORY_HEADLESS_PORT_53_UDP_PROTO", "udp"),
    ];
    assert!(loaded(&[], &variables).is_ok());
    for (name, value) in [
        ("EDGE_INVENTORY_PORT", "9000"),
        ("EDGE_INVENTORY_LISTEN_PORT", "9000"),
        ("EDGE_INVENTORY_PORT_HTTP", "80"),
    ] {
        assert_eq!(problems(&[], &[(name, value)]), [name]);
    }
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_one_problem() {
    assert_eq!(problems(&["--config", "/nowhere/edge.toml"], &[]), ["config"]);
    let named = loaded(&[], &[("EDGE_INVENTORY_CONFIG", "/nowhere/edge.toml")]).unwrap_err();
    assert!(named.to_string().contains("leave EDGE_INVENTORY_CONFIG out"), "{named}");
    let file = File::new("broken.toml", "listen = \n");
    assert_eq!(problems(&["--config", file.path()], &[]), ["config"]);
}

#[test]
fn no_problem_shows_a_secret() {
    for text in [
        "readers = 2\nredis_url = \"redis://:hidden@host\n",
        "[[tokens]]\nrole = \"admin\"\ntoken = hidden\n",
        "tokens = [{ role = \"admin\", token = \"hidden\" \n",
        "wms_url = \"http://user:hidden@host/x\"\nwms_warehouses = \"W1\"\n",
    ] {
        let file = File::new("secret.toml", text);
        let said = loaded(&["--config", file.path()], &[]).unwrap_err().to_string();
        assert!(!said.contains("hidden"), "{said}");
        assert!(said.contains("wms_url") || said.contains("line "), "{said}");
    }
}
