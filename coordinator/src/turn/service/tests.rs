//! The server as a client and a peer see it, in told time.

use super::*;
use crate::turn::allocation::{CHANNEL_MS, PERMISSION_MS};
use crate::turn::credential::{CREDENTIAL_SECONDS, Credential, OVERTIME_SECONDS};
use crate::turn::tests::asker::{Asker, Said, add, indication};
use proptest::prelude::*;
use stun_types::message::{MessageWriteVec, Method};
use turn_types::AddressFamily;
use turn_types::attribute::{
    AdditionalAddressFamily, DontFragment, EvenPort, RequestedAddressFamily, RequestedTransport,
};
use turn_types::message::ALLOCATE;

mod hostile;
mod vectors;

const START: u64 = 1_700_000_000;

pub(super) fn keys() -> Keys {
    Keys::new(b"secret".to_vec(), [9; 32], "halloo".to_owned())
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn peer() -> SocketAddr {
    addr("8.8.8.8:4000")
}

/// A server, its moment, and the ports it opens.
pub(super) struct World {
    service: Service,
    now: Now,
    ports: u16,
}

impl World {
    pub(super) fn new(quotas: Quotas) -> Self {
        let ips = vec!["198.41.0.4".parse().unwrap(), "2a00::4".parse().unwrap()];
        let peers = Peers::new(Vec::new(), ips.clone());
        Self {
            service: Service::new(keys(), quotas, peers, ips),
            now: Now { ms: 0, unix: START },
            ports: 50_000,
        }
    }

    fn pass(&mut self, ms: u64) {
        self.now.ms += ms;
        self.now.unix += ms / 1000;
        self.service.tick(self.now);
    }

    /// Gives a packet in and opens what is asked for.
    pub(super) fn give(&mut self, client: Client, packet: &[u8]) -> (Act, Vec<u8>) {
        let mut out = Vec::new();
        match self.service.client_sent(self.now, client, packet, &mut out) {
            Act::Open(opening) => {
                self.ports += 1;
                self.service.opened(self.now, *opening, Some(self.ports), &mut out);
                (Act::Answer, out)
            }
            act => (act, out),
        }
    }

    fn ask(&mut self, client: Client, asker: &mut Asker, packet: &[u8]) -> Said {
        let (act, out) = self.give(client, packet);
        assert!(matches!(act, Act::Answer), "{act:?}");
        asker.heard(&out)
    }

    /// What of a packet leaves to which peer, and by which relay.
    fn relayed(&mut self, client: Client, packet: &[u8]) -> Option<(RelayId, SocketAddr, Vec<u8>)> {
        match self.give(client, packet).0 {
            Act::ToPeer(relay, peer, range) => Some((relay, peer, packet[range].to_vec())),
            Act::Nothing => None,
            other => panic!("{other:?}"),
        }
    }

    fn answered(&mut self, relay: RelayId, peer: SocketAddr, payload: &[u8]) -> Option<(Client, Vec<u8>)> {
        let mut out = Vec::new();
        let client = self.service.peer_sent(self.now, relay, peer, payload, &mut out)?;
        Some((client, out))
    }

    /// A client with an allocation.
    fn member(&mut self, subject: &str, port: u16) -> (Client, Asker, SocketAddr) {
        let client = udp(port);
        let mut asker = Asker::new(keys().mint(subject, self.now.unix));
        let first = asker.allocate();
        assert_eq!(self.ask(client, &mut asker, &first), Said::No(401));
        let again = asker.allocate();
        let relay = self.ask(client, &mut asker, &again).relay();
        (client, asker, relay)
    }
}

fn udp(port: u16) -> Client {
    Client { addr: SocketAddr::from(([203, 0, 114, 9], port)), link: Link::Udp(None) }
}

fn channel(number: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::write_channel(number, payload, false, &mut out);
    out
}

#[test]
fn an_allocation_tells_relay_own_address_and_lifetime() {
    let mut world = World::new(Quotas::default());
    let mut asker = Asker::new(keys().mint("a", START));
    let first = asker.allocate();
    assert_eq!(world.ask(udp(1), &mut asker, &first), Said::No(401));
    let again = asker.allocate();
    let said = world.ask(udp(1), &mut asker, &again);
    let relay = Some(addr("198.41.0.4:50001"));
    assert_eq!(said, Said::Yes { relay, mapped: Some(udp(1).addr), lifetime: Some(DEFAULT_LIFETIME_S) });
    assert_eq!(world.ask(udp(1), &mut asker, &again), said, "the answer got lost, and is given again");
    let another = asker.allocate();
    assert_eq!(world.ask(udp(1), &mut asker, &another), Said::No(437));
}

#[test]
fn a_channel_carries_bytes_both_ways() {
    let mut world = World::new(Quotas::default());
    let (client, mut asker, _) = world.member("a", 1);
    let bind = asker.bind(0x4000, peer());
    assert!(world.ask(client, &mut asker, &bind).is_yes());
    let (relay, to, payload) = world.relayed(client, &channel(0x4000, b"there")).unwrap();
    assert_eq!((to, &payload[..]), (peer(), &b"there"[..]));
    assert_eq!(world.answered(relay, peer(), b"back"), Some((client, channel(0x4000, b"back"))));
}

#[test]
fn indications_carry_bytes_both_ways_and_a_bound_peer_answers_by_its_channel() {
    let mut world = World::new(Quotas::default());
    let (client, mut asker, _) = world.member("a", 1);
    let permit = asker.permit(&[peer()]);
    assert!(world.ask(client, &mut asker, &permit).is_yes());
    let (relay, to, payload) = world.relayed(client, &asker.send(peer(), b"there")).unwrap();
    assert_eq!((to, &payload[..]), (peer(), &b"there"[..]));
    let (_, out) = world.answered(relay, addr("8.8.8.8:9"), b"any port").unwrap();
    assert_eq!(indication(&out), (addr("8.8.8.8:9"), b"any port".to_vec()));
}

#[test]
fn a_stream_gets_channel_data_with_pad() {
    let mut world = World::new(Quotas::default());
    let client = Client { link: Link::Stream(3), ..udp(1) };
    let mut asker = Asker::new(keys().mint("a", START));
    let first = asker.allocate();
    world.ask(client, &mut asker, &first);
    let again = asker.allocate();
    world.ask(client, &mut asker, &again).relay();
    let bind = asker.bind(0x4000, peer());
    world.ask(client, &mut asker, &bind);
    let (relay, ..) = world.relayed(client, &channel(0x4000, b"there")).unwrap();
    let (_, out) = world.answered(relay, peer(), b"12345").unwrap();
    assert_eq!(out, [0x40, 0, 0, 5, b'1', b'2', b'3', b'4', b'5', 0, 0, 0]);
    world.service.gone(client);
    assert_eq!(world.service.next_closed(), Some(relay));
}

#[test]
fn nobody_is_reached_and_heard_without_permission() {
    let mut world = World::new(Quotas::default());
    let (client, mut asker, _) = world.member("a", 1);
    assert_eq!(world.relayed(client, &asker.send(peer(), b"x")), None);
    assert_eq!(world.relayed(client, &channel(0x4000, b"x")), None);
    assert_eq!(world.answered(RelayId(0), peer(), b"x"), None);
    let permit = asker.permit(&[peer()]);
    assert!(world.ask(client, &mut asker, &permit).is_yes());
    assert_eq!(world.answered(RelayId(0), addr("8.8.4.4:4000"), b"x"), None);
    assert_eq!(world.relayed(udp(2), &asker.send(peer(), b"x")), None, "from another client");
}

#[test]
fn permissions_channels_and_allocations_end_when_they_are_not_renewed() {
    let mut world = World::new(Quotas::default());
    let (client, mut asker, _) = world.member("a", 1);
    let refresh = asker.refresh(MAX_LIFETIME_S);
    assert!(world.ask(client, &mut asker, &refresh).is_yes());
    let bind = asker.bind(0x4000, peer());
    assert!(world.ask(client, &mut asker, &bind).is_yes());
    world.pass(PERMISSION_MS - 1);
    assert!(world.relayed(client, &channel(0x4000, b"x")).is_some());
    world.pass(1);
    assert_eq!(world.relayed(client, &channel(0x4000, b"x")), None);
    let permit = asker.permit(&[peer()]);
    assert!(world.ask(client, &mut asker, &permit).is_yes());
    assert!(world.relayed(client, &channel(0x4000, b"x")).is_some());
    world.pass(CHANNEL_MS - PERMISSION_MS);
    assert_eq!(world.relayed(client, &channel(0x4000, b"x")), None);
    world.pass(u64::from(MAX_LIFETIME_S) * 1000 - CHANNEL_MS);
    assert_eq!(world.service.next_closed(), Some(RelayId(0)));
    assert_eq!(world.service.allocations(), 0);
    world.service.accounts.drain();
    assert_eq!(world.service.accounts.allocations("a"), 0);
}

#[test]
fn a_refresh_renews_gives_an_hour_at_most_and_ends_with_zero() {
    let mut world = World::new(Quotas::default());
    let (client, mut asker, _) = world.member("a", 1);
    for (asked, given) in [(0xffff_ffff, MAX_LIFETIME_S), (1, DEFAULT_LIFETIME_S), (700, 700)] {
        let refresh = asker.refresh(asked);
        let said = world.ask(client, &mut asker, &refresh);
        assert_eq!(said, Said::Yes { relay: None, mapped: None, lifetime: Some(given) });
    }
    world.pass(699_999);
    assert_eq!(world.service.allocations(), 1);
    let refresh = asker.refresh(0);
    assert!(world.ask(client, &mut asker, &refresh).is_yes());
    assert_eq!((world.service.next_closed(), world.service.allocations()), (Some(RelayId(0)), 0));
    let refresh = asker.refresh(600);
    assert_eq!(world.ask(client, &mut asker, &refresh), Said::No(437));
}

#[test]
fn wrong_credentials_open_nothing() {
    let mut world = World::new(Quotas::default());
    let right = keys().mint("a", START);
    let wrong = [
        Credential { password: "guess".into(), ..right.clone() },
        Credential { username: format!("{}:b", START + CREDENTIAL_SECONDS), ..right.clone() },
        Credential { username: format!("{}:a", START + 10 * CREDENTIAL_SECONDS), ..right.clone() },
        Credential { username: "a".into(), ..right },
        Keys::new(b"other".to_vec(), [9; 32], "halloo".to_owned()).mint("a", START),
    ];
    for (at, credential) in wrong.into_iter().enumerate() {
        let mut asker = Asker::new(credential);
        for _ in 0..3 {
            let allocate = asker.allocate();
            assert_eq!(world.ask(udp(at as u16), &mut asker, &allocate), Said::No(401));
        }
    }
    assert_eq!(world.service.allocations(), 0);
}

#[test]
fn an_expired_username_opens_nothing_and_keeps_what_it_has_for_a_while() {
    let mut world = World::new(Quotas::default());
    let (client, mut asker, _) = world.member("a", 1);
    let refresh = asker.refresh(MAX_LIFETIME_S);
    assert!(world.ask(client, &mut asker, &refresh).is_yes());
    for _ in 0..CREDENTIAL_SECONDS / 1800 {
        world.pass(1_800_000);
        let refresh = asker.refresh(MAX_LIFETIME_S);
        if world.ask(client, &mut asker, &refresh) == Said::No(438) {
            let again = asker.refresh(MAX_LIFETIME_S);
            assert!(world.ask(client, &mut asker, &again).is_yes());
        }
    }
    let mut late = Asker::new(asker.credential.clone());
    for _ in 0..2 {
        let allocate = late.allocate();
        assert_eq!(world.ask(udp(2), &mut late, &allocate), Said::No(401));
    }
    world.now.unix += OVERTIME_SECONDS;
    let refresh = asker.refresh(MAX_LIFETIME_S);
    assert_eq!(world.ask(client, &mut asker, &refresh), Said::No(438));
    let refresh = asker.refresh(MAX_LIFETIME_S);
    assert_eq!(world.ask(client, &mut asker, &refresh), Said::No(401));
}

#[test]
fn an_old_nonce_is_replaced_and_the_nonce_of_another_client_is_worth_nothing() {
    let mut world = World::new(Quotas::default());
    let (client, mut asker, _) = world.member("a", 1);
    let stolen = asker.allocate();
    let mut thief = Asker::new(asker.credential.clone());
    thief.allocate();
    thief.allocate();
    thief.allocate();
    assert_eq!(world.ask(udp(2), &mut thief, &stolen), Said::No(438));
    world.now.unix += 3600;
    let refresh = asker.refresh(600);
    assert_eq!(world.ask(client, &mut asker, &refresh), Said::No(438));
    let refresh = asker.refresh(600);
    assert!(world.ask(client, &mut asker, &refresh).is_yes());
}

#[test]
fn another_user_cannot_use_an_allocation() {
    let mut world = World::new(Quotas::default());
    let (client, asker, _) = world.member("a", 1);
    let mut other = Asker::new(keys().mint("b", START));
    other.nonce.clone_from(&asker.nonce);
    for packet in [other.refresh(0), other.permit(&[peer()]), other.bind(0x4000, peer())] {
        let (_, out) = world.give(client, &packet);
        let answer = Message::from_bytes(&out).unwrap();
        assert_eq!(answer.attribute::<stun_types::attribute::ErrorCode>().unwrap().code(), 441);
    }
    assert_eq!(world.service.allocations(), 1);
}

#[test]
fn quotas_hold_for_a_credential_and_for_all() {
    let quotas = Quotas { allocations: 3, per_credential: 2, ..Quotas::default() };
    let mut world = World::new(quotas);
    world.member("a", 1);
    let (client, mut asker, _) = world.member("a", 2);
    let refused = |world: &mut World, subject: &str, port: u16| {
        let mut asker = Asker::new(keys().mint(subject, START));
        let first = asker.allocate();
        world.ask(udp(port), &mut asker, &first);
        let again = asker.allocate();
        world.ask(udp(port), &mut asker, &again)
    };
    assert_eq!(refused(&mut world, "a", 3), Said::No(486));
    world.member("b", 4);
    assert_eq!(refused(&mut world, "c", 5), Said::No(508));
    let refresh = asker.refresh(0);
    world.ask(client, &mut asker, &refresh);
    assert!(refused(&mut world, "a", 6).is_yes(), "given back, given again");
}

#[test]
fn bandwidth_is_of_the_credential_whatever_it_opens() {
    let mut world = World::new(Quotas { bytes_per_second: 1000, ..Quotas::default() });
    let (one, mut asker, _) = world.member("a", 1);
    let (two, mut other, _) = world.member("a", 2);
    let bind = asker.bind(0x4000, peer());
    world.ask(one, &mut asker, &bind);
    let bind = other.bind(0x4000, peer());
    world.ask(two, &mut other, &bind);
    assert!(world.relayed(one, &channel(0x4000, &[0; 900])).is_some());
    assert_eq!(world.relayed(two, &channel(0x4000, &[0; 900])), None);
    world.pass(1000);
    assert!(world.relayed(two, &channel(0x4000, &[0; 900])).is_some());
    let usage = world.service.drain_usage();
    assert_eq!((usage.len(), usage[0].to_peers, usage[0].refused), (1, 1800, 1));
}

#[test]
fn two_members_of_this_server_reach_each_other_inside_the_process() {
    let mut world = World::new(Quotas::default());
    let (one, mut asker, one_relay) = world.member("a", 1);
    let (two, mut other, two_relay) = world.member("b", 2);
    let bind = asker.bind(0x4000, two_relay);
    assert!(world.ask(one, &mut asker, &bind).is_yes(), "a relay of ours is no forbidden peer");
    let (act, _) = world.give(one, &channel(0x4000, b"x"));
    assert!(matches!(act, Act::Nothing), "the other has not permitted it");
    let permit = other.permit(&[one_relay]);
    assert!(world.ask(two, &mut other, &permit).is_yes());
    let (act, out) = world.give(one, &channel(0x4000, b"hello"));
    assert!(matches!(act, Act::ToClient(client) if client == two), "{act:?}");
    assert_eq!(indication(&out), (one_relay, b"hello".to_vec()));
    let bind = other.bind(0x4001, one_relay);
    assert!(world.ask(two, &mut other, &bind).is_yes());
    let (act, out) = world.give(one, &channel(0x4000, b"hello"));
    assert!(matches!(act, Act::ToClient(client) if client == two));
    assert_eq!(out, channel(0x4001, b"hello"));
}

#[test]
fn a_port_of_our_own_address_that_is_no_relay_is_reached_by_nobody() {
    let mut world = World::new(Quotas::default());
    let (client, mut asker, relay) = world.member("a", 1);
    let ssh = SocketAddr::new(relay.ip(), 22);
    let bind = asker.bind(0x4000, ssh);
    assert!(world.ask(client, &mut asker, &bind).is_yes());
    let (act, _) = world.give(client, &channel(0x4000, b"x"));
    assert!(matches!(act, Act::Nothing), "{act:?}");
}

fn ask_with(world: &mut World, port: u16, method: Method, with: fn(&mut MessageWriteVec)) -> Said {
    let mut asker = Asker::new(keys().mint("a", START));
    let first = asker.allocate();
    world.ask(udp(port), &mut asker, &first);
    let packet = asker.request(method, |m, _| with(m));
    world.ask(udp(port), &mut asker, &packet)
}

#[test]
fn what_is_not_offered_is_refused_by_the_code_of_the_rfc() {
    let mut world = World::new(Quotas::default());
    let udp17 = || RequestedTransport::new(RequestedTransport::UDP);
    let said = ask_with(&mut world, 1, ALLOCATE, |_| ());
    assert_eq!(said, Said::No(400), "no transport");
    let said = ask_with(&mut world, 2, ALLOCATE, |m| add(m, &RequestedTransport::new(6)));
    assert_eq!(said, Said::No(442));
    let mut offered = |port, attribute: &dyn stun_types::prelude::AttributeWrite| {
        let mut asker = Asker::new(keys().mint("a", START));
        let first = asker.allocate();
        world.ask(udp(port), &mut asker, &first);
        let packet = asker.request(ALLOCATE, |m, _| {
            add(m, &udp17());
            add(m, attribute);
        });
        world.ask(udp(port), &mut asker, &packet)
    };
    assert_eq!(offered(3, &EvenPort::new(true)), Said::No(508));
    assert!(offered(7, &EvenPort::new(false)).is_yes());
    assert_eq!(offered(4, &DontFragment::new()), Said::No(420));
    let six = offered(5, &RequestedAddressFamily::new(AddressFamily::IPV6)).relay();
    assert_eq!(six, addr("[2a00::4]:50002"));
    assert!(offered(6, &AdditionalAddressFamily::new(AddressFamily::IPV6)).relay().is_ipv4());
}

#[test]
fn a_peer_of_the_other_family_is_refused() {
    let mut world = World::new(Quotas::default());
    let (client, mut asker, _) = world.member("a", 1);
    let permit = asker.permit(&[addr("[2a00:1450::1]:1")]);
    assert_eq!(world.ask(client, &mut asker, &permit), Said::No(443));
}

#[test]
fn peers_outside_the_internet_are_refused_by_permission_and_by_channel() {
    let mut world = World::new(Quotas::default());
    let (client, mut asker, _) = world.member("a", 1);
    for text in
        ["127.0.0.1:1", "10.0.0.1:1", "169.254.169.254:80", "100.64.0.1:1", "224.0.0.1:1", "0.0.0.0:1"]
    {
        let permit = asker.permit(&[peer(), addr(text)]);
        assert_eq!(world.ask(client, &mut asker, &permit), Said::No(403), "{text}");
        let bind = asker.bind(0x4000, addr(text));
        assert_eq!(world.ask(client, &mut asker, &bind), Said::No(403), "{text}");
    }
    assert_eq!(
        world.relayed(client, &asker.send(peer(), b"x")),
        None,
        "nothing of a refused request is done"
    );
}

#[test]
fn peers_outside_the_internet_are_refused_in_ipv6_too() {
    let mut world = World::new(Quotas::default());
    let client = udp(1);
    let mut asker = Asker::new(keys().mint("a", START));
    let first = asker.allocate();
    world.ask(client, &mut asker, &first);
    let packet = asker.allocate_v6();
    assert!(world.ask(client, &mut asker, &packet).relay().is_ipv6());
    for text in
        ["[::1]:1", "[::ffff:127.0.0.1]:1", "[::ffff:8.8.8.8]:1", "[fe80::1]:1", "[fd00::1]:1", "[::]:1"]
    {
        let permit = asker.permit(&[addr(text)]);
        assert_eq!(world.ask(client, &mut asker, &permit), Said::No(403), "{text}");
    }
    let permit = asker.permit(&[addr("[2a00:1450::1]:1")]);
    assert!(world.ask(client, &mut asker, &permit).is_yes());
}
