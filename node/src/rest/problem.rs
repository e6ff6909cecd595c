//! How the door refuses: problem details (RFC 9457) whose types are the codes of the owner's socket, and stay the same.
//!
//! ```text
//!   {"type":"/api/v1/problems/not-allowed","title":"…","status":403,"detail":"what is wrong","next":"what to do"}
//! ```

use super::taken::Text;
use crate::door::DoorError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Content type of a problem.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";
/// Where the types live; the code follows.
const TYPES_AT: &str = "/api/v1/problems/";

/// A code, its status, its title, and what can be done where nothing more is known.
type Row = (&'static str, u16, &'static str, &'static str);

const LOOK: &str = "look at /api/v1/docs for what there is";
const JOIN_ANEW: &str = "ask for a new invite";

/// All codes; never changed, only added to. What the request itself does wrong is 400, what makes no sense here 422, what is not so now 409.
const ROWS: &[Row] = &[
    ("malformed", 400, "The request is not as it is described", "compare it with /api/v1/openapi.json"),
    ("bad-token", 422, "No push service gives this", "hand over what the push service has given, unchanged"),
    ("bad-gateway", 422, "This is no coordinator", "name the origin of a coordinator, https://HOST"),
    (
        "token-needed",
        401,
        "Nobody is in by this",
        "take a one-time token from `halloo rest-token` to POST /api/v1/session",
    ),
    ("wrong-origin", 403, "A page from elsewhere asks", "open the page of this door itself"),
    ("not-allowed", 403, "The role does not allow it", "ask an admin of the group"),
    ("not-yours", 403, "It is somebody else's", "ask whoever made it"),
    ("not-member", 403, "This device is no member", JOIN_ANEW),
    ("not-found", 404, "Nothing is here", LOOK),
    ("unknown", 404, "Nothing of this name", "GET /api/v1/groups lists the groups"),
    ("no-group", 404, "There is no group", "POST /api/v1/groups begins one"),
    ("method-not-allowed", 405, "This cannot be done here", LOOK),
    ("too-slow", 408, "It took too long", "try again"),
    ("too-large-body", 413, "The body is too large", "send at most 256 KiB"),
    ("media-type", 415, "The body is no JSON", "send it with `content-type: application/json`"),
    (
        "wrong-host",
        421,
        "This is not the door that was asked",
        "ask by the address that `halloo up --rest` printed",
    ),
    ("invalid", 422, "It makes no sense here", "change it and try again"),
    ("too-large", 422, "It is too large", "send less"),
    ("not-built", 422, "This is not built", "leave it out"),
    ("ambiguous", 409, "Several are meant", "give the whole id"),
    ("busy", 409, "Something else is under way", "try again in a moment"),
    ("too-many", 409, "There are too many", "end one first"),
    ("not-connected", 409, "The other is not connected", "try again when they are here"),
    ("in-call", 409, "Another group's call runs", "leave it first"),
    ("no-call", 409, "No call runs", "POST /api/v1/communication/sessions enters one"),
    ("sound", 409, "The sound cannot be used", "`halloo doctor` looks for the fault"),
    ("taken-back", 409, "The line was taken back", "take another line"),
    ("wrong-words", 409, "Not let in: the words are wrong", JOIN_ANEW),
    ("burned", 409, "Not let in: the code is burned", JOIN_ANEW),
    ("expired", 409, "Not let in: the invite has expired", JOIN_ANEW),
    ("used-up", 409, "Not let in: the invite is used up", JOIN_ANEW),
    ("closed", 409, "Not let in: the invite was closed", JOIN_ANEW),
    ("nobody-answered", 409, "Not let in: nobody answered", "see that whoever invites is there"),
    ("version", 409, "Not let in: another version", "update the older one"),
    ("host-gone", 409, "Not let in: whoever invites went away", "try again"),
    ("not-admitted", 409, "Not let in", JOIN_ANEW),
    ("other-door", 409, "Not let in: another door", JOIN_ANEW),
    ("broken", 409, "Not let in: the invite is broken", JOIN_ANEW),
    ("refused", 409, "It is refused", "change it and try again"),
    ("mistake", 500, "A mistake of the node", "please report it"),
    ("world", 503, "The system fails the node", "`halloo doctor` looks for the fault"),
    ("stopped", 503, "The node is stopping", "start it again with `halloo up --rest`"),
    ("full", 503, "Too much at once", "close something, then try again"),
    ("disk", 507, "The disk fails the node", "free some space; `halloo doctor` looks for the fault"),
];

/// A refusal without anything special about it.
const REFUSED: &str = "refused";

fn row(code: &str) -> Option<&'static Row> {
    ROWS.iter().find(|(known, ..)| *known == code)
}

/// One refusal.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    row: &'static Row,
    detail: String,
    next: String,
}

/// A refusal as it goes over the wire.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(super) struct Details {
    /// Which kind of problem: a path here.
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
    /// What to do next.
    next: String,
}

impl Problem {
    /// Of this code, with what is wrong in words.
    pub(super) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        let row = row(code).expect("a code of ours stands in the table");
        Problem { row, detail: detail.into(), next: row.3.to_owned() }
    }

    /// The request is not as it is described.
    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Problem::new("malformed", detail)
    }

    /// The refusal as it goes over the wire.
    pub(super) fn details(self) -> Details {
        let (code, status, title, _) = *self.row;
        Details {
            kind: format!("{TYPES_AT}{code}"),
            title: title.to_owned(),
            status,
            detail: self.detail,
            next: self.next,
        }
    }
}

impl From<DoorError> for Problem {
    fn from(error: DoorError) -> Self {
        let row = row(&error.code).or_else(|| row(REFUSED)).expect("it stands in the table");
        Problem { row, detail: error.what, next: error.next }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (code, status, ..) = *self.row;
        let status = StatusCode::from_u16(status).expect("the table holds valid statuses");
        let mut response = (status, Json(self.details())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if code == "token-needed" {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// What a kind of problem means and what to do: the page behind `type`.
#[utoipa::path(
    get,
    path = "/api/v1/problems/{code}",
    tag = "door",
    operation_id = "explain_problem",
    params(("code" = String, Path, description = "Code of the kind")),
    responses(
        (status = 200, description = "What it means and what to do", body = String, content_type = "text/plain"),
        super::described::Refusals,
    )
)]
pub(super) async fn explain(Text(code): Text) -> Result<String, Problem> {
    let row = row(&code).ok_or_else(|| Problem::new("not-found", "there is no problem of this code"))?;
    let (_, status, title, next) = row;
    Ok(format!("{title} ({status}).\n{next}\n"))
}

#[cfg(test)]
mod tests;
