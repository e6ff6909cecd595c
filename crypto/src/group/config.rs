//! How mls-rs is put together for us: no stores of its own, no clock, our rules.

use mls_rs::client_builder::{
    BaseConfig, ClientBuilder, WithCryptoProvider, WithGroupStateStorage, WithIdentityProvider,
    WithKeyPackageRepo, WithMlsRules, WithPskStore,
};
use mls_rs::identity::SigningIdentity;
use mls_rs::psk::{ExternalPskId, PreSharedKey};
use mls_rs::time::MlsTime;
use mls_rs::{Client, GroupStateStorage, KeyPackageStorage, PreSharedKeyStorage};
use mls_rs_core::crypto::SignatureSecretKey;
use mls_rs_core::group::{EpochRecord, GroupState};
use mls_rs_core::key_package::KeyPackageData;
use std::convert::Infallible;
use std::time::Duration;
use zeroize::Zeroizing;

use super::credential::Leaves;
use super::desk;
use super::key_package::NOT_AFTER_S;
use super::provider::{Crypto, SUITE};
use super::rules::{HEADS, Rules};
use crate::id::GroupId;

/// The concrete configuration of mls-rs.
pub(super) type Config = WithMlsRules<
    Rules,
    WithIdentityProvider<
        Leaves,
        WithCryptoProvider<
            Crypto,
            WithGroupStateStorage<Drawer, WithPskStore<NoPsk, WithKeyPackageRepo<Drawer, BaseConfig>>>,
        >,
    >,
>;

/// Time zero: the start of every key package's constant lifetime.
pub(super) const EPOCH_START: fn() -> MlsTime = || MlsTime::from(0);

/// A client of mls-rs for `group`; it lives as long as one call.
pub(super) fn client(
    group: GroupId,
    identity: Option<(SigningIdentity, SignatureSecretKey)>,
) -> Client<Config> {
    let builder = ClientBuilder::new()
        .key_package_repo(Drawer)
        .psk_store(NoPsk)
        .group_state_storage(Drawer)
        .crypto_provider(Crypto)
        .identity_provider(Leaves(group))
        .mls_rules(Rules)
        .extension_type(HEADS)
        .key_package_lifetime(Duration::from_secs(NOT_AFTER_S));
    match identity {
        Some((identity, signer)) => builder.signing_identity(identity, signer, SUITE).build(),
        None => builder.build(),
    }
}

/// Storage as mls-rs sees it: the drawers of the [`desk`], filled and emptied by the call at hand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Drawer;

impl GroupStateStorage for Drawer {
    type Error = Infallible;

    fn state(&self, _group: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Infallible> {
        Ok(desk::take_state())
    }

    fn epoch(&self, _group: &[u8], _epoch: u64) -> Result<Option<Zeroizing<Vec<u8>>>, Infallible> {
        Ok(None)
    }

    fn write(
        &mut self,
        state: GroupState,
        _inserts: Vec<EpochRecord>,
        _updates: Vec<EpochRecord>,
    ) -> Result<(), Infallible> {
        desk::put_state(state.data);
        Ok(())
    }

    fn max_epoch_id(&self, _group: &[u8]) -> Result<Option<u64>, Infallible> {
        Ok(None)
    }
}

impl KeyPackageStorage for Drawer {
    type Error = Infallible;

    fn delete(&mut self, _id: &[u8]) -> Result<(), Infallible> {
        Ok(())
    }

    fn insert(&mut self, id: Vec<u8>, data: KeyPackageData) -> Result<(), Infallible> {
        desk::put_key_package(id, data);
        Ok(())
    }

    fn get(&self, id: &[u8]) -> Result<Option<KeyPackageData>, Infallible> {
        Ok(desk::find_key_package(id))
    }
}

/// There are no pre-shared keys.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NoPsk;

impl PreSharedKeyStorage for NoPsk {
    type Error = Infallible;

    fn get(&self, _id: &ExternalPskId) -> Result<Option<PreSharedKey>, Infallible> {
        Ok(None)
    }
}
