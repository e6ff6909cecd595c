//! libp2p's view of the one TCP port: a transport whose connections were accepted elsewhere, and that dials nobody.

use super::multiaddr;
use crate::front::Guest;
use futures::future::{Pending, Ready, ready};
use libp2p::Multiaddr;
use libp2p::core::transport::{DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p::tcp::tokio::TcpStream;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// Connections as they come.
#[derive(Debug)]
pub(super) struct Guests {
    coming: mpsc::Receiver<Guest<tokio::net::TcpStream>>,
    listener: Option<ListenerId>,
    /// The address of the listener, until libp2p has heard it.
    news: Option<Multiaddr>,
}

impl Guests {
    pub(super) fn new(coming: mpsc::Receiver<Guest<tokio::net::TcpStream>>) -> Self {
        Guests { coming, listener: None, news: None }
    }
}

impl libp2p::core::Transport for Guests {
    type Output = TcpStream;
    type Error = io::Error;
    type ListenerUpgrade = Ready<io::Result<TcpStream>>;
    type Dial = Pending<io::Result<TcpStream>>;

    /// There is one port, and so one listener.
    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<io::Error>> {
        if self.listener.is_some() {
            return Err(TransportError::MultiaddrNotSupported(address));
        }
        self.listener = Some(id);
        self.news = Some(address);
        Ok(())
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        let ours = self.listener == Some(id);
        if ours {
            self.listener = None;
        }
        ours
    }

    fn dial(&mut self, address: Multiaddr, _: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        Err(TransportError::MultiaddrNotSupported(address))
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        let Some(listener_id) = self.listener else {
            return Poll::Pending;
        };
        if let Some(listen_addr) = self.news.take() {
            return Poll::Ready(TransportEvent::NewAddress { listener_id, listen_addr });
        }
        loop {
            let Poll::Ready(Some((stream, from))) = self.coming.poll_recv(cx) else {
                return Poll::Pending;
            };
            // One that is gone already has no address any more.
            let Ok(local) = stream.local_addr() else { continue };
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "a connection stays slow");
            }
            return Poll::Ready(TransportEvent::Incoming {
                listener_id,
                upgrade: ready(Ok(TcpStream(stream))),
                local_addr: multiaddr(local),
                send_back_addr: multiaddr(from),
            });
        }
    }
}
