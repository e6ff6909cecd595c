//! What `links` promises, tried.

use super::*;

#[test]
fn a_pair_keeps_its_latency_in_both_directions() {
    let spec =
        LinkSpec { latency: Latency::Uniform { low_us: 10_000, high_us: 150_000 }, ..LinkSpec::constant(0) };
    let links = Links::new(spec, 50, 7);
    let mut all = BTreeSet::new();
    for a in 0..50 {
        for b in 0..a {
            let there = links.latency_us(a, b);
            assert_eq!(there, links.latency_us(b, a));
            assert!((10_000..=150_000).contains(&there));
            all.insert(there);
        }
    }
    assert!(all.len() > 1_000, "pairs differ: {}", all.len());
}

#[test]
fn islands_and_cuts_keep_packets_apart() {
    let mut links = Links::new(LinkSpec::constant(1_000), 3, 1);
    links.partition(&[0, 0, 1]);
    assert!(links.joined(0, 1) && !links.joined(1, 2));
    assert_eq!(links.stream(0, (0, 2), 10), None);
    assert_eq!(links.datagram(0, (0, 2), 10).first_us, None);
    links.partition(&[0, 0, 0]);
    assert!(links.cut(0, 1, true) && !links.joined(1, 0));
    assert!(links.cut(1, 0, false) && links.joined(0, 1));
}

#[test]
fn the_uplink_spaces_datagrams_and_drops_what_does_not_fit() {
    let spec = LinkSpec { uplink_bps: Some(8_000_000), queue_bytes: 3_000, ..LinkSpec::constant(0) };
    let mut links = Links::new(spec, 2, 1);
    let fates: Vec<_> = (0..5).map(|_| links.datagram(0, (0, 1), 948)).collect();
    assert_eq!(fates[0].first_us, Some(1_000));
    assert_eq!(fates[1].first_us, Some(2_000));
    assert_eq!(fates[2].first_us, Some(3_000));
    assert!(fates[3].overflow && fates[4].overflow);
}

#[test]
fn loss_is_as_asked_and_costs_a_stream_time() {
    let spec = LinkSpec { loss: Loss::Random { share: 0.2 }, ..LinkSpec::constant(1_000) };
    let mut links = Links::new(spec, 2, 3);
    let lost = (0..10_000).filter(|_| links.datagram(0, (0, 1), 100).first_us.is_none()).count();
    assert!((1_800..2_200).contains(&lost), "{lost}");
    let late = (0..10_000).filter(|_| links.stream(0, (0, 1), 100).is_some_and(|at| at > 200_000)).count();
    assert!((1_800..2_200).contains(&late), "{late}");
}

#[test]
fn what_waited_on_a_cut_link_is_sent_again_at_a_doubling_attempt() {
    let links = Links::new(LinkSpec::constant(0), 2, 1);
    assert_eq!(links.retry_us(1_000_000, 1_000_000), 1_000_000);
    assert_eq!(links.retry_us(0, 300_000), 600_000);
    assert_eq!(links.retry_us(0, 1_500_000), 3_000_000);
}
