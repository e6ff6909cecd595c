//! Apple's and Google's services as they have published them, over HTTP/2 and TLS: headers, tokens, and each row of their tables of errors.
#![allow(clippy::unwrap_used)]

mod asking;
mod authority;
mod pushed;

use asking::{Place, open};
use authority::Authority;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use halloo_coordinator::config::Config;
use halloo_wire::push::{Poked, Token};
use hyper::Version;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use pushed::{Seen, Service, sealed};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const NOW_S: u64 = asking::NOW_MS / 1_000;

/// What a row of a table of errors leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Gone,
    Again,
    Never,
}

fn base(config: &mut Config, authority: &Authority, folder: &Path) {
    config.metrics.listen = "127.0.0.1:0".to_owned();
    config.push.root = folder.join("root.pem");
    std::fs::write(&config.push.root, authority.pem()).unwrap();
}

fn parts(token: &str) -> (Value, Value, &str, Vec<u8>) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let json = |text| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
    (json(header), json(claims), signed, URL_SAFE_NO_PAD.decode(signature).unwrap())
}

/// Pokes a device whose push is answered as the service was told; looks at what is done then.
async fn row(
    place: &Place,
    service: &mut Service,
    token: &Token,
    then: Then,
    counted: &mut [u32; 3],
) -> Seen {
    let key = place.gateway().await.key;
    assert_eq!(place.poke(&sealed(token, &key, 1)).await, Poked::Taken);
    let push = service.next().await;
    let (at, name) = match then {
        Then::Gone => (0, "gone"),
        Then::Again => (1, "later"),
        Then::Never => (2, "refused"),
    };
    counted[at] += 1;
    place.counts(&format!("halloo_pushes_total{{outcome=\"{name}\"}} {}", counted[at])).await;
    match then {
        Then::Gone => {
            assert_eq!(place.poke(&sealed(token, &key, 2)).await, Poked::Gone);
            counted[0] += 1;
        }
        Then::Again => {
            // Longer than the first try and than any wait of the tables; who pokes makes it look at the clock.
            place.world.pass(Duration::from_secs(16 * 60));
            assert_eq!(place.poke(&sealed(token, &key, 2)).await, Poked::Taken);
            assert_eq!(service.next().await.path, push.path);
        }
        Then::Never => assert!(service.is_silent()),
    }
    push
}

struct Apple {
    place: Place,
    service: Service,
    key: VerifyingKey,
    _folder: tempfile::TempDir,
}

async fn apple() -> Apple {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let service = Service::by_tls(&authority, folder.path()).await;
    let secret = p256::SecretKey::from_slice(&[5; 32]).unwrap();
    let file = folder.path().join("AuthKey.p8");
    std::fs::write(&file, secret.to_pkcs8_pem(LineEnding::LF).unwrap().as_bytes()).unwrap();
    let place = open(|config| {
        base(config, &authority, folder.path());
        config.push.apns.key = file;
        config.push.apns.key_id = "KEYKEYKEYK".to_owned();
        config.push.apns.team_id = "TEAMTEAMTE".to_owned();
        config.push.apns.topic = "app.halloo".to_owned();
        config.push.apns.host = service.origin();
    });
    let (place, key) = (place.await, *SigningKey::from(&secret).verifying_key());
    Apple { place, service, key, _folder: folder }
}

#[tokio::test]
async fn apple_is_asked_by_http2_with_the_headers_that_it_wants_and_a_token_that_holds() {
    let mut apple = apple().await;
    assert_eq!(apple.place.gateway().await.kinds, ["webpush", "apns"]);
    let token = Token::Apns(vec![0xAB; 32]);
    let key = apple.place.gateway().await.key;
    apple.service.say(200, None, "");
    assert_eq!(apple.place.poke(&sealed(&token, &key, 1)).await, Poked::Taken);
    let push = apple.service.next().await;
    assert_eq!(
        (push.path.as_str(), push.version),
        (&*format!("/3/device/{}", "ab".repeat(32)), Version::HTTP_2)
    );
    assert_eq!((push.header("apns-topic"), push.header("apns-push-type")), ("app.halloo", "background"));
    assert_eq!((push.header("apns-priority"), push.header("apns-collapse-id")), ("5", "halloo"));
    assert_eq!(push.header("apns-expiration"), (NOW_S + 14 * 86_400).to_string());
    assert_eq!(&push.body[..], br#"{"aps":{"content-available":1}}"#);
    let (header, claims, signed, signature) =
        parts(push.header("authorization").strip_prefix("bearer ").unwrap());
    assert_eq!(header, json!({"alg": "ES256", "kid": "KEYKEYKEYK"}));
    assert_eq!(claims, json!({"iss": "TEAMTEAMTE", "iat": NOW_S}));
    apple.key.verify(signed.as_bytes(), &Signature::from_slice(&signature).unwrap()).unwrap();
    apple.place.counts("halloo_pushes_total{outcome=\"taken\"} 1").await;
}

#[tokio::test]
async fn each_reason_that_apple_has_published_leads_to_what_apple_says() {
    let table = [
        (400, "BadDeviceToken", Then::Gone),
        (400, "DeviceTokenNotForTopic", Then::Gone),
        (400, "BadTopic", Then::Never),
        (400, "MissingTopic", Then::Never),
        (400, "IdleTimeout", Then::Again),
        (403, "BadCertificate", Then::Never),
        (403, "ExpiredProviderToken", Then::Again),
        (403, "InvalidProviderToken", Then::Never),
        (404, "BadPath", Then::Never),
        (405, "MethodNotAllowed", Then::Never),
        (410, "ExpiredToken", Then::Gone),
        (410, "Unregistered", Then::Gone),
        (413, "PayloadTooLarge", Then::Never),
        (429, "TooManyProviderTokenUpdates", Then::Again),
        (429, "TooManyRequests", Then::Again),
        (500, "InternalServerError", Then::Again),
        (503, "ServiceUnavailable", Then::Again),
        (503, "Shutdown", Then::Again),
    ];
    let mut apple = apple().await;
    let mut counted = [0; 3];
    for (number, (status, reason, then)) in (1..).zip(table) {
        apple.service.say(status, None, json!({"reason": reason, "timestamp": 1}).to_string());
        row(&apple.place, &mut apple.service, &Token::Apns(vec![number; 32]), then, &mut counted).await;
    }
}

struct Google {
    place: Place,
    service: Service,
    _folder: tempfile::TempDir,
}

async fn google() -> Google {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let service = Service::by_tls(&authority, folder.path()).await;
    let account = json!({
        "type": "service_account",
        "project_id": "halloo-1",
        "client_email": "push@halloo-1.example",
        "private_key": include_str!("pushed/account.pem"),
        "token_uri": format!("{}/token", service.origin()),
    });
    let file = folder.path().join("account.json");
    std::fs::write(&file, account.to_string()).unwrap();
    let place = open(|config| {
        base(config, &authority, folder.path());
        config.push.fcm.account = file;
        config.push.fcm.host = service.origin();
    });
    Google { place: place.await, service, _folder: folder }
}

impl Google {
    fn give_access(&self, token: &str) {
        let said = json!({"access_token": token, "expires_in": 3_599, "token_type": "Bearer"});
        self.service.say(200, None, said.to_string());
    }
}

#[tokio::test]
async fn google_gives_an_access_token_for_a_signed_assertion_once_and_takes_the_push_by_it() {
    let mut google = google().await;
    let key = google.place.gateway().await.key;
    google.give_access("first");
    google.service.say(200, None, "{}");
    google.place.poke(&sealed(&Token::Fcm("device-1".to_owned()), &key, 1)).await;
    let asked = google.service.next().await;
    assert_eq!(asked.path, "/token");
    let form = std::str::from_utf8(&asked.body).unwrap();
    let (grant, assertion) = form.split_once("&assertion=").unwrap();
    assert_eq!(grant, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer");
    let (header, claims, signed, signature) = parts(assertion);
    assert_eq!(header["alg"], "RS256");
    assert_eq!(claims["iss"], "push@halloo-1.example");
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/firebase.messaging");
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(NOW_S), &json!(NOW_S + 3_600)));
    let pem = include_str!("pushed/account.pem");
    let pair = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let pair = RsaKeyPair::from_pkcs8(pair.secret_pkcs8_der()).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public().as_ref());
    public.verify(signed.as_bytes(), &signature).unwrap();

    let push = google.service.next().await;
    assert_eq!((push.path.as_str(), push.version), ("/v1/projects/halloo-1/messages:send", Version::HTTP_2));
    assert_eq!(push.header("authorization"), "Bearer first");
    let body: Value = serde_json::from_slice(&push.body).unwrap();
    assert_eq!(body["message"]["token"], "device-1");
    assert_eq!(body["message"]["data"], json!({"halloo": "wake"}));
    assert_eq!(body["message"]["android"]["priority"], "HIGH");
    assert!(body["message"].get("notification").is_none(), "data only");

    google.service.say(200, None, "{}");
    google.place.poke(&sealed(&Token::Fcm("device-2".to_owned()), &key, 2)).await;
    assert_eq!(google.service.next().await.header("authorization"), "Bearer first", "not asked for again");
    google.place.counts("halloo_pushes_total{outcome=\"taken\"} 2").await;
}

#[tokio::test]
async fn an_access_token_that_is_refused_is_asked_for_anew() {
    let mut google = google().await;
    let key = google.place.gateway().await.key;
    google.give_access("first");
    google.service.say(401, None, json!({"error": {"code": 401, "status": "UNAUTHENTICATED"}}).to_string());
    let token = Token::Fcm("device".to_owned());
    google.place.poke(&sealed(&token, &key, 1)).await;
    google.service.next().await;
    google.service.next().await;
    google.place.counts("halloo_pushes_total{outcome=\"later\"} 1").await;
    google.give_access("second");
    google.service.say(200, None, "{}");
    google.place.world.pass(Duration::from_secs(10));
    google.place.poke(&sealed(&token, &key, 2)).await;
    assert_eq!(google.service.next().await.path, "/token");
    assert_eq!(google.service.next().await.header("authorization"), "Bearer second");
}

#[tokio::test]
async fn each_error_that_google_has_published_leads_to_what_google_says() {
    let table = [
        (400, "INVALID_ARGUMENT", Then::Gone),
        (404, "UNREGISTERED", Then::Gone),
        (403, "SENDER_ID_MISMATCH", Then::Gone),
        (429, "QUOTA_EXCEEDED", Then::Again),
        (503, "UNAVAILABLE", Then::Again),
        (500, "INTERNAL", Then::Again),
        (400, "UNSPECIFIED_ERROR", Then::Never),
    ];
    let mut google = google().await;
    let key = google.place.gateway().await.key;
    google.give_access("first");
    google.service.say(200, None, "{}");
    google.place.poke(&sealed(&Token::Fcm("first".to_owned()), &key, 1)).await;
    google.service.next().await;
    google.service.next().await;
    let mut counted = [0; 3];
    for (number, (status, code, then)) in (0..).zip(table) {
        let kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
        let details = [json!({"@type": kind, "errorCode": code})];
        google.service.say(status, None, json!({"error": {"code": status, "details": details}}).to_string());
        let token = Token::Fcm(format!("device-{number}"));
        row(&google.place, &mut google.service, &token, then, &mut counted).await;
    }
}

#[tokio::test]
async fn a_push_service_that_nobody_trusts_is_told_nothing() {
    let (stranger, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let mut service = Service::by_tls(&stranger, folder.path()).await;
    let place = open(|config| {
        base(config, &Authority::new(), folder.path());
        config.push.allow = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
    })
    .await;
    let device = pushed::Device::new(1);
    let token = device.token(&format!("{}/a", service.origin()));
    place.poke(&sealed(&token, &place.gateway().await.key, 1)).await;
    place.counts("halloo_pushes_total{outcome=\"later\"} 1").await;
    assert!(service.is_silent());
}
