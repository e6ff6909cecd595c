//! `prove heal.12`: real processes on two bridges, split three and three for a minute in which both sides live on, and healed: lines,
//! edits, reactions, votes and tasks of both sides are the same at everybody afterwards.
//!
//! ```text
//!  near: Ana (owner), Ben, Cleo   ----- cable -----   far: Dan (admin), Eva, Fay
//!  apart:  lets in Gil, puts out Fay and Ben           lets in Hal, puts out Cleo
//!  after:  Ana, Dan, Eva, Gil and Hal are one group; Ben, Cleo and Fay read nothing since
//! ```

mod figures;
mod stage;
mod voice;
mod words;

use super::super::Size;
use super::super::people;
use crate::prove::homes::Homes;
use anyhow::{Result, ensure};
use figures::Figures;
use halloo_lab::{Lab, mono_ns};
use stage::{Cast, Line, NAMES, STAY};
use std::time::{Duration, Instant};
use words::Words;

/// How long the halves are apart at full size. At small size they are as long as what they do takes.
const APART: Duration = Duration::from_secs(60);
/// At full size every member writes so often while apart.
const BEAT: Duration = Duration::from_secs(2);
/// The last so much of the time apart nothing is written, so that what the removed wrote has been answered for.
const QUIET: Duration = Duration::from_secs(3);

/// What one half does while the cable is cut; places in [`NAMES`].
struct Half {
    /// Who is there, who decides first.
    here: [usize; 3],
    newcomer: usize,
    /// Put out by who decides.
    out: &'static [usize],
    /// Who is in the group as this half sees it, in the end.
    left: &'static [usize],
    /// The name that who decides takes.
    renamed: &'static str,
}

const HALVES: [Half; 2] = [
    Half { here: [0, 1, 2], newcomer: 6, out: &[5, 1], left: &[0, 2, 3, 4, 6], renamed: "Anna" },
    Half { here: [3, 4, 5], newcomer: 7, out: &[2], left: &[0, 1, 3, 4, 5, 7], renamed: "Daniel" },
];

/// `prove heal.12`.
pub fn run(size: Size) -> Result<()> {
    let bin = people::halloo(size)?;
    let Some(mut lab) = Lab::or_skip() else { return Ok(()) };
    let cable = lab.far_bridge()?;
    let mut hosts = Vec::new();
    for (at, name) in NAMES.iter().enumerate() {
        let far = HALVES[1].here.contains(&at) || HALVES[1].newcomer == at;
        hosts.push(if far { lab.far_host(name)? } else { lab.host(name)? });
    }
    let folder = Homes::open()?;
    let cast = Cast::gather(&bin, folder.path(), &hosts)?;
    let mut before = cast.everybody_writes("before", &[0, 1, 2, 3, 4, 5], &[0, 3, 4])?;
    let (words, drafts) = Words::begin(&cast)?;
    before.extend(drafts);
    cast.wait_for(&before, &[0, 1, 2, 3, 4, 5])?;
    let watched = cast.watch()?;
    cable.cut()?;
    let until = Instant::now() + if size == Size::Full { APART } else { Duration::ZERO };
    let apart: Vec<Result<Vec<Line>>> = std::thread::scope(|scope| {
        let halves: Vec<_> =
            HALVES.iter().map(|half| scope.spawn(|| live_apart(&cast, &words, half, until))).collect();
        halves.into_iter().map(|half| half.join().expect("a half does not panic")).collect()
    });
    let mut lines = before;
    Words::afterwards(&mut lines);
    for half in apart {
        lines.extend(half?);
    }
    // The time apart itself, not a wait for something to come true.
    std::thread::sleep(until.saturating_duration_since(Instant::now()));
    let healed = (Instant::now(), mono_ns());
    cable.mend()?;
    cast.one_group(&lines)?;
    let after = cast.everybody_writes("after", &STAY, &STAY)?;
    cast.wait_for(&after, &STAY)?;
    lines.extend(after);
    let marked = words.agreed(&cast)?;
    cast.heard_across(healed.1)?;
    cast.gone_hear_nothing()?;
    let figures = Figures::of(&cast, watched, &lines, healed)?;
    figures.print();
    println!("{marked} lines are marked as written apart, the same at everybody who was there");
    ensure!(size == Size::Small || marked > 0, "nothing is marked as written apart after a minute apart");
    figures.judge(size)
}

/// What a half does while it is alone, and what it wrote.
fn live_apart(cast: &Cast<'_>, words: &Words, half: &Half, until: Instant) -> Result<Vec<Line>> {
    let chief = half.here[0];
    let old: &[usize] = &[0, 3, 4];
    let all: Vec<usize> = old.iter().copied().chain([half.newcomer]).collect();
    let mut lines = cast.everybody_writes("apart", &half.here, old)?;
    cast.answered_for(chief, &lines)?;
    words.apart(cast, chief)?;
    cast.let_in(chief, half.newcomer)?;
    let mut four = half.here.to_vec();
    four.push(half.newcomer);
    let met: Vec<usize> = (0..=5).chain([half.newcomer]).collect();
    cast.roster_is(&four, &met)?;
    lines.extend(cast.everybody_writes("with the newcomer", &four, &all)?);
    cast.answered_for(chief, &lines)?;
    for outcast in half.out {
        cast.put_out(chief, *outcast)?;
    }
    let stay: Vec<usize> = four.into_iter().filter(|at| !half.out.contains(at)).collect();
    cast.roster_is(&stay, half.left)?;
    let mut later = cast.everybody_writes("without the removed", &stay, &all)?;
    cast.rename(chief, half.renamed)?;
    let mut round = 0;
    while until.saturating_duration_since(Instant::now()) > QUIET + BEAT {
        round += 1;
        later.extend(cast.everybody_writes(&format!("round {round}"), &stay, &all)?);
        // The beat at which people write, not a wait for something to come true.
        std::thread::sleep(BEAT);
    }
    later.iter_mut().for_each(|line| line.hidden_from = half.out.to_vec());
    cast.answered_for(chief, &later)?;
    cast.others_are_gone(&stay)?;
    lines.extend(later);
    Ok(lines)
}
