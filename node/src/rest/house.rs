//! What the endpoints share: the driver's queue, the events, and who is in.

use super::problem::Problem;
use crate::door::{Asked, DoorError, Entrance, Request, Watchers};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// WebSockets at once: the pages and programs of one person.
const SOCKETS_MAX: usize = 16;

/// What the endpoints share; cheap to clone.
#[derive(Clone, Debug)]
pub struct House {
    pub(super) entrance: Entrance,
    pub(super) watchers: Watchers,
    pub(super) sockets: Arc<Semaphore>,
    ask: mpsc::Sender<Asked>,
}

impl House {
    /// In front of a driver's queue.
    pub fn new(entrance: Entrance, ask: mpsc::Sender<Asked>, watchers: Watchers) -> Self {
        House { entrance, watchers, sockets: Arc::new(Semaphore::new(SOCKETS_MAX)), ask }
    }

    /// Asks the driver, about a group or about all.
    ///
    /// # Errors
    /// What the driver refuses; that it has ended.
    pub(super) async fn ask(&self, group: Option<&str>, request: Request) -> Result<Value, Problem> {
        let ended =
            || DoorError::new("stopped", "halloo is stopping", "start it again with `halloo up --rest`");
        let (reply, answered) = oneshot::channel();
        let asked = Asked { group: group.map(str::to_owned), request, reply };
        self.ask.send(asked).await.map_err(|_| ended())?;
        Ok(answered.await.map_err(|_| ended())??)
    }

    /// Returns once the driver has ended.
    pub(super) async fn ended(&self) {
        self.ask.closed().await;
    }

    /// Asks, and takes the answer for this shape.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(super) async fn ask_for<T: DeserializeOwned>(
        &self,
        group: Option<&str>,
        request: Request,
    ) -> Result<T, Problem> {
        shaped(self.ask(group, request).await?)
    }
}

/// An answer of the driver as this shape; another one is a mistake of ours, and told as such.
///
/// # Errors
/// It has another shape.
pub(super) fn shaped<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_json::from_value(value).map_err(|error| {
        tracing::error!(%error, "an answer of the driver has another shape than is described");
        Problem::new("mistake", "the node answered in a shape that is not described")
    })
}
