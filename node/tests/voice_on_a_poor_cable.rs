//! Two media endpoints on hosts of their own, and a cable between them that carries voice and nothing else.

use bytes::Bytes;
use halloo_crypto::id::DeviceId;
use halloo_lab::{Host, Lab, LinkModel, Loss};
use halloo_node::media::endpoint::{EndpointEvent, Outgoing, Started};
use halloo_node::media::interfaces::Binding;
use halloo_node::media::webrtc::{self, Options};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Frames of a run: five seconds, longer than the silence after which a path is doubted.
const FRAMES: u64 = 250;

/// A guard against hanging, not a measure.
const PATIENCE: Duration = Duration::from_secs(20);

/// The wires of one end: signals to and from the other, the word that it is connected, the word to begin.
struct Wires {
    out: mpsc::Sender<Vec<u8>>,
    inn: mpsc::Receiver<Vec<u8>>,
    up: oneshot::Sender<()>,
    begin: oneshot::Receiver<()>,
}

/// What came of an end.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    heard: u64,
    signals: usize,
    reconnects: u64,
}

/// One end: connects, then talks when told to, and hears the other talk.
async fn end(me: u8, other: u8, ip: std::net::Ipv4Addr, wires: Wires) -> Outcome {
    let Wires { out, mut inn, up, begin } = wires;
    let (id, peer) = (DeviceId::from_bytes([me; 32]), DeviceId::from_bytes([other; 32]));
    let binding = Binding { explicit: vec![ip.into()], loopback: false };
    let Started { control, mut events, road } = webrtc::start(id, Options { binding, ..Options::default() });
    control.set_peers([peer].into()).expect("running");
    let (mut up, mut begin) = (Some(up), Some(begin));
    let mut outcome = Outcome { heard: 0, signals: 0, reconnects: 0 };
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    let (mut sent, mut begun) = (0, false);
    while sent < FRAMES || outcome.heard < FRAMES {
        tokio::select! {
            event = events.recv() => match event.expect("the endpoint runs") {
                EndpointEvent::Signal { bytes, .. } => {
                    outcome.signals += usize::from(begun);
                    out.send(bytes).await.expect("the other end runs");
                }
                EndpointEvent::Up { .. } => {
                    if let Some(up) = up.take() {
                        up.send(()).expect("the test waits");
                    }
                }
                EndpointEvent::Full { .. } => panic!("one peer is not too many"),
                EndpointEvent::Down { reason, .. } => panic!("the voice went down: {reason:?}"),
            },
            Some(bytes) = inn.recv() => control.signal(peer, bytes).expect("running"),
            told = async { begin.as_mut().expect("once").await }, if begin.is_some() => {
                told.expect("the test runs");
                (begin, begun) = (None, true);
            }
            _ = pace.tick() => {
                if begun && sent < FRAMES {
                    let timestamp = sent as u32 * 960;
                    let payload = Bytes::from_static(b"as if it were sealed");
                    road.send(Outgoing { payload, timestamp, first: sent == 0, talking: true });
                    sent += 1;
                }
                while road.receive().is_some() {
                    outcome.heard += 1;
                }
            }
        }
    }
    outcome.reconnects = control.stats().values().map(|link| link.reconnects).sum();
    // The other end may still wait for the last frames that are on their way: what is closed here is not needed for them.
    control.close().await;
    outcome
}

fn start(host: &Host, me: u8, other: u8, wires: Wires) -> JoinHandle<Outcome> {
    let host = host.clone();
    std::thread::spawn(move || {
        let ip = host.ip();
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let ended = tokio::time::timeout(PATIENCE, end(me, other, ip, wires)).await;
                ended.expect("every frame arrives")
            })
        };
        host.run(run).expect("the namespace")
    })
}

#[test]
fn a_path_whose_checks_fail_is_kept_while_voice_comes_over_it() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let anna = lab.host_behind("anna", LinkModel::perfect(1)).expect("a host");
    let ben = lab.host("ben").expect("a host");
    let (to_ben, from_anna) = mpsc::channel(64);
    let (to_anna, from_ben) = mpsc::channel(64);
    let (ups, begins): (Vec<_>, Vec<_>) = (0..2).map(|_| (oneshot::channel(), oneshot::channel())).unzip();
    let (up_out, up_in): (Vec<_>, Vec<_>) = ups.into_iter().unzip();
    let (begin_out, begin_in): (Vec<oneshot::Sender<()>>, Vec<_>) = begins.into_iter().unzip();
    let mut both = up_out.into_iter().zip(begin_in);
    let mut wires = |out, inn| {
        let (up, begin) = both.next().expect("two ends");
        Wires { out, inn, up, begin }
    };
    let ends = [start(&anna, 1, 2, wires(to_ben, from_ben)), start(&ben, 2, 1, wires(to_anna, from_anna))];
    for up in up_in {
        up.blocking_recv().expect("both connect");
    }
    lab.links()[0].change(LinkModel { loss: Loss::AllButVoice, ..LinkModel::perfect(1) });
    for begin in begin_out {
        begin.send(()).expect("both wait");
    }
    for end in ends {
        let outcome = end.join().expect("an end");
        assert_eq!(outcome, Outcome { heard: FRAMES, signals: 0, reconnects: 0 });
    }
    assert!(lab.links()[0].counts().iter().all(|way| way.lost > way.media_lost), "checks were lost");
}
