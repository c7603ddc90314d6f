//! Batches are an optimization: any split of the same commands at the same instant gives the same
//! outcomes and the same rows. (Not so the sweep's command, which counts what its batch has ended.)

use super::generator::Generator;
use super::model::Model;
use super::random::Random;
use crate::door::Door;
use crate::door::native::NativeDoor;
use crate::scenarios::write;

const SEEDS: u64 = 60;
const INSTANTS: usize = 8;
const COMMANDS: usize = 40;

#[test]
fn any_split_into_batches_gives_the_same_outcomes_and_rows() {
    for seed in 0..SEEDS {
        let mut callers = Generator::of_callers(seed);
        let mut sizes = Random::new(seed);
        let mut model = Model::default();
        let (mut singly, mut at_once, mut split) =
            (NativeDoor::open(), NativeDoor::open(), NativeDoor::open());
        for _ in 0..INSTANTS {
            let (now, commands) = callers.instant(&model, COMMANDS);
            model.apply(now, &commands);
            let mut expected = Vec::new();
            for command in &commands {
                expected.extend(singly.apply(now, std::slice::from_ref(command)).unwrap().outcomes);
            }
            let mut actual = Vec::new();
            let mut left = &commands[..];
            while !left.is_empty() {
                let (batch, rest) = left.split_at(1 + sizes.below(left.len()));
                actual.extend(split.apply(now, batch).unwrap().outcomes);
                left = rest;
            }
            let merged = at_once.apply(now, &commands).unwrap().outcomes;
            for (number, command) in commands.iter().enumerate() {
                let said = write::command(command);
                assert_eq!(expected[number], merged[number], "seed {seed}, in one batch: {said}");
                assert_eq!(expected[number], actual[number], "seed {seed}, split: {said}");
            }
            let rows = singly.rows();
            assert_eq!(rows, at_once.rows(), "seed {seed}, in one batch");
            assert_eq!(rows, split.rows(), "seed {seed}, split");
        }
    }
}
