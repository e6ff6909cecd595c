//! Where may be sent to, whatever a device says.

use super::*;
use ipnet::IpNet;

fn peers(allowed: &[&str]) -> Peers {
    Peers::new(allowed.iter().map(|net| net.parse::<IpNet>().unwrap()).collect(), Vec::new())
}

#[test]
fn a_push_service_is_on_the_internet_and_speaks_tls() {
    let open = |text: &str| endpoint(text, &peers(&[])).is_some();
    for good in [
        "https://push.example/a?b=c",
        "https://push.example:8443/",
        "https://9.9.9.9/",
        "https://[2620:fe::fe]/x",
    ] {
        assert!(open(good), "{good}");
    }
    for bad in [
        "http://push.example/a",
        "http://9.9.9.9/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest",
        "https://10.0.0.1:2375/",
        "https://user@push.example/",
        "https:///nowhere",
        "ftp://push.example/",
        "push.example/a",
        "/a",
        "",
        "https://push example/",
    ] {
        assert!(!open(bad), "{bad}");
    }
}

#[test]
fn ranges_that_the_settings_open_are_open_also_without_tls_and_only_they() {
    let peers = peers(&["192.168.7.0/24"]);
    assert!(endpoint("http://192.168.7.3:2586/up", &peers).is_some());
    assert!(endpoint("https://192.168.7.3/up", &peers).is_some());
    assert!(endpoint("http://192.168.8.3/up", &peers).is_none());
    assert!(endpoint("http://home.lan/up", &peers).is_none());
}

#[tokio::test]
async fn a_name_that_leads_home_is_looked_at_when_it_is_resolved() {
    let resolve = async |allowed: &[&str], name: &str| {
        Guard(Some(Arc::new(peers(allowed)))).call(name.parse::<Name>().unwrap()).await
    };
    for name in ["localhost", "127.1", "2130706433"] {
        let refused = resolve(&[], name).await.map(|_| ()).unwrap_err();
        // A system may not take such a spelling for an address at all.
        assert!(name != "localhost" || refused.kind() == io::ErrorKind::PermissionDenied, "{name}");
    }
    let mut found = resolve(&["127.0.0.0/8", "::1/128"], "localhost").await.unwrap();
    assert!(found.all(|address| address.ip().is_loopback()));
}
