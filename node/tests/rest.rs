//! The door on loopback, with real homes and real processes: what two do by it alone, and who is kept out.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]
#![cfg(feature = "rest")]

mod people;

use futures::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use people::Person;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// How long something may take to come about before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// One request on a connection of its own: the status and the answer.
async fn ask(
    at: SocketAddr,
    (method, path): (Method, &str),
    headers: &[(&str, &str)],
    body: &Value,
) -> (u16, Value) {
    let stream = TokioIo::new(TcpStream::connect(at).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    let driven = tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
    let answer = sender.send_request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    driven.abort();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

/// Somebody who is in at the door of a home.
struct In {
    at: SocketAddr,
    host: String,
    bearer: String,
}

/// The address and the token of a URL that was printed.
fn printed(made: &Value) -> (SocketAddr, String) {
    let url = made["url"].as_str().unwrap();
    let (host, token) = url.strip_prefix("http://").unwrap().split_once("/#").unwrap();
    assert_eq!(made["token"], token);
    (host.parse().unwrap(), token.to_owned())
}

impl In {
    async fn by_token(person: &Person) -> Self {
        let (at, token) = printed(&person.ask(&["rest-token"]));
        let host = at.to_string();
        let headers = [("host", host.as_str()), ("content-type", "application/json")];
        let enter = (Method::POST, "/api/v1/session");
        let (status, entered) = ask(at, enter, &headers, &json!({ "token": token })).await;
        assert_eq!(status, 201, "{entered}");
        In { at, host, bearer: entered["session"].as_str().unwrap().to_owned() }
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let bearer = format!("Bearer {}", self.bearer);
        let headers = [
            ("host", self.host.as_str()),
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        ask(self.at, (method, path), &headers, &body).await
    }

    /// Asks, and expects this status; the answer.
    async fn does(&self, status: u16, method: Method, path: &str, body: Value) -> Value {
        let (got, answer) = self.ask(method, path, body).await;
        assert_eq!(got, status, "{path}: {answer}");
        answer
    }

    async fn get(&self, path: &str) -> Value {
        self.does(200, Method::GET, path, Value::Null).await
    }

    async fn socket_as(&self, origin: Option<&str>) -> Result<WebSocketStream<TcpStream>, Error> {
        let mut request = format!("ws://{}/ws/communication", self.host).into_client_request()?;
        request.headers_mut().insert("authorization", format!("Bearer {}", self.bearer).parse().unwrap());
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        let stream = TcpStream::connect(self.at).await.unwrap();
        client_async(request, stream).await.map(|(socket, _)| socket)
    }

    async fn socket(&self) -> Socket {
        Socket { socket: self.socket_as(None).await.unwrap(), next: 0 }
    }
}

/// A WebSocket that is open.
struct Socket {
    socket: WebSocketStream<TcpStream>,
    next: u64,
}

impl Socket {
    /// Reads until a frame is as wanted.
    async fn until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let reading = async {
            loop {
                match self.socket.next().await.unwrap().unwrap() {
                    Message::Text(text) => {
                        let frame: Value = serde_json::from_str(&text).unwrap();
                        if wanted(&frame) {
                            return frame;
                        }
                    }
                    Message::Close(why) => panic!("{what}: closed: {why:?}"),
                    _ => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("{what} did not come about"))
    }

    async fn event(&mut self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.until(name, |frame| frame["event"] == name && wanted(frame)).await
    }

    /// Does something, and waits for its answer.
    async fn does(&mut self, mut what: Value) -> Value {
        self.next += 1;
        what["id"] = json!(self.next);
        self.socket.send(Message::text(what.to_string())).await.unwrap();
        let id = self.next;
        self.until("an answer", |frame| frame["id"] == id).await
    }
}

fn up(folder: &Path, name: &str) -> Person {
    let mut person = Person::new(folder, name);
    person.stays(&["up", "--loopback", "--no-mdns", "--rest"], "");
    person
}

/// Two who are in one group, by the door alone: who they are at their doors, and its id.
async fn two(ada: &Person, ben: &Person) -> (In, In, String) {
    let (ada, ben) = (In::by_token(ada).await, In::by_token(ben).await);
    let begun = ada.does(201, Method::POST, "/api/v1/groups", json!({ "name": "Sunday ride" })).await;
    let group = begun["group_id"].as_str().unwrap().to_owned();
    let join = json!({ "invite_code": begun["invite"]["link"] });
    let joined = ben.does(200, Method::POST, "/api/v1/groups/join", join).await;
    assert_eq!((&joined["group_id"], &joined["name"]), (&json!(group), &json!("Sunday ride")));
    assert_eq!(joined["emoji"].as_array().unwrap().len(), 4);
    (ada, ben, group)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_make_a_group_write_and_read_it_by_the_local_door_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (ada_home, ben_home) = (up(folder.path(), "ada"), up(folder.path(), "ben"));
    let (ada, ben, group) = two(&ada_home, &ben_home).await;
    let path = format!("/api/v1/groups/{group}");
    let mut hears = ada.socket().await;

    let messages = format!("{path}/messages");
    let said = ben.does(201, Method::POST, &messages, json!({ "text": "at the Bridge" })).await;
    let event = hears.event("message", |event| event["own"] == false).await;
    assert_eq!((&event["text"], &event["message"]), (&json!("at the Bridge"), &said["message_id"]));
    let answer = json!({ "text": "I come", "reply_to": said["message_id"] });
    ada.does(201, Method::POST, &messages, answer).await;
    let page = ada.get(&format!("{messages}?limit=1")).await;
    assert_eq!(page["messages"][0]["text"], "I come");
    let older = ada.get(&format!("{messages}?before={}", page["next"].as_str().unwrap())).await;
    assert_eq!((&older["messages"][0]["text"], &older["next"]), (&json!("at the Bridge"), &Value::Null));
    let found = ada.get(&format!("{messages}/search?q=bridge")).await;
    assert_eq!(found["messages"][0]["message_id"], said["message_id"]);
    assert_eq!(found["messages"].as_array().unwrap().len(), 1);
    let typed = ada_home.ask(&["search", "BRIDGE"]);
    assert_eq!(typed["messages"][0]["message"], said["message_id"], "the command finds the same");

    let named = ada.does(200, Method::PUT, &path, json!({ "name": "Monday ride" })).await;
    assert_eq!((&named["name"], &named["member_count"]), (&json!("Monday ride"), &json!(2)));
    assert!(named["last_active"].is_string() && named["avatar"].is_null(), "{named}");
    ben_home.wait("the name", &["groups"], |groups| groups["groups"][0]["name"] == "Monday ride");
    assert_eq!(ada.get(&format!("{path}/members")).await["members"].as_array().unwrap().len(), 2);
    let (status, refused) =
        ben.ask(Method::POST, &format!("{path}/invite"), json!({ "role": "owner" })).await;
    assert_eq!((status, &refused["type"]), (403, &json!("/api/v1/problems/not-allowed")), "{refused}");
    let wanted = json!({ "uses": 3, "expires_in": 600 });
    let invite = ada.does(201, Method::POST, &format!("{path}/invite"), wanted).await;
    assert!(invite["invite_code"].is_string() && invite["expires_at"].is_string(), "{invite}");
    let closed = ada_home.ask(&["invite", "--list"]);
    assert!(closed["invites"].as_array().unwrap().iter().any(|open| open["code"] == invite["invite_code"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_find_each_other_and_talk_by_the_local_door_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (ada_home, ben_home) = (up(folder.path(), "ada"), up(folder.path(), "ben"));
    let (ada, ben, group) = two(&ada_home, &ben_home).await;
    let (mut ada_hears, mut ben_hears) = (ada.socket().await, ben.socket().await);

    let place = |latitude: f64, longitude: f64| {
        json!({
            "group_id": group, "coordinates": { "latitude": latitude, "longitude": longitude }, "accuracy": 5, "speed": 8,
            "heading": 90, "share_for": 600,
        })
    };
    let update = "/api/v1/location/update";
    ben.does(204, Method::POST, update, place(46.0, 7.01)).await;
    ada_hears.event("location", |event| event["own"] == false).await;
    let proximity = format!("/api/v1/location/proximity/{group}");
    assert!(ada.get(&proximity).await["members"][0]["distance"].is_null(), "Ada does not know where she is");
    ada.does(204, Method::POST, update, place(46.0, 7.0)).await;
    let near = ada.get(&proximity).await["members"][0].clone();
    // A hundredth of a degree along the parallel of 46 degrees is 775 m.
    assert!((770.0..780.0).contains(&near["distance"].as_f64().unwrap()), "{near}");
    assert_eq!(near["direction"], "E");
    let places = ada.get(&format!("/api/v1/location/group/{group}")).await;
    let of_ben = places["locations"].as_array().unwrap().iter().find(|one| one["own"] == false).unwrap();
    assert_eq!((&of_ben["speed"], &of_ben["heading"]), (&json!(8.0), &json!(90.0)), "{of_ben}");

    let sound = json!({ "do": "join_session", "session_id": group, "source": "null", "sink": "null" });
    let joined = ada_hears.does(sound).await;
    assert_eq!(
        (&joined["ok"]["session_id"], &joined["ok"]["own"]),
        (&json!(group), &json!(true)),
        "{joined}"
    );
    ben_hears.event("call-joined", |_| true).await;
    let sessions = ben.get("/api/v1/communication/sessions").await;
    let session = &sessions["sessions"][0];
    assert_eq!((&session["group_id"], &session["type"]), (&json!(group), &json!("voice")));
    assert!(session["started_at"].is_string() && session["own"] == false, "{session}");
    assert_eq!(ben_home.ask(&["calls"])["calls"][0]["group"], group.as_str(), "the command shows the same");
    let enter = json!({ "group_id": group, "type": "voice", "source": "null", "sink": "null" });
    let entered = ben.does(201, Method::POST, "/api/v1/communication/sessions", enter).await;
    assert_eq!(entered["participants"].as_array().unwrap().len(), 2, "{entered}");

    let muted = |key: &'static str, on: bool| {
        move |calls: &Value| {
            let others = calls["calls"][0]["participants"].as_array().into_iter().flatten();
            others.filter(|one| one["this"] == false).any(|one| one[key] == on)
        }
    };
    for (what, key, on) in [
        ("unmute_mic", "microphone_muted", false),
        ("mute_mic", "microphone_muted", true),
        ("mute_speaker", "speaker_muted", true),
        ("unmute_speaker", "speaker_muted", false),
    ] {
        assert!(ada_hears.does(json!({ "do": what })).await["ok"].is_object(), "{what}");
        ben_home.wait(what, &["calls"], muted(key, on));
    }
    for music in ["share_music", "stop_music"] {
        let refused = ada_hears.does(json!({ "do": music })).await;
        assert_eq!(refused["error"]["type"], "/api/v1/problems/not-built", "{refused}");
    }
    assert_eq!(ada_hears.does(json!({ "do": "fly" })).await["error"]["status"], 400);
    assert!(ada_hears.does(json!({ "do": "leave_session", "session_id": group })).await["ok"].is_object());
    ben_hears.event("call-left", |_| true).await;
    let leave = format!("/api/v1/communication/sessions/{group}");
    ben.does(204, Method::DELETE, &leave, Value::Null).await;
    assert_eq!(ben.get("/api/v1/communication/sessions").await, json!({ "sessions": [] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_a_token_and_no_page_from_elsewhere_is_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let home = up(folder.path(), "ada");
    let (at, token) = printed(&home.ask(&["rest-token"]));
    let host = at.to_string();
    let groups = || (Method::GET, "/api/v1/groups");
    let (status, _) = ask(at, groups(), &[("host", "halloo.example")], &Value::Null).await;
    assert_eq!(status, 421, "a name of somebody else that leads here");
    let foreign = [("host", host.as_str()), ("origin", "https://halloo.example")];
    assert_eq!(ask(at, groups(), &foreign, &Value::Null).await.0, 403);
    assert_eq!(ask(at, groups(), &[("host", host.as_str())], &Value::Null).await.0, 401);

    let json_here = [("host", host.as_str()), ("content-type", "application/json")];
    let enter = || (Method::POST, "/api/v1/session");
    let (status, _) = ask(at, enter(), &json_here, &json!({ "token": token })).await;
    assert_eq!(status, 201);
    let (status, refused) = ask(at, enter(), &json_here, &json!({ "token": token })).await;
    assert_eq!((status, &refused["type"]), (401, &json!("/api/v1/problems/token-needed")));
    assert!(refused["next"].as_str().unwrap().contains("halloo rest-token"));

    let inside = In::by_token(&home).await;
    for origin in ["https://halloo.example", "null", "http://127.0.0.1:1"] {
        let Err(Error::Http(refused)) = inside.socket_as(Some(origin)).await else { panic!("{origin}") };
        assert_eq!(refused.status(), 403, "{origin}");
    }
    let own = format!("http://{host}");
    inside.socket_as(Some(&own)).await.unwrap();
    let mut hears = inside.socket().await;
    inside.does(204, Method::DELETE, "/api/v1/session", Value::Null).await;
    hears.socket.send(Message::text(r#"{"id":1,"do":"mute_mic"}"#)).await.unwrap();
    let Message::Close(Some(why)) = hears.socket.next().await.unwrap().unwrap() else { panic!("not closed") };
    assert_eq!(u16::from(why.code), 4001, "a socket ends with its session");
    assert_eq!(inside.ask(Method::GET, "/api/v1/groups", Value::Null).await.0, 401);
}

#[test]
fn the_local_door_opens_on_loopback_only_and_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let other = Person::new(folder.path(), "other");
    other.refused(&["up", "--loopback", "--no-mdns", "--rest", "0.0.0.0:0"], "can be reached by others");
    other.refused(&["up", "--loopback", "--no-mdns", "--rest", "[::]:0"], "can be reached by others");
    let mut shut = Person::new(folder.path(), "shut");
    shut.up();
    shut.refused(&["rest-token"], "is not open");
}
