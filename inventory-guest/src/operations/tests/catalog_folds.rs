//! Any changes of the catalog, against a map: what is answered, listed and told by the history.

use super::catalog::change_of;
use super::*;
use crate::domain::catalog::{Entry, EntryKey, Noun};
use crate::domain::{Answer, Command, EntryEffect};
use crate::operations::queries::{list_catalog_events, list_entries};
use crate::storage::catalog::stamps;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn item() -> impl Strategy<Value = String> {
    let number = 1_u8..4;
    let place = prop_oneof![Just("-"), Just("44"), Just("4403")];
    prop_oneof![
        (number.clone(), any::<bool>()).prop_map(|(code, open)| {
            format!("put warehouse W{code} {}", if open { "open" } else { "closed" })
        }),
        (number.clone(), place.clone(), 1_u8..3)
            .prop_map(|(code, place, priority)| format!("put area W{code} {place} {priority}")),
        (number.clone(), number.clone())
            .prop_map(|(sku, units)| format!("put safety S{sku} W{} {units}", units % 3 + 1)),
        (number.clone(), 1_u8..3).prop_map(|(sku, kind)| format!("put category S{sku} K{kind}")),
        place.clone().prop_map(|place| format!("put restriction all {place}")),
        number.clone().prop_map(|code| format!("delete warehouse W{code}")),
        (number.clone(), place.clone())
            .prop_map(|(code, place)| format!("delete area W{code} {place}")),
        number.prop_map(|sku| format!("delete category S{sku}")),
        place.prop_map(|place| format!("delete restriction all {place}")),
    ]
}

/// What an item may expect of its entry: nothing, that there is none, or some early version.
fn expecting() -> impl Strategy<Value = String> {
    let version = prop_oneof![6 => Just(None), 1 => (0_u8..6).prop_map(Some)];
    (item(), version).prop_map(|(item, version)| match version {
        Some(version) => format!("{item} if {version}"),
        None => item,
    })
}

type Entries = BTreeMap<EntryKey, (u64, Entry)>;

fn listed(shop: &mut Shop) -> Entries {
    let mut all = Entries::new();
    for noun in Noun::ALL {
        let mut after = String::new();
        loop {
            let page = list_entries(&mut shop.database, noun, "", &after, 2).unwrap();
            let Some(last) = page.last() else { break };
            let key = last.entry.key();
            after = format!("{} {}", key.subject(), key.place());
            all.extend(page.into_iter().map(|it| (it.entry.key(), (it.version, it.entry))));
        }
    }
    all
}

fn folded(shop: &mut Shop) -> Entries {
    let mut all = Entries::new();
    let mut after = 0;
    loop {
        let page = list_catalog_events(&mut shop.database, after, 3).unwrap();
        let Some(last) = page.last() else { return all };
        after = last.seq;
        for event in page {
            let before = all.remove(&event.key).map(|(_, entry)| entry);
            assert_eq!(before, event.before, "{}", event.seq);
            assert_ne!(before, event.after, "{} changes nothing", event.seq);
            if let Some(entry) = event.after {
                all.insert(event.key, (event.seq, entry));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn history_folds_to_the_entries_and_answers_say_what_became_of_them(
        changes in vec(vec(expecting(), 1..6), 1..12),
    ) {
        let mut shop = Shop::with("");
        for items in &changes {
            let before = (listed(&mut shop), stamps(&mut shop.database).unwrap());
            let items: Vec<&str> = items.iter().map(String::as_str).collect();
            let command = Command::Catalog(change_of(&items));
            let applied = shop.tell_all(0, std::slice::from_ref(&command));
            let after = (listed(&mut shop), stamps(&mut shop.database).unwrap());
            prop_assert_eq!(&folded(&mut shop), &after.0);
            match &applied.outcomes[0].result {
                Err(_) => prop_assert_eq!(&before, &after),
                Ok(Answer::Catalog(answered)) => {
                    let mut last = BTreeMap::new();
                    for it in answered {
                        last.insert(&it.key, it);
                    }
                    for (key, it) in last {
                        let version = after.0.get(key).map_or(0, |it| it.0);
                        prop_assert_eq!(it.version, version);
                    }
                    let quiet = |it: &EntryEffect| {
                        matches!(it, EntryEffect::Unchanged | EntryEffect::Absent)
                    };
                    let is_quiet = answered.iter().all(|it| quiet(&it.effect));
                    prop_assert_eq!(is_quiet, before.1 == after.1);
                }
                Ok(other) => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
