//! The command line, made from the table of settings.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Command, value_parser};

use super::settings::{Kind, SETTINGS, Setting};
use super::sources::CONFIG;

/// The subcommand that validates and prints a configuration, and does nothing else.
pub const CHECK_CONFIG: &str = "check-config";

const ABOUT: &str = "Serves the inventory of one edge node: orders, stock and changes over \
    HTTP/JSON, decided by a WebAssembly guest, durable in SQLite.";

const EXAMPLES: &str = "\
Examples:
  Serve on a laptop; everybody may do everything, on loopback only:
    edge-host --guest target/guest/inventory_guest.aot.wasm

  Serve on the network, with tokens (the host refuses to without):
    EDGE_INVENTORY_TOKENS=trade:$(openssl rand -hex 16),admin:$(openssl rand -hex 16) \\
      edge-host --listen 0.0.0.0:8080 --data /var/lib/edge --guest rules.aot.wasm

  Keep settings in a file, and see what they come to:
    edge-host check-config --config edge.toml

Every setting may be a flag (--query-timeout 20ms), a variable (EDGE_INVENTORY_QUERY_TIMEOUT=20ms)
or a line of the file (query_timeout = \"20ms\"). A flag wins over a variable, a variable over the
file, the file over the default. Tokens are never a flag; in the file they are

    [[tokens]]
    role = \"trade\"
    token = \"at least 16 visible characters\"

The first line of standard output is `listening on ADDR`; logs go to standard error. SIGTERM lets
requests under way finish, then exits 0. A configuration that cannot be used exits 64.";

/// `edge-host` with its flags and `check-config`; `main` adds its other subcommands.
pub fn command() -> Command {
    let check = Command::new(CHECK_CONFIG).about("Validate and print the configuration, then exit");
    let command = Command::new("edge-host")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help(EXAMPLES)
        .max_term_width(100)
        // A flag given twice: the later one wins, so that a wrapper's flags can be overruled.
        .args_override_self(true)
        .args_conflicts_with_subcommands(true);
    with_settings(command).subcommand(with_settings(check))
}

fn with_settings(command: Command) -> Command {
    let config = Arg::new(CONFIG)
        .long(CONFIG)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("A TOML file of settings [env: EDGE_INVENTORY_CONFIG]")
        .help_heading("Start");
    let flags = SETTINGS.iter().filter(|setting| setting.kind != Kind::Secret).map(flag);
    command.arg(config).args(flags)
}

fn flag(setting: &'static Setting) -> Arg {
    let mut help = format!("{} [env: {}]", setting.help, setting.variable());
    if !setting.default.is_empty() {
        help = format!("{help} [default: {}]", setting.default);
    }
    let arg = Arg::new(setting.key)
        .long(setting.flag())
        .value_name(setting.value)
        .action(ArgAction::Set)
        .allow_hyphen_values(true)
        .help(help)
        .help_heading(setting.group);
    match setting.kind {
        Kind::Switch => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ => arg,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_teaches() {
        let mut command = command();
        command.clone().debug_assert();
        let help = command.render_long_help().to_string();
        for setting in SETTINGS.iter().filter(|setting| setting.kind != Kind::Secret) {
            let flag = format!("--{}", setting.flag());
            assert!(help.contains(&flag) && help.contains(&setting.variable()), "{flag}\n{help}");
        }
        assert!(!help.contains("--tokens"), "a secret must not become a flag");
    }
}
