//! `GET /api/v1/communication/sessions`, `POST`, `DELETE /api/v1/communication/sessions/{session_id}`: a group has one call, so its session
//! is named by the group.

use super::described::Refusals;
use super::house::House;
use super::moment::moment;
use super::problem::Problem;
use super::taken::{Body, Id, whole_id};
use crate::door::{Request, TalkAsk};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

/// Longest name of a sound device, in characters.
const DEVICE_MAX: usize = 200;

/// What a session is.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum SessionKind {
    /// People hear each other.
    Voice,
}

/// How to talk and hear; nothing said is by the devices of the machine.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionAsk {
    /// Whose call.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    group_id: String,
    /// Only voice is built.
    #[serde(rename = "type")]
    kind: SessionKind,
    /// Where the voice comes from: `device`, `device:NAME` or `null`.
    #[serde(default)]
    #[schema(pattern = "^(device|device:[^\\n]{1,200}|null)$")]
    source: Option<String>,
    /// Where the others are heard, as `source`.
    #[serde(default)]
    #[schema(pattern = "^(device|device:[^\\n]{1,200}|null)$")]
    sink: Option<String>,
    /// Speak only while the key is held.
    #[serde(default)]
    push_to_talk: bool,
    /// Enter with the microphone muted.
    #[serde(default)]
    muted: bool,
}

/// A call that somebody is in.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
pub(super) struct SessionShown {
    /// Its name: the id of its group.
    #[serde(default)]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    session_id: String,
    /// The group.
    #[serde(alias = "group")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    group_id: String,
    /// What it is.
    #[serde(rename = "type")]
    kind: SessionKind,
    /// Who is in it.
    participants: Vec<Participant>,
    /// Since when somebody is in it, as this node saw it.
    #[serde(alias = "started_ms", default, deserialize_with = "moment")]
    #[schema(format = DateTime)]
    started_at: Option<String>,
    /// Whether this device is in it.
    own: bool,
}

/// Somebody who is in a call.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
pub(super) struct Participant {
    /// Who.
    #[serde(alias = "account")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    account_id: String,
    /// By which device.
    #[serde(alias = "device")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    device_id: String,
    /// How the person is called.
    name: String,
    /// Whether it is this device.
    #[serde(alias = "this")]
    own: bool,
    /// Microphone off.
    microphone_muted: bool,
    /// Loudspeaker off.
    speaker_muted: bool,
    /// How the voice stands: `up`, `connecting`, `full` where there is no place, `forged` while somebody else speaks in this name; null for
    /// calls that this device is not in.
    voice: Option<String>,
}

/// The calls.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct SessionList {
    /// At most one of each group.
    #[schema(max_items = 256)]
    sessions: Vec<SessionShown>,
}

/// The calls that somebody is in.
#[utoipa::path(
    get,
    path = "/api/v1/communication/sessions",
    tag = "communication",
    operation_id = "list_sessions",
    security(("bearer" = [])),
    responses((status = 200, description = "The calls", body = SessionList), Refusals)
)]
pub(super) async fn list(State(house): State<House>) -> Result<Json<SessionList>, Problem> {
    Ok(Json(SessionList { sessions: all(&house).await? }))
}

/// Enters the call of a group, or changes the sound of the one that runs.
#[utoipa::path(
    post,
    path = "/api/v1/communication/sessions",
    tag = "communication",
    operation_id = "enter_session",
    security(("bearer" = [])),
    request_body = SessionAsk,
    responses((status = 201, description = "This device is in it", body = SessionShown), Refusals)
)]
pub(super) async fn enter(
    State(house): State<House>,
    Body(ask): Body<SessionAsk>,
) -> Result<(StatusCode, Json<SessionShown>), Problem> {
    let SessionKind::Voice = ask.kind;
    let talk = talk((ask.source, ask.sink), ask.push_to_talk, ask.muted)?;
    enter_by(&house, &ask.group_id, talk).await.map(|session| (StatusCode::CREATED, Json(session)))
}

/// Leaves the call of a group.
#[utoipa::path(
    delete,
    path = "/api/v1/communication/sessions/{session_id}",
    tag = "communication",
    operation_id = "leave_session",
    security(("bearer" = [])),
    params(("session_id" = String, Path, description = "Its name", pattern = "^[0-9a-f]{64}$")),
    responses((status = 204, description = "This device is not in it"), Refusals)
)]
pub(super) async fn leave(State(house): State<House>, Id(session): Id) -> Result<StatusCode, Problem> {
    house.ask(Some(&session), Request::Hush).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The sound of a call. Files are left to the owner's socket: a page shall neither read nor write them.
///
/// # Errors
/// No sound device.
pub(super) fn talk(
    (source, sink): (Option<String>, Option<String>),
    push_to_talk: bool,
    muted: bool,
) -> Result<TalkAsk, Problem> {
    let device = |what: &str, name: Option<String>| {
        let name = name.unwrap_or_else(|| "device".to_owned());
        let named = name.strip_prefix("device:").is_some_and(|device| {
            (1..=DEVICE_MAX).contains(&device.chars().count()) && !device.contains('\n')
        });
        if named || name == "device" || name == "null" {
            return Ok(name);
        }
        Err(Problem::malformed(format!("{what} is device, device:NAME or null")))
    };
    Ok(TalkAsk {
        source: device("source", source)?,
        sink: device("sink", sink)?,
        repeat: false,
        push_to_talk,
        muted,
    })
}

/// Enters the call of a group.
///
/// # Errors
/// As the driver refuses; no id.
pub(super) async fn enter_by(house: &House, group: &str, talk: TalkAsk) -> Result<SessionShown, Problem> {
    whole_id("the id of the group", group)?;
    house.ask(Some(group), Request::Talk(talk)).await?;
    let session = all(house).await?.into_iter().find(|session| session.group_id == group);
    session.ok_or_else(|| Problem::new("no-call", "the call has ended already"))
}

async fn all(house: &House) -> Result<Vec<SessionShown>, Problem> {
    #[derive(Deserialize)]
    struct Listed {
        calls: Vec<SessionShown>,
    }
    let mut listed: Listed = house.ask_for(None, Request::Calls).await?;
    for session in &mut listed.calls {
        session.session_id.clone_from(&session.group_id);
    }
    Ok(listed.calls)
}

#[cfg(test)]
mod tests;
