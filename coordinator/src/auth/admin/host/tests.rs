//! Orders of who hosts: whom they mean, and what they are as JSON.

use super::super::super::book::Begin;
use super::super::super::book::rows::Names;
use super::super::super::office::tests::{NOW, office};
use super::*;
use halloo_crypto::id::ClientId;
use halloo_store::memory::MemoryStore;
use std::sync::Arc;

async fn register(office: &Office, device: u8, username: Option<String>) -> Id {
    let device = ClientId([device; 32]);
    let begin = Begin { names: Names { username, email: None }, ..Begin::default() };
    let rng = &mut office.hall.world.chance();
    let register = |store: &dyn Store| office.book.register(store, device, &begin, (NOW, rng));
    office.change(&[&device.0], register).await.unwrap().account
}

async fn make_operator(office: &Office, user: &str) -> Result<AccountLine, Problem> {
    let order = Order::Role { user: user.to_owned(), role: Some(Role::Operator) };
    let Done::Account(line) = office.obey(order).await? else { panic!("not an account") };
    Ok(line)
}

#[tokio::test]
async fn an_account_is_named_by_its_username_or_its_digits_and_no_username_passes_for_digits() {
    let office = office(Arc::new(MemoryStore::new()));
    let anna = register(&office, 1, Some("anna".to_owned())).await;
    let digits = base16::encode(&anna);
    assert_eq!(make_operator(&office, "anna").await.unwrap().user_id, digits);
    assert_eq!(make_operator(&office, &digits).await.unwrap().username.as_deref(), Some("anna"));
    let unused = "0123456789abcdef0123456789abcdef";
    register(&office, 2, Some(unused.to_owned())).await;
    for nobody in [unused, "hanna", ""] {
        let refused = make_operator(&office, nobody).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::NotFound);
        assert!(refused.detail().contains("admin accounts"));
    }
    let Done::Accounts(lines, None) = office.obey(Order::Roles).await.unwrap() else { panic!("no list") };
    assert_eq!(lines.iter().map(|line| line.user_id.as_str()).collect::<Vec<_>>(), [digits.as_str()]);
}

#[tokio::test]
async fn a_key_is_revoked_by_its_name_or_by_all_of_it() {
    let office = office(Arc::new(MemoryStore::new()));
    let make = || Order::MakeKey { name: "k".to_owned(), scopes: [Scope::AuditRead].into(), days: Some(1) };
    for whole in [true, false] {
        let Done::Key(given) = office.obey(make()).await.unwrap() else { panic!("no key") };
        let key = if whole { given.key } else { given.key_id };
        let revoke = || office.obey(Order::RevokeKey { key: key.clone() });
        assert!(matches!(revoke().await.unwrap(), Done::Revoked));
        assert!(revoke().await.unwrap_err().detail().contains("key list"));
    }
    for wrong in [
        Order::MakeKey { name: String::new(), scopes: [Scope::AuditRead].into(), days: None },
        Order::MakeKey { name: "k".to_owned(), scopes: BTreeSet::new(), days: None },
        Order::MakeKey { name: "k".to_owned(), scopes: [Scope::AuditRead].into(), days: Some(0) },
        Order::RevokeKey { key: "hk_".to_owned() },
    ] {
        assert_eq!(office.obey(wrong).await.unwrap_err().kind(), Kind::Malformed);
    }
}

#[test]
fn an_order_is_one_object_and_nothing_else_is() {
    let order = Order::Role { user: "anna".to_owned(), role: Some(Role::Support) };
    let json = serde_json::json!({"order": "role", "user": "anna", "role": "support"});
    assert_eq!(serde_json::to_value(&order).unwrap(), json);
    assert_eq!(serde_json::from_value::<Order>(json).unwrap(), order);
    for wrong in [
        serde_json::json!({"order": "dance"}),
        serde_json::json!({"order": "role", "user": "anna", "role": "king"}),
        serde_json::json!({"order": "show", "user": "anna", "and": 1}),
        serde_json::json!("roles"),
    ] {
        serde_json::from_value::<Order>(wrong).unwrap_err();
    }
}
