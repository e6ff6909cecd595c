//! The room of the call's edges: feeds the call machine with what this member knows, and grants its wishes.

use std::collections::BTreeSet;

use halloo_crypto::chance;
use halloo_crypto::id::{DeviceId, Incarnation};
use halloo_crypto::sealed;
use halloo_crypto::secret::Secret;
use rand_core::Rng as _;

use crate::call::{Call, CallConfig, CallInput, CallOutput, EpochKey};
use crate::lane::PeerKey;
use crate::location::{self, Here};
use crate::output::{Event, Output, Refusal};
use crate::state::State;
use crate::timers::Timer;
use crate::wire::MAX_SIGNAL_BYTES;
use crate::wire::direct::DirectFrame;

/// Purpose of the seal of signalling.
const SIGNAL_INFO: &[u8] = b"halloo v1 call signal";
/// Purpose of the seal of call frames.
pub(crate) const CALL_INFO: &[u8] = b"halloo v1 call frame";

/// A call that this device is not in.
pub(crate) fn new_call(state: &mut State) -> Call {
    let config = CallConfig {
        me: state.me(),
        group: state.group,
        incarnation: Incarnation::generate(&mut state.rng),
        microphone_muted: true,
    };
    let seed = Secret::filled(|seed: &mut [u8; 32]| state.rng.fill_bytes(seed));
    Call::new(config, chance::seeded(seed.expose()))
}

/// Hands one input to the call and grants what it wishes.
pub(crate) fn handle(call: &mut Call, here: &mut Here, state: &mut State, input: CallInput) {
    if matches!(input, CallInput::Join) {
        // The generator of the call came out of this one, and could be had from it again.
        chance::forget(&mut state.rng);
    }
    call.handle(state.now.mono, input);
    while let Some(wish) = call.poll() {
        match wish {
            CallOutput::Send { to, bytes } => send(state, &to, CALL_INFO, &bytes, DirectFrame::Call),
            CallOutput::SendSignal { to, bytes } => {
                send(state, &to, SIGNAL_INFO, &bytes, DirectFrame::Signal)
            }
            CallOutput::Plan(plan) => state.out.now(Output::Plan(plan)),
            CallOutput::InCall(in_call) => {
                let me = state.me();
                state.event(if in_call {
                    Event::CallJoined { device: me }
                } else {
                    Event::CallLeft { device: me }
                });
                location::set_in_call(here, state, in_call);
            }
            CallOutput::Muted { microphone, speaker } => location::set_mute(here, state, microphone, speaker),
            CallOutput::Joined(device) => state.event(Event::CallJoined { device }),
            CallOutput::Left(device) => state.event(Event::CallLeft { device }),
            CallOutput::Signal { from, bytes } => state.event(Event::Signal { from, bytes }),
        }
    }
    match call.deadline() {
        Some(at) => state.timers.set(Timer::Call, at),
        None => state.timers.stop(Timer::Call),
    }
}

fn aad(state: &State, from: &DeviceId, to: &DeviceId) -> Vec<u8> {
    [state.group.as_bytes().as_slice(), from.as_bytes(), to.as_bytes()].concat()
}

fn send(state: &mut State, to: &DeviceId, info: &[u8], bytes: &[u8], frame: impl Fn(Vec<u8>) -> DirectFrame) {
    let Some(peer) = state.peers.of_device(to) else {
        return state.count("call frame to somebody unreachable");
    };
    let Some(box_key) = state.log.view().device(to).map(|entry| entry.box_key()) else { return };
    assert_ne!(*to, state.me(), "a call has two ends");
    let aad = aad(state, &state.me(), to);
    match sealed::seal_to(&mut state.rng, &box_key, info, &aad, bytes) {
        // Nothing that is stored stands behind these frames, and a call must not wait for a disk.
        Ok(seal) => state.send_now(peer, &frame(seal)),
        Err(_) => state.count("unusable box key"),
    }
}

/// Signalling of the own media endpoint.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn signal(
    call: &mut Call,
    here: &mut Here,
    state: &mut State,
    to: DeviceId,
    bytes: Vec<u8>,
) -> Result<(), Refusal> {
    if bytes.len() > MAX_SIGNAL_BYTES {
        return Err(Refusal::TooLarge { what: "the signalling in bytes", max: MAX_SIGNAL_BYTES });
    }
    if !state.is_member() {
        return Err(Refusal::NotMember);
    }
    if !call.can_signal(&to) {
        return Err(Refusal::NotConnected);
    }
    handle(call, here, state, CallInput::SendSignal { to, bytes });
    Ok(())
}

/// What a device sealed to this one for a call.
pub(crate) fn opened(state: &State, from: &DeviceId, info: &[u8], seal: &[u8]) -> Option<Vec<u8>> {
    let aad = aad(state, from, &state.me());
    let plain = state.identity.device.open_sealed(info, &aad, seal).ok()?;
    Some(plain.expose().clone())
}

/// A sealed call or signal frame of a proven neighbour.
pub(crate) fn on_frame(
    call: &mut Call,
    here: &mut Here,
    state: &mut State,
    from: PeerKey,
    frame: DirectFrame,
) {
    let Some(device) = state.peers.member(&from) else { return };
    let (info, seal) = match &frame {
        DirectFrame::Signal(seal) => (SIGNAL_INFO, seal),
        DirectFrame::Call(seal) => (CALL_INFO, seal),
        _ => unreachable!("only call frames come here"),
    };
    debug_assert!(state.log.view().account_of(&device).is_some(), "a proven neighbour is a member");
    let Some(bytes) = opened(state, &device, info, seal) else {
        return state.drop_frame(&from, "call frame that does not open");
    };
    let input = match frame {
        DirectFrame::Signal(_) => CallInput::Signal { from: device, bytes },
        _ => CallInput::Frame { from: device, bytes },
    };
    handle(call, here, state, input);
}

/// Tells the call who is a member and which epochs may be heard, after either changed.
pub(crate) fn refresh(call: &mut Call, here: &mut Here, state: &mut State) {
    let roster: BTreeSet<DeviceId> = if state.is_member() {
        state.log.view().devices().keys().copied().collect()
    } else {
        BTreeSet::new()
    };
    let (me, own) = (state.me(), state.account());
    let view = state.log.view();
    let siblings = roster.iter().filter(|device| **device != me && view.account_of(device) == Some(own));
    let siblings = siblings.copied().collect();
    handle(call, here, state, CallInput::Siblings(siblings));
    handle(call, here, state, CallInput::Roster(roster));
    if state.tainted || !state.is_member() {
        // INV-2: nothing is said under it. The commit that ends it follows within this input.
        return handle(call, here, state, CallInput::Epochs(Vec::new()));
    }
    let tip = state.epochs.tip();
    let authorised = state.log.view().devices();
    let sound = |node: &&crate::epochs::Node| node.leaves.keys().all(|leaf| authorised.contains_key(leaf));
    let before = tip.parent.and_then(|parent| state.epochs.get(&parent)).filter(sound);
    let keys = [Some(tip), before].into_iter().flatten().filter_map(|node| {
        let exporter = node.call_secret()?;
        Some(EpochKey { epoch: node.id(), exporter })
    });
    let keys: Vec<EpochKey> = keys.collect();
    assert!(
        keys.first().is_none_or(|key| key.epoch == state.epochs.tip().id()),
        "the current epoch comes first"
    );
    handle(call, here, state, CallInput::Epochs(keys));
}

#[cfg(test)]
mod tests;
