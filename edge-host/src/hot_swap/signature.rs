//! Who may replace the guest: Ed25519 over the exact bytes that are uploaded.

use std::{fmt, str::FromStr};

use ed25519_dalek::{Signature, VerifyingKey};

use super::{Config, Unsigned, Upload};

/// The public half of a key, 32 bytes in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// The text is no public key.
#[derive(Debug, thiserror::Error)]
#[error("an Ed25519 public key: 64 hexadecimal digits")]
pub struct NotAKey;

impl FromStr for PublicKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotAKey)?;
        VerifyingKey::from_bytes(&bytes).map(Self).map_err(|_| NotAKey)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0.as_bytes()))
    }
}

/// Says why an upload is not trusted.
pub(super) fn verify(config: &Config, upload: &Upload) -> Result<(), String> {
    let Some(text) = &upload.signature else {
        return match config.unsigned {
            Unsigned::Allowed => Ok(()),
            Unsigned::Refused => {
                Err("it is not signed; sign its bytes with a key of guest_keys and send the \
                     signature in the header Guest-Signature"
                    .to_owned())
            }
        };
    };
    let mut bytes = [0; 64];
    hex::decode_to_slice(text.trim(), &mut bytes)
        .map_err(|_| "its signature is not 128 hexadecimal digits".to_owned())?;
    let signature = Signature::from_bytes(&bytes);
    let signed_by = |key: &&PublicKey| key.0.verify_strict(&upload.bytes, &signature).is_ok();
    match config.keys.iter().find(signed_by) {
        Some(_) => Ok(()),
        None if config.keys.is_empty() => {
            Err("it is signed, and no guest_keys are configured to check that".to_owned())
        }
        None => Err("its signature is by none of guest_keys, or its bytes were changed".to_owned()),
    }
}
