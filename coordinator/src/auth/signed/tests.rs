//! What a session that has ended meanwhile can still do.

use super::super::book::audit::What;
use super::super::book::{Begin, Opened};
use super::super::devices;
use super::super::office::tests::{NOW, office};
use axum::extract::{Path, State};
use halloo_store::memory::MemoryStore;
use std::sync::Arc;

use super::*;

const OWNER: ClientId = ClientId([1; 32]);
const THIEF: ClientId = ClientId([2; 32]);

async fn register(office: &Office, device: ClientId) -> Opened {
    let rng = &mut office.hall.world.chance();
    let register = |store: &dyn Store| office.book.register(store, device, &Begin::default(), (NOW, rng));
    office.change(&[&device.0], register).await.unwrap()
}

fn signed(device: ClientId, opened: &Opened) -> Signed {
    Signed { account: opened.account, device, session: opened.session }
}

#[tokio::test]
async fn a_session_that_ended_after_it_was_checked_takes_no_device_and_no_account_away() {
    let store = Arc::new(MemoryStore::new());
    let office = office(Arc::<MemoryStore>::clone(&store));
    let opened = register(&office, OWNER).await;
    let late = signed(OWNER, &opened);
    let end = |store: &dyn Store| {
        Ok((office.book.end_session(store, (&OWNER, &opened.session), What::SessionRevoked)?, ()))
    };
    office.change(&[&OWNER.0], end).await.unwrap();
    let revoked = devices::revoke(State(office.clone()), late, Path(OWNER.to_string())).await;
    assert_eq!(revoked.unwrap_err().kind(), Kind::TokenNeeded);
    assert!(office.book.profile(&*store, &opened.account).is_ok(), "the account is still there");
}

#[tokio::test]
async fn a_change_is_worked_out_for_an_open_session_of_that_account_only() {
    let office = office(Arc::new(MemoryStore::new()));
    let (owner, thief) = (register(&office, OWNER).await, register(&office, THIEF).await);
    let nothing = |_: &dyn Store| Ok((Change::default(), ()));
    office.change_of(&signed(OWNER, &owner), &[], nothing).await.unwrap();
    let foreign = Signed { account: owner.account, ..signed(THIEF, &thief) };
    let refused = office.change_of(&foreign, &[], |_| -> Result<(Change, ()), Refused> { unreachable!() });
    assert_eq!(refused.await.unwrap_err().kind(), Kind::TokenNeeded);
}
