//! The images that `make images` leaves, unpacked.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// The archive of an image.
pub(crate) fn archive(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("target/images/{name}.tar"));
    assert!(path.exists(), "{} is missing: `make images` builds it", path.display());
    path
}

/// What an image's configuration says, and where its files are.
pub(crate) struct Image {
    pub(crate) config: Value,
    pub(crate) files: PathBuf,
}

impl Image {
    /// Unpacks one of those images into `folder`.
    pub(crate) fn unpack(name: &str, folder: &Path) -> Self {
        Self::unpack_archive(&archive(name), folder)
    }

    /// Unpacks the only image of an archive into `folder`.
    pub(crate) fn unpack_archive(archive: &Path, folder: &Path) -> Self {
        let (layout, files) = (folder.join("layout"), folder.join("rootfs"));
        tar(archive, &layout);
        let index = read(&layout.join("index.json"));
        let manifest = read(&blob(&layout, &index["manifests"][0]));
        let config = read(&blob(&layout, &manifest["config"]))["config"].take();
        for layer in manifest["layers"].as_array().unwrap() {
            tar(&blob(&layout, layer), &files);
        }
        fs::remove_dir_all(layout).unwrap();
        Self { config, files }
    }

    /// The command it starts: its entrypoint and arguments.
    pub(crate) fn command(&self) -> Vec<&str> {
        let words = ["Entrypoint", "Cmd"].map(|key| self.config[key].as_array());
        words.into_iter().flatten().flatten().map(|word| word.as_str().unwrap()).collect()
    }
}

fn blob(layout: &Path, descriptor: &Value) -> PathBuf {
    layout.join("blobs").join(descriptor["digest"].as_str().unwrap().replace(':', "/"))
}

fn read(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

fn tar(archive: &Path, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let status = Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(folder).status();
    assert!(status.unwrap().success(), "{} cannot be unpacked", archive.display());
}
