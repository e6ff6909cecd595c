//! Bytes of nobody: whatever comes, the server answers, relays or is silent, and stays what it is.

use super::*;

/// Every kind of packet of a client, to be spoiled.
fn packets() -> (World, Client, Vec<Vec<u8>>) {
    let mut world = World::new(Quotas::default());
    let (client, mut asker, _) = world.member("a", 1);
    let bind = asker.bind(0x4000, peer());
    world.ask(client, &mut asker, &bind);
    let packets = vec![
        asker.allocate(),
        asker.refresh(600),
        asker.permit(&[peer(), addr("9.9.9.9:9")]),
        asker.bind(0x4000, peer()),
        asker.send(peer(), b"hello"),
        channel(0x4000, b"hello"),
    ];
    (world, client, packets)
}

#[test]
fn a_packet_cut_anywhere_is_never_taken_for_whole() {
    let (mut world, client, packets) = packets();
    for packet in packets {
        for cut in 0..packet.len() {
            let (act, _) = world.give(client, &packet[..cut]);
            assert!(matches!(act, Act::Nothing), "{cut} of {}: {act:?}", packet.len());
        }
    }
}

#[test]
fn a_request_with_one_bit_changed_is_dropped_or_refused() {
    let (mut world, client, packets) = packets();
    for packet in &packets[..4] {
        // The last attribute is the fingerprint, which nothing signs: made another, it is passed over.
        for bit in 0..8 * (packet.len() - 8) {
            let mut spoiled = packet.clone();
            spoiled[bit / 8] ^= 1 << (bit % 8);
            let (_, out) = world.give(client, &spoiled);
            let answer = (!out.is_empty()).then(|| Message::from_bytes(&out).unwrap().class());
            assert!(matches!(answer, None | Some(MessageClass::Error)), "byte {} of {packet:02x?}", bit / 8);
            assert_eq!(world.service.allocations(), 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_comes_from_anywhere_opens_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200), port in 1_u16..4) {
        let (mut world, _, _) = packets();
        let (act, out) = world.give(udp(port), &bytes);
        prop_assert!(!matches!(act, Act::Open(_) | Act::ToClient(_)));
        prop_assert!(out.len() < 300);
        prop_assert_eq!(world.service.allocations(), 1);
    }

    #[test]
    fn attributes_of_any_kind_and_length_are_read_within_the_message(
        method in prop::sample::select(vec![0x0001_u16, 0x0003, 0x0004, 0x0008, 0x0009, 0x0016]),
        attributes in prop::collection::vec(
            (prop::sample::select(vec![6_u16, 8, 9, 0xc, 0xd, 0x12, 0x13, 0x14, 0x15, 0x17, 0x18, 0x19, 0x1a, 0x20, 0x22, 0x8000, 0x8028]),
             prop::collection::vec(any::<u8>(), 0..40)), 0..8)
    ) {
        let mut body = Vec::new();
        for (kind, value) in attributes {
            body.extend(kind.to_be_bytes());
            body.extend((value.len() as u16).to_be_bytes());
            body.extend(&value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let mut packet = method.to_be_bytes().to_vec();
        packet.extend((body.len() as u16).to_be_bytes());
        packet.extend(0x2112_a442_u32.to_be_bytes());
        packet.extend([5; 12]);
        packet.extend(body);
        let (mut world, client, _) = packets();
        let (act, _) = world.give(client, &packet);
        prop_assert!(!matches!(act, Act::Open(_)));
        prop_assert_eq!(world.service.allocations(), 1);
    }

    #[test]
    fn whatever_a_peer_sends_reaches_its_client_whole(payload in prop::collection::vec(any::<u8>(), 0..1500), bound in any::<bool>()) {
        let mut world = World::new(Quotas::default());
        let (client, mut asker, _) = world.member("a", 1);
        let packet = if bound { asker.bind(0x4000, peer()) } else { asker.permit(&[peer()]) };
        world.ask(client, &mut asker, &packet);
        let (to, out) = world.answered(RelayId(0), peer(), &payload).unwrap();
        prop_assert_eq!(to, client);
        let got = if bound { out[4..].to_vec() } else { indication(&out).1 };
        prop_assert_eq!(got, payload);
    }
}

#[test]
fn a_flood_of_forged_addresses_leaves_nothing_behind() {
    let mut world = World::new(Quotas::default());
    let mut asker = Asker::new(keys().mint("a", START));
    let packet = asker.allocate();
    for n in 0..10_000_u32 {
        let addr = SocketAddr::from((n.wrapping_mul(2_654_435_761).to_be_bytes(), 7));
        let (_, out) = world.give(Client { addr, link: Link::Udp(None) }, &packet);
        assert!(out.len() <= 4 * packet.len(), "{} bytes for {}", out.len(), packet.len());
    }
    let service = &world.service;
    let empty = service.clients.is_empty() && service.relays.is_empty() && service.expiries.is_empty();
    assert!(empty && service.accounts.allocations("a") == 0);
}
