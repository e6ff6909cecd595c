//! A coordinator that is none, or means ill: every answer ends in a word, in bounded time and memory.

use super::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Answers the first request with these bytes, whatever they are, and hangs up.
async fn answering(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let _read = stream.read(&mut request).await;
            let _written = stream.write_all(&bytes).await;
        }
    });
    format!("http://{at}")
}

fn with(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

async fn asked(origin: &str) -> Result<Bytes, HttpError> {
    let origin = origin.parse().unwrap();
    Http::to(origin, Outside::Machine).ask(Ask { most: 1_000, ..Ask::get("/x") }).await
}

#[tokio::test]
async fn a_good_answer_is_its_body() {
    let origin = answering(with("200 OK", b"hello")).await;
    assert_eq!(asked(&origin).await.unwrap(), "hello");
}

#[tokio::test]
async fn an_answer_longer_than_asked_for_is_not_read() {
    let origin = answering(with("200 OK", &[b'x'; 1_001])).await;
    assert_eq!(asked(&origin).await, Err(HttpError::Nonsense));
    let endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let chunks =
        [endless, b"3e8\r\n".to_vec(), vec![b'y'; 1_000], b"\r\n5\r\nabcde\r\n0\r\n\r\n".to_vec()].concat();
    assert_eq!(asked(&answering(chunks).await).await, Err(HttpError::Nonsense));
}

#[tokio::test]
async fn a_refusal_keeps_its_word_and_when_to_come_back() {
    let problem = br#"{"type":"about:blank","title":"Too many requests","detail":"wait\u0007 a little"}"#;
    let origin = answering(with("429 Too Many Requests\r\nretry-after: 7", problem)).await;
    let error = asked(&origin).await.unwrap_err();
    assert_eq!(error.retry(), Some(Duration::from_secs(7)));
    assert!(error.is(StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(error.to_string(), "it refuses (429: wait a little)");
    let origin = answering(with("503 Service Unavailable\r\nretry-after: 99999999", b"<html>")).await;
    assert_eq!(asked(&origin).await.unwrap_err().retry(), Some(RETRY_MAX));
    // Nobody is sent elsewhere: the answer of another place is not what was asked for.
    let origin = answering(with("302 Found\r\nlocation: http://127.0.0.1:1/", b"")).await;
    assert!(asked(&origin).await.unwrap_err().is(StatusCode::FOUND));
}

#[tokio::test]
async fn who_is_no_coordinator_or_is_not_there_is_unreachable_in_words() {
    for bytes in
        [&b"SSH-2.0-OpenSSH\r\n"[..], b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhal", &[0; 600]]
    {
        let error = asked(&answering(bytes.to_vec()).await).await.unwrap_err();
        assert!(matches!(&error, HttpError::Unreachable(why) if !why.is_empty()), "{error}");
    }
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = asked(&format!("http://{free}")).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    // TLS to somebody who speaks none.
    let plain = answering(with("200 OK", b"")).await.replace("http:", "https:");
    assert!(matches!(asked(&plain).await, Err(HttpError::Unreachable(_))));
}

#[test]
fn nobody_is_asked_again_without_a_pause_or_never_because_it_says_so() {
    for (said, wait) in
        [("0", Some(1)), ("7", Some(7)), ("99999999999", Some(600)), ("-1", None), ("soon", None)]
    {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, said.parse().unwrap())]);
        assert_eq!(retry_after(&headers), wait.map(Duration::from_secs), "{said}");
    }
    assert_eq!(retry_after(&HeaderMap::new()), None);
}
