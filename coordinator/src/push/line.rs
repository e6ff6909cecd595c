//! What takes from a queue when it is time and sends, some at once; the two roles share it.

use super::service::queue::{Became, Queue, Sending, Verdict};
use crate::hall::Hall;
use crate::meters::Pushed;
use crate::world::World;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// Sent at once, some 50 KB each: so many that push services which never answer, one in ten seconds, hold up nobody for long.
const AT_ONCE: usize = 256;

/// A role: its queue, and how it sends one.
pub(super) trait Role: Send + Sync + 'static {
    /// To whom.
    type Key: Ord + Clone + Send + Sync + 'static;
    /// What.
    type Job: Send + Sync + 'static;

    /// Does something with the queue, under its lock.
    fn with<T>(&self, change: impl FnOnce(&mut Queue<Self::Key, Self::Job>) -> T) -> T;
    /// Rung when something new waits.
    fn bell(&self) -> &Notify;
    /// Sends one; what is gone it forgets itself.
    fn send(&self, key: &Self::Key, job: &Self::Job) -> impl Future<Output = Verdict> + Send;
    /// Counts what became of one.
    fn count(&self, outcome: Pushed);
}

/// The time by which queues count: it never goes back.
pub(super) fn now_ms(world: &World) -> u64 {
    u64::try_from(world.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl From<Became> for Pushed {
    fn from(became: Became) -> Self {
        match became {
            Became::Queued => Pushed::queued,
            Became::Merged => Pushed::merged,
            Became::Over => Pushed::over,
            Became::Full => Pushed::full,
            Became::GivenUp => Pushed::given_up,
        }
    }
}

/// Sends until it is time to close; what waits then is lost, which is safe.
pub(super) async fn run<R: Role>(role: Arc<R>, hall: Hall) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = hall.closing.said() => return,
        };
        let Some(sending) = next(&*role, &hall).await else { return };
        let (role, world) = (Arc::clone(&role), hall.world.clone());
        tokio::spawn(async move {
            one(&*role, sending, &world).await;
            drop(place);
        });
    }
}

/// The next whose time has come; none once it is time to close.
async fn next<R: Role>(role: &R, hall: &Hall) -> Option<Sending<R::Key, R::Job>> {
    loop {
        let now = now_ms(&hall.world);
        let (sending, next) = role.with(|queue| (queue.take(now), queue.next_ms()));
        if sending.is_some() {
            return sending;
        }
        let wait = async {
            match next {
                Some(at) => tokio::time::sleep(Duration::from_millis(at.saturating_sub(now).max(1))).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = role.bell().notified() => {}
            () = wait => {}
            () = hall.closing.said() => return None,
        }
    }
}

async fn one<R: Role>(role: &R, sending: Sending<R::Key, R::Job>, world: &World) {
    let outcome = match role.send(&sending.key, &sending.job).await {
        Verdict::Taken => Pushed::taken,
        Verdict::Gone => Pushed::gone,
        Verdict::Refused => Pushed::refused,
        Verdict::Later(asked_ms) => {
            let now = now_ms(world);
            match role.with(|queue| queue.again(sending, asked_ms, now, &mut world.chance())) {
                Became::Queued | Became::Merged => Pushed::later,
                lost => lost.into(),
            }
        }
    };
    role.count(outcome);
    role.bell().notify_one();
}
