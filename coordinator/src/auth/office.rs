//! What the endpoints of accounts share: the book and who may work on which page of it, the end of the audit log, limits, tokens.

use super::access::{Access, Id, Issuer};
use super::book::audit::{self, Event, Head, What};
use super::book::{Book, Change, Opened, Refused, api_key, rows};
use super::challenge::{ChallengeError, Challenges};
use super::config::{AuthConfig, Registration};
use super::cursor::Cursors;
use super::invitation::{self, InvitationError, Invitations};
use super::jose;
use super::object::Object;
use super::password::Stretcher;
use super::seen::Seen;
use super::service::Desk;
use crate::hall::{Commit, Hall, Here, Turn, store_problem};
use crate::limits::Limit;
use crate::problem::{Kind, Problem};
use anyhow::{Context as _, ensure};
use axum::body::Bytes;
use axum::extract::FromRef;
use axum::extract::rejection::BytesRejection;
use halloo_crypto::base16;
use halloo_crypto::id::{ClientId, Signature};
use halloo_crypto::kdf;
use halloo_crypto::mailbox::Day;
use halloo_crypto::secret::Secret;
use halloo_store::batch::Batch;
use halloo_store::error::StoreError;
use halloo_store::store::{self, Store};
use halloo_wire::login::{LoginProof, Purpose};
use halloo_wire::origin::Origin;
use halloo_wire::work::BITS_MAX;
use rand_core::Rng as _;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as Waiting, OwnedMutexGuard};

/// Pages of the book that are worked on at once: more than commits that are ever under way would bring nothing.
const PAGES: usize = 512;
/// Rows that are read at once where all are.
const READ_AT_ONCE: usize = 256;
/// Most codes of an authenticator that are tried at once for one account after its password was right: somebody who mistypes, or whose clock is
/// apart, is done with fewer.
const CODES_BURST: NonZeroU32 = NonZeroU32::new(5).expect("above zero");
/// And how many more in an hour. Three codes of a million are good at a time: who has the password and never stops needs more than
/// four years for an even chance, and is noted in the audit log each time.
const CODES_PER_HOUR: u32 = 6;
/// Most changes of names, password and authenticator of one account at once: more than anybody makes who sets up an account. Each leaves a row
/// in the audit log for months; what ends a session or takes something away for good is not counted, so that nobody's device holds up its end.
const CHANGES_BURST: NonZeroU32 = NonZeroU32::new(60).expect("above zero");
/// And how many more in an hour: with all of them for 180 days, an account has some 25 MB of rows.
const CHANGES_PER_HOUR: u32 = 60;
/// How long a failed repeat of a change is worth waiting for, seconds.
const AGAIN_S: u64 = 1;

/// Seeds of the room; each is used for one purpose.
#[derive(Debug)]
pub struct Secrets {
    /// For tickets.
    pub tickets: Secret<[u8; 32]>,
    /// For access tokens.
    pub tokens: Secret<[u8; 32]>,
    /// For what the book keeps.
    pub accounts: Secret<[u8; 32]>,
}

/// What the endpoints share; cheap to clone.
#[derive(Clone, Debug)]
pub struct Office {
    pub(super) hall: Hall,
    pub(super) limit: Arc<Limit>,
    pub(super) registrations: Arc<Limit>,
    pub(super) passwords: Arc<Limit>,
    pub(super) password_registrations: Arc<Limit>,
    pub(super) by_account: Arc<Limit>,
    pub(super) codes: Arc<Limit>,
    pub(super) changes: Arc<Limit>,
    pub(super) admin_changes: Arc<Limit>,
    pub(super) cursors: Arc<Cursors>,
    pub(super) stretcher: Stretcher,
    pub(super) registration: Registration,
    work_bits: u8,
    pub(super) invitations: Arc<Invitations>,
    pub(super) book: Arc<Book>,
    pub(super) issuer: Arc<Issuer>,
    pub(super) accounts: Arc<AtomicUsize>,
    pub(super) accounts_max: usize,
    audit_days: u32,
    desk: Arc<Mutex<Desk>>,
    challenges: Arc<Mutex<Challenges>>,
    proofs: Arc<Mutex<Seen>>,
    pages: Arc<[Arc<Waiting<()>>]>,
    /// Held from numbering rows of the audit log until they are queued: the disk gets them in that order.
    end: Arc<Mutex<End>>,
    /// Writes of rows that have failed. Only the writer counts.
    failed: Arc<AtomicU64>,
}

/// Where the next row of the audit log goes.
#[derive(Debug)]
struct End {
    head: Head,
    /// How many writes had failed when it was read from the store: rows numbered on it count as long as no more have.
    failed: u64,
}

impl FromRef<Office> for Hall {
    fn from_ref(office: &Office) -> Hall {
        office.hall.clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn count(store: &dyn Store) -> Result<usize, StoreError> {
    let (mut count, mut after) = (0, None::<Vec<u8>>);
    loop {
        let page = store.page(rows::ACCOUNTS, after.as_deref(), READ_AT_ONCE)?;
        let Some((last, _)) = page.last() else { return Ok(count) };
        after = Some(last.clone());
        count += page.len();
    }
}

impl Office {
    /// Opens the room on what lies in the store.
    pub(super) fn open(hall: &Hall, config: &AuthConfig, secrets: &Secrets) -> anyhow::Result<Self> {
        let hour = Duration::from_secs(60 * 60);
        ensure!(config.work_bits <= BITS_MAX, "auth.work_bits: at most {BITS_MAX}, which take minutes");
        Ok(Office {
            limit: hall.limit(config.burst, config.per_minute),
            registrations: hall
                .limit_every(config.registrations_burst, hour / config.registrations_per_hour.get()),
            passwords: hall.limit(config.passwords_burst, config.passwords_per_minute),
            password_registrations: hall.limit_every(
                config.password_registrations_burst,
                hour / config.password_registrations_per_hour.get(),
            ),
            by_account: hall.limit(config.account_burst, config.account_per_minute),
            changes: hall.limit_every(CHANGES_BURST, hour / CHANGES_PER_HOUR),
            admin_changes: hall
                .limit_every(config.admin_changes_burst, hour / config.admin_changes_per_hour.get()),
            cursors: Arc::new(Cursors::new(&secrets.accounts)),
            codes: hall.limit_every(CODES_BURST, hour / CODES_PER_HOUR),
            stretcher: Stretcher::new(config.cost()).context(
                "auth.password_memory_kib and auth.password_passes: Argon2 takes at least 8 KiB and one pass",
            )?,
            registration: config.registration,
            work_bits: config.work_bits,
            invitations: Arc::new(Invitations::new(&secrets.accounts)),
            book: Arc::new(Book::new(&secrets.accounts, config.session_days)),
            issuer: Arc::new(Issuer::new(&secrets.tokens)),
            accounts: Arc::new(AtomicUsize::new(count(&*hall.store)?)),
            accounts_max: config.accounts,
            audit_days: config.audit_days,
            desk: Arc::new(Mutex::new(Desk::new(&secrets.tickets))),
            challenges: Arc::new(Mutex::new(Challenges::new(&mut hall.world.chance()))),
            proofs: Arc::default(),
            pages: (0..PAGES).map(|_| Arc::default()).collect(),
            end: Arc::new(Mutex::new(End { head: Head::find(&*hall.store)?, failed: 0 })),
            failed: Arc::default(),
            hall: hall.clone(),
        })
    }

    /// How much work stands for an account here.
    pub(super) fn work_bits(&self) -> u8 {
        if self.registration == Registration::Work { self.work_bits } else { 0 }
    }

    /// The code of an invitation to so many accounts within so many days.
    #[must_use]
    pub fn invite(&self, accounts: u16, days: u16) -> String {
        let last = Day::of_ms(self.hall.world.now_ms()).after(u32::from(days));
        self.invitations.make(accounts, last, &mut self.hall.world.chance())
    }

    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        locked(&self.desk)
    }

    pub(super) fn challenges(&self) -> MutexGuard<'_, Challenges> {
        locked(&self.challenges)
    }

    pub(super) fn proofs(&self) -> MutexGuard<'_, Seen> {
        locked(&self.proofs)
    }

    /// Keeps all others from the pages of these names; always in one order, so that nobody waits in a ring.
    pub(super) async fn hold(&self, names: &[&[u8]]) -> Vec<OwnedMutexGuard<()>> {
        let page = |name: &&[u8]| {
            let hash = kdf::hash("page", &[name]);
            usize::from(u16::from_be_bytes([hash[0], hash[1]])) % PAGES
        };
        let mut held = Vec::with_capacity(names.len());
        for page in names.iter().map(page).collect::<BTreeSet<_>>() {
            held.push(Arc::clone(&self.pages[page]).lock_owned().await);
        }
        held
    }

    /// The keys of the devices of an account: who works on all of them keeps others from each.
    pub(super) fn device_keys(&self, account: &Id) -> Result<Vec<ClientId>, Problem> {
        let devices = self.book.devices(&*self.hall.store, account)?;
        Ok(devices.into_iter().map(|(key, _)| key).collect())
    }

    /// Works out a change on the pages of these names, and returns once it would survive a power cut. Others get to these pages after
    /// that, also where who asked has gone away meanwhile.
    pub(super) async fn change<T>(
        &self,
        names: &[&[u8]],
        work: impl FnOnce(&dyn Store) -> Result<(Change, T), Refused>,
    ) -> Result<T, Problem> {
        let held = self.hold(names).await;
        let turn = self.hall.turn().await;
        let (Change { batch, events }, told) = work(&*self.hall.store)?;
        if batch.is_empty() && events.is_empty() {
            return Ok(told);
        }
        let commit = self.note(turn, batch, &events, held)?;
        commit.durable().await?;
        Ok(told)
    }

    /// Queues a batch with its rows of the audit log. Rows that stand on one that turned out not to be written are not written either.
    fn note(
        &self,
        turn: Turn,
        mut batch: Batch,
        events: &[Event],
        held: Vec<OwnedMutexGuard<()>>,
    ) -> Result<Commit, Problem> {
        for gone in events.iter().filter(|event| event.what == What::Forgotten) {
            let forget = self.hall.entitlements.forget(&gone.subject, &mut batch);
            forget.map_err(|error| store_problem(&error))?;
        }
        let forgotten = events.iter().filter(|event| event.what == What::Forgotten).count();
        let accounts = Arc::clone(&self.accounts);
        let mut end = locked(&self.end);
        let failed = self.failed.load(Ordering::Acquire);
        if end.failed != failed {
            let head = Head::find(&*self.hall.store).map_err(|error| store_problem(&error))?;
            *end = End { head, failed };
        }
        let mut head = end.head;
        head.append(&mut batch, events, self.hall.world.now_ms());
        store::check(&batch).map_err(|error| store_problem(&error))?;
        end.head = head;
        let (now, count) = (Arc::clone(&self.failed), Arc::clone(&self.failed));
        let holds = move || now.load(Ordering::Acquire) == failed;
        Ok(turn.submit_if(batch, holds, move |result| {
            // Here, because who asked may have gone away meanwhile.
            if result.is_ok() {
                accounts.fetch_sub(forgotten, Ordering::AcqRel);
            }
            if result.is_err_and(|error| !matches!(error, StoreError::Overtaken)) {
                count.fetch_add(1, Ordering::AcqRel);
            }
            drop(held);
        }))
    }

    /// Checks the proof of a device's key, which must be good for whatever else `known` says; the origin by which it came. The challenge is
    /// used up by it, and remembered, once all is well.
    pub(super) fn proven(
        &self,
        purpose: Purpose,
        (proof, here): (&ProofShape, &Here),
        known: impl FnOnce(&ClientId) -> Result<(), Problem>,
    ) -> Result<Origin, Problem> {
        let (device, challenge) =
            (proof.device()?, hex(&proof.challenge, "a challenge has 80 digits of lower-case hex")?);
        let signature = Signature(hex(&proof.signature, "a signature has 128 digits of lower-case hex")?);
        let holds = |origin: &&Origin| {
            let proof = LoginProof { purpose, device, challenge, origin: (*origin).clone() };
            proof.is_signed(&signature)
        };
        let origin = here.origins.iter().find(holds).cloned();
        let refuse =
            || Problem::new(Kind::BadSignature, "the key did not sign this challenge for this origin");
        let origin = origin.ok_or_else(refuse)?;
        known(&device)?;
        self.challenges().take(&device, &challenge, self.hall.world.now_ms())?;
        Ok(origin)
    }

    /// What whoever has opened a session is given.
    pub(super) fn tokens(&self, device: &ClientId, origin: &Origin, opened: &Opened) -> TokensGiven {
        let mut id: Id = [0; 16];
        self.hall.world.chance().fill_bytes(&mut id);
        let thumbprint = jose::thumbprint(&device.0);
        let access = Access { account: opened.account, session: opened.session, thumbprint };
        TokensGiven {
            user_id: base16::encode(&opened.account),
            session_id: base16::encode(&opened.session),
            token: self.issuer.issue(&access, origin, id, self.hall.world.now_ms()),
            token_type: "DPoP",
            expires_in: super::access::LIFE_S,
            refresh_token: opened.refresh.to_text(),
        }
    }

    /// Forgets rows of the audit log that are too old, API keys that have ended, and what was noted of invitations that have; now and then.
    pub async fn round(&self) -> Result<(), Problem> {
        self.forget_invitations().await?;
        self.forget_keys().await?;
        let kept_ms = u64::from(self.audit_days) * 86_400_000;
        let before_ms = self.hall.world.now_ms().saturating_sub(kept_ms);
        loop {
            let turn = self.hall.turn().await;
            let old = audit::forget(&*self.hall.store, before_ms).map_err(|error| store_problem(&error))?;
            let whole_step = old.len() > audit::FORGET_STEP;
            if old.is_empty() {
                return Ok(());
            }
            turn.submit(old, |_| {}).durable().await?;
            if !whole_step {
                return Ok(());
            }
        }
    }

    async fn forget_keys(&self) -> Result<(), Problem> {
        let today = Day::of_ms(self.hall.world.now_ms());
        let turn = self.hall.turn().await;
        let over = api_key::forget(&*self.hall.store, today)?;
        if over.is_empty() { Ok(()) } else { turn.submit(over, |_| {}).durable().await }
    }

    async fn forget_invitations(&self) -> Result<(), Problem> {
        let today = Day::of_ms(self.hall.world.now_ms());
        loop {
            let turn = self.hall.turn().await;
            let over = invitation::forget(&*self.hall.store, today).map_err(|error| store_problem(&error))?;
            if over.is_empty() {
                return Ok(());
            }
            turn.submit(over, |_| {}).durable().await?;
        }
    }
}

/// That somebody has the key of a device; the bytes under the signature are drawn in docs/spec/coordinator.md.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeyProof)]
pub(super) struct ProofShape {
    /// Public key of the device, Ed25519, in hex: made for this coordinator alone.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub(super) device_key: String,
    /// What POST /api/v1/auth/challenge gave for it.
    #[schema(pattern = "^[0-9a-f]{80}$")]
    pub(super) challenge: String,
    /// Ed25519 signature in hex.
    #[schema(pattern = "^[0-9a-f]{128}$")]
    pub(super) signature: String,
}

impl ProofShape {
    pub(super) fn device(&self) -> Result<ClientId, Problem> {
        device_key(&self.device_key)
    }
}

/// What continues and uses a session.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct TokensGiven {
    /// The account.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    user_id: String,
    /// The session.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    session_id: String,
    /// An access token (a JWT, RFC 9068), bound to the key of the device.
    token: String,
    /// Always `DPoP`: every use needs a proof (RFC 9449).
    token_type: &'static str,
    /// Seconds after which the token ends.
    #[schema(minimum = 1, maximum = 600)]
    expires_in: u64,
    /// What POST /api/v1/auth/refresh takes, once.
    #[schema(pattern = "^[0-9a-f]{128}$")]
    refresh_token: String,
}

/// Bytes of a fixed length: lower-case hex, in that one spelling.
pub(super) fn hex<const N: usize>(text: &str, why: &'static str) -> Result<[u8; N], Problem> {
    let one_spelling = !text.bytes().any(|letter| letter.is_ascii_uppercase());
    let bytes = base16::decode_array(text).filter(|_| one_spelling);
    bytes.ok_or_else(|| Problem::new(Kind::Malformed, why))
}

/// The key of a device.
pub(super) fn device_key(text: &str) -> Result<ClientId, Problem> {
    hex(text, "a device's key has 64 digits of lower-case hex").map(ClientId)
}

/// A body as JSON of this shape.
pub(crate) fn json<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, Problem> {
    serde_json::from_slice(&body?)
        .map(|Object(shape)| shape)
        .map_err(|_| Problem::new(Kind::Malformed, "the body is not the JSON that is described"))
}

/// The place of an account that is being made: it is free again where nothing came of it.
#[derive(Debug)]
pub(super) struct Place {
    accounts: Arc<AtomicUsize>,
    pub(super) taken: bool,
}

impl Place {
    pub(super) fn find(office: &Office) -> Result<Self, Problem> {
        let before = office.accounts.fetch_add(1, Ordering::AcqRel);
        let place = Place { accounts: Arc::clone(&office.accounts), taken: false };
        if before < office.accounts_max {
            return Ok(place);
        }
        Err(Problem::new(Kind::Full, "there are as many accounts as the coordinator takes"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.taken {
            self.accounts.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let kind = match &refused {
            Refused::Store(error) => return store_problem(error),
            Refused::Unknown => Kind::LoginFailed,
            Refused::CodeNeeded => Kind::CodeNeeded,
            Refused::KeyTaken | Refused::NameTaken | Refused::Enrolled => Kind::Taken,
            Refused::NameNeeded => Kind::NameNeeded,
            Refused::Ended => Kind::SessionEnded,
            Refused::Absent => Kind::NotFound,
            Refused::Devices | Refused::Keys => Kind::Full,
            Refused::Suspended => Kind::AccountSuspended,
            Refused::KeyNeeded => Kind::KeyNeeded,
            Refused::RoleNeeded => Kind::RoleNeeded,
            Refused::ScopeNeeded => Kind::ScopeNeeded,
            Refused::Protected => Kind::RoleProtected,
            Refused::Invitation(InvitationError::Store(error)) => return store_problem(error),
            Refused::Invitation(_) => Kind::InvitationNeeded,
            Refused::Moved => {
                return Problem::new(Kind::Unavailable, refused.to_string()).after(AGAIN_S);
            }
        };
        Problem::new(kind, refused.to_string())
    }
}

impl From<ChallengeError> for Problem {
    fn from(error: ChallengeError) -> Self {
        match error {
            ChallengeError::Unknown => Problem::new(Kind::BadSignature, error.to_string()),
            ChallengeError::Replayed => Problem::new(Kind::Replayed, error.to_string()),
            ChallengeError::Busy => Problem::new(Kind::Unavailable, error.to_string()).after(60),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
