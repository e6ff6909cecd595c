//! Apple's published table of answers, and how long a provider token lives.

use super::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

const NOW: u64 = 1_800_000_000_000;

fn apns(alert: &str) -> Apns {
    let config = ApnsConfig {
        key_id: "KEYKEYKEYK".to_owned(),
        team_id: "TEAMTEAMTE".to_owned(),
        topic: "app.halloo".to_owned(),
        alert: alert.to_owned(),
        ..ApnsConfig::default()
    };
    let key = SigningKey::from(&es256::generate(&mut ChaCha20Rng::from_seed([1; 32])));
    Apns { config, key, token: Mutex::default() }
}

fn answer(status: u16, reason: &str) -> Answer {
    Answer { status, retry_ms: None, body: json!({ "reason": reason }).to_string().into_bytes() }
}

fn header<'a>(post: &'a Post, name: &str) -> &'a str {
    &post.headers.iter().find(|(header, _)| *header == name).unwrap().1
}

#[test]
fn what_is_made_of_each_row_of_the_published_table() {
    let later = Verdict::Later(None);
    let table = [
        (400, "BadCollapseId", Verdict::Refused),
        (400, "BadDeviceToken", Verdict::Gone),
        (400, "BadExpirationDate", Verdict::Refused),
        (400, "BadMessageId", Verdict::Refused),
        (400, "BadPriority", Verdict::Refused),
        (400, "BadTopic", Verdict::Refused),
        (400, "DeviceTokenNotForTopic", Verdict::Gone),
        (400, "DuplicateHeaders", Verdict::Refused),
        (400, "IdleTimeout", later),
        (400, "InvalidPushType", Verdict::Refused),
        (400, "MissingDeviceToken", Verdict::Refused),
        (400, "MissingTopic", Verdict::Refused),
        (400, "PayloadEmpty", Verdict::Refused),
        (400, "TopicDisallowed", Verdict::Refused),
        (403, "BadCertificate", Verdict::Refused),
        (403, "BadCertificateEnvironment", Verdict::Refused),
        (403, "ExpiredProviderToken", later),
        (403, "Forbidden", Verdict::Refused),
        (403, "InvalidProviderToken", Verdict::Refused),
        (403, "MissingProviderToken", Verdict::Refused),
        (404, "BadPath", Verdict::Refused),
        (405, "MethodNotAllowed", Verdict::Refused),
        (410, "ExpiredToken", Verdict::Gone),
        (410, "Unregistered", Verdict::Gone),
        (413, "PayloadTooLarge", Verdict::Refused),
        (429, "TooManyProviderTokenUpdates", Verdict::Later(Some(OVERLOADED_MS))),
        (429, "TooManyRequests", later),
        (500, "InternalServerError", later),
        (503, "ServiceUnavailable", later),
        (503, "Shutdown", later),
        (429, "SomethingNew", later),
        (599, "", later),
        (418, "", Verdict::Refused),
    ];
    for (status, reason, expected) in table {
        assert_eq!(meaning(&answer(status, reason)).0, expected, "{status} {reason}");
    }
    let taken = Answer { status: 200, retry_ms: None, body: Vec::new() };
    assert_eq!(meaning(&taken), (Verdict::Taken, false));
    let asked = Answer { retry_ms: Some(60_000), ..answer(503, "ServiceUnavailable") };
    assert_eq!(meaning(&asked).0, Verdict::Later(Some(60_000)));
    let garbage = Answer { status: 400, retry_ms: None, body: vec![0xFF; 9] };
    assert_eq!(meaning(&garbage).0, Verdict::Refused);
}

#[test]
fn a_provider_token_is_made_every_forty_minutes_and_never_twice_in_twenty() {
    let apns = apns("");
    let first = apns.token(NOW);
    assert_eq!(apns.token(NOW + TOKEN_MS - 1), first);
    assert_ne!(apns.token(NOW + TOKEN_MS), first);
    let second = apns.token(NOW + TOKEN_MS);
    let expired = answer(403, "ExpiredProviderToken");
    apns.verdict(&expired, NOW + TOKEN_MS + TOKEN_MIN_MS - 1);
    assert_eq!(apns.token(NOW + TOKEN_MS + TOKEN_MIN_MS - 1), second);
    apns.verdict(&expired, NOW + TOKEN_MS + TOKEN_MIN_MS);
    assert_ne!(apns.token(NOW + TOKEN_MS + TOKEN_MIN_MS), second);
}

#[test]
fn a_push_says_nothing_but_wake_in_the_background_or_with_the_words_of_the_settings() {
    let post = apns("").post(&[0xAB; 32], NOW).unwrap();
    assert_eq!(post.url.to_string(), format!("https://api.push.apple.com/3/device/{}", "ab".repeat(32)));
    assert_eq!(post.body, br#"{"aps":{"content-available":1}}"#);
    assert_eq!((header(&post, "apns-push-type"), header(&post, "apns-priority")), ("background", "5"));
    assert_eq!((header(&post, "apns-topic"), header(&post, "apns-collapse-id")), ("app.halloo", "halloo"));
    let post = apns("Somebody calls").post(&[1; 32], NOW).unwrap();
    assert_eq!((header(&post, "apns-push-type"), header(&post, "apns-priority")), ("alert", "10"));
    assert!(String::from_utf8(post.body).unwrap().contains("Somebody calls"));
    assert!(apns("").post(&[1; DEVICE_MAX_BYTES + 1], NOW).is_none());
}

#[test]
fn settings_that_are_half_done_say_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("AuthKey.p8");
    let mut config = ApnsConfig { key: file.clone(), ..ApnsConfig::default() };
    let says = |config: &ApnsConfig| format!("{:#}", Apns::open(config).unwrap_err());
    assert!(says(&config).contains("push.apns.key"));
    std::fs::write(&file, "no key").unwrap();
    assert!(says(&config).contains("AuthKey_"));
    let secret = es256::generate(&mut ChaCha20Rng::from_seed([1; 32]));
    let pem = p256::pkcs8::EncodePrivateKey::to_pkcs8_pem(&secret, p256::pkcs8::LineEnding::LF).unwrap();
    std::fs::write(&file, pem.as_bytes()).unwrap();
    assert!(says(&config).contains("push.apns.key_id"));
    (config.key_id, config.team_id) = ("K".to_owned(), "T".to_owned());
    assert!(says(&config).contains("push.apns.topic"));
    config.topic = "app.halloo".to_owned();
    assert!(Apns::open(&config).unwrap().is_some());
    assert!(Apns::open(&ApnsConfig::default()).unwrap().is_none());
}
