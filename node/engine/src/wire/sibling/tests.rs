//! Tests: the bundle of a device says the same after its way, and whatever else comes is refused.

use super::*;

fn bundle() -> DeviceBundle {
    let vouch = Vouch {
        account: AccountId::from_bytes([1; 32]),
        created_ms: 5,
        signature: Signature::from_bytes([2; 64]),
    };
    let way = |n: u8, with| Way {
        group: GroupId::from_bytes([n; 32]),
        secret: InviteSecret::from_bytes([n; 16]),
        with,
        name: format!("group {n}"),
    };
    let groups = vec![way(3, None), way(4, Some(AccountId::from_bytes([5; 32])))];
    DeviceBundle { vouch, person: "Ada".into(), sibling: "laptop".into(), groups }
}

#[test]
fn a_device_bundle_survives_its_way_and_cut_or_longer_ones_are_refused() {
    let bytes = bundle().to_bytes();
    assert_eq!(DeviceBundle::parse(&bytes), Ok(bundle()));
    for end in 0..bytes.len() {
        assert!(DeviceBundle::parse(&bytes[..end]).is_err(), "cut at {end}");
    }
    assert!(DeviceBundle::parse(&[&bytes[..], &[0]].concat()).is_err());
    let mut other = bytes.clone();
    other[0] = 9;
    assert_eq!(DeviceBundle::parse(&other), Err(WireError::Version(9)));
    let kind = bytes.iter().rposition(|byte| *byte == 1).expect("the mark of a conversation");
    let mut other = bytes;
    other[kind] = 2;
    assert!(DeviceBundle::parse(&other).is_err());
}

#[test]
fn an_account_has_a_door_of_its_own() {
    let (one, two) = (AccountId::from_bytes([1; 32]), AccountId::from_bytes([2; 32]));
    assert_ne!(account_door(&one), account_door(&two));
    assert_ne!(account_door(&one).as_bytes(), one.as_bytes());
}
