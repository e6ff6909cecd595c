//! What a coordinator says of itself, how it refuses, and how it closes.

mod asking;

use asking::{NOW_MS, open};
use hyper::Method;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

#[tokio::test]
async fn a_coordinator_says_what_it_is_and_what_time_it_has() {
    let place = open(|config| config.name = "Anna's shed".to_owned()).await;
    let info = place.get("/api/v1/server").await.json();
    assert_eq!(info["name"], "Anna's shed");
    assert_eq!(info["time_ms"], NOW_MS);
    place.world.pass(Duration::from_secs(60));
    assert_eq!(place.get("/api/v1/server").await.json()["time_ms"], NOW_MS + 60_000);
    assert_eq!((place.get("/livez").await.status, place.get("/readyz").await.status), (200, 200));
}

#[tokio::test]
async fn who_opens_the_link_of_an_invite_in_a_browser_is_told_what_to_do_and_the_page_loads_and_runs_nothing()
{
    let place = open(|_| {}).await;
    let page = place.get("/i/VXUHfdmLkdqz_OOJ61C4Ew?a=/ip4/192.0.2.2/tcp/4100").await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("halloo join"));
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    for active in ["<script", "<img", "<link", "src=", "href=", "http:", "https:"] {
        assert!(!page.text().contains(active), "{active}");
    }
    for none in ["/i/short", "/i/VXUHfdmLkdqz_OOJ61C4E%20", "/i/VXUHfdmLkdqz_OOJ61C4EwX", "/i/%ff"] {
        assert_eq!(place.get(none).await.problem(), "not-found", "{none}");
    }
}

#[tokio::test]
async fn what_is_refused_names_a_problem_whose_page_says_what_to_do() {
    let place = open(|_| {}).await;
    let nowhere = place.get("/api/v1/nowhere").await;
    assert_eq!((nowhere.status, nowhere.problem().as_str()), (404, "not-found"));
    let wrong = place.ask(Method::DELETE, "/livez", &[], Vec::new()).await;
    assert_eq!((wrong.status, wrong.problem().as_str()), (405, "method-not-allowed"));
    let page = place.get(nowhere.json()["type"].as_str().unwrap()).await;
    assert!(page.text().contains("/api/v1/docs"), "{page:?}");
    assert_eq!(place.get("/api/v1/problems/none").await.problem(), "not-found");
}

#[tokio::test]
async fn the_interface_is_described_and_its_page_fetches_nothing_from_elsewhere() {
    let place = open(|_| {}).await;
    let api = place.get("/api/v1/openapi.json").await.json();
    assert_eq!(api["openapi"], "3.1.0");
    assert!(api["paths"]["/api/v1/server"]["get"].is_object());
    let paths = api["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|path| path.as_object().unwrap().values());
    let names: Vec<_> = operations.filter_map(|operation| operation["operationId"].as_str()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "one name twice: {names:?}");
    for file in ["", "swagger-ui.css", "swagger-initializer.js", "index.css"] {
        let page = place.get(&format!("/api/v1/docs/{file}")).await;
        assert_eq!(page.status, 200, "{file}");
        assert!(!page.text().contains("src=\"http"), "{file} fetches from elsewhere");
    }
}

#[tokio::test]
async fn more_connections_than_are_allowed_are_dropped_and_the_others_go_on() {
    let place = open(|config| config.connections = 1).await;
    let mut first = TcpStream::connect(place.running.local).await.unwrap();
    first.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    first.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    let mut second = TcpStream::connect(place.running.local).await.unwrap();
    // Dropped: an end or a reset, never an answer.
    assert_eq!(second.read(&mut answer).await.unwrap_or(0), 0);
    first.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(first.read(&mut answer).await.unwrap() > 0);
}

#[tokio::test]
async fn one_bucket_of_addresses_that_holds_all_it_may_keeps_no_other_out() {
    let place = open(|config| config.connections_per_bucket = 3).await;
    let from = async |address: [u8; 4]| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((address, 0))).unwrap();
        socket.connect(place.running.local).await.unwrap()
    };
    // Half a request each, as who wants to keep a server busy sends it.
    let mut slow = Vec::new();
    for host in 1..=3 {
        let mut stream = from([127, 0, 1, host]).await;
        stream.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
        slow.push(stream);
    }
    let mut fourth = from([127, 0, 1, 4]).await;
    assert_eq!(fourth.read(&mut [0; 16]).await.unwrap_or(0), 0, "dropped");
    let mut other = from([127, 0, 2, 1]).await;
    other.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    other.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    slow[0].write_all(b"host: x\r\n\r\n").await.unwrap();
    slow[0].read_exact(&mut answer).await.unwrap();
}

#[tokio::test]
async fn a_coordinator_that_closes_ends_idle_connections_and_accepts_no_more() {
    let place = open(|_| {}).await;
    let local = place.running.local;
    let mut idle = TcpStream::connect(local).await.unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(idle.read(&mut [0; 512]).await.unwrap() > 0);
    place.running.close().await;
    assert_eq!(idle.read(&mut [0; 512]).await.unwrap_or(0), 0);
    TcpStream::connect(local).await.unwrap_err();
}

#[tokio::test]
async fn while_a_request_is_under_way_who_comes_to_a_closing_coordinator_hears_that_it_is_not_ready() {
    let place = open(|_| {}).await;
    let local = place.running.local;
    let mut slow = TcpStream::connect(local).await.unwrap();
    let head =
        b"POST /api/v1/auth/ticket HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n";
    slow.write_all(head).await.unwrap();
    let mut answer = [0; 12];
    // The handler waits for the body.
    slow.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    let closing = place.running.closing();
    let closed = tokio::spawn(place.running.close());
    closing.said().await;
    let ask = async |path: &str| asking::ask(local, Method::GET, path, &[], Vec::new()).await;
    assert_eq!(ask("/livez").await.status, 200);
    assert_eq!(ask("/readyz").await.status, 503);
    let later = ask("/api/v1/server").await;
    assert_eq!((later.status, later.headers["retry-after"].to_str().unwrap()), (503, "2"));
    slow.write_all(b"{}").await.unwrap();
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).await.unwrap();
    assert!(String::from_utf8_lossy(&rest).contains("malformed"), "its own answer, not a cut");
    closed.await.unwrap();
    TcpStream::connect(local).await.unwrap_err();
}

#[tokio::test]
async fn garbage_on_the_port_harms_nobody() {
    let place = open(|_| {}).await;
    for garbage in
        [&b"\0\0\0\0\0\0"[..], b"GET", b"GET / HTTP/9.9\r\n\r\n", &[b'A'; 65_536], b"\x16\x03\x01\x02"]
    {
        let mut stream = TcpStream::connect(place.running.local).await.unwrap();
        // The other end may have hung up in the middle of it.
        drop(stream.write_all(garbage).await);
        drop(stream.shutdown().await);
        drop(stream.read_to_end(&mut Vec::new()).await);
    }
    assert_eq!(place.get("/livez").await.status, 200);
}
