//! Every story of a kind, level by level: who acts, knowing what, and every order in which an onlooker can hear of it.
//!
//! A story is a set of acts, each with what its author knew. Stories of *n + 1* acts come from those of *n* by one more act that nothing
//! follows, and one story has as many parents as it has last acts. An onlooker who hears a story act by act therefore walks one of
//! the ways that lead to it, so carrying all onlookers from level to level tries all orders of delivery.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::model::{Fact, Facts, Fitness, Id, Ids, ROOT, Role, Verdict};
use crate::people::{Act, Clock, DEVICES, Scene, device, join, knowledge, knows};

/// Commits that one device alone may need until the epoch is that of the log.
const PATIENCE: usize = 3;

/// What goes wrong in a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// A device came back to a branch that it had left, and no anchor had appeared.
    Lasso,
    /// Two devices know the same and are not of one mind.
    TwoVerdicts,
    /// A device that stands, alone and with all that there is, cannot reach an epoch that is the roster's.
    Stuck,
    /// What an anchor had decided was decided otherwise.
    AnchorUndone,
    /// No owner is left.
    NobodyInCharge,
}

/// The answer to a set of facts.
pub struct View {
    pub verdict: Verdict,
    pub fit: Ids,
    pub tip: Id,
    anchors: BTreeSet<(Id, Id)>,
}

/// Somebody who hears of a story act by act.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Onlooker {
    /// The device that looks on; 0: somebody whom nobody adds or removes.
    who: Id,
    tip: Id,
    /// The children by which it left a branch.
    left: Ids,
    /// Where commits are judged once: those judged, and those taken.
    judged: Ids,
    taken: Ids,
}

/// A story with all its onlookers.
type Level = BTreeMap<Vec<Act>, BTreeSet<Onlooker>>;

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Stories by number of acts.
    pub stories: Vec<usize>,
    /// The first story that goes wrong, told.
    pub wrong: Option<(Wrong, String)>,
}

pub struct Explorer {
    pub scene: Scene,
    facts: Vec<Fact>,
    numbers: BTreeMap<Fact, u32>,
    views: BTreeMap<Vec<u32>, Rc<View>>,
}

/// One of each, at the beginning.
fn all_onlookers() -> BTreeSet<Onlooker> {
    let at = |who| Onlooker { who, tip: ROOT, left: Ids::new(), judged: Ids::new(), taken: Ids::new() };
    [0].into_iter().chain((0..DEVICES).map(device)).map(at).collect()
}

impl Explorer {
    pub fn new(scene: Scene) -> Self {
        Self { scene, facts: Vec::new(), numbers: BTreeMap::new(), views: BTreeMap::new() }
    }

    fn number(&mut self, fact: Fact) -> u32 {
        let next = u32::try_from(self.facts.len()).expect("fewer facts than that");
        if let Some(known) = self.numbers.get(&fact) {
            return *known;
        }
        self.numbers.insert(fact.clone(), next);
        self.facts.push(fact);
        next
    }

    fn facts(&self, numbers: &[u32]) -> Facts {
        let known = numbers.iter().map(|number| &self.facts[*number as usize]);
        Facts::new(self.scene.base.iter().chain(known), &self.scene.first, self.scene.rules)
    }

    /// The answer to these facts, whoever asks.
    fn view(&mut self, mut numbers: Vec<u32>) -> Rc<View> {
        numbers.sort_unstable();
        if let Some(view) = self.views.get(&numbers) {
            return Rc::clone(view);
        }
        let facts = self.facts(&numbers);
        let verdict = facts.log.verdict();
        let fit = facts.fit();
        let tip = facts.chosen(&fit, &verdict);
        let view = Rc::new(View { verdict, fit, tip, anchors: facts.anchors() });
        self.views.insert(numbers, Rc::clone(&view));
        view
    }

    /// All stories of at most so many acts, or up to the first that goes wrong.
    pub fn explore(&mut self, most: usize) -> Report {
        let mut level: Level = BTreeMap::from([(Vec::new(), all_onlookers())]);
        let mut report = Report { stories: vec![1], wrong: None };
        for _ in 0..most {
            let mut next = Level::new();
            for (story, onlookers) in &level {
                for act in self.next_acts(story) {
                    let mut longer = story.clone();
                    longer.push(act);
                    longer.sort_unstable();
                    match self.hear(story, &longer, onlookers) {
                        Ok(heard) => next.entry(longer).or_default().extend(heard),
                        Err(wrong) => report.wrong = Some((wrong, self.tell(&longer))),
                    }
                    if report.wrong.is_some() {
                        return report;
                    }
                }
            }
            report.stories.push(next.len());
            for (story, onlookers) in &next {
                if let Err(wrong) = self.check(story, onlookers) {
                    report.wrong = Some((wrong, self.tell(story)));
                    return report;
                }
            }
            level = next;
        }
        report
    }

    /// Every act that can come next. An honest device acts by all that it knows, the liar as if it were any time before.
    fn next_acts(&mut self, story: &[Act]) -> Vec<Act> {
        let mut acts = BTreeSet::new();
        for by in 0..DEVICES {
            for clock in knowledge(story, by) {
                let mut pretended = vec![clock];
                if self.scene.liar == Some(by) {
                    pretended
                        .extend(story.iter().map(|act| act.clock).filter(|old| join(old, &clock) == clock));
                    pretended.push(Clock::default());
                }
                for as_if in pretended {
                    let known = known(story, &as_if);
                    let view = self.view(known.clone());
                    let facts = self.facts(&known);
                    let stance = facts.stance(device(by), &view.fit, &view.verdict).unwrap_or(ROOT);
                    for fact in self.scene.moves(device(by), &facts, &view.verdict, &view.fit, stance) {
                        let mut clock: Clock = clock;
                        clock[by] += 1;
                        acts.insert(Act { by: by as u8, clock, fact: self.number(fact) });
                    }
                }
            }
        }
        // A liar may say the same again, which is nothing new.
        acts.retain(|act| !story.iter().any(|old| old.fact == act.fact));
        acts.into_iter().collect()
    }

    /// One random story: so many acts, each chosen among all that could come next.
    pub fn wander(&mut self, acts: usize, mut choose: impl FnMut(usize) -> usize) -> Option<(Wrong, String)> {
        let mut story = Vec::new();
        let mut onlookers = all_onlookers();
        for _ in 0..acts {
            let next = self.next_acts(&story);
            if next.is_empty() {
                break;
            }
            let mut longer = story.clone();
            longer.push(next[choose(next.len())]);
            longer.sort_unstable();
            match self.hear(&story, &longer, &onlookers) {
                Ok(heard) => onlookers = heard,
                Err(wrong) => return Some((wrong, self.tell(&longer))),
            }
            if let Err(wrong) = self.check(&longer, &onlookers) {
                return Some((wrong, self.tell(&longer)));
            }
            story = longer;
        }
        None
    }

    /// What each onlooker makes of the act by which `after` is longer.
    fn hear(
        &mut self,
        before: &[Act],
        after: &[Act],
        onlookers: &BTreeSet<Onlooker>,
    ) -> Result<BTreeSet<Onlooker>, Wrong> {
        let (old, numbers) = (self.view(numbers(before)), numbers(after));
        let (new, facts) = (self.view(numbers.clone()), self.facts(&numbers));
        let kept = |remove: &Id, settled: &Ids| {
            new.verdict.anchored.get(remove).is_some_and(|now| settled.is_subset(now))
        };
        let decided = |anchors: &BTreeSet<(Id, Id)>, a: Id, b: Id| {
            anchors.contains(&(a, b)) && !anchors.contains(&(b, a))
        };
        let undone =
            old.anchors.iter().any(|(a, b)| decided(&old.anchors, *a, *b) && !decided(&new.anchors, *a, *b));
        // Two words of one device can anchor both sides: the one exception that the rules know.
        let honest = self.scene.liar.is_none();
        if honest && (undone || !old.verdict.anchored.iter().all(|(remove, settled)| kept(remove, settled))) {
            return Err(Wrong::AnchorUndone);
        }
        let anchor = old.verdict.anchored != new.verdict.anchored || old.anchors != new.anchors;
        onlookers.iter().map(|onlooker| self.moved(onlooker, &facts, &new, anchor)).collect()
    }

    fn moved(&self, old: &Onlooker, facts: &Facts, view: &View, anchor: bool) -> Result<Onlooker, Wrong> {
        let mut new = old.clone();
        let mut fit = view.fit.clone();
        if self.scene.rules.fitness == Fitness::Once {
            for commit in facts.commits.values() {
                if new.judged.insert(commit.id) && facts.fits(commit) {
                    new.taken.insert(commit.id);
                }
            }
            fit.clone_from(&new.taken);
        }
        new.tip = match old.who {
            0 => facts.chosen(&fit, &view.verdict),
            who => facts.stance(who, &fit, &view.verdict).unwrap_or(ROOT),
        };
        if facts.follows(new.tip, old.tip) {
            return Ok(new);
        }
        let mut gone = old.tip;
        while let Some(parent) = facts.parent(gone).filter(|parent| !facts.follows(new.tip, *parent)) {
            gone = parent;
        }
        new.left.insert(gone);
        let back: Ids = new.left.iter().copied().filter(|left| facts.follows(new.tip, *left)).collect();
        if !back.is_empty() && !anchor {
            return Err(Wrong::Lasso);
        }
        new.left.retain(|left| !back.contains(left));
        Ok(new)
    }

    /// What must hold after every story.
    fn check(&mut self, story: &[Act], onlookers: &BTreeSet<Onlooker>) -> Result<(), Wrong> {
        let minds: BTreeSet<(Id, Id)> =
            onlookers.iter().map(|onlooker| (onlooker.who, onlooker.tip)).collect();
        if minds.len() != DEVICES + 1 {
            return Err(Wrong::TwoVerdicts);
        }
        let numbers = numbers(story);
        let view = self.view(numbers.clone());
        if !view.verdict.members.values().any(|(role, _)| *role == Role::Owner) {
            return Err(Wrong::NobodyInCharge);
        }
        let mut stand: Vec<Id> = self.scene.first.intersection(&view.verdict.devices()).copied().collect();
        stand.retain(|who| self.scene.liar.is_none_or(|liar| device(liar) != *who));
        for alone in &stand {
            self.ends_alone(*alone, numbers.clone())?;
        }
        for quickest in 0..stand.len() {
            let mut order = stand.clone();
            order.rotate_left(quickest);
            self.comes_together(&order, numbers.clone(), onlookers.clone())?;
        }
        Ok(())
    }

    /// The commit that the log asks of this device, if it asks one, when it knows all this.
    fn due(&self, by: Id, view: &View, facts: &Facts) -> Result<Option<Fact>, Wrong> {
        let stance = facts.stance(by, &view.fit, &view.verdict).ok_or(Wrong::Stuck)?;
        let Some(plan) = facts.plan(stance, &view.verdict) else { return Ok(None) };
        if !facts.may_commit(by, stance, &view.fit) {
            return Err(Wrong::Stuck);
        }
        Ok(Some(Fact::Commit(facts.commit(by, stance, plan, self.scene.salt))))
    }

    /// One device has all that there is and nobody answers: it reaches an epoch that is the roster's.
    fn ends_alone(&mut self, alone: Id, mut numbers: Vec<u32>) -> Result<(), Wrong> {
        for _ in 0..PATIENCE {
            let (view, facts) = (self.view(numbers.clone()), self.facts(&numbers));
            match self.due(alone, &view, &facts)? {
                Some(commit) => numbers.push(self.number(commit)),
                None => {
                    let reached = facts.stance(alone, &view.fit, &view.verdict);
                    let reached = reached.is_some_and(|at| *facts.leaves(at) == view.verdict.devices());
                    return if reached { Ok(()) } else { Err(Wrong::Stuck) };
                }
            }
        }
        Err(Wrong::Stuck)
    }

    /// Everybody has all that there is, and always the first who has something to commit is the quickest: all who stand come to
    /// one epoch, the roster's.
    fn comes_together(
        &mut self,
        order: &[Id],
        mut numbers: Vec<u32>,
        mut onlookers: BTreeSet<Onlooker>,
    ) -> Result<(), Wrong> {
        for _ in 0..PATIENCE {
            let (view, facts) = (self.view(numbers.clone()), self.facts(&numbers));
            let mut due = order.iter().filter_map(|by| self.due(*by, &view, &facts).ok().flatten());
            let Some(commit) = due.next() else {
                let devices = view.verdict.devices();
                let stand = |onlooker: &&Onlooker| devices.contains(&onlooker.who) || onlooker.who == 0;
                let one = onlookers.iter().filter(stand).all(|onlooker| onlooker.tip == view.tip);
                return match (one, *facts.leaves(view.tip) == devices) {
                    (true, true) => Ok(()),
                    (false, _) => Err(Wrong::TwoVerdicts),
                    (true, false) => Err(Wrong::Stuck),
                };
            };
            drop(due);
            numbers.push(self.number(commit));
            let (view, facts) = (self.view(numbers.clone()), self.facts(&numbers));
            let heard: Result<_, Wrong> =
                onlookers.iter().map(|onlooker| self.moved(onlooker, &facts, &view, false)).collect();
            onlookers = heard?;
        }
        Err(Wrong::Stuck)
    }

    /// The story for people.
    fn tell(&self, story: &[Act]) -> String {
        let line = |act: &Act| format!("{} at {:?}: {:?}", act.by, act.clock, self.facts[act.fact as usize]);
        story.iter().map(line).collect::<Vec<String>>().join("\n")
    }
}

fn numbers(story: &[Act]) -> Vec<u32> {
    story.iter().map(|act| act.fact).collect()
}

fn known(story: &[Act], clock: &Clock) -> Vec<u32> {
    story.iter().filter(|act| knows(clock, act)).map(|act| act.fact).collect()
}
