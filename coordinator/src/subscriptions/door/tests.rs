//! What is over is forgotten once a day, and the hallway tells what the rows say.

use super::*;
use crate::hall::{Known, closing};
use halloo_crypto::id::CoordinatorId;
use halloo_crypto::voucher::plan_tag;
use halloo_store::memory::MemoryStore;

const ANNA: Account = [1; 16];
const DAY: Duration = Duration::from_secs(86_400);

fn hall(store: &Arc<MemoryStore>) -> Hall {
    let (closer, closing) = closing();
    std::mem::forget(closer);
    let key = CoordinatorId([0; 32]);
    let known = Known { origin: None, lan: true, tls: false, proxies: Vec::new(), ticket_key: key };
    let world = World::told(86_400_000 * 20_000, [1; 32]);
    Hall::new(world, Arc::<MemoryStore>::clone(store), closing, known).unwrap()
}

fn config(provider: Provider) -> SubscriptionsConfig {
    let seed = Secret::new([5; 32]);
    let key = halloo_crypto::voucher::VoucherSecret::from_seed(&seed).public();
    let plan = Plan {
        id: "ride".to_owned(),
        name: "Ride".to_owned(),
        features: [Feature::Turn].into(),
        price: String::new(),
    };
    let voucher_key = halloo_crypto::base16::encode(key.as_bytes());
    SubscriptionsConfig { provider, voucher_key, plans: vec![plan] }
}

fn opened(store: &Arc<MemoryStore>, provider: Provider) -> Subscriptions {
    open(&mut hall(store), &config(provider), &Secret::new([9; 32])).unwrap()
}

fn rows(store: &MemoryStore) -> usize {
    store.range(ledger::ROWS).unwrap().len()
}

async fn redeemed(room: &Subscriptions) {
    let mut rng = room.hall.world.chance();
    let voucher = Voucher::draw(plan_tag("ride"), 2, room.today(), &mut rng);
    room.redeem(&ANNA, (&voucher, "ride"), || Ok(()), Vec::new()).await.unwrap();
}

#[tokio::test]
async fn the_hallway_says_what_the_rows_say_until_the_last_day_is_over() {
    let store = Arc::new(MemoryStore::new());
    let room = opened(&store, Provider::Voucher);
    let may = |account| room.hall.entitlements.allows(account, Feature::Turn).unwrap();
    assert!(!may(&ANNA));
    redeemed(&room).await;
    assert!(may(&ANNA) && !may(&[2; 16]));
    room.hall.world.pass(2 * DAY);
    assert!(may(&ANNA), "its last day");
    room.hall.world.pass(DAY);
    assert!(!may(&ANNA));
}

#[tokio::test]
async fn without_a_provider_nothing_is_sold_whatever_else_is_set() {
    let store = Arc::new(MemoryStore::new());
    redeemed(&opened(&store, Provider::Voucher)).await;
    let room = opened(&store, Provider::None);
    for feature in Feature::ALL {
        assert!(!room.hall.entitlements.is_sold(feature));
        assert!(room.hall.entitlements.allows(&[2; 16], feature).unwrap());
    }
    let mut batch = Batch::new();
    room.hall.entitlements.forget(&ANNA, &mut batch).unwrap();
    assert_eq!(batch.writes().len(), 2, "what was sold before is forgotten with its account all the same");
}

#[tokio::test]
async fn what_is_over_goes_once_a_day_and_what_is_not_stays() {
    let store = Arc::new(MemoryStore::new());
    let room = opened(&store, Provider::Voucher);
    redeemed(&room).await;
    room.round().await.unwrap();
    assert_eq!(rows(&store), 3);
    room.hall.world.pass(DAY);
    room.round().await.unwrap();
    assert_eq!(rows(&store), 3, "the voucher stays known when it cannot be used any more");
    room.hall.world.pass(2 * DAY);
    room.round().await.unwrap();
    assert_eq!(rows(&store), 2, "the plan is over");
    room.hall.world.pass(ledger::INVOICE_DAYS * DAY);
    room.round().await.unwrap();
    assert_eq!(rows(&store), 0);
    redeemed(&room).await;
    room.round().await.unwrap();
    assert_eq!(rows(&store), 3);
}

#[tokio::test]
async fn what_a_failing_disk_refused_may_be_asked_again() {
    let store = Arc::new(MemoryStore::new());
    let room = opened(&store, Provider::Voucher);
    let mut rng = room.hall.world.chance();
    let voucher = Voucher::draw(plan_tag("ride"), 2, room.today(), &mut rng);
    store.fail_next(halloo_store::memory::Fault::Full);
    let refused = room.redeem(&ANNA, (&voucher, "ride"), || Ok(()), Vec::new()).await.unwrap_err();
    assert_eq!((refused.kind(), rows(&store)), (Kind::Full, 0));
    room.redeem(&ANNA, (&voucher, "ride"), || Ok(()), Vec::new()).await.unwrap();
    assert_eq!(rows(&store), 3);
}
