//! Where keys live in a cluster, and how a command that went to the wrong node finds the right one.
//!
//! A command is sent again only after a node said that it did not run it (MOVED, ASK, TRYAGAIN).

use std::{sync::Arc, time::Duration};

use super::{
    reply::Budget,
    session::{Answer, Call, Patience, Session, nap},
    url::Address,
};
use crate::guest::redis::{Command, Error, Node};

const SLOTS: usize = 16_384;
/// How often one command is sent to another node.
const REDIRECTS_MAX: usize = 8;
/// Between two tries of a command whose keys are being moved.
const TRY_AGAIN_PAUSE: Duration = Duration::from_millis(2);

/// Who has which slot.
#[derive(Debug)]
pub(super) struct Slots {
    masters: Vec<Address>,
    /// Of each slot: its master's place in `masters`.
    owners: Vec<Option<u16>>,
}

/// Where a command has its keys, as `COMMAND INFO` says.
#[derive(Clone, Copy, Debug)]
pub(super) enum KeySpec {
    None,
    /// From, to (negative: from the end), and steps between.
    Range {
        first: usize,
        last: i64,
        step: usize,
    },
    /// `COMMAND GETKEYS` says it for each call.
    Movable,
}

impl Session {
    pub(super) fn all_on_cluster(
        &mut self,
        calls: &[Call<'_>],
        patience: Patience,
        budget: &mut Budget,
    ) -> Vec<Answer> {
        let slots = match self.slots(patience) {
            Ok(slots) => slots,
            Err(error) => return vec![Err(error); calls.len()],
        };
        let mut answers: Vec<Option<Answer>> = vec![None; calls.len()];
        let mut parts: Vec<(Address, Vec<usize>)> = Vec::new();
        for (index, call) in calls.iter().enumerate() {
            match self.home(*call, &slots, patience) {
                Err(error) => answers[index] = Some(Err(error)),
                Ok(home) => match parts.iter_mut().find(|(address, _)| *address == home) {
                    Some((_, indices)) => indices.push(index),
                    None => parts.push((home, vec![index])),
                },
            }
        }
        // All parts are on their way before the first reply is waited for.
        let sent: Vec<_> = parts
            .iter()
            .map(|(address, indices)| {
                let commands: Vec<&Command> =
                    indices.iter().map(|index| calls[*index].command).collect();
                self.send(address, &commands, patience)
            })
            .collect();
        for ((address, indices), sent) in parts.iter().zip(sent) {
            let replies = match sent {
                Ok(wire) => self.receive(address, wire, indices.len(), patience, budget),
                Err(error) => vec![Err(error); indices.len()],
            };
            for (index, answer) in indices.iter().zip(replies) {
                let call = calls[*index];
                answers[*index] = Some(self.follow(call, address, answer, patience, budget));
            }
        }
        answers.into_iter().map(|answer| answer.expect("each call has a part")).collect()
    }

    /// Goes where the nodes point, until one runs the command.
    fn follow(
        &mut self,
        call: Call<'_>,
        asked: &Address,
        mut answer: Answer,
        patience: Patience,
        budget: &mut Budget,
    ) -> Answer {
        let mut asked = asked.clone();
        for _ in 0..REDIRECTS_MAX {
            let error = match answer {
                Err(Error::Server(error)) => error,
                Err(Error::Unavailable(why)) => {
                    self.client.forget_slots();
                    return Err(Error::Unavailable(why));
                }
                other => return other,
            };
            let target = error.message.split_once(' ').and_then(|(_, to)| pointed_at(to, &asked));
            answer = match (error.code.as_str(), target) {
                ("MOVED", Some(address)) => {
                    self.client.forget_slots();
                    asked = address;
                    self.exchange(&asked, &[call.command], patience, budget).pop()
                }
                ("ASK", Some(address)) => {
                    asked = address;
                    let asking = vec![b"ASKING".to_vec()];
                    self.exchange(&asked, &[&asking, call.command], patience, budget).pop()
                }
                ("TRYAGAIN", _) => {
                    nap(patience, TRY_AGAIN_PAUSE);
                    let slots = self.slots(patience)?;
                    asked = self.home(call, &slots, patience)?;
                    self.exchange(&asked, &[call.command], patience, budget).pop()
                }
                _ => return Err(Error::Server(error)),
            }
            .expect("an answer for each command");
        }
        match answer {
            Err(Error::Server(error)) if ["MOVED", "ASK", "TRYAGAIN"].contains(&&*error.code) => {
                Err(Error::Unavailable("the cluster is moving these keys".to_owned()))
            }
            answer => answer,
        }
    }

    /// The node that has the command's keys.
    fn home(
        &mut self,
        call: Call<'_>,
        slots: &Slots,
        patience: Patience,
    ) -> Result<Address, Error> {
        let found;
        let keys = if let Some(keys) = call.keys {
            keys
        } else {
            found = self.keys_of(call.command, slots, patience)?;
            &found
        };
        let Some((first, rest)) = keys.split_first() else {
            return slots.any(|address| self.client.circuits.is_closed(address));
        };
        let slot = slot_of(first);
        if rest.iter().any(|key| slot_of(key) != slot) {
            return Err(Error::CrossSlot);
        }
        let owner = slots.owners[slot].map(|owner| slots.masters[usize::from(owner)].clone());
        owner.ok_or_else(|| {
            self.client.forget_slots();
            Error::Unavailable("no node of the cluster has the slot".to_owned())
        })
    }

    fn keys_of(
        &mut self,
        command: &Command,
        slots: &Slots,
        patience: Patience,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let name = command[0].to_ascii_uppercase();
        let spec = if let Some(spec) = self.client.key_spec(&name) {
            spec
        } else {
            let question = vec![b"COMMAND".to_vec(), b"INFO".to_vec(), name.clone()];
            let node = slots.any(|address| self.client.circuits.is_closed(address))?;
            let spec = key_spec(&self.ask(&node, &question, patience)?)
                .ok_or_else(|| Error::NotAllowed("a command unknown to the cluster".into()))?;
            self.client.learn_key_spec(name, spec);
            spec
        };
        Ok(match spec {
            KeySpec::None => Vec::new(),
            KeySpec::Range { first, last, step } => {
                let length = i64::try_from(command.len()).expect("checked to be short");
                let last = if last < 0 { length + last } else { last.min(length - 1) };
                let count = usize::try_from(last + 1).unwrap_or(0).saturating_sub(first);
                command.iter().skip(first).take(count).step_by(step).cloned().collect()
            }
            KeySpec::Movable => {
                let mut question = vec![b"COMMAND".to_vec(), b"GETKEYS".to_vec()];
                question.extend(command.iter().cloned());
                let node = slots.any(|address| self.client.circuits.is_closed(address))?;
                match self.ask(&node, &question, patience) {
                    Ok(reply) => reply.into_iter().filter_map(bytes).collect(),
                    // It has none.
                    Err(Error::Server(_)) => Vec::new(),
                    Err(error) => return Err(error),
                }
            }
        })
    }

    /// Who has which slot, as far as known; the first to need it asks.
    fn slots(&mut self, patience: Patience) -> Result<Arc<Slots>, Error> {
        if let Some(slots) = self.client.slots() {
            return Ok(slots);
        }
        let question = vec![b"CLUSTER".to_vec(), b"SLOTS".to_vec()];
        let mut failed = Error::Unavailable("no node of the cluster is known".to_owned());
        for address in self.client.known_nodes() {
            match self.ask(&address, &question, patience) {
                Ok(reply) => match Slots::read(&reply, &address) {
                    Some(slots) => return Ok(self.client.learn_slots(slots)),
                    None => failed = Error::Unavailable(format!("{address} has no slots")),
                },
                Err(Error::Server(error)) => {
                    failed = Error::Unavailable(format!("{} {}", error.code, error.message));
                }
                // Nothing of the caller's was sent, whatever became of the question.
                Err(Error::Unavailable(why)) => failed = Error::Unavailable(why),
                Err(_) => failed = Error::Unavailable(format!("{address} did not answer")),
            }
        }
        Err(failed)
    }

    fn ask(&mut self, address: &Address, question: &Command, patience: Patience) -> Answer {
        let answers = self.exchange(address, &[question], patience, &mut Budget::for_one_call());
        match answers.into_iter().next().expect("an answer for each command") {
            // Nothing of the caller's was sent.
            Err(Error::Timeout | Error::Lost | Error::ReplyTooLarge) => {
                Err(Error::Unavailable(format!("{address} did not answer")))
            }
            answer => answer,
        }
    }
}

impl Slots {
    /// From the reply to CLUSTER SLOTS: `[[from, to, [host, port, …], …], …]`.
    fn read(reply: &[Node], asked: &Address) -> Option<Self> {
        let mut slots = Self { masters: Vec::new(), owners: vec![None; SLOTS] };
        for range in elements(reply)? {
            let mut parts = elements(range)?.into_iter();
            let from = usize::try_from(integer(parts.next()?)?).ok()?;
            let to = usize::try_from(integer(parts.next()?)?).ok()?;
            let mut node = elements(parts.next()?)?.into_iter();
            let host = node.next()?.first().cloned().and_then(bytes).unwrap_or_default();
            let host = String::from_utf8(host).ok()?;
            let port = u16::try_from(integer(node.next()?)?).ok()?;
            let host = if host.is_empty() { asked.host.clone() } else { host };
            let master = Address { host, port };
            let place = slots.masters.iter().position(|known| *known == master);
            let place = place.unwrap_or_else(|| {
                slots.masters.push(master);
                slots.masters.len() - 1
            });
            let place = u16::try_from(place).ok()?;
            slots.owners.get_mut(from..=to)?.fill(Some(place));
        }
        (!slots.masters.is_empty()).then_some(slots)
    }

    pub(super) fn masters(&self) -> &[Address] {
        &self.masters
    }

    fn any(&self, is_well: impl Fn(&Address) -> bool) -> Result<Address, Error> {
        let well = self.masters.iter().find(|address| is_well(address));
        well.or(self.masters.first())
            .cloned()
            .ok_or_else(|| Error::Unavailable("no node of the cluster is known".to_owned()))
    }
}

/// `host:port` of a redirect; without a host it is the host that was asked.
fn pointed_at(text: &str, asked: &Address) -> Option<Address> {
    let (host, port) = text.rsplit_once(':')?;
    let host = if host.is_empty() { &asked.host } else { host };
    Some(Address { host: host.to_owned(), port: port.parse().ok()? })
}

/// From the reply to COMMAND INFO: `[[name, arity, [flags], first, last, step, …, subcommands]]`.
fn key_spec(reply: &[Node]) -> Option<KeySpec> {
    let information = elements(elements(reply)?.into_iter().next()?)?;
    let flags = elements(information.get(2)?)?;
    let movable = |flag: &&[Node]| matches!(flag, [Node::Status(flag)] if flag == "movablekeys");
    let has_subcommands = information.get(9).is_some_and(|list| list.len() > 1);
    let first = usize::try_from(integer(information.get(3)?)?).ok()?;
    let last = integer(information.get(4)?)?;
    let step = usize::try_from(integer(information.get(5)?)?).ok()?;
    Some(if flags.iter().any(movable) || (first == 0 && has_subcommands) {
        KeySpec::Movable
    } else if first == 0 {
        KeySpec::None
    } else {
        KeySpec::Range { first, last, step: step.max(1) }
    })
}

/// The elements of an array, each with all that it holds.
fn elements(nodes: &[Node]) -> Option<Vec<&[Node]>> {
    let (Node::Array(count), mut rest) = nodes.split_first()? else { return None };
    let mut found = Vec::new();
    for _ in 0..*count {
        let mut open = 1_usize;
        let mut length = 0;
        while open > 0 {
            let inner = if let Node::Array(count) = rest.get(length)? { *count } else { 0 };
            open = open - 1 + inner as usize;
            length += 1;
        }
        let (element, after) = rest.split_at(length);
        found.push(element);
        rest = after;
    }
    Some(found)
}

fn integer(nodes: &[Node]) -> Option<i64> {
    if let [Node::Integer(value)] = nodes { Some(*value) } else { None }
}

fn bytes(node: Node) -> Option<Vec<u8>> {
    if let Node::Bytes(bytes) = node { Some(bytes) } else { None }
}

/// CRC-16/XMODEM of the key, or of what stands between its first `{` and the next `}`.
fn slot_of(key: &[u8]) -> usize {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        rest.iter().position(|byte| *byte == b'}').filter(|end| *end > 0).map(|end| &rest[..end])
    });
    let crc = tag.unwrap_or(key).iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    });
    usize::from(crc) % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        for (key, slot) in [
            (&b"123456789"[..], 0x31c3),
            (b"foo", 12_182),
            (b"{user1000}.following", 3_443),
            (b"{user1000}.followers", 3_443),
            (b"foo{}{bar}", 8_363),
            (b"", 0),
        ] {
            assert_eq!(slot_of(key), slot, "{key:?}");
        }
    }

    #[test]
    fn a_reply_that_is_no_map_of_slots_is_refused() {
        let asked = Address { host: "a".to_owned(), port: 1 };
        let node = [Node::Array(2), Node::Bytes(Vec::new()), Node::Integer(7)];
        let range = |from, to| {
            let head = [Node::Array(1), Node::Array(3), Node::Integer(from), Node::Integer(to)];
            [&head[..], &node].concat()
        };
        let slots = Slots::read(&range(0, 16_383), &asked).unwrap();
        assert_eq!(slots.masters, [Address { host: "a".to_owned(), port: 7 }]);
        for wrong in [range(0, 16_384), range(-1, 5), range(9, 5), vec![Node::Array(1)], vec![]] {
            assert!(Slots::read(&wrong, &asked).is_none_or(|slots| slots.owners[7].is_none()));
        }
    }
}
