//! What can be said of an operation alone, before the log is asked: its shape and its signatures.

use halloo_crypto::id::{DeviceId, GroupId};
use halloo_crypto::identity::{self, Domain};

use super::error::LogError;
use super::op::{DeviceGrant, InviteUse, MAX_GRANTS, MAX_KEY_PACKAGE_BYTES, MAX_PARENTS, OpKind, SignedOp};

/// Most accounts that one invite admits: a march shares one link; more than this is several invites.
pub const MAX_INVITE_USES: u16 = 1_000;

/// The shape of the operation: parents, group, fields of its kind. Cheap, no signature is looked at.
///
/// # Errors
/// [`LogError::WrongGroup`], [`LogError::Malformed`].
pub(super) fn shape(op: &SignedOp, group: &GroupId) -> Result<(), LogError> {
    if op.group() != *group {
        return Err(LogError::WrongGroup);
    }
    let genesis = matches!(op.kind(), OpKind::Genesis { .. });
    let parents = op.parents();
    let placed = if genesis {
        parents.is_empty() && op.seq() == 0 && op.signed_group() == GroupId::from_bytes([0; 32])
    } else {
        (1..=MAX_PARENTS).contains(&parents.len()) && parents.is_sorted_by(|a, b| a < b) && op.seq() > 0
    };
    if placed && fields(op) { Ok(()) } else { Err(LogError::Malformed) }
}

fn fields(op: &SignedOp) -> bool {
    match op.kind() {
        OpKind::Genesis { device, .. } => device.certificate.device == op.author() && fits(device),
        OpKind::Add { account, devices, .. } => {
            (1..=MAX_GRANTS).contains(&devices.len())
                && devices.is_sorted_by(|a, b| a.certificate.device < b.certificate.device)
                && devices.iter().all(|device| device.certificate.account == *account && fits(device))
        }
        OpKind::DeviceAdd { device } => fits(device),
        OpKind::DeviceRevoke { account, device, revocation } => {
            revocation.as_ref().is_none_or(|said| said.account == *account && said.device == *device)
        }
        OpKind::Invite { max_uses, .. } => (1..=MAX_INVITE_USES).contains(max_uses),
        OpKind::SetHistory { history } => history.is_well_formed(),
        OpKind::Remove { .. } | OpKind::SetRole { .. } | OpKind::InviteRevoke { .. } => true,
    }
}

fn fits(device: &DeviceGrant) -> bool {
    device.key_package.len() <= MAX_KEY_PACKAGE_BYTES
}

/// All signatures that need nothing but the operation: author, certificates, revocation.
///
/// # Errors
/// [`LogError::BadSignature`].
pub(super) fn signatures(op: &SignedOp) -> Result<(), LogError> {
    let bad = |_| LogError::BadSignature;
    identity::verify(&op.author(), Domain::LogOperation, op.id().as_bytes(), op.signature()).map_err(bad)?;
    for grant in op.grants() {
        grant.certificate.verify().map_err(bad)?;
    }
    if let OpKind::DeviceRevoke { revocation: Some(revocation), .. } = op.kind() {
        revocation.verify().map_err(bad)?;
    }
    Ok(())
}

/// The proof in an Add by invite, against the Invite operation that it names.
///
/// # Errors
/// [`LogError::Malformed`] when that is no Invite or grants another role, [`LogError::BadSignature`].
pub(super) fn invite_use(op: &SignedOp, invite: &SignedOp) -> Result<(), LogError> {
    let (
        OpKind::Add { account, role, devices, invite: Some(used) },
        OpKind::Invite { key, role: granted, .. },
    ) = (op.kind(), invite.kind())
    else {
        return Err(LogError::Malformed);
    };
    let first = devices.first().ok_or(LogError::Malformed)?;
    if role != granted {
        return Err(LogError::Malformed);
    }
    let message = InviteUse::message(&op.group(), account, &first.certificate.device);
    identity::verify(&DeviceId(key.0), Domain::InviteProof, &message, &used.proof)
        .map_err(|_| LogError::BadSignature)
}

#[cfg(test)]
mod tests;
