//! Who may do what to accounts that are not their own: the one table of roles and scopes, and how far up each of them reaches.
//!
//! ```text
//!                    readonly   support   operator   key
//!  accounts:read     yes        yes       yes        with the scope
//!  audit:read        yes        yes       yes        with the scope
//!  quotas:read       yes        yes       yes        with the scope
//!  accounts:write               yes       yes        with the scope
//!  accounts:delete                        yes        with the scope
//!  keys                                   yes        never: a key that leaks makes no other
//!  reaches           nobody     < own     < own      who has no role
//! ```
//! Roles are given and taken by who hosts alone, on the machine itself; so nothing that is asked over the network makes an operator, and
//! none of them shuts another out.

use super::access::Id;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an account may do beyond its own. The numbers are part of the format, and go up with what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Role {
    /// Looks.
    Readonly = 1,
    /// Also suspends accounts and ends their sessions.
    Support = 2,
    /// All that there is.
    Operator = 3,
}

/// All roles, with their names.
pub const ROLES: [(Role, &str); 3] =
    [(Role::Readonly, "readonly"), (Role::Support, "support"), (Role::Operator, "operator")];

/// What a key can be made for. The order is part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum Scope {
    /// Lists and shows accounts.
    #[serde(rename = "accounts:read")]
    AccountsRead,
    /// Suspends accounts, lifts that, ends their sessions.
    #[serde(rename = "accounts:write")]
    AccountsWrite,
    /// Forgets accounts.
    #[serde(rename = "accounts:delete")]
    AccountsDelete,
    /// Reads the audit log.
    #[serde(rename = "audit:read")]
    AuditRead,
    /// Reads which limits are in force.
    #[serde(rename = "quotas:read")]
    QuotasRead,
}

/// All scopes, with their names.
pub const SCOPES: [(Scope, &str); 5] = [
    (Scope::AccountsRead, "accounts:read"),
    (Scope::AccountsWrite, "accounts:write"),
    (Scope::AccountsDelete, "accounts:delete"),
    (Scope::AuditRead, "audit:read"),
    (Scope::QuotasRead, "quotas:read"),
];

/// What a door asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// What a scope names.
    Scoped(Scope),
    /// To make, list and revoke API keys.
    Keys,
}

impl Role {
    /// The role of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        ROLES.into_iter().find(|(_, known)| *known == name).map(|(role, _)| role)
    }

    /// The role of a number.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        ROLES.into_iter().map(|(role, _)| role).find(|role| *role as u8 == number)
    }

    /// How it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        ROLES.into_iter().find(|(role, _)| *role == self).map_or("", |(_, name)| name)
    }

    /// Whether it allows something.
    #[must_use]
    pub fn allows(self, right: Right) -> bool {
        match right {
            Right::Scoped(Scope::AccountsRead | Scope::AuditRead | Scope::QuotasRead) => true,
            Right::Scoped(Scope::AccountsWrite) => self >= Role::Support,
            Right::Scoped(Scope::AccountsDelete) | Right::Keys => self >= Role::Operator,
        }
    }
}

impl Scope {
    /// The scope of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        SCOPES.into_iter().find(|(_, known)| *known == name).map(|(scope, _)| scope)
    }

    /// How it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        SCOPES.into_iter().find(|(scope, _)| *scope == self).map_or("", |(_, name)| name)
    }
}

/// Who did something, for the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Who hosts, by a command on the machine itself.
    Host,
    /// An account by its role.
    Account(Id),
    /// An API key.
    Key(Id),
}

/// Who does something to an account that is not their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// Who hosts, by a command on the machine itself.
    Host,
    /// An account by its role.
    Account(Id, Role),
    /// An API key.
    Key(Id),
}

impl Hand {
    /// Whether it reaches an account of this role: nobody changes who has as much as they, themselves included.
    #[must_use]
    pub fn reaches(self, other: Option<Role>) -> bool {
        match self {
            Hand::Host => true,
            Hand::Account(_, own) => other < Some(own),
            Hand::Key(_) => other.is_none(),
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn by(self) -> By {
        match self {
            Hand::Host => By::Host,
            Hand::Account(account, _) => By::Account(account),
            Hand::Key(key) => By::Key(key),
        }
    }
}

#[cfg(test)]
mod tests;
