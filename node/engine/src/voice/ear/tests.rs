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
    ear.receive(ms(at), &id(0), id(from), payload).map(|_| ())
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
    let heard = e.receive(ms(1), &id(5), id(1), &out).expect("opens");
    assert!(matches!(heard, Heard::Report(ReportEntry { loss: 99, .. })));
    sealer.seal(&plain, &mut out).expect("short enough");
    let heard = e.receive(ms(1), &id(6), id(1), &out).expect("opens");
    assert!(matches!(heard, Heard::Nothing));
}
