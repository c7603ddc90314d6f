//! Every setting there is, once: its names, default and help. Flags, environment, file, `--help`
//! and the printed configuration are all made from this table.

/// How a setting is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `--key VALUE`.
    Value,
    /// `--key` or `--key=false`.
    Switch,
    /// `--key URL`: shown without its user and password, which a flag must not have.
    Url,
    /// Never a flag, which other users of the machine could read; never printed.
    Secret,
}

/// One line of the table. The file's key is `key`, the flag `--key` with dashes, the variable
/// `EDGE_INVENTORY_KEY`.
pub(super) struct Setting {
    pub(super) key: &'static str,
    pub(super) group: &'static str,
    pub(super) kind: Kind,
    /// What stands for the value in `--help`.
    pub(super) value: &'static str,
    /// Empty: none.
    pub(super) default: &'static str,
    pub(super) help: &'static str,
}

/// What every variable begins with.
pub(super) const VARIABLE_PREFIX: &str = "EDGE_INVENTORY_";

impl Setting {
    pub(super) fn flag(&self) -> String {
        self.key.replace('_', "-")
    }

    pub(super) fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.key.to_ascii_uppercase())
    }
}

/// The setting of this key.
pub(super) fn setting(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

const START: &str = "Start";
const WIRE: &str = "Connections and requests";
const RULES: &str = "Orders";
const GUESTS: &str = "Replacing the guest";
const WRITES: &str = "Writes and reads";
const REDIS: &str = "Redis";
const WMS: &str = "Stock of warehouses";
const LOGS: &str = "Logs";

const fn value(
    group: &'static str,
    key: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting { key, group, kind: Kind::Value, value, default, help }
}

const fn switch(
    group: &'static str,
    key: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting { key, group, kind: Kind::Switch, value: "true|false", default, help }
}

pub(super) static SETTINGS: &[Setting] = &[
    value(START, "listen", "ADDR", "127.0.0.1:8080", "Address and port; port 0 picks a free one"),
    value(START, "data", "DIR", "./edge-data", "Where the database is; made when missing"),
    value(START, "guest", "FILE", "", "The rules: a guest compiled to .wasm or .aot.wasm"),
    switch(START, "interpreter", "false", "Run the guest without AOT code, some 30 times slower"),
    value(START, "node", "NAME", "edge-1", "This node's name, the first half of every event id"),
    Setting {
        key: "tokens",
        group: WIRE,
        kind: Kind::Secret,
        value: "ROLE:TOKEN,…",
        default: "",
        help: "Bearer tokens with their roles: read, trade, admin",
    },
    value(WIRE, "max_connections", "N", "10000", "Connections beyond these are turned away"),
    value(WIRE, "idle_timeout", "DURATION", "60s", "Silence after which a connection is closed"),
    value(WIRE, "body_timeout", "DURATION", "10s", "How long a body may take to arrive"),
    value(WIRE, "body_bytes_max", "N", "1048576", "The largest body of a request"),
    value(WIRE, "shutdown_timeout", "DURATION", "10s", "How long requests may finish at a stop"),
    value(
        RULES,
        "default_mode",
        "MODE",
        "reserve_on_order",
        "For reservations that name none: reserve_on_order, deduct_on_order, deduct_on_payment",
    ),
    value(RULES, "default_ttl_s", "SECONDS", "900", "For reservations that name no ttl_s"),
    value(RULES, "sweep_interval", "DURATION", "1s", "How often holds past their time are ended"),
    value(WRITES, "query_timeout", "DURATION", "20ms", "How long a read may take in the guest"),
    value(WRITES, "write_timeout", "DURATION", "5s", "How long a write may wait for its commit"),
    value(WRITES, "queue_commands_max", "N", "8192", "Commands that may wait; then 503"),
    value(WRITES, "batch_commands_max", "N", "512", "Commands in one commit"),
    value(WRITES, "batch_time_max", "DURATION", "2s", "How long the guest may take for a commit"),
    value(WRITES, "readers", "N", "2", "Guest instances for reads, at most"),
    switch(WRITES, "cache_enabled", "true", "Answer repeated reads from a cache"),
    value(WRITES, "cache_backend", "WHERE", "memory", "memory, or redis: then of redis_url"),
    value(WRITES, "cache_ttl", "DURATION", "10s", "How long an unchanged sku is remembered"),
    value(WRITES, "cache_entries_max", "N", "100000", "Skus held in memory"),
    value(
        GUESTS,
        "guest_keys",
        "KEY,…",
        "",
        "Ed25519 public keys, in hex, whose guests are installed",
    ),
    switch(GUESTS, "guest_unsigned", "false", "Install guests without a signature, too"),
    value(GUESTS, "guest_bytes_max", "N", "16777216", "The largest guest"),
    value(GUESTS, "guest_history_max", "N", "5", "Guests kept to roll back to"),
    value(GUESTS, "guest_watch", "DURATION", "30s", "How long a new guest is watched for traps"),
    value(GUESTS, "guest_traps_max", "N", "3", "Traps meanwhile from which on it is taken back"),
    value(GUESTS, "guest_inbox", "DIR", "", "A folder from which guests are installed"),
    Setting {
        key: "redis_url",
        group: REDIS,
        kind: Kind::Url,
        value: "URL",
        default: "",
        help: "redis://[user:password@]host[:port][/db], rediss:// over TLS, or \
               redis-cluster:// (rediss-cluster://) host,host,…; a password not by flag",
    },
    value(REDIS, "redis_timeout", "DURATION", "50ms", "How long one call to Redis may take"),
    value(
        REDIS,
        "redis_ca_file",
        "FILE",
        "/etc/ssl/certs/ca-certificates.crt",
        "Whom rediss:// trusts: certificates in PEM",
    ),
    value(
        WMS,
        "snapshot_zero_percent",
        "N",
        "20",
        "A snapshot that counts more of the stocked skus as 0 waits for approval",
    ),
    value(WMS, "wms_url", "URL", "", "Where snapshots are read: http://host[:port][/path]"),
    value(WMS, "wms_interval", "DURATION", "5m", "How often each warehouse is read"),
    value(WMS, "wms_warehouses", "CODE,…", "", "The warehouses that are read"),
    Setting {
        key: "wms_token",
        group: WMS,
        kind: Kind::Secret,
        value: "TOKEN",
        default: "",
        help: "The bearer token that the warehouses' system asks for",
    },
    value(WMS, "wms_timeout", "DURATION", "10s", "How long one page may take"),
    value(LOGS, "log", "LEVELS", "info", "A level, or some by module: info,edge_host::shard=debug"),
    value(LOGS, "log_format", "FORMAT", "text", "text, or json: one object a line"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_stands_twice_in_the_table() {
        let mut keys: Vec<&str> = SETTINGS.iter().map(|setting| setting.key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), SETTINGS.len());
    }
}
