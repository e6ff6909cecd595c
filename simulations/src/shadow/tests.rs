//! Both files can be read by others, and say what the plan says.

use super::*;
use crate::net::links::Links;
use crate::scenario::Loaded;
use saphyr::{LoadableYamlNode as _, Yaml};
use std::collections::BTreeMap;

fn plan(more: &str, seed: u64) -> Plan {
    let text = format!(
        "why = \"to export it\"\nseconds = 60\nsettle_s = 5\n[[groups]]\nname = \"riders\"\nmembers = 5\n\
         finds = {{ dials = 2 }}\n[[says]]\nwho = 2\nwhen = {{ at_s = [30, 40] }}\n{more}"
    );
    let loaded = Loaded::new("test".to_owned(), text, BTreeMap::new()).expect("a scenario");
    loaded.plan(seed).expect("a plan")
}

fn exported(plan: &Plan) -> Export {
    export("test", "to export it", plan).expect("it has a form")
}

/// A value of GML: a number, a text, or a list of names and values.
#[derive(Clone, Debug, PartialEq)]
enum Gml {
    Number(f64),
    Text(String),
    List(Vec<(String, Gml)>),
}

impl Gml {
    fn get(&self, name: &str) -> &Gml {
        let Gml::List(list) = self else { panic!("{self:?} has no members") };
        list.iter().find(|(of, _)| of == name).map(|(_, value)| value).unwrap_or_else(|| panic!("no {name}"))
    }

    fn all(&self, name: &str) -> Vec<&Gml> {
        let Gml::List(list) = self else { panic!("{self:?} has no members") };
        list.iter().filter(|(of, _)| of == name).map(|(_, value)| value).collect()
    }

    fn number(&self) -> f64 {
        let Gml::Number(number) = self else { panic!("{self:?} is no number") };
        *number
    }

    fn text(&self) -> &str {
        let Gml::Text(text) = self else { panic!("{self:?} is no text") };
        text
    }
}

/// Reads GML by its grammar: `list := (name value)*`, `value := number | "text" | [ list ]`.
fn read_gml(text: &str) -> Gml {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.trim_start().chars().next() {
        rest = rest.trim_start();
        let length = match first {
            '[' | ']' => 1,
            '"' => rest[1..].find('"').expect("a text ends") + 2,
            _ => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        words.push(&rest[..length]);
        rest = &rest[length..];
    }
    let mut place = 0;
    let list = read_list(&words, &mut place);
    assert_eq!(place, words.len(), "nothing is left over");
    list
}

fn read_list(words: &[&str], place: &mut usize) -> Gml {
    let mut list = Vec::new();
    while *place < words.len() && words[*place] != "]" {
        let (name, value) = (words[*place], words[*place + 1]);
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{name} is a name");
        *place += 2;
        let value = if value == "[" {
            let inside = read_list(words, place);
            assert_eq!(words.get(*place), Some(&"]"), "a list ends");
            *place += 1;
            inside
        } else if let Some(text) = value.strip_prefix('"') {
            Gml::Text(text.trim_end_matches('"').to_owned())
        } else {
            Gml::Number(value.parse().unwrap_or_else(|_| panic!("{value} is a number")))
        };
        list.push((name.to_owned(), value));
    }
    Gml::List(list)
}

fn read_yaml(text: &str) -> Yaml<'_> {
    Yaml::load_from_str(text).expect("it is YAML").remove(0)
}

fn us(span: &str) -> u64 {
    span.strip_suffix(" us").expect("microseconds").parse().expect("a number")
}

#[test]
fn every_pair_of_hosts_has_the_latency_and_loss_of_the_plan() {
    let plan =
        plan("[links]\ndelay = { uniform-ms = [10, 90] }\nloss = { random = 0.02 }\nuplink_kbps = 2000\n", 7);
    let gml = read_gml(&exported(&plan).gml);
    let graph = gml.get("graph");
    assert_eq!(graph.get("directed").number(), 0.0);
    let nodes = graph.all("node");
    assert_eq!(
        nodes.iter().map(|node| node.get("id").number() as usize).collect::<Vec<_>>(),
        [0, 1, 2, 3, 4]
    );
    assert!(nodes.iter().all(|node| node.get("host_bandwidth_up").text() == "2000000 bit"));
    let links = Links::new(plan.links.clone(), 5, plan.seed);
    let edges = graph.all("edge");
    assert_eq!(edges.len(), 5 * 4 / 2 + 5, "each pair, and each host with itself");
    for edge in edges {
        let (from, to) = (edge.get("source").number() as u32, edge.get("target").number() as u32);
        let latency = us(edge.get("latency").text());
        let loss = edge.get("packet_loss").number();
        if from == to {
            assert_eq!((latency, loss), (1, 0.0));
        } else {
            assert_eq!((latency, loss), (links.latency_us(from, to), 0.02));
        }
    }
}

#[test]
fn sites_are_nodes_and_directions_may_differ() {
    let text = "why = \"to export sites\"\nseconds = 20\nsettle_s = 0\n[[groups]]\nmembers = 6\nsites = [0, 1]\n\
                [links]\ndelay = { matrix-ms = [[1, 40], [60, 2]] }\nloss = { bursts = { enter = 0.1, leave = 0.3, lose = 0.8 } }\n";
    let loaded = Loaded::new("sites".to_owned(), text.to_owned(), BTreeMap::new()).expect("a scenario");
    let export = exported(&loaded.plan(1).expect("a plan"));
    let gml = read_gml(&export.gml);
    let graph = gml.get("graph");
    assert_eq!((graph.all("node").len(), graph.get("directed").number()), (2, 1.0));
    let found: Vec<_> = graph.all("edge").iter().map(|edge| us(edge.get("latency").text())).collect();
    assert_eq!(found, [1_000, 40_000, 60_000, 2_000]);
    let loss = graph.all("edge")[1].get("packet_loss").number();
    assert!((loss - 0.2).abs() < 1e-9, "a quarter of the time is bad and loses four fifths: {loss}");
    assert!(export.yaml.contains("#   bursts of loss"), "what cannot be said is listed");
    let yaml = read_yaml(&export.yaml);
    let hosts = yaml["hosts"].as_mapping().expect("hosts");
    let nodes: Vec<_> =
        hosts.values().map(|host| host["network_node_id"].as_integer().expect("a node")).collect();
    assert_eq!(nodes, [0, 1, 0, 1, 0, 1]);
}

#[test]
fn every_host_runs_what_its_person_does_at_its_time() {
    let plan = plan("[[crashes]]\nwho = 3\nwhen = { at_s = [35] }\nhow = \"kill\"\nlasts_s = 5\n", 2);
    let export = exported(&plan);
    let yaml = read_yaml(&export.yaml);
    assert_eq!(yaml["general"]["stop_time"].as_str(), Some("62000000 us"));
    assert_eq!(yaml["network"]["graph"]["file"]["path"].as_str(), Some("network.gml"));
    let hosts = yaml["hosts"].as_mapping().expect("hosts");
    assert_eq!(hosts.len(), plan.hosts.len());
    let mut addresses = BTreeSet::new();
    let (mut daemons, mut said) = (Vec::new(), Vec::new());
    for (number, (_, host)) in (0_u32..).zip(hosts) {
        addresses.insert(host["ip_addr"].as_str().expect("an address").to_owned());
        for process in host["processes"].as_sequence().expect("processes") {
            let args: Vec<_> = process["args"].as_sequence().expect("words").iter().collect();
            let words: Vec<&str> = args.iter().map(|word| word.as_str().expect("a text")).collect();
            let start = us(process["start_time"].as_str().expect("a span"));
            if words.contains(&"up") {
                daemons.push((number, start));
                let peers = words.iter().filter(|word| **word == "--peer").count();
                assert_eq!(peers, plan.hosts[number as usize].finds.len());
            } else if let Some(at) = words.iter().position(|word| *word == "say") {
                said.push((start, number, words[at + 1].to_owned()));
            }
        }
    }
    assert_eq!(addresses.len(), 5);
    let expected = plan.acts.iter().filter_map(|(at, act)| match act {
        Act::Say(who, text) => Some((at + LEAD_US, *who, text.clone())),
        _ => None,
    });
    let expected: Vec<_> = expected.collect();
    said.sort();
    assert_eq!((said.len(), &said), (2, &expected));
    let lives = daemons.iter().filter(|(number, _)| *number == 3).count();
    assert_eq!((daemons.len(), lives), (6, 2), "one life each, and one more of who was killed");
    let killed = &hosts.values().nth(3).expect("a host")["processes"][0];
    assert_eq!(killed["shutdown_time"].as_str(), Some("37000000 us"));
    assert_eq!(killed["expected_final_state"]["signaled"].as_str(), Some("SIGKILL"));
}

#[test]
fn newcomers_use_the_code_that_their_inviter_opened_before() {
    let plan = plan("", 1);
    let export = exported(&plan);
    for who in 1..5 {
        let file = format!("codes/{who}.json");
        assert_eq!(export.yaml.matches(&file).count(), 2, "written once and read once");
    }
}

#[test]
fn what_cannot_be_said_is_listed_and_nothing_else_is() {
    assert!(!exported(&plan("", 1)).yaml.contains("partitions:"));
    let more = "[[partitions]]\nwhen = { at_s = [20] }\nlasts_s = 5\nislands = [\"0-2\", \"3-4\"]\n\
                [links]\njitter_ms = 5\n[[sleeps]]\nwho = 1\nwhen = { at_s = [30] }\nlasts_s = 5\n";
    let yaml = exported(&plan(more, 1)).yaml;
    for what in ["#   partitions: ", "#   jitter: ", "#   sleeping devices: "] {
        assert!(yaml.contains(what), "{what} in {yaml}");
    }
}

#[test]
fn texts_of_people_stay_texts() {
    let mut plan = plan("", 1);
    plan.acts.push((50_000_000, Act::Say(1, "a \"quoted\" # text: [with] \\ everything\n".into())));
    let export = exported(&plan);
    let yaml = read_yaml(&export.yaml);
    let host = yaml["hosts"].as_mapping().expect("hosts").values().nth(1).expect("a host").clone();
    let last = host["processes"].as_sequence().expect("processes").last().expect("one").clone();
    let word = last["args"].as_sequence().expect("words").last().expect("a word").clone();
    assert_eq!(word.as_str(), Some("a \"quoted\" # text: [with] \\ everything\n"));
}

#[test]
fn addresses_are_all_different() {
    let all: BTreeSet<String> = (0..70_000).map(address).collect();
    assert_eq!(all.len(), 70_000);
    assert_eq!((address(0), address(254)), ("11.0.0.1".to_owned(), "11.0.1.1".to_owned()));
}

#[test]
fn too_many_hosts_with_latencies_of_their_own_are_refused() {
    let plan = Plan { hosts: vec![Default::default(); HOSTS_MAX + 1], ..plan("", 1) };
    assert_eq!(export("test", "", &plan), Err(ShadowError::TooMany(HOSTS_MAX + 1)));
}
