//! TURN over TCP: one task for each stream, between the thread and the network.

use super::shell::{Note, Turn};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// Read at once: a dozen packets of voice, or one of the largest frames in four.
const CHUNK: usize = 16 << 10;

/// Answers that wait for a client that reads slowly, about a second of one voice; later ones are lost.
const ANSWERS: usize = 64;

/// Numbers of streams are never used again: a late packet must not reach whoever came next.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl Turn {
    /// Serves one stream until either side ends it.
    pub async fn serve<S>(&self, stream: S, addr: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (answers, mut waiting) = mpsc::channel(ANSWERS);
        if !self.tell(Note::Joined { stream: number, addr, answers }).await {
            return;
        }
        let (mut reading, mut writing) = tokio::io::split(stream);
        let read = async {
            let mut chunk = vec![0; CHUNK];
            while let Ok(length @ 1..) = reading.read(&mut chunk).await {
                let bytes = chunk.get(..length).unwrap_or_default().to_vec();
                if !self.tell(Note::Bytes { stream: number, bytes }).await {
                    break;
                }
            }
        };
        let write = async {
            while let Some(bytes) = waiting.recv().await {
                // Inside TLS, what was taken may still lie there.
                if writing.write_all(&bytes).await.is_err() || writing.flush().await.is_err() {
                    break;
                }
            }
            let _ = writing.shutdown().await;
        };
        tokio::select! {
            () = read => {}
            () = write => {}
        }
        self.tell(Note::Left { stream: number }).await;
    }
}
