//! How answers are put together.

use stun_types::attribute::AttributeType;
use stun_types::attribute::{ErrorCode, Fingerprint, Nonce, Realm, UnknownAttributes};
use stun_types::message::{
    IntegrityAlgorithm, IntegrityKey, Message, MessageClass, MessageType, MessageWrite, MessageWriteExt,
    MessageWriteVec, Method, TransactionId,
};
use stun_types::prelude::{AttributeStaticType, AttributeWrite};
use turn_types::attribute::{Data, XorPeerAddress};
use turn_types::message::DATA;

/// Answers are below this, so one buffer of it is enough.
const ROOM: usize = 256;

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub code: u16,
    pub unknown: Vec<AttributeType>,
    /// Realm and a fresh nonce, when the client is to authenticate.
    pub challenge: Option<(String, String)>,
    /// Refusals of an authenticated request are authenticated too.
    pub key: Option<IntegrityKey>,
}

impl Refusal {
    pub(super) fn of(code: u16) -> Self {
        Self { code, unknown: Vec::new(), challenge: None, key: None }
    }
}

/// What an answer takes over from its request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply {
    method: Method,
    transaction: TransactionId,
    fingerprint: bool,
}

impl Reply {
    pub(super) fn to(request: &Message<'_>) -> Self {
        Self {
            method: request.method(),
            transaction: request.transaction_id(),
            // A client that sets it tells STUN from other traffic by it (RFC 8489, section 7).
            fingerprint: request.has_attribute(Fingerprint::TYPE),
        }
    }

    pub(super) fn transaction(&self) -> TransactionId {
        self.transaction
    }

    pub(super) fn success(&self, attributes: &[&dyn AttributeWrite], key: Option<&IntegrityKey>) -> Vec<u8> {
        self.write(MessageClass::Success, attributes, key)
    }

    pub(super) fn refusal(&self, refusal: &Refusal) -> Vec<u8> {
        let code = ErrorCode::builder(refusal.code).build().ok();
        let unknown = (!refusal.unknown.is_empty()).then(|| UnknownAttributes::new(&refusal.unknown));
        let realm = refusal.challenge.as_ref().and_then(|(realm, _)| Realm::new(realm).ok());
        let nonce = refusal.challenge.as_ref().and_then(|(_, nonce)| Nonce::new(nonce).ok());
        let mut attributes: Vec<&dyn AttributeWrite> = Vec::new();
        attributes.extend(code.iter().map(|a| a as &dyn AttributeWrite));
        attributes.extend(unknown.iter().map(|a| a as &dyn AttributeWrite));
        attributes.extend(realm.iter().map(|a| a as &dyn AttributeWrite));
        attributes.extend(nonce.iter().map(|a| a as &dyn AttributeWrite));
        self.write(MessageClass::Error, &attributes, refusal.key.as_ref())
    }

    fn write(
        &self,
        class: MessageClass,
        attributes: &[&dyn AttributeWrite],
        key: Option<&IntegrityKey>,
    ) -> Vec<u8> {
        let kind = MessageType::from_class_method(class, self.method);
        let mut message = Message::builder(kind, self.transaction, MessageWriteVec::with_capacity(ROOM));
        // Adding fails for an attribute that is there already or behind the integrity, and none here is.
        for attribute in attributes {
            let _ = message.add_attribute(*attribute);
        }
        if let Some(key) = key {
            let _ = message.add_message_integrity_with_key(key, IntegrityAlgorithm::Sha1);
        }
        if self.fingerprint {
            let _ = message.add_fingerprint();
        }
        message.finish()
    }
}

/// What a peer has sent, for a client without a channel for it. Nothing when it does not fit a STUN message.
pub(super) fn data_indication(
    transaction: TransactionId,
    peer: &XorPeerAddress,
    data: &Data<'_>,
) -> Option<Vec<u8>> {
    let kind = MessageType::from_class_method(MessageClass::Indication, DATA);
    let room = ROOM + data.data().len();
    let mut message = Message::builder(kind, transaction, MessageWriteVec::with_capacity(room));
    message.add_attribute(peer).ok()?;
    message.add_attribute(data).ok()?;
    Some(message.finish())
}
