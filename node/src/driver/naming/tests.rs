//! What people type for an invite and for a coordinator.

use super::*;

fn read(text: &str, via: Option<&str>) -> (String, Option<String>) {
    let (ticket, origin) = invitation(text, via).unwrap();
    let shown = match ticket {
        Ticket::Code(code) => code.to_string(),
        Ticket::Link(link) => format!("link of {} addresses", link.addresses.len()),
    };
    (shown, origin.map(|origin| origin.to_string()))
}

fn link(coordinator: Option<&str>) -> String {
    let secret = halloo_crypto::invite::InviteSecret::from_bytes([7; 16]);
    let coordinator = coordinator.map(str::to_owned);
    Link { coordinator, addresses: vec!["/ip4/10.0.0.7/tcp/4100".into()], secret }.to_text()
}

#[test]
fn a_code_names_its_coordinator_behind_the_at_sign_or_by_via_or_not_at_all() {
    let code = "7-otter-quartz".to_owned();
    assert_eq!(read("7-otter-quartz", None), (code.clone(), None));
    for (typed, origin) in [
        ("7-otter-quartz@halloo.example", "https://halloo.example"),
        ("  7 Otter Quartz@HALLOO.example:8443 ", "https://halloo.example:8443"),
        ("7-otter-quartz@http://10.0.0.1:7750", "http://10.0.0.1:7750"),
        ("7-otter-quartz@http://[fd00::1]:7750", "http://[fd00::1]:7750"),
    ] {
        assert_eq!(read(typed, None), (code.clone(), Some(origin.to_owned())), "{typed}");
    }
    let named = Some("https://other.example".to_owned());
    assert_eq!(read("7-otter-quartz@halloo.example", Some("other.example")), (code, named));
}

#[test]
fn a_link_names_its_coordinator_in_front_or_by_via_or_not_at_all() {
    let shown = "link of 1 addresses".to_owned();
    assert_eq!(read(&link(None), None), (shown.clone(), None));
    for origin in ["https://halloo.example", "http://10.0.0.1:7750"] {
        assert_eq!(read(&link(Some(origin)), None), (shown.clone(), Some(origin.to_owned())));
    }
    assert_eq!(
        read(&link(None), Some("http://10.0.0.1:7750")),
        (shown, Some("http://10.0.0.1:7750".to_owned()))
    );
}

#[test]
fn what_is_neither_is_refused_with_what_to_write_instead() {
    for (text, via, code, next) in [
        ("otter", None, "invite", "a number and two words"),
        ("7-otter-quartz@", None, "coordinator", "https://host"),
        ("7-otter-quartz@http://example.org", None, "coordinator", "local network"),
        ("7-otter-quartz@host/path", None, "coordinator", "leave out"),
        ("7-otter-quartz", Some("ftp://host"), "coordinator", "https://host"),
        ("7-otter-quartz", Some("host:0"), "coordinator", "65535"),
        ("halloo:i/abc", None, "invite", "a # near its end"),
        ("https://halloo.example/i/abc", None, "invite", ""),
    ] {
        let error = invitation(text, via).unwrap_err();
        assert_eq!(error.code, code, "{text}: {error}");
        assert!(error.to_string().contains(next) && !error.next.is_empty(), "{text}: {error}");
    }
}

#[test]
fn an_invite_is_passed_on_with_the_coordinator_of_its_group() {
    let plain = json!({"code": "7-otter-quartz", "link": link(None), "qr": link(None), "uses": 1});
    assert_eq!(super::super::via::named(plain.clone(), None), plain);
    let via = "https://halloo.example".parse::<Origin>().unwrap();
    let named = super::super::via::named(plain, Some(&via));
    assert_eq!(named["code"], "7-otter-quartz@halloo.example");
    assert_eq!(named["link"], link(Some("https://halloo.example")).as_str());
    assert_eq!(named["qr"], named["link"]);
    let (_, origin) = invitation(named["code"].as_str().unwrap(), None).unwrap();
    assert_eq!(origin, Some(via));
    let burned = json!({"code": null, "link": null, "qr": null});
    let local: Origin = "http://10.0.0.1:7750".parse().unwrap();
    assert_eq!(super::super::via::named(burned.clone(), Some(&local)), burned);
}
