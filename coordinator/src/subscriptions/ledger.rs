//! What the room keeps: which account has which plan until when, what was paid with, which vouchers were used. Store and day are arguments.
//!
//! ```text
//!  key                                    value
//!  "sa" | account 16 | plan tag 6         last day u32
//!  "si" | account 16 | number u32         day u32 | days u16 | id of the plan, text
//!  "sv" | name of a voucher 16            last day on which it could be used u32 | tag 16
//! ```
//! The tag is an HMAC of account and voucher: it tells whoever repeats a request, because an answer was lost, from somebody who comes second,
//! and names no account. A day is all that is known of times. Whoever changes something keeps others from the room meanwhile.

use super::config::Plan;
use crate::hall::entitlements::{Account, Feature};
use halloo_crypto::kdf;
use halloo_crypto::mailbox::Day;
use halloo_crypto::secret::Secret;
use halloo_crypto::voucher::{PlanTag, Voucher, plan_tag};
use halloo_store::batch::Batch;
use halloo_store::error::StoreError;
use halloo_store::store::Store;
use std::collections::{BTreeMap, BTreeSet};

/// Before all rows of the room.
pub const ROWS: &[u8] = b"s";
const HELD: &[u8] = b"sa";
const INVOICES: &[u8] = b"si";
const USED: &[u8] = b"sv";
/// Most plans of one account that are read: those of the settings, and others that were there once.
const HELD_MAX: usize = 256;
/// Most invoices of one account: one a month for ten years. Beyond, the oldest goes.
pub const INVOICES_MAX: usize = 128;
/// Days for which an invoice is kept, and a used voucher after its last day: a year, and a month to look back at it.
pub const INVOICE_DAYS: u32 = 400;
/// Rows that one step looks at.
const STEP: usize = 256;

/// Why a voucher does not count.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is too late.
    #[error("the last day on which this voucher could be used is over: ask for another where it came from")]
    Ended,
    /// Somebody has used it.
    #[error("this voucher was used already, by another account")]
    Used,
    /// The settings do not have its plan.
    #[error("this voucher is for a plan that is not offered here any more")]
    NoPlan,
    /// It was used for another plan than was asked for.
    #[error("this voucher is for another plan than the one that was named")]
    OtherPlan,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A plan that an account has today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its id.
    pub plan: String,
    /// Its last day.
    pub last: Day,
}

/// What an account has today.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The plans, in the order of their ids.
    pub held: Vec<Held>,
    /// What it may begin.
    pub features: BTreeSet<Feature>,
}

/// What an account has used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// Counts up, for this account, from one again when all before are forgotten.
    pub number: u32,
    /// When.
    pub day: Day,
    /// For how many days.
    pub days: u16,
    /// The id of the plan.
    pub plan: String,
}

/// The rules of the room.
#[derive(Debug)]
pub struct Ledger {
    plans: BTreeMap<PlanTag, Plan>,
    sold: BTreeSet<Feature>,
    tags: Secret<[u8; 32]>,
}

fn of(prefix: &[u8], account: &Account) -> Vec<u8> {
    [prefix, account].concat()
}

fn day(bytes: &[u8]) -> Option<Day> {
    bytes.first_chunk().map(|bytes| Day(u32::from_be_bytes(*bytes)))
}

fn read_invoice(key: &[u8], value: &[u8]) -> Option<Invoice> {
    let number = u32::from_be_bytes(*key.last_chunk()?);
    let (head, plan) = value.split_first_chunk::<6>()?;
    let days = u16::from_be_bytes([head[4], head[5]]);
    Some(Invoice { number, day: day(head)?, days, plan: String::from_utf8(plan.to_vec()).ok()? })
}

impl Ledger {
    /// With these plans, which may be none; tags derive from the seed.
    #[must_use]
    pub fn new(plans: &[Plan], seed: &Secret<[u8; 32]>) -> Self {
        Ledger {
            sold: plans.iter().flat_map(|plan| plan.features.iter().copied()).collect(),
            plans: plans.iter().map(|plan| (plan_tag(&plan.id), plan.clone())).collect(),
            tags: kdf::derive(seed.expose(), "voucher use", &[]),
        }
    }

    /// Whether a plan is needed for this.
    #[must_use]
    pub fn is_sold(&self, feature: Feature) -> bool {
        self.sold.contains(&feature)
    }

    /// Whether there is a plan of this id.
    #[must_use]
    pub fn has(&self, plan: &str) -> bool {
        self.plans.contains_key(&plan_tag(plan))
    }

    /// What an account has on this day; what is not sold is everybody's.
    ///
    /// # Errors
    /// Those of the store.
    pub fn standing(&self, store: &dyn Store, account: &Account, today: Day) -> Result<Standing, StoreError> {
        let mut standing = Standing::default();
        standing.features.extend(Feature::ALL.into_iter().filter(|feature| !self.is_sold(*feature)));
        for (key, value) in store.page(&of(HELD, account), None, HELD_MAX)? {
            let plan = key.last_chunk().and_then(|tag: &PlanTag| self.plans.get(tag));
            let last = day(&value).filter(|last| *last >= today);
            let Some((plan, last)) = plan.zip(last) else { continue };
            standing.features.extend(&plan.features);
            standing.held.push(Held { plan: plan.id.clone(), last });
        }
        standing.held.sort_by(|left, right| left.plan.cmp(&right.plan));
        Ok(standing)
    }

    /// What makes a voucher count for an account, for the plan that was named; nothing to write where it did before. The days come on top
    /// of those that are left, today not counted.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn redeem(
        &self,
        store: &dyn Store,
        account: &Account,
        (voucher, plan): (&Voucher, &str),
        today: Day,
    ) -> Result<Batch, Refused> {
        let name = voucher.name();
        let tag = kdf::mac(self.tags.expose(), &[account, &name]);
        let tag: &[u8; 16] = tag.first_chunk().expect("32 bytes hold 16");
        let used = [USED, &name].concat();
        if let Some(row) = store.get(&used)? {
            let same = row.last_chunk::<16>().is_some_and(|by| kdf::equal(by, tag));
            return if same { Ok(Batch::new()) } else { Err(Refused::Used) };
        }
        if voucher.last < today {
            return Err(Refused::Ended);
        }
        let Some(of_voucher) = self.plans.get(&voucher.plan) else { return Err(Refused::NoPlan) };
        if of_voucher.id != plan {
            return Err(Refused::OtherPlan);
        }
        let mut batch = Batch::new();
        let held = [HELD, account, &voucher.plan].concat();
        let left = store.get(&held)?.and_then(|row| day(&row)).filter(|last| *last > today);
        let last = left.unwrap_or(today).after(u32::from(voucher.days));
        batch.put(held, last.0.to_be_bytes());
        batch.put(used, [&voucher.last.0.to_be_bytes()[..], tag].concat());
        let before = store.page(&of(INVOICES, account), None, INVOICES_MAX)?;
        if let Some((oldest, _)) = before.first().filter(|_| before.len() == INVOICES_MAX) {
            batch.del(oldest.clone());
        }
        let number = before.last().and_then(|(key, value)| read_invoice(key, value));
        let number = number.map_or(1, |last| last.number.saturating_add(1));
        let key = [&of(INVOICES, account)[..], &number.to_be_bytes()].concat();
        let (on, days) = (today.0.to_be_bytes(), voucher.days.to_be_bytes());
        batch.put(key, [&on[..], &days, plan.as_bytes()].concat());
        Ok(batch)
    }

    /// What an account has used, the oldest first.
    ///
    /// # Errors
    /// Those of the store.
    pub fn invoices(&self, store: &dyn Store, account: &Account) -> Result<Vec<Invoice>, StoreError> {
        let rows = store.page(&of(INVOICES, account), None, INVOICES_MAX)?;
        Ok(rows.iter().filter_map(|(key, value)| read_invoice(key, value)).collect())
    }
}

/// Adds to a batch what forgets all of an account. Which vouchers it has used nobody knows: their names stay as long as
/// those of others.
///
/// # Errors
/// Those of the store.
pub fn forget_account(store: &dyn Store, account: &Account, batch: &mut Batch) -> Result<(), StoreError> {
    let held = store.page(&of(HELD, account), None, HELD_MAX)?;
    let invoices = store.page(&of(INVOICES, account), None, INVOICES_MAX)?;
    held.into_iter().chain(invoices).for_each(|(key, _)| {
        batch.del(key);
    });
    Ok(())
}

/// The last day of a row; nothing where this version knows none like it: it stays for the one that does.
fn last_day(key: &[u8], value: &[u8]) -> Option<Day> {
    // Vouchers that were used are known for long after they could be: a clock that was ahead for a while opens none of them again.
    if key.starts_with(INVOICES) || key.starts_with(USED) {
        return day(value).map(|day| day.after(INVOICE_DAYS));
    }
    key.starts_with(HELD).then(|| day(value)).flatten()
}

/// Looks at some rows after a key, and takes away those whose last day is over; where it goes on, if it does.
///
/// # Errors
/// Those of the store.
pub fn forget(
    store: &dyn Store,
    after: Option<&[u8]>,
    today: Day,
) -> Result<(Batch, Option<Vec<u8>>), StoreError> {
    let page = store.page(ROWS, after, STEP)?;
    let mut batch = Batch::new();
    let next = page.last().filter(|_| page.len() == STEP).map(|(key, _)| key.clone());
    for (key, value) in page {
        if last_day(&key, &value).is_some_and(|last| last < today) {
            batch.del(key);
        }
    }
    Ok((batch, next))
}

#[cfg(test)]
mod tests;
