//! The composition: settings open rooms, rooms give doors, doors stand behind one port. Nothing imports this but the command.

use crate::acme::Renewal;
use crate::auth;
use crate::config::{Config, Room};
use crate::door::Door;
use crate::front::{self, Doors};
use crate::hall::{self, Closer, Closing, Hall, Known};
use crate::house::{self, House};
use crate::invite_page;
use crate::keys::Keys;
use crate::mailbox::{self, Mail};
use crate::problem;
use crate::relay;
use crate::rendezvous::{self, Meetings};
use crate::tls::Tls;
use crate::tls::config::TlsConfig;
use crate::turn;
use crate::world::World;
use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::routing::get;
use halloo_crypto::secret::Secret;
use halloo_crypto::ticket::TicketIssuer;
use halloo_store::store::Store;
use halloo_wire::server::RelayInfo;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use utoipa::OpenApi as _;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

/// Connections that the system holds until they are accepted, where it allows so many: of one that finds no room there, the next try comes after
/// a second.
const BACKLOG: u32 = 4_096;
/// Connections that were accepted and wait for a task: a burst, not a queue to live in.
const MAX_WAITING: usize = 128;
/// How long sockets may take to be told when to come back.
const GOODBYE: Duration = Duration::from_secs(5);
/// How often what has ended is forgotten.
const ROUND: Duration = Duration::from_secs(60);
/// Where any port will do, one that is free for TCP may be taken for UDP; a few in a row are not.
const PORTS_TRIED: u32 = 16;

/// A coordinator that runs.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub local: SocketAddr,
    /// Its HTTP door, for connections that come another way.
    pub door: Door,
    /// Its way into TLS, where it has a certificate.
    pub tls: Option<Tls>,
    closer: Closer,
    task: JoinHandle<()>,
}

impl Running {
    /// The word that it closes.
    #[must_use]
    pub fn closing(&self) -> Closing {
        self.closer.hear()
    }

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
    modifiers(&TicketScheme),
    info(title = "halloo coordinator", description = "Helps the members of a group find each other, and cannot read what they say."),
    tags(
        (name = "server", description = "What this coordinator is"),
        (name = "auth", description = "Tickets"),
        (name = "mailbox", description = "Items for who is away"),
        (name = "rendezvous", description = "Where members find each other"),
        (name = "turn", description = "Relays where networks let nothing else through"),
    )
)]
struct Api;

/// How a ticket is sent.
struct TicketScheme;

impl utoipa::Modify for TicketScheme {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let mut header = ApiKeyValue::new("Authorization");
        header.description = Some("`Halloo TICKET`, from POST /api/v1/auth/ticket".to_owned());
        let scheme = SecurityScheme::ApiKey(ApiKey::Header(header));
        api.components.get_or_insert_default().add_security_scheme("ticket", scheme);
    }
}

/// The open rooms that keep something.
struct Rooms {
    mail: Option<Mail>,
    meetings: Option<Meetings>,
    turn: Option<turn::room::Open>,
    relay: Option<relay::Room>,
}

/// Opens the rooms that the settings name, and listens.
pub async fn start(config: &Config, world: World, store: Arc<dyn Store>) -> Result<Running> {
    let (closer, closing) = hall::closing();
    let renewal = Renewal::open(&config.acme, config.origin.as_ref(), &config.data, &world)?;
    ensure!(
        renewal.is_none() || config.tls == TlsConfig::default(),
        "a certificate comes from acme.directory or from tls.certificate and tls.key: leave one of them out"
    );
    let tls = match &renewal {
        Some(renewal) => Some(renewal.tls()),
        None => Tls::of_files(&config.tls)?,
    };
    ensure!(
        tls.is_none() || config.origin.as_ref().is_none_or(|origin| origin.is_tls()),
        "with a certificate, origin is https://..., not {}",
        config.origin.as_ref().map_or("", |origin| origin.as_str()),
    );
    let keys = Keys::load(&*store, &mut world.chance())?;
    let ticket_seed = keys.secret("ticket");
    let known = Known {
        origin: config.origin.clone(),
        lan: config.lan,
        tls: tls.is_some(),
        proxies: config.proxies.clone(),
        ticket_key: TicketIssuer::from_seed(&ticket_seed).public(),
    };
    let hall = Hall::new(world, store, closing.clone(), known)?;
    let (listener, local, datagrams) = listen(config.listen, config.rooms.has(Room::Turn)).await?;
    let turn = |socket| {
        turn::room::open(&config.turn, socket, config.lan, |purpose| keys.secret(purpose), hall.world.clone())
    };
    let (http, coming) = mpsc::channel(MAX_WAITING);
    let mut doors = Doors { http, relay: None, turn: None, tls: tls.clone() };
    let relay = |way: &mut Option<_>| {
        let (sender, coming) = mpsc::channel(MAX_WAITING);
        *way = Some(sender);
        relay::Room::open(&config.relay, *keys.secret("relay").expose(), local, coming)
    };
    let mut rooms = Rooms {
        mail: config.rooms.has(Room::Mailbox).then(|| Mail::open(&hall, &config.mailbox)).transpose()?,
        meetings: config.rooms.has(Room::Rendezvous).then(|| Meetings::open(&hall, &config.rendezvous)),
        turn: datagrams.map(turn).transpose()?,
        relay: config.rooms.has(Room::Relay).then(|| relay(&mut doors.relay)).transpose()?,
    };
    let relay = rooms
        .relay
        .as_ref()
        .map(|room| RelayInfo { peer_id: room.peer_id().to_string(), port: local.port() });
    let router = router(config, &hall, &rooms, (relay, &ticket_seed))?;
    let door = Door::new(router, &hall, config.connections, config.connections_per_bucket);
    let (same_door, kept_tls) = (door.clone(), tls.clone());
    if let Some(open) = rooms.turn.clone() {
        let (sender, coming) = mpsc::channel(MAX_WAITING);
        doors.turn = Some(sender);
        tokio::spawn(open.guests(coming));
    }
    if let Some(renewal) = renewal {
        tokio::spawn(renewal.run(closing.clone()));
    }
    if let Some(room) = rooms.relay.take() {
        tokio::spawn(room.run(closing.clone()));
    }
    let task = tokio::spawn(async move {
        let accepting = tokio::spawn(front::run(listener, doors, closing));
        let rounds = tokio::spawn(rounds(hall, rooms.mail.clone(), rooms.meetings, tls.clone()));
        door.run(coming).await;
        // They ended with the same word.
        drop((accepting.await, rounds.await));
        if let Some(mail) = rooms.mail
            && tokio::time::timeout(GOODBYE, mail.emptied()).await.is_err()
        {
            tracing::info!("sockets that did not take their goodbye were cut off");
        }
        if let Some(open) = rooms.turn {
            open.turn.end().await;
        }
    });
    Ok(Running { local, door: same_door, tls: kept_tls, closer, task })
}

/// All doors, and the page that describes them.
fn router(
    config: &Config,
    hall: &Hall,
    rooms: &Rooms,
    (relay, ticket_seed): (Option<RelayInfo>, &Secret<[u8; 32]>),
) -> Result<Router> {
    let house = House {
        name: config.name.as_str().into(),
        rooms: config.rooms.names().into(),
        relay,
        hall: hall.clone(),
    };
    let mut doors = OpenApiRouter::with_openapi(Api::openapi())
        .merge(house::door(house))
        .merge(invite_page::door())
        .nest("/api/v1/problems", OpenApiRouter::new().routes(routes!(problem::explain)));
    if config.rooms.has(Room::Auth) {
        doors = doors.nest("/api/v1/auth", auth::door(hall, &config.auth, ticket_seed));
    }
    if let Some(mail) = &rooms.mail {
        doors = doors.nest("/api/v1/mailboxes", mailbox::door(mail.clone()));
    }
    if let Some(meetings) = &rooms.meetings {
        doors = doors.nest("/api/v1/rendezvous", rendezvous::door(meetings.clone()));
    }
    if let Some(open) = &rooms.turn {
        doors = doors.nest("/api/v1/turn", turn::door(hall, open));
    }
    let (router, api) = doors.split_for_parts();
    let json = api.to_pretty_json().context("the description of the interface")?;
    let openapi = get(|| async move { ([("content-type", "application/json")], json) });
    let page = SwaggerUi::new("/api/v1/docs").config(utoipa_swagger_ui::Config::from("/api/v1/openapi.json"));
    Ok(router.route("/api/v1/openapi.json", openapi).merge(page))
}

/// What is done now and then until it is time to close.
async fn rounds(hall: Hall, mail: Option<Mail>, meetings: Option<Meetings>, tls: Option<Tls>) {
    let mut every = tokio::time::interval(ROUND);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = hall.closing.said() => return,
        }
        hall.round();
        tls.iter().for_each(reread);
        meetings.iter().for_each(Meetings::round);
        if let Some(mail) = &mail
            && mail.round().await.is_err()
        {
            tracing::warn!("what has expired in mailboxes is forgotten later");
        }
    }
}

/// Takes a certificate that was renewed, and says so.
pub(crate) fn reread(tls: &Tls) {
    match tls.reread() {
        Ok(true) => tracing::info!("the certificate was renewed and is in use"),
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "the certificate that there was stays in use"),
    }
}

/// The TCP port, and the UDP port of the same number where a room wants it.
async fn listen(
    address: SocketAddr,
    datagrams: bool,
) -> Result<(TcpListener, SocketAddr, Option<UdpSocket>)> {
    let mut tries = if address.port() == 0 { PORTS_TRIED } else { 1 };
    loop {
        tries -= 1;
        let listener = bound(address).with_context(|| {
            format!("listening on {address}: choose another address or port with --listen")
        })?;
        let local = listener.local_addr().context("the address of our own port")?;
        match datagrams.then(|| turn::sockets::listen(local)).transpose() {
            Ok(socket) => return Ok((listener, local, socket)),
            Err(_) if tries > 0 => {}
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("UDP on {local}: choose another port with --listen"));
            }
        }
    }
}

fn bound(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A port whose connections of the last minute still linger is free all the same.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
