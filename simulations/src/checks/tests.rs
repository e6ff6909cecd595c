//! What the judges' own tests share: a book about a small group, and places in time.

use super::*;
use halloo_crypto::id::{AccountId, DeviceId, MessageId};
use halloo_engine::output::{ChatEntry, Event, LocationView};
use std::collections::BTreeSet;

/// The account of a host.
pub(crate) fn account(host: HostId) -> AccountId {
    AccountId::from_bytes([u8::try_from(host).expect("a small group") + 1; 32])
}

/// Its device.
pub(crate) fn device(host: HostId) -> DeviceId {
    DeviceId::from_bytes([u8::try_from(host).expect("a small group") + 101; 32])
}

/// A message.
pub(crate) fn message(number: u8) -> MessageId {
    MessageId::from_bytes([number; 32])
}

/// A host at a time, in its first life.
pub(crate) fn at(host: HostId, us: u64) -> At {
    At { us, host, life: 0 }
}

/// Accounts of hosts.
pub(crate) fn accounts(hosts: &[HostId]) -> BTreeSet<AccountId> {
    hosts.iter().map(|host| account(*host)).collect()
}

/// A book about hosts of one group that all know each other.
pub(crate) fn book(hosts: u32) -> Book {
    let links = crate::net::links::LinkSpec::constant(1_000);
    let mut book = Book::new(&Plan::quiet(1, hosts as usize, links, 1));
    let all: Vec<HostId> = (0..hosts).collect();
    for host in 0..hosts {
        book.introduce(host, account(host), device(host));
        book.knows(host, accounts(&all));
    }
    book
}

/// A line of the conversation.
pub(crate) fn line(number: u8, author: HostId) -> ChatEntry {
    ChatEntry {
        id: message(number),
        author: account(author),
        device: device(author),
        name: "n".into(),
        sent_ms: 1,
        text: "text".into(),
        reply_to: None,
        edited: false,
        deleted: false,
        reactions: Vec::new(),
        apart: false,
        delivered_to: Vec::new(),
        read_by: Vec::new(),
        own: false,
        void: false,
        forwarded: false,
        forwarded_by: None,
    }
}

/// Where a host was.
pub(crate) fn place(host: HostId, taken_ms: u64) -> Event {
    Event::Location(LocationView {
        account: account(host),
        device: device(host),
        latitude_deg: 1.0,
        longitude_deg: 2.0,
        accuracy_m: 3.0,
        altitude_m: None,
        speed_mps: None,
        heading_deg: None,
        precision: halloo_engine::place::Precision::Exact,
        taken_ms,
        age: std::time::Duration::ZERO,
        distance_m: None,
        bearing_deg: None,
        own: false,
    })
}

/// What was found, one text each.
pub(crate) fn texts(findings: &Findings) -> Vec<&str> {
    findings.kept.iter().map(|violation| violation.what.as_str()).collect()
}

#[test]
fn more_than_the_kept_violations_are_counted() {
    let mut findings = Findings::default();
    for us in 0..50 {
        findings.add("one", at(0, us), "again");
    }
    findings.add("two", at(0, 51), "something else");
    assert_eq!(findings.count, 51);
    assert_eq!(findings.kept.len(), VIOLATIONS_KEPT + 1);
}

#[test]
fn every_judge_has_its_own_name() {
    let names: BTreeSet<_> = all().iter().map(|check| check.name()).collect();
    assert_eq!(names.len(), all().len());
}
