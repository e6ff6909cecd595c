//! `admin`: what who hosts does to accounts, by the coordinator that serves.

use crate::auth::admin::host::{Done, Order};
use crate::auth::admin::shown::{AccountLine, KeyLine};
use crate::auth::rights::{ROLES, Role, SCOPES, Scope};
use crate::config::Config;
use crate::hatch;
use anyhow::{Context as _, Result, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

/// What takes a role away.
const NO_ROLE: &str = "none";

/// What it is told.
#[derive(Debug, Args)]
pub(super) struct Told {
    #[command(subcommand)]
    what: What,
    /// Data folder of the coordinator.
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Lists the accounts: name of the account, username, role, since when it is there, since when it is suspended.
    Accounts {
        /// Only this one: a username, or the 32 digits of an account.
        user: Option<String>,
    },
    /// Lists the accounts that have a role.
    Roles,
    /// Gives an account a role, or takes it away: readonly looks; support also suspends accounts and ends sessions; operator also
    /// forgets accounts and makes API keys. Nobody but this command gives one.
    Role {
        /// A username, or the 32 digits of an account.
        user: String,
        /// Which one.
        #[arg(value_parser = role())]
        role: RoleOrNone,
    },
    /// Shuts an account out: it does not log in, and its sessions open nothing, until `unsuspend`.
    Suspend {
        /// A username, or the 32 digits of an account.
        user: String,
    },
    /// Lets an account in again.
    Unsuspend {
        /// A username, or the 32 digits of an account.
        user: String,
    },
    /// Ends all sessions of an account; its devices may log in again.
    EndSessions {
        /// A username, or the 32 digits of an account.
        user: String,
    },
    /// Forgets an account for good: its names, its devices and its sessions.
    Delete {
        /// A username, or the 32 digits of an account.
        user: String,
        /// That this is meant.
        #[arg(long)]
        yes: bool,
    },
    /// Makes, lists and revokes API keys, by which programs ask.
    Key {
        #[command(subcommand)]
        what: KeyWhat,
    },
}

#[derive(Debug, Subcommand)]
enum KeyWhat {
    /// Makes a key and prints it, this once.
    Make {
        /// What it is called in the list.
        name: String,
        /// What it is for; several times for several.
        #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = scope())]
        scopes: Vec<Scope>,
        /// For how many days it is good, today not counted; for ever, unless said.
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3_660))]
        days: Option<u16>,
    },
    /// Lists the keys: name, scopes, what it is called, the days on which it was made, ends, and was last used.
    List,
    /// Takes a key away for good.
    Revoke {
        /// Its name, or all of it.
        key: String,
    },
}

/// A role, or none.
#[derive(Clone, Copy, Debug)]
struct RoleOrNone(Option<Role>);

fn role() -> impl clap::builder::TypedValueParser<Value = RoleOrNone> {
    let names = ROLES.into_iter().map(|(_, name)| name).chain([NO_ROLE]);
    PossibleValuesParser::new(names).map(|name| RoleOrNone(Role::of_name(&name)))
}

fn scope() -> impl clap::builder::TypedValueParser<Value = Scope> {
    let names = SCOPES.into_iter().map(|(_, name)| name);
    PossibleValuesParser::new(names).try_map(|name| Scope::of_name(&name).ok_or("there is no such scope"))
}

/// Asks the coordinator that serves.
pub(super) fn run(told: Told) -> Result<()> {
    let data = told.data.unwrap_or_else(|| Config::default().data);
    let order = match told.what {
        What::Accounts { user: None } => return all(&data),
        What::Accounts { user: Some(user) } => Order::Show { user },
        What::Roles => Order::Roles,
        What::Role { user, role: RoleOrNone(role) } => Order::Role { user, role },
        What::Suspend { user } => Order::Suspend { user, suspended: true },
        What::Unsuspend { user } => Order::Suspend { user, suspended: false },
        What::EndSessions { user } => Order::EndSessions { user },
        What::Delete { user, yes: true } => Order::Delete { user },
        What::Delete { user, yes: false } => {
            bail!("this forgets the account {user} for good: say --yes, or `admin suspend {user}`")
        }
        What::Key { what: KeyWhat::Make { name, scopes, days } } => {
            Order::MakeKey { name, scopes: scopes.into_iter().collect(), days }
        }
        What::Key { what: KeyWhat::List } => Order::Keys,
        What::Key { what: KeyWhat::Revoke { key } } => Order::RevokeKey { key },
    };
    match done(&data, &order)? {
        Done::Accounts(accounts, _) => accounts.iter().for_each(print),
        Done::Account(account) => print(&account),
        Done::Forgotten(account) => {
            print(&account);
            eprintln!("forgotten");
        }
        Done::Key(given) => {
            eprintln!(
                "It is not told again. Send it as `Authorization: Bearer ...`, over TLS; its name is {}.",
                given.key_id
            );
            println!("{}", given.key);
        }
        Done::Keys(keys) => keys.iter().for_each(print_key),
        Done::Revoked => eprintln!("revoked"),
    }
    Ok(())
}

fn done(data: &Path, order: &Order) -> Result<Done> {
    hatch::order(data, order)?.with_context(|| {
        format!("no coordinator serves from {}: start it, or name its folder with --data", data.display())
    })
}

/// All accounts, a page after the other.
fn all(data: &Path) -> Result<()> {
    let mut next = None;
    loop {
        let Done::Accounts(accounts, more) = done(data, &Order::Accounts { next })? else {
            bail!("the coordinator that serves answered something else: use the command of its version");
        };
        accounts.iter().for_each(print);
        if more.is_none() {
            return Ok(());
        }
        next = more;
    }
}

/// What stands where there is nothing.
const NOTHING: &str = "-";

fn print(account: &AccountLine) {
    let AccountLine { user_id, username, created, role, suspended } = account;
    let username = username.as_deref().unwrap_or(NOTHING);
    let role = role.map_or(NOTHING, Role::name);
    let suspended = suspended.as_ref().map(|day| format!("  suspended {day}")).unwrap_or_default();
    println!("{user_id}  {username:32}  {role:8}  {created}{suspended}");
}

fn print_key(key: &KeyLine) {
    let KeyLine { key_id, name, scopes, made, ends, used, .. } = key;
    let scopes = scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(",");
    let [ends, used] = [ends, used].map(|day| day.as_deref().unwrap_or(NOTHING));
    println!("{key_id}  {scopes}  {name}  made {made}  ends {ends}  used {used}");
}
