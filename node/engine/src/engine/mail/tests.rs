//! Mail at the door: whatever lies in a mailbox is counted or taken in, and never more than a bound at once.

use super::*;
use crate::input::{Command, Input};
use crate::rig::Rig;
use core::time::Duration;
use halloo_crdt::clock::Hlc;
use halloo_crdt::content::{Body, Composer, Place};
use halloo_crdt::log::Role;
use halloo_crypto::id::Incarnation;
use halloo_crypto::mailbox::SizeClass;
use rand_core::Rng as _;

/// A member with a coordinator, and an address of its own.
fn with_mailbox(seed: u64) -> (Rig, MailboxAddress) {
    let mut rig = Rig::group(2, seed);
    rig.command(0, Command::SetVia(Some("https://halloo.example".into()))).expect("an owner says so");
    rig.pass(Duration::from_secs(30));
    let address = rig.engine(0).mail.mailboxes.addresses().next().expect("a door");
    (rig, address)
}

fn sealed(rig: &mut Rig, parcels: Vec<Parcel>) -> Vec<u8> {
    let (group, ada) = (rig.engine(0).group(), rig.members[0].identity.device.clone());
    Item { parcels }.seal(&mut rig.rng, &group, (&ada.id(), &ada.box_public())).expect("sealed")
}

#[test]
fn mail_for_an_address_that_is_not_ones_own_is_left_alone() {
    let (mut rig, _) = with_mailbox(190);
    rig.hand(
        0,
        Input::Fetched { address: MailboxAddress([1; 32]), items: vec![(MailboxItem([2; 16]), vec![1; 50])] },
    );
    assert_eq!(rig.dropped(0, "mail of an address that is not looked into"), 1);
    assert_eq!(rig.dropped(0, "mailbox item that does not open"), 0);
    rig.hand(0, Input::Deposited { id: 3, outcome: DepositOutcome::Stored });
    assert_eq!(rig.dropped(0, "answer to a deposit that is over"), 1);
}

#[test]
fn more_than_a_bound_at_once_stays_for_the_next_time() {
    let (mut rig, address) = with_mailbox(191);
    let items = (0..MAX_TAKEN + 10).map(|n| (MailboxItem([n as u8; 16]), vec![0; SizeClass::Small.bytes()]));
    rig.hand(0, Input::Fetched { address, items: items.collect() });
    assert_eq!(rig.dropped(0, "mailbox item that does not open"), MAX_TAKEN as u64);
}

#[test]
fn whatever_parcels_an_item_holds_nobody_falls_over() {
    let (mut rig, address) = with_mailbox(192);
    let mailed: Vec<ParcelKind> = ParcelKind::ALL.into_iter().filter(|kind| kind.may_mail()).collect();
    let (members, epoch) = (rig.engine(0).members().len(), rig.engine(0).status().epoch);
    for round in 0..200_u8 {
        let parcels = (0..1 + round % 4).map(|_| {
            let kind = mailed[rig.rng.next_u32() as usize % mailed.len()];
            let items = (0..rig.rng.next_u32() % 5).map(|_| {
                let mut bytes = vec![0; rig.rng.next_u32() as usize % 400];
                rig.rng.fill_bytes(&mut bytes);
                if let Some(first) = bytes.first_mut() {
                    *first = 1;
                }
                bytes
            });
            Parcel::new(kind, items.collect())
        });
        let parcels = parcels.collect();
        let item = sealed(&mut rig, parcels);
        rig.hand(0, Input::Fetched { address, items: vec![(MailboxItem([round; 16]), item)] });
    }
    rig.pass(Duration::from_secs(5));
    assert_eq!((rig.engine(0).members().len(), rig.engine(0).status().epoch), (members, epoch));
}

#[test]
fn a_content_by_mail_is_shown_once_though_it_comes_by_the_mesh_too() {
    let (mut rig, address) = with_mailbox(193);
    rig.cut = true;
    rig.say(1, "by both ways");
    let state = &rig.members[1].engine.state;
    let frames =
        state.messages.accepted().filter(|c| c.author == state.me()).map(|c| c.id()).collect::<Vec<_>>();
    let frames =
        frames.iter().filter_map(|id| state.messages.get(id)).map(|content| content.to_bytes()).collect();
    let item = sealed(&mut rig, vec![Parcel::new(ParcelKind::BoxedContents, frames)]);
    for name in [1, 1, 2] {
        rig.hand(0, Input::Fetched { address, items: vec![(MailboxItem([name; 16]), item.clone())] });
    }
    assert_eq!(rig.texts(0), ["by both ways"]);
    rig.cut = false;
    rig.pass(Duration::from_secs(120));
    assert_eq!(rig.texts(0), ["by both ways"]);
}

#[test]
fn who_is_out_cannot_fill_the_store_of_who_remains_by_mail() {
    let (mut rig, _) = with_mailbox(194);
    let ben = rig.members[1].identity.device.clone();
    let heads = rig.engine(0).state.heads();
    let account = rig.members[1].identity.account();
    rig.cut = true;
    rig.command(0, Command::Remove(account)).expect("removed");
    rig.pass(Duration::from_secs(30));
    let address = rig.engine(0).mail.mailboxes.addresses().next().expect("a door");
    let group = rig.engine(0).group();
    let mut composer = Composer::new(group, ben.id(), Incarnation::from_bytes([9; 16]));
    let before = rig.engine(0).status().contents;
    // It knows the old mailbox, and signs for a day when it was in.
    for round in 0..4_u8 {
        let frames = (0..100).map(|n| {
            let place = Place { hlc: Hlc { wall_ms: 5, counter: n }, deps: vec![], heads: heads.clone() };
            let body = Body::Chat { text: "junk".into(), reply_to: None };
            composer.compose(&ben, &mut rig.rng, place, body).expect("a content").to_bytes()
        });
        let frames = frames.collect();
        let item = sealed(&mut rig, vec![Parcel::new(ParcelKind::BoxedContents, frames)]);
        rig.hand(0, Input::Fetched { address, items: vec![(MailboxItem([round; 16]), item)] });
    }
    rig.pass(Duration::from_secs(5));
    assert!(rig.engine(0).status().contents <= before + MAX_FROM_THE_GONE + 4);
    assert_eq!(rig.dropped(0, "too much mail by who is out"), u64::from(400 - MAX_FROM_THE_GONE));
    assert!(rig.engine(0).timeline(None, 500).entries.iter().all(|line| line.void), "and all of it is void");
}

#[test]
fn mail_that_comes_when_help_is_due_is_taken_in_to_its_end() {
    let (mut rig, _) = with_mailbox(195);
    rig.cut = true;
    let before = rig.engine(0).state.heads();
    for _ in 0..2 {
        let invite = Command::Invite { max_uses: 1, expiry: Duration::from_secs(600), role: Role::Member };
        rig.command(0, invite).expect("an owner may");
    }
    // The second without the first, on which it follows.
    let log = &rig.engine(0).state.log;
    let head = *log.heads().first().expect("a log has heads");
    assert!(!before.contains(&head));
    let last = log.get(&head).expect("it is here").to_bytes();
    let address = rig.engine(1).mail.mailboxes.addresses().next().expect("a door");
    let (group, ben) = (rig.engine(0).group(), rig.members[1].identity.device.clone());
    let item = Item { parcels: vec![Parcel::new(ParcelKind::Operations, vec![last])] };
    let item = item.seal(&mut rig.rng, &group, (&ben.id(), &ben.box_public())).expect("sealed");
    let peer = rig.peer(0);
    rig.hand(1, Input::PeerDown(peer));
    rig.hand(1, Input::Fetched { address, items: vec![(MailboxItem([1; 16]), item)] });
    assert_eq!(rig.engine(1).mail.letters.len(), 1, "it waits for what it follows");
    let then = rig.now.mono;
    rig.engine(1).commits.nacks.note([7; 32], None, then);
    // The device slept: mail is handed in before the timers that are over.
    rig.now = rig.now.after(STUCK_PATIENCE * 2);
    let junk = vec![0; SizeClass::Small.bytes()];
    rig.hand(1, Input::Fetched { address, items: vec![(MailboxItem([2; 16]), junk)] });
    assert!(rig.engine(1).mail.stuck.is_some_and(|stuck| stuck.asked));
    assert!(rig.engine(1).status().to_leave > 0, "the Nack waits to be left");
}
