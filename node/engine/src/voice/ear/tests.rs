//! What the ear opens and refuses, and when it reports.

use halloo_crypto::media::{Kid, MediaKey, MediaSealer};
use halloo_crypto::secret::Secret;

use super::*;
use crate::voice::bare::BareFactory;
use crate::voice::codec::FrameLength;
use crate::voice::frame::VoiceFrame;
use crate::voice::plan::Peer;

fn id(n: u8) -> DeviceId {
    DeviceId([n; 32])
}

fn key(n: u8) -> MediaKey {
    MediaKey::from_parts(Kid(0x200 + u64::from(n)), Secret::new([n; 32]))
}

fn plan(peers: &[(u8, &[u8])]) -> VoicePlan {
    let peers =
        peers.iter().map(|(n, keys)| Peer { device: id(*n), keys: keys.iter().map(|k| key(*k)).collect() });
    VoicePlan { peers: peers.collect(), ..VoicePlan::silent() }
}

fn ear(peers: &[(u8, &[u8])]) -> Ear {
    let mut ear = Ear::new();
    ear.apply(ms(0), &plan(peers), &BareFactory).expect("bare decoders always exist");
    ear
}

fn ms(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn sealed(sealer: &mut MediaSealer, k: u32) -> Vec<u8> {
    let mut coded = vec![2];
    coded.extend_from_slice(&[200; 160]);
    let mut plain = Vec::new();
    VoiceFrame::new(k as u16, 100 + 2 * k, FrameLength::Ms20, &coded).write(&mut plain);
    let mut out = Vec::new();
    sealer.seal(&plain, &mut out).expect("short enough");
    out
}

fn receive(ear: &mut Ear, at: u64, from: u8, payload: &[u8]) -> Result<(), Rejected> {
    ear.receive(ms(at), &id(0), Some(id(from)), payload).map(|_| ())
}

#[test]
fn a_frame_opens_only_on_the_connection_of_its_own_device() {
    let mut e = ear(&[(1, &[1]), (2, &[2])]);
    let payload = sealed(&mut MediaSealer::new(&key(1)), 0);
    assert_eq!(
        receive(&mut e, 1, 2, &payload),
        Err(Rejected::UnknownKey),
        "a member cannot speak for another"
    );
    assert_eq!(receive(&mut e, 1, 9, &payload), Err(Rejected::UnknownKey));
    assert_eq!(receive(&mut e, 1, 1, &payload), Ok(()));
    assert_eq!(receive(&mut e, 1, 1, &payload), Err(Rejected::Replayed));
    let stats = e.rejected();
    assert_eq!((stats.unknown_key, stats.replayed), (2, 1));
}

#[test]
fn damaged_and_foreign_payloads_are_refused_and_counted() {
    let mut e = ear(&[(1, &[1])]);
    let mut payload = sealed(&mut MediaSealer::new(&key(1)), 0);
    payload[20] ^= 1;
    assert_eq!(receive(&mut e, 1, 1, &payload), Err(Rejected::DoesNotOpen));
    assert_eq!(receive(&mut e, 1, 1, &[]), Err(Rejected::Malformed));
    let mut out = Vec::new();
    MediaSealer::new(&key(1)).seal(&[0xff; 40], &mut out).expect("short enough");
    assert!(matches!(receive(&mut e, 1, 1, &out), Err(Rejected::Frame(_))));
    assert_eq!((e.rejected().does_not_open, e.rejected().malformed), (1, 2));
}

#[test]
fn an_old_key_lives_two_seconds_and_a_removed_device_not_at_all() {
    let mut e = ear(&[(1, &[1]), (2, &[2])]);
    let (mut one, mut two) = (MediaSealer::new(&key(1)), MediaSealer::new(&key(2)));
    e.apply(ms(10_000), &plan(&[(1, &[3])]), &BareFactory).expect("bare decoders always exist");
    assert_eq!(receive(&mut e, 10_001, 2, &sealed(&mut two, 0)), Err(Rejected::UnknownKey), "removed");
    assert_eq!(receive(&mut e, 11_900, 1, &sealed(&mut one, 0)), Ok(()), "still on its way");
    assert_eq!(receive(&mut e, 12_100, 1, &sealed(&mut one, 1)), Err(Rejected::UnknownKey), "over");
    assert_eq!(receive(&mut e, 12_100, 1, &sealed(&mut MediaSealer::new(&key(3)), 2)), Ok(()));
    assert_eq!(e.speakers().count(), 1);
}

#[test]
fn reports_come_soon_for_a_new_speaker_then_each_second_then_not_at_all() {
    let mut e = ear(&[(1, &[1])]);
    let mut sealer = MediaSealer::new(&key(1));
    assert!(e.report(ms(5_000)).is_none(), "nobody was heard");
    let mut told = Vec::new();
    for k in 0..300_u64 {
        let now = 10_000 + k * 20;
        receive(&mut e, now, 1, &sealed(&mut sealer, k as u32)).expect("opens");
        if e.report(ms(now)).is_some() {
            told.push(now - 10_000);
        }
    }
    assert!(told[1] - told[0] <= 260, "{told:?}");
    assert!(told[told.len() - 1] - told[told.len() - 2] >= 1_000, "{told:?}");
    assert!(e.report(ms(30_000)).is_some(), "the last frames");
    assert!(e.report(ms(60_000)).is_none(), "silence");
}

#[test]
fn a_report_finds_the_one_that_it_is_about() {
    let mut e = ear(&[(1, &[1])]);
    let mut report = Report::default();
    report.push(ReportEntry { who: short_name(&id(7)), loss: 1, burst: 1, jitter: 1 });
    report.push(ReportEntry { who: short_name(&id(5)), loss: 99, burst: 1, jitter: 1 });
    let (mut plain, mut sealer) = (Vec::new(), MediaSealer::new(&key(1)));
    report.write(&mut plain);
    let mut out = Vec::new();
    sealer.seal(&plain, &mut out).expect("short enough");
    let heard = e.receive(ms(1), &id(5), Some(id(1)), &out).expect("opens");
    assert!(matches!(heard, Heard::Report(listener, ReportEntry { loss: 99, .. }) if listener == id(1)));
    sealer.seal(&plain, &mut out).expect("short enough");
    let heard = e.receive(ms(1), &id(6), Some(id(1)), &out).expect("opens");
    assert!(matches!(heard, Heard::Nothing));
}

/// The entries of the report that the ear would send now.
fn told(e: &mut Ear, at: u64) -> Vec<ReportEntry> {
    e.report(ms(at)).map_or_else(Vec::new, |r| r.entries().to_vec())
}

#[test]
fn a_report_tells_loss_and_runs_as_they_were() {
    let mut e = ear(&[(1, &[1]), (2, &[2]), (3, &[3])]);
    let mut sealers: Vec<MediaSealer> = (1..=3).map(|n| MediaSealer::new(&key(n))).collect();
    for k in 0..600_u32 {
        let at = 10_000 + u64::from(k) * 20;
        let lost = [k % 10 == 5, k % 30 < 3 && k > 0, false];
        for (n, lost) in (1..=3_u8).zip(lost) {
            let payload = sealed(&mut sealers[usize::from(n) - 1], k);
            if !lost {
                receive(&mut e, at, n, &payload).expect("opens");
            }
        }
    }
    let entries = told(&mut e, 30_000);
    assert_eq!(entries.len(), 3);
    let of = |n: u8| *entries.iter().find(|e| e.who == short_name(&id(n))).expect("heard, so reported");
    for n in [1, 2] {
        let share = f32::from(of(n).loss) / 255.0;
        assert!((0.05..0.17).contains(&share), "{n}: {share}");
    }
    assert!((14..=18).contains(&of(1).burst), "single losses: {}", of(1).burst);
    assert!((38..=54).contains(&of(2).burst), "runs of three: {}", of(2).burst);
    assert_eq!((of(3).loss, of(3).burst), (0, 16));
}

#[test]
fn only_who_was_heard_since_the_last_report_is_in_the_next() {
    let mut e = ear(&[(1, &[1]), (2, &[2])]);
    let (mut one, mut two) = (MediaSealer::new(&key(1)), MediaSealer::new(&key(2)));
    receive(&mut e, 10_000, 1, &sealed(&mut one, 0)).expect("opens");
    receive(&mut e, 10_000, 2, &sealed(&mut two, 0)).expect("opens");
    assert_eq!(told(&mut e, 10_000).len(), 2);
    receive(&mut e, 11_500, 2, &sealed(&mut two, 1)).expect("opens");
    let second = told(&mut e, 11_500);
    assert_eq!(second.iter().map(|e| e.who).collect::<Vec<_>>(), [short_name(&id(2))]);
    assert!(told(&mut e, 13_000).is_empty());
}

#[test]
fn one_who_leaves_and_comes_back_is_a_new_speaker() {
    let mut e = ear(&[(1, &[1])]);
    let mut sealer = MediaSealer::new(&key(1));
    receive(&mut e, 1_000, 1, &sealed(&mut sealer, 0)).expect("opens");
    e.set_gain(&id(1), 2.0);
    e.apply(ms(2_000), &plan(&[]), &BareFactory).expect("bare decoders always exist");
    assert_eq!(e.speakers().count(), 0);
    e.apply(ms(3_000), &plan(&[(1, &[2])]), &BareFactory).expect("bare decoders always exist");
    let view = e.speakers().next().expect("named by the plan");
    assert_eq!((view.stats.received, view.playing), (0, None));
    assert_eq!(view.authenticity, Authenticity::Unverified);
}

#[test]
fn gains_and_mutes_concern_the_mix_alone() {
    let mut e = ear(&[(1, &[1])]);
    let mut sealer = MediaSealer::new(&key(1));
    let mut mixes = Vec::new();
    for (k, (gain, muted)) in [(1.0, false), (0.5, false), (0.0, false), (1.0, true)].into_iter().enumerate()
    {
        let at = 1_000 + k as u64 * 20;
        receive(&mut e, at, 1, &sealed(&mut sealer, k as u32)).expect("opens");
        e.set_gain(&id(1), gain);
        e.set_muted(muted);
        let mut out = [0.0; 960];
        e.play(ms(at + 5), &mut out);
        let stem = e.speakers().next().expect("named by the plan").stem[480];
        assert!(stem.abs() > 0.01, "the stem is as sent");
        mixes.push(out[480] / stem);
    }
    assert_eq!(mixes, [1.0, 0.5, 0.0, 0.0]);
}
