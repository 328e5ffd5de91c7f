//! The mix is what it says.

use super::*;

/// How many events are met in a way.
fn many(mix: &Mix, behaviour: Behaviour) -> usize {
    let met = |event: &&Planned| event.behaviour == behaviour;
    mix.events.iter().filter(met).count()
}

#[test]
fn a_thousand_messages_hold_the_stated_parts() {
    let mix = Mix::mixed("demo-1-m", 1000);
    assert_eq!(mix.messages().len(), 1000);
    assert_eq!(mix.events.len(), 900);
    assert_eq!(mix.ids().len(), 900);
    assert_eq!(many(&mix, Behaviour::FailsTwice), 50);
    assert_eq!(many(&mix, Behaviour::Throttles), 10);
    assert_eq!(many(&mix, Behaviour::Refuses), 10);
    assert_eq!(many(&mix, Behaviour::Broken), 10);
    assert_eq!(mix.undeliverable().len(), 20);
}

#[test]
fn only_what_can_be_delivered_is_resent() {
    let mix = Mix::mixed("demo-1-m", 1000);
    let mut seen = BTreeSet::new();
    for event in mix.messages() {
        if !seen.insert(&event.id) {
            assert!(event.behaviour.can_deliver(), "{event:?}");
        }
    }
}

#[test]
fn every_body_names_its_event() {
    for messages in [20, 1000] {
        let mix = Mix::mixed("demo-1-m", messages);
        for event in &mix.events {
            assert_eq!(mix.id_in(&event.body).as_ref(), Some(&event.id));
        }
    }
}

#[test]
fn only_a_broken_body_is_no_json() {
    for event in Mix::mixed("demo-1-m", 1000).events {
        let parses = serde_json::from_str::<serde_json::Value>(&event.body).is_ok();
        assert_eq!(parses, event.behaviour != Behaviour::Broken, "{event:?}");
    }
}

#[test]
fn the_mix_is_the_same_every_time() {
    assert_eq!(Mix::mixed("a", 300), Mix::mixed("a", 300));
}
