//! The table of what may be signed, each operation judged at its own past among what stands.

use super::log::{Id, Ids, Kind, Log, Role};

/// Most devices that one account is ever granted.
const MOST_DEVICES: usize = 32;

impl Log {
    /// The table of what may be signed, judged at the operation's own past among what stands; `cap` as if the role were no higher.
    pub(super) fn allowed(&self, op: Id, stands: &Ids, cap: Option<Role>) -> bool {
        let here: Ids = self.past(op).intersection(stands).copied().collect();
        let (author, actor) = (self.author_of(op), self.actor(op));
        if matches!(self.kind(op), Kind::Genesis { .. }) {
            return true;
        }
        let Some(own) = self.role(&here, actor) else { return false };
        let own = cap.map_or(own, |cap| own.min(cap));
        let introduces = matches!(self.kind(op), Kind::DeviceAdd { device, .. } if *device == author);
        if !introduces && !self.device_in(&here, actor, author) {
            return false;
        }
        match self.kind(op) {
            Kind::Genesis { .. } => true,
            Kind::Add { account, role, devices, invite } => {
                let way = invite
                    .map_or(may_give(own, *role), |invite| self.admits(op, stands, &here, *account, invite));
                let clean = devices.iter().all(|device| self.clean(op, stands, &here, *account, *device));
                way && self.role(&here, *account).is_none() && clean
            }
            Kind::Remove { account } => {
                let other = self.role(&here, *account);
                other.is_some_and(|other| *account == actor || may_remove(own, other))
            }
            Kind::SetRole { account, role } => self.role(&here, *account).is_some_and(|from| {
                let lowers = *account == actor && *role < own;
                let below = *account != actor && own == Role::Admin && from.max(*role) < Role::Admin;
                own == Role::Owner || lowers || below
            }),
            Kind::DeviceAdd { account, device } => {
                let new = !self.device_in(&here, actor, *device);
                *account == actor && new && self.clean(op, stands, &here, *account, *device)
            }
            Kind::DeviceRevoke { account, device, word } => {
                (*account == actor || *word) && self.device_in(&here, *account, *device)
            }
            Kind::Invite { role, .. } => may_give(own, *role),
            Kind::CloseInvite { invite } => {
                self.open(&here, *invite) && (own >= Role::Moderator || self.actor(*invite) == actor)
            }
        }
    }

    fn earlier(&self, op: Id, stands: &Ids) -> Ids {
        stands.iter().copied().filter(|other| self.rank(*other) < self.rank(op)).collect()
    }

    fn admits(&self, op: Id, stands: &Ids, here: &Ids, who: Id, invite: Id) -> bool {
        let Some(Kind::Invite { expires, uses, .. }) = self.known(invite) else {
            return false;
        };
        let users = self.users(&self.earlier(op, stands), invite);
        let room = users.len() < *uses || users.contains(&who);
        self.open(here, invite) && self.at_ms(op) <= *expires && room
    }

    /// Never revoked, nobody else's, and not one too many.
    fn clean(&self, op: Id, stands: &Ids, here: &Ids, who: Id, device: Id) -> bool {
        let earlier = self.earlier(op, stands);
        let owner = self.owner(&earlier, device);
        let grants = earlier.iter().flat_map(|op| self.granted(*op));
        let had: Ids = grants.filter(|(account, _)| *account == who).map(|(_, device)| device).collect();
        !self.revoked(here, device)
            && owner.is_none_or(|owner| owner == who)
            && (owner.is_some() || had.len() < MOST_DEVICES)
    }
}

fn may_give(own: Role, role: Role) -> bool {
    match own {
        Role::Owner => true,
        Role::Admin => role <= Role::Moderator,
        Role::Moderator => role == Role::Member,
        Role::Member => false,
    }
}

fn may_remove(own: Role, other: Role) -> bool {
    match own {
        Role::Owner => true,
        Role::Admin => other != Role::Owner,
        Role::Moderator => other == Role::Member,
        Role::Member => false,
    }
}
