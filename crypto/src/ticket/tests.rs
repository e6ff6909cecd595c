//! Tests: whose tickets are good where and for how long, and what they say of who holds them.

use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_800_000_000_000;

fn issuer(seed: u8) -> TicketIssuer {
    TicketIssuer::from_seed(&Secret::new([seed; 32]))
}

fn client(origin: &str) -> ClientSecret {
    ClientSecret::derive(&Secret::new([7; 32]), origin)
}

fn request(origin: &str) -> TicketRequest {
    let client = client(origin).id();
    TicketRequest { room: Room::Mailbox, client, time_ms: NOW, nonce: [3; 16], origin: origin.to_owned() }
}

#[test]
fn a_ticket_is_good_in_its_room_until_it_ends_and_for_its_coordinator_only() {
    let (issuer, client) = (issuer(1), client("https://one.example").id());
    let (bytes, ends) = issuer.issue(&client, Room::Mailbox, NOW);
    let check = |by: &TicketIssuer, room, at| Ticket::check(&bytes, &by.public(), room, at);
    assert_eq!(ends, NOW + TICKET_LIFE_MS);
    assert_eq!(check(&issuer, Room::Mailbox, NOW).unwrap().room, Room::Mailbox);
    assert!(check(&issuer, Room::Mailbox, ends - 1).is_ok());
    assert_eq!(check(&issuer, Room::Mailbox, ends), Err(TicketError::Expired));
    assert_eq!(check(&issuer, Room::Turn, NOW), Err(TicketError::OtherRoom));
    assert_eq!(check(&self::issuer(2), Room::Mailbox, NOW), Err(TicketError::BadSignature));
}

#[test]
fn every_changed_bit_of_a_ticket_is_refused() {
    let issuer = issuer(1);
    let (bytes, _) = issuer.issue(&ClientId([9; 32]), Room::Turn, NOW);
    for bit in 0..8 * bytes.len() {
        let mut changed = bytes;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(Ticket::check(&changed, &issuer.public(), Room::Turn, NOW).is_err(), "bit {bit}");
    }
}

#[test]
fn subjects_are_the_same_all_day_and_differ_between_rooms_days_and_clients() {
    let issuer = issuer(1);
    let subject = |client, room, at| {
        let (bytes, _) = issuer.issue(&ClientId([client; 32]), room, at);
        Ticket::check(&bytes, &issuer.public(), room, at).unwrap().subject
    };
    let one = subject(1, Room::Mailbox, NOW);
    assert_eq!(one, subject(1, Room::Mailbox, NOW + 1_000));
    assert_ne!(one, subject(1, Room::Turn, NOW));
    assert_ne!(one, subject(2, Room::Mailbox, NOW));
    assert_ne!(one, subject(1, Room::Mailbox, NOW + 86_400_000));
}

#[test]
fn a_request_counts_for_what_was_signed_and_near_its_time() {
    let origin = "https://one.example";
    let (client, request) = (client(origin), request(origin));
    let signature = client.sign(&request).unwrap();
    assert_eq!(request.check(&signature, NOW), Ok(()));
    assert_eq!(request.check(&signature, NOW + CLOCK_SKEW_MAX_MS), Ok(()));
    assert_eq!(request.check(&signature, NOW + CLOCK_SKEW_MAX_MS + 1), Err(TicketError::ClockSkew));
    assert_eq!(request.check(&signature, NOW - CLOCK_SKEW_MAX_MS - 1), Err(TicketError::ClockSkew));
    let others = [
        TicketRequest { room: Room::Turn, ..request.clone() },
        TicketRequest { client: ClientId([1; 32]), ..request.clone() },
        TicketRequest { time_ms: NOW + 1, ..request.clone() },
        TicketRequest { nonce: [4; 16], ..request.clone() },
        TicketRequest { origin: "https://two.example".to_owned(), ..request.clone() },
    ];
    for other in others {
        assert_eq!(other.check(&signature, NOW), Err(TicketError::BadSignature), "{other:?}");
    }
    let long = TicketRequest { origin: "x".repeat(ORIGIN_MAX_BYTES + 1), ..request };
    assert_eq!(long.check(&signature, NOW), Err(TicketError::Malformed));
    assert_eq!(client.sign(&long), Err(TicketError::Malformed));
}

#[test]
fn a_home_is_another_client_at_every_coordinator() {
    assert_eq!(client("https://one.example").id(), client("https://one.example").id());
    assert_ne!(client("https://one.example").id(), client("https://two.example").id());
}

#[test]
fn every_room_has_a_name_of_its_own() {
    for room in Room::ALL {
        assert_eq!(Room::of_name(room.name()), Some(room));
        assert_eq!(Room::of_byte(room as u8), Some(room));
    }
    assert_eq!(Room::of_name("kitchen"), None);
}

proptest! {
    #[test]
    fn any_bytes_are_no_ticket(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Ticket::check(&bytes, &issuer(1).public(), Room::Mailbox, NOW).is_err());
    }
}
