//! What is written can be read, by us and by the library's own parser.

use super::*;
use webrtc::peer_connection::RTCSessionDescription;

fn session() -> Session {
    let mut fingerprint = [0; 32];
    for (at, byte) in fingerprint.iter_mut().enumerate() {
        *byte = u8::try_from(at * 8).expect("below 256");
    }
    Session {
        ufrag: "abcd".into(),
        pwd: "0123456789012345678901".into(),
        fingerprint,
        ssrc: 4_000_000_000,
        candidates: vec![],
    }
}

#[test]
fn a_written_description_reads_back() {
    let text = write(&session(), Half::Offer, 0, false);
    let (ufrag, pwd, fingerprint) = read(&text).expect("all three are there");
    assert_eq!((ufrag.as_str(), pwd.as_str()), ("abcd", "0123456789012345678901"));
    assert_eq!(fingerprint, session().fingerprint);
}

#[test]
fn the_library_parses_both_halves_with_and_without_the_level_extension() {
    for level in [false, true] {
        let text = write(&session(), Half::Offer, 3, level);
        assert_eq!(text.contains(AUDIO_LEVEL_URI), level);
        RTCSessionDescription::offer(text).expect("an offer").unmarshal().expect("parses");
        let text = write(&session(), Half::Answer, 3, level);
        RTCSessionDescription::answer(text).expect("an answer").unmarshal().expect("parses");
    }
}

#[test]
fn a_description_without_its_parts_is_none() {
    let text = write(&session(), Half::Answer, 0, false);
    for part in ["a=fingerprint", "a=ice-ufrag", "a=ice-pwd"] {
        let without: String =
            text.lines().filter(|line| !line.starts_with(part)).map(|l| format!("{l}\r\n")).collect();
        assert!(read(&without).is_none(), "{part}");
    }
    assert!(read(&text.replace("sha-256", "sha-1")).is_none());
    assert!(read(&text.replace("F8", "F")).is_none());
}

#[test]
fn candidates_are_written_in_the_form_of_rfc_8839() {
    let host = Candidate {
        kind: CandidateKind::Host,
        priority: 2_130_706_431,
        address: "192.168.1.7:40000".parse().expect("address"),
    };
    assert_eq!(write_candidate(&host), "candidate:host4 1 udp 2130706431 192.168.1.7 40000 typ host");
    let relay = Candidate {
        kind: CandidateKind::Relay,
        priority: 9,
        address: "[2001:db8::1]:1".parse().expect("address"),
    };
    assert_eq!(
        write_candidate(&relay),
        "candidate:relay6 1 udp 9 2001:db8::1 1 typ relay raddr 0.0.0.0 rport 0"
    );
}
