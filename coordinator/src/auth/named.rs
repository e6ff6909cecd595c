//! What people may call themselves and their devices: the rules that JSON cannot say alone.

use super::book::rows::Names;
use crate::problem::{Kind, Problem};

/// Longest address of mail (RFC 5321, 4.5.3.1, and its errata).
const EMAIL_BYTES_MAX: usize = 254;
/// Shortest and longest username.
const USERNAME_BYTES: std::ops::RangeInclusive<usize> = 3..=32;
/// Longest name of a device or an API key, characters: what a list shows in a line.
const LINE_MAX: usize = 64;

/// What a device is, for the list of its owner.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviceInfo {
    /// What its owner calls it.
    #[schema(max_length = 64, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    name: String,
}

fn refuse(why: &'static str) -> Problem {
    Problem::new(Kind::Malformed, why)
}

fn is_username(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let good = |byte: u8| letter(byte) || b"._-".contains(&byte);
    USERNAME_BYTES.contains(&text.len()) && letter(text.as_bytes()[0]) && text.bytes().all(good)
}

fn is_email(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    let parts = text.split_once('@').filter(|(_, host)| !host.contains('@'));
    plain
        && text.len() <= EMAIL_BYTES_MAX
        && parts.is_some_and(|(local, host)| !local.is_empty() && !host.is_empty())
}

/// A username and an address of mail that may be kept.
pub(super) fn names(username: Option<String>, email: Option<String>) -> Result<Names, Problem> {
    if username.as_deref().is_some_and(|username| !is_username(username)) {
        return Err(refuse(
            "a username has 3 to 32 of a-z, 0-9, dot, dash and underscore, and begins with a letter or digit",
        ));
    }
    if email.as_deref().is_some_and(|email| !is_email(email)) {
        return Err(refuse("an address of mail has one @, at most 254 letters, and none beyond ASCII"));
    }
    Ok(Names { username, email })
}

/// Whether a name that somebody gives to a thing of theirs fits on one line of a list.
pub(super) fn is_line(name: &str) -> bool {
    name.chars().count() <= LINE_MAX && !name.chars().any(char::is_control)
}

/// A name of a device that may be kept; an empty one where none was given.
pub(super) fn device_name(info: Option<DeviceInfo>) -> Result<String, Problem> {
    let name = info.map(|info| info.name).unwrap_or_default();
    if !is_line(&name) {
        return Err(refuse("a device's name has at most 64 characters, on one line"));
    }
    Ok(name)
}

/// A day since 1970 as a date (RFC 3339, 5.6), by the civil calendar.
pub(crate) fn date(day: u32) -> String {
    // Years begin in March here, so that the day that is sometimes there comes last. 146,097 days are 400 years.
    let days = i64::from(day) + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, turned) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", year + era * 400 + turned)
}

#[cfg(test)]
mod tests;
