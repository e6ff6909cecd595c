//! Tests: the exchange: same words, other words, other beliefs, hostile points.

use proptest::prelude::*;
use rand_core::SeedableRng as _;

use super::*;

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn code(nameplate: u16, words: [u16; 2]) -> Password {
    Password::from_code(&ShortCode::from_parts(Nameplate(nameplate), words).expect("in range"))
}

fn binding() -> Binding {
    Binding {
        host_peer: [1; 32],
        joiner_peer: [2; 32],
        host: Opening([3; 16]).commit(&DeviceId([4; 32]), b"group"),
        joiner: Opening([5; 16]).commit(&DeviceId([6; 32]), b""),
    }
}

/// A whole exchange; what the host and then the joiner make of it.
fn exchange(joiner: (&Password, &Binding), host: (&Password, &Binding)) -> Result<(Line, Line), PakeError> {
    let (state, first) = JoinerPake::start(&mut rng(10), joiner.0, joiner.1);
    let (host, answer) = HostPake::answer(&mut rng(11), host.0, host.1, &first)?;
    let (state, proof) = state.finish(&answer)?;
    let (host_line, proof) = host.confirm(&proof)?;
    Ok((state.confirm(&proof)?, host_line))
}

#[test]
fn the_same_words_give_the_same_keys_and_emoji_and_a_line_both_ways() {
    let (password, binding) = (code(7, [1, 2]), binding());
    let (mut joiner, mut host) = exchange((&password, &binding), (&password, &binding)).expect("pairs");
    assert_eq!(joiner.session_key(), host.session_key());
    assert_eq!(joiner.emoji(), host.emoji());
    assert_eq!(joiner.emoji_names(), host.emoji_names());
    for round in 0..3_u8 {
        let sealed = host.seal(b"grant", &[round; 40]).expect("seals");
        assert_eq!(joiner.open(b"grant", &sealed).expect("opens").expose(), &[round; 40]);
        let sealed = joiner.seal(b"request", &[round]).expect("seals");
        assert_eq!(host.open(b"request", &sealed).expect("opens").expose(), &[round]);
    }
}

#[test]
fn other_words_fail_at_the_host_first() {
    let binding = binding();
    let failed = exchange((&code(7, [1, 3]), &binding), (&code(7, [1, 2]), &binding));
    assert_eq!(failed.err(), Some(PakeError::WrongPassword));
    let failed = exchange((&code(8, [1, 2]), &binding), (&code(7, [1, 2]), &binding));
    assert_eq!(failed.err(), Some(PakeError::WrongPassword), "the door is bound");
}

#[test]
fn every_field_of_the_binding_counts() {
    let password = code(7, [1, 2]);
    let changes: [fn(&mut Binding); 4] = [
        |binding| binding.host_peer[0] ^= 1,
        |binding| binding.joiner_peer[31] ^= 1,
        |binding| binding.host.0[5] ^= 1,
        |binding| binding.joiner.0[5] ^= 1,
    ];
    for change in changes {
        let mut seen = binding();
        change(&mut seen);
        let failed = exchange((&password, &binding()), (&password, &seen));
        assert_eq!(failed.err(), Some(PakeError::WrongPassword));
    }
}

#[test]
fn a_host_without_the_words_does_not_pass_for_one() {
    let (password, binding) = (code(7, [1, 2]), binding());
    let (state, first) = JoinerPake::start(&mut rng(1), &password, &binding);
    let (_, answer) = HostPake::answer(&mut rng(2), &code(7, [9, 9]), &binding, &first).expect("answers");
    let (state, proof) = state.finish(&answer).expect("a message is a message");
    // The joiner's own proof, reflected, is no proof of the host.
    assert_eq!(state.confirm(&proof).err(), Some(PakeError::WrongPassword));
}

#[test]
fn a_link_secret_is_a_password_too_and_never_that_of_a_code() {
    let secret = InviteSecret::from_bytes([7; 16]);
    let password = Password::from_invite(&secret);
    assert_eq!(password.door(), Door::Invite(secret.id()));
    let binding = binding();
    assert!(exchange((&password, &binding), (&password, &binding)).is_ok());
    assert!(exchange((&password, &binding), (&code(7, [1, 2]), &binding)).is_err());
}

#[test]
fn points_that_no_honest_peer_sends_are_refused() {
    let (password, binding) = (code(7, [1, 2]), binding());
    let mut neutral = [0_u8; 33];
    neutral[1] = 1;
    // y = 0 is a point of order four; y = -1 one of order two.
    let order_four = [0_u8; 33];
    let mut order_two = [0xff_u8; 33];
    order_two[1] = 0xec;
    order_two[32] = 0x7f;
    // A point with a torsion part: the base point plus the point of order two.
    let base = curve_base_plus_order_two();
    let point = VerifyingKey::from_bytes(base[1..].try_into().expect("32 bytes")).expect("a curve point");
    assert!(!point.is_weak() && !point.to_edwards().is_torsion_free(), "what the test is about");
    let no_point = [2_u8; 33];
    for (at, mut message) in [neutral, order_four, order_two, base, no_point].into_iter().enumerate() {
        message[0] = b'A';
        let refused = HostPake::answer(&mut rng(3), &password, &binding, &message).err();
        assert_eq!(refused, Some(PakeError::Malformed), "point {at} at the host");
        message[0] = b'B';
        let (state, _) = JoinerPake::start(&mut rng(4), &password, &binding);
        assert_eq!(state.finish(&message).err(), Some(PakeError::Malformed), "point {at} at the joiner");
    }
}

/// (x, y) -> (-x, -y) adds the point of order two: the sign bit flips and y is negated modulo p.
fn curve_base_plus_order_two() -> [u8; 33] {
    // y = 4/5 of the base point, 0x6666..6658; p - y = 0x1999..9995 (little-endian below).
    let mut message = [0x99_u8; 33];
    message[1] = 0x95;
    message[32] = 0x19 | 0x80;
    message
}

#[test]
fn a_message_of_the_same_role_is_refused() {
    let (password, binding) = (code(7, [1, 2]), binding());
    let (state, first) = JoinerPake::start(&mut rng(5), &password, &binding);
    assert_eq!(state.finish(&first).err(), Some(PakeError::Malformed));
}

#[test]
fn commitments_hide_and_bind() {
    let opening = Opening::generate(&mut rng(6));
    let one = opening.commit(&DeviceId([1; 32]), b"group");
    assert_eq!(one, opening.commit(&DeviceId([1; 32]), b"group"));
    assert_ne!(one, opening.commit(&DeviceId([2; 32]), b"group"));
    assert_ne!(one, opening.commit(&DeviceId([1; 32]), b"other"));
    assert_ne!(one, Opening::generate(&mut rng(7)).commit(&DeviceId([1; 32]), b"group"));
}

#[test]
fn nothing_secret_is_printed() {
    let password = code(7, [1, 2]);
    let binding = binding();
    let (joiner, first) = JoinerPake::start(&mut rng(8), &password, &binding);
    let (host, answer) = HostPake::answer(&mut rng(9), &password, &binding, &first).expect("answers");
    let printed = format!("{password:?} {joiner:?} {host:?}");
    assert_eq!(printed, "Password(Nameplate(Nameplate(7))) JoinerPake(..) HostPake(..)");
    let (confirming, _) = joiner.finish(&answer).expect("a message");
    assert_eq!(format!("{confirming:?}"), "JoinerConfirming(..)");
}

#[test]
fn emoji_are_sixty_four_different_pictures_with_different_names() {
    let pictures: std::collections::BTreeSet<&str> = EMOJI.iter().map(|(picture, _)| *picture).collect();
    let names: std::collections::BTreeSet<&str> = EMOJI.iter().map(|(_, name)| *name).collect();
    assert_eq!((pictures.len(), names.len()), (64, 64));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_messages_end_in_keys_or_an_error(seed in any::<u8>(), message in any::<[u8; 32]>(), proof in any::<[u8; 32]>()) {
        let (password, binding) = (code(7, [1, 2]), binding());
        let mut first = [b'A'; PAKE_MESSAGE_BYTES];
        first[1..].copy_from_slice(&message);
        if let Ok((host, _)) = HostPake::answer(&mut rng(seed), &password, &binding, &first) {
            prop_assert_eq!(host.confirm(&proof).err(), Some(PakeError::WrongPassword));
        }
    }

    #[test]
    fn words_pair_exactly_when_they_are_equal(a in 0_u16..4, b in 0_u16..4, c in 0_u16..4, d in 0_u16..4) {
        let binding = binding();
        let paired = exchange((&code(7, [a, b]), &binding), (&code(7, [c, d]), &binding)).is_ok();
        prop_assert_eq!(paired, (a, b) == (c, d));
    }
}
