//! The WebSocket to one coordinator: opened in bounded time, with buffers of a size that is known.

use super::http::{CONNECT_WAIT, HttpError, retry_after, root, trust};
use super::outside::{Line, Outside};
use halloo_wire::origin::Origin;
use std::time::Duration;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, http::Uri};

/// Largest message in either direction: a frame of a whole list of addresses.
pub(super) const MESSAGE_MAX: usize = 64 * 1024;
/// Buffer for reading: a wake is below a hundred bytes.
const READ_BUFFER: usize = 4 * 1024;

/// An open WebSocket.
pub(super) type Socket = WebSocketStream<Line>;

/// Opens a WebSocket below the origin.
///
/// # Errors
/// [`HttpError`].
pub(super) async fn open(outside: &Outside, origin: &Origin, path: &str) -> Result<Socket, HttpError> {
    let opening = opened(outside, origin, path);
    match tokio::time::timeout(2 * CONNECT_WAIT, opening).await {
        Ok(opened) => opened,
        Err(_) => Err(HttpError::Unreachable("the socket did not open in time".to_owned())),
    }
}

async fn opened(outside: &Outside, origin: &Origin, path: &str) -> Result<Socket, HttpError> {
    let unreachable = |error: &(dyn std::error::Error + 'static)| HttpError::Unreachable(root(error));
    let line = outside.connect(origin).await.map_err(|error| unreachable(&error))?;
    let stream: Line = if origin.is_tls() {
        let name = origin.host().to_owned().try_into().map_err(|_| HttpError::Nonsense)?;
        let tls = TlsConnector::from(trust()).connect(name, line).await;
        Box::new(tls.map_err(|error| unreachable(&error))?)
    } else {
        line
    };
    let uri: Uri = format!("{}{path}", origin.as_str().replacen("http", "ws", 1))
        .parse()
        .map_err(|_| HttpError::Nonsense)?;
    let request = ClientRequestBuilder::new(uri);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(MESSAGE_MAX))
        .max_frame_size(Some(MESSAGE_MAX));
    match tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => Err(HttpError::Refused {
            status: answer.status().as_u16(),
            title: answer.status().canonical_reason().unwrap_or("no reason given").to_owned(),
            retry: retry_after(answer.headers()),
        }),
        Err(error) => Err(unreachable(&error)),
    }
}

/// The seconds or milliseconds after which a coordinator that closes wants to be asked again, from the reason of its close frame:
/// `retry 1200 ms`.
pub(super) fn retry_of(reason: &str) -> Option<Duration> {
    /// Longest wait that is obeyed.
    const MOST: u64 = 60_000;
    let digits: String =
        reason.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    let number: u64 = digits.parse().ok()?;
    let millis = if reason.contains("ms") { number } else { number.saturating_mul(1_000) };
    Some(Duration::from_millis(millis.min(MOST)))
}

#[cfg(test)]
mod tests;
