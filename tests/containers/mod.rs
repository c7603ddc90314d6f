//! What tests with real containers share: a node of their own, the images, the manifests as they
//! are rendered, and a caller who trades with what runs.

pub(crate) mod caller;
pub(crate) mod cri;
pub(crate) mod image;
pub(crate) mod manifest;
pub(crate) mod namespace;
pub(crate) mod node;
pub(crate) mod trading;
