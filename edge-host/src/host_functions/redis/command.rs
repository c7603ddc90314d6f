//! Commands on their way out: within their bounds, none that would spoil the connection, packed.

use std::fmt::Write as _;

use sha1::{Digest, Sha1};

use crate::guest::redis::{Command, Error};

/// Of one command, its name included.
const ARGUMENTS_MAX: usize = 16_384;
/// Of one command.
const COMMAND_BYTES_MAX: usize = 4 << 20;
/// In one pipeline.
const PIPELINE_COMMANDS_MAX: usize = 1_024;
/// Of one pipeline.
const PIPELINE_BYTES_MAX: usize = 16 << 20;
/// Of one script.
const SCRIPT_BYTES_MAX: usize = 64 << 10;

/// Commands that change what the connection is, hold it, take it over, or administer the server.
/// Data that may not be touched is the business of the Redis user that the URL names.
const REFUSED: &[&str] = &[
    "ACL",
    "ASKING",
    "AUTH",
    "BGREWRITEAOF",
    "BGSAVE",
    "BLMOVE",
    "BLMPOP",
    "BLPOP",
    "BRPOP",
    "BRPOPLPUSH",
    "BZMPOP",
    "BZPOPMAX",
    "BZPOPMIN",
    "CLIENT",
    "CLUSTER",
    "CONFIG",
    "DEBUG",
    "DISCARD",
    "EXEC",
    "FAILOVER",
    "HELLO",
    "MIGRATE",
    "MODULE",
    "MONITOR",
    "MULTI",
    "PSUBSCRIBE",
    "PSYNC",
    "PUNSUBSCRIBE",
    "QUIT",
    "READONLY",
    "READWRITE",
    "REPLCONF",
    "REPLICAOF",
    "RESET",
    "SAVE",
    "SELECT",
    "SHUTDOWN",
    "SLAVEOF",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "SUNSUBSCRIBE",
    "SYNC",
    "UNSUBSCRIBE",
    "UNWATCH",
    "WAIT",
    "WAITAOF",
    "WATCH",
];

/// A command of a guest, checked.
pub(super) fn check(command: &Command) -> Result<(), Error> {
    let name = command.first().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Error::NotAllowed("a command without a name".to_owned()))?;
    let bytes: usize = command.iter().map(|argument| argument.len() + 16).sum();
    if command.len() > ARGUMENTS_MAX || bytes > COMMAND_BYTES_MAX {
        return Err(Error::TooLarge);
    }
    let refused = REFUSED.iter().find(|refused| name.eq_ignore_ascii_case(refused.as_bytes()));
    if let Some(refused) = refused {
        return Err(Error::NotAllowed((*refused).to_owned()));
    }
    let reads_streams =
        name.eq_ignore_ascii_case(b"XREAD") || name.eq_ignore_ascii_case(b"XREADGROUP");
    if reads_streams && command.iter().any(|argument| argument.eq_ignore_ascii_case(b"BLOCK")) {
        return Err(Error::NotAllowed("XREAD with BLOCK".to_owned()));
    }
    Ok(())
}

/// A pipeline of a guest, checked.
pub(super) fn check_all(commands: &[Command]) -> Result<(), Error> {
    if commands.is_empty() {
        return Err(Error::NotAllowed("a pipeline without commands".to_owned()));
    }
    if commands.len() > PIPELINE_COMMANDS_MAX {
        return Err(Error::TooLarge);
    }
    commands.iter().try_for_each(check)?;
    let arguments = commands.iter().flatten();
    let bytes: usize = arguments.map(|argument| argument.len() + 16).sum();
    if bytes > PIPELINE_BYTES_MAX { Err(Error::TooLarge) } else { Ok(()) }
}

/// A call of a script: by its digest, and with its text for a Redis that does not have it.
pub(super) struct Script {
    pub(super) by_digest: Command,
    pub(super) with_text: Command,
    keys: usize,
}

impl Script {
    pub(super) fn new(
        text: String,
        keys: Vec<Vec<u8>>,
        arguments: Vec<Vec<u8>>,
    ) -> Result<Self, Error> {
        if text.len() > SCRIPT_BYTES_MAX {
            return Err(Error::TooLarge);
        }
        let mut command = vec![b"EVALSHA".to_vec(), digest(&text).into_bytes()];
        let count = keys.len();
        command.push(count.to_string().into_bytes());
        command.extend(keys);
        command.extend(arguments);
        check(&command)?;
        let mut with_text = command.clone();
        with_text[0] = b"EVAL".to_vec();
        with_text[1] = text.into_bytes();
        Ok(Self { by_digest: command, with_text, keys: count })
    }

    pub(super) fn keys(&self) -> &[Vec<u8>] {
        &self.by_digest[3..3 + self.keys]
    }
}

fn digest(text: &str) -> String {
    Sha1::digest(text).iter().fold(String::with_capacity(40), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
        hex
    })
}

/// Appends a command in the protocol of Redis.
pub(super) fn pack(command: &[impl AsRef<[u8]>], to: &mut Vec<u8>) {
    let head = |kind: u8, number: usize, to: &mut Vec<u8>| {
        to.push(kind);
        to.extend_from_slice(number.to_string().as_bytes());
        to.extend_from_slice(b"\r\n");
    };
    head(b'*', command.len(), to);
    for argument in command {
        let argument = argument.as_ref();
        head(b'$', argument.len(), to);
        to.extend_from_slice(argument);
        to.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> Command {
        words.iter().map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn commands_that_spoil_the_connection_are_refused_however_written() {
        for words in [&["SELECT", "1"][..], &["subscribe", "x"], &["xRead", "block", "0"], &[""]] {
            assert!(matches!(check(&command(words)), Err(Error::NotAllowed(_))), "{words:?}");
        }
        assert_eq!(check(&command(&["GET", "select"])), Ok(()));
        assert!(REFUSED.is_sorted());
    }

    #[test]
    fn commands_past_their_bounds_are_too_large() {
        let many = vec![b"x".to_vec(); ARGUMENTS_MAX + 1];
        let long = vec![b"SET".to_vec(), vec![0; COMMAND_BYTES_MAX]];
        for command in [many, long.clone()] {
            assert_eq!(check(&command), Err(Error::TooLarge));
        }
        let fits = vec![b"SET".to_vec(), vec![0; COMMAND_BYTES_MAX - 64]];
        assert_eq!(check_all(&vec![fits; 5]), Err(Error::TooLarge));
        assert_eq!(check_all(&vec![command(&["PING"]); 1_025]), Err(Error::TooLarge));
        let script = Script::new("x".repeat(SCRIPT_BYTES_MAX + 1), vec![], vec![]);
        assert!(matches!(script, Err(Error::TooLarge)));
    }

    #[test]
    fn a_command_is_packed_as_an_array_of_strings() {
        let mut bytes = Vec::new();
        pack(&[&b"GET"[..], b"\r\n"], &mut bytes);
        assert_eq!(bytes, b"*2\r\n$3\r\nGET\r\n$2\r\n\r\n\r\n");
    }

    #[test]
    fn a_script_is_known_by_its_sha1() {
        let script = Script::new("return 1".to_owned(), vec![b"k".to_vec()], vec![]).unwrap();
        let digest = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";
        assert_eq!(script.by_digest, command(&["EVALSHA", digest, "1", "k"]));
        assert_eq!(script.with_text, command(&["EVAL", "return 1", "1", "k"]));
    }
}
