//! `GET /api/v1/auth/devices`, `DELETE /api/v1/auth/devices/{device_key}`.

use super::named;
use super::office::{Office, device_key};
use super::signed::Signed;
use crate::problem::{Details, Problem};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use halloo_store::store::Store;

/// The devices of an account.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct DeviceList {
    /// All whose keys open it.
    #[schema(max_items = 16)]
    devices: Vec<DeviceShown>,
}

/// A device.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct DeviceShown {
    /// Its key.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    device_key: String,
    /// What its owner calls it.
    #[schema(max_length = 64)]
    name: String,
    /// The day on which it came, as a date.
    #[schema(example = "2027-01-15", format = Date)]
    added: String,
    /// Whether it is the one that asks.
    current: bool,
}

/// The devices of the account that asks.
#[utoipa::path(
    get,
    path = "/devices",
    operation_id = "list_devices",
    tag = "auth",
    security(("token" = [])),
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
    ),
    responses(
        (status = 200, description = "Its devices", body = DeviceList),
        (status = 401, description = "No token, or no proof of its key", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "The account is suspended, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(State(office): State<Office>, signed: Signed) -> Result<Json<DeviceList>, Problem> {
    let devices = office.book.devices(&*office.hall.store, &signed.account)?;
    let shown = devices.iter().map(|(key, row)| DeviceShown {
        device_key: key.to_string(),
        name: office.book.device_name(key, row),
        added: named::date(row.added),
        current: *key == signed.device,
    });
    Ok(Json(DeviceList { devices: shown.collect() }))
}

/// Takes a device away from the account that asks: its session ends, and its key opens nothing any more. With the last device the account
/// is forgotten, since nobody could come back to it.
#[utoipa::path(
    delete,
    path = "/devices/{device_key}",
    operation_id = "revoke_device",
    tag = "auth",
    security(("token" = [])),
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
        ("device_key" = String, Path, description = "Key of the device", pattern = "^[0-9a-f]{64}$"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 401, description = "No token, or no proof of its key", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "The account is suspended, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 404, description = "Nothing of this name", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "No room is left", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn revoke(
    State(office): State<Office>,
    signed: Signed,
    Path(device): Path<String>,
) -> Result<StatusCode, Problem> {
    let device = device_key(&device)?;
    let revoke = |store: &dyn Store| office.book.revoke_device(store, (&signed.account, &device));
    office.change_of(&signed, &[&device.0], revoke).await?;
    Ok(StatusCode::NO_CONTENT)
}
