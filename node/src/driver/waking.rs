//! How this device is woken while it is away: what its app has said, what lies at coordinators because of it, and what is to be done there.
//!
//! ```text
//! store key                     value
//! 'w'                           the app's word, JSON ([`WakeAsk`])
//! 'w'  mailbox address (32)     what lies at that address, JSON: {"via": origin, "by": hex 8, "at_ms": Unix ms}
//! ```
//! Addresses change every day, and who sleeps for a month is to be woken still, so something lies at the addresses of a month to come,
//! each until its own day is over. What lies there is known here, so that a phone that is woken does not say everything again.

use super::asks::answer;
use super::{Driver, now};
use crate::door::{DoorError, Reply, WakeAsk};
use crate::uplink::{WakeBy, WakeWish, Waking as News, kind};
use halloo_crypto::id::MailboxAddress;
use halloo_crypto::mailbox::DayKey;
use halloo_crypto::{base16, kdf};
use halloo_wire::origin::Origin;
use halloo_wire::push::DAYS_MAX;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// First byte of the keys drawn above.
const ROWS: u8 = b'w';
/// What lies at a coordinator is said again after this: it may have been restored from an older backup, or have found a token dead that its
/// push service has taken up again.
const RENEW_MS: u64 = 7 * 86_400_000;
/// Bytes of the hash by which two ways to be woken are told apart.
const TAG_BYTES: usize = 8;

/// A note for the disk: its key, and its value or nothing to delete it.
type Note = (Vec<u8>, Option<Vec<u8>>);

/// What lies at an address.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Left {
    via: Origin,
    by: String,
    at_ms: u64,
}

struct Set {
    ask: WakeAsk,
    by: Arc<WakeBy>,
    tag: String,
}

impl Set {
    fn new(ask: WakeAsk) -> Result<Self, DoorError> {
        let by = Arc::new(ask.read()?);
        let text = serde_json::to_vec(&ask).expect("texts are always JSON");
        let tag = base16::encode(&kdf::hash("woken by", &[&text])[..TAG_BYTES]);
        Ok(Set { ask, by, tag })
    }
}

/// All of it.
#[derive(Default)]
pub struct Waking {
    set: Option<Set>,
    left: BTreeMap<MailboxAddress, Left>,
    wishes: BTreeMap<Origin, Vec<WakeWish>>,
    trouble: BTreeMap<Origin, String>,
    /// Mailboxes, the day or the app's word are others than when wishes were made.
    stale: bool,
}

impl Waking {
    /// From the node's notes on the disk; what does not decode counts as not there.
    pub fn load(local: &BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        let mut waking = Waking { stale: true, ..Waking::default() };
        for (key, value) in local {
            match key.split_first() {
                Some((&ROWS, [])) => {
                    let ask = serde_json::from_slice::<WakeAsk>(value).ok();
                    waking.set = ask.and_then(|ask| Set::new(ask).ok());
                }
                Some((&ROWS, address)) => {
                    let address = address.try_into().map(MailboxAddress).ok();
                    let left = serde_json::from_slice(value).ok();
                    waking.left.extend(address.zip(left));
                }
                _ => {}
            }
        }
        waking
    }

    /// The app's word; nothing: wake no more.
    fn set(&mut self, set: Option<Set>) -> Note {
        let value = set.as_ref().map(|set| serde_json::to_vec(&set.ask).expect("texts are always JSON"));
        if self.set.as_ref().map(|set| &set.tag) != set.as_ref().map(|set| &set.tag) {
            self.trouble.clear();
        }
        self.set = set;
        self.stale = true;
        (vec![ROWS], value)
    }

    /// Whether there is anything to plan.
    fn is_idle(&self) -> bool {
        self.set.is_none() && self.left.is_empty()
    }

    /// Mailboxes or the day may be others now.
    pub fn touch(&mut self) {
        self.stale = true;
    }

    /// What is to be done, given the own addresses from today on and for how many days something lies at each. Addresses that are none
    /// of them any more, mostly of days that are over, are forgotten here; the coordinator forgets them by itself.
    fn plan(&mut self, now_ms: u64, ahead: &[(Origin, DayKey, u8)]) -> Vec<Note> {
        self.wishes.clear();
        let mut over = self.left.clone();
        for (via, key, days) in ahead {
            let address = key.address();
            let left = over.remove(&address).filter(|left| left.via == *via);
            let wake = match (&self.set, left) {
                (Some(set), left) => {
                    // Noted in the future, it was said for days that a wrong clock had counted.
                    let age = |left: &Left| now_ms.checked_sub(left.at_ms);
                    let fresh =
                        |left: &Left| left.by == set.tag && age(left).is_some_and(|age| age < RENEW_MS);
                    if left.as_ref().is_some_and(fresh) {
                        continue;
                    } else {
                        Some((Arc::clone(&set.by), *days))
                    }
                }
                (None, Some(_)) => None,
                (None, None) => continue,
            };
            self.wishes.entry(via.clone()).or_default().push(WakeWish { key: key.clone(), wake });
        }
        self.trouble.retain(|via, _| self.wishes.contains_key(via));
        over.into_keys()
            .map(|address| {
                self.left.remove(&address);
                (row(&address), None)
            })
            .collect()
    }

    /// A wish was granted. What to note of it.
    fn granted(&mut self, via: &Origin, wish: &WakeWish, now_ms: u64) -> Note {
        let address = wish.key.address();
        self.trouble.remove(via);
        let planned = self.wishes.get_mut(via).is_some_and(|wishes| {
            let before = wishes.len();
            wishes.retain(|open| open != wish);
            wishes.len() < before
        });
        // The app has said something else while this was under way, and the plan went by what lay there before.
        self.stale |= !planned;
        // By what was set before, if that is another meanwhile: then the plan says it anew.
        let tag = |by: &Arc<WakeBy>| match &self.set {
            Some(set) if set.by == *by => set.tag.clone(),
            _ => String::new(),
        };
        let left = wish.wake.as_ref().map(|(by, _)| Left { via: via.clone(), by: tag(by), at_ms: now_ms });
        let value = left.as_ref().map(|left| serde_json::to_vec(left).expect("texts are always JSON"));
        match left {
            Some(left) => self.left.insert(address, left),
            None => self.left.remove(&address),
        };
        (row(&address), value)
    }

    fn view(&self) -> Value {
        let set = self.set.as_ref();
        let waiting: usize = self.wishes.values().map(Vec::len).sum();
        let trouble = self.trouble.iter().map(|(via, why)| json!({ "origin": via.as_str(), "why": why }));
        json!({
            "kind": set.map(|set| kind(&set.by.token)),
            "gateway": set.and_then(|set| set.by.gateway.as_ref()).map(Origin::as_str),
            "left": self.left.len(),
            "waiting": waiting,
            "trouble": trouble.collect::<Vec<_>>(),
        })
    }
}

fn row(address: &MailboxAddress) -> Vec<u8> {
    [&[ROWS][..], &address.0].concat()
}

type Waiter = oneshot::Sender<Reply>;

impl Driver {
    /// How this device is woken, for people.
    pub(super) fn wake_view(&self) -> Value {
        self.waking.view()
    }

    /// The app says how this device is woken, or that it is not.
    pub(super) async fn wake_by(&mut self, ask: Option<WakeAsk>, reply: Waiter) {
        match ask.map(Set::new).transpose() {
            Ok(set) => {
                let (key, value) = self.waking.set(set);
                self.storage.put_local(key, value).await;
                self.tend_waking().await;
                answer(reply, Ok(self.waking.view()));
            }
            Err(error) => answer(reply, Err(error)),
        }
    }

    /// Something came of a wish.
    pub(super) async fn on_waking(&mut self, via: Origin, news: News) {
        match news {
            News::Done(wish) => {
                let (key, value) = self.waking.granted(&via, &wish, now().wall_ms);
                self.storage.put_local(key, value).await;
                // Whoever grants them knows which are done; it need not be told after each.
                if self.waking.wishes.get(&via).is_none_or(Vec::is_empty) {
                    self.hand_wishes(&via);
                }
            }
            News::Trouble(why) => {
                let text = via.to_string();
                self.watchers.tell(json!({"event": "not-woken", "origin": text, "trouble": why}));
                self.waking.trouble.insert(via, why);
            }
        }
    }

    /// Plans anew where that is due.
    pub(super) async fn tend_waking(&mut self) {
        if !std::mem::take(&mut self.waking.stale) || self.waking.is_idle() {
            return;
        }
        let mut ahead = Vec::new();
        for group in self.groups.ids() {
            let Some(membership) = self.groups.get(&group) else { continue };
            let doors = membership.engine.mailbox_ahead(u32::from(DAYS_MAX));
            // Kept until its day is over by every clock: a day longer than it is away.
            let doors = doors.into_iter().zip(1..=DAYS_MAX);
            ahead.extend(doors.filter_map(|(door, days)| Some((door.via.parse().ok()?, door.key, days))));
        }
        let before: Vec<Origin> = self.waking.wishes.keys().cloned().collect();
        for (key, value) in self.waking.plan(now().wall_ms, &ahead) {
            self.storage.put_local(key, value).await;
        }
        for via in before.iter().chain(&self.waking.wishes.keys().cloned().collect::<Vec<_>>()) {
            self.hand_wishes(via);
        }
    }

    fn hand_wishes(&self, via: &Origin) {
        self.uplink.wakes(via, self.waking.wishes.get(via).cloned().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests;
