//! Tests: which texts name a coordinator.

use proptest::prelude::*;

use super::*;

#[test]
fn origins_have_one_spelling() {
    let cases = [
        ("https://Halloo.Example", "https://halloo.example", "halloo.example", 443, "halloo.example"),
        ("https://halloo.example:443/", "https://halloo.example", "halloo.example", 443, "halloo.example"),
        (
            "https://halloo.example:8443",
            "https://halloo.example:8443",
            "halloo.example",
            8443,
            "halloo.example:8443",
        ),
        ("http://10.0.0.1:7750", "http://10.0.0.1:7750", "10.0.0.1", 7750, "http://10.0.0.1:7750"),
        ("http://[fd00::1]:7750", "http://[fd00::1]:7750", "fd00::1", 7750, "http://[fd00::1]:7750"),
        (" http://hut.local ", "http://hut.local", "hut.local", 80, "http://hut.local"),
    ];
    for (text, whole, host, port, short) in cases {
        let origin: Origin = text.parse().unwrap();
        assert_eq!(
            (origin.as_str(), origin.host(), origin.port(), origin.short()),
            (whole, host, port, short)
        );
        assert_eq!(Origin::from_short(origin.short()), Ok(origin));
    }
}

#[test]
fn what_is_no_origin_is_told_why() {
    let cases = [
        ("halloo.example", OriginError::Scheme),
        ("ftp://halloo.example", OriginError::Scheme),
        ("https://", OriginError::Host),
        ("https://-x.example", OriginError::Host),
        ("https://a b", OriginError::Host),
        ("https://[::zz]", OriginError::Host),
        ("https://halloo.example:0", OriginError::Port),
        ("https://halloo.example:65536", OriginError::Port),
        ("https://halloo.example:+1", OriginError::Port),
        ("https://halloo.example/x", OriginError::Path),
        ("https://ada@halloo.example", OriginError::Path),
        ("http://halloo.example", OriginError::PlainFarAway),
        ("http://8.8.8.8", OriginError::PlainFarAway),
    ];
    for (text, why) in cases {
        assert_eq!(text.parse::<Origin>(), Err(why), "{text}");
    }
    assert_eq!(format!("https://{}", "a.".repeat(200)).parse::<Origin>(), Err(OriginError::TooLong));
}

proptest! {
    #[test]
    fn any_text_is_refused_or_reads_back_as_itself(text in "(https?://)?[a-z0-9\\[\\]:./@-]{0,30}") {
        if let Ok(origin) = text.parse::<Origin>() {
            let _parts = (origin.host(), origin.port());
            prop_assert_eq!(origin.as_str().parse(), Ok(origin.clone()));
        }
    }
}
