//! Making a backup: what of a home goes into it, and who may ask for it.

use super::asks::answer;
use super::memberships::Memberships;
use super::returning::no_account_key;
use super::{Addresses, Driver, now};
use crate::backup::{Missing, RestoreError};
use crate::door::{BackupAsk, DoorError, Passphrase, Reply as DoorReply};
use crate::keys::Keys;
use crate::vault::{Place as Closed, Vault, VaultError};
use halloo_crypto::backup::{Backup, Contact, GroupNote, Place, phrase};
use halloo_crypto::id::{AccountId, GroupId};
use halloo_crypto::secret::Redacted;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// People in a backup at most, as its format has room for; those of the first groups come first.
const CONTACTS_MAX: usize = 4096;

/// What a backup of this home holds now: `missing` are the groups of an earlier backup that are not entered again yet.
///
/// # Errors
/// The account key is not here.
pub fn gather(
    keys: &Keys,
    groups: &Memberships,
    missing: &BTreeMap<GroupId, Missing>,
    addresses: &Addresses,
) -> Result<Backup, DoorError> {
    let account = keys.account().ok_or_else(no_account_key)?.clone();
    let mut contacts: BTreeMap<AccountId, String> = BTreeMap::new();
    let mut notes = Vec::new();
    for (group, membership) in groups.iter() {
        let engine = &membership.engine;
        if !engine.status().member {
            continue;
        }
        let others = engine.members().into_iter().filter(|member| !member.own);
        contacts.extend(others.map(|member| (member.account, member.name)));
        let (name, heads) = (Redacted(engine.status().group_name), engine.heads());
        notes.push(GroupNote { group: *group, name, with: membership.with, heads });
    }
    for (group, missing) in missing {
        let Missing { name, with, heads } = missing.clone();
        notes.push(GroupNote { group: *group, name, with, heads });
    }
    let contacts = contacts.into_iter().take(CONTACTS_MAX);
    let places = addresses.kept().map(|(peer, at)| Place {
        peer: peer.0,
        addresses: at.iter().map(|address| Redacted(address.to_string())).collect(),
    });
    Ok(Backup {
        account,
        name: Redacted(keys.name.clone()),
        made_ms: now().wall_ms,
        contacts: contacts.map(|(account, name)| Contact { account, name: Redacted(name) }).collect(),
        groups: notes,
        places: places.collect(),
    })
}

/// What is answered for a backup that was written.
pub fn written(file: &str, backup: &Backup) -> Value {
    json!({
        "file": file, "account": backup.account.id().to_string(), "name": backup.name.0,
        "groups": backup.groups.len(), "contacts": backup.contacts.len(), "addresses": backup.places.len(),
    })
}

/// A refusal of a backup in the words of the door.
pub fn backup_refused(error: &RestoreError) -> DoorError {
    DoorError::told("backup", error, "choose another file")
}

/// Who asks for the account key must know what closes the home, if that is something a person knows.
fn may_ask(vault: &Vault, passphrase: Option<&Passphrase>) -> Result<(), DoorError> {
    let knows = passphrase.is_some_and(|text| vault.is_closed_by(&text.0));
    if vault.place() == Closed::Passphrase && !knows {
        return Err(super::refusal(&VaultError::Passphrase));
    }
    Ok(())
}

impl Driver {
    /// `backup`: writes the file beside the loop, for Argon2 takes its time.
    pub(super) fn back_up(&self, ask: BackupAsk, reply: oneshot::Sender<DoorReply>) {
        let gathered = gather(&self.keys, &self.groups, self.returning.missing(), &self.addresses);
        let vault = Arc::clone(&self.vault);
        // The task is not waited for: its outcome is the answer.
        let _writing = tokio::task::spawn_blocking(move || {
            let outcome = may_ask(&vault, ask.home.as_ref()).and(gathered).and_then(|backup| {
                let file = std::path::Path::new(&ask.file);
                let done = crate::backup::write(file, &backup, &ask.passphrase.0);
                done.map(|()| written(&ask.file, &backup)).map_err(|error| backup_refused(&error))
            });
            answer(reply, outcome);
        });
    }

    /// `backup_words`: the account key as words.
    pub(super) fn back_up_words(&self, home: Option<Passphrase>, reply: oneshot::Sender<DoorReply>) {
        let account = self.keys.account().cloned();
        let vault = Arc::clone(&self.vault);
        let _asking = tokio::task::spawn_blocking(move || {
            let outcome = may_ask(&vault, home.as_ref())
                .and_then(|()| account.ok_or_else(no_account_key))
                .map(|account| json!({ "words": phrase::of(&account).expose() }));
            answer(reply, outcome);
        });
    }
}

#[cfg(test)]
mod tests;
