//! One WebRTC connection with one device: built, offered or answered, fed with candidates, closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Instant;

use rtc::ice::mdns::MulticastDnsMode;
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpHeaderExtensionCapability, RtpCodecKind,
};
use tokio::sync::mpsc;
use webrtc::error::Error;
use webrtc::media_stream::MediaStreamTrack;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    CipherSuiteId, MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler,
    RTCConfiguration, RTCConfigurationBuilder, RTCIceCandidate, RTCIceCandidateInit, RTCIceCandidateType,
    RTCIceConnectionState, RTCIceGatheringState, RTCIceProtocol, RTCIceServer, RTCPeerConnectionIceEvent,
    RTCPeerConnectionState, RTCSessionDescription, RTCStatsReportEntry, Registry, SettingEngine,
    SettingEngineBuilder, SrtpProtectionProfile, StatsSelector,
};

use super::options::{
    CHECK_INTERVAL, CHECKS, KEEP_ALIVE, Options, PAYLOAD_TYPE, REFLEXIVE_WAIT, RELAY_WAIT, SILENCE_DOUBTED,
    SILENCE_FATAL,
};
use super::sdp::{self, Half};
use crate::media::endpoint::{IceServer, Outgoing};
use crate::media::signalling::{Candidate, CandidateKind, ConnectionId, NO_CONNECTION, Session};

/// Room for happenings: a connection tells at most [`crate::media::interfaces::MAX_LOCAL`] candidates a generation and a
/// handful of state changes.
pub(super) const HAPPENING_QUEUE: usize = 128;

/// What a connection tells its link. The connection id keeps the tidings of a replaced connection apart.
pub(super) struct Happening {
    pub(super) connection: ConnectionId,
    pub(super) what: What,
}

/// See [`Happening`].
pub(super) enum What {
    Candidate(Candidate),
    Gathered,
    Connected,
    /// No packet for a while.
    Doubtful,
    /// Given up by the transport.
    Failed,
    Track(Arc<dyn TrackRemote>),
}

/// One connection.
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    peer: Arc<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    audio_level: bool,
}

/// What tells one connection from the next.
pub(super) struct Plate {
    pub(super) id: ConnectionId,
    pub(super) ssrc: u32,
    /// Who helps to find a path.
    pub(super) servers: Vec<IceServer>,
}

/// The sending half, for the task that fans frames out.
pub(super) struct Feed {
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    sequence: AtomicU16,
    audio_level: bool,
}

impl Connection {
    /// Binds sockets and makes keys and a certificate of its own, so that connections cannot be linked on the wire.
    pub(super) async fn build(
        plate: Plate,
        options: &Options,
        happenings: mpsc::Sender<Happening>,
    ) -> Result<Self, Error> {
        let Plate { id, ssrc, servers } = plate;
        let mut media = MediaEngine::default();
        media.register_codec(
            RTCRtpCodecParameters { rtp_codec: opus(), payload_type: PAYLOAD_TYPE },
            RtpCodecKind::Audio,
        )?;
        if options.audio_level {
            let uri = sdp::AUDIO_LEVEL_URI.to_owned();
            media.register_header_extension(
                RTCRtpHeaderExtensionCapability { uri },
                RtpCodecKind::Audio,
                None,
            )?;
        }
        let peer = PeerConnectionBuilder::new()
            .with_configuration(configuration(servers))
            .with_media_engine(media)
            .with_setting_engine(settings(options))
            .with_interceptor_registry(Registry::new())
            .with_handler(Arc::new(Handler { id, happenings }))
            .with_udp_addrs(vec![options.binding.clone()])
            .build()
            .await?;
        let coding = RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() };
        let encoding =
            RTCRtpEncodingParameters { rtp_coding_parameters: coding, codec: opus(), ..Default::default() };
        let name = || "v".to_owned();
        let track = MediaStreamTrack::new(name(), name(), name(), RtpCodecKind::Audio, vec![encoding]);
        let track = Arc::new(TrackLocalStaticRTP::new(track));
        let peer: Arc<dyn PeerConnection> = Arc::new(peer);
        let connection = Self { id, peer, track: Arc::clone(&track), ssrc, audio_level: options.audio_level };
        if let Err(error) = connection.peer.add_track(track).await {
            connection.close().await;
            return Err(error);
        }
        Ok(connection)
    }

    /// Our half as offer; candidates follow as happenings. `restart` begins a new ICE generation.
    pub(super) async fn offer(&self, restart: bool) -> Result<Session, Error> {
        if restart {
            self.peer.restart_ice().await?;
        }
        let offer = self.peer.create_offer(None).await?;
        let session = self.session(&offer)?;
        self.peer.set_local_description(offer).await?;
        Ok(session)
    }

    /// Takes the peer's offer and gives our half as answer; candidates follow as happenings.
    pub(super) async fn answer(&self, offer: &Session, round: u16) -> Result<Session, Error> {
        let text = sdp::write(offer, Half::Offer, round, self.audio_level);
        self.peer.set_remote_description(RTCSessionDescription::offer(text)?).await?;
        let answer = self.peer.create_answer(None).await?;
        let session = self.session(&answer)?;
        self.peer.set_local_description(answer).await?;
        Ok(session)
    }

    /// Takes the peer's answer.
    pub(super) async fn accept(&self, answer: &Session, round: u16) -> Result<(), Error> {
        let text = sdp::write(answer, Half::Answer, round, self.audio_level);
        self.peer.set_remote_description(RTCSessionDescription::answer(text)?).await
    }

    /// Takes a place where the peer may be found.
    pub(super) async fn add(&self, candidate: &Candidate) -> Result<(), Error> {
        let candidate = sdp::write_candidate(candidate);
        let init = RTCIceCandidateInit {
            candidate,
            sdp_mid: Some("0".to_owned()),
            sdp_mline_index: Some(0),
            ..Default::default()
        };
        self.peer.add_ice_candidate(init).await
    }

    /// The sending half.
    pub(super) fn feed(&self, first_sequence: u16) -> Feed {
        Feed {
            track: Arc::clone(&self.track),
            ssrc: self.ssrc,
            sequence: AtomicU16::new(first_sequence),
            audio_level: self.audio_level,
        }
    }

    /// Round trip of the path in use, in seconds; zero while unknown.
    pub(super) async fn round_trip(&self) -> f64 {
        let report = self.peer.get_stats(Instant::now(), StatsSelector::None).await;
        report
            .iter()
            .find_map(|entry| match entry {
                RTCStatsReportEntry::IceCandidatePair(pair) if pair.nominated => {
                    Some(pair.current_round_trip_time)
                }
                _ => None,
            })
            .unwrap_or(0.0)
    }

    /// Frees sockets and the driver task. Dropping alone would leave the library's driver running.
    pub(super) async fn close(&self) {
        if let Err(error) = self.peer.close().await {
            tracing::debug!(%error, "closing a media connection");
        }
        self.track.unbind().await;
    }

    fn session(&self, local: &RTCSessionDescription) -> Result<Session, Error> {
        let (ufrag, pwd, fingerprint) = sdp::read(&local.sdp)
            .ok_or_else(|| Error::Other("the library's description lacks a field".to_owned()))?;
        Ok(Session { ufrag, pwd, fingerprint, ssrc: self.ssrc, candidates: Vec::new() })
    }
}

impl Feed {
    /// Hands one frame to the transport without waiting; false if the transport is behind or gone.
    pub(super) fn send(&self, frame: &Outgoing) -> bool {
        use futures::FutureExt as _;
        let header = rtp::header::Header {
            version: 2,
            marker: frame.first,
            payload_type: PAYLOAD_TYPE,
            sequence_number: self.sequence.fetch_add(1, Ordering::Relaxed),
            timestamp: frame.timestamp,
            ssrc: self.ssrc,
            ..Default::default()
        };
        let packet = rtp::Packet { header, payload: frame.payload.clone() };
        if self.audio_level {
            // Two levels only: a finer one would draw the sentence for whoever watches the wire.
            let level = rtp::extension::audio_level_extension::AudioLevelExtension {
                level: if frame.talking { LEVEL_TALKING } else { LEVEL_SILENT },
                voice: frame.talking,
            };
            let extension = [rtp::extension::HeaderExtension::AudioLevel(level)];
            return matches!(
                self.track.write_rtp_with_extensions(packet, &extension).now_or_never(),
                Some(Ok(()))
            );
        }
        matches!(self.track.write_rtp(packet).now_or_never(), Some(Ok(())))
    }
}

/// Level of every frame with speech, in -dBov.
const LEVEL_TALKING: u8 = 30;

/// Level of every frame without, the quietest of RFC 6464.
const LEVEL_SILENT: u8 = 127;

fn opus() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: "audio/opus".to_owned(),
        clock_rate: 48_000,
        // Always 2 in SDP, RFC 7587 7; the sound inside is mono.
        channels: 2,
        sdp_fmtp_line: String::new(),
        rtcp_feedback: Vec::new(),
    }
}

fn configuration(servers: Vec<IceServer>) -> RTCConfiguration {
    let server = |server: IceServer| RTCIceServer {
        urls: server.urls,
        username: server.username,
        credential: server.credential,
    };
    RTCConfigurationBuilder::new().with_ice_servers(servers.into_iter().map(server).collect()).build()
}

fn settings(options: &Options) -> SettingEngine {
    SettingEngineBuilder::new()
        // Addresses travel sealed, so names that hide them would only cost a lookup.
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
        // Both sides' certificates are P-256; a suite that needs RSA would stall the handshake.
        .with_dtls_cipher_suites(vec![CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256])
        .with_include_loopback_candidate(options.loopback())
        .with_ice_connection_attempts(Some(CHECK_INTERVAL), Some(CHECKS))
        .with_ice_timeouts(Some(SILENCE_DOUBTED), Some(SILENCE_FATAL), Some(KEEP_ALIVE))
        .with_prflx_acceptance_min_wait(Some(std::time::Duration::ZERO))
        .with_srflx_acceptance_min_wait(Some(REFLEXIVE_WAIT))
        .with_relay_acceptance_min_wait(Some(RELAY_WAIT))
        .with_answering_dtls_role(RTCDtlsRole::Server)
        .with_discard_local_candidates_during_ice_restart(true)
        .build()
}

/// Passes the library's callbacks on. They run inside its driver, so they never wait.
struct Handler {
    id: ConnectionId,
    happenings: mpsc::Sender<Happening>,
}

impl Handler {
    fn tell(&self, what: What) {
        if self.happenings.try_send(Happening { connection: self.id, what }).is_err() {
            tracing::debug!("a media connection has more to tell than its link takes");
        }
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        if let Some(candidate) = local_candidate(&event.candidate) {
            self.tell(What::Candidate(candidate));
        }
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.tell(What::Gathered);
        }
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        if state == RTCIceConnectionState::Disconnected {
            self.tell(What::Doubtful);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        match state {
            RTCPeerConnectionState::Connected => self.tell(What::Connected),
            RTCPeerConnectionState::Failed => self.tell(What::Failed),
            _ => {}
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        self.tell(What::Track(track));
    }
}

fn local_candidate(candidate: &RTCIceCandidate) -> Option<Candidate> {
    let kind = match candidate.typ {
        RTCIceCandidateType::Host => CandidateKind::Host,
        RTCIceCandidateType::Srflx => CandidateKind::Reflexive,
        RTCIceCandidateType::Relay => CandidateKind::Relay,
        _ => return None,
    };
    if candidate.protocol != RTCIceProtocol::Udp || candidate.component != 1 || candidate.priority == 0 {
        return None;
    }
    let ip = candidate.address.parse().ok()?;
    Some(Candidate {
        kind,
        priority: candidate.priority,
        address: std::net::SocketAddr::new(ip, candidate.port),
    })
    .filter(|candidate| candidate.address.port() != 0)
}

/// A name for a connection; `None` without chance.
pub(super) fn random_id() -> Option<ConnectionId> {
    let mut id = NO_CONNECTION;
    getrandom::fill(&mut id).ok()?;
    Some(id).filter(|id| *id != NO_CONNECTION)
}

/// A number that nobody can guess; `None` without chance.
pub(super) fn random_u32() -> Option<u32> {
    getrandom::u32().ok()
}
