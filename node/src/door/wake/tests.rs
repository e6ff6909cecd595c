//! What push services give is read as they give it, and nothing else.

use super::*;

/// The subscription of RFC 8291, section 5.
const P256DH: &str =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

fn web(endpoint: &str, p256dh: &str, auth: &str) -> WakeAsk {
    let by = WakeToken::WebPush { endpoint: endpoint.into(), p256dh: p256dh.into(), auth: auth.into() };
    WakeAsk { by, gateway: None }
}

#[test]
fn a_subscription_is_read_as_browsers_write_it() {
    let text = format!(
        r#"{{"kind":"webpush","endpoint":"https://push.example/x","p256dh":"{P256DH}=","auth":"{AUTH}==","gateway":"https://halloo.example/"}}"#
    );
    let ask: WakeAsk = serde_json::from_str(&text).unwrap();
    let by = ask.read().unwrap();
    assert_eq!(by.gateway.unwrap().as_str(), "https://halloo.example");
    let Token::WebPush { endpoint, key, secret } = by.token else { panic!("another kind") };
    assert_eq!((endpoint.as_str(), key[0], secret[0]), ("https://push.example/x", 4, 5));
    assert!(!format!("{ask:?}").contains("push.example"), "no log shows where");
    let again: WakeAsk = serde_json::from_str(&serde_json::to_string(&ask).unwrap()).unwrap();
    assert!(again == ask, "read as it is written");
}

#[test]
fn what_no_push_service_gives_is_refused_in_words() {
    let long = format!("https://{}", "x".repeat(ENDPOINT_MAX_BYTES));
    for (ask, word) in [
        (web("push.example/x", P256DH, AUTH), "endpoint"),
        (web(&long, P256DH, AUTH), "endpoint"),
        (web("http://ntfy.lan/up", P256DH, AUTH), "endpoint"),
        (web("https://me@push.example/x", P256DH, AUTH), "endpoint"),
        (web("https://push.example/a b", P256DH, AUTH), "endpoint"),
        (web("https://push.example", AUTH, AUTH), "p256dh"),
        (web("https://push.example", &P256DH.replacen('B', "C", 1), AUTH), "p256dh"),
        (web("https://push.example", P256DH, P256DH), "auth"),
        (web("https://push.example", P256DH, "*"), "auth"),
        (WakeAsk { by: WakeToken::Fcm { token: String::new() }, gateway: None }, "registration"),
        (WakeAsk { by: WakeToken::Fcm { token: "a\nb".into() }, gateway: None }, "registration"),
        (WakeAsk { by: WakeToken::Apns { token: "xyz".into() }, gateway: None }, "hex"),
        (WakeAsk { by: WakeToken::Apns { token: String::new() }, gateway: None }, "hex"),
    ] {
        let error = ask.read().expect_err(word);
        assert!(error.code == "bad-token" && error.what.contains(word), "{error:?}");
    }
    let ask = WakeAsk { by: WakeToken::Fcm { token: "abc".into() }, gateway: Some("halloo".into()) };
    assert_eq!(ask.read().expect_err("no origin").code, "bad-gateway");
}
