//! The certificate of a domain, asked for and renewed by ACME (RFC 8555): the challenge is answered on the one port (TLS-ALPN-01, RFC 8737).
//!
//! ```text
//!   DATA/acme/AUTHORITY/account.json       the account at the authority, with its key
//!   DATA/acme/AUTHORITY/certificate.pem    the certificate, those between it and the authority, and its key
//! ```
//! Both are readable by their owner alone. What is lost is asked for anew. A third of a certificate's life before its end the next one
//! is asked for; what fails is tried again ever more rarely, as authorities count failures.

pub mod config;
mod kept;
mod order;
mod web;

use crate::hall::Closing;
use crate::tls::{Tls, about};
use crate::world::World;
use anyhow::{Context as _, Result, bail, ensure};
use config::AcmeConfig;
use halloo_wire::origin::Origin;
use kept::Folder;
use rand_core::Rng as _;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

/// How often it is looked whether the certificate grows old: lives are counted in days.
const LOOK: Duration = Duration::from_secs(3_600);
/// The first wait after a failure. Let's Encrypt counts five failures an hour.
const RETRY_FIRST: Duration = Duration::from_secs(300);
/// The longest: after a repair of DNS nobody wants to wait for a day.
const RETRY_MAX: Duration = Duration::from_secs(6 * 3_600);
/// The wait after a certificate that was not fresh when it came. Let's Encrypt gives five of one name in a week.
const STALE_WAIT: Duration = Duration::from_secs(2 * 86_400);
/// So much of its life a certificate has left when the next one is asked for: one part of three.
const LEFT: u64 = 3;

/// Keeps a certificate fresh.
#[derive(Debug)]
pub struct Renewal {
    config: AcmeConfig,
    domain: String,
    folder: Folder,
    tls: Tls,
    world: World,
}

impl Renewal {
    /// With what lies in the data folder; none where the settings name no authority.
    ///
    /// # Errors
    /// When the origin has no domain, or what lies there cannot be read.
    pub fn open(
        config: &AcmeConfig,
        origin: Option<&Origin>,
        data: &Path,
        world: &World,
    ) -> Result<Option<Self>> {
        if config.directory.is_empty() {
            return Ok(None);
        }
        let domain = domain(origin)?;
        let folder = Folder::of(data, &config.directory)?;
        let tls = Tls::challenged();
        if let Some(pem) = folder.certificate()? {
            // A damaged one is as good as none.
            if let Err(error) = tls.take(&pem) {
                tracing::warn!(%error, "the certificate that lay there cannot be used; asking for another");
            }
        }
        Ok(Some(Renewal { config: config.clone(), domain, folder, tls, world: world.clone() }))
    }

    /// The way into TLS by this certificate.
    #[must_use]
    pub fn tls(&self) -> Tls {
        self.tls.clone()
    }

    /// Keeps it fresh until it is time to close.
    pub async fn run(self, closing: Closing) {
        let mut failed = 0;
        loop {
            let wait = if self.is_fresh() {
                LOOK
            } else {
                match self.renew().await {
                    Ok(()) => {
                        failed = 0;
                        self.wait_after_success()
                    }
                    Err(error) => {
                        failed += 1;
                        let wait = self.wait_after(failed);
                        tracing::warn!(
                            error = %format!("{error:#}"),
                            again_in_s = wait.as_secs(),
                            "no certificate: does the domain lead here, and does TCP port 443 reach this coordinator?"
                        );
                        wait
                    }
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = closing.said() => return,
            }
        }
    }

    /// Where a new certificate is old already, another will be too: that is no reason to run into the limits of the authority.
    fn wait_after_success(&self) -> Duration {
        if self.is_fresh() {
            tracing::info!("there is a new certificate");
            return LOOK;
        }
        tracing::warn!(
            again_in_s = STALE_WAIT.as_secs(),
            "the new certificate is not fresh, or is for another name: is the clock right, and the origin?"
        );
        STALE_WAIT
    }

    fn is_fresh(&self) -> bool {
        let Some(about) = self.tls.certificate().and_then(|der| about::certificate(&der).ok()) else {
            return false;
        };
        let life = about.until_ms.saturating_sub(about.from_ms);
        let named = about.covers(&self.domain);
        named && self.world.now_ms() < about.until_ms.saturating_sub(life / LEFT)
    }

    async fn renew(&self) -> Result<()> {
        let pem = order::certificate(&self.config, &self.domain, &self.folder, &self.tls).await?;
        self.tls.take(&pem).context("the certificate that was given cannot be used")?;
        self.folder.keep_certificate(&pem)
    }

    /// Doubled with each failure, and spread: coordinators that failed together do not come back together.
    fn wait_after(&self, failed: u32) -> Duration {
        let wait = RETRY_FIRST.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(RETRY_MAX);
        let spread = u64::from(self.world.chance().next_u32()) % (wait.as_secs() / 4).max(1);
        wait + Duration::from_secs(spread)
    }
}

/// The certificate that an authority gave, and its key, PEM; none where none did.
///
/// # Errors
/// When it cannot be read.
pub fn kept_certificate(data: &Path, directory: &str) -> Result<Option<Vec<u8>>> {
    Folder::at(data, directory).certificate()
}

fn domain(origin: Option<&Origin>) -> Result<String> {
    let Some(origin) = origin.filter(|origin| origin.is_tls()) else {
        bail!("acme.directory wants an origin such as https://halloo.example: set it with --origin");
    };
    ensure!(
        origin.host().parse::<IpAddr>().is_err(),
        "acme.directory wants a name, and {origin} has an address: set tls.certificate and tls.key instead"
    );
    Ok(origin.host().to_owned())
}

#[cfg(test)]
mod tests;
