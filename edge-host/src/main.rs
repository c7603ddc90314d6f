//! The program `edge-host`: serve, or one of the subcommands that help with serving.

use std::{
    io::Write,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use edge_host::{
    app::{App, StartError},
    config, hot_swap,
    http::Drained,
    log, replay,
    runtime::{self, ExecutionMode, Goal},
    shard::Clock,
};
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long after the start its memory is given back: not while the first callers are answered.
const SETTLED: Duration = Duration::from_secs(1);
/// Compiles a guest ahead of time; the host runs it in a child process.
const COMPILE_GUEST: &str = "compile-guest";
/// Its flag.
const FOR_SIZE: &str = "for-size";
/// The flag of `try-guest`.
const INTERPRETER: &str = "interpreter";

fn main() -> ExitCode {
    let started = Instant::now();
    let command = config::command()
        .subcommand(compile_guest_command())
        .subcommand(try_guest_command())
        .subcommand(replay::command());
    let matches = match command.try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return usage(&error),
    };
    match matches.subcommand() {
        Some((COMPILE_GUEST, arguments)) => compile_guest(arguments),
        Some((hot_swap::TRY_GUEST, arguments)) => try_guest(arguments),
        Some((replay::REPLAY, arguments)) => replay::run(arguments),
        Some((config::CHECK_CONFIG, arguments)) => load(arguments, |effective| {
            // Whoever reads it may have seen enough.
            let _ = write!(std::io::stdout(), "{effective}");
            ExitCode::SUCCESS
        }),
        _ => load(&matches, |effective| serve(effective, started)),
    }
}

/// Prints help where it was asked for, or what is wrong with the command line.
fn usage(error: &clap::Error) -> ExitCode {
    // There is nobody left to tell when the terminal is gone.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(config::EXIT_USAGE) } else { ExitCode::SUCCESS }
}

fn compile_guest_command() -> Command {
    let file = |name| Arg::new(name).required(true).value_parser(value_parser!(PathBuf));
    Command::new(COMPILE_GUEST)
        .about("Compile a guest ahead of time, for every machine of this architecture")
        .arg(file("IN").help("The guest, a core module"))
        .arg(file("OUT").help(
            "Where its AOT code goes: NAME.aot.wasm, to serve it with --guest; or NAME.so, \
             which is found beside NAME.wasm and NAME.aot.wasm, and starts faster",
        ))
        .arg(
            Arg::new(FOR_SIZE)
                .long(FOR_SIZE)
                .action(ArgAction::SetTrue)
                .help("Make small code, in half of the time, not fast code"),
        )
}

fn compile_guest(arguments: &ArgMatches) -> ExitCode {
    let file = |name| arguments.get_one::<PathBuf>(name).expect("clap requires it");
    runtime::die_with_parent();
    let goal = if arguments.get_flag(FOR_SIZE) { Goal::Size } else { Goal::Speed };
    let compile = |()| runtime::compile_to(file("IN"), file("OUT"), goal);
    match runtime::load_compiler().and_then(compile) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let status = match error {
                runtime::Error::NoCompiler => runtime::NO_COMPILER_STATUS,
                _ => 1,
            };
            fail(&error.to_string());
            ExitCode::from(u8::try_from(status).unwrap_or(1))
        }
    }
}

fn try_guest_command() -> Command {
    let path = |name| Arg::new(name).required(true).value_parser(value_parser!(PathBuf));
    Command::new(hot_swap::TRY_GUEST)
        .about("Let a guest serve a copy of the data, as the host does before it installs one")
        .arg(path("GUEST").help("The guest, a core module; its AOT code is made beside it"))
        .arg(path("COPY").help("A data folder that may be changed: never the one that is served"))
        .arg(
            Arg::new(INTERPRETER)
                .long(INTERPRETER)
                .action(ArgAction::SetTrue)
                .help("Run it without AOT code, some 30 times slower"),
        )
}

fn try_guest(arguments: &ArgMatches) -> ExitCode {
    let path = |name| arguments.get_one::<PathBuf>(name).expect("clap requires it");
    runtime::die_with_parent();
    let mode = if arguments.get_flag(INTERPRETER) {
        ExecutionMode::Interpreter
    } else {
        ExecutionMode::Aot
    };
    match hot_swap::try_guest(path("GUEST"), path("COPY"), mode) {
        Ok(passed) => {
            println!("{passed}");
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}

fn load(matches: &ArgMatches, then: impl FnOnce(config::Effective) -> ExitCode) -> ExitCode {
    match config::load(matches, std::env::vars_os()) {
        Ok(effective) => then(effective),
        Err(problems) => {
            eprintln!("{problems}");
            ExitCode::from(config::EXIT_USAGE)
        }
    }
}

fn serve(effective: config::Effective, started: Instant) -> ExitCode {
    if let Err(error) = log::start(&effective.config.log) {
        return fail(&error.to_string());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(effective, started)),
        Err(error) => fail(&error.to_string()),
    }
}

async fn run(effective: config::Effective, started: Instant) -> ExitCode {
    let settings = effective.to_string();
    // Before anything is served: a signal that comes early is not lost.
    let signals = signal(SignalKind::terminate()).and_then(|terminate| {
        signal(SignalKind::interrupt()).map(|interrupt| (terminate, interrupt))
    });
    let (mut terminate, mut interrupt) = match signals {
        Ok(signals) => signals,
        Err(error) => return fail(&error.to_string()),
    };
    // On a thread of its own: a start may compile for a minute.
    let stop = tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        runtime::end_children();
    });
    let started_app = App::start(effective.config, Clock::System, started).await;
    if let Ok(app) = &started_app {
        // Whoever reads this may have gone away since.
        let _ = writeln!(std::io::stdout(), "listening on {}", app.address());
    }
    // After the first line: a start does not wait for its log.
    for line in settings.lines() {
        tracing::info!(target: "config", "{line}");
    }
    let app = match started_app {
        Ok(app) => app,
        // It was told to stop while the guest was compiled.
        Err(StartError::Guest { source: runtime::Error::Stopping, .. }) => {
            return ExitCode::SUCCESS;
        }
        Err(error) => return fail(&error.to_string()),
    };
    tokio::spawn(async {
        tokio::time::sleep(SETTLED).await;
        runtime::release_start();
    });
    tracing::info!(
        address = %app.address(),
        started_in = ?started.elapsed(),
        compiler_loaded = runtime::has_compiler(),
        "serving"
    );
    // An error is a panic of its own, after which nobody could stop the host.
    let _ = stop.await;
    tracing::info!("stopping: answering what was accepted");
    match app.stop().await {
        Drained::All => ExitCode::SUCCESS,
        Drained::Abandoned(connections) => {
            tracing::warn!(connections, "stopped with connections still open");
            ExitCode::SUCCESS
        }
    }
}

fn fail(message: &str) -> ExitCode {
    eprintln!("edge-host: {message}");
    ExitCode::FAILURE
}
