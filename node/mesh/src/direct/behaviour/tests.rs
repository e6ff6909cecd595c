//! The direct lane without sockets: what its behaviour tells its handlers, and two of them on unreliable streams.

use super::*;
use proptest::prelude::*;

const SESSION: u64 = 40;

fn peer() -> PeerId {
    let key = libp2p::identity::Keypair::ed25519_from_bytes([8; 32]).expect("32 bytes are a seed");
    key.public().to_peer_id()
}

fn line(number: usize) -> ConnectionId {
    ConnectionId::new_unchecked(number)
}

/// A lane with one peer on the given connections.
fn connected(lines: &[usize]) -> Direct {
    let mut direct = Direct::new(SESSION);
    for number in lines {
        direct.on_established(peer(), line(*number), false);
    }
    direct
}

/// Something the lane wants, in a form that can be compared.
#[derive(Debug, PartialEq, Eq)]
enum Wish {
    Start { line: usize, session: u64, first: u64, frames: Vec<Vec<u8>> },
    Send { line: usize, frame: Vec<u8> },
    Ack { line: usize, next: u64 },
    Keep { line: usize },
    Close { line: usize },
    CloseAll,
    Deliver(Vec<u8>),
}

fn number(id: ConnectionId) -> usize {
    (0..64).find(|number| line(*number) == id).expect("tests use small numbers")
}

fn wishes(direct: &mut Direct) -> Vec<Wish> {
    std::mem::take(&mut direct.queue).into_iter().map(wish).collect()
}

fn wish(event: ToSwarm<Received, ToHandler>) -> Wish {
    match event {
        ToSwarm::GenerateEvent(received) => Wish::Deliver(received.bytes),
        ToSwarm::CloseConnection { connection: CloseConnection::One(id), .. } => {
            Wish::Close { line: number(id) }
        }
        ToSwarm::CloseConnection { connection: CloseConnection::All, .. } => Wish::CloseAll,
        ToSwarm::NotifyHandler { handler: NotifyHandler::One(id), event, .. } => {
            let line = number(id);
            match event {
                ToHandler::Start { head, frames } => {
                    let frames = frames.iter().map(|frame| frame.to_vec()).collect();
                    Wish::Start { line, session: head.session, first: head.first, frames }
                }
                ToHandler::Send(frame) => Wish::Send { line, frame: frame.to_vec() },
                ToHandler::Ack { next } => Wish::Ack { line, next },
                ToHandler::Keep(keep) => {
                    assert!(keep, "nothing takes a keep back");
                    Wish::Keep { line }
                }
            }
        }
        other => panic!("the lane has no business with {other:?}"),
    }
}

fn start(line: usize, first: u64, frames: &[&[u8]]) -> Wish {
    Wish::Start { line, session: SESSION, first, frames: frames.iter().map(|frame| frame.to_vec()).collect() }
}

fn send(direct: &mut Direct, frame: &[u8]) -> DirectId {
    direct.send(peer(), frame.to_vec()).expect("connected, with room")
}

#[test]
fn the_first_frame_opens_a_stream_and_the_next_ones_follow_on_it() {
    let mut direct = connected(&[1]);
    send(&mut direct, b"a");
    send(&mut direct, b"b");
    let follow = Wish::Send { line: 1, frame: b"b".to_vec() };
    assert_eq!(wishes(&mut direct), [start(1, 0, &[b"a"]), follow]);
}

#[test]
fn a_lost_stream_starts_again_from_the_first_unacknowledged_frame() {
    let mut direct = connected(&[1]);
    for frame in [b"a", b"b", b"c"] {
        send(&mut direct, frame);
    }
    direct.on_connection_handler_event(peer(), line(1), FromHandler::Acked(1));
    wishes(&mut direct);
    direct.on_connection_handler_event(peer(), line(1), FromHandler::StreamLost);
    assert_eq!(wishes(&mut direct), [start(1, 1, &[b"b", b"c"])]);
}

#[test]
fn a_stream_lost_with_nothing_due_is_opened_when_something_is() {
    let mut direct = connected(&[1]);
    send(&mut direct, b"a");
    direct.on_connection_handler_event(peer(), line(1), FromHandler::Acked(1));
    direct.on_connection_handler_event(peer(), line(1), FromHandler::StreamLost);
    wishes(&mut direct);
    send(&mut direct, b"b");
    assert_eq!(wishes(&mut direct), [start(1, 1, &[b"b"])]);
}

#[test]
fn a_connection_whose_streams_keep_breaking_is_closed() {
    let mut direct = connected(&[1]);
    send(&mut direct, b"a");
    for _ in 1..DIRECT_STREAM_FAULTS_MAX {
        direct.on_connection_handler_event(peer(), line(1), FromHandler::StreamLost);
    }
    assert!(!wishes(&mut direct).contains(&Wish::Close { line: 1 }));
    direct.on_connection_handler_event(peer(), line(1), FromHandler::StreamLost);
    assert_eq!(wishes(&mut direct), [Wish::Close { line: 1 }]);
}

#[test]
fn an_acknowledgement_forgives_earlier_faults() {
    let mut direct = connected(&[1]);
    for round in 0..u64::from(3 * DIRECT_STREAM_FAULTS_MAX) {
        send(&mut direct, b"a");
        direct.on_connection_handler_event(peer(), line(1), FromHandler::StreamLost);
        direct.on_connection_handler_event(peer(), line(1), FromHandler::Acked(round + 1));
    }
    assert!(!wishes(&mut direct).contains(&Wish::Close { line: 1 }));
}

#[test]
fn the_second_connection_stands_by_and_takes_over() {
    let mut direct = connected(&[1, 2]);
    send(&mut direct, b"a");
    send(&mut direct, b"b");
    wishes(&mut direct);
    direct.on_closed(peer(), line(2));
    assert_eq!(wishes(&mut direct), [], "the one that stood by is not missed");
    direct.on_established(peer(), line(3), false);
    direct.on_closed(peer(), line(1));
    assert_eq!(wishes(&mut direct), [start(3, 0, &[b"a", b"b"])]);
    send(&mut direct, b"c");
    assert_eq!(wishes(&mut direct), [Wish::Send { line: 3, frame: b"c".to_vec() }]);
}

#[test]
fn acknowledgements_make_room_and_lies_about_them_hurt_nobody() {
    let mut direct = connected(&[1]);
    for _ in 0..DIRECT_QUEUE_FRAMES_MAX {
        send(&mut direct, b"a");
    }
    assert_eq!(direct.send(peer(), vec![1]), Err(SendError::Full));
    direct.on_connection_handler_event(peer(), line(1), FromHandler::Acked(0));
    assert_eq!(direct.send(peer(), vec![1]), Err(SendError::Full));
    direct.on_connection_handler_event(peer(), line(1), FromHandler::Acked(2));
    send(&mut direct, b"b");
    send(&mut direct, b"c");
    assert_eq!(direct.send(peer(), vec![1]), Err(SendError::Full));
    direct.on_connection_handler_event(peer(), line(1), FromHandler::Acked(u64::MAX));
    let link = &direct.peers[&peer()];
    assert_eq!((link.unacked.len(), link.unacked_bytes), (0, 0));
    direct.on_connection_handler_event(peer(), line(7), FromHandler::Acked(1));
}

#[test]
fn who_is_forgotten_leaves_its_unacknowledged_frames() {
    let mut direct = connected(&[1]);
    let ids: Vec<_> = [b"a", b"b", b"c"].map(|frame| send(&mut direct, frame)).into();
    direct.on_connection_handler_event(peer(), line(1), FromHandler::Acked(1));
    assert_eq!(direct.forget(&peer()), ids[1..]);
    assert_eq!(direct.forget(&peer()), []);
    assert_eq!(direct.send(peer(), vec![1]), Err(SendError::NotConnected));
}

#[test]
fn a_member_is_kept_on_every_connection_it_has_and_gets() {
    let mut direct = connected(&[1, 2]);
    direct.keep(peer());
    direct.keep(peer());
    direct.on_established(peer(), line(3), false);
    assert_eq!(wishes(&mut direct), [1, 2, 3].map(|line| Wish::Keep { line }));
}

fn opened(direct: &mut Direct, on: usize, session: u64, first: u64) {
    direct.on_connection_handler_event(peer(), line(on), FromHandler::Opened(Head { session, first }));
}

fn frame(direct: &mut Direct, on: usize, bytes: &[u8]) {
    direct.on_connection_handler_event(peer(), line(on), FromHandler::Frame(bytes.to_vec()));
}

#[test]
fn what_arrives_is_delivered_once_and_acknowledged_each_time() {
    let mut direct = connected(&[1, 2]);
    opened(&mut direct, 1, 9, 0);
    frame(&mut direct, 1, b"a");
    frame(&mut direct, 1, b"b");
    opened(&mut direct, 2, 9, 0);
    frame(&mut direct, 2, b"a");
    frame(&mut direct, 2, b"b");
    frame(&mut direct, 2, b"c");
    let deliver = |bytes: &[u8]| Wish::Deliver(bytes.to_vec());
    let ack = |line, next| Wish::Ack { line, next };
    let expected =
        [deliver(b"a"), ack(1, 1), deliver(b"b"), ack(1, 2), ack(2, 2), ack(2, 2), deliver(b"c"), ack(2, 3)];
    assert_eq!(wishes(&mut direct), expected);
}

#[test]
fn another_session_starts_anew() {
    let mut direct = connected(&[1]);
    opened(&mut direct, 1, 9, 5);
    frame(&mut direct, 1, b"a");
    opened(&mut direct, 1, 10, 0);
    frame(&mut direct, 1, b"b");
    let next = |next| Wish::Ack { line: 1, next };
    let expected = [Wish::Deliver(b"a".to_vec()), next(6), Wish::Deliver(b"b".to_vec()), next(1)];
    assert_eq!(wishes(&mut direct), expected);
}

#[test]
fn frames_without_a_head_or_a_connection_are_nothing() {
    let mut direct = connected(&[1]);
    frame(&mut direct, 1, b"a");
    opened(&mut direct, 1, 9, 0);
    frame(&mut direct, 5, b"b");
    direct.on_connection_handler_event(peer(), line(5), FromHandler::StreamLost);
    assert_eq!(wishes(&mut direct), []);
}

/// Two lanes and the streams between them: what one wrote and the other has not read, and acknowledgements back.
struct Road {
    sender: Direct,
    receiver: Direct,
    /// Per connection: whether a head was written, and what is on its way.
    stream: [VecDeque<FromHandler>; 2],
    acks: [VecDeque<u64>; 2],
    got: Vec<Vec<u8>>,
}

impl Road {
    fn new() -> Self {
        Self {
            sender: connected(&[0, 1]),
            receiver: connected(&[0, 1]),
            stream: Default::default(),
            acks: Default::default(),
            got: Vec::new(),
        }
    }

    /// Carries out what both lanes want.
    fn obey(&mut self) {
        for wish in wishes(&mut self.sender) {
            match wish {
                Wish::Start { line, session, first, frames } => {
                    self.stream[line].clear();
                    self.acks[line].clear();
                    self.stream[line].push_back(FromHandler::Opened(Head { session, first }));
                    self.stream[line].extend(frames.into_iter().map(FromHandler::Frame));
                }
                Wish::Send { line, frame } => self.stream[line].push_back(FromHandler::Frame(frame)),
                Wish::Close { line } => self.reconnect(line),
                other => panic!("a sender does not want {other:?}"),
            }
        }
        for wish in wishes(&mut self.receiver) {
            match wish {
                Wish::Deliver(bytes) => self.got.push(bytes),
                Wish::Ack { line, next } => self.acks[line].push_back(next),
                other => panic!("a receiver does not want {other:?}"),
            }
        }
    }

    fn read(&mut self, on: usize) {
        if let Some(event) = self.stream[on].pop_front() {
            self.receiver.on_connection_handler_event(peer(), line(on), event);
        }
        self.obey();
    }

    fn acknowledge(&mut self, on: usize) {
        if let Some(next) = self.acks[on].pop_front() {
            self.sender.on_connection_handler_event(peer(), line(on), FromHandler::Acked(next));
        }
        self.obey();
    }

    fn break_stream(&mut self, on: usize) {
        self.stream[on].clear();
        self.acks[on].clear();
        if self.sender.peers[&peer()].connections.iter().any(|known| known.id == line(on) && known.started) {
            self.sender.on_connection_handler_event(peer(), line(on), FromHandler::StreamLost);
        }
        self.obey();
    }

    /// Closes a connection on both sides and opens another in its place.
    fn reconnect(&mut self, on: usize) {
        self.stream[on].clear();
        self.acks[on].clear();
        for lane in [&mut self.sender, &mut self.receiver] {
            lane.on_closed(peer(), line(on));
            // One of the two ways leads through a relay.
            lane.on_established(peer(), line(on), on == 0);
        }
        self.obey();
    }
}

proptest! {
    #[test]
    fn frames_arrive_whole_in_order_and_once_over_streams_that_break(
        steps in proptest::collection::vec((0u8..12, 0usize..2), 0..300),
    ) {
        let mut road = Road::new();
        let mut sent = Vec::new();
        for (step, on) in steps {
            match step {
                0..=3 => {
                    let frame = (sent.len() as u32).to_be_bytes().to_vec();
                    if road.sender.send(peer(), frame.clone()).is_ok() {
                        sent.push(frame);
                    }
                    road.obey();
                }
                4..=7 => road.read(on),
                8..=9 => road.acknowledge(on),
                10 => road.break_stream(on),
                _ => road.reconnect(on),
            }
            prop_assert!(sent.starts_with(&road.got), "{:?} is not a beginning of {:?}", road.got, sent);
        }
        // Left alone, the road delivers the rest.
        for _ in 0..3 * sent.len() + 10 {
            for on in 0..2 {
                road.read(on);
                road.acknowledge(on);
            }
        }
        prop_assert_eq!(&road.got, &sent);
        let link = &road.sender.peers[&peer()];
        prop_assert_eq!((link.unacked.len(), link.unacked_bytes), (0, 0));
    }
}

#[test]
fn a_peer_that_was_started_anew_is_answered_where_it_says_so() {
    let mut direct = connected(&[1]);
    let head = |session| FromHandler::Opened(Head { session, first: 0 });
    direct.on_connection_handler_event(peer(), line(1), head(7));
    send(&mut direct, b"for the dead");
    wishes(&mut direct);
    direct.on_established(peer(), line(2), false);
    direct.on_connection_handler_event(peer(), line(2), head(8));
    assert_eq!(wishes(&mut direct), [start(2, 0, &[b"for the dead"])]);
    send(&mut direct, b"next");
    assert_eq!(wishes(&mut direct), [Wish::Send { line: 2, frame: b"next".to_vec() }]);
}

#[test]
fn a_second_connection_of_one_life_only_stands_by() {
    let mut direct = connected(&[1, 2]);
    let head = || FromHandler::Opened(Head { session: 7, first: 0 });
    direct.on_connection_handler_event(peer(), line(1), head());
    direct.on_connection_handler_event(peer(), line(2), head());
    send(&mut direct, b"a");
    assert_eq!(wishes(&mut direct), [start(1, 0, &[b"a"])]);
}

#[test]
fn what_waits_moves_to_the_direct_connection_as_soon_as_there_is_one() {
    let mut direct = Direct::new(SESSION);
    direct.on_established(peer(), line(1), true);
    send(&mut direct, b"a");
    assert_eq!(wishes(&mut direct), [start(1, 0, &[b"a"])]);
    direct.on_established(peer(), line(2), true);
    assert_eq!(wishes(&mut direct), [], "a second relayed one stands by");
    direct.on_established(peer(), line(3), false);
    assert_eq!(wishes(&mut direct), [start(3, 0, &[b"a"])]);
    send(&mut direct, b"b");
    assert_eq!(wishes(&mut direct), [Wish::Send { line: 3, frame: b"b".to_vec() }]);
    direct.on_closed(peer(), line(1));
    direct.on_closed(peer(), line(2));
    assert_eq!(wishes(&mut direct), [], "the relayed ones are not missed");
}

#[test]
fn the_relayed_connection_takes_over_when_the_direct_one_is_lost() {
    let mut direct = Direct::new(SESSION);
    direct.on_established(peer(), line(1), true);
    direct.on_established(peer(), line(2), false);
    send(&mut direct, b"a");
    assert_eq!(wishes(&mut direct), [start(2, 0, &[b"a"])]);
    direct.on_closed(peer(), line(2));
    assert_eq!(wishes(&mut direct), [start(1, 0, &[b"a"])]);
}

#[test]
fn a_peer_started_anew_beside_a_relayed_connection_begins_again_on_all() {
    let mut direct = Direct::new(SESSION);
    let head = |session| FromHandler::Opened(Head { session, first: 0 });
    direct.on_established(peer(), line(1), true);
    direct.on_connection_handler_event(peer(), line(1), head(7));
    direct.on_established(peer(), line(2), false);
    direct.on_connection_handler_event(peer(), line(2), head(7));
    assert_eq!(wishes(&mut direct), [], "the same life moves");
    direct.on_connection_handler_event(peer(), line(2), head(8));
    assert_eq!(wishes(&mut direct), [Wish::CloseAll]);
}
