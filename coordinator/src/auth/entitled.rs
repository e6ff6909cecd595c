//! Whether a ticket is given, where plans are sold. It is asked here, where an account is known anyway, so that no room ever learns of one.

use super::access::Id;
use super::book::Refused;
use super::office::Office;
use crate::hall::entitlements::Feature;
use crate::hall::store_problem;
use crate::problem::{Kind, Problem};
use halloo_crypto::id::ClientId;
use halloo_crypto::ticket::Room;

impl Office {
    /// Whether the account that has this key may begin what a ticket of this room is for. Without plans no account is looked for.
    pub(super) fn entitled_by_key(&self, key: &ClientId, room: &str) -> Result<(), Problem> {
        // Whoever got this far has named a room.
        let Some(room) = Room::of_name(room) else { return Ok(()) };
        self.entitled(room, || {
            let device = self.book.rows.device(&*self.hall.store, key)?;
            Ok(device.map(|device| device.account))
        })
    }

    /// The same of an account that is known; it is asked for only where a plan is needed.
    pub(super) fn entitled(
        &self,
        room: Room,
        account: impl FnOnce() -> Result<Option<Id>, Refused>,
    ) -> Result<(), Problem> {
        let entitlements = &self.hall.entitlements;
        let Some(feature) = Feature::of(room).filter(|feature| entitlements.is_sold(*feature)) else {
            return Ok(());
        };
        let allowed = match account()? {
            Some(account) => entitlements.allows(&account, feature).map_err(|error| store_problem(&error))?,
            None => false,
        };
        if allowed {
            return Ok(());
        }
        let why = format!(
            "`{}` is part of a plan here, and no account with one stands behind this key",
            feature.name()
        );
        Err(Problem::new(Kind::PlanNeeded, why))
    }
}
