//! The endpoints of the room, what they share, and its end of the hallway.

use super::config::{Plan, Provider, SubscriptionsConfig};
use super::ledger::{self, Ledger, Refused, Standing};
use super::{invoices, plans, redeem, shown};
use crate::auth::Signed;
use crate::auth::office::Office;
use crate::hall::entitlements::{Account, Answers, Entitlements, Feature};
use crate::hall::{Hall, store_problem};
use crate::limits::Limit;
use crate::problem::{Kind, Problem};
use crate::world::World;
use anyhow::Result;
use axum::extract::{DefaultBodyLimit, FromRef};
use halloo_crypto::mailbox::Day;
use halloo_crypto::secret::Secret;
use halloo_crypto::voucher::{Voucher, VoucherKey};
use halloo_store::batch::Batch;
use halloo_store::error::StoreError;
use halloo_store::store::Store;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex as Waiting, OwnedMutexGuard};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest body: a code as people space it out, and the names around it.
const BODY_MAX: usize = 2_048;
/// Vouchers that one account tries at once: somebody who has a few, or mistypes one a few times. None is guessed: they are signed.
const TRIES_BURST: NonZeroU32 = NonZeroU32::new(20).expect("above zero");
/// And how many more in an hour.
const TRIES_PER_HOUR: u32 = 20;

/// The room; cheap to clone.
#[derive(Clone, Debug)]
pub struct Subscriptions {
    pub(super) hall: Hall,
    pub(super) provider: Provider,
    pub(super) plans: Arc<[Plan]>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) voucher_key: Option<VoucherKey>,
    pub(super) tries: Arc<Limit>,
    /// Held from reading a row until what follows from it is durable. Vouchers are rare: one queue is enough for all.
    changes: Arc<Waiting<()>>,
    /// The day on which rows were forgotten last: they end by days, so once a day is enough.
    forgotten: Arc<AtomicU32>,
}

/// The end of the hallway: looks into the rows, and at the clock.
struct Answer {
    ledger: Arc<Ledger>,
    store: Arc<dyn Store>,
    world: World,
}

impl Answers for Answer {
    fn is_sold(&self, feature: Feature) -> bool {
        self.ledger.is_sold(feature)
    }

    fn allows(&self, account: &Account, feature: Feature) -> Result<bool, StoreError> {
        let today = Day::of_ms(self.world.now_ms());
        Ok(self.ledger.standing(&*self.store, account, today)?.features.contains(&feature))
    }

    fn forget(&self, account: &Account, batch: &mut Batch) -> Result<(), StoreError> {
        ledger::forget_account(&*self.store, account, batch)
    }
}

/// Opens the room, and the hallway of this hall. Without a provider there are no plans, so nothing is sold and nobody is refused.
///
/// # Errors
/// Settings that do not fit together.
pub fn open(hall: &mut Hall, config: &SubscriptionsConfig, seed: &Secret<[u8; 32]>) -> Result<Subscriptions> {
    config.agrees()?;
    let plans: &[Plan] = if config.provider == Provider::None { &[] } else { &config.plans };
    let ledger = Arc::new(Ledger::new(plans, seed));
    let (store, world) = (Arc::clone(&hall.store), hall.world.clone());
    hall.entitlements = Entitlements::by(Arc::new(Answer { ledger: Arc::clone(&ledger), store, world }));
    Ok(Subscriptions {
        provider: config.provider,
        plans: plans.into(),
        ledger,
        voucher_key: config.voucher_key()?,
        tries: hall.limit_every(TRIES_BURST, Duration::from_secs(60 * 60) / TRIES_PER_HOUR),
        changes: Arc::default(),
        forgotten: Arc::default(),
        hall: hall.clone(),
    })
}

impl Subscriptions {
    fn today(&self) -> Day {
        Day::of_ms(self.hall.world.now_ms())
    }

    pub(super) fn standing(&self, account: &Account) -> Result<Standing, Problem> {
        self.ledger.standing(&*self.hall.store, account, self.today()).map_err(|error| store_problem(&error))
    }

    /// Lets a voucher count, and returns once it would survive a power cut. Others get to the rows after that, also where who asked has
    /// gone away meanwhile; so does whoever forgets the account, whose pages are kept.
    pub(super) async fn redeem(
        &self,
        account: &Account,
        (voucher, plan): (&Voucher, &str),
        still: impl FnOnce() -> Result<(), Problem>,
        kept: Vec<OwnedMutexGuard<()>>,
    ) -> Result<(), Problem> {
        let held = Arc::clone(&self.changes).lock_owned().await;
        let turn = self.hall.turn().await;
        still()?;
        let batch = self.ledger.redeem(&*self.hall.store, account, (voucher, plan), self.today())?;
        if batch.is_empty() {
            return Ok(());
        }
        turn.submit(batch, move |_| drop((held, kept))).durable().await
    }

    /// Forgets what is over; looks once a day.
    pub async fn round(&self) -> Result<(), Problem> {
        let today = self.today();
        if self.forgotten.load(Ordering::Acquire) == today.0 {
            return Ok(());
        }
        let mut after: Option<Vec<u8>> = None;
        loop {
            let held = Arc::clone(&self.changes).lock_owned().await;
            let turn = self.hall.turn().await;
            let step = ledger::forget(&*self.hall.store, after.as_deref(), today);
            let (over, next) = step.map_err(|error| store_problem(&error))?;
            if !over.is_empty() {
                turn.submit(over, move |_| drop(held)).durable().await?;
            }
            if next.is_none() {
                self.forgotten.store(today.0, Ordering::Release);
                return Ok(());
            }
            after = next;
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Store(error) => store_problem(&error),
            _ => Problem::new(Kind::VoucherRefused, refused.to_string()),
        }
    }
}

/// What the endpoints of an account share: the room, and who says whose request it is.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) room: Subscriptions,
    office: Office,
}

impl Desk {
    /// Keeps the account as it is for as long as this is held.
    pub(super) async fn keep(&self, signed: &Signed) -> Vec<OwnedMutexGuard<()>> {
        self.office.keep(signed).await
    }

    /// Whether the session of who asks is still open, now that the whole request is here.
    pub(super) fn still(&self, signed: &Signed) -> Result<(), Problem> {
        self.office.still(signed)
    }
}

impl FromRef<Desk> for Office {
    fn from_ref(desk: &Desk) -> Office {
        desk.office.clone()
    }
}

/// Its route that anybody may ask.
pub fn door(room: &Subscriptions) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(plans::plans)).with_state(room.clone())
}

/// Its routes below `/api/v1/users`.
pub fn users_door(room: &Subscriptions, office: &Office) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(shown::shown, redeem::redeem))
        .routes(routes!(invoices::invoices))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(Desk { room: room.clone(), office: office.clone() })
}

#[cfg(test)]
mod tests;
