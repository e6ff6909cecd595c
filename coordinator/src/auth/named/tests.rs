//! Which names are kept, and dates as people read them.

use super::*;

#[test]
fn usernames_have_one_spelling_and_addresses_one_at() {
    let taken = |username: &str, email: &str| names(Some(username.into()), Some(email.into())).is_ok();
    assert!(taken("anna.b-2", "anna@halloo.example"));
    for username in ["", "an", "Anna", "änna", ".anna", "anna b", &"a".repeat(33)] {
        assert!(!taken(username, "a@b"), "{username}");
    }
    for email in ["", "a", "@b", "a@", "a@b@c", "a b@c", "ä@b", "a\u{1}@b", &format!("a@{}", "b".repeat(253))]
    {
        assert!(!taken("anna", email), "{email}");
    }
}

#[test]
fn a_device_is_called_anything_on_one_line() {
    let name = |name: &str| device_name(Some(DeviceInfo { name: name.into() }));
    assert_eq!(name("Anna's Käfer 📞").unwrap(), "Anna's Käfer 📞");
    assert_eq!(device_name(None).unwrap(), "");
    name("a\nb").unwrap_err();
    name(&"ä".repeat(65)).unwrap_err();
}

#[test]
fn days_are_dates() {
    for (day, text) in [
        (0, "1970-01-01"),
        (59, "1970-03-01"),
        (11_016, "2000-02-29"),
        (20_833, "2027-01-15"),
        (47_540, "2100-02-28"),
        (47_541, "2100-03-01"),
    ] {
        assert_eq!(date(day), text);
    }
    date(u32::MAX);
}
