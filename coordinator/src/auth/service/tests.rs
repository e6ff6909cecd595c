//! Who gets a ticket and who does not.

use super::super::seen::MAX_SEEN;
use super::*;
use halloo_crypto::ticket::{ClientSecret, TICKET_LIFE_MS, Ticket, TicketRequest};

const NOW: u64 = 1_800_000_000_000;

fn desk() -> (Desk, Vec<Origin>) {
    (Desk::new(&Secret::new([9; 32])), vec!["http://10.0.0.1:7750".parse().unwrap()])
}

fn request(room: Room, nonce: u8) -> TicketRequest {
    let client = client().id();
    TicketRequest {
        room,
        client,
        time_ms: NOW,
        nonce: [nonce; 16],
        origin: "http://10.0.0.1:7750".to_owned(),
    }
}

fn client() -> ClientSecret {
    ClientSecret::derive(&Secret::new([1; 32]), "http://10.0.0.1:7750")
}

fn signed(request: &TicketRequest) -> TicketAsk {
    TicketAsk::new(request, client().sign(request).unwrap())
}

#[test]
fn a_signed_request_gets_a_ticket_for_its_room_for_ten_minutes() {
    let (mut desk, origins) = desk();
    let given = desk.ask(&signed(&request(Room::Mailbox, 1)), &origins, NOW).unwrap();
    assert_eq!(given.expires_ms, NOW + TICKET_LIFE_MS);
    let ticket = ticket::from_text(&given.ticket).unwrap();
    let by = TicketIssuer::from_seed(&Secret::new([9; 32])).public();
    Ticket::check(&ticket, &by, Room::Mailbox, NOW + TICKET_LIFE_MS - 1).unwrap();
    assert_eq!(Ticket::check(&ticket, &by, Room::Mailbox, NOW + TICKET_LIFE_MS), Err(TicketError::Expired));
    assert_eq!(Ticket::check(&ticket, &by, Room::Turn, NOW), Err(TicketError::OtherRoom));
}

#[test]
fn a_request_counts_once_also_within_its_whole_life() {
    let (mut desk, origins) = desk();
    let mut early = request(Room::Mailbox, 1);
    early.time_ms = NOW + CLOCK_SKEW_MAX_MS;
    desk.ask(&signed(&early), &origins, NOW).unwrap();
    for later in [0, CLOCK_SKEW_MAX_MS, 2 * CLOCK_SKEW_MAX_MS] {
        assert_eq!(desk.ask(&signed(&early), &origins, NOW + later), Err(Refused::Replayed));
    }
    let too_late = NOW + 2 * CLOCK_SKEW_MAX_MS + 1;
    assert_eq!(desk.ask(&signed(&early), &origins, too_late), Err(Refused::ClockApart));
    let mut fresh = request(Room::Mailbox, 2);
    fresh.time_ms = too_late;
    desk.ask(&signed(&fresh), &origins, too_late).unwrap();
    assert_eq!(desk.seen.len(), 1, "what is too old to be taken is forgotten");
}

#[test]
fn what_is_forged_misdated_or_meant_for_another_coordinator_is_refused() {
    let (mut desk, origins) = desk();
    let good = request(Room::Mailbox, 1);
    let mut forged = signed(&good);
    forged.signature.0[5] ^= 1;
    assert_eq!(desk.ask(&forged, &origins, NOW), Err(Refused::BadSignature));
    let mut other_room = signed(&good);
    other_room.room = "turn".to_owned();
    assert_eq!(desk.ask(&other_room, &origins, NOW), Err(Refused::BadSignature));
    let mut no_room = signed(&good);
    no_room.room = "kitchen".to_owned();
    assert_eq!(desk.ask(&no_room, &origins, NOW), Err(Refused::Malformed));
    assert_eq!(desk.ask(&signed(&good), &origins, NOW + CLOCK_SKEW_MAX_MS + 1), Err(Refused::ClockApart));
    let elsewhere = ["https://halloo.example".parse().unwrap()];
    assert_eq!(desk.ask(&signed(&good), &elsewhere, NOW), Err(Refused::OtherOrigin));
    desk.ask(&signed(&good), &origins, NOW).expect("none of the refused has used the nonce up");
}

#[test]
fn beyond_what_can_be_remembered_nothing_is_given_and_nothing_is_forgotten() {
    let (mut desk, origins) = desk();
    for number in 0..MAX_SEEN as u128 {
        desk.seen.first_time((number + 1_000).to_be_bytes(), NOW + 10, NOW).unwrap();
    }
    assert_eq!(desk.ask(&signed(&request(Room::Mailbox, 1)), &origins, NOW), Err(Refused::Busy));
    let again = desk.seen.first_time(1_000_u128.to_be_bytes(), NOW + 10, NOW);
    assert_eq!(again, Err(SeenError::Replayed));
    let mut later = request(Room::Mailbox, 1);
    later.time_ms = NOW + 11;
    desk.ask(&signed(&later), &origins, NOW + 11).unwrap();
}

#[test]
fn one_client_has_another_subject_in_every_room_and_on_every_day() {
    let (mut desk, origins) = desk();
    let by = TicketIssuer::from_seed(&Secret::new([9; 32])).public();
    let mut subject = |room, nonce, now| {
        let mut request = request(room, nonce);
        request.time_ms = now;
        let given = desk.ask(&signed(&request), &origins, now).unwrap();
        Ticket::check(&ticket::from_text(&given.ticket).unwrap(), &by, room, now).unwrap().subject
    };
    let mailbox = subject(Room::Mailbox, 1, NOW);
    assert_eq!(subject(Room::Mailbox, 2, NOW + 60_000), mailbox, "limits hold for the day");
    assert_ne!(subject(Room::Rendezvous, 3, NOW), mailbox);
    assert_ne!(subject(Room::Mailbox, 4, NOW + 86_400_000), mailbox);
}
