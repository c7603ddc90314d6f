//! Reads replies (RESP 2) as the contract shows them: nodes in pre-order, within a budget.

use std::io::{self, BufRead, Read};

use crate::guest::redis::{Node, Reply, ServerError};

/// Nodes of all replies of one call.
const NODES_MAX: usize = 262_144;
/// Bytes of all replies of one call.
const BYTES_MAX: usize = 16 << 20;
/// Arrays inside each other.
const DEPTH_MAX: usize = 32;
/// What is reserved for a value before its bytes have come.
const RESERVED_BYTES_MAX: usize = 64 << 10;

/// What the replies of one call may still come to.
pub(super) struct Budget {
    nodes: usize,
    bytes: usize,
}

/// Why a reply could not be read. The rest of it is still on the way: the connection is of no use.
#[derive(Debug)]
pub(super) enum ReadError {
    Io(io::Error),
    TooLarge,
}

impl Budget {
    pub(super) fn for_one_call() -> Self {
        Self { nodes: NODES_MAX, bytes: BYTES_MAX }
    }

    fn node(&mut self) -> Result<(), ReadError> {
        self.nodes = self.nodes.checked_sub(1).ok_or(ReadError::TooLarge)?;
        Ok(())
    }

    fn bytes(&mut self, count: usize) -> Result<(), ReadError> {
        self.bytes = self.bytes.checked_sub(count).ok_or(ReadError::TooLarge)?;
        Ok(())
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads one reply to its end.
pub(super) fn read(from: &mut impl BufRead, budget: &mut Budget) -> Result<Reply, ReadError> {
    let mut nodes = Vec::new();
    // Of each array that is open: how many elements are still to come.
    let mut open: Vec<u32> = Vec::new();
    loop {
        budget.node()?;
        let node = read_node(from, budget)?;
        let elements = if let Node::Array(elements) = node { elements } else { 0 };
        nodes.push(node);
        if elements > 0 {
            if open.len() == DEPTH_MAX {
                return Err(ReadError::TooLarge);
            }
            open.push(elements);
            continue;
        }
        while let Some(left) = open.last_mut() {
            *left -= 1;
            if *left > 0 {
                break;
            }
            open.pop();
        }
        if open.is_empty() {
            return Ok(nodes);
        }
    }
}

fn read_node(from: &mut impl BufRead, budget: &mut Budget) -> Result<Node, ReadError> {
    let line = read_line(from, budget)?;
    let (kind, rest) = line.split_first().ok_or_else(broken)?;
    Ok(match kind {
        b'+' => Node::Status(String::from_utf8_lossy(rest).into_owned()),
        b'-' => Node::Error(server_error(rest)),
        b':' => Node::Integer(number(rest)?),
        b'$' => match number(rest)? {
            -1 => Node::Nil,
            bytes => Node::Bytes(read_bytes(from, length(bytes)?, budget)?),
        },
        b'*' => match number(rest)? {
            -1 => Node::Nil,
            elements => {
                let elements = length(elements)?;
                if elements > budget.nodes {
                    return Err(ReadError::TooLarge);
                }
                Node::Array(u32::try_from(elements).map_err(|_| ReadError::TooLarge)?)
            }
        },
        _ => return Err(broken().into()),
    })
}

/// A line without its end.
fn read_line(from: &mut impl BufRead, budget: &mut Budget) -> Result<Vec<u8>, ReadError> {
    let mut line = Vec::new();
    loop {
        let available = match from.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            available => available?,
        };
        if available.is_empty() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(available.len(), |end| end + 1);
        budget.bytes(taken)?;
        line.extend_from_slice(&available[..taken]);
        from.consume(taken);
        if end.is_some() {
            let kept = line.strip_suffix(b"\r\n").ok_or_else(broken)?.len();
            line.truncate(kept);
            return Ok(line);
        }
    }
}

fn read_bytes(
    from: &mut impl BufRead,
    count: usize,
    budget: &mut Budget,
) -> Result<Vec<u8>, ReadError> {
    let framed = count.checked_add(2).ok_or(ReadError::TooLarge)?;
    budget.bytes(framed)?;
    let mut bytes = Vec::with_capacity(framed.min(RESERVED_BYTES_MAX));
    from.take(framed as u64).read_to_end(&mut bytes)?;
    if bytes.len() < framed {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    if !bytes.ends_with(b"\r\n") {
        return Err(broken().into());
    }
    bytes.truncate(count);
    Ok(bytes)
}

fn number(text: &[u8]) -> io::Result<i64> {
    str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(broken)
}

fn length(number: i64) -> Result<usize, ReadError> {
    usize::try_from(number).map_err(|_| broken().into())
}

fn server_error(line: &[u8]) -> ServerError {
    let line = String::from_utf8_lossy(line);
    let (code, message) = line.split_once(' ').unwrap_or((&line, ""));
    ServerError { code: code.to_owned(), message: message.to_owned() }
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "this is not the protocol of Redis")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(bytes: &[u8]) -> Result<Reply, ReadError> {
        read(&mut &bytes[..], &mut Budget::for_one_call())
    }

    #[test]
    fn nested_arrays_come_in_pre_order() {
        let bytes = b"*4\r\n:1\r\n*2\r\n$2\r\n\xff\n\r\n*0\r\n$-1\r\n*1\r\n-ERR no\r\n:9\r\n";
        let mut rest = &bytes[..];
        let nodes = read(&mut rest, &mut Budget::for_one_call()).unwrap();
        let error = ServerError { code: "ERR".to_owned(), message: "no".to_owned() };
        let expected = [
            Node::Array(4),
            Node::Integer(1),
            Node::Array(2),
            Node::Bytes(b"\xff\n".to_vec()),
            Node::Array(0),
            Node::Nil,
            Node::Array(1),
            Node::Error(error),
        ];
        assert_eq!(nodes, expected);
        assert_eq!(rest, b":9\r\n", "the next reply is left alone");
    }

    #[test]
    fn what_passes_the_budget_is_refused_before_it_is_held() {
        let deep = b"*1\r\n".repeat(DEPTH_MAX + 1);
        let wide = b"*262145\r\n".to_vec();
        let nested = b"*262143\r\n".repeat(20);
        let long = b"$16777216\r\n".to_vec();
        let huge = b"$9223372036854775807\r\n".to_vec();
        let endless_line = [b"+".to_vec(), b"x".repeat(BYTES_MAX)].concat();
        for bytes in [deep, wide, nested, long, huge, endless_line] {
            assert!(matches!(reply(&bytes), Err(ReadError::TooLarge)), "{:?}", &bytes[..9]);
        }
    }

    #[test]
    fn what_is_not_the_protocol_is_an_error() {
        for bytes in [
            &b""[..],
            b"\r\n",
            b":1\n",
            b":x\r\n",
            b":1",
            b"$5\r\nab\r\n",
            b"$2\r\nabcd",
            b"$-2\r\n",
            b"*-2\r\n",
            b"*2\r\n:1\r\n",
            b"?1\r\n",
        ] {
            assert!(matches!(reply(bytes), Err(ReadError::Io(_))), "{bytes:?}");
        }
    }
}
