//! One order at an authority: account, challenge, certificate.

use super::config::AcmeConfig;
use super::kept::Folder;
use super::web::Web;
use crate::tls::Tls;
use anyhow::{Context as _, Result, bail};
use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Error, Identifier, NewAccount, NewOrder, Order, OrderStatus,
    RetryPolicy,
};
use std::time::Duration;

/// How long an authority may take to look at the challenge, and then to sign.
const PATIENCE: Duration = Duration::from_secs(60);
/// What it says to an account that it does not know (RFC 8555, 6.7).
const ACCOUNT_GONE: &str = "urn:ietf:params:acme:error:accountDoesNotExist";

/// A new certificate with those between it and the authority and its new key, PEM.
pub(super) async fn certificate(
    config: &AcmeConfig,
    domain: &str,
    folder: &Folder,
    tls: &Tls,
) -> Result<Vec<u8>> {
    let mut order = begin(config, domain, folder).await?;
    let answered = answer(&mut order, domain, tls).await;
    tls.forget_challenge();
    answered?;
    let key = order.finalize().await.context("the request for the certificate")?;
    let chain = order.poll_certificate(&patience()).await.context("the certificate")?;
    Ok(format!("{chain}\n{key}").into_bytes())
}

/// An order by the account that is kept, or by a new one where the authority has forgotten it, as those for tests do at each start.
async fn begin(config: &AcmeConfig, domain: &str, folder: &Folder) -> Result<Order> {
    let identifiers = [Identifier::Dns(domain.to_owned())];
    let new = NewOrder::new(&identifiers);
    let begun = account(config, folder).await.context("the account at the authority")?.new_order(&new).await;
    let begun = match begun {
        Err(Error::Api(problem)) if problem.r#type.as_deref() == Some(ACCOUNT_GONE) => {
            tracing::warn!("the authority has forgotten the account; making another");
            folder.forget_account()?;
            account(config, folder).await.context("another account at the authority")?.new_order(&new).await
        }
        begun => begun,
    };
    begun.context("the order")
}

fn patience() -> RetryPolicy {
    RetryPolicy::new().timeout(PATIENCE)
}

async fn account(config: &AcmeConfig, folder: &Folder) -> Result<Account> {
    let builder =
        || Ok::<_, anyhow::Error>(Account::builder_with_http(Box::new(Web::trusting(&config.root)?)));
    if let Some(kept) = folder.account()? {
        return Ok(builder()?.from_credentials(kept).await?);
    }
    let contact = [config.contact.as_str()];
    let new = NewAccount {
        contact: if config.contact.is_empty() { &[] } else { &contact },
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let (account, credentials) = builder()?.create(&new, config.directory.clone(), None).await?;
    folder.keep_account(&credentials)?;
    Ok(account)
}

/// Proves that the domain leads here.
async fn answer(order: &mut Order, domain: &str, tls: &Tls) -> Result<()> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.context("what the authority wants to see")?;
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            other => bail!("the authority says {other:?} before it has looked"),
        }
        let challenge = authorization.challenge(ChallengeType::TlsAlpn01);
        let mut challenge = challenge.context("the authority does not offer tls-alpn-01")?;
        tls.answer_challenge(domain, challenge.key_authorization().digest().as_ref())?;
        challenge.set_ready().await.context("telling that it may look")?;
    }
    match order.poll_ready(&patience()).await.context("waiting until it has looked")? {
        OrderStatus::Ready | OrderStatus::Valid => Ok(()),
        status => bail!("it has looked, and says {status:?}{}", why(order).await),
    }
}

/// What it did not like.
async fn why(order: &mut Order) -> String {
    let mut authorizations = order.authorizations();
    while let Some(Ok(authorization)) = authorizations.next().await {
        if let Some(problem) = authorization.challenges.iter().find_map(|challenge| challenge.error.as_ref())
        {
            return format!(": {problem}");
        }
    }
    String::new()
}
