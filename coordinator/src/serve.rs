//! The composition: settings open rooms, rooms give doors, doors stand behind one port. Nothing imports this but the command.

use crate::auth;
use crate::config::{Config, Room};
use crate::door::Door;
use crate::hall::{self, Closer, Closing, Hall, Known};
use crate::house::{self, House};
use crate::keys::Keys;
use crate::problem;
use crate::world::World;
use anyhow::{Context, Result};
use axum::Router;
use axum::routing::get;
use halloo_crypto::secret::Secret;
use halloo_crypto::ticket::TicketIssuer;
use halloo_store::store::Store;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

/// Connections that were accepted and wait for a task: a burst, not a queue to live in.
const MAX_WAITING: usize = 128;
/// How often what has ended is forgotten.
const ROUND: Duration = Duration::from_secs(60);
/// How long nothing is accepted after the system refused (out of descriptors): the next one would fail as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A coordinator that runs.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub local: SocketAddr,
    closer: Closer,
    task: JoinHandle<()>,
}

impl Running {
    /// Closes: new work is refused, sockets are told, what is open may end.
    pub async fn close(self) {
        self.closer.close();
        // A panic of a door was printed when it happened.
        drop(self.task.await);
    }
}

/// The page that describes the interface.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "halloo coordinator", description = "Helps the members of a group find each other, and cannot read what they say."),
    tags(
        (name = "server", description = "What this coordinator is"),
        (name = "auth", description = "Tickets"),
    )
)]
struct Api;

/// Opens the rooms that the settings name, and listens.
pub async fn start(config: &Config, world: World, store: Arc<dyn Store>) -> Result<Running> {
    let (closer, closing) = hall::closing();
    let keys = Keys::load(&*store, &mut world.chance())?;
    let ticket_seed = keys.secret("ticket");
    let known = Known {
        origin: config.origin.clone(),
        lan: config.lan,
        proxies: config.proxies.clone(),
        ticket_key: TicketIssuer::from_seed(&ticket_seed).public(),
    };
    let hall = Hall::new(world, store, closing.clone(), known)?;
    let router = router(config, &hall, &ticket_seed)?;
    let door = Door::new(router, closing.clone(), config.connections);
    let (listener, local) = listen(config.listen).await?;
    let (guests, coming) = mpsc::channel(MAX_WAITING);
    let task = tokio::spawn(async move {
        let accepting = tokio::spawn(accept(listener, guests, closing));
        let rounds = tokio::spawn(rounds(hall));
        door.run(coming).await;
        // They ended with the same word.
        drop((accepting.await, rounds.await));
    });
    Ok(Running { local, closer, task })
}

/// All doors, and the page that describes them.
fn router(config: &Config, hall: &Hall, ticket_seed: &Secret<[u8; 32]>) -> Result<Router> {
    let house = House {
        name: config.name.as_str().into(),
        rooms: config.rooms.names().into(),
        relay: None,
        hall: hall.clone(),
    };
    let mut doors = OpenApiRouter::with_openapi(Api::openapi())
        .merge(house::door(house))
        .nest("/api/v1/problems", OpenApiRouter::new().routes(routes!(problem::explain)));
    if config.rooms.has(Room::Auth) {
        doors = doors.nest("/api/v1/auth", auth::door(hall, &config.auth, ticket_seed));
    }
    let (router, api) = doors.split_for_parts();
    let json = api.to_pretty_json().context("the description of the interface")?;
    let openapi = get(|| async move { ([("content-type", "application/json")], json) });
    let page = SwaggerUi::new("/api/v1/docs").config(utoipa_swagger_ui::Config::from("/api/v1/openapi.json"));
    Ok(router.route("/api/v1/openapi.json", openapi).merge(page))
}

/// What is done now and then until it is time to close.
async fn rounds(hall: Hall) {
    let mut every = tokio::time::interval(ROUND);
    loop {
        tokio::select! {
            _ = every.tick() => hall.round(),
            () = hall.closing.said() => return,
        }
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("listening on {address}: choose another address or port with --listen"))?;
    let local = listener.local_addr().context("the address of our own port")?;
    Ok((listener, local))
}

/// Accepts until it is time to close.
async fn accept(listener: TcpListener, guests: mpsc::Sender<(TcpStream, SocketAddr)>, closing: Closing) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closing.said() => return,
        };
        match accepted {
            Ok(guest) => {
                if guests.send(guest).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
