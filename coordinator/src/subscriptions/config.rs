//! Which plans there are, and how somebody comes to one.

use crate::hall::entitlements::Feature;
use anyhow::{Context as _, Result, ensure};
use halloo_crypto::base16;
use halloo_crypto::voucher::{VoucherKey, plan_tag};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeSet;

/// Most plans: what a person looks through.
const PLANS_MAX: usize = 32;
/// Longest id of a plan.
pub const PLAN_ID_MAX: usize = 32;
/// Longest name of a plan, characters: a line.
pub const NAME_MAX: usize = 64;
/// Longest word on what a plan costs, characters: a few lines.
pub const PRICE_MAX: usize = 200;

/// How somebody comes to a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Not at all: everything is everybody's, without end.
    #[default]
    None,
    /// By codes that were signed offline.
    Voucher,
}

impl<'de> Deserialize<'de> for Provider {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refuse = |why: &str| Err(serde::de::Error::custom(why));
        match String::deserialize(deserializer)?.as_str() {
            "none" => Ok(Provider::None),
            "voucher" => Ok(Provider::Voucher),
            "stripe" => refuse("the provider `stripe` is not built yet: choose `none` or `voucher`"),
            _ => refuse("there is no such provider of subscriptions: choose `none` or `voucher`"),
        }
    }
}

/// A plan, `[[subscriptions.plans]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What it is called in requests and vouchers; never changed.
    pub id: String,
    /// What it is called to people.
    pub name: String,
    /// What an account may begin with it. What no plan has is everybody's.
    pub features: BTreeSet<Feature>,
    /// What it costs and where it is had, to people; nothing here counts with it.
    #[serde(default)]
    pub price: String,
}

/// Settings of the room.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubscriptionsConfig {
    /// How somebody comes to a plan.
    pub provider: Provider,
    /// What vouchers are checked with, as `halloo-coordinator voucher key` prints it.
    pub voucher_key: String,
    /// The plans.
    pub plans: Vec<Plan>,
}

/// Whether this can be the id of a plan.
#[must_use]
pub fn is_plan_id(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=PLAN_ID_MAX).contains(&text.len()) && text.bytes().all(letter)
}

fn is_line(text: &str, most: usize) -> bool {
    text.chars().count() <= most && !text.chars().any(char::is_control)
}

impl SubscriptionsConfig {
    /// What vouchers are checked with; nothing where none are taken.
    ///
    /// # Errors
    /// Where it is needed and is no key.
    pub fn voucher_key(&self) -> Result<Option<VoucherKey>> {
        if self.provider == Provider::None {
            return Ok(None);
        }
        let key = base16::decode_array(&self.voucher_key).and_then(VoucherKey::from_bytes);
        let key = key.context(
            "subscriptions.voucher_key is no key: `halloo-coordinator voucher key FILE` prints one, 64 digits of hex",
        )?;
        Ok(Some(key))
    }

    /// Whether the settings fit together.
    ///
    /// # Errors
    /// What does not, and what to do.
    pub fn agrees(&self) -> Result<()> {
        self.voucher_key()?;
        ensure!(
            self.provider == Provider::None || !self.plans.is_empty(),
            "subscriptions.plans is empty: name a plan that vouchers are for, or set subscriptions.provider = \"none\""
        );
        ensure!(self.plans.len() <= PLANS_MAX, "subscriptions.plans: at most {PLANS_MAX}");
        let mut tags = BTreeSet::new();
        for plan in &self.plans {
            let id = &plan.id;
            ensure!(
                is_plan_id(id),
                "subscriptions.plans: the id `{id}` is none; it has 1 to {PLAN_ID_MAX} of a-z, 0-9 and dash"
            );
            ensure!(
                tags.insert(plan_tag(id)),
                "subscriptions.plans: `{id}` is there twice, or too like another"
            );
            ensure!(
                !plan.features.is_empty(),
                "subscriptions.plans: `{id}` has no features; there are mailbox and turn"
            );
            ensure!(
                !plan.name.is_empty() && is_line(&plan.name, NAME_MAX) && is_line(&plan.price, PRICE_MAX),
                "subscriptions.plans: `{id}` has a name of at most {NAME_MAX} characters and a price of at most {PRICE_MAX}, each on one line"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
