//! What does not fit together is refused with what to do.

use super::*;
use crate::config::layers::{Effective, Layer};

const KEY: &str = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c";

fn set(pairs: &[(&str, &str)]) -> Result<SubscriptionsConfig, String> {
    let pairs = pairs.iter().map(|(key, value)| (format!("subscriptions.{key}"), (*value).to_owned()));
    let layer = Layer::flags(pairs).unwrap();
    Effective::of(vec![layer]).map(|all| all.config.subscriptions).map_err(|error| error.to_string())
}

fn plans(of: &str) -> Result<SubscriptionsConfig, String> {
    set(&[("provider", "voucher"), ("voucher_key", KEY), ("plans", of)])
}

#[test]
fn nothing_is_sold_unless_the_settings_say_so() {
    let config = set(&[]).unwrap();
    assert_eq!(config.provider, Provider::None);
    config.agrees().unwrap();
}

#[test]
fn stripe_is_refused_as_not_built_yet_and_what_nobody_knows_as_unknown() {
    let said = set(&[("provider", "stripe")]).unwrap_err();
    assert!(said.starts_with("command line: ") && said.contains("`stripe` is not built yet"), "{said}");
    let said = set(&[("provider", "barter")]).unwrap_err();
    assert!(said.contains("choose `none` or `voucher`"), "{said}");
}

#[test]
fn vouchers_want_a_key_and_a_plan() {
    let said = |pairs: &[(&str, &str)]| set(pairs).unwrap().agrees().unwrap_err().to_string();
    assert!(said(&[("provider", "voucher")]).contains("halloo-coordinator voucher key"));
    let weak = format!("01{}", "00".repeat(31));
    assert!(said(&[("provider", "voucher"), ("voucher_key", &weak)]).contains("is no key"));
    assert!(said(&[("provider", "voucher"), ("voucher_key", KEY)]).contains("plans is empty"));
}

#[test]
fn a_plan_has_an_id_of_its_own_a_name_and_features() {
    let good = r#"[{id = "ride", name = "Ride", features = ["turn"]}]"#;
    plans(good).unwrap().agrees().unwrap();
    for (wrong, why) in [
        (r#"[{id = "Ride", name = "Ride", features = ["turn"]}]"#, "the id `Ride`"),
        (r#"[{id = "ride", name = "", features = ["turn"]}]"#, "has a name"),
        (r#"[{id = "ride", name = "Ride", features = []}]"#, "has no features"),
        (
            r#"[{id = "r", name = "A", features = ["turn"]}, {id = "r", name = "B", features = ["turn"]}]"#,
            "there twice",
        ),
    ] {
        let said = plans(wrong).unwrap().agrees().unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
    let said = plans(r#"[{id = "ride", name = "Ride", features = ["flying"]}]"#).unwrap_err();
    assert!(said.contains("flying"), "{said}");
}
