//! Generates bindings to WasmEdge's C API, from its header.

use std::{
    env,
    error::Error,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    bind_wasmedge(&out)?;
    Ok(())
}

/// `WASMEDGE_INCLUDE_DIR` and `WASMEDGE_LIB_DIR` name an installation outside the system's paths.
fn bind_wasmedge(out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-env-changed=WASMEDGE_INCLUDE_DIR");
    println!("cargo:rerun-if-env-changed=WASMEDGE_LIB_DIR");
    if let Some(lib) = env::var_os("WASMEDGE_LIB_DIR") {
        println!("cargo:rustc-link-search=native={}", lib.to_string_lossy());
    }
    println!("cargo:rustc-link-lib=dylib=wasmedge");
    // Where `.ci/build-serving-libs` puts a WasmEdge that starts without its compiler. Where that
    // is missing, as beside the test programs, the system's is found.
    println!("cargo:rustc-link-arg-bins=-Wl,-rpath,$ORIGIN/lib");
    // For a start in milliseconds: WasmEdge's C++ names are found sooner where the program itself
    // asks for the C++ library (0.25 ms), and the program's own addresses are packed (0.15 ms).
    println!(
        "cargo:rustc-link-arg-bins=-Wl,--push-state,--no-as-needed,-l:libstdc++.so.6,--pop-state"
    );
    println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    let include = env::var("WASMEDGE_INCLUDE_DIR").unwrap_or_else(|_| "/usr/include".to_owned());
    bindgen::Builder::default()
        .header(format!("{include}/wasmedge/wasmedge.h"))
        .clang_arg(format!("-I{include}"))
        .allowlist_item("WasmEdge_.*")
        .prepend_enum_name(false)
        .layout_tests(false)
        .generate_comments(false)
        .generate()
        .map_err(|error| format!("{error}: `make setup` installs libwasmedge-dev and libclang"))?
        .write_to_file(out.join("wasmedge.rs"))?;
    Ok(())
}
