//! What is in the images, and how large they are.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::containers::image::{Image, archive};

/// Bytes of the host's image at most, unpacked (issue 3).
const HOST_BYTES_MAX: u64 = 30_000_000;
/// Bytes of the CLI server's image at most, unpacked (issue 3).
const CLI_BYTES_MAX: u64 = 6_000_000;

/// Builds an image into `folder`; answers its archive.
pub(crate) fn build(name: &str, folder: &Path) -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(repository.join("k3s/image/build"));
    let said = command.arg("--output").arg(folder).arg(name).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    folder.join(format!("{name}.tar"))
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let found = entries.flat_map(|entry| match entry.file_type().unwrap() {
        kind if kind.is_dir() => files_below(&entry.path()),
        kind if kind.is_file() => vec![entry.path()],
        _ => Vec::new(),
    });
    found.collect()
}

fn bytes(image: &Image) -> u64 {
    files_below(&image.files).iter().map(|file| file.metadata().unwrap().len()).sum()
}

/// The names of its files, without folders.
fn names(image: &Image) -> BTreeSet<String> {
    let files = files_below(&image.files);
    files.iter().map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn the_host_has_what_it_links_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let image = Image::unpack("edge-host", folder.path());
    for name in names(&image) {
        let expected = name == "edge-host"
            || ["inventory_guest.wasm", "inventory_guest.so"].contains(&name.as_str())
            || name.contains(".so.") && name.starts_with("lib")
            || name.starts_with("ld-linux");
        assert!(expected, "{name} is in the image");
    }
    let size = bytes(&image);
    assert!(size < HOST_BYTES_MAX, "{size} bytes");
}

#[test]
fn the_cli_server_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let image = Image::unpack("inventory-cli", folder.path());
    assert_eq!(names(&image), BTreeSet::from(["inventory.wasm".to_owned()]));
    let size = bytes(&image);
    assert!(size < CLI_BYTES_MAX, "{size} bytes");
    let module = fs::read(image.files.join("inventory.wasm")).unwrap();
    assert_eq!(module[..4], *b"\x7fELF", "WasmEdge maps this form, and copies the other one");
}

#[test]
fn images_run_as_a_user_without_rights_who_can_change_no_file_of_theirs() {
    for name in ["edge-host", "inventory-cli"] {
        let folder = tempfile::tempdir().unwrap();
        let image = Image::unpack(name, folder.path());
        let user = image.config["User"].as_str().unwrap();
        assert!(user.split(':').all(|id| id.parse::<u32>().unwrap() >= 10_000), "{name}: {user}");
        for file in files_below(&image.files) {
            let mode = file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o7022, 0, "{name}: {} has mode {mode:o}", file.display());
        }
    }
}

#[test]
fn building_an_image_again_gives_the_same_bytes() {
    let first = fs::read(archive("inventory-cli")).unwrap();
    let output = tempfile::tempdir().unwrap();
    let again = fs::read(build("inventory-cli", output.path())).unwrap();
    assert!(first == again, "the archives differ");
}
