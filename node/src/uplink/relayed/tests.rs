//! Servers for the voice as its library reads them.

use super::*;
use webrtc::peer_connection::RTCIceServer;

#[test]
fn names_and_addresses_of_both_families_become_urls_that_the_voice_reads() {
    for (host, first, second) in [
        ("halloo.example", "stun:halloo.example:7750", "turn:halloo.example:7750?transport=udp"),
        ("10.0.0.1", "stun:10.0.0.1:7750", "turn:10.0.0.1:7750?transport=udp"),
        ("fd00::1", "stun:[fd00::1]:7750", "turn:[fd00::1]:7750?transport=udp"),
    ] {
        let given = TurnGiven {
            username: "1764370000:abc".into(),
            credential: "c2VjcmV0".into(),
            port: 7750,
            expires_ms: 0,
        };
        let server = server(host, given);
        assert_eq!(server.urls, [first, second]);
        assert!(!format!("{server:?}").contains("c2VjcmV0"), "no log shows it");
        let read =
            RTCIceServer { urls: server.urls, username: server.username, credential: server.credential };
        let urls = read.urls().expect("readable");
        assert_eq!((urls.len(), urls[1].port, urls[1].host.as_str()), (2, 7750, host));
    }
}
