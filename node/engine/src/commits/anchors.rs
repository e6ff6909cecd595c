//! Acknowledging epochs, so that no late rival pulls anybody back: one signed row of the board for an epoch that stays.

use core::time::Duration;

use halloo_crdt::log::{Fact as Acknowledged, MAX_RIVALS, Row, Word};
use rand_core::Rng as _;

use crate::epochs::{Said, Voices};
use crate::snapshot::Table;
use crate::state::State;
use crate::timers::Timer;
use crate::wire::parcel::{Parcel, ParcelKind};

/// For how long an epoch must have been current before it is acknowledged: races are decided by then, and one that is soon followed by
/// another needs no rows, for the word about that one counts for it too.
const STAYS: Duration = Duration::from_secs(60);
/// The spread of the acknowledgements, for each device: who sees that more than half have spoken is silent.
const SPREAD_MS: u64 = 200;

/// Another epoch is current: it is acknowledged when it has stayed for a while.
pub(crate) fn schedule_word(state: &mut State) {
    let devices = state.log.view().devices().len() as u64;
    let spread = u64::from(state.rng.next_u32()) % (1 + SPREAD_MS * devices);
    state.timers.set(Timer::Anchor, state.now.mono.after(STAYS + Duration::from_millis(spread)));
}

/// The current epoch has stayed: one row says so, unless more than half have said it.
pub(crate) fn on_anchor_due(state: &mut State) {
    let fact = Acknowledged::Commit(state.epochs.tip().session.commit_id().0);
    listen(state);
    let rivals = state.epochs.rivals_of_branch();
    let spoken = state.epochs.tip_is_acknowledged() || state.log.board().word(&fact, &state.me()).is_some();
    // More rivals than a row can name would make its silence about them a lie.
    if !state.is_member() || state.tainted || spoken || rivals.len() > MAX_RIVALS {
        return;
    }
    let Ok(row) = state.log.author_acknowledge(&state.identity.device, fact, rivals) else {
        return state.count("epoch that could not be acknowledged");
    };
    assert!(row.rivals().len() <= MAX_RIVALS, "all that were seen are named");
    let bytes = row.to_bytes();
    state.out.put(Table::Acknowledgement, &Row::name_of(&bytes), bytes.clone());
    state.publish(&Parcel::new(ParcelKind::Acknowledgements, vec![bytes]));
    weigh(state);
}

/// Looks who stands behind which branch; true if that anchored another one. Without rivals there is nothing to be looked at.
pub(crate) fn weigh(state: &mut State) -> bool {
    state.epochs.is_forked() && listen(state)
}

fn listen(state: &mut State) -> bool {
    let rows = state.log.board().rows().filter(|row| matches!(row.fact(), Acknowledged::Commit(_)));
    let mut said: Vec<Said> = rows.filter_map(|row| said_by(state, row)).collect();
    said.dedup();
    let devices = state.epochs.devices();
    let accounts =
        devices.into_iter().filter_map(|device| Some((device, state.log.account_of(&device)?))).collect();
    state.epochs.set_voices(Voices { said, accounts })
}

fn said_by(state: &State, row: &Row) -> Option<Said> {
    let Acknowledged::Commit(commit) = row.fact() else { return None };
    let account = state.log.account_of(&row.device())?;
    let lied = matches!(state.log.board().word(&row.fact(), &row.device()), Some(Word::Lied(_)));
    let rivals = if lied { Vec::new() } else { row.rivals().to_vec() };
    Some(Said { account, commit, rivals })
}

/// Forgets the rows about epochs that are settled, here and in the store.
pub(crate) fn forget_settled(state: &mut State) {
    let rows = state.log.board().rows().filter_map(|row| match row.fact() {
        Acknowledged::Commit(commit) if state.epochs.of_commit(&commit).is_none() => {
            Some((commit, row.name()))
        }
        _ => None,
    });
    let rows: Vec<([u8; 32], [u8; 32])> = rows.collect();
    for (commit, name) in rows {
        state.log.settle(&commit);
        state.out.del(Table::Acknowledgement, &name);
    }
}

#[cfg(test)]
mod tests;
