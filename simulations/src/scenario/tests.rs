//! What `scenario` promises, tried.

use super::*;
use crate::plan::{Act, End};
use proptest::prelude::*;
use std::path::PathBuf;

const HEAD: &str = "why = \"to see what happens\"\nseconds = 100\n[[groups]]\nmembers = 4\n";

fn load(text: &str) -> Result<Loaded, ScenarioError> {
    Loaded::new("test".into(), text.into(), BTreeMap::new())
}

fn refused(more: &str) -> String {
    load(&format!("{HEAD}{more}")).expect_err("it is refused").to_string()
}

fn acts(more: &str) -> Vec<(u64, Act)> {
    load(&format!("{HEAD}{more}")).expect("a scenario").plan(1).expect("a plan").acts
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn shipped() -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder()).expect("the folder is there");
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    paths.sort();
    paths
}

#[test]
fn every_shipped_scenario_is_sound_and_says_why() {
    let paths = shipped();
    assert!(paths.len() >= 12, "{paths:?}");
    for path in paths {
        let loaded = Loaded::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(loaded.scenario.why.ends_with('.'), "{}: a sentence ends", path.display());
        let again = parse(&loaded.scenario.to_toml()).expect("what is written can be read");
        assert_eq!(again, loaded.scenario, "{}: nothing is lost on the way to a file", path.display());
    }
}

#[test]
fn the_schema_in_the_tree_is_the_one_that_the_program_prints() {
    let path = folder().with_file_name("scenario.schema.json");
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(stored == schema(), "write it anew: cargo run --release -- schema > scenario.schema.json");
}

#[test]
fn errors_name_the_key_and_the_next_step() {
    let unknown = refused("colour = 3\n");
    assert!(unknown.contains("colour") && unknown.contains("halloo-sim schema"), "{unknown}");
    for (more, key, hint) in [
        ("[[says]]\nwho = 9\nwhen = { every_s = 5 }\n", "says[0].who", "from 0 to 3"),
        ("[[says]]\nwho = 1\nwhen = {}\n", "says[0].when", "every_s"),
        ("[[says]]\nwho = 1\nwhen = { at_s = [5] }\nbytes = 9000000\n", "says[0].bytes", "at most"),
        ("[[partitions]]\nwhen = { at_s = [5] }\nlasts_s = 3\n", "partitions[0].islands", "random_islands"),
        ("[links]\ndelay = { uniform-ms = [9, 3] }\n", "links.delay", "smaller first"),
        ("[links]\nloss = { random = 2.0 }\n", "links.loss", "0 to 1"),
        ("[radio]\nrange_m = 100\n", "radio", "moves"),
        ("[[adversaries]]\nwho = 1\nkind = \"forger\"\nper_s = 3\n", "adversaries[0].per_s", "spammer"),
        ("[must]\nexcept = [\"nothing\"]\n", "must.except[0]", "convergence"),
        ("[record]\ntables = [\"heals\", \"helas\"]\n", "record.tables[1]", "deliveries"),
        ("[must]\nfigures = [\"x\"]\n", "must.figures[0]", "<= 300"),
        ("[[groups]]\nmembers = 3000\n", "groups[1].finds", "dials"),
        ("[[groups]]\nmembers = 9\nmost = 8\n", "groups[1].most", "below members = 9"),
        (
            "[[groups]]\nmembers = 3\nsites = [4]\n[links]\ndelay = { matrix-ms = [[1]] }\n",
            "groups[1].sites",
            "site 4",
        ),
        ("[[removes]]\nwhom = 1\nby = 1\nwhen = { at_s = [5] }\n", "removes[0].by", "apart from member 1"),
        ("[[moves]]\nwho = 1\npath = { gpx = { file = \"no.gpx\" } }\n", "moves[0].path.file", "beside"),
        ("[[crashes]]\nwho = 1\nwhen = { at_s = [500] }\nhow = \"kill\"\n", "crashes.when.at_s", "outside"),
    ] {
        let error = refused(more);
        assert!(error.starts_with(&format!("{key}:")) && error.contains(hint), "{more} -> {error}");
    }
}

#[test]
fn the_abstract_tier_refuses_what_it_would_ignore() {
    let refused = |more: &str| {
        let text = HEAD.replace("[[groups]]", "fidelity = \"abstract\"\n[[groups]]");
        load(&format!("{text}{more}")).map_err(|error| error.to_string())
    };
    for (more, key) in [
        ("[[calls]]\nwho = \"0-2\"\nwhen = { at_s = [5] }\nlasts_s = 3\n", "calls"),
        ("[[removes]]\nwhom = 1\nwhen = { at_s = [5] }\n", "removes"),
        ("[[sleeps]]\nwho = 1\nwhen = { at_s = [5] }\nlasts_s = 3\n", "sleeps"),
        ("[[crashes]]\nwho = 1\nwhen = { at_s = [5] }\nhow = \"power-cut\"\n", "crashes[0].how"),
        ("[[says]]\nwho = 1\nwhen = { at_s = [5] }\nbytes = 5000\n", "says[0].bytes"),
    ] {
        let error = refused(more).expect_err("it is refused");
        assert!(error.starts_with(&format!("{key}: the abstract tier")) && error.contains("real"), "{error}");
    }
    let kept = "[[crashes]]\nwho = 1\nwhen = { at_s = [5] }\nhow = \"kill\"\nlasts_s = 3\n\
                [[says]]\nwho = 1\nwhen = { at_s = [5] }\n";
    refused(kept).expect("what it can honour is taken");
}

#[test]
fn a_crash_ends_and_begins_again_and_faults_rest_at_the_end() {
    let acts = acts(
        "[[crashes]]\nwho = 2\nwhen = { every_s = 7, random = true }\nhow = \"power-cut\"\nlasts_s = 90\n",
    );
    let stops = acts.iter().filter(|(_, act)| *act == Act::Stop(2, End::PowerCut)).count();
    let starts: Vec<_> = acts.iter().filter(|(_, act)| *act == Act::Start(2)).map(|(at, _)| *at).collect();
    assert!(stops > 2 && starts.len() == stops);
    assert!(starts.iter().all(|at| *at <= 70_000_000), "the time to settle is 30 s: {starts:?}");
}

#[test]
fn islands_that_overlap_heal_when_the_later_one_ends() {
    let acts = acts(
        "[[partitions]]\nwhen = { at_s = [10, 20] }\nlasts_s = 15\nislands = [\"0-1\", \"2-3\"]\n\
         [[partitions]]\nwhen = { at_s = [60] }\nlasts_s = 5\nislands = [\"0\", \"1-3\"]\n",
    );
    let found: Vec<_> = acts
        .iter()
        .filter_map(|(at, act)| match act {
            Act::Partition(islands) => Some((at / 1_000_000, islands.clone())),
            _ => None,
        })
        .collect();
    let (two, one) = (vec![0, 0, 1, 1], vec![0, 1, 1, 1]);
    assert_eq!(found, [(10, two.clone()), (20, two), (35, vec![0; 4]), (60, one), (65, vec![0; 4])]);
}

#[test]
fn a_line_more_moves_nothing_in_another() {
    let says = "[[says]]\nwho = \"everybody\"\nwhen = { every_s = 9, random = true }\n";
    let spoken = |acts: Vec<(u64, Act)>| -> Vec<(u64, Act)> {
        acts.into_iter().filter(|(_, act)| matches!(act, Act::Say(..))).collect()
    };
    let before = spoken(acts(says));
    let more = format!(
        "{says}[[cuts]]\nfrom = \"somebody\"\nto = \"somebody\"\nwhen = {{ every_s = 3, random = true }}\nlasts_s = 1\n"
    );
    assert_eq!(before, spoken(acts(&more)));
    assert!(before.len() > 10);
}

#[test]
fn in_a_call_one_speaks_after_the_other_and_only_those_inside() {
    let acts = acts("[[calls]]\nwho = [0, 1, 3]\nwhen = { at_s = [20] }\nlasts_s = 40\n");
    let (mut inside, mut speaker, mut words) = (Vec::new(), None, 0);
    for (_, act) in acts {
        match act {
            Act::Call(who, true) => inside.push(who),
            Act::Call(who, false) => inside.retain(|other| *other != who),
            Act::Speak(who, true) => {
                assert!(inside.contains(&who) && speaker.is_none(), "{who} of {inside:?}");
                (speaker, words) = (Some(who), words + 1);
            }
            Act::Speak(who, false) => assert_eq!(speaker.take(), Some(who)),
            _ => {}
        }
    }
    assert!(words > 4 && inside.is_empty() && speaker.is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_seed_another(seed: u64, which in 0_usize..64) {
        let paths = shipped();
        let loaded = Loaded::read(&paths[which % paths.len()]).expect("a scenario");
        if loaded.scenario.groups.iter().any(|group| group.members * group.copies > 1_000) {
            return Ok(());
        }
        let plan = |seed| loaded.plan(seed).expect("a plan");
        let (first, again) = (plan(seed), plan(seed));
        prop_assert_eq!(format!("{first:?}"), format!("{again:?}"));
        prop_assert_ne!(format!("{:?}", first.acts), format!("{:?}", plan(seed ^ 1).acts));
        prop_assert!(first.acts.is_sorted_by_key(|(at, _)| *at));
        prop_assert!(first.acts.last().is_none_or(|(at, _)| *at <= first.end_us));
    }

    #[test]
    fn random_islands_are_as_many_as_asked_for(seed: u64, low in 2_u32..5, more in 0_u32..4, skew in 0.0_f64..4.0) {
        let high = low + more;
        let text = format!(
            "why = \"to see islands\"\nseconds = 60\nsettle_s = 5\n[[groups]]\nmembers = 12\n[[partitions]]\n\
             when = {{ at_s = [20] }}\nlasts_s = 10\nrandom_islands = [{low}, {high}]\nskew = {skew:.3}\n"
        );
        let plan = load(&text).expect("a scenario").plan(seed).expect("a plan");
        let islands = plan.acts.iter().find_map(|(_, act)| match act {
            Act::Partition(islands) => Some(islands.clone()),
            _ => None,
        });
        let count = islands.expect("a partition").into_iter().collect::<std::collections::BTreeSet<_>>().len();
        prop_assert!((low as usize..=high as usize).contains(&count));
    }
}

#[test]
fn each_seed_draws_a_size_and_half_of_the_groups_are_smaller_than_the_median() {
    let text =
        "why = \"to see what happens\"\nseconds = 900\n[[groups]]\nmembers = 12\nmost = 60\noutside = 3\n";
    let loaded = load(text).expect("a scenario");
    let plans: Vec<_> = (1..=400).map(|seed| loaded.plan(seed).expect("a plan")).collect();
    let mut sizes: Vec<usize> = plans.iter().map(|plan| plan.hosts.len()).collect();
    sizes.sort_unstable();
    assert!((10..=14).contains(&sizes[200]), "the median is {}", sizes[200]);
    assert!(sizes[0] == 6 && sizes[399] <= 60 && sizes[380] >= 40, "{sizes:?}");
    for plan in &plans {
        let come = plan.acts.iter().filter(|(_, act)| matches!(act, Act::Join { .. })).count();
        let outside = plan.hosts.len() - 1 - come;
        assert_eq!(outside, (plan.hosts.len() as f64 / 4.0).round() as usize, "a quarter stays outside");
    }
}
