//! When a coordinator that closes wants to be asked again.

use super::*;

#[test]
fn a_close_frame_says_when_to_come_back_in_seconds_or_milliseconds() {
    for (reason, millis) in
        [("retry 1200 ms", 1_200), ("retry-after=3", 3_000), ("5", 5_000), ("retry 999999999 ms", 60_000)]
    {
        assert_eq!(retry_of(reason), Some(Duration::from_millis(millis)), "{reason}");
    }
    for reason in ["", "restart", "retry", "99999999999999999999999"] {
        assert_eq!(retry_of(reason), None, "{reason}");
    }
}

#[tokio::test]
async fn a_socket_to_nobody_or_to_somebody_who_speaks_something_else_does_not_open() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin: Origin = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let answering = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut shown = Vec::new();
        for answer in ["HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n", "220 mail.example ESMTP\r\n"]
        {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            shown.push(String::from_utf8_lossy(&request[..read]).to_lowercase());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        shown
    });
    let refused = open(&Outside::Machine, &origin, "/socket").await.err().unwrap();
    assert!(refused.is(hyper::StatusCode::UNAUTHORIZED), "{refused}");
    let other = open(&Outside::Machine, &origin, "/socket").await.err().unwrap();
    assert!(matches!(other, HttpError::Unreachable(_)), "{other}");
    let shown = answering.await.unwrap();
    assert!(shown[0].starts_with("get /socket http/1.1") && !shown[0].contains("authorization"));
    assert!(
        matches!(open(&Outside::Machine, &origin, "/socket").await, Err(HttpError::Unreachable(_))),
        "nobody is there"
    );
}
