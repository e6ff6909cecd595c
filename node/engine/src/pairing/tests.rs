//! The two machines on a string: what people see in every way a pairing can go.

use core::time::Duration;

use halloo_crypto::id::{DeviceId, GroupId, InviteId, OpId};
use halloo_crypto::identity::{AccountSecret, DeviceCertificate, DeviceSecret};
use halloo_crypto::invite::InviteSecret;
use halloo_crypto::invite::code::ShortCode;
use halloo_crypto::invite::link::Link;
use halloo_crypto::pake::{Door, TRIES_MAX};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::*;
use crate::lane::PeerKey;
use crate::output::PairingProgress;
use crate::pairing::frames::Reply;
use crate::time::Time;
use crate::wire::bundle::Bundle;

const HOST: PeerKey = PeerKey([1; 32]);
const JOINER: PeerKey = PeerKey([2; 32]);
const OTHER: PeerKey = PeerKey([3; 32]);
const GROUP: GroupId = GroupId([7; 32]);
const START: Time = Time::from_millis(1_000);

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn person(seed: u8) -> (DeviceSecret, DeviceCertificate) {
    let mut rng = rng(seed);
    let account = AccountSecret::generate(&mut rng);
    let device = DeviceSecret::generate(&mut rng);
    let certificate = DeviceCertificate::issue(&account, &device, 1);
    (device, certificate)
}

/// A host, its invite, and what it has said.
struct Inviter {
    host: Host,
    secret: InviteSecret,
    invite: InviteId,
    events: Vec<HostEvent>,
    /// Size of the welcome that membership makes.
    welcome_bytes: usize,
    admits: bool,
    admitted: Vec<DeviceId>,
}

impl Inviter {
    fn new(uses: u16) -> (Self, ShortCode) {
        let (_, certificate) = person(11);
        let identity =
            HostIdentity { certificate, peer: HOST, group: GROUP, group_name: "Sunday ride".into() };
        let mut host = Host::new(identity, rng(12));
        let secret = InviteSecret::generate(&mut rng(13));
        let invite = secret.id();
        let open = HostInvite {
            invite,
            op: OpId([9; 32]),
            secret: secret.clone(),
            uses_left: uses,
            ends: START.after(Duration::from_secs(86_400)),
            quiet: false,
        };
        let code = host.open(START, open).expect("admits somebody");
        let inviter =
            Self { host, secret, invite, events: vec![], welcome_bytes: 300, admits: true, admitted: vec![] };
        (inviter, code)
    }

    /// Its link.
    fn link(&self) -> Ticket {
        Ticket::Link(Link { coordinator: None, addresses: vec![], secret: self.secret.clone() })
    }

    /// Takes one request; gives the replies to it.
    fn ask(&mut self, now: Time, from: PeerKey, bytes: Vec<u8>) -> Vec<(PeerKey, Vec<u8>)> {
        self.host.handle(now, HostInput::Frame { from, bytes });
        self.drain(now)
    }

    fn drain(&mut self, now: Time) -> Vec<(PeerKey, Vec<u8>)> {
        let mut replies = vec![];
        while let Some(output) = self.host.poll() {
            match output {
                HostOutput::Send { to, bytes } => replies.push((to, bytes)),
                HostOutput::Event(event) => self.events.push(event),
                HostOutput::Admit { from, invite, request } => {
                    assert_eq!(invite, self.invite);
                    let certificate = &request.request().certificate;
                    self.admitted.push(certificate.device);
                    let bundle = Bundle {
                        group: GROUP,
                        welcome: vec![5; self.welcome_bytes],
                        operations: vec![],
                        acknowledgements: vec![],
                        beacons: vec![],
                        cells: vec![],
                        trail: Vec::new(),
                    };
                    let bundle = bundle.seal(&mut rng(14), certificate).expect("seals");
                    let input = if self.admits {
                        HostInput::Admitted { from, bundle }
                    } else {
                        HostInput::Refused { from, why: RefusedWhy::NotAdmitted }
                    };
                    self.host.handle(now, input);
                }
            }
        }
        replies
    }
}

fn joiner(seed: u8, ticket: &Ticket) -> Joiner {
    let (device, certificate) = person(seed);
    let identity = JoinerIdentity { device, certificate, peer: JOINER, name: "Ada".into() };
    Joiner::new(identity, ticket, rng(seed + 100), START)
}

#[derive(Default)]
struct Seen {
    joined: Option<Box<Joined>>,
    failed: Option<JoinError>,
    progress: Vec<PairingProgress>,
    asked: usize,
}

/// Carries frames between a joiner and the inviter until both are silent.
fn run(joiner: &mut Joiner, from: PeerKey, inviter: &mut Inviter, now: Time) -> Seen {
    let mut seen = Seen::default();
    while let Some(output) = joiner.poll() {
        match output {
            JoinerOutput::Send { to, bytes } => {
                seen.asked += 1;
                if to != HOST {
                    continue;
                }
                assert!(
                    peek_door(&bytes).is_some_and(|door| inviter.host.answers(&door) || seen.asked < 100)
                );
                for (to, bytes) in inviter.ask(now, from, bytes) {
                    assert_eq!(to, from);
                    joiner.handle(now, JoinerInput::Frame { from: HOST, bytes });
                }
            }
            JoinerOutput::Progress(progress) => seen.progress.push(progress),
            JoinerOutput::Joined(joined) => seen.joined = Some(joined),
            JoinerOutput::Failed(why) => seen.failed = Some(why),
        }
    }
    seen
}

/// One whole try at `ticket` from a fresh joiner.
fn attempt(ticket: &Ticket, inviter: &mut Inviter, seed: u8) -> Seen {
    let mut joiner = joiner(seed, ticket);
    joiner.handle(START, JoinerInput::PeerUp(HOST));
    run(&mut joiner, JOINER, inviter, START)
}

/// The code with the right number and other words.
fn wrong(code: &ShortCode) -> ShortCode {
    let [first, second] = code.word_numbers();
    ShortCode::from_parts(code.nameplate(), [(first + 1) % 2048, second]).expect("in range")
}

#[test]
fn a_joiner_with_the_right_words_gets_the_bundle_and_both_see_the_same_emoji() {
    let (mut inviter, code) = Inviter::new(5);
    let seen = attempt(&Ticket::Code(code), &mut inviter, 21);
    let joined = seen.joined.expect("joins");
    assert_eq!(joined.group, GROUP);
    assert_eq!(joined.group_name, "Sunday ride");
    assert_eq!(joined.host_certificate, person(11).1);
    assert_eq!(Bundle::parse(&joined.bundle).expect("parses").welcome, vec![5; 300]);
    assert_eq!(joined.key_package.group(), GROUP);
    assert!(inviter.events.contains(&HostEvent::Emoji(joined.emoji)));
    assert!(seen.progress.contains(&PairingProgress::Emoji(joined.emoji)));
    assert_eq!(inviter.admitted, vec![person(21).1.device]);
}

#[test]
fn a_joiner_with_the_link_gets_in_without_a_code() {
    let (mut inviter, _) = Inviter::new(1);
    let link = Link { coordinator: None, addresses: vec![], secret: inviter.secret.clone() };
    assert!(attempt(&Ticket::Link(link.clone()), &mut inviter, 22).joined.is_some());
    let mut late = joiner(23, &Ticket::Link(link));
    late.handle(START, JoinerInput::PeerUp(HOST));
    run(&mut late, JOINER, &mut inviter, START);
    late.handle(START.after(Duration::from_secs(3)), JoinerInput::Wake);
    assert_eq!(run(&mut late, JOINER, &mut inviter, START).failed, Some(JoinError::UsedUp));
}

#[test]
fn each_joiner_uses_one_code_and_a_fresh_one_appears() {
    let (mut inviter, code) = Inviter::new(3);
    let ticket = Ticket::Code(code.clone());
    assert!(attempt(&ticket, &mut inviter, 24).joined.is_some());
    let fresh = inviter.host.code(&inviter.invite).cloned().expect("a fresh code");
    assert_ne!(fresh, code);
    assert!(inviter.events.contains(&HostEvent::NewCode { invite: inviter.invite, code: fresh.clone() }));
    let mut late = joiner(25, &ticket);
    late.handle(START, JoinerInput::PeerUp(HOST));
    run(&mut late, JOINER, &mut inviter, START);
    late.handle(START.after(Duration::from_secs(3)), JoinerInput::Wake);
    assert_eq!(run(&mut late, JOINER, &mut inviter, START).failed, Some(JoinError::UsedUp));
    assert!(attempt(&Ticket::Code(fresh), &mut inviter, 26).joined.is_some());
}

#[test]
fn wrong_words_say_how_many_tries_are_left_and_the_third_burns_the_code_but_not_the_link() {
    let (mut inviter, code) = Inviter::new(5);
    let ticket = Ticket::Code(wrong(&code));
    for left in (1..TRIES_MAX).rev() {
        assert_eq!(attempt(&ticket, &mut inviter, 27).failed, Some(JoinError::WrongWords { left }));
    }
    assert_eq!(attempt(&ticket, &mut inviter, 27).failed, Some(JoinError::Burned));
    let burned = HostEvent::CodeEnded { invite: inviter.invite, ending: Ending::Burned };
    assert!(inviter.events.contains(&burned));
    assert!(inviter.host.code(&inviter.invite).is_none());
    // The right words come too late, and learn why.
    let mut right = joiner(28, &Ticket::Code(code));
    right.handle(START, JoinerInput::PeerUp(HOST));
    run(&mut right, JOINER, &mut inviter, START);
    right.handle(START.after(Duration::from_secs(3)), JoinerInput::Wake);
    assert_eq!(run(&mut right, JOINER, &mut inviter, START).failed, Some(JoinError::Burned));
    let link = Link { coordinator: None, addresses: vec![], secret: inviter.secret.clone() };
    assert!(attempt(&Ticket::Link(link), &mut inviter, 29).joined.is_some());
    assert!(inviter.admitted.len() == 1, "nobody came in by wrong words");
}

#[test]
fn tries_begun_together_count_together() {
    let (mut inviter, code) = Inviter::new(5);
    let ticket = Ticket::Code(wrong(&code));
    let peers: Vec<PeerKey> = (50..56).map(|at| PeerKey([at; 32])).collect();
    let mut refused = vec![];
    let mut confirms = vec![];
    for (at, peer) in (0_u8..).zip(&peers) {
        let (device, certificate) = person(60 + at);
        let identity = JoinerIdentity { device, certificate, peer: *peer, name: "Eve".into() };
        let mut joiner = Joiner::new(identity, &ticket, rng(70 + at), START);
        joiner.handle(START, JoinerInput::PeerUp(HOST));
        // Probe and first message; the confirmation is kept back.
        for _ in 0..2 {
            while let Some(output) = joiner.poll() {
                let JoinerOutput::Send { bytes, .. } = output else { continue };
                for (_, bytes) in inviter.ask(START, *peer, bytes) {
                    joiner.handle(START, JoinerInput::Frame { from: HOST, bytes });
                }
                break;
            }
        }
        confirms.push(joiner);
    }
    for (joiner, peer) in confirms.iter_mut().zip(&peers) {
        refused.push(run(joiner, *peer, &mut inviter, START).failed);
    }
    let wrongs = inviter.events.iter().filter(|event| matches!(event, HostEvent::WrongWords { .. })).count();
    assert_eq!(wrongs, usize::from(TRIES_MAX));
    assert!(refused[3..].iter().all(|why| *why == Some(JoinError::Burned)), "{refused:?}");
}

#[test]
fn a_code_ends_after_ten_minutes_and_says_so() {
    let (mut inviter, code) = Inviter::new(5);
    let late = START.after(Duration::from_secs(600));
    assert_eq!(inviter.host.deadline(), Some(late));
    inviter.host.handle(late, HostInput::Wake);
    inviter.drain(late);
    let ended = HostEvent::CodeEnded { invite: inviter.invite, ending: Ending::Expired };
    assert!(inviter.events.contains(&ended));
    let mut joiner = joiner(30, &Ticket::Code(code));
    joiner.handle(START, JoinerInput::PeerUp(HOST));
    // The two clocks are their own: the joiner has just started.
    while let Some(JoinerOutput::Send { bytes, .. }) = joiner.poll() {
        for (_, bytes) in inviter.ask(late, JOINER, bytes) {
            joiner.handle(START, JoinerInput::Frame { from: HOST, bytes });
        }
    }
    joiner.handle(START.after(Duration::from_secs(3)), JoinerInput::Wake);
    assert_eq!(run(&mut joiner, JOINER, &mut inviter, late).failed, Some(JoinError::Expired));
    let fresh = inviter.host.renew(late, &inviter.invite).expect("admits still");
    assert!(attempt(&Ticket::Code(fresh), &mut inviter, 31).joined.is_some());
}

#[test]
fn nobody_with_the_number_means_nobody_answered() {
    let (_, code) = Inviter::new(1);
    let mut joiner = joiner(32, &Ticket::Code(code));
    for peer in 0..100_u8 {
        joiner.handle(START, JoinerInput::PeerUp(PeerKey([100 + peer % 100; 32])));
    }
    let mut asked = 0;
    while let Some(JoinerOutput::Send { to, .. }) = joiner.poll() {
        asked += 1;
        joiner.handle(START, JoinerInput::Frame { from: to, bytes: not_mine() });
    }
    assert_eq!(asked, PROBES_MAX);
    assert_eq!(joiner.deadline(), Some(START.after(FIND)));
    joiner.handle(START.after(FIND), JoinerInput::Wake);
    let Some(JoinerOutput::Failed(why)) = joiner.poll() else { panic!("fails") };
    assert_eq!(why, JoinError::NobodyAnswered { asked: PROBES_MAX });
    assert!(joiner.is_over() && joiner.deadline().is_none());
}

#[test]
fn a_host_that_only_pretends_gets_one_guess_and_no_second_joiner_message() {
    let (_, code) = Inviter::new(1);
    let (mut impostor, _) = Inviter::new(1);
    // The impostor knows the number and guesses the words.
    let secret = impostor.secret.clone();
    let guess = wrong(&code);
    let _ = secret;
    let mut joiner = joiner(33, &Ticket::Code(code));
    joiner.handle(START, JoinerInput::PeerUp(HOST));
    joiner.handle(START, JoinerInput::PeerUp(OTHER));
    let password = halloo_crypto::pake::Password::from_code(&guess);
    let opening = halloo_crypto::pake::Opening::generate(&mut rng(80));
    let promised = opening.commit(&DeviceId([4; 32]), &[]);
    let offered = frames::Reply::Offered(promised);
    let mut sent = vec![];
    while let Some(JoinerOutput::Send { to, bytes }) = joiner.poll() {
        sent.push((to, bytes));
    }
    joiner.handle(START, JoinerInput::Frame { from: HOST, bytes: offered.to_bytes() });
    joiner.handle(START, JoinerInput::Frame { from: OTHER, bytes: offered.to_bytes() });
    let mut failed = None;
    let mut pakes = 0;
    while let Some(output) = joiner.poll() {
        match output {
            JoinerOutput::Send { to, bytes } => {
                let request = frames::Request::parse(&bytes).expect("our own");
                let reply = match request.ask {
                    frames::Ask::Pake { commitment, message } => {
                        pakes += 1;
                        let binding = halloo_crypto::pake::Binding {
                            host_peer: to.0,
                            joiner_peer: JOINER.0,
                            host: promised,
                            joiner: commitment,
                        };
                        let (_, answer) = halloo_crypto::pake::HostPake::answer(
                            &mut rng(81),
                            &password,
                            &binding,
                            &message,
                        )
                        .expect("answers");
                        frames::Reply::Answer(answer)
                    }
                    _ => frames::Reply::Confirmed { confirmation: [0; 32], grant: vec![0; 40] },
                };
                joiner.handle(START, JoinerInput::Frame { from: to, bytes: reply.to_bytes() });
            }
            JoinerOutput::Failed(why) => failed = Some(why),
            _ => {}
        }
    }
    assert_eq!(failed, Some(JoinError::Broken));
    assert_eq!(pakes, 1, "a joiner tries one responder");
    assert!(impostor.drain(START).is_empty());
}

#[test]
fn a_bundle_larger_than_a_reply_comes_in_pieces() {
    let (mut inviter, code) = Inviter::new(2);
    inviter.welcome_bytes = 3 * CHUNK_BYTES;
    let seen = attempt(&Ticket::Code(code), &mut inviter, 34);
    let joined = seen.joined.expect("joins");
    assert_eq!(Bundle::parse(&joined.bundle).expect("parses").welcome.len(), 3 * CHUNK_BYTES);
    assert!(seen.asked >= 7);
}

/// A joiner at a transport of its own.
fn one_of_a_crowd(seed: u8, ticket: &Ticket, now: Time) -> (Joiner, PeerKey) {
    let (device, certificate) = person(seed);
    let peer = PeerKey([seed; 32]);
    let identity = JoinerIdentity { device, certificate, peer, name: format!("P{seed}") };
    (Joiner::new(identity, ticket, rng(seed + 100), now), peer)
}

#[test]
fn a_crowd_gets_in_one_after_another_and_only_those_under_way_take_room() {
    let crowd = 3 * u8::try_from(SESSIONS_MAX).expect("a small limit");
    let (mut inviter, _) = Inviter::new(60);
    let ticket = inviter.link();
    for n in 0..crowd {
        let now = START.after(Duration::from_secs(u64::from(n)));
        let (mut joiner, peer) = one_of_a_crowd(30 + n, &ticket, now);
        joiner.handle(now, JoinerInput::PeerUp(HOST));
        let seen = run(&mut joiner, peer, &mut inviter, now);
        assert!(seen.joined.is_some(), "newcomer {n}: {:?}", seen.failed);
    }
    assert_eq!(inviter.admitted.len(), usize::from(crowd));
}

#[test]
fn who_knocks_and_falls_silent_takes_room_until_it_is_forgotten() {
    let (mut inviter, _) = Inviter::new(60);
    let ticket = inviter.link();
    let mut knock = |seed: u8, now: Time| {
        let (mut joiner, peer) = one_of_a_crowd(seed, &ticket, now);
        joiner.handle(now, JoinerInput::PeerUp(HOST));
        // The probe and the first message of the exchange; then it says no more.
        let mut last = None;
        for _ in 0..2 {
            let bytes = loop {
                match joiner.poll().expect("it goes on") {
                    JoinerOutput::Send { bytes, .. } => break bytes,
                    _ => continue,
                }
            };
            for (_, bytes) in inviter.ask(now, peer, bytes) {
                joiner.handle(now, JoinerInput::Frame { from: HOST, bytes: bytes.clone() });
                last = Some(Reply::parse(&bytes).expect("a reply"));
            }
        }
        matches!(last, Some(Reply::Refused(RefusedWhy::Busy)))
    };
    for n in 0..SESSIONS_MAX as u8 {
        assert!(!knock(30 + n, START), "{n}");
    }
    assert!(knock(60, START), "the next one is asked to wait");
    assert!(!knock(61, START.after(Duration::from_secs(61))), "the silent ones are forgotten");
}

#[test]
fn a_refused_newcomer_is_told_and_its_use_is_free_again() {
    let (mut inviter, code) = Inviter::new(1);
    inviter.admits = false;
    assert_eq!(attempt(&Ticket::Code(code), &mut inviter, 35).failed, Some(JoinError::NotAdmitted));
    inviter.admits = true;
    let fresh = inviter.host.code(&inviter.invite).cloned().expect("a fresh code");
    assert!(attempt(&Ticket::Code(fresh), &mut inviter, 36).joined.is_some());
    let ended = HostEvent::InviteEnded { invite: inviter.invite, ending: Ending::UsedUp };
    assert!(inviter.events.contains(&ended));
}

#[test]
fn a_slow_membership_is_waited_for() {
    let (mut inviter, code) = Inviter::new(2);
    let mut joiner = joiner(37, &Ticket::Code(code));
    joiner.handle(START, JoinerInput::PeerUp(HOST));
    let mut admit = None;
    let mut now = START;
    let mut waits = 0;
    let mut joined = None;
    while joined.is_none() {
        while let Some(output) = joiner.poll() {
            match output {
                JoinerOutput::Send { bytes, .. } => {
                    inviter.host.handle(now, HostInput::Frame { from: JOINER, bytes });
                }
                JoinerOutput::Joined(done) => joined = Some(done),
                JoinerOutput::Failed(why) => panic!("{why}"),
                JoinerOutput::Progress(_) => {}
            }
        }
        let mut said = false;
        while let Some(output) = inviter.host.poll() {
            match output {
                HostOutput::Send { bytes, .. } => {
                    said = true;
                    waits += usize::from(bytes[1] == 0x84);
                    joiner.handle(now, JoinerInput::Frame { from: HOST, bytes });
                }
                HostOutput::Admit { request, .. } => admit = Some(request.request().certificate.clone()),
                HostOutput::Event(_) => {}
            }
        }
        if said || joined.is_some() {
            continue;
        }
        let certificate = admit.clone().expect("silent only while the newcomer is added");
        if waits < 2 {
            now = now.after(HOLD);
            inviter.host.handle(now, HostInput::Wake);
        } else {
            let bundle = Bundle {
                group: GROUP,
                welcome: vec![1],
                operations: vec![],
                acknowledgements: vec![],
                beacons: vec![],
                cells: vec![],
                trail: Vec::new(),
            };
            let bundle = bundle.seal(&mut rng(15), &certificate).expect("seals");
            inviter.host.handle(now, HostInput::Admitted { from: JOINER, bundle });
        }
    }
    assert_eq!(waits, 2);
}

#[test]
fn a_host_that_goes_away_is_reported_and_a_link_is_tried_elsewhere() {
    let (mut inviter, code) = Inviter::new(2);
    let mut by_code = joiner(38, &Ticket::Code(code));
    by_code.handle(START, JoinerInput::PeerUp(HOST));
    let Some(JoinerOutput::Send { bytes, .. }) = by_code.poll() else { panic!("probes") };
    for (_, bytes) in inviter.ask(START, JOINER, bytes) {
        by_code.handle(START, JoinerInput::Frame { from: HOST, bytes });
    }
    by_code.handle(START, JoinerInput::PeerDown(HOST));
    assert_eq!(run(&mut by_code, JOINER, &mut inviter, START).failed, Some(JoinError::HostGone));

    let link = Link { coordinator: None, addresses: vec![], secret: inviter.secret.clone() };
    let mut by_link = joiner(39, &Ticket::Link(link));
    by_link.handle(START, JoinerInput::PeerUp(OTHER));
    by_link.poll();
    let offered = frames::Reply::Offered(halloo_crypto::pake::Commitment([0; 32])).to_bytes();
    by_link.handle(START, JoinerInput::Frame { from: OTHER, bytes: offered });
    by_link.handle(START, JoinerInput::PeerUp(HOST));
    by_link.handle(START, JoinerInput::PeerDown(OTHER));
    assert!(run(&mut by_link, JOINER, &mut inviter, START).joined.is_some());
}

#[test]
fn a_peer_whose_answer_got_lost_or_that_came_back_is_asked_again_a_few_times() {
    let (mut inviter, code) = Inviter::new(2);
    let mut joiner = joiner(50, &Ticket::Code(code.clone()));
    joiner.handle(START, JoinerInput::PeerUp(HOST));
    assert!(matches!(joiner.poll(), Some(JoinerOutput::Send { to: HOST, .. })));
    joiner.handle(START, JoinerInput::Failed(HOST));
    assert!(matches!(joiner.poll(), Some(JoinerOutput::Send { to: HOST, .. })));
    joiner.handle(START, JoinerInput::PeerDown(HOST));
    assert!(joiner.poll().is_none(), "nobody to ask");
    joiner.handle(START, JoinerInput::PeerUp(HOST));
    assert!(run(&mut joiner, JOINER, &mut inviter, START).joined.is_some());

    let mut patient = self::joiner(51, &Ticket::Code(code));
    patient.handle(START, JoinerInput::PeerUp(OTHER));
    let mut asked = 0;
    while let Some(JoinerOutput::Send { to, .. }) = patient.poll() {
        asked += 1;
        patient.handle(START, JoinerInput::Failed(to));
    }
    assert_eq!(asked, 4, "once and three times again");
}

#[test]
fn another_version_is_named() {
    let (mut inviter, code) = Inviter::new(1);
    let mut request = vec![9, 1, 1, 0, 7];
    let replies = inviter.ask(START, JOINER, request.clone());
    assert_eq!(replies[0].1, vec![frames::VERSION, 0xff, 10, frames::VERSION]);
    request[0] = frames::VERSION;
    let mut joiner = joiner(40, &Ticket::Code(code));
    joiner.handle(START, JoinerInput::PeerUp(HOST));
    joiner.handle(START, JoinerInput::Frame { from: HOST, bytes: vec![9, 0xff, 10, 9] });
    joiner.handle(START.after(Duration::from_secs(2)), JoinerInput::Wake);
    let failed = core::iter::from_fn(|| joiner.poll()).find_map(|output| match output {
        JoinerOutput::Failed(why) => Some(why),
        _ => None,
    });
    assert_eq!(failed, Some(JoinError::Version { theirs: 9 }));
}

#[test]
fn a_log_that_counts_the_use_itself_neither_counts_twice_nor_brings_a_burned_code_back() {
    let (mut inviter, code) = Inviter::new(3);
    let seen = attempt(&Ticket::Code(code), &mut inviter, 45);
    assert!(seen.joined.is_some());
    let fresh = inviter.host.code(&inviter.invite).cloned().expect("a fresh code");
    // The engine tells what the log says: two uses are left.
    let update = |uses_left| HostInvite {
        invite: inviter.invite,
        op: OpId([9; 32]),
        secret: inviter.secret.clone(),
        uses_left,
        ends: START.after(Duration::from_secs(86_400)),
        quiet: false,
    };
    assert_eq!(inviter.host.open(START, update(2)), Some(fresh.clone()));
    let again = update(1);
    let ticket = Ticket::Code(wrong(&fresh));
    for seed in 46..49 {
        assert!(attempt(&ticket, &mut inviter, seed).joined.is_none());
    }
    assert_eq!(inviter.host.open(START, again), None, "burned stays burned");
    assert!(inviter.host.renew(START, &inviter.invite).is_some(), "until somebody asks");
    let ended = |event: &HostEvent| matches!(event, HostEvent::InviteEnded { .. });
    assert!(!inviter.events.iter().any(ended));
}

#[test]
fn closing_an_invite_stops_joiners_under_way() {
    let (mut inviter, code) = Inviter::new(2);
    let mut joiner = joiner(41, &Ticket::Code(code));
    joiner.handle(START, JoinerInput::PeerUp(HOST));
    for _ in 0..2 {
        let sent = core::iter::from_fn(|| joiner.poll()).find_map(|output| match output {
            JoinerOutput::Send { bytes, .. } => Some(bytes),
            _ => None,
        });
        for (_, bytes) in inviter.ask(START, JOINER, sent.expect("asks")) {
            joiner.handle(START, JoinerInput::Frame { from: HOST, bytes });
        }
    }
    let invite = inviter.invite;
    inviter.host.close(&invite, Ending::Closed);
    let seen = run(&mut joiner, JOINER, &mut inviter, START);
    assert!(seen.joined.is_none() && seen.failed.is_some());
    assert!(inviter.admitted.is_empty());
}

#[test]
fn closing_an_invite_answers_the_one_who_waits_to_be_added() {
    let (mut inviter, code) = Inviter::new(2);
    let mut joiner = joiner(44, &Ticket::Code(code));
    joiner.handle(START, JoinerInput::PeerUp(HOST));
    let mut failed = None;
    for _ in 0..6 {
        while let Some(output) = joiner.poll() {
            match output {
                JoinerOutput::Send { bytes, .. } => {
                    inviter.host.handle(START, HostInput::Frame { from: JOINER, bytes });
                }
                JoinerOutput::Failed(why) => failed = Some(why),
                _ => {}
            }
        }
        while let Some(output) = inviter.host.poll() {
            match output {
                HostOutput::Send { bytes, .. } => {
                    joiner.handle(START, JoinerInput::Frame { from: HOST, bytes })
                }
                HostOutput::Admit { .. } => inviter.host.close(&inviter.invite, Ending::Closed),
                HostOutput::Event(_) => {}
            }
        }
    }
    assert_eq!(failed, Some(JoinError::Closed));
    // What membership finishes afterwards has nowhere to go, and does no harm.
    inviter.host.handle(START, HostInput::Admitted { from: JOINER, bundle: vec![1] });
    assert!(inviter.host.poll().is_none());
}

#[test]
fn every_error_names_a_next_step() {
    let all = [
        JoinError::WrongWords { left: 2 },
        JoinError::Burned,
        JoinError::Expired,
        JoinError::UsedUp,
        JoinError::Closed,
        JoinError::NobodyAnswered { asked: 3 },
        JoinError::Version { theirs: 2 },
        JoinError::HostGone,
        JoinError::Busy,
        JoinError::NotAdmitted,
        JoinError::OtherDoor { device: true },
        JoinError::OtherDoor { device: false },
        JoinError::Broken,
    ];
    for error in all {
        let text = error.to_string();
        let steps = ["ask", "type", "check", "update", "try", "use"];
        assert!(steps.iter().any(|step| text.contains(step)), "{text}");
    }
}

#[test]
fn the_same_seeds_and_inputs_give_the_same_frames() {
    let frames = || {
        let (mut inviter, code) = Inviter::new(2);
        let mut joiner = joiner(42, &Ticket::Code(code));
        joiner.handle(START, JoinerInput::PeerUp(HOST));
        let mut all = vec![];
        while let Some(output) = joiner.poll() {
            let JoinerOutput::Send { bytes, .. } = output else { continue };
            all.push(bytes.clone());
            for (_, bytes) in inviter.ask(START, JOINER, bytes) {
                all.push(bytes.clone());
                joiner.handle(START, JoinerInput::Frame { from: HOST, bytes });
            }
        }
        all
    };
    assert_eq!(frames(), frames());
    assert!(frames().len() >= 8);
}

#[test]
fn garbage_and_mutations_never_panic_and_never_admit() {
    let mut chance = rng(90);
    for round in 0..150_u32 {
        let (mut inviter, code) = Inviter::new(3);
        let mut joiner = joiner(43, &Ticket::Code(code));
        joiner.handle(START, JoinerInput::PeerUp(HOST));
        let spoil_at = round % 5;
        let mut at = 0;
        let mut joined = None;
        while let Some(output) = joiner.poll() {
            let mut bytes = match output {
                JoinerOutput::Send { bytes, .. } => bytes,
                JoinerOutput::Joined(done) => {
                    joined = Some(done);
                    continue;
                }
                _ => continue,
            };
            if at == spoil_at && round % 2 == 0 {
                spoil(&mut chance, &mut bytes);
            }
            for (_, mut bytes) in inviter.ask(START, JOINER, bytes) {
                if at == spoil_at && round % 2 == 1 {
                    spoil(&mut chance, &mut bytes);
                }
                joiner.handle(START, JoinerInput::Frame { from: HOST, bytes });
            }
            at += 1;
            assert!(at < 50, "the exchange ends");
        }
        // A reply that was cut short may be fetched again; nothing that arrives differs from what was sent.
        if let Some(joined) = joined {
            assert!(spoil_at >= 3, "a spoiled step at {spoil_at} let somebody in");
            assert_eq!(Bundle::parse(&joined.bundle).expect("intact").welcome, vec![5; 300]);
        }
    }
    let (mut inviter, _) = Inviter::new(1);
    for _ in 0..3_000 {
        let mut bytes = vec![0; chance.next_u32() as usize % 200];
        chance.fill_bytes(&mut bytes);
        if let [version, kind, door, ..] = &mut bytes[..] {
            *version = frames::VERSION;
            *kind %= 7;
            *door %= 4;
        }
        let _ = peek_door(&bytes);
        inviter.ask(START, JOINER, bytes);
    }
    assert!(inviter.admitted.is_empty());
}

fn spoil(chance: &mut ChaCha20Rng, bytes: &mut Vec<u8>) {
    let at = chance.next_u32() as usize % bytes.len();
    match chance.next_u32() % 3 {
        0 => bytes[at] ^= 1 << (chance.next_u32() % 8),
        1 => bytes.truncate(at),
        _ => bytes.extend_from_slice(&[7; 3]),
    }
}

#[test]
fn doors_of_both_kinds_are_read_for_routing() {
    let (inviter, code) = Inviter::new(1);
    for door in [Door::Nameplate(code.nameplate()), Door::Invite(inviter.invite)] {
        let request = frames::Request { door, ask: frames::Ask::Probe };
        assert_eq!(peek_door(&request.to_bytes()), Some(door));
        assert!(inviter.host.answers(&door));
    }
    assert_eq!(peek_door(&[1, 1, 3, 0, 0]), None);
    assert_eq!(peek_door(&[]), None);
    assert!(!inviter.host.answers(&Door::Invite(InviteId([0; 16]))));
}
