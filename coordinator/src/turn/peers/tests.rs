//! Every closed range, and what lies next to it.

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// First and last address of every range that is closed, and what lies next to it outside.
const CLOSED: &[(&str, &str)] = &[
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "239.255.255.255"),
    ("240.0.0.0", "255.255.255.255"),
    ("::", "::1"),
    ("64:ff9b::", "64:ff9b::ffff:ffff"),
    ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
    ("100::", "100::ffff:ffff:ffff:ffff"),
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
];

#[test]
fn every_range_that_is_not_the_internet_is_closed_from_its_first_address_to_its_last() {
    let peers = Peers::default();
    for (first, last) in CLOSED {
        assert!(!peers.open(ip(first)), "{first}");
        assert!(!peers.open(ip(last)), "{last}");
    }
}

#[test]
fn what_lies_next_to_a_closed_range_is_open() {
    let open = [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.88.98.255",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "2000::",
        "2001:200::",
        "2001:db7:ffff::",
        "2001:db9::",
        "2003::",
        "2a00:1450::1",
        "3ffe:ffff::",
        "3fff:1000::",
    ];
    for text in open {
        assert!(Peers::default().open(ip(text)), "{text}");
    }
}

#[test]
fn an_ipv4_inside_an_ipv6_is_closed_even_when_everything_is_allowed() {
    let peers = Peers::new(vec!["::/0".parse().unwrap(), "0.0.0.0/0".parse().unwrap()], Vec::new());
    assert!(!peers.open(ip("::ffff:127.0.0.1")) && !peers.open(ip("::ffff:8.8.8.8")));
    assert!(peers.open(ip("127.0.0.1")), "named by the operator");
}

#[test]
fn our_own_address_is_closed_though_it_is_on_the_internet() {
    let own = ip("198.41.0.4");
    assert!(!Peers::new(Vec::new(), vec![own]).open(own));
    assert!(Peers::new(vec!["198.41.0.4/32".parse().unwrap()], vec![own]).open(own));
}

#[test]
fn a_lan_opens_its_private_ranges_and_neither_loopback_nor_link_local_nor_itself() {
    let peers = Peers::new(Vec::new(), vec![ip("10.0.0.1")]).with_lan();
    for text in ["10.1.2.3", "172.20.0.1", "192.168.1.1", "fd00::1"] {
        assert!(peers.open(ip(text)), "{text}");
    }
    for text in ["10.0.0.1", "127.0.0.1", "169.254.169.254", "::1", "fe80::1", "100.64.0.1", "224.0.0.1"] {
        assert!(!peers.open(ip(text)), "{text}");
    }
}
