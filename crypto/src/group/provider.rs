//! The cryptography of MLS cipher suite 0x0001 (DHKEM-X25519, AES-128-GCM, SHA-256, Ed25519) on our crates and a lent generator.
//!
//! Two deviations from what stock providers do: Ed25519 is checked with `verify_strict` (no weak keys, no cofactor
//! games), and an X25519 key of small order is refused by [`contributory`] wherever we see one, because mls-rs 0.57
//! validates init keys only. Without that, one member could plant a key to which nobody can encapsulate and so make
//! every following commit impossible.

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes128Gcm, Nonce};
use ed25519_dalek::{Signer as _, SigningKey};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use hpke::aead::{AeadCtxR, AeadCtxS, AesGcm128};
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem as _, OpModeR, OpModeS, PskBundle, Serializable as _};
use mls_rs_core::crypto::{
    CipherSuite, CipherSuiteProvider, CryptoProvider, HpkeCiphertext, HpkeContextR, HpkeContextS, HpkePsk,
    HpkePublicKey, HpkeSecretKey, SignaturePublicKey, SignatureSecretKey,
};
use mls_rs_core::error::IntoAnyError;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::desk;
use super::path;
use crate::id::Signature;
use crate::identity;

/// The only suite: MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519.
pub const SUITE: CipherSuite = CipherSuite::CURVE25519_AES128;

/// Why a primitive refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// A key, nonce or output of a length that the suite does not have.
    #[error("wrong length")]
    Length,
    /// An AEAD or HPKE opening failed.
    #[error("does not open")]
    DoesNotOpen,
    /// A signature does not verify strictly.
    #[error("bad signature")]
    BadSignature,
    /// A public key of small order.
    #[error("weak public key")]
    WeakKey,
    /// The call was lent no generator, and there is no other source.
    #[error("this call may draw no chance")]
    NoChance,
}

impl IntoAnyError for ProviderError {}

/// Gives out [`Suite`]; carries no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Crypto;

impl CryptoProvider for Crypto {
    type CipherSuiteProvider = Suite;

    fn supported_cipher_suites(&self) -> Vec<CipherSuite> {
        vec![SUITE]
    }

    fn cipher_suite_provider(&self, suite: CipherSuite) -> Option<Suite> {
        (suite == SUITE).then_some(Suite)
    }
}

/// The primitives of [`SUITE`]; carries no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Suite;

type Kem = X25519HkdfSha256;
type PublicKey = <Kem as hpke::Kem>::PublicKey;
type PrivateKey = <Kem as hpke::Kem>::PrivateKey;
type Encapped = <Kem as hpke::Kem>::EncappedKey;

/// An HPKE sending context (RFC 9180, section 5).
pub struct SenderContext(AeadCtxS<AesGcm128, HkdfSha256, Kem>);

/// An HPKE receiving context (RFC 9180, section 5).
pub struct ReceiverContext(AeadCtxR<AesGcm128, HkdfSha256, Kem>);

impl HpkeContextS for SenderContext {
    type Error = ProviderError;

    fn seal(&mut self, aad: Option<&[u8]>, data: &[u8]) -> Result<Vec<u8>, ProviderError> {
        self.0.seal(data, aad.unwrap_or_default()).map_err(|_| ProviderError::Length)
    }

    fn export(&self, context: &[u8], len: usize) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
        let mut out = Zeroizing::new(vec![0; len]);
        self.0.export(context, &mut out).map_err(|_| ProviderError::Length)?;
        Ok(out)
    }
}

impl HpkeContextR for ReceiverContext {
    type Error = ProviderError;

    fn open(&mut self, aad: Option<&[u8]>, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
        self.0
            .open(ciphertext, aad.unwrap_or_default())
            .map(Zeroizing::new)
            .map_err(|_| ProviderError::DoesNotOpen)
    }

    fn export(&self, context: &[u8], len: usize) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
        let mut out = Zeroizing::new(vec![0; len]);
        self.0.export(context, &mut out).map_err(|_| ProviderError::Length)?;
        Ok(out)
    }
}

/// The X25519 public keys of small order, after the ignored top bit is cleared: with them every exchange gives zero
/// (RFC 7748 section 6.1; the orders 1, 2, 4 and 8 on the curve and its twist, and the two that are not reduced).
const SMALL_ORDER: [[u8; 32]; 7] = {
    const P_MINUS_1: [u8; 32] = low_end(0xec);
    const P: [u8; 32] = low_end(0xed);
    const P_PLUS_1: [u8; 32] = low_end(0xee);
    [
        [0; 32],
        first_byte(1),
        [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
            0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
        ],
        [
            0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
            0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
        ],
        P_MINUS_1,
        P,
        P_PLUS_1,
    ]
};

const fn first_byte(byte: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = byte;
    bytes
}

const fn low_end(byte: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = byte;
    bytes[31] = 0x7f;
    bytes
}

/// Whether `key` is an X25519 public key that contributes to an exchange: 32 bytes and not of small order.
#[must_use]
pub fn contributory(key: &[u8]) -> bool {
    let Ok(mut key) = <[u8; 32]>::try_from(key) else {
        return false;
    };
    key[31] &= 0x7f;
    !SMALL_ORDER.contains(&key)
}

fn public(key: &[u8]) -> Result<PublicKey, ProviderError> {
    if !contributory(key) {
        return Err(ProviderError::WeakKey);
    }
    PublicKey::from_bytes(key).map_err(|_| ProviderError::Length)
}

fn private(key: &HpkeSecretKey) -> Result<PrivateKey, ProviderError> {
    PrivateKey::from_bytes(key).map_err(|_| ProviderError::Length)
}

fn seal(
    mode: &OpModeS<'_, Kem>,
    key: &HpkePublicKey,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<HpkeCiphertext, ProviderError> {
    let mut rng = desk::draw_generator().ok_or(ProviderError::NoChance)?;
    let (encapped, ciphertext) = hpke::single_shot_seal_with_rng::<AesGcm128, HkdfSha256, Kem>(
        mode,
        &public(key)?,
        info,
        plaintext,
        aad,
        &mut rng,
    )
    .map_err(|_| ProviderError::WeakKey)?;
    Ok(HpkeCiphertext { kem_output: encapped.to_bytes().to_vec(), ciphertext })
}

fn open(
    mode: &OpModeR<'_, Kem>,
    sealed: &HpkeCiphertext,
    key: &HpkeSecretKey,
    info: &[u8],
    aad: &[u8],
) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
    let encapped = Encapped::from_bytes(&sealed.kem_output).map_err(|_| ProviderError::DoesNotOpen)?;
    hpke::single_shot_open::<AesGcm128, HkdfSha256, Kem>(
        mode,
        &private(key)?,
        &encapped,
        info,
        &sealed.ciphertext,
        aad,
    )
    .map(Zeroizing::new)
    .map_err(|_| ProviderError::DoesNotOpen)
}

fn bundle<'a>(psk: &HpkePsk<'a>) -> Result<PskBundle<'a>, ProviderError> {
    PskBundle::new(psk.value, psk.id).map_err(|_| ProviderError::Length)
}

fn signing_key(secret: &SignatureSecretKey) -> Result<SigningKey, ProviderError> {
    let seed = secret.as_bytes().try_into().map_err(|_| ProviderError::Length)?;
    Ok(SigningKey::from_bytes(seed))
}

impl CipherSuiteProvider for Suite {
    type Error = ProviderError;
    type HpkeContextS = SenderContext;
    type HpkeContextR = ReceiverContext;

    fn cipher_suite(&self) -> CipherSuite {
        SUITE
    }

    fn hash(&self, data: &[u8]) -> Result<Vec<u8>, ProviderError> {
        #[cfg(test)]
        super::path::bend::hashing(data);
        Ok(Sha256::digest(data).to_vec())
    }

    fn mac(&self, key: &[u8], data: &[u8]) -> Result<Vec<u8>, ProviderError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| ProviderError::Length)?;
        mac.update(data);
        Ok(mac.finalize().into_bytes().to_vec())
    }

    fn aead_seal(
        &self,
        key: &[u8],
        data: &[u8],
        aad: Option<&[u8]>,
        nonce: &[u8],
    ) -> Result<Vec<u8>, ProviderError> {
        #[cfg(test)]
        let data = &super::path::bend::sealing(data);
        let cipher = Aes128Gcm::new_from_slice(key).map_err(|_| ProviderError::Length)?;
        let nonce = Nonce::try_from(nonce).map_err(|_| ProviderError::Length)?;
        let aad = aad.unwrap_or_default();
        cipher.encrypt(&nonce, Payload { msg: data, aad }).map_err(|_| ProviderError::Length)
    }

    fn aead_open(
        &self,
        key: &[u8],
        ciphertext: &[u8],
        aad: Option<&[u8]>,
        nonce: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
        let cipher = Aes128Gcm::new_from_slice(key).map_err(|_| ProviderError::Length)?;
        let nonce = Nonce::try_from(nonce).map_err(|_| ProviderError::Length)?;
        let aad = aad.unwrap_or_default();
        cipher
            .decrypt(&nonce, Payload { msg: ciphertext, aad })
            .map(Zeroizing::new)
            .map_err(|_| ProviderError::DoesNotOpen)
    }

    fn aead_key_size(&self) -> usize {
        16
    }

    fn aead_nonce_size(&self) -> usize {
        12
    }

    fn kdf_extract(&self, salt: &[u8], ikm: &[u8]) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
        let (prk, _) = Hkdf::<Sha256>::extract(Some(salt), ikm);
        Ok(Zeroizing::new(prk.to_vec()))
    }

    fn kdf_expand(&self, prk: &[u8], info: &[u8], len: usize) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
        let hkdf = Hkdf::<Sha256>::from_prk(prk).map_err(|_| ProviderError::Length)?;
        let mut out = Zeroizing::new(vec![0; len]);
        hkdf.expand(info, &mut out).map_err(|_| ProviderError::Length)?;
        Ok(out)
    }

    fn kdf_extract_size(&self) -> usize {
        32
    }

    fn hpke_seal(
        &self,
        key: &HpkePublicKey,
        info: &[u8],
        aad: Option<&[u8]>,
        plaintext: &[u8],
    ) -> Result<HpkeCiphertext, ProviderError> {
        #[cfg(feature = "poison")]
        let plaintext = &super::poison::spoiled(key, plaintext);
        seal(&OpModeS::Base, key, info, aad.unwrap_or_default(), plaintext)
    }

    fn hpke_seal_psk(
        &self,
        key: &HpkePublicKey,
        info: &[u8],
        aad: Option<&[u8]>,
        plaintext: &[u8],
        psk: HpkePsk<'_>,
    ) -> Result<HpkeCiphertext, ProviderError> {
        let mode = OpModeS::Psk(bundle(&psk)?);
        seal(&mode, key, info, aad.unwrap_or_default(), plaintext)
    }

    fn hpke_open(
        &self,
        sealed: &HpkeCiphertext,
        key: &HpkeSecretKey,
        _public: &HpkePublicKey,
        info: &[u8],
        aad: Option<&[u8]>,
    ) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
        let opened = open(&OpModeR::Base, sealed, key, info, aad.unwrap_or_default());
        opened.inspect_err(|_| desk::note_unopened())
    }

    fn hpke_open_psk(
        &self,
        sealed: &HpkeCiphertext,
        key: &HpkeSecretKey,
        _public: &HpkePublicKey,
        info: &[u8],
        aad: Option<&[u8]>,
        psk: HpkePsk<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
        let mode = OpModeR::Psk(bundle(&psk)?);
        open(&mode, sealed, key, info, aad.unwrap_or_default())
    }

    fn hpke_setup_s(
        &self,
        key: &HpkePublicKey,
        info: &[u8],
    ) -> Result<(Vec<u8>, SenderContext), ProviderError> {
        let mut rng = desk::draw_generator().ok_or(ProviderError::NoChance)?;
        let (encapped, context) =
            hpke::setup_sender_with_rng::<_, _, Kem>(&OpModeS::Base, &public(key)?, info, &mut rng)
                .map_err(|_| ProviderError::WeakKey)?;
        Ok((encapped.to_bytes().to_vec(), SenderContext(context)))
    }

    fn hpke_setup_r(
        &self,
        kem_output: &[u8],
        key: &HpkeSecretKey,
        _public: &HpkePublicKey,
        info: &[u8],
    ) -> Result<ReceiverContext, ProviderError> {
        let encapped = Encapped::from_bytes(kem_output).map_err(|_| ProviderError::DoesNotOpen)?;
        hpke::setup_receiver(&OpModeR::Base, &private(key)?, &encapped, info)
            .map(ReceiverContext)
            .map_err(|_| ProviderError::DoesNotOpen)
    }

    fn kem_derive(&self, ikm: &[u8]) -> Result<(HpkeSecretKey, HpkePublicKey), ProviderError> {
        let (secret, public) = Kem::derive_keypair(ikm);
        Ok((secret.to_bytes().to_vec().into(), public.to_bytes().to_vec().into()))
    }

    fn kem_generate(&self) -> Result<(HpkeSecretKey, HpkePublicKey), ProviderError> {
        let mut ikm = Zeroizing::new([0_u8; 32]);
        self.random_bytes(ikm.as_mut())?;
        self.kem_derive(ikm.as_ref())
    }

    fn kem_public_key_validate(&self, key: &HpkePublicKey) -> Result<(), ProviderError> {
        public(key).map(|_| ())
    }

    fn random_bytes(&self, out: &mut [u8]) -> Result<(), ProviderError> {
        desk::draw(out).then_some(()).ok_or(ProviderError::NoChance)
    }

    fn signature_key_generate(&self) -> Result<(SignatureSecretKey, SignaturePublicKey), ProviderError> {
        let mut seed = Zeroizing::new(vec![0_u8; 32]);
        self.random_bytes(&mut seed)?;
        let secret = SignatureSecretKey::new_slice(&seed);
        let public = self.signature_key_derive_public(&secret)?;
        Ok((secret, public))
    }

    fn signature_key_derive_public(
        &self,
        secret: &SignatureSecretKey,
    ) -> Result<SignaturePublicKey, ProviderError> {
        let key = signing_key(secret)?.verifying_key();
        Ok(SignaturePublicKey::new_slice(key.as_bytes()))
    }

    fn sign(&self, secret: &SignatureSecretKey, data: &[u8]) -> Result<Vec<u8>, ProviderError> {
        #[cfg(test)]
        let data = &super::path::bend::signing(secret.as_bytes(), data);
        Ok(signing_key(secret)?.sign(data).to_bytes().to_vec())
    }

    fn verify(&self, key: &SignaturePublicKey, signature: &[u8], data: &[u8]) -> Result<(), ProviderError> {
        let key = key.as_bytes().try_into().map_err(|_| ProviderError::BadSignature)?;
        let signature = signature.try_into().map(Signature).map_err(|_| ProviderError::BadSignature)?;
        identity::verify_raw(key, data, &signature).map_err(|_| ProviderError::BadSignature)?;
        desk::note_signer(key);
        if let Some(nodes) = path::nodes_signed(data) {
            desk::note_nodes(nodes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
