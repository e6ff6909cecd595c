//! What is offered to whom.

use std::collections::BTreeSet;

use super::*;
use crate::rig::Rig;

#[test]
fn the_items_for_a_newcomer_hold_the_document_and_nothing_from_before_it_came() {
    let mut rig = Rig::group(2, 82);
    rig.say(0, "old");
    rig.say(1, "old too");
    // A third comes; what it may have is told by its device.
    let mut rig3 = Rig::group(3, 82);
    rig3.say(0, "new");
    let newcomer = rig3.members[2].identity.device.id();
    let engine = rig3.engine(0);
    let all: Vec<_> = engine.state.messages.sync_items().collect();
    let told = items(&engine.state, Realm::Contents, &newcomer);
    assert!(told.len() <= all.len());
    let founder = engine.state.me();
    let mut entitled = Entitlement::of(&engine.state, newcomer);
    let may_have = |(_, id): &&(u64, MessageId)| {
        let content = engine.state.messages.get(id).expect("held");
        entitled.to(&engine.state, content)
    };
    let one_by_one: BTreeSet<_> = all.iter().filter(may_have).copied().collect();
    assert_eq!(told.iter().copied().collect::<BTreeSet<_>>(), one_by_one);
    assert_eq!(told.len(), one_by_one.len(), "each once");
    for (_, id) in &told {
        let content = engine.state.messages.get(id).expect("held");
        assert!(entitled.to(&engine.state, content), "INV-4");
    }
    assert_eq!(items(&engine.state, Realm::Contents, &founder).len(), all.len(), "the founder may have all");
    let stranger = DeviceId::from_bytes([9; 32]);
    let documents = items(&engine.state, Realm::Contents, &stranger);
    let chat = documents.iter().filter_map(|(_, id)| engine.state.messages.get(id));
    assert!(chat.into_iter().all(|content| matches!(content.content().body, Body::Document(_))));
}
