//! The hallway from subscriptions to who gives tickets: may this account begin something? Nobody is asked before something is read.

use halloo_crypto::ticket::Room;
use halloo_store::batch::Batch;
use halloo_store::error::StoreError;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The name of an account.
pub type Account = [u8; 16];

/// What a plan may be asked for before it is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Feature {
    /// Leaving items for who is away.
    Mailbox,
    /// Relays where networks let nothing else through.
    Turn,
}

impl Feature {
    /// All of them.
    pub const ALL: [Feature; 2] = [Feature::Mailbox, Feature::Turn];

    /// What a ticket of a room begins. Finding each other and waking a device are part of no plan; the rooms of files and of large calls are
    /// not built yet.
    #[must_use]
    pub const fn of(room: Room) -> Option<Self> {
        match room {
            Room::Mailbox => Some(Feature::Mailbox),
            Room::Turn => Some(Feature::Turn),
            Room::Rendezvous | Room::Blobs | Room::Push | Room::Sfu => None,
        }
    }

    /// How it is called in settings and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Feature::Mailbox => "mailbox",
            Feature::Turn => "turn",
        }
    }
}

/// Who knows which account has which plan.
pub trait Answers: Send + Sync {
    /// Whether a plan is needed for this at all.
    fn is_sold(&self, feature: Feature) -> bool;

    /// Whether an account has a plan with it today.
    fn allows(&self, account: &Account, feature: Feature) -> Result<bool, StoreError>;

    /// Adds to a batch that forgets an account what forgets its plans: both are gone at once.
    fn forget(&self, account: &Account, batch: &mut Batch) -> Result<(), StoreError>;
}

/// The hallway; where nobody answers everybody may begin everything.
#[derive(Clone, Default)]
pub struct Entitlements(Option<Arc<dyn Answers>>);

impl std::fmt::Debug for Entitlements {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Entitlements").field(&self.0.is_some()).finish()
    }
}

impl Entitlements {
    /// With somebody who answers.
    #[must_use]
    pub fn by(answers: Arc<dyn Answers>) -> Self {
        Entitlements(Some(answers))
    }

    /// Whether a plan is needed for this at all.
    #[must_use]
    pub fn is_sold(&self, feature: Feature) -> bool {
        self.0.as_ref().is_some_and(|answers| answers.is_sold(feature))
    }

    /// Whether an account may begin this today.
    ///
    /// # Errors
    /// Those of the store.
    pub fn allows(&self, account: &Account, feature: Feature) -> Result<bool, StoreError> {
        match &self.0 {
            Some(answers) if answers.is_sold(feature) => answers.allows(account, feature),
            _ => Ok(true),
        }
    }

    /// Adds to a batch that forgets an account what forgets its plans.
    ///
    /// # Errors
    /// Those of the store.
    pub fn forget(&self, account: &Account, batch: &mut Batch) -> Result<(), StoreError> {
        self.0.as_ref().map_or(Ok(()), |answers| answers.forget(account, batch))
    }
}

#[cfg(test)]
mod tests;
