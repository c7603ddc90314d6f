//! Runs WebAssembly core modules in WasmEdge. The only room that names WasmEdge; it knows no
//! inventory word.
//!
//! - [`Binary`] is a module on its way in: it strips foreign native code, and brings the module to
//!   AOT code through the compile cache ([`binary`], [`stamp`], [`compile`]).
//! - [`Module`] is loaded and validated, and makes [`Instance`]s.
//! - [`Instance`] runs one call at a time and implements the glue's `rt::Instance`.
//! - [`keep_warm`] makes every call of the process cheaper; [`release_start`] gives memory back.
//! - [`spawn`] makes threads for guest code, which is stopped when its stack or its time is used
//!   up.
//!
//! DESIGN.md says what was measured and what must stay true.

mod binary;
mod child;
mod compile;
mod cut;
mod faults;
mod ffi;
mod hollow;
mod imports;
mod instance;
mod interface;
mod keep_warm;
mod limits;
mod memory;
mod module;
mod release_start;
mod stamp;
mod thread_state;
mod values;

pub use binary::{Binary, ExecutionMode, read_plain};
pub use child::{ChildEnd, ChildLimits, die_with_parent, end_children, run_child};
pub use compile::{Goal, NO_COMPILER_STATUS, compile_to, has_compiler, load_compiler, version};
pub use faults::spawn;
pub use imports::Imports;
pub use instance::Instance;
pub use interface::{Interface, Item, ItemKind};
pub use keep_warm::{keep_warm, park};
pub use module::Module;
pub use release_start::release_start;
pub use stamp::{digest_hex, strip};

/// Why a module could not be brought to run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not a WebAssembly module, or break its rules.
    #[error("not a valid WebAssembly module: {0}")]
    Invalid(String),
    /// The module asks for more than it may have, or offers less than it must.
    #[error("the module does not fit this host: {0}")]
    Unfit(String),
    /// The AOT file is damaged: its digest does not match its contents.
    #[error("the AOT file is damaged: {0}")]
    Damaged(String),
    /// Compiled code that this host does not run.
    #[error("it is {0}")]
    Foreign(String),
    /// No AOT code for this machine, and nothing to compile with.
    #[error(
        "there is no AOT code for this machine, and WasmEdge is here without its compiler; install \
         it (Debian: libwasmedge0), or compile the guest elsewhere and serve its .aot.wasm"
    )]
    NoCompiler,
    /// The host stops, so that nothing new begins.
    #[error("the host is stopping")]
    Stopping,
    /// No AOT code for this machine, and compiling failed.
    #[error("AOT compilation failed: {0}")]
    Compile(String),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// WasmEdge could not make one of its objects.
    #[error("WasmEdge: {0}")]
    Engine(String),
}
