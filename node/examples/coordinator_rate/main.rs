//! How often members ask their coordinator: thousands of shipped uplinks and the shipped rooms of the coordinator in one process, where days
//! pass in minutes.
//!
//! ```text
//!   member (script or engine) -- uplink == pipe, listened to == door -- rooms -- store in memory
//!                        one runtime of one thread, its clock paused: it jumps when nobody has anything to do
//! ```
//! `coordinator_rate GROUPS STEADY_HOURS LIFE_DAYS` prints a JSON object a line: requests, frames and bytes by part of the run and by kind. It
//! fails if somebody lacks a line, if anything is left in a mailbox, or if a member asks more than once an hour while all are there. Why it
//! is built so: docs/adr/0023.
#![allow(clippy::print_stdout)] // this program's whole product is its lines

mod engines;
mod ledger;
mod member;
mod place;
mod tap;

use anyhow::{Context as _, Result, ensure};
use halloo_crypto::mailbox::{Day, MailboxSecret};
use halloo_store::store::Store as _;
use ledger::{TELLTALE, UNKNOWN, rounded};
use member::{Act, Member, Party};
use place::{Place, Seat, in_paused_time};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde_json::json;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep_until};

/// 2027-01-15, 08:00 UTC: a day begins in the middle of what is measured.
const NOW_MS: u64 = 1_800_000_000_000;
const SEED: [u8; 32] = [9; 32];
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// Groups have from four to eight members.
const SIZES: std::ops::RangeInclusive<usize> = 4..=8;
/// Clocks of members differ from the coordinator's by up to so much, milliseconds: phones that ask the network for the time.
const SKEW_MS: u64 = 1_000;
/// What a member does in a day: lines that it writes, and how often its network gives it another address.
const LINES: u64 = 12;
const MOVES: u64 = 4;
/// Of each day a member is away for so long in one piece, and one of so many is away all the time until everybody comes home.
const AWAY: Duration = Duration::from_secs(8 * 3_600);
const AWAY_FOR_DAYS_OF: u64 = 20;
/// How long the coordinator is away in the middle of it all.
const RESTART: Duration = Duration::from_secs(2);
/// How long everybody takes to be back after it, and is given.
const RETURN: Duration = Duration::from_secs(600);
/// The promise: requests of one member in an hour while all are there.
const MOST: f64 = 1.0;

/// The parts of a run.
const COMING: &str = "coming";
const STEADY: &str = "steady";
const LIFE: &str = "life";
const AFTER_RESTART: &str = "after a restart";
const LATER: &str = "life after it";
const HOME: &str = "coming home";

/// When each part begins.
struct Times {
    steady: Instant,
    life: Instant,
    restart: Instant,
    home: Instant,
    end: Instant,
}

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let mut number = |what: &str| -> Result<u32> {
        let word = words.next().with_context(|| format!("say {what}: GROUPS STEADY_HOURS LIFE_DAYS"))?;
        word.parse().with_context(|| format!("{what} is a number, not {word}"))
    };
    let (groups, steady, life) = (number("GROUPS")?, number("STEADY_HOURS")?, number("LIFE_DAYS")?);
    in_paused_time((NOW_MS, SEED), COMING, |place| async move {
        run(&place, groups as usize, HOUR * steady, DAY * life).await?;
        engines::run(&place).await
    })
}

/// All of it, but for the groups of engines.
async fn run(place: &Arc<Place>, groups: usize, steady: Duration, life: Duration) -> Result<()> {
    let began = Instant::now() + HOUR;
    let times = Times {
        steady: began,
        life: began + steady,
        restart: began + steady + life / 2,
        home: began + steady + life,
        end: began + steady + life + 3 * HOUR,
    };
    let mut rng = ChaCha20Rng::from_seed(SEED);
    let mut tasks = JoinSet::new();
    let mut parties = Vec::new();
    let mut members = 0;
    for _ in 0..groups {
        let sizes = SIZES.end() - SIZES.start() + 1;
        let size = SIZES.start() + usize::try_from(below(&mut rng, sizes as u64))?;
        let party = Arc::new(Party::of(size, &mut rng));
        parties.push(Arc::clone(&party));
        for me in 0..size {
            let ahead_ms = i64::try_from(below(&mut rng, 2 * SKEW_MS))? - i64::try_from(SKEW_MS)?;
            let seat = Seat::of(place, members, ahead_ms);
            members += 1;
            let mut own = [0; 32];
            rng.fill_bytes(&mut own);
            let mut member = Member::new(seat, Arc::clone(&party), me, ChaCha20Rng::from_seed(own));
            member.plan = plan(&times, &mut rng).into();
            tasks.spawn(member.live(times.end));
        }
    }
    pass(place, &times).await;
    while let Some(ended) = tasks.join_next().await {
        ended.context("a member")?;
    }
    place.notes.ledger().end();
    judge(place, &parties, members)
}

/// The parts one after the other, and the restart in the middle.
async fn pass(place: &Place, times: &Times) {
    let begin = |part| place.notes.ledger().begin(part);
    sleep_until(times.steady).await;
    begin(STEADY);
    sleep_until(times.life).await;
    begin(LIFE);
    sleep_until(times.restart).await;
    begin(AFTER_RESTART);
    place.down().await;
    tokio::time::sleep(RESTART).await;
    place.up().await;
    tokio::time::sleep(RETURN).await;
    begin(LATER);
    sleep_until(times.home).await;
    begin(HOME);
    sleep_until(times.end).await;
}

/// A life: it comes, is there, comes and goes for days, and is there in the end.
fn plan(times: &Times, rng: &mut ChaCha20Rng) -> Vec<(Instant, Act)> {
    let for_days = below(rng, AWAY_FOR_DAYS_OF) == 0;
    let mut within = |from: Instant, span: Duration| {
        from + Duration::from_millis(below(rng, u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    };
    let mut plan = vec![(within(times.steady - HOUR, HOUR / 2), Act::Come)];
    plan.push((within(times.home, HOUR), Act::Come));
    let mut each = |from: Instant, to: Instant, act: Act, a_day: u64| {
        let span = to.duration_since(from);
        let count = span.as_secs() * a_day / DAY.as_secs();
        plan.extend((0..count).map(|_| (within(from, span), act)));
    };
    each(times.steady, times.life, Act::Write, LINES);
    each(times.life, times.home, Act::Write, LINES);
    each(times.life, times.home, Act::Move, MOVES);
    if for_days {
        plan.push((within(times.life, HOUR), Act::Go));
    } else {
        let mut day = times.life;
        while day + DAY <= times.home {
            let gone = within(day, DAY - AWAY);
            plan.extend([(gone, Act::Go), (gone + AWAY, Act::Come)]);
            day += DAY;
        }
    }
    plan.sort();
    plan
}

/// A number below this one; the bias of 64 bits is none.
fn below(rng: &mut ChaCha20Rng, end: u64) -> u64 {
    rng.next_u64() % end.max(1)
}

/// Prints what was counted, and holds it against what was promised.
fn judge(place: &Place, parties: &[Arc<Party>], members: usize) -> Result<()> {
    let ledger = place.notes.ledger();
    ledger.rows(members).iter().for_each(|row| println!("{row}"));
    let mut lines = 0;
    for party in parties {
        let (all, wrong) = party.missing();
        lines += all;
        ensure!(wrong.is_empty(), "who lacks which line: {wrong:?}");
    }
    let left: usize = parties.iter().flat_map(|party| &party.secrets).map(|secret| rows(place, secret)).sum();
    let away = ledger.of(LIFE, "deposits").0 + ledger.of(LATER, "deposits").0;
    println!(
        "{}",
        json!({"part": "all", "lines": lines, "batches_left": away, "rows_left_at_the_end": left})
    );
    ensure!(left == 0, "{left} items of members still lie at the coordinator");
    let odd = ledger.kinds().find(|kind| [UNKNOWN, TELLTALE].contains(kind));
    ensure!(odd.is_none(), "something was asked for that no member asks for: {odd:?}");
    ensure!(ledger.of(STEADY, "deposits") == (0, 0), "something was left while all were there");
    let rate = ledger.requests(STEADY) as f64 / (members as f64 * ledger.hours(STEADY));
    // By libp2p, so not on the wire that is listened to.
    let relay = HOUR.as_secs_f64() / (halloo_coordinator::relay::PLACE.as_secs_f64() * 0.75);
    let all = rate + relay;
    println!(
        "{}",
        json!({
            "name": "requests of a member in an hour, all there", "ours": rounded(all), "most": MOST,
            "by_http": rounded(rate), "for_a_place_at_the_relay": rounded(relay),
        })
    );
    ensure!(all <= MOST, "{all:.3} requests of a member in an hour, at most {MOST} were promised");
    Ok(())
}

/// Items that lie at the addresses of a mailbox.
fn rows(place: &Place, secret: &MailboxSecret) -> usize {
    /// First byte of items, as drawn in docs/spec/coordinator.md.
    const ITEMS: u8 = b'm';
    let (first, last) = (Day::of_ms(NOW_MS).before(1), Day::of_ms(place.now_ms()).after(1));
    let prefix = |day| [&[ITEMS], &secret.public().address(Day(day)).0[..]].concat();
    let at = |day| place.store.range(&prefix(day)).expect("memory").len();
    (first.0..=last.0).map(at).sum()
}
