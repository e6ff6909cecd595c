//! Accounts with roles, and programs with keys, that ask for what is not their own.

use super::account::{Device, Given};
use super::{Answer, Place};
use halloo_coordinator::auth::admin::host::{Done, Order};
use halloo_coordinator::auth::rights::{Role, Scope};
use hyper::Method;
use serde_json::Value;

pub const ACCOUNTS: &str = "/api/v1/admin/accounts";
pub const AUDIT: &str = "/api/v1/admin/audit";
pub const KEYS: &str = "/api/v1/admin/keys";
pub const QUOTAS: &str = "/api/v1/admin/quotas";

/// Somebody with an account and a session.
pub struct Person {
    pub device: Device,
    pub given: Given,
}

impl Person {
    pub async fn ask(&self, method: Method, path: &str, body: Value) -> Answer {
        // A proof is for the path without what stands behind a `?`.
        let bare = path.split('?').next().unwrap();
        let proof = self.device.dpop_at((&method, bare), Some(&self.given.token), super::NOW_MS);
        let authorization = format!("DPoP {}", self.given.token);
        let headers = [("authorization", authorization.as_str()), ("dpop", proof.as_str())];
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        super::ask(self.device.to, method, path, &headers, body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, Value::Null).await
    }
}

impl Place {
    pub async fn person(&self, seed: u16) -> Person {
        let device = self.device(seed);
        let given = device.register().await;
        Person { device, given }
    }

    /// Somebody to whom who hosts has given this role.
    pub async fn person_of(&self, seed: u16, role: Option<Role>) -> Person {
        let person = self.person(seed).await;
        self.obey(Order::Role { user: person.given.account.clone(), role }).await;
        person
    }

    pub async fn obey(&self, order: Order) -> Done {
        self.running.office.as_ref().unwrap().obey(order).await.unwrap()
    }

    /// A key that who hosts has made.
    pub async fn key(&self, scopes: &[Scope], days: Option<u16>) -> String {
        let scopes = scopes.iter().copied().collect();
        let Done::Key(given) = self.obey(Order::MakeKey { name: "script".to_owned(), scopes, days }).await
        else {
            panic!("no key")
        };
        given.key
    }

    pub async fn by_key(&self, method: Method, path: &str, key: &str, body: Value) -> Answer {
        let authorization = format!("Bearer {key}");
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.ask(method, path, &[("authorization", &authorization)], body).await
    }
}

pub fn of(account: &str, what: &str) -> String {
    format!("{ACCOUNTS}/{account}{what}")
}
