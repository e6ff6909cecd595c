//! The composition: settings open rooms, rooms give doors, doors stand behind one port. Nothing imports this but the command.

use crate::acme::Renewal;
use crate::auth;
use crate::auth::admin::InForce;
use crate::auth::office::Office;
use crate::config::{Config, Room};
use crate::door::Door;
use crate::front::{self, Doors, Guest};
use crate::hall::{self, Closer, Closing, Hall, Known};
use crate::house::{self, House};
use crate::invite_page;
use crate::keys::Keys;
use crate::mailbox::{self, Mail};
use crate::metrics;
use crate::problem;
use crate::push::config::Role;
use crate::push::{self, Push};
use crate::relay;
use crate::rendezvous::{self, Meetings};
use crate::subscriptions::{self, Subscriptions};
use crate::tls::Tls;
use crate::tls::config::TlsConfig;
use crate::turn;
use crate::world::World;
use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::routing::get;
use halloo_crypto::id::MailboxAddress;
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
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

/// Connections that the system holds until they are accepted, where it allows so many: of one that finds no room there, the next try comes after
/// a second.
const BACKLOG: u32 = 4_096;
/// Connections that were accepted and wait for a task: a burst, not a queue to live in.
const MAX_WAITING: usize = 128;
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
    /// What its rooms are given.
    pub hall: Hall,
    /// Its way into TLS, where it has a certificate.
    pub tls: Option<Tls>,
    /// Where what is counted can be read, where the settings say so.
    pub metrics: Option<SocketAddr>,
    /// Its accounts, where it gives any.
    pub office: Option<auth::office::Office>,
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
    modifiers(&Schemes),
    info(title = "halloo coordinator", description = "Helps the members of a group find each other, and cannot read what they say."),
    tags(
        (name = "server", description = "What this coordinator is"),
        (name = "auth", description = "Tickets, accounts and their sessions"),
        (name = "users", description = "Settings of accounts"),
        (name = "admin", description = "What operators do to accounts"),
        (name = "subscriptions", description = "Plans, for who sells them"),
        (name = "mailbox", description = "Items for who is away"),
        (name = "rendezvous", description = "Where members find each other"),
        (name = "push", description = "Waking devices that are away"),
        (name = "turn", description = "Relays where networks let nothing else through"),
    )
)]
struct Api;

/// How a ticket, a token and a key are sent.
struct Schemes;

impl utoipa::Modify for Schemes {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        for (name, description) in [
            ("ticket", "`Halloo TICKET`, from POST /api/v1/auth/ticket"),
            (
                "token",
                "`DPoP TOKEN`, from POST /api/v1/auth/login, with a `DPoP` proof of its key (RFC 9449)",
            ),
        ] {
            let mut header = ApiKeyValue::new("Authorization");
            header.description = Some(description.to_owned());
            let scheme = SecurityScheme::ApiKey(ApiKey::Header(header));
            api.components.get_or_insert_default().add_security_scheme(name, scheme);
        }
        let mut bearer = Http::new(HttpAuthScheme::Bearer);
        bearer.description = Some("An API key, `hk_...`, from POST /api/v1/admin/keys".to_owned());
        api.components.get_or_insert_default().add_security_scheme("key", SecurityScheme::Http(bearer));
    }
}

/// The end of the hallway from mailboxes to push.
type Heard = mpsc::Receiver<MailboxAddress>;

/// The open rooms that keep something.
struct Rooms {
    subscriptions: Subscriptions,
    office: Option<Office>,
    mail: Option<Mail>,
    meetings: Option<Meetings>,
    push: Option<Push>,
    turn: Option<turn::room::Open>,
    relay: Option<relay::Room>,
}

impl Rooms {
    /// Those that the settings name; the relay's way in is put among the doors.
    fn open(
        config: &Config,
        hall: &mut Hall,
        keys: &Keys,
        secrets: &auth::office::Secrets,
        (local, datagrams): (SocketAddr, Option<UdpSocket>),
        (doors, heard): (&mut Doors, Option<Heard>),
    ) -> Result<Self> {
        let has = |room| config.rooms.has(room);
        let secret = |purpose: &str| keys.secret(purpose);
        // First: it opens a hallway for the others. Also where its doors stay closed and nothing is sold: what was sold before is forgotten
        // with its account and after its end.
        let subscriptions = subscriptions::open(hall, &config.subscriptions, &secret("subscriptions"))?;
        let hall = &*hall;
        let turn = |socket| turn::room::open(&config.turn, socket, config.lan, secret, hall.world.clone());
        let relay = |way: &mut Option<_>| {
            let (sender, coming) = mpsc::channel(MAX_WAITING);
            *way = Some(sender);
            relay::Room::open(&config.relay, *keys.secret("relay").expose(), local, coming)
        };
        let push = || {
            let secrets =
                push::Secrets { gateway: keys.secret("push gateway"), vapid: keys.secret("push vapid") };
            Push::open(hall, &config.push, secrets, heard)
        };
        Ok(Rooms {
            subscriptions,
            office: has(Room::Auth).then(|| auth::open(hall, &config.auth, secrets)).transpose()?,
            mail: has(Room::Mailbox).then(|| Mail::open(hall, &config.mailbox)).transpose()?,
            meetings: has(Room::Rendezvous).then(|| Meetings::open(hall, &config.rendezvous)),
            push: has(Room::Push).then(push).transpose()?,
            turn: datagrams.map(turn).transpose()?,
            relay: has(Room::Relay).then(|| relay(&mut doors.relay)).transpose()?,
        })
    }
}

/// The certificate that the settings name, and who keeps it fresh.
fn certificate(config: &Config, world: &World) -> Result<(Option<Tls>, Option<Renewal>)> {
    let renewal = Renewal::open(&config.acme, config.origin.as_ref(), &config.data, world)?;
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
    Ok((tls, renewal))
}

/// Opens the rooms that the settings name, and listens.
pub async fn start(config: &Config, world: World, store: Arc<dyn Store>) -> Result<Running> {
    config.agrees()?;
    let (closer, closing) = hall::closing();
    let (tls, renewal) = certificate(config, &world)?;
    let keys = Keys::load(&*store, &mut world.chance())?;
    let secrets = auth::office::Secrets {
        tickets: keys.secret("ticket"),
        tokens: keys.secret("access token"),
        accounts: keys.secret("accounts"),
    };
    let known = Known {
        origin: config.origin.clone(),
        lan: config.lan,
        tls: tls.is_some(),
        proxies: config.proxies.clone(),
        ticket_key: TicketIssuer::from_seed(&secrets.tickets).public(),
    };
    let mut hall = Hall::new(world, store, closing, known)?;
    let heard = (config.rooms.has(Room::Push) && config.push.has(Role::Relay)).then(|| {
        let (say, heard) = hall::pokes();
        hall.pokes = say;
        heard
    });
    let (listener, local, datagrams) = listen(config.listen, config.rooms.has(Room::Turn)).await?;
    let (http, coming) = mpsc::channel(MAX_WAITING);
    let mut doors = Doors { http, relay: None, turn: None, tls: tls.clone() };
    let mut rooms = Rooms::open(config, &mut hall, &keys, &secrets, (local, datagrams), (&mut doors, heard))?;
    let relay = rooms
        .relay
        .as_ref()
        .map(|room| RelayInfo { peer_id: room.peer_id().to_string(), port: local.port() });
    let router = router(config, &hall, &rooms, relay)?;
    let door = Door::new(router, &hall, config.connections, config.connections_per_bucket);
    let turn = rooms.turn.as_ref().map(|open| open.turn.clone());
    let metrics = metrics::Door::open(&config.metrics, hall.meters.clone(), turn).await?;
    let measured = metrics.as_ref().and_then(metrics::Door::local);
    if let Some(metrics) = metrics {
        tokio::spawn(metrics.run(hall.closing.clone()));
    }
    if let Some(open) = rooms.turn.clone() {
        let (sender, coming) = mpsc::channel(MAX_WAITING);
        doors.turn = Some(sender);
        tokio::spawn(open.guests(coming));
    }
    if let Some(renewal) = renewal {
        tokio::spawn(renewal.run(hall.closing.clone()));
    }
    if let Some(room) = rooms.relay.take() {
        tokio::spawn(room.counted(hall.meters.clone()).run(hall.closing.clone()));
    }
    let (same_door, office) = (door.clone(), rooms.office.clone());
    let task =
        tokio::spawn(until_the_end(hall.clone(), rooms, tls.clone(), (listener, doors), (door, coming)));
    Ok(Running { local, door: same_door, hall, tls, metrics: measured, office, closer, task })
}

/// Serves until it is time to close and all that was under way has ended.
async fn until_the_end(
    hall: Hall,
    rooms: Rooms,
    tls: Option<Tls>,
    (listener, doors): (TcpListener, Doors),
    (door, coming): (Door, mpsc::Receiver<Guest>),
) {
    // The port is open until all has ended: who asks meanwhile is told that it is not ready.
    let (shut, shutting) = hall::closing();
    let accepting = tokio::spawn(front::run(listener, doors, shutting));
    let mail = rooms.mail;
    let kept = (rooms.office, rooms.subscriptions, mail.clone(), rooms.push);
    let rounds = tokio::spawn(rounds(hall, kept, rooms.meetings, tls));
    let sockets = async {
        if let Some(mail) = mail {
            mail.emptied().await;
        }
    };
    door.run(coming, sockets).await;
    shut.close();
    drop((accepting.await, rounds.await));
    if let Some(open) = rooms.turn {
        open.turn.end().await;
    }
}

/// All doors, and the page that describes them.
fn router(config: &Config, hall: &Hall, rooms: &Rooms, relay: Option<RelayInfo>) -> Result<Router> {
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
    let sold = Some(&rooms.subscriptions).filter(|_| config.rooms.has(Room::Subscriptions));
    if let Some(room) = sold {
        doors = doors.merge(subscriptions::door(room));
    }
    if let Some(office) = &rooms.office {
        let mut users = auth::users_door(office);
        if let Some(room) = sold {
            users = users.merge(subscriptions::users_door(room, office));
        }
        doors = doors
            .nest("/api/v1/auth", auth::door(office))
            .nest("/api/v1/users", users)
            .nest("/api/v1/admin", auth::admin_door(office, InForce::new(config.numbers())))
            .merge(auth::root_door(office));
    }
    if let Some(mail) = &rooms.mail {
        doors = doors.nest("/api/v1/mailboxes", mailbox::door(mail.clone()));
    }
    if let Some(meetings) = &rooms.meetings {
        doors = doors.nest("/api/v1/rendezvous", rendezvous::door(meetings.clone()));
    }
    if let Some(push) = &rooms.push {
        doors = doors.nest("/api/v1/push", push::door(push.clone()));
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
async fn rounds(
    hall: Hall,
    (office, subscriptions, mail, push): (Option<Office>, Subscriptions, Option<Mail>, Option<Push>),
    meetings: Option<Meetings>,
    tls: Option<Tls>,
) {
    let mut every = tokio::time::interval(ROUND);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = hall.closing.said() => return,
        }
        hall.round();
        tls.iter().for_each(reread);
        meetings.iter().for_each(Meetings::round);
        if let Some(office) = &office
            && office.round().await.is_err()
        {
            tracing::warn!("old rows of the audit log are forgotten later");
        }
        if subscriptions.round().await.is_err() {
            tracing::warn!("plans, vouchers and invoices that are over are forgotten later");
        }
        if let Some(mail) = &mail
            && mail.round().await.is_err()
        {
            tracing::warn!("what has expired in mailboxes is forgotten later");
        }
        if let Some(push) = &push
            && push.round().await.is_err()
        {
            tracing::warn!("registrations for pushes that have expired are forgotten later");
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
