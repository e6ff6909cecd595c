//! What is said is heard, what does not fit is dropped, and nobody waits.

use super::*;

#[test]
fn what_does_not_fit_is_dropped_and_nobody_waits() {
    let (say, mut hear) = pokes();
    for number in 0..WAITING_MAX {
        assert!(say.poke(MailboxAddress([number as u8; 32])));
    }
    assert!(!say.poke(MailboxAddress([1; 32])));
    assert_eq!(hear.try_recv(), Ok(MailboxAddress([0; 32])));
    assert!(say.poke(MailboxAddress([1; 32])));
    drop(hear);
    assert!(!say.poke(MailboxAddress([1; 32])), "closing");
    assert!(Pokes::default().poke(MailboxAddress([1; 32])), "without a room of push nothing is lost");
}
