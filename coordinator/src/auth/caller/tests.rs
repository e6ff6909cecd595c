//! What somebody can still do whose role, key or session went between the check and the change.

use super::super::book::api_key::KeyBegin;
use super::super::book::{Begin, Opened};
use super::super::office::tests::{NOW, office};
use super::super::rights::Role;
use super::*;
use crate::problem::Kind;
use halloo_crypto::id::ClientId;
use halloo_store::memory::MemoryStore;
use std::sync::Arc;

const OPERATOR: ClientId = ClientId([1; 32]);
const OTHER: ClientId = ClientId([2; 32]);

async fn register(office: &Office, device: ClientId) -> Opened {
    let rng = &mut office.hall.world.chance();
    let register = |store: &dyn Store| office.book.register(store, device, &Begin::default(), (NOW, rng));
    office.change(&[&device.0], register).await.unwrap()
}

async fn role(office: &Office, account: &Id, role: Option<Role>) {
    let set = |store: &dyn Store| office.book.set_role(store, account, role, Hand::Host);
    office.change(&[account], set).await.unwrap();
}

/// Somebody who was looked at a moment ago, and found to be an operator.
fn allowed(opened: &Opened) -> Allowed<AccountsWrite> {
    let signed = Signed { account: opened.account, device: OPERATOR, session: opened.session };
    Allowed { caller: Caller::Session(signed), needs: PhantomData }
}

async fn suspend(office: &Office, allowed: &Allowed<AccountsWrite>, account: &Id) -> Result<(), Kind> {
    let suspend =
        |store: &dyn Store, hand| office.book.set_suspended(store, account, Some(office.today()), hand);
    office.change_by(allowed, &[account], suspend).await.map_err(|problem| problem.kind())
}

#[tokio::test]
async fn a_role_that_was_taken_away_meanwhile_changes_nothing_more() {
    let office = office(Arc::new(MemoryStore::new()));
    let (operator, other) = (register(&office, OPERATOR).await, register(&office, OTHER).await);
    let late = allowed(&operator);
    assert_eq!(suspend(&office, &late, &other.account).await, Err(Kind::RoleNeeded), "it never had one");
    role(&office, &operator.account, Some(Role::Readonly)).await;
    assert_eq!(suspend(&office, &late, &other.account).await, Err(Kind::RoleNeeded), "it looks");
    role(&office, &operator.account, Some(Role::Support)).await;
    role(&office, &other.account, Some(Role::Support)).await;
    assert_eq!(suspend(&office, &late, &other.account).await, Err(Kind::RoleProtected));
    role(&office, &other.account, None).await;
    suspend(&office, &late, &other.account).await.unwrap();
    let host = |store: &dyn Store| {
        office.book.set_suspended(store, &operator.account, Some(office.today()), Hand::Host)
    };
    office.change(&[&operator.account], host).await.unwrap();
    assert_eq!(suspend(&office, &late, &other.account).await, Err(Kind::AccountSuspended));
}

#[tokio::test]
async fn a_key_that_was_revoked_meanwhile_changes_nothing_more() {
    let office = office(Arc::new(MemoryStore::new()));
    let other = register(&office, OTHER).await;
    let scopes = [Scope::AccountsWrite].into();
    let begin = KeyBegin { name: "k".to_owned(), scopes, days: None };
    let rng = &mut office.hall.world.chance();
    let make = |store: &dyn Store| office.book.make_key(store, &begin, Hand::Host, (NOW, rng));
    let key = office.change(&[], make).await.unwrap();
    let late = Allowed { caller: office.key(&key.to_text()).await.unwrap(), needs: PhantomData };
    suspend(&office, &late, &other.account).await.unwrap();
    let revoke = |store: &dyn Store| office.book.revoke_key(store, &key.id, Hand::Host);
    office.change(&[&key.id], revoke).await.unwrap();
    assert_eq!(suspend(&office, &late, &other.account).await, Err(Kind::KeyNeeded));
    assert_eq!(office.key(&key.to_text()).await.unwrap_err().kind(), Kind::KeyNeeded);
}
