//! The member: one input changes it, a drain of `poll` says what it wishes. The one `match` on [`Input`] is here.

use halloo_crdt::content::Body;
use halloo_crdt::log::OpKind;
use halloo_crypto::chance;
use halloo_crypto::id::{GroupId, OpId};
use halloo_crypto::pake::Door;

use crate::birth::{self, Birth, Kind};
use crate::call::{Call, CallInput};
use crate::chat::{self, Chat, notes};
use crate::commits::{self, Commits};
use crate::input::{Command, Input, WakeReason};
use crate::invites::{self, Invites};
use crate::lane::{Lane, PeerKey};
use crate::location::{self, Here};
use crate::outbox::Then;
use crate::output::{Deadline, Output, Refusal, Reply, Verdict};
use crate::reconcile::{self, Reconcile};
use crate::snapshot::Table;
use crate::start::{Config, Identity, Origin, StartError};
use crate::state::{Fact, State};
use crate::time::Now;
use crate::timers::Timer;
use crate::wire::parcel::{Parcel, ParcelKind};
use crate::wire::{WireError, direct::DirectFrame, gossip::GossipFrame};
use crate::{agenda, handshake, history, membership, names, rejoin, talk, topics};

mod boxes;
mod mail;

use self::mail::Mail;

/// Rounds in which rooms may answer each other within one input; a handful is usual, more is a loop of ours.
const MAX_ROUNDS: usize = 10_000;
/// How often old epochs and settled facts are looked at.
const SETTLE_EVERY: core::time::Duration = core::time::Duration::from_secs(3_600);

/// One membership: one device in one group.
pub struct Engine {
    pub(crate) state: State,
    pub(crate) commits: Commits,
    pub(crate) chat: Chat,
    pub(crate) here: Here,
    pub(crate) invites: Invites,
    pub(crate) call: Call,
    pub(crate) mail: Mail,
    pub(crate) reconcile: Reconcile,
    drained: bool,
}

impl Engine {
    /// Starts a member; the caller then drains [`Self::poll`] and feeds `PeerUp` for every peer that is connected already.
    ///
    /// The seed must be fresh chance at each start. Two runs with one seed and the same inputs give the same outputs.
    ///
    /// # Errors
    /// [`StartError`], whose text names the next step.
    pub fn new(
        config: Config,
        identity: Identity,
        origin: Origin,
        seed: [u8; 32],
        now: Now,
    ) -> Result<Self, StartError> {
        let mut rng = chance::seeded(&seed);
        let Birth { ground, undelivered, here, invites: own_invites, mailboxes, post, letters, kind } =
            birth::begin(&identity, origin, &mut rng, now)?;
        let start = ground.start;
        let mut state = State::new(config, identity, ground, rng, now);
        let meta = birth::meta(&state.identity, &state.group, start);
        state.out.put(Table::Meta, &[], meta);
        names::rebuild_document(&mut state);
        // What the store held is no news.
        drop(state.document.take_touched());
        membership::refresh_membership(&mut state);
        commits::refresh_taint(&mut state);
        let mut invites = Invites::new(&mut state);
        for (op, secret) in own_invites {
            invites.remember(op, secret);
        }
        let call = talk::new_call(&mut state);
        let mut engine = Engine {
            state,
            commits: Commits::default(),
            chat: Chat::restore(undelivered),
            here,
            invites,
            call,
            mail: Mail::new(mailboxes, post),
            reconcile: Reconcile::default(),
            drained: false,
        };
        commits::begin(&mut engine.commits, &mut engine.state);
        engine.first_steps(kind);
        engine.begin_mail(letters);
        engine.finish();
        Ok(engine)
    }

    /// What each beginning does first.
    fn first_steps(&mut self, kind: Kind) {
        topics::refresh(&mut self.state);
        location::start(&mut self.here, &mut self.state);
        talk::refresh(&mut self.call, &mut self.here, &mut self.state);
        self.state.timers.set(Timer::Settle, self.state.now.mono.after(SETTLE_EVERY));
        let group_name = match kind {
            Kind::Restored => {
                invites::refresh(&mut self.invites, &mut self.state);
                chat::on_operations(&mut self.chat, &mut self.state, &[], true);
                commits::schedule(&mut self.commits, &mut self.state);
                return;
            }
            Kind::Founded(name) => Some(name),
            Kind::Joined { key_package, cells, trail } => {
                self.commits.welcomes.keep_package(*key_package, false);
                commits::lay_trail(&mut self.state, &trail);
                self.commits.owes_update = true;
                commits::schedule_update(&mut self.commits, &mut self.state);
                if !cells.is_empty() {
                    location::on_batch(&mut self.here, &mut self.state, None, &cells);
                }
                None
            }
        };
        birth::store_all(&mut self.state);
        let named = names::introduce(&mut self.chat, &mut self.state, group_name);
        debug_assert!(named.is_ok(), "names were checked at the door");
    }

    /// Takes one input.
    ///
    /// # Panics
    /// If the last drain did not end with `Idle`: a driver that loses wishes would lose state.
    pub fn handle(&mut self, now: Now, input: Input) {
        assert!(self.drained, "drain to Idle before the next input");
        assert!(now.mono >= self.state.now.mono, "the monotonic clock never goes back");
        self.drained = false;
        self.state.now = now;
        match input {
            Input::Command { request, command } => self.on_command(request, command),
            Input::Frame { from, lane, bytes } => self.on_frame(from, lane, bytes),
            Input::PeerUp(peer) => {
                if self.state.is_member() {
                    handshake::on_up(&mut self.state, peer);
                }
            }
            Input::PeerDown(peer) => {
                handshake::on_down(&mut self.state, &peer);
                commits::on_peer_down(&mut self.commits, &peer);
                invites::on_down(&mut self.invites, &mut self.state, peer);
            }
            Input::Written(id) => {
                let released = self.state.out.written(id);
                self.perform(released);
            }
            Input::Fix(fix) => location::on_fix(&mut self.here, &mut self.state, fix),
            Input::Addresses(addresses) => self.state.config.addresses = addresses,
            Input::Wake(WakeReason::Leaving) => self.on_leaving(),
            Input::Wake(_) => self.on_wake(),
            Input::Fetched { address, items } => self.on_fetched(address, items),
            Input::Deposited { id, outcome } => self.on_deposited(id, outcome),
        }
        self.finish();
    }

    /// The next wish; `Idle` ends the drain.
    pub fn poll(&mut self) -> Output {
        if let Some(output) = self.state.out.pop() {
            return output;
        }
        assert!(self.state.out.is_drained(), "Idle ends the drain");
        self.drained = true;
        Output::Idle(self.state.timers.next().map(|(at, why)| Deadline { at, why }))
    }

    /// The group.
    pub fn group(&self) -> GroupId {
        self.state.group
    }

    /// The first eight bytes of every frame on the direct lane that belongs to this engine.
    pub fn route_tag(&self) -> [u8; 8] {
        self.state.route
    }

    /// Whether a pairing request at this door is for this engine.
    pub fn answers(&self, door: &Door) -> bool {
        self.invites.answers(door)
    }

    fn perform(&mut self, released: Vec<Then>) {
        for then in released {
            match then {
                Then::Say(output) => self.state.out.now(output),
                Then::Bundle { newcomer, bundle } => {
                    invites::on_bundle(&mut self.invites, &mut self.state, newcomer, bundle);
                }
            }
        }
    }

    /// Hands facts round until all is quiet, then asks for the batch.
    fn finish(&mut self) {
        for _ in 0..MAX_ROUNDS {
            self.hand_round();
            let released = self.state.out.close();
            if released.is_empty() && !self.state.has_facts() {
                assert!(self.state.out.is_closed(), "a batch is asked for whole");
                assert!(
                    !self.state.tainted || !self.can_end_taint(),
                    "INV-2: a taint that I can end is ended at once"
                );
                return;
            }
            self.perform(released);
        }
        panic!("rooms answer each other without end");
    }

    /// Hands facts round until none is left.
    fn hand_round(&mut self) {
        while let Some(fact) = self.state.next_fact() {
            let touch = self.before_fact(&fact);
            self.on_fact(fact);
            self.after_fact(touch);
        }
    }

    /// Whether a commit of this device could end the taint now: it is in the epoch and has not committed from it.
    fn can_end_taint(&self) -> bool {
        // A member of better rank is given its moment unless something is to be said; the timer bounds that moment.
        self.state.is_member()
            && self.state.epochs.may_commit()
            && self.state.timers.due(Timer::CommitDue).is_none()
    }

    fn on_fact(&mut self, fact: Fact) {
        match fact {
            Fact::Operations(new) => self.on_operations(&new),
            Fact::Handed(from, new) => {
                reconcile::pass_on(&mut self.reconcile, &mut self.state, from, &new);
            }
            Fact::Acknowledged => self.on_operations(&[]),
            Fact::Words => commits::on_words(&mut self.commits, &mut self.state),
            Fact::Epoch => self.on_epoch(),
            Fact::Beacon => topics::refresh(&mut self.state),
            Fact::Made(_) | Fact::Told(..) => {}
            Fact::Contents(ids) => chat::on_contents(&mut self.chat, &mut self.state, &ids),
            Fact::Document(id) => {
                names::on_change(&mut self.state, &id);
                agenda::tell(&mut self.state);
                if let Some(name) = self.state.document.name() {
                    invites::on_rename(&mut self.invites, name);
                }
            }
            Fact::DocumentLie => {
                names::rebuild_document(&mut self.state);
                agenda::tell(&mut self.state);
            }
            Fact::Proven(peer) => self.on_proven(peer),
            Fact::Gone(peer, device) => {
                reconcile::on_gone(&mut self.reconcile, &peer);
                location::on_gone(&mut self.here, &mut self.state, &peer);
                if self.state.peers.of_device(&device).is_none() {
                    talk::handle(
                        &mut self.call,
                        &mut self.here,
                        &mut self.state,
                        CallInput::Unreachable(device),
                    );
                }
            }
            Fact::MustCommit => commits::commit_now(&mut self.commits, &mut self.state, false),
            Fact::Gap => reconcile::on_gap(&mut self.reconcile, &mut self.state),
            Fact::Forgotten(peer) => {
                // Whoever forwarded it may not be proven; another copy comes from who is.
                if self.state.peers.member(&peer).is_some() {
                    rejoin::on_stranded(&mut self.commits, &mut self.state, peer);
                }
            }
            Fact::Unreadable => rejoin::on_unreadable(&mut self.commits, &mut self.state),
            Fact::Stranded(peer) => reconcile::on_stranded(&mut self.reconcile, &mut self.state, peer),
        }
    }

    fn on_operations(&mut self, new: &[OpId]) {
        let state = &mut self.state;
        let kinds = new.iter().filter_map(|id| state.log.get(id)).map(|op| op.kind());
        let ends = new.is_empty()
            || kinds.into_iter().any(|k| matches!(k, OpKind::Remove { .. } | OpKind::DeviceRevoke { .. }));
        membership::on_operations(state, new);
        topics::refresh(state);
        handshake::on_operations(state, new);
        commits::on_operations(&mut self.commits, state);
        rejoin::on_operations(&mut self.commits, state);
        invites::refresh(&mut self.invites, state);
        chat::on_operations(&mut self.chat, state, new, ends);
        names::on_operations(state, new);
        agenda::tell(state);
        location::on_operations(&mut self.here, state);
        talk::refresh(&mut self.call, &mut self.here, state);
    }

    fn on_epoch(&mut self) {
        let state = &mut self.state;
        commits::on_epoch(&mut self.commits, state);
        if core::mem::take(&mut self.commits.made_here) {
            topics::ensure(state);
        }
        chat::flush(&mut self.chat, state);
        location::on_epoch(&mut self.here, state);
        talk::refresh(&mut self.call, &mut self.here, state);
    }

    fn on_proven(&mut self, peer: PeerKey) {
        let state = &mut self.state;
        commits::tell_epochs(state, peer);
        topics::on_proven(state, peer);
        location::on_proven(state, peer);
        if let Some(device) = state.peers.member(&peer) {
            talk::handle(&mut self.call, &mut self.here, state, CallInput::Reachable(device));
        }
        reconcile::on_proven(&mut self.reconcile, state, peer);
    }

    fn on_wake(&mut self) {
        while let Some(timer) = self.state.timers.take_due(self.state.now.mono) {
            let state = &mut self.state;
            match timer {
                Timer::LiveRefresh => location::on_refresh(&mut self.here, state),
                Timer::LiveFlush => location::on_flush(&mut self.here, state),
                Timer::LiveExpiry => location::on_expiry(&self.here, state),
                Timer::ShareEnd => location::on_share_end(&mut self.here, state),
                Timer::CommitDue => commits::on_due(&mut self.commits, state),
                Timer::Nack => rejoin::on_nack_due(&mut self.commits, state),
                Timer::Anchor => commits::on_anchor_due(state),
                Timer::Reconcile => reconcile::on_timer(&mut self.reconcile, &self.chat, state),
                Timer::PeerTimeout => handshake::on_timeout(state),
                Timer::InviteEnd | Timer::Pairing => invites::on_wake(&mut self.invites, state),
                Timer::Receipts => {
                    if chat::send_receipts(&mut self.chat, state, None).is_err() {
                        state.count("receipts that could not be written");
                    }
                }
                Timer::Settle => {
                    commits::on_settle(&mut self.commits, state);
                    state.timers.set(Timer::Settle, state.now.mono.after(SETTLE_EVERY));
                }
                Timer::Topics => {
                    topics::refresh(state);
                    topics::ensure(state);
                }
                Timer::Mailbox | Timer::Post | Timer::Meet => self.on_mail_due(timer),
                Timer::Call => talk::handle(&mut self.call, &mut self.here, state, CallInput::Wake),
            }
        }
    }

    fn on_command(&mut self, request: u64, command: Command) {
        match self.obey(command) {
            Ok(reply) => self.state.out.durable(Output::Reply { request, result: Ok(reply) }),
            Err(refusal) => self.state.out.now(Output::Reply { request, result: Err(refusal) }),
        }
    }

    fn obey(&mut self, command: Command) -> Result<Reply, Refusal> {
        let (state, chat) = (&mut self.state, &mut self.chat);
        if !state.is_member() {
            return Err(Refusal::NotMember);
        }
        if state.out.is_choked() {
            return Err(Refusal::Busy);
        }
        match command {
            Command::Say { text, reply_to } => {
                chat::check_text(&text)?;
                return chat::write(chat, state, Body::Chat { text, reply_to }).map(Reply::Message);
            }
            Command::Edit { message, text } => notes::edit(chat, state, message, text)?,
            Command::Delete { message } => notes::withdraw(chat, state, message)?,
            Command::React { message, emoji, on } => notes::react(chat, state, message, (emoji, on))?,
            Command::Agenda(ask) => return agenda::obey(chat, state, ask),
            Command::MarkRead { message } => {
                notes::known(chat, state, &message)?;
                chat::send_receipts(chat, state, Some(message))?;
            }
            Command::Share { lease } => location::share(&mut self.here, state, lease),
            Command::SetPrecision(precision) => location::set_precision(&mut self.here, state, precision),
            Command::MuteMicrophone(off) => {
                talk::handle(&mut self.call, &mut self.here, state, CallInput::MuteMicrophone(off));
            }
            Command::MuteSpeaker(off) => {
                talk::handle(&mut self.call, &mut self.here, state, CallInput::MuteSpeaker(off));
            }
            Command::JoinCall => talk::handle(&mut self.call, &mut self.here, state, CallInput::Join),
            Command::LeaveCall => talk::handle(&mut self.call, &mut self.here, state, CallInput::Leave),
            Command::Signal { to, bytes } => talk::signal(&mut self.call, &mut self.here, state, to, bytes)?,
            Command::Invite { max_uses, expiry, role } => {
                let life_ms = u64::try_from(expiry.as_millis()).unwrap_or(u64::MAX);
                return invites::open(&mut self.invites, state, max_uses, life_ms, role);
            }
            Command::CloseInvite(invite) => invites::close(&mut self.invites, state, invite)?,
            Command::Remove(account) => {
                // What the other wrote and we have seen counts only if we say so before we sign.
                chat::send_receipts(chat, state, None)?;
                membership::remove(state, account)?;
            }
            Command::RevokeDevice { device, word } => {
                chat::send_receipts(chat, state, None)?;
                membership::revoke(state, device, word)?;
            }
            Command::OpenForDevice { device, secret } => {
                invites::open_for_device(&mut self.invites, state, device, secret)?;
            }
            Command::SetRole { account, role } => membership::set_role(state, account, role)?,
            Command::SetHistory(history) => history::set(state, history)?,
            Command::Leave => membership::leave(state)?,
            Command::Rename(name) => names::rename(chat, state, name)?,
            Command::SetVia(via) => names::set_via(chat, state, via)?,
            Command::SetProfile { name } => names::set_profile(chat, state, name)?,
        }
        Ok(Reply::Done)
    }

    fn on_frame(&mut self, from: PeerKey, lane: Lane, bytes: Vec<u8>) {
        match lane {
            Lane::Gossip(topic) => self.on_gossip(from, &topic, &bytes),
            Lane::Direct => self.on_direct(from, &bytes),
            Lane::Pair => {
                invites::on_frame(&mut self.invites, &mut self.commits, &mut self.state, from, bytes);
            }
        }
    }

    /// The outer seal decides whether a frame is passed on; what is inside proves itself.
    fn on_gossip(&mut self, from: PeerKey, topic: &[u8; 32], bytes: &[u8]) {
        let opened = GossipFrame::parse(bytes).and_then(|frame| self.state.beacons.open(&frame, topic));
        let verdict = match opened {
            Ok(_) if self.state.is_member() => Verdict::Accept,
            Ok(_) | Err(WireError::UnknownKey | WireError::Version(_) | WireError::Kind(_)) => {
                Verdict::Ignore
            }
            Err(_) => Verdict::Reject,
        };
        debug_assert!(opened.is_ok() || verdict != Verdict::Accept, "nothing is passed on unopened");
        self.state.out.now(Output::Verdict(verdict));
        match opened {
            Ok(parcel) => self.on_parcel(from, parcel),
            Err(WireError::UnknownKey) => self.state.count("gossip under a beacon that is not known"),
            Err(_) => self.state.drop_frame(&from, "malformed gossip"),
        }
    }

    fn on_direct(&mut self, from: PeerKey, bytes: &[u8]) {
        let frame = match DirectFrame::parse(bytes, self.state.route) {
            Ok(frame) => frame,
            Err(_) => return self.state.drop_frame(&from, "malformed direct frame"),
        };
        if self.state.peers.get(&from).is_none() {
            return self.state.count("frame of a peer that is not up");
        }
        if !frame.precedes_proof() && self.state.peers.member(&from).is_none() {
            return self.state.count("frame before the proof");
        }
        let state = &mut self.state;
        match frame {
            DirectFrame::Hello { nonce } => handshake::on_hello(state, from, nonce),
            DirectFrame::Proof(proof) => handshake::on_proof(state, from, &proof),
            DirectFrame::Unknown { heads } => handshake::on_unknown(state, from, &heads),
            DirectFrame::Introduce(operations) => handshake::on_introduce(state, from, &operations),
            DirectFrame::Farewell { operations, acknowledgements } => {
                handshake::on_farewell(state, from, &operations, &acknowledgements);
            }
            DirectFrame::Parcel(Parcel { kind: ParcelKind::Operations, items }) => {
                reconcile::on_operations(&mut self.reconcile, state, from, &items);
            }
            DirectFrame::Parcel(parcel) => self.on_parcel(from, parcel),
            DirectFrame::Sync(frame) => {
                reconcile::on_frame(&mut self.reconcile, &mut self.chat, state, from, frame);
            }
            DirectFrame::Epochs(theirs) => commits::on_epochs(&mut self.commits, state, from, theirs),
            DirectFrame::Stranded => rejoin::on_stranded(&mut self.commits, state, from),
            DirectFrame::Rejoin(package) => rejoin::on_rejoin(&mut self.commits, state, &from, package),
            DirectFrame::Heads(heads) => reconcile::on_heads(&mut self.reconcile, state, from, &heads),
            DirectFrame::Welcome(seal) => rejoin::on_welcome(&mut self.commits, state, &from, &seal),
            frame @ (DirectFrame::Signal(_) | DirectFrame::Call(_)) => {
                talk::on_frame(&mut self.call, &mut self.here, state, from, frame);
            }
        }
    }
}

#[cfg(test)]
mod tests;
