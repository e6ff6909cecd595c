//! What people do: come, write, call, leave, take out, rename.

use super::{Turn, Work};
use crate::chance::{between, unit};
use crate::net::links::HostId;
use crate::plan::Act;
use crate::scenario::ScenarioError;
use crate::scenario::clock::us;
use crate::scenario::people::{Calls, RoleName};
use halloo_crdt::log::{History, Role};
use rand_chacha::ChaCha20Rng;

/// Words that messages are made of; ten, so that texts compress like talk rather than like noise.
const WORDS: [&str; 10] =
    ["left", "wait", "bridge", "fuel", "ready", "behind", "rain", "summit", "halloo", "coffee"];
/// Within this many seconds after the first has hung up, the others do.
const HANG_UP_S: f64 = 1.0;
/// The end of a call lies at least this long before the end of a run, seconds.
const CALL_MARGIN_S: f64 = 1.0;

impl Work<'_> {
    /// Everything that people do.
    pub(super) fn people(&mut self) -> Result<(), ScenarioError> {
        self.joins()?;
        self.says()?;
        self.calls()?;
        self.removes()?;
        self.others()
    }

    fn joins(&mut self) -> Result<(), ScenarioError> {
        for (n, joins) in self.scenario.joins.iter().enumerate() {
            let key = format!("joins[{n}]");
            let mut rng = self.rng(&key);
            for Turn { at_us, who } in self.one_by_one(&format!("{key}.who"), &joins.who, &joins.when)? {
                let via = self.mate(&format!("{key}.via"), who, joins.via.as_ref(), &mut rng)?;
                let late = at_us.saturating_sub(self.arrivals_us[who as usize]);
                for (at, _) in &mut self.hosts[who as usize].finds {
                    *at += late;
                }
                self.act(at_us, Act::Join { who, via });
            }
        }
        Ok(())
    }

    fn says(&mut self) -> Result<(), ScenarioError> {
        let mut number = 0_u64;
        for (n, says) in self.scenario.says.iter().enumerate() {
            let key = format!("says[{n}]");
            let mut rng = self.rng(&key);
            for Turn { at_us, who } in self.turns(&key, &says.who, &says.when)? {
                number += 1;
                let text = text(number, says.bytes.draw(&mut rng) as usize, &mut rng);
                self.act(at_us, Act::Say(who, text));
            }
        }
        Ok(())
    }

    fn calls(&mut self) -> Result<(), ScenarioError> {
        for (n, calls) in self.scenario.calls.iter().enumerate() {
            let key = format!("calls[{n}]");
            let crowd = self.find(&format!("{key}.who"), &calls.who)?;
            let mut rng = self.rng(&key);
            for at_us in calls.when.times(self.calm_s(), &mut rng) {
                self.call(calls, &crowd.draw(&mut rng), at_us, &mut rng);
            }
        }
        Ok(())
    }

    fn call(&mut self, calls: &Calls, who: &[HostId], at_us: u64, rng: &mut ChaCha20Rng) {
        let latest = us(self.scenario.seconds - CALL_MARGIN_S);
        let end = (at_us + us(calls.lasts_s.draw(rng))).min(latest.max(at_us));
        let mut there = Vec::new();
        for (number, host) in who.iter().enumerate() {
            let first = number == 0;
            let come = if first { at_us } else { at_us + us(calls.answer_s.draw(rng)) };
            let go = if first { end } else { end + us(HANG_UP_S * unit(rng)) };
            if come < end {
                self.act(come, Act::Call(*host, true));
                self.act(come, Act::Mute(*host, false));
                self.act(go, Act::Call(*host, false));
                there.push((come, *host));
            }
        }
        // They speak in turn, from when the first has answered.
        let mut at = there.get(1).map_or(end, |(come, _)| *come);
        while at < end {
            at += us(calls.silence_s.draw(rng).max(0.02));
            let here: Vec<_> = there.iter().filter(|(come, _)| *come < at).collect();
            let until = (at + us(calls.speech_s.draw(rng).max(0.02))).min(end);
            let Some(last) = here.len().checked_sub(1).filter(|_| at < until) else { continue };
            let place = usize::try_from(between(rng, 0, last as u64)).expect("a place in a list");
            let speaker = here[place].1;
            self.act(at, Act::Speak(speaker, true));
            self.act(until, Act::Speak(speaker, false));
            at = until;
        }
    }

    fn removes(&mut self) -> Result<(), ScenarioError> {
        for (n, removes) in self.scenario.removes.iter().enumerate() {
            let key = format!("removes[{n}]");
            let mut rng = self.rng(&key);
            for Turn { at_us, who } in
                self.one_by_one(&format!("{key}.whom"), &removes.whom, &removes.when)?
            {
                let by = self.mate(&format!("{key}.by"), who, removes.by.as_ref(), &mut rng)?;
                self.act(at_us, Act::Remove { by, whom: who });
            }
        }
        Ok(())
    }

    fn others(&mut self) -> Result<(), ScenarioError> {
        for (n, leaves) in self.scenario.leaves.iter().enumerate() {
            for Turn { at_us, who } in
                self.one_by_one(&format!("leaves[{n}].who"), &leaves.who, &leaves.when)?
            {
                self.act(at_us, Act::Leave(who));
            }
        }
        for (n, roles) in self.scenario.roles.iter().enumerate() {
            let key = format!("roles[{n}]");
            let mut rng = self.rng(&key);
            let role = match roles.role {
                RoleName::Member => Role::Member,
                RoleName::Moderator => Role::Moderator,
                RoleName::Admin => Role::Admin,
                RoleName::Owner => Role::Owner,
            };
            for Turn { at_us, who } in self.one_by_one(&format!("{key}.whom"), &roles.whom, &roles.when)? {
                let by = self.mate(&format!("{key}.by"), who, roles.by.as_ref(), &mut rng)?;
                self.act(at_us, Act::Role { by, whom: who, role });
            }
        }
        for (n, said) in self.scenario.histories.iter().enumerate() {
            for Turn { at_us, who } in self.turns(&format!("histories[{n}]"), &said.who, &said.when)? {
                self.act(at_us, Act::History(who, History { lines: said.lines, days: said.days }));
            }
        }
        let mut number = 0;
        for (n, renames) in self.scenario.renames.iter().enumerate() {
            for Turn { at_us, who } in self.turns(&format!("renames[{n}]"), &renames.who, &renames.when)? {
                number += 1;
                self.act(at_us, Act::Rename(who, format!("name {number}")));
            }
        }
        Ok(())
    }
}

/// A text of about so many bytes; its number makes it unlike any other.
fn text(number: u64, bytes: usize, rng: &mut ChaCha20Rng) -> String {
    let mut text = format!("#{number}");
    while text.len() < bytes {
        let word = usize::try_from(between(rng, 0, WORDS.len() as u64 - 1)).expect("a place in a list");
        text.push(' ');
        text.push_str(WORDS[word]);
    }
    text
}
