//! The laboratory itself: hosts reach each other, nothing else, and links do what they were told.

use halloo_lab::{Host, Lab, LabError, LinkModel, Loss, Nat, Permit, in_user_namespace, permit};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

fn socket(host: &Host) -> UdpSocket {
    let ip = host.ip();
    let socket = host.run(move || UdpSocket::bind((ip, 0))).expect("the namespace").expect("a free port");
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("not zero");
    socket
}

/// Sends numbered datagrams back and forth and returns the round trips that came home.
fn round_trips(one: &Host, other: &Host, count: u32) -> Vec<Duration> {
    let (here, there) = (socket(one), socket(other));
    let target = there.local_addr().expect("bound");
    here.set_read_timeout(Some(Duration::from_millis(400))).expect("not zero");
    there.set_read_timeout(Some(Duration::from_millis(900))).expect("not zero");
    let echo = std::thread::spawn(move || {
        let mut bytes = [0; 64];
        while let Ok((length, from)) = there.recv_from(&mut bytes) {
            there.send_to(&bytes[..length], from).expect("the way back");
        }
    });
    let mut trips = Vec::new();
    for number in 0..count {
        let start = Instant::now();
        here.send_to(&number.to_be_bytes(), target).expect("the way there");
        let mut bytes = [0; 64];
        while let Ok((_, _)) = here.recv_from(&mut bytes) {
            if bytes[..4] == number.to_be_bytes() {
                trips.push(start.elapsed());
                break;
            }
        }
    }
    echo.join().expect("the echo");
    trips
}

#[test]
fn hosts_on_the_bridge_reach_each_other_and_nothing_else() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let anna = lab.host("anna").expect("a host");
    let ben = lab.host("ben").expect("a host");
    assert_eq!(round_trips(&anna, &ben, 3).len(), 3);
    let outside: SocketAddr = "192.0.2.1:9".parse().expect("written");
    let error = socket(&anna).send_to(b"x", outside).expect_err("there is no default route");
    assert_eq!(error.kind(), std::io::ErrorKind::NetworkUnreachable);
}

#[test]
fn a_program_runs_inside_its_host() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let anna = lab.host("anna").expect("a host");
    let output = anna.command("ip").args(["-4", "-brief", "addr"]).output().expect("iproute2");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("10.77.0.1/24"), "{text}");
    assert!(text.contains("lan0"), "{text}");
}

#[test]
fn an_unplugged_host_is_not_reached_until_it_is_plugged_in_again() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let anna = lab.host("anna").expect("a host");
    let ben = lab.host("ben").expect("a host");
    ben.unplug().expect("it has a plug");
    assert_eq!(round_trips(&anna, &ben, 1).len(), 0);
    ben.plug().expect("it has a plug");
    assert_eq!(round_trips(&anna, &ben, 2).len(), 2);
}

#[test]
fn a_cut_cable_parts_two_bridges_and_no_host_sees_its_own_plug_pulled() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let anna = lab.host("anna").expect("a host");
    let cable = lab.far_bridge().expect("a second bridge");
    let [ben, cleo] = ["ben", "cleo"].map(|name| lab.far_host(name).expect("a host"));
    assert_eq!(round_trips(&anna, &ben, 2).len(), 2);
    cable.cut().expect("it is there");
    assert_eq!(round_trips(&anna, &ben, 1).len(), 0);
    assert_eq!(round_trips(&ben, &cleo, 2).len(), 2);
    cable.mend().expect("it is there");
    assert_eq!(round_trips(&anna, &ben, 2).len(), 2);
}

#[test]
fn a_host_with_another_address_is_reached_there() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let anna = lab.host("anna").expect("a host");
    let mut ben = lab.host("ben").expect("a host");
    let before = ben.ip();
    ben.readdress("10.77.0.201".parse().expect("written")).expect("free");
    assert_ne!(ben.ip(), before);
    assert_eq!(round_trips(&anna, &ben, 2).len(), 2);
    let gone = ben.run(move || UdpSocket::bind((before, 0)).map(drop)).expect("the namespace");
    assert!(gone.is_err(), "the old address is gone");
}

#[test]
fn a_name_is_used_once_and_names_are_free_again_afterwards() {
    let Some(mut first) = Lab::or_skip() else { return };
    first.host("anna").expect("a host");
    assert!(matches!(first.host("anna"), Err(LabError::Plan(_))));
    let mut second = Lab::new().expect("the first one stood");
    second.host("anna").expect("another laboratory, another anna");
}

#[test]
fn an_emulated_cable_delays_both_ways() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let model = LinkModel { delay: Duration::from_millis(30), ..LinkModel::perfect(1) };
    let anna = lab.host("anna").expect("a host");
    let ben = lab.host_behind("ben", model).expect("a host");
    let trips = round_trips(&anna, &ben, 5);
    assert_eq!(trips.len(), 5);
    assert!(trips.iter().all(|trip| *trip >= Duration::from_millis(60)), "{trips:?}");
}

#[test]
fn an_emulated_cable_loses_what_it_counts() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let anna = lab.host("anna").expect("a host");
    let model = LinkModel { loss: Loss::Random(0.5), ..LinkModel::perfect(2) };
    let ben = lab.host_behind("ben", model).expect("a host");
    let (from, to) = (socket(&ben), socket(&anna));
    to.set_read_timeout(Some(Duration::from_millis(300))).expect("not zero");
    // One frame through first: address resolution is lossy too, and the kernel asks three times only.
    let target = to.local_addr().expect("bound");
    for number in 0..400u32 {
        from.send_to(&number.to_be_bytes(), target).expect("the way there");
    }
    let mut bytes = [0; 8];
    let mut arrived = 0u64;
    while to.recv_from(&mut bytes).is_ok() {
        arrived += 1;
    }
    let [out, _] = lab.links()[0].counts();
    assert!(out.lost > 0);
    assert!(arrived <= out.delivered, "{arrived} arrived, {out:?}");
}

#[test]
fn the_weather_of_a_cable_turns_and_packets_of_voice_are_counted() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let anna = lab.host("anna").expect("a host");
    let ben = lab.host_behind("ben", LinkModel::perfect(3)).expect("a host");
    let (from, to) = (socket(&ben), socket(&anna));
    let target = to.local_addr().expect("bound");
    let packet = |number: u16| {
        let mut rtp = vec![0x80, 111, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
        rtp[2..4].copy_from_slice(&number.to_be_bytes());
        rtp
    };
    let mut bytes = [0; 32];
    for number in 0..20 {
        from.send_to(&packet(number), target).expect("the way there");
        to.recv_from(&mut bytes).expect("nothing is lost in fair weather");
    }
    lab.links()[0].change(LinkModel { loss: Loss::Random(1.0), ..LinkModel::perfect(3) });
    for number in 20..30 {
        from.send_to(&packet(number), target).expect("the way there");
    }
    to.set_read_timeout(Some(Duration::from_millis(300))).expect("not zero");
    to.recv_from(&mut bytes).expect_err("everything is lost");
    let [out, back] = lab.links()[0].counts();
    assert_eq!((out.media, out.media_lost), (30, 10));
    assert_eq!((back.media, back.media_lost), (0, 0));
}

#[test]
fn a_user_namespace_permits_a_laboratory_without_root() {
    let Some(_lab) = Lab::or_skip() else { return };
    let output = in_user_namespace("ip", ["netns", "add", "inner"]).output().expect("unshare");
    assert!(output.status.success() || permit().expect("asked above") == Permit::Own, "{output:?}");
}

/// Where a socket of `host` is seen by a socket on the bridge.
fn seen_from(socket: &UdpSocket, watcher: &UdpSocket) -> SocketAddr {
    socket.send_to(b"me", watcher.local_addr().expect("bound")).expect("a route");
    watcher.recv_from(&mut [0; 8]).expect("it comes through").1
}

#[test]
fn a_home_hides_its_hosts_and_each_nat_shows_ports_as_it_is_called() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let [one, other] = ["one", "other"].map(|name| socket(&lab.host(name).expect("a host")));
    for (name, nat, same) in [("cone", Nat::PortRestricted, true), ("random", Nat::Symmetric, false)] {
        let home = lab.home(name, nat).expect("nftables");
        let inside = socket(&lab.host_in(&home, &format!("{name}-pc")).expect("a host"));
        let [first, second] = [&one, &other].map(|watcher| seen_from(&inside, watcher));
        assert_eq!(first.ip(), home.router().ip());
        assert_eq!(second.ip(), home.router().ip());
        assert_eq!(first.port() == second.port(), same, "{nat:?}: {first} {second}");
        one.send_to(b"hi", first).expect("a route");
        assert_eq!(inside.recv_from(&mut [0; 8]).expect("who was spoken to may answer").0, 2);
        inside.set_read_timeout(Some(Duration::from_millis(300))).expect("not zero");
        one.send_to(b"hi", second).expect("a route");
        let unasked = inside.recv_from(&mut [0; 8]);
        assert_eq!(unasked.is_ok(), same, "the same port is another's where ports are drawn");
        let stranger = socket(&lab.host(&format!("{name}-stranger")).expect("a host"));
        stranger.send_to(b"hi", first).expect("a route");
        assert!(inside.recv_from(&mut [0; 8]).is_err(), "a stranger is not heard");
    }
}
