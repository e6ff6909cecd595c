//! The uplink at the shipped rooms of a coordinator, in a time that hours pass in at once: what is asked while nothing happens, and who is
//! told what when clocks are wrong or the coordinator is started anew.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a failure here fails the test; measurements use the rest of the stage"
)]

#[path = "../examples/coordinator_rate/ledger.rs"]
mod ledger;
#[path = "../examples/coordinator_rate/place.rs"]
mod place;
#[path = "../examples/coordinator_rate/tap.rs"]
mod tap;

use halloo_coordinator::hall::entitlements::Feature;
use halloo_coordinator::subscriptions::config::{Plan, Provider, SubscriptionsConfig};
use halloo_crypto::id::{GroupId, MailboxItem};
use halloo_crypto::mailbox::{Day, MailboxSecret, SizeClass};
use halloo_crypto::secret::Secret;
use halloo_node::uplink::{Door, Fate, Line, News, Outside, Post, Rendezvous, Taken, Told, Uplink};
use halloo_wire::mailbox::Deposit;
use halloo_wire::origin::Origin;
use halloo_wire::rendezvous::Place as Meeting;
use place::{Place, Seat, in_paused_time};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::time::{Duration, Instant, timeout};

const NOW_MS: u64 = 1_800_000_000_000;
const SEED: [u8; 32] = [7; 32];
const PART: &str = "test";
/// More than anything here takes that is not a poll.
const SOON: Duration = Duration::from_secs(5);

/// A member's own clock, which somebody may set.
struct Clock {
    seat: Seat,
    set_ms: AtomicI64,
}

impl Told for Clock {
    fn wall_ms(&self) -> u64 {
        self.seat.wall_ms().saturating_add_signed(self.set_ms.load(Ordering::SeqCst))
    }

    fn connect(&self, origin: &Origin) -> io::Result<Line> {
        self.seat.connect(origin)
    }
}

struct Member {
    uplink: Uplink,
    clock: Arc<Clock>,
    secret: MailboxSecret,
    origin: Origin,
}

impl Member {
    fn at(place: &Arc<Place>, number: u8, ahead_ms: i64) -> Self {
        let clock =
            Arc::new(Clock { seat: Seat::of(place, number.into(), ahead_ms), set_ms: AtomicI64::new(0) });
        let outside = Outside::Told(Arc::<Clock>::clone(&clock));
        let mut uplink = Uplink::within(outside, Secret::new([number; 32]), [number; 32]);
        let origin = place.origin.clone();
        uplink.keep(&BTreeSet::from([origin.clone()]));
        uplink.set_addresses(vec!["/ip4/10.77.0.1/tcp/1/p2p-circuit".to_owned()]);
        let secret = MailboxSecret::generate(&mut ChaCha20Rng::from_seed([number; 32]));
        Member { uplink, clock, secret, origin }
    }

    /// Its addresses of so many days from today on are wanted.
    fn doors(&self, days: u32, watch: bool) {
        let today = Day::of_ms(NOW_MS);
        let door = |day| Door { key: self.secret.day_key(today.after(day)), watch };
        self.uplink.doors(&self.origin, (0..days).map(door).collect());
    }

    fn place(&self) {
        let place = Meeting { id: [1; 32], key: Secret::new([1; 32]) };
        let rendezvous = Rendezvous { place, publish: true, guessable: false, seek: false };
        self.uplink.places(&self.origin, vec![rendezvous]);
    }

    /// Leaves somebody an item, at the address of the day after so many days.
    async fn leave(&mut self, to: &MailboxSecret, day: u32) {
        let address = to.public().address(Day::of_ms(NOW_MS).after(day));
        let bytes = vec![7; SizeClass::Small.bytes()];
        let deposit = Deposit { address, item: MailboxItem([9; 16]), bytes };
        let post = Post { group: GroupId::from_bytes([1; 32]), id: 1, deposit };
        self.uplink.post(&self.origin, post).unwrap();
        let fate = |news: &News| matches!(news, News::Deposited { fate: Fate::Stored, .. });
        self.hears(SOON, fate).await;
    }

    /// Waits for news of this kind; acknowledges what comes meanwhile.
    async fn hears(&mut self, within: Duration, wanted: impl Fn(&News) -> bool) {
        let until = Instant::now() + within;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let (origin, news) = timeout(left, self.uplink.next()).await.expect("in time");
            if let News::Fetched { address, items } = &news {
                let items = items.iter().map(|(name, _)| *name).collect();
                self.uplink.taken(&origin, Taken { address: *address, items });
            }
            if wanted(&news) {
                return;
            }
        }
    }

    /// Lets time pass, and takes the news.
    async fn lives(&mut self, span: Duration) {
        let until = Instant::now() + span;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            drop(timeout(left, self.uplink.next()).await);
        }
    }
}

fn has_items(news: &News) -> bool {
    matches!(news, News::Fetched { items, .. } if !items.is_empty())
}

/// Of owners, who show their signature and no ticket: it would tell which addresses are of one client.
#[test]
fn who_looks_into_its_own_mailbox_shows_no_ticket() {
    in_paused_time((NOW_MS, SEED), PART, |place| async move {
        let (mut reader, mut writer) = (Member::at(&place, 1, 0), Member::at(&place, 2, 0));
        reader.doors(3, true);
        reader.lives(Duration::from_secs(10)).await;
        writer.leave(&reader.secret, 0).await;
        reader.hears(SOON, has_items).await;
        reader.lives(SOON).await;
        for kind in ["fetch", "acknowledge", "socket", "deposits"] {
            assert!(asked(&place, PART, kind) > 0, "{kind}");
        }
        assert_eq!(asked(&place, PART, ledger::TELLTALE), 0);
        assert_eq!(asked(&place, PART, "ticket"), 3, "one for what was left, and each one for relayed voice");
    });
}

fn asked(place: &Place, part: &str, kind: &str) -> u64 {
    place.notes.ledger().of(part, kind).0
}

#[test]
fn a_member_at_rest_asks_for_nothing_while_hours_pass() {
    in_paused_time((NOW_MS, SEED), PART, |place| async move {
        let mut member = Member::at(&place, 1, 0);
        member.doors(3, true);
        member.place();
        member.lives(Duration::from_secs(60)).await;
        assert!(asked(&place, PART, "publish place") == 1 && asked(&place, PART, "fetch") >= 3);
        place.notes.ledger().begin("at rest");
        member.lives(Duration::from_secs(6 * 3_600)).await;
        assert_eq!(place.notes.ledger().requests("at rest"), 0);
    });
}

#[test]
fn an_address_that_is_watched_is_looked_into_once_a_day_and_another_every_five_minutes() {
    for (watch, looks) in [(true, 1), (false, 288)] {
        in_paused_time((NOW_MS, SEED), PART, |place| async move {
            let mut member = Member::at(&place, 1, 0);
            member.doors(1, watch);
            member.lives(Duration::from_secs(60)).await;
            place.notes.ledger().begin("a day");
            member.lives(Duration::from_secs(86_400)).await;
            assert_eq!(asked(&place, "a day", "fetch"), looks, "watched: {watch}");
        });
    }
}

#[test]
fn a_new_address_is_looked_into_once_and_has_what_was_left_there_before() {
    in_paused_time((NOW_MS, SEED), PART, |place| async move {
        let (mut reader, mut writer) = (Member::at(&place, 1, 0), Member::at(&place, 2, 0));
        reader.doors(1, true);
        reader.lives(Duration::from_secs(10)).await;
        writer.leave(&reader.secret, 1).await;
        place.notes.ledger().begin("another");
        reader.doors(2, true);
        reader.hears(SOON, has_items).await;
        reader.lives(SOON).await;
        let asked = |kind| asked(&place, "another", kind);
        assert_eq!((asked("fetch"), asked("acknowledge")), (1, 1));
    });
}

#[test]
fn clocks_that_are_years_apart_keep_nobody_from_its_mail() {
    const YEARS_MS: i64 = 5 * 365 * 86_400_000;
    for ahead_ms in [-YEARS_MS, YEARS_MS] {
        in_paused_time((NOW_MS, SEED), PART, |place| async move {
            let (mut reader, mut writer) = (Member::at(&place, 1, ahead_ms), Member::at(&place, 2, 0));
            reader.doors(1, true);
            reader.lives(Duration::from_secs(10)).await;
            writer.leave(&reader.secret, 0).await;
            reader.hears(SOON, has_items).await;
        });
    }
}

#[test]
fn a_clock_that_is_set_while_a_socket_stands_keeps_no_new_address_from_being_watched() {
    in_paused_time((NOW_MS, SEED), PART, |place| async move {
        let (mut reader, mut writer) = (Member::at(&place, 1, 0), Member::at(&place, 2, 0));
        reader.doors(1, true);
        reader.lives(Duration::from_secs(10)).await;
        let greetings = asked(&place, PART, "greeting");
        reader.clock.set_ms.store(3_600_000, Ordering::SeqCst);
        reader.doors(2, true);
        reader.lives(Duration::from_secs(10)).await;
        assert_eq!(asked(&place, PART, "greeting"), greetings + 1, "it looked at the clock again");
        writer.leave(&reader.secret, 1).await;
        reader.hears(SOON, has_items).await;
    });
}

/// What `voucher key` prints for a key that nobody has here.
const VOUCHER_KEY: &str = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";

#[test]
fn who_has_no_plan_where_relays_are_sold_is_told_so_and_asks_once_in_an_hour() {
    in_paused_time((NOW_MS, SEED), PART, |place| async move {
        let features = BTreeSet::from([Feature::Turn]);
        let plan = Plan { id: "ride".into(), name: "Ride".into(), features, price: String::new() };
        let voucher_key = VOUCHER_KEY.to_owned();
        place.down().await;
        let sells = SubscriptionsConfig { provider: Provider::Voucher, voucher_key, plans: vec![plan] };
        *place.sells.lock().unwrap() = sells;
        place.up().await;
        let (mut member, mut other) = (Member::at(&place, 1, 0), Member::at(&place, 2, 0));
        member.doors(3, true);
        member.lives(Duration::from_secs(60)).await;
        let sold = |member: &Member| member.uplink.standing().next().unwrap().1.sold;
        assert_eq!(sold(&member), BTreeSet::from(["turn"]));
        place.notes.ledger().begin("hours");
        let until = Instant::now() + Duration::from_secs(6 * 3_600);
        while Instant::now() < until {
            member.lives(Duration::from_secs(600)).await;
            other.lives(Duration::from_secs(1)).await;
        }
        // What is not sold is there all the while, and neither is asked for more often than the other.
        assert_eq!(asked(&place, "hours", "ticket"), 12);
        other.leave(&member.secret, 0).await;
        member.hears(SOON, has_items).await;
    });
}

#[test]
fn a_coordinator_that_is_started_anew_has_everybody_back_within_five_seconds_with_place_and_mail() {
    in_paused_time((NOW_MS, SEED), PART, |place| async move {
        let (mut reader, mut writer) = (Member::at(&place, 1, 0), Member::at(&place, 2, 0));
        reader.doors(1, true);
        reader.place();
        reader.lives(Duration::from_secs(10)).await;
        place.down().await;
        place.notes.ledger().begin("anew");
        place.up().await;
        let began = Instant::now();
        reader.hears(SOON, |news| matches!(news, News::Stands(standing) if standing.reachable)).await;
        reader.lives(SOON.saturating_sub(began.elapsed())).await;
        assert_eq!((asked(&place, "anew", "publish place"), asked(&place, "anew", "socket")), (1, 1));
        writer.leave(&reader.secret, 0).await;
        reader.hears(SOON, has_items).await;
    });
}
