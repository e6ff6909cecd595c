//! What a scenario can be asked before it runs: every error names the key and what to write instead.

use super::clock::{Span, When};
use super::compile::{self, MEMBERS_MAX};
use super::faults::{Kind, SPAM_PER_S, SPAM_PER_S_MAX};
use super::must::Bound;
use super::people::{Finds, GroupSpec};
use super::{Fidelity, Scenario, ScenarioError};
use crate::checks;
use crate::record::schemas;
use halloo_crdt::content::MAX_TEXT_BYTES;
use std::collections::BTreeMap;

/// Longest run, seconds: a month.
const SECONDS_MAX: f64 = 31.0 * 86_400.0;
/// Largest group in which everybody finds everybody: links grow with the square.
const FIND_ALL_MAX: u32 = 2_000;
/// Most members of a real run.
const REAL_MAX: usize = 20_000;
/// Judges that are not in the list of [`checks::all`] because the world itself holds them.
const WORLD_CHECKS: [&str; 4] = ["error-log", "start", "real-clock", "trace"];

type Checked = Result<(), ScenarioError>;

fn wrong(key: impl Into<String>, what: impl Into<String>) -> ScenarioError {
    ScenarioError::Key { key: key.into(), what: what.into() }
}

fn refuse(key: impl Into<String>, what: Option<String>) -> Checked {
    what.map_or(Ok(()), |what| Err(wrong(key, what)))
}

impl Scenario {
    /// Refuses what cannot be run.
    pub(super) fn check(&self, files: &BTreeMap<String, String>) -> Checked {
        self.check_head()?;
        self.check_groups()?;
        self.check_network()?;
        self.check_people()?;
        self.check_faults()?;
        self.check_must()?;
        if let Some((key, why)) = self.beyond_the_abstract() {
            let what = format!("{why}; take it out, or write fidelity = \"real\"");
            return Err(wrong(key, format!("the abstract tier knows nothing of it: {what}")));
        }
        // Whom lines mean, and tracks, are found as they will be in the run.
        compile::plan(self, files, self.first_seed).map(|_| ())
    }

    fn check_head(&self) -> Checked {
        if self.why.split_whitespace().count() < 3 {
            return Err(wrong("why", "say in one sentence why this scenario is worth running"));
        }
        if !(self.seconds >= 1.0 && self.seconds <= SECONDS_MAX) {
            return Err(wrong("seconds", format!("must be from 1 to {SECONDS_MAX}")));
        }
        if !(0.0..=self.seconds).contains(&self.settle_s) {
            return Err(wrong("settle_s", format!("must be from 0 to seconds = {}", self.seconds)));
        }
        if self.seeds == 0 {
            return Err(wrong("seeds", "must be at least 1"));
        }
        Ok(())
    }

    fn check_groups(&self) -> Checked {
        if self.groups.is_empty() {
            return Err(wrong("groups", "there is nobody; write [[groups]] with members = 6"));
        }
        for (n, group) in self.groups.iter().enumerate() {
            self.check_group(&format!("groups[{n}]"), group)?;
        }
        let members: u64 =
            self.groups.iter().map(|g| u64::from(g.most.unwrap_or(g.members)) * u64::from(g.copies)).sum();
        let most = if self.fidelity == Fidelity::Abstract { MEMBERS_MAX } else { REAL_MAX };
        if members > most as u64 {
            let what = format!(
                "{members} members are more than {most}; fidelity = \"abstract\" takes {MEMBERS_MAX}"
            );
            return Err(wrong("groups", what));
        }
        Ok(())
    }

    fn check_group(&self, key: &str, group: &GroupSpec) -> Checked {
        if group.members == 0 {
            return Err(wrong(format!("{key}.members"), "must be at least 1"));
        }
        if group.copies == 0 {
            return Err(wrong(format!("{key}.copies"), "must be at least 1"));
        }
        if group.outside >= group.members {
            return Err(wrong(
                format!("{key}.outside"),
                "must be less than members: somebody founds the group",
            ));
        }
        if let Some(most) = group.most.filter(|most| *most < group.members) {
            let what =
                format!("is {most}, below members = {}, which half of the seeds exceed", group.members);
            return Err(wrong(format!("{key}.most"), what));
        }
        if group.finds == Finds::Everybody && group.most.unwrap_or(group.members) > FIND_ALL_MAX {
            let what = format!(
                "everybody finds everybody only up to {FIND_ALL_MAX} members; write {{ dials = 20 }}"
            );
            return Err(wrong(format!("{key}.finds"), what));
        }
        if !(0.0..=1.0).contains(&group.nat) {
            return Err(wrong(format!("{key}.nat"), "is a share, from 0 to 1"));
        }
        let spans = [
            ("join_every_s", Some(group.join_every_s)),
            ("find_s", Some(group.find_s)),
            ("found_s", group.found_s),
        ];
        for (name, span) in spans {
            refuse(format!("{key}.{name}"), span.and_then(|span| span.wrong(0.0)))?;
        }
        let known = self.links.sites().unwrap_or(1_000_000);
        if let Some(site) = group.sites.iter().find(|site| **site as usize >= known) {
            return Err(wrong(
                format!("{key}.sites"),
                format!("links.delay knows {known} sites, there is no site {site}"),
            ));
        }
        Ok(())
    }

    fn check_network(&self) -> Checked {
        if let Some((below, what)) = self.links.wrong() {
            return Err(wrong(format!("links{below}"), what));
        }
        if let Some(disk) = self.disk {
            refuse("disk.write_ms", disk.write_ms.wrong(0.0))?;
            refuse(
                "disk.torn",
                (!(0.0..=1.0).contains(&disk.torn)).then(|| "is a share, from 0 to 1".into()),
            )?;
        }
        if let Some(radio) = self.radio {
            if self.moves.is_empty() {
                return Err(wrong("radio", "nobody moves; add [[moves]], or leave radio out"));
            }
            if !(radio.range_m > 0.0 && radio.range_m.is_finite() && (0.0..=10.0).contains(&radio.hold)) {
                return Err(wrong("radio", "needs range_m above 0 and hold from 0 to 10"));
            }
        }
        for (n, moves) in self.moves.iter().enumerate() {
            refuse(format!("moves[{n}].path"), moves.path.wrong())?;
            let every = moves.fix_every_s;
            if !(every == 0.0 || (0.1..=86_400.0).contains(&every)) {
                return Err(wrong(
                    format!("moves[{n}].fix_every_s"),
                    "must be at least 0.1, or 0 for no positions",
                ));
            }
            if moves.share_from_s.is_some_and(|from| !(0.0..=self.seconds).contains(&from)) {
                return Err(wrong(format!("moves[{n}].share_from_s"), "is outside the run"));
            }
        }
        Ok(())
    }

    fn when(&self, key: &str, when: &When) -> Checked {
        match when.wrong(self.seconds) {
            Some((below, what)) => Err(wrong(format!("{key}.when{below}"), what)),
            None => Ok(()),
        }
    }

    fn check_people(&self) -> Checked {
        let span = |key: String, span: Span| refuse(key, span.wrong(0.0));
        for (n, says) in self.says.iter().enumerate() {
            self.when(&format!("says[{n}]"), &says.when)?;
            span(format!("says[{n}].bytes"), says.bytes)?;
            let most = MAX_TEXT_BYTES - 16;
            if says.bytes.ends().1 > most as f64 {
                return Err(wrong(format!("says[{n}].bytes"), format!("a message has at most {most}")));
            }
        }
        for (n, calls) in self.calls.iter().enumerate() {
            self.when(&format!("calls[{n}]"), &calls.when)?;
            span(format!("calls[{n}].answer_s"), calls.answer_s)?;
            span(format!("calls[{n}].lasts_s"), calls.lasts_s)?;
            span(format!("calls[{n}].speech_s"), calls.speech_s)?;
            span(format!("calls[{n}].silence_s"), calls.silence_s)?;
        }
        let whens = (self.joins.iter().map(|x| ("joins", &x.when)))
            .chain(self.removes.iter().map(|x| ("removes", &x.when)))
            .chain(self.leaves.iter().map(|x| ("leaves", &x.when)))
            .chain(self.roles.iter().map(|x| ("roles", &x.when)))
            .chain(self.histories.iter().map(|x| ("histories", &x.when)))
            .chain(self.renames.iter().map(|x| ("renames", &x.when)));
        for (key, when) in whens {
            self.when(key, when)?;
        }
        Ok(())
    }

    fn check_faults(&self) -> Checked {
        for (n, partitions) in self.partitions.iter().enumerate() {
            let key = format!("partitions[{n}]");
            let by_hand = !partitions.islands.is_empty();
            if by_hand == partitions.random_islands.is_some() {
                return Err(wrong(
                    format!("{key}.islands"),
                    "give either islands = [\"0-3\", \"4-7\"] or random_islands = [2, 8]",
                ));
            }
            if partitions.random_islands.is_some_and(|[low, high]| low < 2 || high > 8 || low > high) {
                return Err(wrong(
                    format!("{key}.random_islands"),
                    "must be two numbers from 2 to 8, the smaller first",
                ));
            }
            if !(0.0..=10.0).contains(&partitions.skew) {
                return Err(wrong(format!("{key}.skew"), "must be from 0 to 10"));
            }
        }
        for (n, adversaries) in self.adversaries.iter().enumerate() {
            let floods = adversaries.kind == Kind::Spammer;
            let rate = adversaries.per_s.unwrap_or(SPAM_PER_S);
            if !floods && adversaries.per_s.is_some() || !(1..=SPAM_PER_S_MAX).contains(&rate) {
                return Err(wrong(
                    format!("adversaries[{n}].per_s"),
                    format!("belongs to kind = \"spammer\" and is from 1 to {SPAM_PER_S_MAX}"),
                ));
            }
        }
        for (n, churn) in self.churn.iter().enumerate() {
            if !(churn.on_s > 0.1 && churn.off_s > 0.1 && (0.0..=self.seconds).contains(&churn.from_s)) {
                return Err(wrong(
                    format!("churn[{n}]"),
                    "on_s and off_s must be above 0.1, from_s inside the run",
                ));
            }
        }
        let lasting = (self.partitions.iter().map(|x| ("partitions", &x.when, Some(x.lasts_s))))
            .chain(self.cuts.iter().map(|x| ("cuts", &x.when, Some(x.lasts_s))))
            .chain(self.crashes.iter().map(|x| ("crashes", &x.when, x.lasts_s)))
            .chain(self.sleeps.iter().map(|x| ("sleeps", &x.when, Some(x.lasts_s))))
            .chain(self.stuck_disks.iter().map(|x| ("stuck_disks", &x.when, Some(x.lasts_s))))
            .chain(self.weather.iter().map(|x| ("weather", &x.when, Some(x.lasts_s))));
        for (key, when, lasts) in lasting {
            self.when(key, when)?;
            refuse(format!("{key}.lasts_s"), lasts.and_then(|lasts| lasts.wrong(0.0)))?;
        }
        for (n, weather) in self.weather.iter().enumerate() {
            if let Some((below, what)) = weather.links.wrong() {
                return Err(wrong(format!("weather[{n}].links{below}"), what));
            }
        }
        for (n, skews) in self.skews.iter().enumerate() {
            skews.when.as_ref().map_or(Ok(()), |when| self.when(&format!("skews[{n}]"), when))?;
            refuse(format!("skews[{n}].by_s"), skews.by_s.wrong(-1e9))?;
        }
        Ok(())
    }

    fn check_must(&self) -> Checked {
        let mut known: Vec<&str> = checks::all().iter().map(|check| check.name()).collect();
        known.extend(WORLD_CHECKS);
        for (n, name) in self.must.except.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                return Err(wrong(
                    format!("must.except[{n}]"),
                    format!("there is no judge {name:?}; they are {known:?}"),
                ));
            }
        }
        for (n, name) in self.record.tables.iter().flatten().enumerate() {
            if schemas::by_name(name).is_none() {
                let known: Vec<&str> = schemas::ALL.iter().map(|schema| schema.name).collect();
                return Err(wrong(
                    format!("record.tables[{n}]"),
                    format!("there is no table {name:?}; they are {known:?}"),
                ));
            }
        }
        for (n, text) in self.must.figures.iter().enumerate() {
            Bound::read(text).map_err(|what| wrong(format!("must.figures[{n}]"), what))?;
        }
        Ok(())
    }
}
