//! What comes for who is away wakes the device: relay and gateway over real sockets, with a push service that is told what to answer.
#![allow(clippy::unwrap_used)]

mod asking;
mod authority;
mod pushed;

use asking::{Place, item, open, open_with, owner};
use futures::{SinkExt as _, StreamExt as _};
use halloo_coordinator::config::Config;
use halloo_coordinator::push::config::Role;
use halloo_crypto::ticket::Room;
use halloo_store::store::Store as _;
use halloo_wire::mailbox::{SUBSCRIBE_PATH, Told};
use halloo_wire::push::{Ask, FORGET_PATH, POKE_PATH, Poked, REGISTER_PATH, Token, What};
use hyper::{Method, Version};
use proptest::prelude::*;
use pushed::{Device, Service, sealed};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

/// Both roles; push services on loopback are allowed.
fn lan(config: &mut Config) {
    config.metrics.listen = "127.0.0.1:0".to_owned();
    config.push.allow = vec!["127.0.0.0/8".parse().unwrap()];
}

/// Longer than two pushes to one device, and than two pokes for one address, are apart.
const QUIET: Duration = Duration::from_secs(10);

struct Scene {
    place: Place,
    service: Service,
    device: Device,
    ticket: String,
}

impl Scene {
    async fn new() -> Self {
        let place = open(lan).await;
        let ticket = place.ticket(&place.client(1), Room::Mailbox).await;
        Scene { place, service: Service::plain().await, device: Device::new(7), ticket }
    }

    fn token(&self) -> Token {
        self.device.token(&format!("http://{}/up?id=1", self.service.local))
    }

    /// Registers the device for the mailbox of a seed.
    async fn register(&self, seed: u8) {
        let sealed = sealed(&self.token(), &self.place.gateway().await.key, seed);
        let answer = self.place.register(&owner(seed), None, sealed).await;
        assert_eq!(answer.status, 204, "{answer:?}");
    }

    async fn leave(&self, seed: u8, name: u8) {
        assert_eq!(self.place.leave(&self.ticket, &[item(&owner(seed), name)]).await.status, 200);
    }

    fn rows(&self) -> usize {
        self.place.store.range(b"p").unwrap().len()
    }
}

#[tokio::test]
async fn what_is_left_for_who_is_away_wakes_the_device_and_says_nothing_else() {
    let mut scene = Scene::new().await;
    scene.register(1).await;
    scene.leave(1, 1).await;
    let push = scene.service.next().await;
    assert_eq!(scene.device.open(&push.body), b"wake");
    assert_eq!((push.path.as_str(), push.version), ("/up?id=1", Version::HTTP_11));
    assert_eq!((push.header("content-encoding"), push.header("ttl")), ("aes128gcm", "1209600"));
    assert_eq!((push.header("urgency"), push.header("topic")), ("high", "halloo"));
    let vapid = scene.place.gateway().await.vapid;
    assert!(push.header("authorization").starts_with("vapid t=ey"));
    assert!(push.header("authorization").ends_with(&format!(", k={vapid}")));
    scene.place.counts("halloo_pushes_total{outcome=\"taken\"} 1").await;
}

#[tokio::test]
async fn two_mailboxes_of_one_device_wake_it_once_and_many_items_poke_once() {
    let mut scene = Scene::new().await;
    scene.service.say(503, None, "");
    scene.register(1).await;
    scene.register(2).await;
    scene.leave(1, 1).await;
    scene.service.next().await;
    scene.place.counts("halloo_pushes_total{outcome=\"later\"} 1").await;
    // It waits for its next try: whatever comes meanwhile goes with it.
    scene.leave(2, 1).await;
    scene.place.counts("halloo_pushes_total{outcome=\"merged\"} 1").await;
    for name in 2..9 {
        scene.leave(2, name).await;
    }
    scene.place.counts("halloo_pokes_total{outcome=\"merged\"} 6").await;
    assert!(scene.service.is_silent());
}

#[tokio::test]
async fn whoever_watches_is_not_woken() {
    let mut scene = Scene::new().await;
    scene.register(1).await;
    let stream = TcpStream::connect(scene.place.running.local).await.unwrap();
    let url = format!("{}{SUBSCRIBE_PATH}", scene.place.origin().to_string().replace("http", "ws"));
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    socket.send(Message::Binary(scene.place.watch(&owner(1)).into())).await.unwrap();
    let mut forged = scene.place.watch(&owner(2));
    *forged.last_mut().unwrap() ^= 1;
    socket.send(Message::Binary(forged.into())).await.unwrap();
    // Frames are answered in order, so the first is taken now.
    socket.next().await.unwrap().unwrap();
    scene.leave(1, 1).await;
    let told = socket.next().await.unwrap().unwrap();
    assert_eq!(Told::read(&told.into_data()).unwrap(), Told::Wake(owner(1).address()));
    drop(socket);
    // A poke of another mailbox comes through behind it, and is the only one.
    scene.register(3).await;
    scene.leave(3, 1).await;
    scene.service.next().await;
    assert!(scene.place.meters().await.contains("halloo_pokes_total{outcome=\"queued\"} 1\n"));
}

#[tokio::test]
async fn a_token_that_its_push_service_knows_no_more_is_forgotten_everywhere() {
    let mut scene = Scene::new().await;
    scene.service.say(410, None, "");
    scene.register(1).await;
    scene.register(2).await;
    assert_eq!(scene.rows(), 4);
    scene.leave(1, 1).await;
    scene.service.next().await;
    scene.place.counts("halloo_pushes_total{outcome=\"gone\"} 1").await;
    scene.place.world.pass(QUIET);
    for seed in [1, 2] {
        scene.leave(seed, 2).await;
    }
    scene.place.counts("halloo_pokes_total{outcome=\"gone\"} 2").await;
    assert_eq!((scene.rows(), scene.service.is_silent()), (0, true));
    // Nobody pokes for what is not registered.
    scene.leave(1, 3).await;
    assert!(scene.place.meters().await.contains("halloo_pokes_total{outcome=\"queued\"} 3\n"));
}

#[tokio::test]
async fn what_failed_is_tried_again_not_before_the_push_service_wants_it() {
    let mut scene = Scene::new().await;
    scene.service.say(429, Some(60), "");
    scene.register(1).await;
    scene.leave(1, 1).await;
    scene.service.next().await;
    scene.place.counts("halloo_pushes_total{outcome=\"later\"} 1").await;
    scene.place.world.pass(Duration::from_secs(59));
    scene.leave(1, 2).await;
    scene.place.counts("halloo_pushes_total{outcome=\"merged\"} 1").await;
    assert!(scene.service.is_silent());
    scene.place.world.pass(QUIET);
    scene.leave(1, 3).await;
    scene.service.next().await;
    scene.place.counts("halloo_pushes_total{outcome=\"taken\"} 1").await;
}

#[tokio::test]
async fn a_registration_outlives_a_restart_and_ends_when_its_owner_or_its_days_say() {
    let scene = Scene::new().await;
    scene.register(1).await;
    scene.register(2).await;
    assert_eq!(scene.place.forget(&owner(2)).await.status, 204);
    assert_eq!(scene.place.forget(&owner(2)).await.status, 204, "a lost answer may be asked for again");
    scene.place.running.close().await;
    let place = open_with(Arc::clone(&scene.place.store), lan).await;
    let ticket = place.ticket(&place.client(1), Room::Mailbox).await;
    let mut again = Scene { place, ticket, ..scene };
    again.leave(2, 1).await;
    again.leave(1, 1).await;
    let push = again.service.next().await;
    assert_eq!(again.device.open(&push.body), b"wake", "the keys of the gateway are the same");
    assert!(again.service.is_silent());
}

#[tokio::test]
async fn only_the_owner_registers_and_only_a_gateway_that_is_listed() {
    let scene = Scene::new().await;
    let place = &scene.place;
    let token = sealed(&scene.token(), &place.gateway().await.key, 1);
    let elsewhere = Some("https://gateway.example".parse().unwrap());
    let refused = place.register(&owner(1), elsewhere, token.clone()).await;
    assert_eq!((refused.status, refused.problem().as_str()), (403, "gateway-not-listed"));
    assert_eq!(place.register(&owner(1), Some(place.origin()), token.clone()).await.status, 204, "this one");
    let what = || What::Register { days: 1, gateway: None, token: Box::new(token.clone()) };
    let other = "https://other.example".parse().unwrap();
    let now = place.world.now_ms();
    let ask = |body: Vec<u8>| place.ask(Method::POST, REGISTER_PATH, &[], body);
    assert_eq!(ask(Ask::sign(what(), &owner(1), &other, now)).await.problem(), "bad-signature");
    assert_eq!(
        ask(Ask::sign(what(), &owner(1), &place.origin(), now - 600_000)).await.problem(),
        "clock-apart"
    );
    assert_eq!(ask(Ask::sign(What::Forget, &owner(1), &place.origin(), now)).await.problem(), "malformed");
    assert_eq!(ask(vec![1; 4_096]).await.problem(), "too-large");
    let wrong = place.ask(Method::POST, FORGET_PATH, &[], Ask::sign(what(), &owner(1), &place.origin(), now));
    assert_eq!(wrong.await.problem(), "malformed");
}

#[tokio::test]
async fn a_relay_pokes_a_gateway_at_another_coordinator_with_the_same_number_of_bytes() {
    let mut service = Service::plain().await;
    let far = open(|config| {
        lan(config);
        config.push.roles = vec![Role::Gateway];
    })
    .await;
    let near = open(|config| {
        lan(config);
        config.push.roles = vec![Role::Relay];
        config.push.gateways = vec![far.origin()];
    })
    .await;
    assert_eq!(near.get("/api/v1/push/gateway").await.status, 404);
    assert_eq!(far.forget(&owner(1)).await.status, 404);
    let device = Device::new(3);
    let token = device.token(&format!("http://{}/a", service.local));
    let key = far.gateway().await.key;
    let ticket = near.ticket(&near.client(1), Room::Mailbox).await;
    assert_eq!(near.register(&owner(1), None, sealed(&token, &key, 1)).await.problem(), "gateway-not-listed");
    assert_eq!(near.register(&owner(1), Some(far.origin()), sealed(&token, &key, 1)).await.status, 204);
    service.say(404, None, "");
    near.leave(&ticket, &[item(&owner(1), 1)]).await;
    assert_eq!(device.open(&service.next().await.body), b"wake");
    far.counts("halloo_pushes_total{outcome=\"gone\"} 1").await;
    near.counts("halloo_pokes_total{outcome=\"taken\"} 1").await;
    near.world.pass(QUIET);
    near.leave(&ticket, &[item(&owner(1), 2)]).await;
    near.counts("halloo_pokes_total{outcome=\"gone\"} 1").await;
    assert!(near.store.range(b"p").unwrap().is_empty(), "what the gateway says is gone is forgotten");
}

#[tokio::test]
async fn a_push_service_on_this_machine_is_asked_for_nothing_unless_the_settings_allow_it() {
    let mut service = Service::plain().await;
    let place = open(|_| {}).await;
    let key = place.gateway().await.key;
    let device = Device::new(3);
    let port = service.local.port();
    let everywhere = [
        "http://127.0.0.1",
        "https://127.0.0.1",
        "https://[::1]",
        "https://[::ffff:127.0.0.1]",
        "http://localhost",
    ];
    for (seed, host) in (1..).zip(everywhere) {
        let token = sealed(&device.token(&format!("{host}:{port}/")), &key, seed);
        // The first is found out after it was taken.
        while place.poke(&token).await != Poked::Gone {
            tokio::task::yield_now().await;
        }
    }
    assert!(service.is_silent());
}

#[tokio::test]
async fn a_gateway_that_cannot_send_a_kind_says_so_and_takes_none_of_it() {
    let place = open(lan).await;
    let gateway = place.gateway().await;
    assert_eq!(gateway.kinds, ["webpush"]);
    for token in [Token::Fcm("a".to_owned()), Token::Apns(vec![1; 32])] {
        assert_eq!(place.poke(&sealed(&token, &gateway.key, 1)).await, Poked::Gone);
    }
}

#[test]
fn no_bytes_at_the_doors_of_the_room_make_it_fail() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = runtime.block_on(open(lan));
    let paths = prop_oneof![Just(REGISTER_PATH), Just(FORGET_PATH), Just(POKE_PATH)];
    let heads = prop_oneof![Just(vec![1]), Just(vec![1, 6]), Just(vec![1, 7]), Just(Vec::new())];
    let bodies = proptest::collection::vec(any::<u8>(), 0..1_400);
    proptest!(ProptestConfig::with_cases(128), |(path in paths, head in heads, rest in bodies)| {
        let answer = runtime.block_on(place.ask(Method::POST, path, &[], [head, rest].concat()));
        prop_assert!(matches!(answer.status, 200 | 400 | 403 | 413), "{answer:?}");
    });
    assert_eq!(runtime.block_on(place.get("/readyz")).status, 200);
}
