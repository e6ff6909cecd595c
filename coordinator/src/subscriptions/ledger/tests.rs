//! Plans last as long as was paid for, vouchers count once, and what is over goes.

use super::*;
use halloo_store::memory::MemoryStore;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

const TODAY: Day = Day(20_000);
const ANNA: Account = [1; 16];
const BEN: Account = [2; 16];

fn plan(id: &str, features: &[Feature]) -> Plan {
    let features = features.iter().copied().collect();
    Plan { id: id.to_owned(), name: id.to_owned(), features, price: String::new() }
}

fn ledger() -> Ledger {
    let plans = [plan("ride", &[Feature::Turn]), plan("post", &[Feature::Mailbox, Feature::Turn])];
    Ledger::new(&plans, &Secret::new([7; 32]))
}

fn voucher(id: u8, plan: &str, days: u16) -> Voucher {
    let mut rng = ChaCha20Rng::from_seed([id; 32]);
    Voucher::draw(plan_tag(plan), days, TODAY.after(100), &mut rng)
}

fn use_it(store: &MemoryStore, account: &Account, voucher: &Voucher, today: Day) -> Result<(), Refused> {
    let ledger = ledger();
    let plan = &ledger.plans[&voucher.plan].id;
    store.commit(&ledger.redeem(store, account, (voucher, plan), today)?)?;
    Ok(())
}

fn lasts(store: &MemoryStore, account: &Account, today: Day) -> Vec<(String, u32)> {
    let held = ledger().standing(store, account, today).unwrap().held;
    held.into_iter().map(|held| (held.plan, held.last.0 - TODAY.0)).collect()
}

#[test]
fn a_plan_lasts_as_many_days_as_the_voucher_says_and_another_adds_to_them() {
    let store = MemoryStore::new();
    use_it(&store, &ANNA, &voucher(1, "ride", 30), TODAY).unwrap();
    assert_eq!(lasts(&store, &ANNA, TODAY), [("ride".to_owned(), 30)]);
    use_it(&store, &ANNA, &voucher(2, "ride", 5), TODAY.after(10)).unwrap();
    assert_eq!(lasts(&store, &ANNA, TODAY.after(35)), [("ride".to_owned(), 35)]);
    assert!(lasts(&store, &ANNA, TODAY.after(36)).is_empty(), "its last day is over");
    use_it(&store, &ANNA, &voucher(3, "ride", 1), TODAY.after(50)).unwrap();
    assert_eq!(lasts(&store, &ANNA, TODAY.after(50)), [("ride".to_owned(), 51)], "from today, not from then");
    assert!(lasts(&store, &BEN, TODAY).is_empty());
}

#[test]
fn a_voucher_counts_once_and_its_own_account_may_ask_again() {
    let store = MemoryStore::new();
    let one = voucher(1, "ride", 30);
    use_it(&store, &ANNA, &one, TODAY).unwrap();
    use_it(&store, &ANNA, &one, TODAY.after(3)).unwrap();
    assert_eq!(lasts(&store, &ANNA, TODAY), [("ride".to_owned(), 30)], "once");
    assert_eq!(ledger().invoices(&store, &ANNA).unwrap().len(), 1);
    assert!(matches!(use_it(&store, &BEN, &one, TODAY), Err(Refused::Used)));
}

#[test]
fn a_voucher_that_is_too_late_or_for_another_plan_is_refused_by_its_own_reason() {
    let store = MemoryStore::new();
    let one = voucher(1, "ride", 30);
    use_it(&store, &ANNA, &one, one.last).unwrap();
    let late = voucher(2, "ride", 30);
    assert!(matches!(use_it(&store, &ANNA, &late, late.last.after(1)), Err(Refused::Ended)));
    let redeem = |voucher: &Voucher| ledger().redeem(&store, &ANNA, (voucher, "ride"), TODAY).map(drop);
    assert!(matches!(redeem(&voucher(3, "post", 1)), Err(Refused::OtherPlan)));
    assert!(matches!(redeem(&voucher(4, "gone", 1)), Err(Refused::NoPlan)));
}

#[test]
fn plans_add_up_and_what_no_plan_has_is_everybodys() {
    let store = MemoryStore::new();
    let features = |ledger: &Ledger, account| ledger.standing(&store, account, TODAY).unwrap().features;
    let only_turn = Ledger::new(&[plan("ride", &[Feature::Turn])], &Secret::new([7; 32]));
    assert_eq!(features(&only_turn, &ANNA), [Feature::Mailbox].into());
    let nothing = Ledger::new(&[], &Secret::new([7; 32]));
    assert_eq!(features(&nothing, &ANNA), Feature::ALL.into());
    assert!(features(&ledger(), &ANNA).is_empty());
    use_it(&store, &ANNA, &voucher(1, "ride", 1), TODAY).unwrap();
    assert_eq!(features(&ledger(), &ANNA), [Feature::Turn].into());
    use_it(&store, &ANNA, &voucher(2, "post", 1), TODAY).unwrap();
    assert_eq!(features(&ledger(), &ANNA), Feature::ALL.into());
    assert_eq!(lasts(&store, &ANNA, TODAY), [("post".to_owned(), 1), ("ride".to_owned(), 1)]);
}

#[test]
fn invoices_are_numbered_and_the_oldest_makes_room() {
    let store = MemoryStore::new();
    for id in 0..=INVOICES_MAX {
        let mut rng = ChaCha20Rng::seed_from_u64(id as u64);
        let one = Voucher::draw(plan_tag("ride"), 1, TODAY, &mut rng);
        use_it(&store, &ANNA, &one, TODAY).unwrap();
    }
    let all = ledger().invoices(&store, &ANNA).unwrap();
    assert_eq!(all.len(), INVOICES_MAX);
    let ends = [all.first(), all.last()].map(|invoice| invoice.unwrap().number);
    assert_eq!(ends, [2, 129]);
    assert_eq!(all[0], Invoice { number: 2, day: TODAY, days: 1, plan: "ride".to_owned() });
}

#[test]
fn each_row_goes_on_the_day_after_its_last_and_an_account_takes_its_own_with_it() {
    let store = MemoryStore::new();
    use_it(&store, &ANNA, &voucher(1, "ride", 30), TODAY).unwrap();
    use_it(&store, &BEN, &voucher(2, "ride", 600), TODAY).unwrap();
    let left = |today: Day| {
        let (batch, next) = forget(&store, None, today).unwrap();
        assert!(next.is_none());
        store.commit(&batch).unwrap();
        let rows = store.range(ROWS).unwrap();
        rows.into_iter().map(|(key, _)| char::from(key[1])).collect::<String>()
    };
    assert_eq!(left(TODAY.after(30)), "aaiivv");
    assert_eq!(left(TODAY.after(31)), "aiivv");
    assert_eq!(left(TODAY.after(INVOICE_DAYS)), "aiivv");
    assert_eq!(left(TODAY.after(INVOICE_DAYS + 1)), "avv");
    // Those are known for long after they could be used: their last day was the hundredth.
    assert_eq!(left(TODAY.after(INVOICE_DAYS + 100)), "avv");
    assert_eq!(left(TODAY.after(INVOICE_DAYS + 101)), "a");
    let mut batch = Batch::new();
    forget_account(&store, &BEN, &mut batch).unwrap();
    store.commit(&batch).unwrap();
    assert_eq!(left(TODAY), "");
}

#[test]
fn however_many_rows_there_are_all_that_are_over_go() {
    let store = MemoryStore::new();
    let mut batch = Batch::new();
    for number in 0..700_u32 {
        let key = [HELD, &number.to_be_bytes(), &[0; 12], &plan_tag("ride")].concat();
        batch.put(key, TODAY.after(number % 2).0.to_be_bytes());
    }
    store.commit(&batch).unwrap();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let (batch, next) = forget(&store, after.as_deref(), TODAY.after(1)).unwrap();
        store.commit(&batch).unwrap();
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(store.range(ROWS).unwrap().len(), 350);
}

#[test]
fn no_row_of_a_voucher_names_an_account_and_no_row_of_an_account_a_voucher() {
    let store = MemoryStore::new();
    let one = voucher(1, "ride", 30);
    use_it(&store, &ANNA, &one, TODAY).unwrap();
    for (key, value) in store.range(ROWS).unwrap() {
        let row = [key.clone(), value].concat();
        let has = |what: &[u8]| row.windows(what.len()).any(|window| window == what);
        assert_eq!(has(&ANNA), !key.starts_with(USED));
        assert_eq!(has(&one.name()[..4]) || has(&one.id[..4]), key.starts_with(USED));
    }
}
