//! What callers get over HTTP, from the program that ships, beside what Redis and a bare axum give
//! them on the same machine. Server and load generator share its cores.

use crate::measure::{
    Figure, Report, folder,
    load::{redis, wrk},
    program::Program,
};

const SKUS: u32 = 10_000;
/// Batches are big: few connections keep the writer busy.
const BATCH_CONNECTIONS: u32 = 32;
const COMMANDS_IN_BATCH: f64 = 100.0;
const READ_CONNECTIONS: u32 = 64;
const SKUS_IN_QUERY: f64 = 100.0;

/// What our deduct does, as Redis users do it: once per order, and only while there is some.
const DEDUCT: &str = "
    local order = KEYS[1]
    if redis.call('EXISTS', order) == 1 then return redis.call('GET', order) end
    local sku = 'stock:' .. tonumber(string.sub(order, -12)) % 10000
    local left = tonumber(redis.call('GET', sku) or '0')
    if left < 1 then return -1 end
    redis.call('DECRBY', sku, 1)
    redis.call('SET', order, 1)
    return left - 1";
const MAKE_STOCK: &str = "for sku = 0, 9999 do redis.call('SET', 'stock:' .. sku, 2000000000) end";

pub(crate) fn run(report: &mut Report) {
    let folders = (folder(), folder());
    let host = Program::edge_host(folders.0.path());
    host.make_skus(SKUS);
    let rival = Program::redis(folders.1.path());
    let skus = SKUS.to_string();
    deducts(report, &host, &rival, &skus);

    let load = wrk(&host, "batch", BATCH_CONNECTIONS, &["batch", &skus]);
    report.add(
        &Figure::new("/v1/batch of 100", load.per_second * COMMANDS_IN_BATCH, "commands/s")
            .with(load.latencies())
            .asked("≥ 40,000"),
    );
    reads(report, &host, &rival, &skus);

    caches(report, &skus);

    let load = wrk(&host, "stock_query", READ_CONNECTIONS, &[&skus]);
    report.add(
        &Figure::new("/v1/stock/query of 100", load.per_second * SKUS_IN_QUERY, "skus/s")
            .with(load.latencies())
            .asked("≥ 500,000"),
    );
}

/// One durable deduction a request.
fn deducts(report: &mut Report, host: &Program, rival: &Program, skus: &str) {
    rival.redis_cli(&["EVAL", MAKE_STOCK, "0"]);
    let script = rival.redis_cli(&["SCRIPT", "LOAD", DEDUCT]);
    for connections in [64, 256] {
        let run = format!("deduct{connections}");
        let ours = wrk(host, "deduct", connections, &[&run, skus]);
        let evalsha = ["EVALSHA", &script, "1", "order:__rand_int__"];
        let limit = redis(rival, connections, &evalsha);
        report.add(
            &Figure::new(
                format!("deduct, {connections} connections"),
                ours.per_second,
                "requests/s",
            )
            .with(ours.latencies())
            .against(limit.per_second, "Redis EVALSHA, appendfsync always")
            .asked("≥ 0.35"),
        );
    }
    let keys = rival.redis_cli(&["DBSIZE"]);
    assert!(keys.parse().is_ok_and(|keys: u32| keys > 2 * SKUS), "Redis took orders: {keys} keys");
}

/// One sku a request, from the cache in Redis, and from no cache.
fn caches(report: &mut Report, skus: &str) {
    let (redis_folder, with, without) = (folder(), folder(), folder());
    let redis = Program::redis(redis_folder.path());
    let url = format!("redis://{}", redis.address);
    let flags = ["--cache-backend", "redis", "--cache-ttl", "1h", "--redis-url", &url];
    let shared = Program::edge_host_with(with.path(), &flags);
    let uncached = Program::edge_host_with(without.path(), &["--cache-enabled=false"]);
    let load = |host: &Program| {
        host.make_skus(SKUS);
        host.read_skus(SKUS);
        wrk(host, "stock", READ_CONNECTIONS, &[skus])
    };
    let (ours, limit) = (load(&shared), load(&uncached));
    report.add(
        &Figure::new("  the same, cache_backend = redis", ours.per_second, "requests/s")
            .with(ours.latencies())
            .against(limit.per_second, "without a cache")
            .beside(limit.latencies()),
    );
}

/// One sku a request.
fn reads(report: &mut Report, host: &Program, rival: &Program, skus: &str) {
    let (status, body) = host.get("/v1/stock/S000000");
    assert!(status.contains("200"), "{status} {body}");
    rival.redis_cli(&["SET", "stock", &body]);
    let constant = Program::constant_server(&body);
    let limit = wrk(&constant, "stock", READ_CONNECTIONS, &[skus]);
    host.read_skus(SKUS);
    let ours = wrk(host, "stock", READ_CONNECTIONS, &[skus]);
    let get = redis(rival, READ_CONNECTIONS, &["GET", "stock"]);
    let what = format!("GET /v1/stock/{{sku}}, {READ_CONNECTIONS} connections");
    report.add(
        &Figure::new(what, ours.per_second, "requests/s")
            .with(ours.latencies())
            .against(limit.per_second, "constant axum")
            .asked("≥ 0.7"),
    );
    report.add(
        &Figure::new("  the same", ours.per_second, "requests/s")
            .against(get.per_second, "Redis GET"),
    );
}
