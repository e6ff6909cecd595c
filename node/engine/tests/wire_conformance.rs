//! The bytes of every frame, fixed: a change here is a change of the protocol and needs a new version and a word in the page of
//! the frames. Each sample is built from fixed inputs and compared with its first bytes and the hash of all of it.

use halloo_crypto::data::{DataKeys, DataSealer};
use halloo_crypto::id::{AccountId, DeviceId, EpochId, GroupId, Incarnation, MessageId, OpId, Signature};
use halloo_crypto::identity::Vouch;
use halloo_crypto::invite::InviteSecret;
use halloo_crypto::kdf;
use halloo_crypto::secret::Secret;
use halloo_engine::beacons::Beacon;
use halloo_engine::wire::bundle::{Bundle, WelcomeBack};
use halloo_engine::wire::direct::{
    DirectFrame, EpochsFrame, HeadsFrame, ProofFrame, Realm, Step, SyncFrame, route_tag,
};
use halloo_engine::wire::gossip;
use halloo_engine::wire::parcel::{Parcel, ParcelKind};
use halloo_engine::wire::sibling::{DeviceBundle, Way};

const GROUP: GroupId = GroupId([0x11; 32]);

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Length, first bytes, and eight bytes of the hash of the whole.
fn print(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(14)];
    let hash = kdf::hash("conformance", &[bytes]);
    format!("{} {} {}", bytes.len(), hex(head), hex(&hash[..8]))
}

fn direct() -> Vec<(&'static str, DirectFrame)> {
    let sync = |realm, step| {
        DirectFrame::Sync(SyncFrame { realm, step, session: 0x0102_0304, message: vec![0x55; 5] })
    };
    let device = DeviceId::from_bytes([0x22; 32]);
    let proof = ProofFrame { device, nonce: [0x33; 32], signature: Signature::from_bytes([0x44; 64]) };
    let epochs = EpochsFrame { weight: 5, commit: [0x12; 32], tags: vec![[0x77; 8], [0x78; 8]] };
    let heads = HeadsFrame {
        operations: vec![OpId::from_bytes([0x66; 32])],
        contents: vec![MessageId::from_bytes([0x67; 32])],
    };
    vec![
        ("hello", DirectFrame::Hello { nonce: [0x33; 32] }),
        ("proof", DirectFrame::Proof(proof)),
        ("unknown", DirectFrame::Unknown { heads: vec![OpId::from_bytes([0x66; 32])] }),
        ("introduce", DirectFrame::Introduce(vec![vec![1, 2], vec![3]])),
        ("farewell", DirectFrame::Farewell { operations: vec![vec![1, 2]], acknowledgements: vec![vec![3]] }),
        ("parcel", DirectFrame::Parcel(Parcel::new(ParcelKind::BoxedContents, vec![vec![7; 3]]))),
        ("sync ask", sync(Realm::Operations, Step::Ask)),
        ("sync answer", sync(Realm::Acknowledgements, Step::Answer)),
        ("sync want", sync(Realm::Contents, Step::Want)),
        ("epochs", DirectFrame::Epochs(epochs)),
        ("stranded", DirectFrame::Stranded),
        ("rejoin", DirectFrame::Rejoin(vec![0xab; 4])),
        ("heads", DirectFrame::Heads(heads)),
        ("signal", DirectFrame::Signal(vec![0x88; 4])),
        ("call", DirectFrame::Call(vec![0x99; 4])),
        ("welcome", DirectFrame::Welcome(vec![0xaa; 4])),
    ]
}

fn all() -> Vec<(String, String)> {
    let route = route_tag(&GROUP);
    let mut prints: Vec<(String, String)> = vec![("route".into(), hex(&route))];
    for (name, frame) in direct() {
        prints.push((name.into(), print(&frame.to_bytes(route))));
    }
    for kind in ParcelKind::ALL {
        let parcel = Parcel::new(kind, vec![vec![kind as u8; 2], vec![]]);
        prints.push((format!("{kind:?}"), hex(&parcel.to_bytes())));
    }
    let beacon = Beacon::new(Secret::new([0xbb; 32]), vec![OpId::from_bytes([0x66; 32])]);
    prints.push(("beacon".into(), print(&beacon.to_bytes())));
    prints.push(("beacon id".into(), hex(&beacon.id())));
    prints.push(("topic".into(), hex(&beacon.topic(2_958))));
    let keys = DataKeys::new(Secret::new([0xcc; 32]), EpochId::from_bytes([0xdd; 32]));
    let mut sealer = DataSealer::new(Incarnation::from_bytes([0xee; 16]));
    let parcel = Parcel::new(ParcelKind::Operations, vec![vec![1, 2, 3]]);
    let frame = gossip::seal(&mut sealer, &keys, &[0xff; 32], &parcel).expect("small");
    prints.push(("gossip".into(), print(&frame)));
    let bundle = Bundle {
        group: GROUP,
        welcome: vec![1],
        operations: vec![vec![2]],
        acknowledgements: vec![],
        beacons: vec![vec![3, 4]],
        cells: vec![5],
        trail: vec![vec![6]],
    };
    prints.push(("bundle".into(), hex(&bundle.to_bytes()[33..])));
    let back =
        WelcomeBack { decided: true, welcome: vec![1], trail: vec![vec![2, 3]], beacons: vec![vec![4]] };
    prints.push(("welcome back".into(), hex(&back.to_bytes())));
    let account = AccountId::from_bytes([0x22; 32]);
    let vouch = Vouch { account, created_ms: 0x0102, signature: Signature::from_bytes([0x44; 64]) };
    let way =
        |with| Way { group: GROUP, secret: InviteSecret::from_bytes([0x33; 16]), with, name: "g".into() };
    let groups = vec![way(None), way(Some(account))];
    let device = DeviceBundle { vouch, person: "A".into(), sibling: "b".into(), groups };
    prints.push(("device bundle".into(), hex(&device.to_bytes()[33..])));
    prints
}

#[test]
fn the_bytes_of_every_frame_are_those_of_version_1() {
    let expected = include_str!("../vectors/wire.txt");
    let told: String = all().into_iter().map(|(name, bytes)| format!("{name}: {bytes}\n")).collect();
    assert_eq!(told, expected, "the wire changed; if that is meant, write the left side to vectors/wire.txt");
}

#[test]
fn every_sample_is_read_back_as_it_was() {
    let route = route_tag(&GROUP);
    for (name, frame) in direct() {
        assert_eq!(DirectFrame::parse(&frame.to_bytes(route), route), Ok(frame), "{name}");
    }
}
