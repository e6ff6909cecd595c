//! The node's side of coordinators: one station for each origin, driven by bounded queues of orders and news.
//!
//! ```text
//!              orders                                  errands, a task each
//!  driver --- doors, places, own address (newest) ---> presence   greets, holds the WebSocket, tries again
//!         --- items, words of arrival (queues) ------> deposits   gathers, fills up, shuffles, leaves
//!         <-- news (one queue of all stations) ------- doors      fetches, acknowledges
//!                                                      meetings   publishes, looks
//!                                                      relayed    credentials for relayed voice
//!         --- how to be woken (newest) --------------> wakes      leaves that at own addresses of days to come
//! ```
//! Nothing here decides: engines say what lies where and what is sealed. When a coordinator is away its tasks wait for its return,
//! what should be left there goes back to the engine that wishes it, and nothing else stops. A full queue of news makes the errands
//! wait; a full queue of orders gives an item back, and forgets a word of arrival, which costs one more fetch.

mod backoff;
mod outside;
mod http;
mod socket;
mod way;
mod deposits;
mod doors;
mod meetings;
mod presence;
mod relayed;
mod wakes;

pub use deposits::{Fate, Post};
pub use doors::{Door, Taken};
pub use meetings::Rendezvous;
pub use outside::{Line, Outside, Stream, Told};
pub use wakes::{WakeBy, WakeWish, Waking, kind};
pub use way::Standing;

use crate::media::endpoint::IceServer;
use halloo_crypto::id::{GroupId, MailboxAddress, MailboxItem};
use halloo_crypto::secret::Secret;
use halloo_wire::origin::Origin;
use halloo_wire::rendezvous::Meeting;
use halloo_wire::server::ServerInfo;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use way::Way;

/// News that wait for the driver; then the errands wait.
const NEWS_MAX: usize = 64;
/// Coordinators of one home: people are in the groups of a few.
pub const STATIONS_MAX: usize = 16;

/// What a coordinator, or the way to it, has to tell.
#[derive(Clone, Debug)]
pub enum News {
    /// What became of an item.
    Deposited {
        /// The engine that wished it.
        group: GroupId,
        /// Its number there.
        id: u64,
        /// What became of it.
        fate: Fate,
    },
    /// This lay in an own mailbox; told also when it was nothing.
    Fetched {
        /// Where.
        address: MailboxAddress,
        /// Names and bytes.
        items: Vec<(MailboxItem, Vec<u8>)>,
    },
    /// These are at a place.
    Met {
        /// Its name.
        place: [u8; 32],
        /// Where they are; untrusted but for the seal of the place.
        others: Vec<Meeting>,
    },
    /// Voice that finds no direct path may go through this, in connections that begin from now on.
    Helper(IceServer),
    /// What came of a wish to be woken.
    Waking(Waking),
    /// It was found, or found again after it was away, or it is gone.
    Stands(Box<Standing>),
}

/// One coordinator.
struct Station {
    way: Arc<Way>,
    doors: watch::Sender<Vec<Door>>,
    places: watch::Sender<Vec<Rendezvous>>,
    posts: mpsc::Sender<Post>,
    taken: mpsc::Sender<Taken>,
    wakes: watch::Sender<Vec<WakeWish>>,
    /// Ends the errands when it is dropped.
    _errands: JoinSet<()>,
}

/// All coordinators of a home.
pub struct Uplink {
    home: Secret<[u8; 32]>,
    outside: Outside,
    stations: BTreeMap<Origin, Station>,
    own: watch::Sender<Meeting>,
    news: mpsc::Receiver<(Origin, News)>,
    news_in: mpsc::Sender<(Origin, News)>,
}

impl Uplink {
    /// Without a coordinator yet. `home` is a secret of this home that nobody else has; `peer` its transport key.
    pub fn new(home: Secret<[u8; 32]>, peer: [u8; 32]) -> Self {
        Self::within(Outside::Machine, home, peer)
    }

    /// The same in another world.
    pub fn within(outside: Outside, home: Secret<[u8; 32]>, peer: [u8; 32]) -> Self {
        let (news_in, news) = mpsc::channel(NEWS_MAX);
        let own = watch::Sender::new(Meeting { peer, addresses: Vec::new() });
        Uplink { home, outside, stations: BTreeMap::new(), own, news, news_in }
    }

    /// The next news.
    pub async fn next(&mut self) -> (Origin, News) {
        self.news.recv().await.expect("this struct keeps a sender")
    }

    /// Exactly these coordinators are used from now on.
    ///
    /// # Panics
    /// With more than [`STATIONS_MAX`]: the caller chooses.
    pub fn keep(&mut self, origins: &BTreeSet<Origin>) {
        assert!(origins.len() <= STATIONS_MAX, "the caller chooses which coordinators are used");
        self.stations.retain(|origin, _| origins.contains(origin));
        for origin in origins {
            if !self.stations.contains_key(origin) {
                let station = self.open(origin.clone());
                self.stations.insert(origin.clone(), station);
            }
        }
    }

    fn open(&self, origin: Origin) -> Station {
        let way = Arc::new(Way::to(origin.clone(), &self.home, self.outside.clone()));
        let (news, errands_news) = mpsc::channel(1);
        let (doors, doors_end) = watch::channel(Vec::new());
        let (places, places_end) = watch::channel(Vec::new());
        let (posts, posts_end) = mpsc::channel(deposits::WAITING_MAX);
        let (taken, taken_end) = mpsc::channel(doors::TAKEN_WAITING);
        let woken = Arc::new(doors::Woken::default());
        let mut errands = JoinSet::new();
        errands.spawn(carry(origin, Arc::clone(&way), errands_news, self.news_in.clone()));
        let ends = presence::Ends { doors: doors_end.clone(), woken: Arc::clone(&woken) };
        errands.spawn(presence::run(Arc::clone(&way), ends));
        errands.spawn(deposits::run(Arc::clone(&way), posts_end, news.clone()));
        let ends = doors::Ends { doors: doors_end, taken: taken_end, woken, news: news.clone() };
        errands.spawn(doors::run(Arc::clone(&way), ends));
        let ends = meetings::Ends {
            places: places_end,
            own: self.own.subscribe(),
            news: news.clone(),
            home: self.home.clone(),
        };
        errands.spawn(meetings::run(Arc::clone(&way), ends));
        errands.spawn(relayed::run(Arc::clone(&way), news.clone()));
        let (wakes, wishes) = watch::channel(Vec::new());
        errands.spawn(wakes::run(Arc::clone(&way), wakes::Ends { wishes, news }));
        Station { way, doors, places, posts, taken, wakes, _errands: errands }
    }

    /// The coordinators in use, and how each stands.
    pub fn standing(&self) -> impl Iterator<Item = (&Origin, Standing)> {
        let stands =
            |station: &Station| Standing { doors: station.doors.borrow().len(), ..station.way.stands() };
        self.stations.iter().map(move |(origin, station)| (origin, stands(station)))
    }

    /// Where this node is, as others shall dial it.
    pub fn set_addresses(&self, addresses: Vec<String>) {
        self.own.send_if_modified(|own| {
            let changed = own.addresses != addresses;
            own.addresses = addresses;
            changed
        });
    }

    /// Leaves an item at a coordinator; gives it back where too many wait, or that coordinator is not used.
    ///
    /// # Errors
    /// The item.
    pub fn post(&self, origin: &Origin, post: Post) -> Result<(), Post> {
        let Some(station) = self.stations.get(origin) else { return Err(post) };
        station.posts.try_send(post).map_err(|error| match error {
            mpsc::error::TrySendError::Full(post) | mpsc::error::TrySendError::Closed(post) => post,
        })
    }

    /// The own addresses at a coordinator: the whole list.
    pub fn doors(&self, origin: &Origin, doors: Vec<Door>) {
        if let Some(station) = self.stations.get(origin) {
            station.doors.send_if_modified(|old| replaced(old, doors));
        }
    }

    /// The places to meet at a coordinator: the whole list.
    pub fn places(&self, origin: &Origin, places: Vec<Rendezvous>) {
        if let Some(station) = self.stations.get(origin) {
            station.places.send_if_modified(|old| replaced(old, places));
        }
    }

    /// What is still to be done at a coordinator so that this device is woken, or no longer is: the whole list.
    pub fn wakes(&self, origin: &Origin, wishes: Vec<WakeWish>) {
        if let Some(station) = self.stations.get(origin) {
            station.wakes.send_if_modified(|old| replaced(old, wishes));
        }
    }

    /// These items have arrived for good.
    pub fn taken(&self, origin: &Origin, taken: Taken) {
        if let Some(station) = self.stations.get(origin)
            && station.taken.try_send(taken).is_err()
        {
            tracing::debug!("a word of arrival is forgotten: its items come once more");
        }
    }
}

fn replaced<T: PartialEq>(old: &mut T, new: T) -> bool {
    let changed = *old != new;
    *old = new;
    changed
}

/// Takes the news of one coordinator to the driver, and tells when the coordinator comes and goes.
async fn carry(
    origin: Origin,
    way: Arc<Way>,
    mut errands: mpsc::Receiver<News>,
    driver: mpsc::Sender<(Origin, News)>,
) {
    let mut standing = way.standing();
    let mut told = None;
    loop {
        let news = tokio::select! {
            news = errands.recv() => match news {
                Some(news) => news,
                None => return,
            },
            changed = standing.changed() => {
                if changed.is_err() {
                    return;
                }
                let now = standing.borrow_and_update().clone();
                // A relay may be found, or move, while the coordinator stands; a name gives its addresses in any order.
                let relay = now.info.as_ref().and_then(|info| info.relay.clone());
                let stands = Some((now.arrivals, now.reachable, relay, BTreeSet::from_iter(now.relays.iter().copied())));
                if stands == told {
                    continue;
                }
                told = stands;
                News::Stands(Box::new(now))
            }
        };
        if driver.send((origin.clone(), news)).await.is_err() {
            return;
        }
    }
}

/// What a coordinator says of itself and how long that took: for a person who names one, before anything depends on it.
///
/// # Errors
/// Why it does not answer, in words.
pub async fn look_at(origin: &Origin) -> Result<(ServerInfo, Standing), String> {
    /// Nobody's key: nothing is signed here.
    const NOBODY: [u8; 32] = [0; 32];
    let way = Way::to(origin.clone(), &Secret::new(NOBODY), Outside::Machine);
    match tokio::time::timeout(LOOK_WAIT, way.greet()).await {
        Ok(Ok(info)) => Ok((info, way.stands())),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", LOOK_WAIT.as_secs())),
    }
}

/// How long a person waits for a coordinator that does not answer.
const LOOK_WAIT: Duration = Duration::from_secs(6);
