//! Committing together, and who asks.

use super::*;
use axum::extract::FromRef;
use axum::http::Request;
use halloo_store::memory::{Fault, MemoryStore};

#[derive(Clone)]
struct State(Hall);

impl FromRef<State> for Hall {
    fn from_ref(state: &State) -> Hall {
        state.0.clone()
    }
}

fn hall(store: Arc<MemoryStore>) -> Hall {
    let (closer, closing) = closing();
    std::mem::forget(closer);
    let known = Known {
        origin: "https://halloo.example".parse().ok(),
        lan: true,
        tls: false,
        proxies: vec![IpAddr::from([127, 0, 0, 1])],
        ticket_key: CoordinatorId([0; 32]),
    };
    Hall::new(World::told(0, [1; 32]), store, closing, known).unwrap()
}

async fn asked(hall: &Hall, peer: &str, forwarded: Option<&str>) -> Name {
    let mut request =
        Request::builder().extension(Peer { remote: peer.parse().unwrap(), local: None, tls: false });
    if let Some(forwarded) = forwarded {
        request = request.header("x-forwarded-for", forwarded);
    }
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    Asker::from_request_parts(&mut parts, &State(hall.clone())).await.unwrap().0
}

#[tokio::test]
async fn a_commit_that_the_disk_refuses_is_told_and_the_next_one_goes_on() {
    let store = Arc::new(MemoryStore::new());
    let hall = hall(Arc::clone(&store));
    store.fail_next(Fault::Full);
    let mut batch = Batch::new();
    batch.put(b"k".to_vec(), b"v".to_vec());
    let (tell, told) = std::sync::mpsc::sync_channel(2);
    let again = tell.clone();
    let first = hall.turn().await.submit(batch.clone(), move |durable| tell.send(durable).unwrap());
    assert_eq!(first.durable().await.unwrap_err().kind(), Kind::Full);
    let second = hall.turn().await.submit(batch, move |durable| again.send(durable).unwrap());
    second.durable().await.unwrap();
    assert_eq!(told.iter().collect::<Vec<_>>(), [false, true]);
    assert_eq!(store.get(b"k").unwrap().as_deref(), Some(&b"v"[..]));
}

#[tokio::test]
async fn only_a_proxy_that_is_named_may_say_who_asks_and_only_its_last_word_counts() {
    let hall = hall(Arc::new(MemoryStore::new()));
    let direct = asked(&hall, "198.51.100.7:1000", None).await;
    assert_eq!(asked(&hall, "198.51.100.7:1000", Some("203.0.113.1")).await, direct);
    assert_eq!(asked(&hall, "127.0.0.1:1000", Some("203.0.113.1, 198.51.100.99")).await, direct);
    assert_ne!(asked(&hall, "127.0.0.1:1000", Some("garbage")).await, direct);
}

#[tokio::test]
async fn a_request_may_be_signed_for_the_set_origin_or_for_the_address_that_was_reached_and_for_no_other() {
    let hall = hall(Arc::new(MemoryStore::new()));
    let local = Some("[::ffff:10.0.0.1]:7750".parse().unwrap());
    let peer = Peer { remote: "10.0.0.2:9".parse().unwrap(), local, tls: false };
    // What the client claims in Host says nothing: it would be claimed by whoever passes a request on, too.
    let request = Request::builder().extension(peer).header("host", "evil.example").body(()).unwrap();
    let (mut parts, ()) = request.into_parts();
    let here = Here::from_request_parts(&mut parts, &State(hall)).await.unwrap();
    let origins: Vec<_> = here.origins.iter().map(Origin::as_str).collect();
    assert_eq!(origins, ["https://halloo.example", "http://10.0.0.1:7750"]);
}

#[tokio::test]
async fn who_settles_returns_when_what_was_queued_is_done_and_told() {
    let hall = hall(Arc::new(MemoryStore::new()));
    let told = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    for number in 0..100_u8 {
        let mut batch = Batch::new();
        batch.put(vec![b'k', number], vec![number]);
        let told = Arc::clone(&told);
        let done = move |_| _ = told.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        drop(hall.turn().await.submit(batch, done));
    }
    hall.settle();
    assert_eq!(told.load(std::sync::atomic::Ordering::SeqCst), 100);
}
