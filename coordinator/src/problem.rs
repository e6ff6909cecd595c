//! How every door refuses: problem details (RFC 9457) with types that stay the same.
//!
//! ```text
//!   HTTP/1.1 429 Too Many Requests
//!   content-type: application/problem+json
//!   retry-after: 7                                          only where waiting helps
//!
//!   {"type":"/api/v1/problems/too-many-requests","title":"…","status":429,"detail":"…"}
//! ```
//! `type` is a path on the coordinator that answered (RFC 9457, 3.1.1 wants relative references to be full paths); the page
//! there says what to do. `instance` is left out: nothing about a single request is kept.

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::borrow::Cow;

/// Content type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// Where the types live; the name of the kind follows.
pub const TYPES_AT: &str = "/api/v1/problems/";

/// What can be wrong. The names are part of the interface: they are never changed, only added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request cannot be read.
    Malformed,
    /// The body is larger than this endpoint takes.
    TooLarge,
    /// No ticket, or one that this room does not take.
    TicketNeeded,
    /// No access token, or none that is good here.
    TokenNeeded,
    /// A signature does not hold.
    BadSignature,
    /// The clock of who asks is too far from ours.
    ClockApart,
    /// Nobody logs in by what was given.
    LoginFailed,
    /// A code of an authenticator is needed as well.
    CodeNeeded,
    /// A password without a username.
    NameNeeded,
    /// The session that was to be continued has ended.
    SessionEnded,
    /// Accounts are not given here.
    RegistrationClosed,
    /// An account stands for work that was not done.
    WorkNeeded,
    /// An account is for who was invited.
    InvitationNeeded,
    /// A gateway of pushes to which nothing is sent from here.
    GatewayNotListed,
    /// Who hosts has closed this account for now.
    AccountSuspended,
    /// No API key that is good here.
    KeyNeeded,
    /// The account that asks has no role that allows this.
    RoleNeeded,
    /// The API key was not made for this.
    ScopeNeeded,
    /// The account has a role that who asks does not reach.
    RoleProtected,
    /// What is to be begun is part of a plan.
    PlanNeeded,
    /// A voucher that does not count.
    VoucherRefused,
    /// This very request was seen before.
    Replayed,
    /// Somebody has this already.
    Taken,
    /// Nothing is here.
    NotFound,
    /// The address exists, the method does not.
    MethodNotAllowed,
    /// Asked too often.
    TooManyRequests,
    /// No room is left for this.
    Full,
    /// The request did not arrive in time.
    TooSlow,
    /// The coordinator cannot answer now.
    Unavailable,
}

/// All kinds, for the pages that explain them.
pub const KINDS: [Kind; 29] = [
    Kind::Malformed,
    Kind::TooLarge,
    Kind::TicketNeeded,
    Kind::TokenNeeded,
    Kind::BadSignature,
    Kind::ClockApart,
    Kind::LoginFailed,
    Kind::CodeNeeded,
    Kind::SessionEnded,
    Kind::RegistrationClosed,
    Kind::WorkNeeded,
    Kind::InvitationNeeded,
    Kind::GatewayNotListed,
    Kind::AccountSuspended,
    Kind::KeyNeeded,
    Kind::RoleNeeded,
    Kind::ScopeNeeded,
    Kind::RoleProtected,
    Kind::PlanNeeded,
    Kind::VoucherRefused,
    Kind::Replayed,
    Kind::Taken,
    Kind::NameNeeded,
    Kind::NotFound,
    Kind::MethodNotAllowed,
    Kind::TooManyRequests,
    Kind::Full,
    Kind::TooSlow,
    Kind::Unavailable,
];

impl Kind {
    /// Status, name and title of a kind, and what who asked can do.
    #[must_use]
    pub fn row(self) -> (u16, &'static str, &'static str, &'static str) {
        let (status, name) = self.status_and_name();
        (status, name, self.title(), self.next_step())
    }

    fn status_and_name(self) -> (u16, &'static str) {
        match self {
            Kind::Malformed => (400, "malformed"),
            Kind::TooLarge => (413, "too-large"),
            Kind::TicketNeeded => (401, "ticket-needed"),
            Kind::TokenNeeded => (401, "token-needed"),
            Kind::BadSignature => (403, "bad-signature"),
            Kind::ClockApart => (403, "clock-apart"),
            Kind::LoginFailed => (403, "login-failed"),
            Kind::CodeNeeded => (403, "code-needed"),
            Kind::SessionEnded => (403, "session-ended"),
            Kind::RegistrationClosed => (403, "registration-closed"),
            Kind::WorkNeeded => (403, "work-needed"),
            Kind::InvitationNeeded => (403, "invitation-needed"),
            Kind::GatewayNotListed => (403, "gateway-not-listed"),
            Kind::AccountSuspended => (403, "account-suspended"),
            Kind::KeyNeeded => (401, "key-needed"),
            Kind::RoleNeeded => (403, "role-needed"),
            Kind::ScopeNeeded => (403, "scope-needed"),
            Kind::RoleProtected => (403, "role-protected"),
            Kind::PlanNeeded => (402, "plan-needed"),
            Kind::VoucherRefused => (403, "voucher-refused"),
            Kind::NameNeeded => (409, "name-needed"),
            Kind::Taken => (409, "taken"),
            Kind::Replayed => (409, "replayed"),
            Kind::NotFound => (404, "not-found"),
            Kind::MethodNotAllowed => (405, "method-not-allowed"),
            Kind::TooManyRequests => (429, "too-many-requests"),
            Kind::Full => (507, "full"),
            Kind::TooSlow => (408, "too-slow"),
            Kind::Unavailable => (503, "unavailable"),
        }
    }

    fn title(self) -> &'static str {
        match self {
            Kind::Malformed => "The request cannot be read",
            Kind::TooLarge => "The body is too large",
            Kind::TicketNeeded => "A ticket of this room is needed",
            Kind::TokenNeeded => "An access token and a proof of its key are needed",
            Kind::BadSignature => "A signature does not hold",
            Kind::ClockApart => "The clocks are too far apart",
            Kind::LoginFailed => "Nobody logs in by this",
            Kind::CodeNeeded => "A code of the authenticator is needed as well",
            Kind::SessionEnded => "The session has ended",
            Kind::RegistrationClosed => "Accounts are not given here",
            Kind::WorkNeeded => "Work is needed for an account",
            Kind::InvitationNeeded => "An invitation is needed for an account",
            Kind::GatewayNotListed => "Nothing is sent to this gateway from here",
            Kind::AccountSuspended => "The account is suspended",
            Kind::KeyNeeded => "An API key is needed that is good here",
            Kind::RoleNeeded => "A role is needed that allows this",
            Kind::ScopeNeeded => "The API key was not made for this",
            Kind::RoleProtected => "The account has a role that protects it",
            Kind::PlanNeeded => "A plan is needed for this",
            Kind::VoucherRefused => "This voucher does not count",
            Kind::NameNeeded => "A password needs a username",
            Kind::Taken => "Somebody has this already",
            Kind::Replayed => "This request was seen before",
            Kind::NotFound => "Nothing is here",
            Kind::MethodNotAllowed => "This cannot be done here",
            Kind::TooManyRequests => "Asked too often",
            Kind::Full => "No room is left",
            Kind::TooSlow => "The request took too long",
            Kind::Unavailable => "The coordinator cannot answer now",
        }
    }

    fn next_step(self) -> &'static str {
        match self {
            Kind::Malformed => "Compare it with /api/v1/openapi.json and send it again.",
            Kind::TooLarge => "Send less in one request; the limit is in the API page.",
            Kind::TicketNeeded => {
                "Ask POST /api/v1/auth/ticket for one and send it as `Authorization: Halloo TICKET`."
            }
            Kind::TokenNeeded => {
                "Send `Authorization: DPoP TOKEN` and a fresh `DPoP` proof; POST /api/v1/auth/refresh gives another token."
            }
            Kind::BadSignature => "Sign the exact bytes with the key that is named.",
            Kind::ClockApart => "Set the clock, or use `time_ms` of GET /api/v1/server.",
            Kind::LoginFailed => {
                "Register first, or check what was typed; only keys that were registered here open an account."
            }
            Kind::CodeNeeded => "Send it as `code`, or a recovery code, with a fresh proof.",
            Kind::SessionEnded => "Log in again by POST /api/v1/auth/login.",
            Kind::RegistrationClosed => {
                "Nothing else needs an account; who hosts opens registration with `auth.registration`."
            }
            Kind::WorkNeeded => {
                "Search for a nonce as docs/spec/coordinator.md says, with a fresh challenge, and send it as `work`."
            }
            Kind::InvitationNeeded => "Ask who hosts this coordinator for one and send it as `invitation`.",
            Kind::GatewayNotListed => {
                "Register by the gateway of GET /api/v1/push/gateway here; who hosts allows others in `push.gateways`."
            }
            Kind::AccountSuspended => "Ask who hosts this coordinator; groups go on without an account.",
            Kind::KeyNeeded => {
                "Send `Authorization: Bearer hk_...`; an operator makes one by POST /api/v1/admin/keys, who hosts by `halloo-coordinator admin key make`."
            }
            Kind::RoleNeeded => {
                "Who hosts gives one by `halloo-coordinator admin role USER ROLE`; docs/spec/coordinator.md says which allows what."
            }
            Kind::ScopeNeeded => {
                "Make another key with that scope; one does no more than who made it may do now."
            }
            Kind::RoleProtected => {
                "Who hosts takes its role away first, by `halloo-coordinator admin role USER none`."
            }
            Kind::PlanNeeded => {
                "GET /api/v1/plans lists the plans; POST /api/v1/users/subscription begins one for the account of this key. What is there already is read without."
            }
            Kind::VoucherRefused => {
                "Compare the code with what you were given; each counts once, until its last day. Who sells the plan has others."
            }
            Kind::NameNeeded => "Set a username first; take the password away before the username.",
            Kind::Taken => "Choose another, or log in.",
            Kind::Replayed => "Sign a new request with a fresh nonce.",
            Kind::NotFound => "Look at /api/v1/docs for what there is.",
            Kind::MethodNotAllowed => "Look at /api/v1/docs for the method.",
            Kind::TooManyRequests => "Wait as long as `retry-after` says.",
            Kind::Full => "Try later; what is here expires by itself.",
            Kind::TooSlow => "Send it again.",
            Kind::Unavailable => "Try again in a moment.",
        }
    }

    /// The status as a type.
    ///
    /// # Panics
    /// Never: all statuses of the table are valid.
    #[must_use]
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().0).expect("the table holds valid statuses")
    }
}

/// One refusal.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    retry_after_s: Option<u64>,
}

/// A refusal as it goes over the wire.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct Details {
    /// Which kind of problem: a path on this coordinator.
    #[serde(rename = "type")]
    #[schema(example = "/api/v1/problems/malformed")]
    kind: String,
    /// The kind in words.
    title: String,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong with this request.
    detail: String,
}

impl Problem {
    /// A refusal with the reason in words; never anything that the other side sent.
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Problem { kind, detail: detail.into(), retry_after_s: None }
    }

    /// Says after how many seconds it is worth trying again.
    #[must_use]
    pub fn after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds.max(1));
        self
    }

    /// What is wrong, in words.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Problem::new(Kind::TooLarge, "the body is longer than is taken here")
            }
            _ => Problem::new(Kind::Malformed, "the body did not arrive whole"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, name, title, _) = self.kind.row();
        let body = Details {
            kind: format!("{TYPES_AT}{name}"),
            title: title.to_owned(),
            status,
            detail: self.detail.into_owned(),
        };
        let mut response = (self.kind.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        let scheme = match self.kind {
            Kind::TicketNeeded => Some("Halloo"),
            Kind::TokenNeeded => Some(r#"DPoP algs="EdDSA""#),
            Kind::KeyNeeded => Some("Bearer"),
            _ => None,
        };
        if let Some(scheme) = scheme {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
        response
    }
}

/// What a kind of problem means and what to do: the page behind `type`.
#[utoipa::path(
    get,
    path = "/{name}",
    tag = "server",
    params(("name" = String, Path, description = "Name of the kind")),
    responses(
        (status = 200, description = "What it means and what to do", body = String, content_type = "text/plain"),
        (status = 404, description = "No such kind", body = Details, content_type = "application/problem+json"),
    )
)]
pub async fn explain(Path(name): Path<String>) -> Result<String, Problem> {
    let row = KINDS.into_iter().map(Kind::row).find(|(_, known, _, _)| *known == name);
    let (status, _, title, next) =
        row.ok_or_else(|| Problem::new(Kind::NotFound, "there is no problem of this name"))?;
    Ok(format!("{title} ({status}).\n{next}\n"))
}

#[cfg(test)]
mod tests;
