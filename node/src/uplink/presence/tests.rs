//! What stands after a watch was asked for, what a refusal costs, and how often the clock is looked at.

use super::super::outside::Outside;
use super::*;
use futures::FutureExt as _;
use halloo_crypto::mailbox::{Day, MailboxSecret};
use halloo_crypto::secret::Secret;

/// A way to nobody, and no addresses.
fn stage() -> (Way, Ends) {
    let origin = "http://10.0.0.1".parse().unwrap();
    let way = Way::to(origin, &Secret::new([1; 32]), Outside::Machine);
    (way, Ends { doors: watch::channel(Vec::new()).1, woken: Arc::default() })
}

fn addresses<const N: usize>() -> [MailboxAddress; N] {
    let mut rng = ChaCha20Rng::from_seed([2; 32]);
    let secret = MailboxSecret::generate(&mut rng);
    std::array::from_fn(|day| secret.day_key(Day(20_000 + u32::try_from(day).unwrap())).address())
}

/// As after the first list was sent over a socket.
fn asked(addresses: &[MailboxAddress]) -> Watched {
    let all: BTreeSet<_> = addresses.iter().copied().collect();
    Watched { addresses: all.clone(), fresh: all, asked: 1, doubted: None }
}

#[test]
fn a_watch_stands_when_the_ping_behind_it_is_answered_and_no_sooner() {
    let (_, ends) = stage();
    let [first, second] = addresses();
    let mut watched = asked(&[first]);
    watched.stand(&[], &ends.woken);
    watched.stand(&2_u64.to_be_bytes(), &ends.woken);
    assert!(!ends.woken.watches(&first) && ends.woken.take().is_empty());
    watched.stand(&1_u64.to_be_bytes(), &ends.woken);
    assert!(ends.woken.watches(&first));
    assert_eq!(ends.woken.take(), BTreeSet::from([first]), "what came before it has rung for nobody");
    watched.stand(&1_u64.to_be_bytes(), &ends.woken);
    assert!(ends.woken.take().is_empty(), "once");

    // Another list was sent before the answer to the first ping came: that answer says nothing of it.
    watched.fresh.insert(second);
    watched.asked = 2;
    watched.stand(&1_u64.to_be_bytes(), &ends.woken);
    assert!(!ends.woken.watches(&second));
    watched.stand(&2_u64.to_be_bytes(), &ends.woken);
    assert!(ends.woken.watches(&second));
}

#[test]
fn a_wake_rings_for_what_is_watched_and_for_nothing_else() {
    let (way, ends) = stage();
    let [ours, other] = addresses();
    let mut watched = asked(&[ours]);
    let refused = Told::NotWatched(other, NotWatched::TooMany).write();
    for bytes in [Told::Wake(ours).write(), Told::Wake(other).write(), refused, Vec::new(), vec![0; 300]] {
        told(&bytes, &way, &mut watched, &ends);
    }
    assert_eq!(ends.woken.take(), BTreeSet::from([ours]));
}

#[test]
fn what_is_refused_counts_as_watched_no_more_and_is_not_asked_for_again() {
    for why in [NotWatched::BadSignature, NotWatched::TooMany] {
        let (way, ends) = stage();
        let [address] = addresses();
        let mut watched = asked(&[address]);
        watched.stand(&1_u64.to_be_bytes(), &ends.woken);
        ends.woken.take();
        told(&Told::NotWatched(address, why).write(), &way, &mut watched, &ends);
        assert!(!ends.woken.watches(&address), "{why:?}");
        assert_eq!(ends.woken.take(), BTreeSet::from([address]), "it is looked into now: {why:?}");
        assert!(watched.addresses.contains(&address), "or each other list would ask once more: {why:?}");
        assert!(way.doubted().now_or_never().is_none(), "the clock has nothing to do with it: {why:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_its_date_is_asked_for_again_and_the_clock_is_looked_at_once_a_minute() {
    let (way, ends) = stage();
    let late: [MailboxAddress; 3] = addresses();
    let mut watched = asked(&late);
    let refused = |watched: &mut Watched, address| {
        told(&Told::NotWatched(address, NotWatched::ClockSkew).write(), &way, watched, &ends);
    };
    refused(&mut watched, late[0]);
    assert!(!watched.addresses.contains(&late[0]), "the next list asks for it");
    watched.stand(&1_u64.to_be_bytes(), &ends.woken);
    assert!(!ends.woken.watches(&late[0]), "and its ping does not speak for it");
    assert!(way.doubted().now_or_never().is_some());
    refused(&mut watched, late[1]);
    assert!(way.doubted().now_or_never().is_none(), "the clock was looked at just now");
    tokio::time::advance(SILENCE + Duration::from_secs(1)).await;
    refused(&mut watched, late[2]);
    assert!(way.doubted().now_or_never().is_some());
}
