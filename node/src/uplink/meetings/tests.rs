//! When a place is put and looked at: at once, then rarely; sooner where somebody is sought, and never sooner than a coordinator asks for.

use super::super::outside::Outside;
use super::*;

fn rendezvous(number: u8) -> Rendezvous {
    let place = Place { id: [number; 32], key: Secret::new([number; 32]) };
    Rendezvous { place, publish: true, guessable: false, seek: false }
}

/// A task whose coordinator has not answered yet, and who tells it the places.
fn stage() -> (Task, watch::Sender<Vec<Rendezvous>>) {
    let home = Secret::new([1; 32]);
    let way = Arc::new(Way::to("http://10.0.0.1".parse().unwrap(), &home, Outside::Machine));
    let (places, places_end) = watch::channel(Vec::new());
    let own = watch::channel(Meeting { peer: [3; 32], addresses: Vec::new() }).1;
    let ends = Ends { places: places_end, own, news: mpsc::channel(1).0, home };
    (Task { way, ends, rng: ChaCha20Rng::from_seed([4; 32]), places: BTreeMap::new() }, places)
}

fn due(task: &Task, number: u8) -> (Instant, Instant) {
    let (_, due) = &task.places[&[number; 32]];
    (due.put, due.look)
}

/// As after everything that was due was done.
fn done(task: &mut Task) {
    let now = Instant::now();
    for (rendezvous, due) in task.places.values_mut() {
        due.put = now + rendezvous.renew();
        due.looked(now, rendezvous, false);
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_sought_is_looked_for_more_and_more_rarely_up_to_two_seconds() {
    let sought = Rendezvous { seek: true, ..rendezvous(1) };
    let mut due = Due::at(Instant::now());
    let mut waits = Vec::new();
    for _ in 0..6 {
        let now = due.look;
        due.looked(now, &sought, true);
        waits.push((due.look - now).as_millis());
    }
    assert_eq!(waits, [250, 500, 1_000, 2_000, 2_000, 2_000]);
}

#[tokio::test(start_paused = true)]
async fn a_place_is_looked_at_as_often_as_others_may_be_missed_there() {
    let now = Instant::now();
    let wait = |rendezvous: &Rendezvous, often| {
        let mut due = Due::at(now);
        due.looked(now, rendezvous, often);
        due.look - now
    };
    assert_eq!(wait(&rendezvous(1), false), RENEW, "whoever comes dials this node");
    assert_eq!(wait(&rendezvous(1), true), RENEW_GUESSABLE, "nobody can");
    assert_eq!(wait(&Rendezvous { guessable: true, ..rendezvous(1) }, false), RENEW_GUESSABLE);
    assert!(RENEW < Duration::from_secs(TTL_SECONDS_MAX.into()), "a lease is renewed before it ends");
}

#[tokio::test(start_paused = true)]
async fn what_is_wanted_of_a_place_anew_is_due_at_once_and_nothing_else_is() {
    let (mut task, places) = stage();
    places.send_replace(vec![Rendezvous { publish: false, ..rendezvous(1) }, rendezvous(2)]);
    task.list().await;
    let began = Instant::now();
    assert_eq!([due(&task, 1), due(&task, 2)], [(began, began); 2]);
    done(&mut task);
    tokio::time::advance(Duration::from_secs(60)).await;
    let (now, kept) = (Instant::now(), (began + RENEW, began + RENEW));

    places.send_replace(vec![Rendezvous { seek: true, publish: false, ..rendezvous(1) }, rendezvous(2)]);
    task.list().await;
    assert_eq!(due(&task, 1), (began + RENEW, now), "it is looked at");
    assert_eq!(due(&task, 2), kept);
    places.send_replace(vec![rendezvous(1), rendezvous(2), rendezvous(3)]);
    task.list().await;
    assert_eq!(due(&task, 3), (now, now), "it is new");
    assert_eq!(due(&task, 2), kept);
    let other = Place { key: Secret::new([9; 32]), ..rendezvous(2).place };
    places.send_replace(vec![Rendezvous { place: other, ..rendezvous(2) }]);
    task.list().await;
    assert_eq!(due(&task, 2), (now, now), "under another key it is another place");
    assert_eq!(task.places.len(), 1, "what is not listed is left");
}

#[tokio::test(start_paused = true)]
async fn who_publishes_where_it_only_looked_before_takes_a_moment_of_its_own() {
    let mut moments = Vec::new();
    for seed in 0..200 {
        let (mut task, places) = stage();
        task.rng = ChaCha20Rng::from_seed([seed; 32]);
        places.send_replace(vec![Rendezvous { publish: false, ..rendezvous(1) }]);
        task.list().await;
        done(&mut task);
        places.send_replace(vec![rendezvous(1)]);
        task.list().await;
        let (put, look) = due(&task, 1);
        assert_eq!(put, look, "who puts looks");
        moments.push(put - Instant::now());
    }
    moments.sort();
    assert!(moments[199] <= SPREAD, "before others look at this place alone");
    let within = |share: u32| moments.iter().filter(|moment| **moment < SPREAD / 4 * share).count();
    assert!((1..4).all(|share| within(share).abs_diff(50 * share as usize) < 25), "not all at once");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_puts_off_what_is_due_and_brings_nothing_forward() {
    let (mut task, places) = stage();
    places.send_replace(vec![rendezvous(1)]);
    task.list().await;
    task.later(Duration::from_secs(30));
    let until = Instant::now() + Duration::from_secs(30);
    assert_eq!((due(&task, 1), task.next()), ((until, until), until));
    task.later(Duration::from_secs(10));
    assert_eq!(due(&task, 1), (until, until));
    task.all_due();
    assert_eq!(task.next(), Instant::now(), "a coordinator that has come back has forgotten everything");
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_published_only_looks_are_waited_for() {
    let (mut task, places) = stage();
    assert_eq!(task.next(), Instant::now() + NAP, "no place, nothing to do");
    places.send_replace(vec![Rendezvous { publish: false, ..rendezvous(1) }]);
    task.list().await;
    done(&mut task);
    task.places.values_mut().for_each(|(_, due)| due.put = Instant::now());
    assert_eq!(task.next(), Instant::now() + RENEW);
}
