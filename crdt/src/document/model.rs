//! What the document means: its keys, and the values a person reads and sets.
//!
//! ```text
//!   name                              text     the group's name
//!   setting/<word>                    any      settings of the group
//!   place/<32 hex>/name|kind          text     a place; `kind` says what it is for (meeting, parking, fence)
//!   place/<32 hex>/lat|lon|radius     real     degrees WGS 84; radius in metres, present for a fence
//!   profile/<64 hex account>/name     text     how a person wants to be called; only that person's devices may write it
//!   profile/<64 hex account>/colour   whole    0xRRGGBB
//!   setting/via profile/../mailbox/..          `document/via.rs`
//!   poll/.. task/..                            `document/agenda.rs`
//!   plan/..                                    reserved
//! ```
//!
//! Everything is one flat map: two people who create something at once never create it twice, which nested maps would. Other
//! keys of the same grammar are kept, so that a newer halloo may use them.

use halloo_crypto::base16;
use halloo_crypto::id::{AccountId, DeviceId};

use super::agenda::{self, AgendaEdit, unhex};
use super::change::{MAX_KEY_BYTES, MAX_VALUE_BYTES, Value};
use super::{Document, DocumentError, via};

/// Longest name of a group, a place or a person, bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 128;
/// Parts of a key between slashes.
const MAX_PARTS: usize = 4;

/// A named place.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Random, made by whoever adds the place.
    pub id: [u8; 16],
    /// 1 to [`MAX_NAME_BYTES`] bytes.
    pub name: String,
    /// What it is for; may be empty.
    pub kind: String,
    /// Degrees north, WGS 84.
    pub lat_deg: f64,
    /// Degrees east, WGS 84.
    pub lon_deg: f64,
    /// Metres; a fence if present.
    pub radius_m: Option<f64>,
}

/// How a person wants to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// At most [`MAX_NAME_BYTES`] bytes; empty if never set.
    pub display_name: String,
    /// 0xRRGGBB.
    pub colour: Option<u32>,
}

/// One change that a person makes.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Names the group.
    Name(String),
    /// Sets a setting; `None` removes it. The key is one word of the key grammar.
    Setting {
        /// Lower-case letters, digits and dashes.
        key: String,
        /// Its value.
        value: Option<Value>,
    },
    /// Adds or changes a place.
    Place(Place),
    /// Removes a place.
    RemovePlace([u8; 16]),
    /// Sets one's own profile.
    Profile(Profile),
    /// Says by which coordinator the group meets; `None`: by none. It counts only from admins and owners.
    Via(Option<String>),
    /// Says where a device of one's own has its mailbox; `None`: it has none.
    Mailbox {
        /// The device.
        device: DeviceId,
        /// Where.
        mailbox: Option<via::Mailbox>,
    },
    /// Changes a poll or a task.
    Agenda(AgendaEdit),
}

/// `word(/word){0,3}`, words of lower-case letters, digits and dashes.
pub(super) fn is_key(key: &str) -> bool {
    let word = |w: &str| !w.is_empty() && w.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    key.len() <= MAX_KEY_BYTES && key.split('/').count() <= MAX_PARTS && key.split('/').all(word)
}

/// Whether devices of `account` may write this value under `key`: a profile is its owner's alone, a vote its voter's.
pub(super) fn may_write(account: &AccountId, key: &str, value: Option<&Value>) -> bool {
    match key.strip_prefix("profile/") {
        Some(rest) => rest.split('/').next() == Some(account.to_string().as_str()),
        None => agenda::may_write(account, key, value),
    }
}

/// The keys that an edit sets (or, with `None`, removes).
pub(super) fn writes(
    account: &AccountId,
    edit: &Edit,
) -> Result<Vec<(String, Option<Value>)>, DocumentError> {
    let named = |name: &str| {
        let fits = !name.trim().is_empty() && name.len() <= MAX_NAME_BYTES;
        if fits { Ok(Value::Text(name.to_owned())) } else { Err(DocumentError::Value("name")) }
    };
    let writes = match edit {
        Edit::Name(name) => vec![("name".to_owned(), Some(named(name)?))],
        Edit::Setting { key, value } => {
            if key.contains('/') || !is_key(&format!("setting/{key}")) {
                return Err(DocumentError::Value("setting"));
            }
            vec![(format!("setting/{key}"), value.clone())]
        }
        Edit::Place(place) => {
            let at = format!("place/{}", base16::encode(&place.id));
            let on_earth = place.lat_deg.abs() <= 90.0 && place.lon_deg.abs() <= 180.0;
            let radius_fits = place.radius_m.is_none_or(|r| (0.0..=1e7).contains(&r));
            if !on_earth || !radius_fits || place.kind.len() > MAX_NAME_BYTES {
                return Err(DocumentError::Value("place"));
            }
            vec![
                (format!("{at}/name"), Some(named(&place.name)?)),
                (format!("{at}/kind"), (!place.kind.is_empty()).then(|| Value::Text(place.kind.clone()))),
                (format!("{at}/lat"), Some(Value::Real(place.lat_deg))),
                (format!("{at}/lon"), Some(Value::Real(place.lon_deg))),
                (format!("{at}/radius"), place.radius_m.map(Value::Real)),
            ]
        }
        Edit::RemovePlace(id) => {
            let at = format!("place/{}", base16::encode(id));
            ["name", "kind", "lat", "lon", "radius"]
                .iter()
                .map(|field| (format!("{at}/{field}"), None))
                .collect()
        }
        Edit::Profile(profile) => {
            let at = format!("profile/{account}");
            vec![
                (format!("{at}/name"), Some(named(&profile.display_name)?)),
                (format!("{at}/colour"), profile.colour.map(|c| Value::Int(i64::from(c & 0x00FF_FFFF)))),
            ]
        }
        Edit::Via(origin) => via::writes_via(origin.as_ref())?,
        Edit::Mailbox { device, mailbox } => via::writes_mailbox(account, device, mailbox.as_ref())?,
        Edit::Agenda(edit) => agenda::writes(account, edit)?,
    };
    let fits = |(_, value): &(String, Option<Value>)| match value {
        Some(Value::Text(text)) => text.len() <= MAX_VALUE_BYTES,
        Some(Value::Real(x)) => x.is_finite(),
        _ => true,
    };
    if writes.iter().all(fits) { Ok(writes) } else { Err(DocumentError::Value("value")) }
}

impl Document {
    /// The value of one key. Of concurrent ones all members see the same.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.registers.get(key).cloned()
    }

    fn under(&self, prefix: &str) -> impl Iterator<Item = (String, Value)> {
        self.registers.under(prefix).map(|(rest, value)| (rest.to_owned(), value.clone()))
    }

    /// The group's name, if anybody gave it one.
    pub fn name(&self) -> Option<String> {
        match self.get("name") {
            Some(Value::Text(name)) => Some(name),
            _ => None,
        }
    }

    /// All settings, by key.
    pub fn settings(&self) -> Vec<(String, Value)> {
        self.under("setting").collect()
    }

    /// All places that have a name and a position, by id.
    pub fn places(&self) -> Vec<Place> {
        let mut places: Vec<(Place, u8)> = Vec::new();
        for (key, value) in self.under("place") {
            let Some((id, field)) = key.split_once('/').and_then(|(id, field)| Some((unhex(id)?, field)))
            else {
                continue;
            };
            if places.last().is_none_or(|(place, _)| place.id != id) {
                let empty = Place {
                    id,
                    name: String::new(),
                    kind: String::new(),
                    lat_deg: 0.0,
                    lon_deg: 0.0,
                    radius_m: None,
                };
                places.push((empty, 0));
            }
            let Some((place, found)) = places.last_mut() else { continue };
            match (field, value) {
                ("name", Value::Text(name)) => (place.name, *found) = (name, *found | 1),
                ("kind", Value::Text(kind)) => place.kind = kind,
                ("lat", Value::Real(lat)) if lat.abs() <= 90.0 => (place.lat_deg, *found) = (lat, *found | 2),
                ("lon", Value::Real(lon)) if lon.abs() <= 180.0 => {
                    (place.lon_deg, *found) = (lon, *found | 4)
                }
                ("radius", Value::Real(radius)) if radius >= 0.0 => place.radius_m = Some(radius),
                _ => {}
            }
        }
        places.into_iter().filter(|(_, found)| *found == 7).map(|(place, _)| place).collect()
    }

    /// How a person wants to be shown; empty if never said.
    pub fn profile(&self, account: &AccountId) -> Profile {
        let mut profile = Profile::default();
        for (field, value) in self.under(&format!("profile/{account}")) {
            fill(&mut profile, &field, value);
        }
        profile
    }

    /// All profiles, by account.
    pub fn profiles(&self) -> Vec<(AccountId, Profile)> {
        let mut profiles: Vec<(AccountId, Profile)> = Vec::new();
        for (key, value) in self.under("profile") {
            let parts =
                key.split_once('/').and_then(|(id, field)| Some((id.parse::<AccountId>().ok()?, field)));
            let Some((account, field)) = parts.filter(|(_, field)| !field.contains('/')) else { continue };
            if profiles.last().is_none_or(|(last, _)| *last != account) {
                profiles.push((account, Profile::default()));
            }
            if let Some((_, profile)) = profiles.last_mut() {
                fill(profile, field, value);
            }
        }
        profiles
    }
}

fn fill(profile: &mut Profile, field: &str, value: Value) {
    match (field, value) {
        ("name", Value::Text(name)) => profile.display_name = name,
        ("colour", Value::Int(colour)) => {
            profile.colour = u32::try_from(colour).ok().filter(|c| *c <= 0x00FF_FFFF)
        }
        _ => {}
    }
}
