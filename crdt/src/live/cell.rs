//! The kinds of live cell and their bytes: fixed point, so that a value survives the wire unchanged.

/// The longest lease of any kind: what a silent member can leave behind.
pub const MAX_LEASE_MS: u64 = 15 * 60 * 1000;

const DEGREE: f64 = 1e7;

/// Which live cell. The numbers are the wire's; 5 to 15 are reserved (battery, activity, trip state).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Where the device is.
    Location = 0,
    /// Whether its person can be reached.
    Presence = 1,
    /// Its person is writing.
    Typing = 2,
    /// Which of microphone and speaker are off.
    Mute = 3,
    /// Who wants to speak, with push-to-talk.
    Floor = 4,
}

impl Kind {
    /// Every kind, in wire order.
    pub const ALL: [Self; 5] = [Self::Location, Self::Presence, Self::Typing, Self::Mute, Self::Floor];

    /// The longest lease of this kind, milliseconds. A place stays useful for minutes; "is typing" that lingers is a lie.
    pub const fn max_lease_ms(self) -> u64 {
        match self {
            Self::Location => MAX_LEASE_MS,
            Self::Presence | Self::Mute => 2 * 60 * 1000,
            Self::Typing => 8 * 1000,
            Self::Floor => 5 * 1000,
        }
    }

    pub(super) fn from_wire(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// How exact a place is meant to be. Coarsening happens before sealing: see [`Location::coarsen`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Precision {
    /// As measured.
    Exact = 0,
    /// The middle of a cell of about 500 m.
    Approximate = 1,
    /// The middle of a cell of about 20 km.
    City = 2,
}

impl Precision {
    /// Height of a cell in 1e-7 degrees of latitude, 0 for none: 0.005 degrees are 556 m, 0.2 degrees are 22 km.
    const fn cell_e7(self) -> i64 {
        match self {
            Self::Exact => 0,
            Self::Approximate => 50_000,
            Self::City => 2_000_000,
        }
    }
}

/// A measurement in everyday units, to build a [`Location`] from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fix {
    /// Degrees north, WGS 84, -90 to 90.
    pub lat_deg: f64,
    /// Degrees east, WGS 84, -180 to 180.
    pub lon_deg: f64,
    /// Radius of 68 % confidence, metres.
    pub accuracy_m: f64,
    /// Metres above the ellipsoid.
    pub altitude_m: Option<f64>,
    /// Metres per second over ground.
    pub speed_mps: Option<f64>,
    /// Degrees clockwise from true north.
    pub heading_deg: Option<f64>,
    /// When it was measured, Unix milliseconds by the author's clock.
    pub time_ms: u64,
}

/// A place, in fixed point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// Latitude, 1e-7 degrees (11 mm), -90 to 90 degrees.
    pub lat_e7: i32,
    /// Longitude, 1e-7 degrees, -180 to 180 degrees.
    pub lon_e7: i32,
    /// Radius of confidence, decimetres.
    pub accuracy_dm: u32,
    /// Altitude above the ellipsoid, decimetres.
    pub altitude_dm: Option<i32>,
    /// Speed over ground, centimetres per second.
    pub speed_cms: Option<u16>,
    /// Heading, hundredths of a degree clockwise from true north, below 36,000.
    pub heading_cdeg: Option<u16>,
    /// How exact it is meant to be.
    pub precision: Precision,
    /// When it was measured, Unix milliseconds by the author's clock.
    pub fix_ms: u64,
}

impl Location {
    /// A place as measured; `None` for a latitude or longitude out of range or not a number. Other values are cut to their range.
    pub fn new(fix: &Fix) -> Option<Self> {
        if !(-90.0..=90.0).contains(&fix.lat_deg) || !(-180.0..=180.0).contains(&fix.lon_deg) {
            return None;
        }
        Some(Self {
            lat_e7: (fix.lat_deg * DEGREE).round() as i32,
            lon_e7: (fix.lon_deg * DEGREE).round() as i32,
            accuracy_dm: (fix.accuracy_m * 10.0).round() as u32,
            altitude_dm: fix.altitude_m.map(|m| (m * 10.0).round() as i32),
            speed_cms: fix.speed_mps.map(|v| (v * 100.0).round() as u16),
            heading_cdeg: fix.heading_deg.map(|h| ((h.rem_euclid(360.0) * 100.0).round() as u16) % 36_000),
            precision: Precision::Exact,
            fix_ms: fix.time_ms,
        })
    }

    /// Degrees north.
    pub fn lat_deg(&self) -> f64 {
        f64::from(self.lat_e7) / DEGREE
    }

    /// Degrees east.
    pub fn lon_deg(&self) -> f64 {
        f64::from(self.lon_e7) / DEGREE
    }

    /// Radius of confidence, metres.
    pub fn accuracy_m(&self) -> f64 {
        f64::from(self.accuracy_dm) / 10.0
    }

    /// Metres above the ellipsoid.
    pub fn altitude_m(&self) -> Option<f64> {
        self.altitude_dm.map(|dm| f64::from(dm) / 10.0)
    }

    /// Metres per second.
    pub fn speed_mps(&self) -> Option<f64> {
        self.speed_cms.map(|cms| f64::from(cms) / 100.0)
    }

    /// Degrees clockwise from true north.
    pub fn heading_deg(&self) -> Option<f64> {
        self.heading_cdeg.map(|cdeg| f64::from(cdeg) / 100.0)
    }

    /// The same place no more exact than `precision`: the middle of a fixed cell, so that many fixes in one cell say no more
    /// than one; altitude, speed and heading go; accuracy covers the cell. Never makes a place more exact. Cells are as wide as
    /// high, in metres, up to 85 degrees of latitude.
    #[must_use]
    pub fn coarsen(&self, precision: Precision) -> Self {
        let precision = precision.max(self.precision);
        let cell = precision.cell_e7();
        if cell == 0 {
            return *self;
        }
        let lat = middle(i64::from(self.lat_e7), cell).clamp(-900_000_000, 900_000_000);
        let narrowing = (lat as f64 / DEGREE).to_radians().cos().max(0.087);
        let wide = (cell as f64 / narrowing).round() as i64;
        let lon = middle(i64::from(self.lon_e7), wide).clamp(-1_800_000_000, 1_800_000_000);
        // Half the diagonal of a cell: 0.0111 m per 1e-7 degree, in decimetres.
        let reach_dm = (cell as f64 * 0.111_32 * 0.708).round() as u32;
        assert!(i32::try_from(lon).is_ok() && i32::try_from(lat).is_ok(), "a middle is cut to the earth");
        Self {
            lat_e7: lat as i32,
            lon_e7: lon as i32,
            accuracy_dm: self.accuracy_dm.max(reach_dm),
            altitude_dm: None,
            speed_cms: None,
            heading_cdeg: None,
            precision,
            fix_ms: self.fix_ms,
        }
    }
}

fn middle(value: i64, cell: i64) -> i64 {
    value.div_euclid(cell) * cell + cell / 2
}

/// Whether a person can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Status {
    /// At hand.
    Here = 0,
    /// The device is on, its person is elsewhere.
    Away = 1,
    /// Asked not to be disturbed.
    Busy = 2,
    /// In this group's call.
    InCall = 3,
    /// Leaving: the last report before the device goes.
    Leaving = 4,
}

impl Status {
    const ALL: [Self; 5] = [Self::Here, Self::Away, Self::Busy, Self::InCall, Self::Leaving];
}

/// Presence of one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    /// Whether its person can be reached.
    pub status: Status,
    /// Charge in per cent, 0 to 100, if shared.
    pub battery: Option<u8>,
}

/// What is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mute {
    /// The person cannot be heard.
    pub microphone: bool,
    /// The person does not hear.
    pub speaker: bool,
}

/// A wish to speak, with push-to-talk. Of several, the lower (`since_ms`, device) speaks first; policy is the engine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    /// The button is down.
    pub talking: bool,
    /// Larger interrupts smaller.
    pub priority: u8,
    /// Since when, Unix milliseconds by the author's clock.
    pub since_ms: u64,
}

/// One live value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Where the device is.
    Location(Location),
    /// Whether its person can be reached.
    Presence(Presence),
    /// Its person is writing.
    Typing(bool),
    /// Which of microphone and speaker are off.
    Mute(Mute),
    /// Who wants to speak.
    Floor(Floor),
}

impl Cell {
    /// Which cell it fills.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Location(_) => Kind::Location,
            Self::Presence(_) => Kind::Presence,
            Self::Typing(_) => Kind::Typing,
            Self::Mute(_) => Kind::Mute,
            Self::Floor(_) => Kind::Floor,
        }
    }

    /// ```text
    ///   location  flags (1 altitude, 2 speed, 4 heading, precision << 4), lat 4, lon 4, accuracy 4, fix 8,
    ///             [altitude 4], [speed 2], [heading 2]
    ///   presence  status, battery (0..=100, 255 not shared)
    ///   typing    0 | 1
    ///   mute      1 microphone | 2 speaker
    ///   floor     0 | 1, priority, since 8
    /// ```
    /// Little endian.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Location(l) => {
                let flags = u8::from(l.altitude_dm.is_some())
                    | u8::from(l.speed_cms.is_some()) << 1
                    | u8::from(l.heading_cdeg.is_some()) << 2
                    | (l.precision as u8) << 4;
                out.push(flags);
                out.extend_from_slice(&l.lat_e7.to_le_bytes());
                out.extend_from_slice(&l.lon_e7.to_le_bytes());
                out.extend_from_slice(&l.accuracy_dm.to_le_bytes());
                out.extend_from_slice(&l.fix_ms.to_le_bytes());
                l.altitude_dm.iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
                l.speed_cms.iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
                l.heading_cdeg.iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
            }
            Self::Presence(p) => out.extend_from_slice(&[p.status as u8, p.battery.unwrap_or(255)]),
            Self::Typing(on) => out.push(u8::from(*on)),
            Self::Mute(m) => out.push(u8::from(m.microphone) | u8::from(m.speaker) << 1),
            Self::Floor(f) => {
                out.extend_from_slice(&[u8::from(f.talking), f.priority]);
                out.extend_from_slice(&f.since_ms.to_le_bytes());
            }
        }
    }

    /// Reads exactly one cell; `None` for anything out of range or not in its one spelling.
    pub(super) fn decode(kind: Kind, bytes: &[u8]) -> Option<Self> {
        match kind {
            Kind::Location => decode_location(bytes).map(Self::Location),
            Kind::Presence => {
                let [status, battery] = *bytes else { return None };
                let status = Status::ALL.into_iter().find(|s| *s as u8 == status)?;
                match battery {
                    255 => Some(Self::Presence(Presence { status, battery: None })),
                    0..=100 => Some(Self::Presence(Presence { status, battery: Some(battery) })),
                    _ => None,
                }
            }
            Kind::Typing => match *bytes {
                [on @ 0..=1] => Some(Self::Typing(on == 1)),
                _ => None,
            },
            Kind::Mute => match *bytes {
                [off @ 0..=3] => Some(Self::Mute(Mute { microphone: off & 1 != 0, speaker: off & 2 != 0 })),
                _ => None,
            },
            Kind::Floor => {
                let ([talking @ 0..=1, priority], since) = bytes.split_first_chunk()? else { return None };
                let since_ms = u64::from_le_bytes(since.try_into().ok()?);
                Some(Self::Floor(Floor { talking: *talking == 1, priority: *priority, since_ms }))
            }
        }
    }
}

fn decode_location(bytes: &[u8]) -> Option<Location> {
    let mut rest = bytes;
    let [flags] = next::<1>(&mut rest)?;
    if flags & 0b1100_1000 != 0 {
        return None;
    }
    let precision =
        [Precision::Exact, Precision::Approximate, Precision::City].get(usize::from(flags >> 4)).copied()?;
    let location = Location {
        lat_e7: i32::from_le_bytes(next(&mut rest)?),
        lon_e7: i32::from_le_bytes(next(&mut rest)?),
        accuracy_dm: u32::from_le_bytes(next(&mut rest)?),
        fix_ms: u64::from_le_bytes(next(&mut rest)?),
        altitude_dm: if flags & 1 != 0 { Some(i32::from_le_bytes(next(&mut rest)?)) } else { None },
        speed_cms: if flags & 2 != 0 { Some(u16::from_le_bytes(next(&mut rest)?)) } else { None },
        heading_cdeg: if flags & 4 != 0 { Some(u16::from_le_bytes(next(&mut rest)?)) } else { None },
        precision,
    };
    let on_earth =
        location.lat_e7.unsigned_abs() <= 900_000_000 && location.lon_e7.unsigned_abs() <= 1_800_000_000;
    let heading = location.heading_cdeg.is_none_or(|h| h < 36_000);
    (rest.is_empty() && on_earth && heading).then_some(location)
}

fn next<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}
