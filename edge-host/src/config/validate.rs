//! Raw text in, a `Config` out, or every problem there is.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::problem::{Problem, Problems};
use super::settings::{Kind, Setting, setting};
use super::sources::{Raw, Source, Values};
use super::{Config, Guest};
use crate::host_functions::redis;
use crate::http::{Defaults, Mode, Token, parse_tokens};
use crate::{hot_swap, http, log, runtime::ExecutionMode, shard, wms};

pub(super) fn validate(values: &Values, problems: Vec<Problem>) -> Result<Config, Problems> {
    let mut reader = Reader { values, problems };
    let (shard, http) = (reader.shard(), reader.http());
    let guest = Guest {
        file: reader.read("guest", path),
        mode: if reader.read("interpreter", boolean) {
            ExecutionMode::Interpreter
        } else {
            ExecutionMode::Aot
        },
    };
    let config = Config {
        wms: reader.wms(&http),
        http,
        hot_swap: reader.hot_swap(&shard.data, &guest),
        shard,
        guest,
        log: log::Config {
            levels: reader.read("log", |text| {
                text.parse().map_err(|_| "a level is error, warn, info, debug, trace or off".into())
            }),
            format: reader.read("log_format", |text| match text {
                "text" => Ok(log::Format::Text),
                "json" => Ok(log::Format::Json),
                _ => Err("text or json".into()),
            }),
        },
    };
    reader.check_together(&config);
    if reader.problems.is_empty() { Ok(config) } else { Err(Problems(reader.problems)) }
}

/// Parses settings one by one and keeps what goes wrong.
struct Reader<'a> {
    values: &'a Values,
    problems: Vec<Problem>,
}

const YEAR_S: u32 = 31_536_000;
const HOUR: Duration = Duration::from_hours(1);
const MS: Duration = Duration::from_millis(1);

impl Reader<'_> {
    fn http(&mut self) -> http::Config {
        http::Config {
            listen: self.read("listen", |text| {
                text.parse::<SocketAddr>().map_err(|_| {
                    "an address and a port, such as 127.0.0.1:8080 or [::]:8080".into()
                })
            }),
            connections_max: self.read("max_connections", integer(1, 1_000_000)),
            idle_timeout: self.read("idle_timeout", duration(MS * 100, HOUR)),
            body_timeout: self.read("body_timeout", duration(MS * 100, HOUR)),
            body_bytes_max: self.read("body_bytes_max", integer(1_024, 1 << 30)),
            write_timeout: self.read("write_timeout", duration(MS, HOUR)),
            shutdown_timeout: self.read("shutdown_timeout", duration(MS, HOUR)),
            tokens: self.read("tokens", parse_tokens),
            defaults: self.defaults(),
            node: self.read("node", node),
            snapshot_zero_percent: self.read("snapshot_zero_percent", integer(0, 100)),
        }
    }

    fn wms(&mut self, http: &http::Config) -> Option<wms::Config> {
        let url = self.read("wms_url", wms_url);
        let config = wms::Config {
            url: url.clone().unwrap_or_else(|| "http://nowhere".parse().expect("it is one")),
            interval: self.read("wms_interval", duration(MS * 10, HOUR * 24 * 7)),
            warehouses: self.read("wms_warehouses", warehouses),
            token: self.read("wms_token", wms_token),
            timeout: self.read("wms_timeout", duration(MS, HOUR)),
            zero_percent_max: http.snapshot_zero_percent,
            node: http.node.clone(),
        };
        let fits = !self.problems.iter().any(|it| it.key.starts_with("wms_"));
        match (url.is_some(), config.warehouses.is_empty()) {
            (true, true) if fits => self.note(
                "wms_warehouses",
                "wms_url says where to read, and this not what",
                "name warehouses, or leave wms_url out",
            ),
            (false, false) if fits => self.note(
                "wms_url",
                "wms_warehouses says what to read, and this not where",
                "set wms_url, or leave wms_warehouses out",
            ),
            _ => {}
        }
        url.is_some().then_some(config)
    }

    fn defaults(&mut self) -> Defaults {
        Defaults {
            mode: self.read("default_mode", |text| match text {
                "reserve_on_order" => Ok(Mode::ReserveOnOrder),
                "deduct_on_order" => Ok(Mode::DeductOnOrder),
                "deduct_on_payment" => Ok(Mode::DeductOnPayment),
                _ => Err("reserve_on_order, deduct_on_order or deduct_on_payment".into()),
            }),
            ttl_s: self.read("default_ttl_s", integer(1, YEAR_S)),
        }
    }

    fn shard(&mut self) -> shard::Config {
        let cache = shard::CacheConfig {
            backend: self.read("cache_backend", |text| match text {
                "memory" => Ok(shard::CacheBackend::Memory),
                "redis" => Ok(shard::CacheBackend::Redis),
                _ => Err("memory or redis".into()),
            }),
            ttl: self.read("cache_ttl", duration(MS, HOUR * 24)),
            entries_max: self.read("cache_entries_max", integer(1, 100_000_000)),
        };
        shard::Config {
            data: self.read("data", path),
            queue_commands_max: self.read("queue_commands_max", integer(1_000, 1_000_000)),
            batch_commands_max: self.read("batch_commands_max", integer(1, 1_024)),
            batch_time_max: self.read("batch_time_max", duration(MS * 10, HOUR)),
            readers: self.read("readers", integer(1, 64)),
            query_timeout: self.read("query_timeout", duration(MS, HOUR)),
            sweep_interval: self.read("sweep_interval", duration(MS * 10, HOUR)),
            cache: self.read("cache_enabled", boolean).then_some(cache),
            redis: self.redis(),
        }
    }

    fn redis(&mut self) -> Option<redis::Config> {
        let timeout = self.read("redis_timeout", duration(MS, HOUR));
        let ca_file = self.read("redis_ca_file", path);
        let url = self.read("redis_url", redis_url)?;
        let raw = self.values.get("redis_url");
        if url.has_password() && matches!(raw.source, Source::Flag(_)) {
            self.note(
                "redis_url",
                "other users of the machine can read the password in a flag",
                "set EDGE_INVENTORY_REDIS_URL, or redis_url in the file",
            );
        }
        if url.is_tls() && !ca_file.is_file() {
            self.note(
                "redis_ca_file",
                "rediss:// needs certificates to trust, and there is no such file",
                "name a file of PEM certificates, or install ca-certificates",
            );
        }
        Some(redis::Config { url, timeout, ca_file })
    }

    fn hot_swap(&mut self, data: &Path, guest: &Guest) -> hot_swap::Config {
        hot_swap::Config {
            folder: data.join(hot_swap::FOLDER),
            configured: guest.file.clone(),
            mode: guest.mode,
            keys: self.read("guest_keys", |text| {
                let keys = text.split(',').filter(|key| !key.is_empty());
                keys.map(str::parse::<hot_swap::PublicKey>)
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|error| error.to_string())
            }),
            unsigned: if self.read("guest_unsigned", boolean) {
                hot_swap::Unsigned::Allowed
            } else {
                hot_swap::Unsigned::Refused
            },
            guest_bytes_max: self.read("guest_bytes_max", integer(1_024, 1 << 28)),
            history_max: self.read("guest_history_max", integer(1, 100)),
            watch_window: self.read("guest_watch", duration(MS, HOUR * 24)),
            traps_max: self.read("guest_traps_max", integer(1, 1_000_000)),
            inbox: self
                .read("guest_inbox", |text| Ok((!text.is_empty()).then(|| PathBuf::from(text)))),
        }
    }

    /// The value, or a stand-in after noting what is wrong with it.
    fn read<T: StandIn>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        let raw = self.values.get(key);
        parse(&raw.text).unwrap_or_else(|allowed| {
            self.problems.push(refused(key, raw, &allowed));
            T::stand_in()
        })
    }

    /// What only shows when two settings stand side by side.
    fn check_together(&mut self, config: &Config) {
        let listen = config.http.listen;
        let tokens_fit = !self.problems.iter().any(|problem| problem.key == "tokens");
        if !listen.ip().is_loopback() && config.http.tokens.is_empty() && tokens_fit {
            self.note(
                "listen",
                "beyond loopback, anybody could change stock: no tokens are configured",
                "set EDGE_INVENTORY_TOKENS=admin:…,trade:… or [[tokens]] in the file, or listen \
                 on 127.0.0.1",
            );
        }
        let backend = config.shard.cache.as_ref().map(|cache| cache.backend);
        let url_fits = !self.problems.iter().any(|problem| problem.key == "redis_url");
        if backend == Some(shard::CacheBackend::Redis) && config.shard.redis.is_none() && url_fits {
            self.note(
                "cache_backend",
                "there is no Redis to keep the cache in",
                "set EDGE_INVENTORY_REDIS_URL=redis://host, or cache_backend = \"memory\"",
            );
        }
        let shard::Config { queue_commands_max, batch_commands_max, .. } = config.shard;
        if queue_commands_max < batch_commands_max {
            self.note(
                "queue_commands_max",
                &format!("a full batch of {batch_commands_max} commands could never wait"),
                "make it at least batch_commands_max",
            );
        }
    }

    fn note(&mut self, key: &'static str, why: &str, cure: &str) {
        let raw = self.values.get(key);
        self.problems.push(Problem {
            key: key.into(),
            value: shown(setting(key).expect("only keys of the table are noted"), raw),
            source: raw.source.clone(),
            why: why.into(),
            cure: cure.into(),
        });
    }
}

fn refused(key: &'static str, raw: &Raw, allowed: &str) -> Problem {
    let setting = setting(key).expect("only keys of the table are read");
    let cure = match (&raw.source, setting.default) {
        (Source::Default, _) => format!("set --{} or {}", setting.flag(), setting.variable()),
        (_, "") => "correct it".into(),
        (_, default) => format!("correct it, or leave it out for {default}"),
    };
    let value = shown(setting, raw);
    let why = format!("allowed is {allowed}");
    Problem { key: key.into(), value, source: raw.source.clone(), why, cure }
}

/// The text as given; nothing of what may hold a secret.
fn shown(setting: &Setting, raw: &Raw) -> Option<String> {
    // A password before a host's name, where none may be.
    let may_be_secret = matches!(setting.kind, Kind::Secret | Kind::Url) || raw.text.contains('@');
    let hidden = may_be_secret || raw.text.is_empty();
    (!hidden).then(|| raw.text.clone())
}

fn integer<N>(min: N, max: N) -> impl Fn(&str) -> Result<N, String>
where
    N: std::str::FromStr + PartialOrd + Display,
{
    move |text| {
        let number = text.parse().ok().filter(|number| (&min..=&max).contains(&number));
        number.ok_or_else(|| format!("a whole number from {min} to {max}"))
    }
}

fn duration(min: Duration, max: Duration) -> impl Fn(&str) -> Result<Duration, String> {
    move |text| {
        let duration = humantime::parse_duration(text).ok();
        duration.filter(|duration| (min..=max).contains(duration)).ok_or_else(|| {
            let [min, max] = [min, max].map(humantime::format_duration);
            format!("a duration such as 20ms or 10s, from {min} to {max}")
        })
    }
}

fn boolean(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "true or false".into())
}

fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("a path".into()) } else { Ok(text.into()) }
}

fn node(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    if fits { Ok(text.into()) } else { Err("1 to 64 visible ASCII characters without ':'".into()) }
}

fn wms_url(text: &str) -> Result<Option<wms::Url>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let parsed = text.parse().map(Some);
    parsed.map_err(|wrong: String| format!("http://host[:port][/path]; {wrong}"))
}

fn wms_token(text: &str) -> Result<Option<wms::Token>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    wms::Token::parse(text).map(Some).ok_or_else(|| "1 to 512 visible ASCII characters".into())
}

/// Codes with commas between, each once.
fn warehouses(text: &str) -> Result<Vec<String>, String> {
    let codes: Vec<String> =
        text.split(',').filter(|code| !code.is_empty()).map(str::to_owned).collect();
    let distinct: std::collections::HashSet<&String> = codes.iter().collect();
    let fits = codes
        .iter()
        .all(|code| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_graphic()));
    if fits && distinct.len() == codes.len() {
        Ok(codes)
    } else {
        Err("codes of 1 to 64 visible ASCII characters, each once, with commas between".into())
    }
}

fn redis_url(text: &str) -> Result<Option<redis::Url>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|wrong: String| {
        format!(
            "redis://host:port/database, rediss://, redis-cluster://host:port,… or \
             rediss-cluster://, each with user:password@ before the host; {wrong}"
        )
    })
}

/// What stands in a `Config` that is thrown away because of its problems.
trait StandIn {
    fn stand_in() -> Self;
}

macro_rules! stand_ins {
    ($($type:ty = $value:expr;)+) => {
        $(impl StandIn for $type {
            fn stand_in() -> Self {
                $value
            }
        })+
    };
}

stand_ins! {
    SocketAddr = SocketAddr::from(([127, 0, 0, 1], 0));
    PathBuf = PathBuf::new();
    String = String::new();
    Duration = Duration::ZERO;
    usize = usize::MAX;
    u32 = 0;
    u64 = 0;
    Option<PathBuf> = None;
    Vec<hot_swap::PublicKey> = Vec::new();
    bool = false;
    Vec<Token> = Vec::new();
    Option<redis::Url> = None;
    Option<wms::Url> = None;
    Option<wms::Token> = None;
    Vec<String> = Vec::new();
    shard::CacheBackend = shard::CacheBackend::Memory;
    Mode = Mode::ReserveOnOrder;
    log::Levels = log::Levels::all();
    log::Format = log::Format::Text;
}
