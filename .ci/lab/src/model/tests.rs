//! Links do what their model says.

use super::*;
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);

fn fates(model: LinkModel, count: u32, every: Duration, bytes: usize) -> Vec<Fate> {
    let mut direction = Direction::new(model);
    (0..count).map(|number| direction.offer(every * number, bytes)).collect()
}

fn lost(fates: &[Fate]) -> usize {
    fates.iter().filter(|fate| **fate == Fate::Lost).count()
}

#[test]
fn a_perfect_link_delivers_at_once() {
    for (number, fate) in fates(LinkModel::perfect(1), 50, MS, 1500).into_iter().enumerate() {
        assert_eq!(fate, Fate::Due(MS * number as u32));
    }
}

#[test]
fn the_same_seed_gives_the_same_fates_and_another_seed_others() {
    let model = LinkModel { loss: Loss::Random(0.3), jitter: 20 * MS, ..LinkModel::perfect(1) };
    assert_eq!(fates(model, 500, MS, 100), fates(model, 500, MS, 100));
    assert_ne!(fates(model, 500, MS, 100), fates(LinkModel { seed: 2, ..model }, 500, MS, 100));
}

#[test]
fn random_loss_is_what_was_asked_for() {
    let model = LinkModel { loss: Loss::Random(0.2), ..LinkModel::perfect(3) };
    let share = lost(&fates(model, 20_000, MS, 100)) as f64 / 20_000.0;
    assert!((share - 0.2).abs() < 0.01, "{share}");
}

#[test]
fn bursts_have_the_share_and_the_length_that_were_asked_for() {
    let loss = Loss::Bursts { enter: 0.05, leave: 0.25, lose: 1.0 };
    let fates = fates(LinkModel { loss, ..LinkModel::perfect(4) }, 60_000, MS, 100);
    let share = lost(&fates) as f64 / 60_000.0;
    assert!((share - 0.05 / 0.30).abs() < 0.01, "{share}");
    let bursts = fates.windows(2).filter(|pair| pair[0] != Fate::Lost && pair[1] == Fate::Lost).count();
    let length = lost(&fates) as f64 / bursts as f64;
    assert!((length - 4.0).abs() < 0.25, "{length}");
}

#[test]
fn a_rate_spaces_frames_and_a_full_queue_drops() {
    // 1,000 bytes at 1 Mbit/s take 8 ms; the queue holds three of them.
    let model = LinkModel { rate_bps: Some(1_000_000), queue_bytes: 3000, ..LinkModel::perfect(5) };
    let mut direction = Direction::new(model);
    let fates: Vec<_> = (0..5).map(|_| direction.offer(Duration::ZERO, 1000)).collect();
    assert_eq!(fates[..3], [Fate::Due(8 * MS), Fate::Due(16 * MS), Fate::Due(24 * MS)]);
    assert_eq!(fates[3..], [Fate::Dropped, Fate::Dropped]);
    assert_eq!(direction.offer(8 * MS, 1000), Fate::Due(32 * MS), "there is room again");
}

#[test]
fn jitter_overtakes_only_where_it_may() {
    let model = LinkModel { jitter: 40 * MS, ..LinkModel::perfect(6) };
    let dues = |model| {
        fates(model, 200, MS, 100)
            .into_iter()
            .map(|fate| match fate {
                Fate::Due(due) => due,
                other => panic!("no loss was asked for: {other:?}"),
            })
            .collect::<Vec<_>>()
    };
    assert!(dues(model).is_sorted());
    assert!(!dues(LinkModel { reorder: true, ..model }).is_sorted());
}

/// Fates of packets of voice with these numbers, and with so many other frames before each.
fn voice(model: LinkModel, stream: u32, numbers: &[u16], others: usize) -> Vec<Fate> {
    let mut direction = Direction::new(model);
    numbers
        .iter()
        .map(|sequence| {
            for _ in 0..others {
                direction.offer(Duration::ZERO, 100);
            }
            let packet = MediaPacket { stream, sequence: *sequence };
            direction.offer_media(Duration::ZERO, 100, packet)
        })
        .collect()
}

const STORM: LinkModel = LinkModel {
    loss: Loss::Random(0.2),
    jitter: Duration::from_millis(40),
    reorder: true,
    ..LinkModel::perfect(8)
};

const BURSTS: Loss = Loss::Bursts { enter: 0.1, leave: 0.33, lose: 1.0 };

#[test]
fn the_same_packet_of_voice_has_the_same_fate_whatever_else_travels() {
    for model in [STORM, LinkModel { loss: BURSTS, ..STORM }] {
        let numbers: Vec<u16> = (0..2000).collect();
        let alone = voice(model, 7, &numbers, 0);
        assert_eq!(alone, voice(model, 99, &numbers, 5), "of any name, among other frames");
        let shifted: Vec<u16> = numbers.iter().map(|n| n.wrapping_add(65_000)).collect();
        assert_eq!(alone, voice(model, 7, &shifted, 0), "wherever the numbers begin");
        let mut gaps = numbers.clone();
        gaps.retain(|n| n % 7 != 3);
        let kept: Vec<Fate> = gaps.iter().map(|n| alone[usize::from(*n)]).collect();
        assert_eq!(kept, voice(model, 7, &gaps, 0), "whether or not the others came as far");
        assert_ne!(alone, voice(LinkModel { seed: 9, ..model }, 7, &numbers, 0));
    }
}

#[test]
fn the_share_of_voice_that_is_lost_is_what_was_asked_for() {
    let numbers: Vec<u16> = (0..30_000).collect();
    let share = lost(&voice(STORM, 1, &numbers, 0)) as f64 / 30_000.0;
    assert!((share - 0.2).abs() < 0.01, "{share}");
}

#[test]
fn where_only_voice_gets_through_it_all_does() {
    let model = LinkModel { loss: Loss::AllButVoice, ..LinkModel::perfect(1) };
    assert_eq!(lost(&voice(model, 1, &[0, 1, 5, 1], 3)), 0);
    assert_eq!(lost(&fates(model, 20, MS, 100)), 20);
}

#[test]
fn streams_draw_apart_and_what_is_beyond_the_most_is_treated_as_any_frame() {
    let mut direction = Direction::new(STORM);
    let rows: Vec<Vec<Fate>> = (0..STREAMS_MAX as u32 + 2)
        .map(|stream| {
            let packet = |sequence| MediaPacket { stream, sequence };
            (0..200).map(|n| direction.offer_media(Duration::ZERO, 100, packet(n))).collect()
        })
        .collect();
    assert!(rows.windows(2).all(|pair| pair[0] != pair[1]));
    assert!(rows.iter().all(|row| lost(row) > 10), "{rows:?}");
}

#[test]
fn a_packet_that_comes_again_does_not_change_the_fates_of_those_after_it() {
    let alone = voice(STORM, 1, &[0, 1, 2, 3, 4, 5], 0);
    let again = voice(STORM, 1, &[0, 1, 2, 1, 3, 0, 4, 5], 0);
    assert_eq!([&again[..3], &again[4..5], &again[6..]].concat(), alone);
}

proptest! {
    #[test]
    fn no_frame_arrives_before_its_delay_or_after_its_queue(
        seed in any::<u64>(),
        delay in 0u64..200,
        jitter in 0u64..100,
        rate in 10_000u64..10_000_000,
        sizes in proptest::collection::vec(1usize..1600, 1..200),
    ) {
        let model = LinkModel {
            delay: Duration::from_millis(delay),
            jitter: Duration::from_millis(jitter),
            rate_bps: Some(rate),
            queue_bytes: 20_000,
            reorder: true,
            ..LinkModel::perfect(seed)
        };
        let mut direction = Direction::new(model);
        let queue = Duration::from_secs_f64(20_000.0 * 8.0 / rate as f64);
        for (number, bytes) in sizes.into_iter().enumerate() {
            let now = MS * number as u32;
            if let Fate::Due(due) = direction.offer(now, bytes) {
                prop_assert!(due >= now + model.delay);
                prop_assert!(due <= now + model.delay + model.jitter + queue + MS);
            }
        }
    }
}
