//! The door: requests are answered, bad lines are refused with the next step, events reach who watches.

use super::*;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

async fn open() -> (tempfile::TempDir, std::path::PathBuf, Door) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("door");
    let door = Door::open(&path).expect("a door in an empty folder");
    (folder, path, door)
}

#[tokio::test]
async fn a_request_is_answered_and_a_refusal_keeps_its_next_step() {
    let (_folder, path, mut door) = open().await;
    let asking = tokio::spawn(async move {
        let mut client = Client::connect(&path).await.unwrap();
        let first = client.ask(Some("ride"), Request::Members).await;
        let second = client.ask(None, Request::Leave).await;
        (first, second)
    });
    let asked = door.next().await.unwrap();
    assert_eq!(asked.group.as_deref(), Some("ride"));
    assert!(matches!(asked.request, Request::Members));
    asked.reply.send(Ok(json!({"members": []}))).unwrap();
    door.next().await.unwrap().reply.send(Err(DoorError::new("not-allowed", "no", "ask an admin"))).unwrap();
    let (first, second) = asking.await.unwrap();
    assert_eq!(first.unwrap(), json!({"members": []}));
    let ClientError::Refused(error) = second.unwrap_err() else { panic!("not a refusal") };
    assert_eq!(error.next, "ask an admin");
}

#[tokio::test]
async fn garbage_is_refused_and_the_conversation_goes_on() {
    let (_folder, path, mut door) = open().await;
    let mut stream = UnixStream::connect(&path).await.unwrap();
    let bad: [&[u8]; 5] = [b"nonsense", b"{}", b"{\"id\":1,\"do\":\"fly\"}", b"\xff\xfe", b"[1,2,3]"];
    for line in bad {
        stream.write_all(line).await.unwrap();
        stream.write_all(b"\n").await.unwrap();
    }
    stream.write_all(b"{\"id\":9,\"do\":\"groups\"}\n").await.unwrap();
    door.next().await.unwrap().reply.send(Ok(json!(1))).unwrap();
    let mut lines = BufReader::new(stream).lines();
    for _ in bad {
        let line: serde_json::Value =
            serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        assert_eq!(line["error"]["code"], "malformed");
    }
    assert_eq!(lines.next_line().await.unwrap().unwrap(), r#"{"id":9,"ok":1}"#);
}

#[tokio::test]
async fn a_line_without_end_is_refused_at_its_limit_and_closes_the_conversation() {
    let (_folder, path, _door) = open().await;
    let stream = UnixStream::connect(&path).await.unwrap();
    let (read, mut write) = stream.into_split();
    let sending = tokio::spawn(async move {
        // The other side may close before all is written.
        let _closed = write.write_all(&vec![b'x'; LINE_MAX + 10]).await;
        write
    });
    let mut lines = BufReader::new(read).lines();
    let refusal: serde_json::Value =
        serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    assert_eq!(refusal["error"]["code"], "malformed");
    assert!(refusal["error"]["next"].as_str().is_some_and(|next| next.contains("one JSON object a line")));
    assert_eq!(lines.next_line().await.unwrap_or(None), None);
    drop(sending.await.unwrap());
}

#[tokio::test]
async fn who_watches_hears_events_and_a_slow_one_is_told_what_it_missed() {
    let (_folder, path, door) = open().await;
    let mut client = Client::connect(&path).await.unwrap();
    client.ask(None, Request::Watch).await.unwrap();
    door.watchers().tell(json!({"event": "one"}));
    assert_eq!(client.event().await.unwrap()["event"], "one");
    let mut window = door.watchers().window();
    for n in 0..=EVENTS_WAITING {
        door.watchers().tell(json!({"event": n}));
    }
    assert!(matches!(window.recv().await, Err(tokio::sync::broadcast::error::RecvError::Lagged(1))));
}

#[tokio::test]
async fn a_driver_that_ends_answers_with_an_error_and_the_socket_goes() {
    let (_folder, path, mut door) = open().await;
    let mut client = Client::connect(&path).await.unwrap();
    let asking = tokio::spawn(async move { client.ask(None, Request::Groups).await });
    drop(door.next().await.unwrap());
    assert!(matches!(asking.await.unwrap(), Err(ClientError::Refused(error)) if error.code == "stopped"));
    drop(door);
    assert!(!path.exists());
    assert!(matches!(Client::connect(&path).await, Err(ClientError::NotRunning)));
}

#[test]
fn an_error_of_ours_is_taken_apart_into_what_is_wrong_and_what_to_do() {
    for (text, what, next) in [
        ("the code is used up: ask for a new one", "the code is used up", "ask for a new one"),
        ("port 7 is in use; stop the other, or choose", "port 7 is in use", "stop the other, or choose"),
        ("/x is full: free some; the rest is safe", "/x is full", "free some; the rest is safe"),
        ("opening /x: no such file: check the disk", "opening /x: no such file", "check the disk"),
        ("halloo:i/ is no link", "halloo:i/ is no link", "otherwise"),
        ("", "", "otherwise"),
        (": ;", ": ;", "otherwise"),
    ] {
        assert_eq!(DoorError::told("code", &text, "otherwise"), DoorError::new("code", what, next), "{text}");
    }
}
