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
    Hall::new(World::told(0, [1; 32]), store, closing, &[IpAddr::from([127, 0, 0, 1])]).unwrap()
}

async fn asked(hall: &Hall, peer: &str, forwarded: Option<&str>) -> Name {
    let mut request = Request::builder().extension(Peer(peer.parse().unwrap()));
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
    assert_eq!(hall.commit(batch.clone()).await.unwrap_err().kind(), Kind::Full);
    hall.commit(batch).await.unwrap();
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
