//! The table of rights, and what must hold of any such table.

use super::*;

/// All rights.
fn rights() -> Vec<Right> {
    SCOPES.into_iter().map(|(scope, _)| Right::Scoped(scope)).chain([Right::Keys]).collect()
}

#[test]
fn a_role_may_do_all_that_a_weaker_one_may() {
    for right in rights() {
        for (weaker, stronger) in ROLES.into_iter().zip(ROLES.into_iter().skip(1)) {
            assert!(weaker.0 < stronger.0);
            assert!(!weaker.0.allows(right) || stronger.0.allows(right), "{right:?}");
        }
    }
}

#[test]
fn the_table_is_the_one_that_is_written_down() {
    let allowed = |role: Role| -> Vec<Right> {
        rights().into_iter().filter(|right| role.allows(*right)).collect::<Vec<_>>()
    };
    let look = [Scope::AccountsRead, Scope::AuditRead, Scope::QuotasRead].map(Right::Scoped);
    assert_eq!(allowed(Role::Readonly), look);
    let mut support = allowed(Role::Support);
    support.retain(|right| !look.contains(right));
    assert_eq!(support, [Right::Scoped(Scope::AccountsWrite)]);
    assert_eq!(allowed(Role::Operator), rights());
}

#[test]
fn nobody_reaches_who_has_as_much_as_they_and_a_key_nobody_with_a_role() {
    let roles = [None, Some(Role::Readonly), Some(Role::Support), Some(Role::Operator)];
    for other in roles {
        for (own, _) in ROLES {
            assert_eq!(Hand::Account([1; 16], own).reaches(other), other.is_none_or(|role| role < own));
        }
        assert_eq!(Hand::Key([1; 16]).reaches(other), other.is_none());
        assert!(Hand::Host.reaches(other));
    }
}

#[test]
fn every_name_leads_back_to_what_it_names() {
    for (role, name) in ROLES {
        assert_eq!(
            (Role::of_name(name), Role::of_number(role as u8), role.name()),
            (Some(role), Some(role), name)
        );
        assert_eq!(serde_json::to_value(role).unwrap(), name);
    }
    for (scope, name) in SCOPES {
        assert_eq!((Scope::of_name(name), scope.name()), (Some(scope), name));
        assert_eq!(serde_json::to_value(scope).unwrap(), name);
    }
    assert!(Role::of_number(0).is_none() && Role::of_name("none").is_none());
}
