//! What the demonstration came to: measured from the recordings, the stamps, the events and the capture.

use super::likeness::likeness;
use super::script::{Findings, Turn};
use super::wire::{Canaries, occurrences};
use crate::media::stamps::{self, Stamp};
use crate::tap;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The likeness that speech must have to count as heard.
const LIKENESS_MIN: f64 = 0.95;
/// The share of positions that must arrive.
const LOCATIONS_MIN: f64 = 0.95;
/// Samples per nanosecond.
const SAMPLES_PER_NS: f64 = 48_000.0 / 1e9;
/// Every how many bytes a canary of sound is cut: bytes of clear codec frames.
const SOUND_CANARIES_MAX: usize = 200;

/// The outcome, ready to be printed.
pub struct Report {
    values: Value,
    failures: Vec<String>,
}

/// One member's stamps, and when its recordings began.
struct Stamps {
    began_ns: u64,
    all: Vec<Stamp>,
}

/// Measures everything in the folder of a finished demonstration.
///
/// # Errors
/// A recording or a log is missing or damaged.
pub fn measure(dir: &Path, findings: &Findings, captured: Option<Vec<u8>>) -> Result<Report> {
    let count = findings.who.len();
    let stamps: Vec<Stamps> = (1..=count).map(|m| read_stamps(dir, m)).collect::<Result<_>>()?;
    let removed = removed(findings);
    let values = json!({
        "dir": dir.to_string_lossy(),
        "members": count,
        "join_ms": findings.join_ms,
        "first_speech_ms": first_speech(findings, &stamps),
        "speech": speech(dir, findings, &stamps)?,
        "muted": { "frames_sent": findings.muted_sent },
        "locations": locations(findings),
        "messages": messages(findings),
        "removed_member": removed,
        "wire": wire(dir, findings, captured)?,
    });
    let failures = failures(&values);
    Ok(Report { values, failures })
}

fn read_stamps(dir: &Path, member: usize) -> Result<Stamps> {
    let path = dir.join(format!("stamps-{member}.log"));
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let all = stamps::parse(&text);
    let began = all.iter().find_map(|stamp| match stamp {
        Stamp::Began { mono_ns } => Some(*mono_ns),
        _ => None,
    });
    Ok(Stamps { began_ns: began.context("a stamp log has no beginning")?, all })
}

/// From asking to join to the first frame of anybody at the ear, per joiner.
fn first_speech(findings: &Findings, stamps: &[Stamps]) -> Vec<Option<u64>> {
    let joiners = findings.join_began_ns.iter().zip(stamps.iter().skip(1));
    joiners
        .map(|(began, stamps)| {
            let played = stamps.all.iter().filter_map(|stamp| match stamp {
                Stamp::Played { mono_ns, .. } => Some(*mono_ns),
                _ => None,
            });
            let heard = played.filter(|at| at > began).min();
            heard.map(|at| (at - began) / 1_000_000)
        })
        .collect()
}

fn speech(dir: &Path, findings: &Findings, stamps: &[Stamps]) -> Result<Value> {
    let mut alike = Vec::new();
    for turn in &findings.turns {
        let mouth = part(&dir.join(format!("mouth-{}.wav", turn.speaker + 1)), &stamps[turn.speaker], turn)?;
        for listener in (0..stamps.len()).filter(|l| *l != turn.speaker) {
            let stem = stem(dir, listener + 1, &findings.who[turn.speaker].2);
            let heard = part(&stem, &stamps[listener], turn).unwrap_or_default();
            let (found, delay_ms) = likeness(&mouth, &heard);
            alike.push(json!({ "speaker": turn.speaker + 1, "listener": listener + 1, "correlation": found, "delay_ms": delay_ms }));
        }
    }
    let least = alike.iter().filter_map(|a| a["correlation"].as_f64()).fold(f64::INFINITY, f64::min);
    let sum = |key: &str| findings.voice.iter().filter_map(|v| v[key].as_u64()).sum::<u64>();
    let mut ways = ways(findings, stamps);
    Ok(json!({
        "pairs": alike.len(),
        "correlation_min": if least.is_finite() { json!(least) } else { Value::Null },
        "each": alike,
        "frames_sent": sum("frames_sent"),
        "frames_expected": sum("frames_expected"),
        "frames_lost": sum("frames_lost"),
        "frames_recovered": sum("frames_recovered"),
        "frames_concealed": sum("frames_concealed"),
        "mouth_to_ear_ms": { "p50": percentile(&mut ways, 50), "p95": percentile(&mut ways, 95) },
    }))
}

fn stem(dir: &Path, listener: usize, device: &str) -> PathBuf {
    dir.join(format!("ear-{listener}-{}.wav", device.get(..8).unwrap_or(device)))
}

/// The part of a recording that a turn covers; what lies before its beginning or after its end is silence.
fn part(path: &Path, stamps: &Stamps, turn: &Turn) -> Result<Vec<f32>> {
    let mut reader =
        hound::WavReader::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let sample = |ns: u64| (ns.saturating_sub(stamps.began_ns) as f64 * SAMPLES_PER_NS) as u32;
    let (from, to) = (sample(turn.from_ns), sample(turn.to_ns));
    let length = (to - from) as usize;
    let mut samples = Vec::with_capacity(length);
    if from < reader.duration() {
        reader.seek(from)?;
        let values = reader.samples::<i16>().take(length);
        samples.extend(values.map_while(Result::ok).map(|s| f32::from(s) / 32_768.0));
    }
    samples.resize(length, 0.0);
    Ok(samples)
}

/// Mouth-to-ear times of all frames that were spoken in the solo turns, milliseconds.
fn ways(findings: &Findings, all: &[Stamps]) -> Vec<f64> {
    let mut found = Vec::new();
    for turn in &findings.turns {
        let Ok(device) = findings.who[turn.speaker].2.parse() else { continue };
        let in_turn = |stamp: &&Stamp| match stamp {
            Stamp::Captured { mono_ns, .. } => (turn.from_ns..turn.to_ns).contains(mono_ns),
            _ => false,
        };
        let mouth: Vec<Stamp> = all[turn.speaker].all.iter().filter(in_turn).copied().collect();
        for (_, listener) in all.iter().enumerate().filter(|(n, _)| *n != turn.speaker) {
            found.extend(stamps::mouth_to_ear(device, &mouth, &listener.all));
        }
    }
    found
}

fn percentile(values: &mut [f64], percent: usize) -> Value {
    values.sort_by(f64::total_cmp);
    let at = values.len() * percent / 100;
    values
        .get(at.min(values.len().saturating_sub(1)))
        .map_or(Value::Null, |v| json!((v * 10.0).round() / 10.0))
}

/// Expected by rate: each member walks at 1 Hz while the others listen; delivered: distinct positions that arrived.
fn locations(findings: &Findings) -> Value {
    let (from, to) = findings.walked_ms;
    let count = findings.who.len() as u64;
    let sent = (to.saturating_sub(from) / 1_000) * count * (count - 1);
    let mut delivered = BTreeSet::new();
    let mut ages = Vec::new();
    for (listener, events) in findings.events.iter().enumerate() {
        let positions = events
            .iter()
            .filter(|(at, e)| e["event"] == "location" && e["own"] == false && (from..=to).contains(at));
        for (at, event) in positions {
            let taken = event["taken_ms"].as_u64().unwrap_or(0);
            if delivered.insert((listener, event["device"].to_string(), taken)) {
                ages.push(at.saturating_sub(taken) as f64);
            }
        }
    }
    json!({ "sent": sent, "delivered": delivered.len(), "age_ms_p95": percentile(&mut ages, 95) })
}

/// Deliveries to everyone else in the group at the time: the removed member expects those before its removal only.
fn messages(findings: &Findings) -> Value {
    let count = findings.who.len();
    let removed = findings.removed.as_ref().map(|r| r.number - 1);
    let (mut sent, mut delivered) = (0, 0);
    for (n, (writer, text)) in findings.messages.iter().enumerate() {
        let after = n >= findings.messages.len() - findings.removed.as_ref().map_or(0, |r| r.written_after);
        for (listener, events) in findings.events.iter().enumerate() {
            if listener == *writer || (after && removed == Some(listener)) {
                continue;
            }
            sent += 1;
            delivered += usize::from(
                events.iter().any(|(_, e)| e["event"] == "message" && e["text"] == text.as_str()),
            );
        }
    }
    json!({ "written": findings.messages.len(), "members": count, "sent": sent, "delivered": delivered })
}

fn removed(findings: &Findings) -> Value {
    let Some(removed) = &findings.removed else { return Value::Null };
    let voice = |status: &Value, key: &str| status["voice"][key].as_u64().unwrap_or(0);
    let offered = |status: &Value| status["offered_frames"].as_u64().unwrap_or(0);
    json!({
        "number": removed.number,
        "frames_opened_before": voice(&removed.before, "opened"),
        "frames_offered_after": voice(&removed.after, "offered") - voice(&removed.before, "offered"),
        "frames_opened_after": voice(&removed.after, "opened") - voice(&removed.before, "opened"),
        "messages_offered_after": removed.written_after,
        "sealed_offered_after": offered(&removed.after) - offered(&removed.before),
        "messages_opened_after": removed.messages.1 - removed.messages.0,
    })
}

fn wire(dir: &Path, findings: &Findings, captured: Option<Vec<u8>>) -> Result<Value> {
    let mut canaries = findings.canaries.clone();
    for member in 1..=findings.who.len() {
        for sound in sounds(&dir.join(format!("plain-{member}.bin"))) {
            canaries.bytes("sound", &sound);
        }
    }
    let mut tapped = Vec::new();
    let mut taps_with_control = 0;
    for member in 1..=findings.who.len() {
        let tap = std::fs::read(dir.join(format!("tap-{member}.bin"))).context("a tap is missing")?;
        taps_with_control += occurrences(&tap, findings.control.as_bytes());
        tapped.extend(tap);
    }
    let (in_taps, mut names) = canaries.search(&tapped);
    let (in_capture, more) = canaries.search(captured.as_deref().unwrap_or_default());
    names.extend(more);
    let mut sealed_voice = Canaries::default();
    for record in tap::parse(&tapped).0.iter().filter(|record| record.lane == tap::LANE_MEDIA) {
        // Behind the SFrame header, which repeats itself.
        sealed_voice.bytes("sealed voice", record.bytes.get(SEALED_VOICE).unwrap_or_default());
        if sealed_voice.len() == SOUND_CANARIES_MAX {
            break;
        }
    }
    let bare_voice = sealed_voice.search(captured.as_deref().unwrap_or_default()).0;
    let in_packets = captured.as_deref().map_or(0, |bytes| occurrences(bytes, findings.control.as_bytes()));
    Ok(json!({
        "captured": captured.is_some(),
        "reason": findings.no_capture,
        "bytes": captured.as_ref().map_or(0, Vec::len),
        "tapped_bytes": tapped.len(),
        "canaries_searched": canaries.len(),
        "control_found": in_packets + taps_with_control,
        "control_found_in": { "capture": in_packets, "taps": taps_with_control },
        "plaintext_canaries": in_taps + in_capture,
        "sealed_voice_searched": sealed_voice.len(),
        "sealed_voice_without_srtp": bare_voice,
        "found": names,
    }))
}

/// The beginnings of clear codec frames that a member noted: one length byte, then the bytes.
fn sounds(path: &Path) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let mut rest = bytes.as_slice();
    let mut found = Vec::new();
    while let Some((length, body)) = rest.split_first() {
        let Some((sound, after)) = body.split_at_checked(usize::from(*length)) else { break };
        // The first bytes of codec frames repeat themselves; what follows does not.
        found.push(sound.get(4..).unwrap_or_default().to_vec());
        rest = after;
    }
    found.truncate(SOUND_CANARIES_MAX);
    found
}

/// The part of a sealed frame of voice that is looked for in packets: ciphertext, long enough never to appear by chance.
const SEALED_VOICE: std::ops::Range<usize> = 20..44;

/// What does not hold, in words. Times are figures, not failures.
fn failures(values: &Value) -> Vec<String> {
    let mut failures = Vec::new();
    let mut must = |holds: bool, what: String| {
        if !holds {
            failures.push(what);
        }
    };
    let number = |path: &str| values.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let (speech, removed) = ("/speech", "/removed_member");
    let least = number(&format!("{speech}/correlation_min"));
    must(least >= LIKENESS_MIN, format!("speech was not heard by everyone: likeness {least:.3}"));
    let (sent, delivered) = (number("/messages/sent"), number("/messages/delivered"));
    must(sent > 0.0 && sent == delivered, format!("{delivered} of {sent} messages arrived"));
    let (sent, delivered) = (number("/locations/sent"), number("/locations/delivered"));
    must(delivered >= sent * LOCATIONS_MIN, format!("{delivered} of {sent} positions arrived"));
    must(number("/muted/frames_sent") == 0.0, "a muted member sent frames".into());
    must(
        number(&format!("{removed}/frames_offered_after")) > 0.0,
        "the removed member was offered no frames".into(),
    );
    must(
        number(&format!("{removed}/frames_opened_before")) > 0.0,
        "the removed member never heard anything".into(),
    );
    must(number(&format!("{removed}/frames_opened_after")) == 0.0, "the removed member opened frames".into());
    must(
        number(&format!("{removed}/sealed_offered_after")) > 0.0,
        "the removed member was offered no messages".into(),
    );
    must(
        number(&format!("{removed}/messages_opened_after")) == 0.0,
        "the removed member opened messages".into(),
    );
    must(
        number("/wire/plaintext_canaries") == 0.0,
        format!("in clear on the wire: {}", values["wire"]["found"]),
    );
    must(number("/wire/control_found_in/taps") > 0.0, "the control was not found in the taps".into());
    if values["wire"]["captured"] == true {
        must(number("/wire/sealed_voice_searched") > 0.0, "no frame of voice was handed to the media".into());
        must(
            number("/wire/sealed_voice_without_srtp") == 0.0,
            "frames of voice crossed the network without SRTP".into(),
        );
        must(
            number("/wire/control_found_in/capture") > 0.0,
            "the control was not found in the capture".into(),
        );
    }
    failures
}

impl Report {
    /// Whether everything that is not a time holds.
    pub fn holds(&self) -> bool {
        self.failures.is_empty()
    }

    /// Prints the table, or with `--json` one object as the last line.
    ///
    /// # Errors
    /// A closed pipe.
    pub fn print(&self, json: bool) -> Result<()> {
        for failure in &self.failures {
            crate::terminal::tell(&format!("FAILED: {failure}"));
        }
        if json {
            return crate::terminal::line(&self.values.to_string());
        }
        let v = &self.values;
        let rows = [
            ("joined after, ms", v["join_ms"].to_string()),
            ("first speech after, ms", v["first_speech_ms"].to_string()),
            (
                "pairs heard; least likeness",
                format!("{}; {}", v["speech"]["pairs"], round(&v["speech"]["correlation_min"])),
            ),
            (
                "mouth to ear, ms: p50; p95",
                format!(
                    "{}; {}",
                    v["speech"]["mouth_to_ear_ms"]["p50"], v["speech"]["mouth_to_ear_ms"]["p95"]
                ),
            ),
            (
                "frames sent; lost on the wire; concealed",
                format!(
                    "{}; {}; {}",
                    v["speech"]["frames_sent"], v["speech"]["frames_lost"], v["speech"]["frames_concealed"]
                ),
            ),
            ("frames sent while muted", v["muted"]["frames_sent"].to_string()),
            (
                "positions: arrived of expected; age p95, ms",
                format!(
                    "{} of {}; {}",
                    v["locations"]["delivered"], v["locations"]["sent"], v["locations"]["age_ms_p95"]
                ),
            ),
            (
                "messages: arrived of sent",
                format!("{} of {}", v["messages"]["delivered"], v["messages"]["sent"]),
            ),
            (
                "removed member: frames opened of offered",
                format!(
                    "{} of {}",
                    v["removed_member"]["frames_opened_after"], v["removed_member"]["frames_offered_after"]
                ),
            ),
            (
                "removed member: messages opened of offered",
                format!(
                    "{} of {}",
                    v["removed_member"]["messages_opened_after"],
                    v["removed_member"]["messages_offered_after"]
                ),
            ),
            (
                "on the wire: bytes; controls; canaries found",
                format!(
                    "{}; {}; {}",
                    v["wire"]["bytes"], v["wire"]["control_found"], v["wire"]["plaintext_canaries"]
                ),
            ),
        ];
        rows.iter().try_for_each(|(name, value)| crate::terminal::line(&format!("{name:<46} {value}")))
    }
}

fn round(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".into(), |v| format!("{v:.3}"))
}
