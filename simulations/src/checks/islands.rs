//! Who can reach whom at the end: the running, honest members of each group, parted by the links between them.

use super::End;
use crate::net::links::HostId;
use std::collections::BTreeMap;

/// The islands of each group, hosts ascending within each.
#[must_use]
pub fn of(end: &End<'_>) -> BTreeMap<u32, Vec<Vec<HostId>>> {
    let mut groups: BTreeMap<u32, Vec<Vec<HostId>>> = BTreeMap::new();
    for member in &end.members {
        let person = end.book.person(member.host);
        if person.adversary || !member.engine.is_some_and(|engine| engine.status().member) {
            continue;
        }
        let islands = groups.entry(person.group).or_default();
        let (near, mut far): (Vec<_>, Vec<_>) = std::mem::take(islands)
            .into_iter()
            .partition(|island| island.iter().any(|other| (end.joined)(*other, member.host)));
        let mut mine: Vec<HostId> = near.into_iter().flatten().collect();
        mine.push(member.host);
        mine.sort_unstable();
        far.push(mine);
        *islands = far;
    }
    groups
}
