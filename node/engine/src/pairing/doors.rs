//! The open invites of a host: which code or link is good now, for whom, and why it is not.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use halloo_crypto::id::{InviteId, OpId};
use halloo_crypto::invite::InviteSecret;
use halloo_crypto::invite::code::{Nameplate, ShortCode};
use halloo_crypto::pake::{CODE_LIFE_MS, Door, Password, TRIES_MAX};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

use crate::time::Time;

/// Invites open at one host. More than anybody keeps track of; the log bounds them besides.
pub const INVITES_MAX: usize = 64;
/// Nameplates are drawn below this, so that codes stay short.
const NAMEPLATE_TOP: u16 = 999;
/// Ended doors remembered with their reason, so that a late joiner learns it; the oldest is forgotten first.
const ENDED_MAX: usize = 64;
/// How long a code lives.
const CODE_LIFE: Duration = Duration::from_millis(CODE_LIFE_MS);

/// What stands in the place of the Invite operation at a door for a device of the host's own account: none has this id.
pub const DEVICE_DOOR: OpId = OpId([0; 32]);

/// Why a code or an invite is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Three wrong tries; the link still works.
    Burned,
    /// Ten minutes for a code, the invite's own end for all of it.
    Expired,
    /// Taken by a joiner, or the invite admitted everybody that it could.
    UsedUp,
    /// By hand, or because its maker was removed.
    Closed,
}

/// An invite as the engine opens it here.
#[derive(Clone, Debug)]
pub struct HostInvite {
    /// Its public name.
    pub invite: InviteId,
    /// The operation of the log that opened it.
    pub op: OpId,
    /// Its secret; only devices that hold it can be hosts.
    pub secret: InviteSecret,
    /// How many more it admits.
    pub uses_left: u16,
    /// When it ends.
    pub ends: Time,
    /// No short code, and nothing is told of it: a step of something that the user began and follows elsewhere.
    pub quiet: bool,
}

struct Code {
    code: ShortCode,
    wrong: u8,
    ends: Time,
}

struct Open {
    invite: HostInvite,
    /// Joiners between confirmation and admission: they count as uses until they fail.
    reserved: u16,
    code: Option<Code>,
}

impl Open {
    fn free(&self) -> u16 {
        self.invite.uses_left.saturating_sub(self.reserved)
    }
}

/// What stands behind a door.
pub(super) enum Behind {
    /// An open invite.
    Open {
        /// Which.
        invite: InviteId,
        /// What the joiner must know.
        password: Password,
    },
    /// It was open.
    Ended(Ending),
    /// Never heard of it.
    Nothing,
}

/// All doors of a host.
#[derive(Default)]
pub(super) struct Doors {
    invites: BTreeMap<InviteId, Open>,
    ended: VecDeque<(Door, Ending)>,
}

impl Doors {
    /// Opens an invite with a code, or brings the uses and the end of an open one up to date. `false` when full.
    ///
    /// An update never makes a code: one that burned stays burned until somebody asks for another.
    pub(super) fn open(&mut self, rng: &mut ChaCha20Rng, now: Time, invite: HostInvite) -> bool {
        let id = invite.invite;
        if let Some(open) = self.invites.get_mut(&id) {
            open.invite = invite;
            return true;
        }
        if self.invites.len() == INVITES_MAX {
            return false;
        }
        self.ended.retain(|(door, _)| *door != Door::Invite(id));
        self.invites.insert(id, Open { invite, reserved: 0, code: None });
        self.renew(rng, now, &id);
        true
    }

    /// Gives the invite a fresh code; the one before is closed. `None` when it admits nobody or is not open.
    pub(super) fn renew(
        &mut self,
        rng: &mut ChaCha20Rng,
        now: Time,
        invite: &InviteId,
    ) -> Option<&ShortCode> {
        let open = self.invites.get(invite).filter(|open| !open.invite.quiet)?;
        let free = open.free();
        let nameplate = self.free_nameplate(rng)?;
        self.end_code(invite, Ending::Closed);
        if free == 0 {
            return None;
        }
        let open = self.invites.get_mut(invite)?;
        let code = ShortCode::generate(rng, nameplate);
        let ends = now.after(CODE_LIFE).min(open.invite.ends);
        Some(&open.code.insert(Code { code, wrong: 0, ends }).code)
    }

    /// A nameplate that is neither in use nor remembered. There are far more than can be taken.
    fn free_nameplate(&self, rng: &mut ChaCha20Rng) -> Option<Nameplate> {
        let start = rng.next_u32() as u16 % NAMEPLATE_TOP;
        (0..NAMEPLATE_TOP)
            .map(|step| Nameplate(1 + (start + step) % NAMEPLATE_TOP))
            .find(|nameplate| matches!(self.behind(&Door::Nameplate(*nameplate)), Behind::Nothing))
    }

    pub(super) fn code(&self, invite: &InviteId) -> Option<&ShortCode> {
        Some(&self.invites.get(invite)?.code.as_ref()?.code)
    }

    pub(super) fn invite(&self, invite: &InviteId) -> Option<&HostInvite> {
        Some(&self.invites.get(invite)?.invite)
    }

    pub(super) fn is_quiet(&self, invite: &InviteId) -> bool {
        self.invite(invite).is_some_and(|invite| invite.quiet)
    }

    pub(super) fn behind(&self, door: &Door) -> Behind {
        for (id, open) in &self.invites {
            let password = match (door, &open.code) {
                (Door::Invite(wanted), _) if wanted == id => Password::from_invite(&open.invite.secret),
                (Door::Nameplate(wanted), Some(code)) if *wanted == code.code.nameplate() => {
                    Password::from_code(&code.code)
                }
                _ => continue,
            };
            if open.free() == 0 {
                return Behind::Ended(Ending::UsedUp);
            }
            return Behind::Open { invite: *id, password };
        }
        match self.ended.iter().find(|(ended, _)| ended == door) {
            Some((_, ending)) => Behind::Ended(*ending),
            None => Behind::Nothing,
        }
    }

    /// Counts a wrong try at a code; gives the tries left, 0 when this burned it. Links are not counted.
    pub(super) fn wrong(&mut self, invite: &InviteId, door: &Door) -> u8 {
        let Door::Nameplate(nameplate) = door else {
            return TRIES_MAX;
        };
        let Some(code) = self.invites.get_mut(invite).and_then(|open| open.code.as_mut()) else {
            return 0;
        };
        if code.code.nameplate() != *nameplate {
            return 0;
        }
        code.wrong += 1;
        assert!(code.wrong <= TRIES_MAX, "a burned code is gone");
        let left = TRIES_MAX - code.wrong;
        if left == 0 {
            self.end_code(invite, Ending::Burned);
        }
        left
    }

    /// A joiner has proven itself at this door: it holds a use, and a code it came by is taken.
    pub(super) fn take(&mut self, invite: &InviteId, door: &Door) {
        if matches!(door, Door::Nameplate(_)) {
            self.end_code(invite, Ending::UsedUp);
        }
        if let Some(open) = self.invites.get_mut(invite) {
            open.reserved = open.reserved.saturating_add(1);
        }
    }

    /// The joiner that took a use failed before it was handed to membership: the use is free again.
    pub(super) fn release(&mut self, invite: &InviteId) {
        if let Some(open) = self.invites.get_mut(invite) {
            // An invite that was closed and opened again in between has forgotten its reservations.
            open.reserved = open.reserved.saturating_sub(1);
        }
    }

    /// The joiner is handed to membership, which counts the use in the log from now on.
    pub(super) fn hand_over(&mut self, invite: &InviteId) {
        self.release(invite);
        if let Some(open) = self.invites.get_mut(invite) {
            open.invite.uses_left = open.invite.uses_left.saturating_sub(1);
        }
    }

    /// Membership did not add the joiner: the use was not used.
    pub(super) fn give_back(&mut self, invite: &InviteId) {
        if let Some(open) = self.invites.get_mut(invite) {
            open.invite.uses_left = open.invite.uses_left.saturating_add(1);
        }
    }

    /// A joiner is in. `true` if it was the last that the invite admits, which is closed by it.
    pub(super) fn finish(&mut self, invite: &InviteId) -> bool {
        let last = |open: &Open| open.invite.uses_left == 0 && open.reserved == 0;
        self.invites.get(invite).is_some_and(last) && self.close(invite, Ending::UsedUp)
    }

    /// Closes an invite with its code.
    pub(super) fn close(&mut self, invite: &InviteId, ending: Ending) -> bool {
        self.end_code(invite, ending);
        let known = self.invites.remove(invite).is_some();
        if known {
            self.remember(Door::Invite(*invite), ending);
        }
        known
    }

    /// Ends what has run out; gives the invites whose code, or all of it, is over.
    pub(super) fn expire(&mut self, now: Time) -> Vec<InviteId> {
        let over: Vec<InviteId> = self
            .invites
            .values()
            .filter(|open| open.invite.ends <= now)
            .map(|open| open.invite.invite)
            .collect();
        for invite in &over {
            self.close(invite, Ending::Expired);
        }
        let codes: Vec<InviteId> = self
            .invites
            .iter()
            .filter(|(_, open)| open.code.as_ref().is_some_and(|code| code.ends <= now))
            .map(|(id, _)| *id)
            .collect();
        for invite in &codes {
            self.end_code(invite, Ending::Expired);
        }
        over.into_iter().chain(codes).collect()
    }

    /// When something runs out next.
    pub(super) fn deadline(&self) -> Option<Time> {
        let ends =
            |open: &Open| open.code.as_ref().map_or(open.invite.ends, |code| code.ends.min(open.invite.ends));
        self.invites.values().map(ends).min()
    }

    fn end_code(&mut self, invite: &InviteId, ending: Ending) {
        let taken = self.invites.get_mut(invite).and_then(|open| open.code.take());
        if let Some(code) = taken {
            self.remember(Door::Nameplate(code.code.nameplate()), ending);
        }
    }

    fn remember(&mut self, door: Door, ending: Ending) {
        if self.ended.len() == ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back((door, ending));
    }
}

#[cfg(test)]
mod tests;
