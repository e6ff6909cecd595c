//! The Secret Service on the session bus, specification 0.2 of freedesktop.org, by the crate `secret-service`.
//!
//! A key is an item of the default collection with the attributes `application` = halloo and `vault` = the name of the key in
//! hexadecimal. It crosses the bus encrypted (Diffie-Hellman, AES), so that a monitor of the bus does not write it down.

use super::{Ask, ID, KeyringError, On};
use halloo_crypto::base16;
use halloo_crypto::secret::Secret;
use secret_service::{Collection, EncryptionType, Error, Item, SecretService};
use std::collections::HashMap;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a person may take to type the password of the keyring, and a service to start.
const PATIENCE: Duration = Duration::from_secs(60);
const CONTENT: &str = "application/octet-stream";
const APPLICATION: &str = "halloo";

pub(super) fn put(
    _: On,
    id: &[u8; ID],
    label: &str,
    key: &Secret<[u8; 32]>,
    ask: Ask,
) -> Result<(), KeyringError> {
    on_a_thread(async move || {
        let service = connect().await?;
        let collection = service.get_default_collection().await.map_err(told)?;
        unlocked(&collection, ask).await?;
        let name = base16::encode(id);
        let made = collection.create_item(label, attributes(&name), key.expose(), true, CONTENT).await;
        let item = made.map_err(told)?;
        if read(&item).await? != *key {
            return Err(KeyringError::Wrong);
        }
        Ok(())
    })?;
    // The service has renamed its file into place, which not every service makes durable. What is wrapped by this key is
    // worth nothing without it, so everything goes to the disk before the vault says that the key is there.
    rustix::fs::sync();
    Ok(())
}

pub(super) fn get(_: On, id: &[u8; ID], ask: Ask) -> Result<Secret<[u8; 32]>, KeyringError> {
    on_a_thread(async move || {
        let service = connect().await?;
        let name = base16::encode(id);
        let found = service.search_items(attributes(&name)).await.map_err(told)?;
        if let Some(item) = found.unlocked.first() {
            return read(item).await;
        }
        let item = found.locked.first().ok_or(KeyringError::Missing)?;
        if ask == Ask::Nobody {
            return Err(KeyringError::Locked);
        }
        item.unlock().await.map_err(told)?;
        read(item).await
    })
}

pub(super) fn forget(_: On, id: &[u8; ID]) -> Result<(), KeyringError> {
    on_a_thread(async move || {
        let service = connect().await?;
        let name = base16::encode(id);
        let found = service.search_items(attributes(&name)).await.map_err(told)?;
        for item in found.unlocked {
            item.delete().await.map_err(told)?;
        }
        if found.locked.is_empty() { Ok(()) } else { Err(KeyringError::Locked) }
    })
}

pub(super) fn answers(_: On) -> Result<(), KeyringError> {
    on_a_thread(async || {
        let service = connect().await?;
        let collection = service.get_default_collection().await.map_err(told)?;
        unlocked(&collection, Ask::Nobody).await
    })
}

async fn connect() -> Result<SecretService<'static>, KeyringError> {
    SecretService::connect(EncryptionType::Dh).await.map_err(told)
}

async fn unlocked(collection: &Collection<'_>, ask: Ask) -> Result<(), KeyringError> {
    if !collection.is_locked().await.map_err(told)? {
        return Ok(());
    }
    if ask == Ask::Nobody {
        return Err(KeyringError::Locked);
    }
    collection.unlock().await.map_err(told)
}

async fn read(item: &Item<'_>) -> Result<Secret<[u8; 32]>, KeyringError> {
    let bytes = Zeroizing::new(item.get_secret().await.map_err(told)?);
    let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| KeyringError::Wrong)?;
    Ok(Secret::new(key))
}

fn attributes(name: &str) -> HashMap<&str, &str> {
    HashMap::from([("application", APPLICATION), ("vault", name)])
}

fn told(error: Error) -> KeyringError {
    match error {
        Error::Locked | Error::Prompt => KeyringError::Locked,
        Error::NoResult => KeyringError::NoService("it has no default keyring yet".to_owned()),
        Error::Unavailable => KeyringError::NoService("there is no session bus, or nothing on it".to_owned()),
        Error::Zbus(error) => KeyringError::NoService(error.to_string()),
        other => KeyringError::NoService(other.to_string()),
    }
}

/// Runs the conversation on a thread with a runtime of its own: the callers are on the threads of another.
fn on_a_thread<T: Send>(
    work: impl AsyncFnOnce() -> Result<T, KeyringError> + Send,
) -> Result<T, KeyringError> {
    let broken = |what: &str| KeyringError::NoService(what.to_owned());
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| KeyringError::NoService(error.to_string()))?;
        let timed = async { tokio::time::timeout(PATIENCE, work()).await };
        runtime.block_on(timed).unwrap_or_else(|_| Err(broken("it did not answer in a minute")))
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("halloo-keyring".into()).spawn_scoped(scope, run);
        match thread {
            Ok(thread) => thread.join().unwrap_or_else(|_| Err(broken("its answer makes no sense"))),
            Err(error) => Err(broken(&error.to_string())),
        }
    })
}
