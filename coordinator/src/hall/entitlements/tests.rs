//! Without anybody who answers everything is allowed, and what is not sold is asked of nobody.

use super::*;

/// Sells relays, and to nobody.
struct Shut;

impl Answers for Shut {
    fn is_sold(&self, feature: Feature) -> bool {
        feature == Feature::Turn
    }

    fn allows(&self, _: &Account, feature: Feature) -> Result<bool, StoreError> {
        assert_eq!(feature, Feature::Turn, "nobody is asked for what is not sold");
        Ok(false)
    }

    fn forget(&self, account: &Account, batch: &mut Batch) -> Result<(), StoreError> {
        batch.del(account.to_vec());
        Ok(())
    }
}

#[test]
fn where_nobody_answers_everything_is_allowed() {
    let open = Entitlements::default();
    for feature in Feature::ALL {
        assert!(!open.is_sold(feature) && open.allows(&[1; 16], feature).unwrap());
    }
    let mut batch = Batch::new();
    open.forget(&[1; 16], &mut batch).unwrap();
    assert!(batch.is_empty());
}

#[test]
fn only_what_is_sold_can_be_refused() {
    let shut = Entitlements::by(Arc::new(Shut));
    assert!(!shut.allows(&[1; 16], Feature::Turn).unwrap());
    assert!(shut.allows(&[1; 16], Feature::Mailbox).unwrap());
    let mut batch = Batch::new();
    shut.forget(&[1; 16], &mut batch).unwrap();
    assert_eq!(batch.writes().len(), 1);
}

#[test]
fn a_feature_is_called_as_its_room_is() {
    for room in Room::ALL {
        assert!(Feature::of(room).is_none_or(|feature| feature.name() == room.name()));
    }
    let called = Feature::ALL.map(Feature::name);
    assert_eq!(serde_json::to_value(Feature::ALL).unwrap(), serde_json::json!(called));
}
