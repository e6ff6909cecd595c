//! Operators over a real socket: what each role and each key may do to others, what that does to them, and what is noted of it.
#![allow(clippy::unwrap_used)]

mod asking;

use asking::account::{Given, open_to_all};
use asking::operators::{ACCOUNTS, AUDIT, KEYS, Person, QUOTAS, of};
use asking::{NOW_MS, Place, open};
use halloo_coordinator::auth::admin::host::Order;
use halloo_coordinator::auth::book::audit;
use halloo_coordinator::auth::rights::{ROLES, Role, SCOPES, Scope};
use halloo_crypto::ticket::Room;
use halloo_wire::login::{LOGIN_PATH, Purpose};
use halloo_wire::ticket as wire_ticket;
use hyper::Method;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

const PROFILE: &str = "/api/v1/users/profile";

/// What there is to ask for about this account, with the scope that it wants; none where only an operator's session will do.
fn doors(account: &str) -> Vec<(Method, String, Value, Option<Scope>)> {
    let key = json!({"name": "k", "scopes": ["audit:read"]});
    let door = |method, path: String, scope| (method, path, Value::Null, scope);
    vec![
        door(Method::GET, ACCOUNTS.to_owned(), Some(Scope::AccountsRead)),
        door(Method::GET, of(account, ""), Some(Scope::AccountsRead)),
        door(Method::GET, AUDIT.to_owned(), Some(Scope::AuditRead)),
        door(Method::GET, QUOTAS.to_owned(), Some(Scope::QuotasRead)),
        door(Method::PUT, of(account, "/suspension"), Some(Scope::AccountsWrite)),
        door(Method::DELETE, of(account, "/suspension"), Some(Scope::AccountsWrite)),
        door(Method::DELETE, of(account, "/sessions"), Some(Scope::AccountsWrite)),
        door(Method::GET, KEYS.to_owned(), None),
        (Method::POST, KEYS.to_owned(), key, None),
        door(Method::DELETE, of(account, ""), Some(Scope::AccountsDelete)),
    ]
}

/// The table of the specification, written down once more: what each role may do.
fn may(role: Option<Role>, scope: Option<Scope>) -> bool {
    let looks = [Scope::AccountsRead, Scope::AuditRead, Scope::QuotasRead];
    match role {
        None => false,
        Some(Role::Readonly) => scope.is_some_and(|scope| looks.contains(&scope)),
        Some(Role::Support) => scope.is_some_and(|scope| scope != Scope::AccountsDelete),
        Some(Role::Operator) => true,
    }
}

fn is_done(status: u16) -> bool {
    [200, 201, 204].contains(&status)
}

#[tokio::test]
async fn a_role_allows_what_the_table_says_and_nothing_else() {
    let place = open(open_to_all).await;
    let roles = [None].into_iter().chain(ROLES.into_iter().map(|(role, _)| Some(role)));
    for (seed, role) in (1..).zip(roles) {
        let (person, other) = (place.person_of(seed, role).await, place.person(100 + seed).await);
        for (method, path, body, scope) in doors(&other.given.account) {
            let answer = person.ask(method, &path, body).await;
            assert_eq!(is_done(answer.status), may(role, scope), "{role:?} {path} {answer:?}");
            if !may(role, scope) {
                assert_eq!((answer.status, answer.problem().as_str()), (403, "role-needed"));
            }
        }
    }
}

#[tokio::test]
async fn a_key_opens_what_it_was_made_for_and_nothing_else() {
    let place = open(open_to_all).await;
    for (seed, (scope, _)) in (1..).zip(SCOPES) {
        let (key, other) = (place.key(&[scope], None).await, place.person(seed).await);
        for (method, path, body, wanted) in doors(&other.given.account) {
            let answer = place.by_key(method, &path, &key, body).await;
            assert_eq!(is_done(answer.status), wanted == Some(scope), "{scope:?} {path} {answer:?}");
            if wanted != Some(scope) {
                assert_eq!((answer.status, answer.problem().as_str()), (403, "scope-needed"));
            }
        }
    }
}

#[tokio::test]
async fn nobody_changes_who_stands_as_high_as_they_themselves_included() {
    let place = open(open_to_all).await;
    let operator = place.person_of(1, Some(Role::Operator)).await;
    let second = place.person_of(2, Some(Role::Operator)).await;
    let support = place.person_of(3, Some(Role::Support)).await;
    let readonly = place.person_of(4, Some(Role::Readonly)).await;
    let key = place.key(&[Scope::AccountsWrite, Scope::AccountsDelete], None).await;
    let shut = |person: &Person| of(&person.given.account, "/suspension");
    for (who, whom) in
        [(&operator, &second), (&operator, &operator), (&support, &operator), (&support, &support)]
    {
        let answer = who.ask(Method::PUT, &shut(whom), Value::Null).await;
        assert_eq!((answer.status, answer.problem().as_str()), (403, "role-protected"));
        let answer = who.ask(Method::DELETE, &of(&whom.given.account, "/sessions"), Value::Null).await;
        assert_eq!(answer.problem(), "role-protected");
    }
    for whom in [&operator, &support, &readonly] {
        for (method, path) in [(Method::PUT, shut(whom)), (Method::DELETE, of(&whom.given.account, ""))] {
            assert_eq!(place.by_key(method, &path, &key, Value::Null).await.problem(), "role-protected");
        }
    }
    assert_eq!(support.ask(Method::PUT, &shut(&readonly), Value::Null).await.status, 204);
    assert_eq!(readonly.get(AUDIT).await.problem(), "account-suspended");
    assert_eq!(operator.ask(Method::DELETE, &of(&support.given.account, ""), Value::Null).await.status, 204);
    assert_eq!(support.get(AUDIT).await.problem(), "token-needed");
}

#[tokio::test]
async fn a_suspended_account_is_shut_out_at_every_door_until_it_is_let_in_again() {
    let place = open(open_to_all).await;
    let operator = place.person_of(1, Some(Role::Operator)).await;
    let device = place.device(2);
    let password = "correct horse battery";
    let body = json!({"username": "anna", "password": password});
    let person = Person { given: Given::of(&device.try_register(body).await), device };
    let suspension = of(&person.given.account, "/suspension");
    let login = async || {
        let second = place.device(3);
        let proof = second.proof(Purpose::Login).await;
        let body = json!({"proof": proof, "username": "anna", "password": password});
        second.post(LOGIN_PATH, &body, &[]).await
    };
    assert_eq!(operator.ask(Method::PUT, &suspension, Value::Null).await.status, 204);
    for refused in [
        person.get(PROFILE).await,
        person.ask(Method::POST, "/api/v1/auth/logout", Value::Null).await,
        person.ask(Method::POST, "/api/v1/auth/sessions/ticket", json!({"room": "mailbox"})).await,
        person.device.try_login().await,
        person.device.try_refresh(&person.given.refresh).await,
        login().await,
        place.post_json(wire_ticket::PATH, &person.device.ticket_ask(Room::Mailbox)).await,
    ] {
        assert_eq!((refused.status, refused.problem().as_str()), (403, "account-suspended"));
    }
    let page = place.get("/api/v1/problems/account-suspended").await;
    assert!(page.text().contains("who hosts"));
    place.ticket(&place.client(9), Room::Mailbox).await;
    let wrong = json!({"proof": place.device(4).proof(Purpose::Login).await, "username": "anna", "password": "another"});
    let wrong = place.device(4).post(LOGIN_PATH, &wrong, &[]).await;
    assert_eq!(wrong.problem(), "login-failed", "who guesses is not told");
    assert_eq!(operator.ask(Method::DELETE, &suspension, Value::Null).await.status, 204);
    assert_eq!(person.get(PROFILE).await.status, 200, "its session goes on");
    Given::of(&person.device.try_refresh(&person.given.refresh).await);
    Given::of(&login().await);
    let ticket = place.post_json(wire_ticket::PATH, &person.device.ticket_ask(Room::Mailbox)).await;
    assert_eq!(ticket.status, 200);
}

#[tokio::test]
async fn all_sessions_of_an_account_end_and_its_keys_log_in_again() {
    let place = open(open_to_all).await;
    let (support, person) = (place.person_of(1, Some(Role::Support)).await, place.person(2).await);
    let path = of(&person.given.account, "/sessions");
    assert_eq!(support.ask(Method::DELETE, &path, Value::Null).await.status, 204);
    assert_eq!(person.get(PROFILE).await.problem(), "token-needed");
    assert_eq!(person.device.try_refresh(&person.given.refresh).await.problem(), "session-ended");
    Given::of(&person.device.try_login().await);
    assert_eq!(support.get(PROFILE).await.status, 200, "its own goes on");
    let nobody = support.ask(Method::DELETE, &of(&"0".repeat(32), "/sessions"), Value::Null).await;
    assert_eq!(nobody.problem(), "not-found");
}

#[tokio::test]
async fn an_account_that_an_operator_forgets_leaves_its_place_and_its_name_to_others() {
    let place = open(|config| {
        open_to_all(config);
        config.auth.accounts = 2;
    })
    .await;
    let operator = place.person_of(1, Some(Role::Operator)).await;
    let device = place.device(2);
    let given = Given::of(&device.try_register(json!({"username": "anna"})).await);
    assert_eq!(place.device(3).try_register(json!({})).await.problem(), "full");
    let path = of(&given.account, "");
    assert_eq!(operator.ask(Method::DELETE, &path, Value::Null).await.status, 204);
    assert_eq!(operator.ask(Method::DELETE, &path, Value::Null).await.problem(), "not-found");
    assert_eq!(device.try_login().await.problem(), "login-failed");
    Given::of(&place.device(3).try_register(json!({"username": "anna"})).await);
}

#[tokio::test]
async fn accounts_are_listed_a_page_at_a_time_each_once_and_found_by_name() {
    let place = open(open_to_all).await;
    let mut all = BTreeSet::new();
    for seed in 0..60 {
        all.insert(place.person(seed).await.given.account);
    }
    let device = place.device(100);
    let names =
        json!({"username": "anna", "email": "anna@halloo.example", "device_info": {"name": "Anna's phone"}});
    let anna = Given::of(&device.try_register(names).await);
    all.insert(anna.account.clone());
    let key = place.key(&[Scope::AccountsRead], None).await;
    let get = async |path: String| place.by_key(Method::GET, &path, &key, Value::Null).await;
    let (mut seen, mut path) = (Vec::new(), format!("{ACCOUNTS}?limit=25"));
    let mut pages = 0;
    loop {
        let page = get(path).await.json();
        let ids = page["accounts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["user_id"].as_str().unwrap().to_owned());
        seen.extend(ids);
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{ACCOUNTS}?limit=25&cursor={next}");
    }
    assert_eq!((pages, seen.len(), seen.into_iter().collect::<BTreeSet<_>>()), (3, 61, all));
    let found = get(format!("{ACCOUNTS}?username=anna")).await.json();
    assert_eq!(found["accounts"].as_array().unwrap().len(), 1);
    let shown = get(of(&anna.account, "")).await;
    let expected = json!({
        "user_id": anna.account, "username": "anna", "email": "anna@halloo.example", "created": "2027-01-15",
        "role": null, "suspended": null, "devices": 1, "sessions": 1, "used": "2027-01-15", "password": false,
        "authenticator": false,
    });
    assert_eq!(shown.json(), expected);
    assert_eq!(get(format!("{ACCOUNTS}?username=hanna")).await.json(), json!({"accounts": [], "next": null}));
    for (wrong, problem) in [
        ("?limit=0".to_owned(), "malformed"),
        ("?limit=51".to_owned(), "malformed"),
        ("?limit=x".to_owned(), "malformed"),
        ("?colour=red".to_owned(), "malformed"),
        ("?username=A".to_owned(), "malformed"),
        ("?cursor=ff".to_owned(), "malformed"),
        (format!("?cursor={}", "0".repeat(66)), "not-found"),
        ("/anna".to_owned(), "malformed"),
        (format!("/{}", "0".repeat(32)), "not-found"),
    ] {
        assert_eq!(get(format!("{ACCOUNTS}{wrong}")).await.problem(), problem, "{wrong}");
    }
}

#[tokio::test]
async fn every_change_is_noted_with_who_did_it_and_the_log_holds_together() {
    let place = open(open_to_all).await;
    let operator = place.person_of(1, Some(Role::Operator)).await;
    let person = place.person(2).await;
    let key = place.key(&[Scope::AccountsWrite], None).await;
    let (id, account) = (key[3..35].to_owned(), person.given.account.clone());
    let suspension = of(&account, "/suspension");
    assert_eq!(operator.ask(Method::PUT, &suspension, Value::Null).await.status, 204);
    assert_eq!(operator.ask(Method::PUT, &suspension, Value::Null).await.status, 204, "again is the same");
    assert_eq!(place.by_key(Method::DELETE, &suspension, &key, Value::Null).await.status, 204);
    let sessions = of(&account, "/sessions");
    assert_eq!(place.by_key(Method::DELETE, &sessions, &key, Value::Null).await.status, 204);
    let revoked = operator.ask(Method::DELETE, &format!("{KEYS}/{id}"), Value::Null).await;
    assert_eq!(revoked.problem(), "role-protected", "it is a key of who hosts");
    place.obey(Order::RevokeKey { key: id.clone() }).await;
    assert_eq!(operator.ask(Method::DELETE, &of(&account, ""), Value::Null).await.status, 204);
    place.obey(Order::Role { user: operator.given.account.clone(), role: Some(Role::Readonly) }).await;
    let rows = operator.get(AUDIT).await.json();
    let who = |row: &Value| {
        [&row["what"], &row["subject"], &row["by"], &row["by_id"]]
            .map(|field| field.as_str().unwrap_or("").to_owned())
    };
    let noted: Vec<_> = rows["rows"].as_array().unwrap().iter().map(who).collect();
    let me = operator.given.account.as_str();
    let expected = [
        ["made-readonly", me, "host", ""],
        ["forgotten", &account, "account", me],
        ["key-revoked", &id, "host", ""],
        ["sessions-ended", &account, "key", &id],
        ["unsuspended", &account, "key", &id],
        ["suspended", &account, "account", me],
        ["key-made", &id, "host", ""],
        ["registered", &account, "owner", ""],
        ["made-operator", me, "host", ""],
        ["registered", me, "owner", ""],
    ];
    assert_eq!(noted, expected);
    assert_eq!(rows["rows"][0]["time_ms"], NOW_MS);
    assert_eq!(audit::verify(&*place.store).unwrap().rows, 10);
    let page = operator.get(&format!("{AUDIT}?limit=4")).await.json();
    let next = page["next"].as_str().unwrap();
    let second = operator.get(&format!("{AUDIT}?limit=50&cursor={next}")).await.json();
    assert_eq!((second["rows"][0]["number"].as_u64(), &second["next"]), (Some(6), &Value::Null));
    let foreign = operator.get(&format!("{ACCOUNTS}?cursor={next}")).await;
    assert_eq!(foreign.problem(), "not-found", "a cursor of one list is none of another");
}

#[tokio::test]
async fn a_key_is_worth_no_more_than_who_made_it_is_now() {
    let place = open(open_to_all).await;
    let operator = place.person_of(1, Some(Role::Operator)).await;
    let other = place.person(2).await;
    let body = json!({"name": "cleaner", "scopes": ["accounts:read", "accounts:delete"], "days": 30});
    let made = operator.ask(Method::POST, KEYS, body).await;
    assert_eq!(made.status, 201);
    let (key, id) =
        (made.json()["key"].as_str().unwrap().to_owned(), made.json()["key_id"].as_str().unwrap().to_owned());
    assert_eq!(place.by_key(Method::GET, ACCOUNTS, &key, Value::Null).await.status, 200);
    let listed = operator.get(KEYS).await;
    let expected = json!({"keys": [{
        "key_id": id, "name": "cleaner", "scopes": ["accounts:read", "accounts:delete"],
        "made_by": operator.given.account, "made": "2027-01-15", "ends": "2027-02-14", "used": "2027-01-15",
    }]});
    assert_eq!(listed.json(), expected);
    assert!(!listed.text().contains(&key), "it was shown once");
    let forget = of(&other.given.account, "");
    let as_role = async |role| place.obey(Order::Role { user: operator.given.account.clone(), role }).await;
    as_role(Some(Role::Support)).await;
    assert_eq!(place.by_key(Method::DELETE, &forget, &key, Value::Null).await.problem(), "scope-needed");
    assert_eq!(place.by_key(Method::GET, ACCOUNTS, &key, Value::Null).await.status, 200);
    as_role(None).await;
    assert_eq!(place.by_key(Method::GET, ACCOUNTS, &key, Value::Null).await.problem(), "scope-needed");
    as_role(Some(Role::Operator)).await;
    let user = operator.given.account.clone();
    place.obey(Order::Suspend { user: user.clone(), suspended: true }).await;
    assert_eq!(place.by_key(Method::DELETE, &forget, &key, Value::Null).await.problem(), "scope-needed");
    place.obey(Order::Suspend { user, suspended: false }).await;
    assert_eq!(place.by_key(Method::DELETE, &forget, &key, Value::Null).await.status, 204);
}

#[tokio::test]
async fn a_key_that_has_ended_was_revoked_or_made_up_opens_nothing_and_none_opens_what_is_an_accounts_own() {
    let place = open(open_to_all).await;
    let key = place.key(&[Scope::QuotasRead], Some(1)).await;
    let get = async |key: &str| place.by_key(Method::GET, QUOTAS, key, Value::Null).await;
    assert_eq!(get(&key).await.status, 200);
    let refused = get(&key.replace(|digit: char| digit.is_ascii_digit(), "0")).await;
    assert_eq!((refused.status, refused.problem().as_str()), (401, "key-needed"));
    assert_eq!(refused.headers["www-authenticate"], "Bearer");
    for path in [PROFILE, "/api/v1/auth/sessions"] {
        let own = place.by_key(Method::GET, path, &key, Value::Null).await;
        assert_eq!((own.status, own.problem().as_str()), (401, "token-needed"));
    }
    let twice = format!("Bearer {key}");
    let twice = [("authorization", twice.as_str()), ("authorization", twice.as_str())];
    assert_eq!(place.ask(Method::GET, QUOTAS, &twice, Vec::new()).await.status, 401);
    let disk = place.store.disk();
    assert!(!disk.windows(64).any(|at| at == &key.as_bytes()[36..]), "it is kept as a hash");
    place.world.pass(Duration::from_secs(2 * 86_400));
    assert_eq!(get(&key).await.problem(), "key-needed");
    let other = place.key(&[Scope::QuotasRead], None).await;
    place.obey(Order::RevokeKey { key: other.clone() }).await;
    assert_eq!(get(&other).await.problem(), "key-needed");
}

#[tokio::test]
async fn a_token_without_a_fresh_proof_of_its_key_opens_no_office() {
    let place = open(open_to_all).await;
    let operator = place.person_of(1, Some(Role::Operator)).await;
    let token = &operator.given.token;
    for scheme in ["Bearer", "DPoP", "Halloo", "Basic"] {
        let authorization = format!("{scheme} {token}");
        let answer = place.ask(Method::GET, ACCOUNTS, &[("authorization", &authorization)], Vec::new()).await;
        let problem = if scheme == "Bearer" { "key-needed" } else { "token-needed" };
        assert_eq!((answer.status, answer.problem().as_str()), (401, problem), "{scheme}");
    }
    let thief = place.device(2);
    let stolen = thief.with_token(Method::GET, ACCOUNTS, token, Value::Null).await;
    assert_eq!(stolen.problem(), "token-needed");
}

#[tokio::test]
async fn limits_that_are_in_force_are_shown_with_counts_of_all_together() {
    let place = open(|config| {
        open_to_all(config);
        config.auth.accounts = 7;
    })
    .await;
    place.person(1).await;
    place.person(2).await;
    let key = place.key(&[Scope::QuotasRead], None).await;
    let shown = place.by_key(Method::GET, QUOTAS, &key, Value::Null).await.json();
    let quotas = shown["quotas"].as_array().unwrap();
    let of = |name: &str| quotas.iter().find(|quota| quota["name"] == name).unwrap();
    assert_eq!(of("auth.accounts"), &json!({"name": "auth.accounts", "limit": 7, "used": 2}));
    assert_eq!(of("API keys"), &json!({"name": "API keys", "limit": 50, "used": 1}));
    assert_eq!(of("mailbox.sockets")["used"], 0);
    assert_eq!(of("mailbox.days"), &json!({"name": "mailbox.days", "limit": 14, "used": null}));
    assert!(quotas.iter().all(|quota| !quota["name"].as_str().unwrap().contains("port")));
}

#[tokio::test]
async fn one_operator_changes_so_much_in_an_hour_and_looks_as_ever() {
    let place = open(|config| {
        open_to_all(config);
        config.auth.admin_changes_burst = NonZeroU32::new(2).unwrap();
    })
    .await;
    let (support, other) = (place.person_of(1, Some(Role::Support)).await, place.person(2).await);
    let path = of(&other.given.account, "/suspension");
    for method in [Method::PUT, Method::DELETE] {
        assert_eq!(support.ask(method, &path, Value::Null).await.status, 204);
    }
    assert_eq!(support.ask(Method::PUT, &path, Value::Null).await.problem(), "too-many-requests");
    assert_eq!(support.get(ACCOUNTS).await.status, 200);
}

#[tokio::test]
async fn a_key_that_is_asked_for_wrongly_is_not_made() {
    let place = open(open_to_all).await;
    let operator = place.person_of(1, Some(Role::Operator)).await;
    for wrong in [
        json!({"name": "", "scopes": ["audit:read"]}),
        json!({"name": "x\ny", "scopes": ["audit:read"]}),
        json!({"name": "x".repeat(65), "scopes": ["audit:read"]}),
        json!({"name": "x", "scopes": []}),
        json!({"name": "x", "scopes": ["keys:write"]}),
        json!({"name": "x", "scopes": [{"audit:read": null}]}),
        json!({"name": "x", "scopes": ["audit:read"], "days": 0}),
        json!({"name": "x", "scopes": ["audit:read"], "days": 3_661}),
        json!({"name": "x", "scopes": ["audit:read"], "role": "operator"}),
        json!(["x", ["audit:read"]]),
    ] {
        let answer = operator.ask(Method::POST, KEYS, wrong.clone()).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "malformed"), "{wrong}");
    }
    assert_eq!(operator.get(KEYS).await.json(), json!({"keys": []}));
}

/// A header that somebody makes up: whatever, or a key of the right form.
fn made_up() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,120}", "(Bearer|bearer|DPoP) hk_[0-9a-f]{32}_[0-9a-f]{64}", "Bearer [ -~]{0,110}"]
}

#[test]
fn no_header_that_somebody_makes_up_opens_the_office() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place: Place = runtime.block_on(open(open_to_all));
    runtime.block_on(place.key(&[Scope::AccountsRead], None));
    proptest!(ProptestConfig::with_cases(200), |(header in made_up(), door in 0..10_usize)| {
        let (method, path, _, _) = doors(&"0".repeat(32)).swap_remove(door);
        let headers = [("authorization", header.as_str())];
        let answer = runtime.block_on(place.ask(method, &path, &headers, Vec::new()));
        prop_assert_eq!(answer.status, 401);
    });
}
