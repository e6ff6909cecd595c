//! The document about a group's coordinator and mailboxes: what may stand there, and who may write it.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod group;

use group::Device;
use halloo_crdt::content::{Body, VerifiedContent};
use halloo_crdt::document::{
    Applied, Document, DocumentError, Edit, MAX_MAILBOX_BYTES, MAX_VIA_BYTES, Mailbox, Profile, Refusal,
    Value, is_origin, sets_via,
};
use halloo_crypto::id::AccountId;

const HOME: &str = "https://halloo.example";

fn account_of(content: &VerifiedContent) -> AccountId {
    AccountId::from_bytes(*content.content().author.as_bytes())
}

/// What a device writes that has nothing but its own document.
fn written(device: &mut Device, edits: &[Edit]) -> VerifiedContent {
    let mut document = Document::new(&device.id(), &device.incarnation);
    let bytes = document.edit(&device.account(), edits).unwrap();
    device.write_after(0, Vec::new(), Body::Document(bytes))
}

fn mailbox() -> Mailbox {
    Mailbox { record: vec![0, 7, 0xff], via: HOME.into() }
}

#[test]
fn an_origin_has_a_scheme_and_a_host_and_nothing_else() {
    for good in [HOME, "http://10.0.0.1:7750", "https://[2001:db8::1]:7750", "https://a"] {
        assert!(is_origin(good), "{good}");
    }
    for bad in
        ["", "https://", "halloo.example", "ftp://a", "https://a/b", "https://A", "https://a b", "https://a?"]
    {
        assert!(!is_origin(bad), "{bad}");
    }
    let longest = format!("https://{}", "a".repeat(MAX_VIA_BYTES - 8));
    assert!(is_origin(&longest) && !is_origin(&format!("{longest}a")));
}

#[test]
fn a_group_says_by_which_coordinator_it_meets_and_takes_it_back() {
    let mut device = Device::new(1);
    let mut document = Document::new(&device.id(), &device.incarnation);
    let account = device.account();
    let mut take = |edit: Edit| {
        let bytes = document.edit(&account, &[edit]).unwrap();
        let content = device.write_after(0, Vec::new(), Body::Document(bytes));
        assert_eq!(document.apply(&content, &account), Applied::Merged);
        assert!(sets_via(content.content()));
        document.via()
    };
    assert_eq!(take(Edit::Via(Some(HOME.into()))).as_deref(), Some(HOME));
    assert_eq!(take(Edit::Via(None)), None);
    // By the general way somebody may write what is no origin: it is not shown.
    let nonsense = Edit::Setting { key: "via".into(), value: Some(Value::Text("not an origin".into())) };
    assert_eq!(take(nonsense), None);
    assert_eq!(
        document.edit(&account, &[Edit::Via(Some("x".into()))]),
        Err(DocumentError::Value("coordinator"))
    );
}

#[test]
fn what_merely_speaks_of_the_setting_does_not_set_it() {
    let mut device = Device::new(2);
    let named = written(&mut device, &[Edit::Name("setting/via".into())]);
    assert!(!sets_via(named.content()));
    let profile = Profile { display_name: "Ada".into(), colour: None };
    assert!(!sets_via(written(&mut device, &[Edit::Profile(profile)]).content()));
    assert!(!sets_via(device.say(0, &[], "setting/via").content()));
}

#[test]
fn a_mailbox_is_shown_as_its_owner_wrote_it_and_is_nobody_elses_to_write() {
    let mut ada = Device::new(3);
    let edit = Edit::Mailbox { device: ada.id(), mailbox: Some(mailbox()) };
    let content = written(&mut ada, &[edit]);
    let ben = Device::new(4);
    let mut document = Document::new(&ben.id(), &ben.incarnation);
    // As if it had come from somebody else's device.
    assert_eq!(document.apply(&content, &ben.account()), Applied::Refused(Refusal::NotYours));
    assert_eq!(document.apply(&content, &account_of(&content)), Applied::Merged);
    assert_eq!(document.mailbox(&ada.account(), &ada.id()), Some(mailbox()));
    assert_eq!(document.mailbox(&ada.account(), &ben.id()), None);
    // It is no profile: nobody without a name appears among them.
    assert!(document.profiles().is_empty());
}

#[test]
fn a_mailbox_outside_its_limits_is_not_written() {
    let device = Device::new(5);
    let mut document = Document::new(&device.id(), &device.incarnation);
    let long = Mailbox { record: vec![1; MAX_MAILBOX_BYTES + 1], ..mailbox() };
    let empty = Mailbox { record: Vec::new(), ..mailbox() };
    let nowhere = Mailbox { via: "nowhere".into(), ..mailbox() };
    for bad in [long, empty, nowhere] {
        let edit = Edit::Mailbox { device: device.id(), mailbox: Some(bad) };
        assert_eq!(document.edit(&device.account(), &[edit]), Err(DocumentError::Value("mailbox")));
    }
}
