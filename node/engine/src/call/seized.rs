//! For tests: all secrets of a call that lie in the memory of a device.

use halloo_crypto::id::{DeviceId, Incarnation};
use halloo_crypto::media::CallStep;

use super::{Call, EpochKey};

/// What an attacker takes.
pub(crate) struct Seized<'a> {
    /// Whose it is, and which start of it.
    pub(crate) me: (DeviceId, Incarnation),
    /// Steps of the chain, in order.
    pub(crate) steps: Vec<&'a CallStep>,
    /// Epochs whose exporters are at hand.
    pub(crate) epochs: Vec<&'a EpochKey>,
    /// All that its generator gave and will give follows from this.
    pub(crate) seed: [u8; 32],
}

impl Call {
    /// Whether the key that waits for a step, if one does, opens this one.
    pub(crate) fn one_use_opens(&mut self, aad: &[u8], sealed: &[u8]) -> bool {
        CallStep::open(&mut self.one_use, aad, sealed).is_ok()
    }

    /// Every secret of this call but keys derived from these, which are in the plans.
    pub(crate) fn seized(&self) -> Seized<'_> {
        Seized {
            me: (self.config.me, self.config.incarnation),
            steps: self.chain.iter().flat_map(|chain| chain.steps()).collect(),
            epochs: self.epochs.iter().chain(&self.sealing).collect(),
            seed: self.rng.get_seed(),
        }
    }
}
