//! The messages of a TURN client, for tests.

use crate::turn::credential::Credential;
use std::net::SocketAddr;
use stun_types::attribute::{ErrorCode, Nonce, Realm, Username, XorMappedAddress};
use stun_types::message::{
    IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageType, MessageWrite,
    MessageWriteExt, MessageWriteVec, Method,
};
use stun_types::prelude::AttributeWrite;
use turn_types::AddressFamily;
use turn_types::attribute::{
    ChannelNumber, Data, Lifetime, RequestedAddressFamily, RequestedTransport, XorPeerAddress,
    XorRelayedAddress,
};
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH, SEND};

pub(in crate::turn) const REALM: &str = "halloo";

/// One user of TURN at one address.
pub(in crate::turn) struct Asker {
    pub credential: Credential,
    pub nonce: String,
    transaction: u128,
}

/// What an answer says.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::turn) enum Said {
    Yes { relay: Option<SocketAddr>, mapped: Option<SocketAddr>, lifetime: Option<u32> },
    No(u16),
}

impl Said {
    pub(in crate::turn) fn relay(self) -> SocketAddr {
        match self {
            Self::Yes { relay: Some(relay), .. } => relay,
            other => panic!("no relay: {other:?}"),
        }
    }

    pub(in crate::turn) fn is_yes(&self) -> bool {
        matches!(self, Self::Yes { .. })
    }
}

impl Asker {
    pub(in crate::turn) fn new(credential: Credential) -> Self {
        Self { credential, nonce: String::new(), transaction: 0 }
    }

    /// A request with whatever attributes; authenticated as soon as there is a nonce.
    pub(in crate::turn) fn request(
        &mut self,
        method: Method,
        with: impl FnOnce(&mut MessageWriteVec, u128),
    ) -> Vec<u8> {
        self.transaction += 1;
        let kind = MessageType::from_class_method(MessageClass::Request, method);
        let mut message = Message::builder(kind, self.transaction.into(), MessageWriteVec::new());
        with(&mut message, self.transaction);
        if !self.nonce.is_empty() {
            let Credential { username, password } = self.credential.clone();
            add(&mut message, &Username::new(&username).unwrap());
            add(&mut message, &Realm::new(REALM).unwrap());
            add(&mut message, &Nonce::new(&self.nonce).unwrap());
            let key = LongTermKeyCredentials::new(username, password, REALM.to_owned());
            message.add_message_integrity(&key.into(), IntegrityAlgorithm::Sha1).unwrap();
        }
        message.add_fingerprint().unwrap();
        message.finish()
    }

    pub(in crate::turn) fn allocate(&mut self) -> Vec<u8> {
        self.request(ALLOCATE, |m, _| add(m, &RequestedTransport::new(RequestedTransport::UDP)))
    }

    pub(in crate::turn) fn allocate_v6(&mut self) -> Vec<u8> {
        self.request(ALLOCATE, |m, _| {
            add(m, &RequestedTransport::new(RequestedTransport::UDP));
            add(m, &RequestedAddressFamily::new(AddressFamily::IPV6));
        })
    }

    pub(in crate::turn) fn refresh(&mut self, seconds: u32) -> Vec<u8> {
        self.request(REFRESH, |m, _| add(m, &Lifetime::new(seconds)))
    }

    pub(in crate::turn) fn permit(&mut self, peers: &[SocketAddr]) -> Vec<u8> {
        self.request(CREATE_PERMISSION, |m, id| {
            for peer in peers {
                // Attributes of one kind more than once: the writer takes them as raw ones only.
                m.push_attribute_unchecked(&XorPeerAddress::new(*peer, id.into()));
            }
        })
    }

    pub(in crate::turn) fn bind(&mut self, number: u16, peer: SocketAddr) -> Vec<u8> {
        self.request(CHANNEL_BIND, |m, id| {
            add(m, &ChannelNumber::new(number));
            add(m, &XorPeerAddress::new(peer, id.into()));
        })
    }

    pub(in crate::turn) fn send(&mut self, peer: SocketAddr, data: &[u8]) -> Vec<u8> {
        self.transaction += 1;
        let kind = MessageType::from_class_method(MessageClass::Indication, SEND);
        let mut message = Message::builder(kind, self.transaction.into(), MessageWriteVec::new());
        add(&mut message, &XorPeerAddress::new(peer, self.transaction.into()));
        add(&mut message, &Data::new(data));
        message.finish()
    }

    /// Reads an answer, takes its nonce, and checks its integrity where a success must have one.
    pub(in crate::turn) fn heard(&mut self, bytes: &[u8]) -> Said {
        let message = Message::from_bytes(bytes).unwrap();
        assert_eq!(message.transaction_id(), self.transaction.into(), "an answer to something else");
        if let Ok(nonce) = message.attribute::<Nonce>() {
            self.nonce = nonce.nonce().to_owned();
        }
        if message.class() == MessageClass::Error {
            return Said::No(message.attribute::<ErrorCode>().unwrap().code());
        }
        let Credential { username, password } = self.credential.clone();
        let key = LongTermKeyCredentials::new(username, password, REALM.to_owned());
        message.validate_integrity(&key.into()).unwrap();
        let id = message.transaction_id();
        Said::Yes {
            relay: message.attribute::<XorRelayedAddress>().ok().map(|a| a.addr(id)),
            mapped: message.attribute::<XorMappedAddress>().ok().map(|a| a.addr(id)),
            lifetime: message.attribute::<Lifetime>().ok().map(|a| a.seconds()),
        }
    }
}

/// Peer and payload of a data indication.
pub(in crate::turn) fn indication(bytes: &[u8]) -> (SocketAddr, Vec<u8>) {
    let message = Message::from_bytes(bytes).unwrap();
    assert!(message.has_method(turn_types::message::DATA) && message.has_class(MessageClass::Indication));
    let peer = message.attribute::<XorPeerAddress>().unwrap().addr(message.transaction_id());
    (peer, message.attribute::<Data<'_>>().unwrap().data().to_vec())
}

pub(in crate::turn) fn add(message: &mut MessageWriteVec, attribute: &dyn AttributeWrite) {
    message.add_attribute(attribute).unwrap();
}
