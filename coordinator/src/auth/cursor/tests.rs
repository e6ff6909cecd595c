//! Cursors are taken where they were given, and nothing else is.

use super::*;
use proptest::prelude::*;

fn cursors() -> Cursors {
    Cursors::new(&Secret::new([5; 32]))
}

proptest! {
    #[test]
    fn a_cursor_leads_back_to_its_position_in_its_own_list_only(position in any::<[u8; 16]>()) {
        let given = cursors().give(List::Accounts, position);
        prop_assert_eq!(cursors().read(List::Accounts, &given).unwrap(), position);
        prop_assert_eq!(cursors().read(List::Audit, &given).unwrap_err().kind(), Kind::NotFound);
        let other = Cursors::new(&Secret::new([6; 32]));
        prop_assert_eq!(other.read(List::Accounts, &given).unwrap_err().kind(), Kind::NotFound);
    }

    #[test]
    fn a_cursor_that_was_bent_is_no_cursor(at in 0..2 * BYTES, digit in "[0-9a-f]") {
        let given = cursors().give(List::Audit, [7; 16]);
        let bent = format!("{}{digit}{}", &given[..at], &given[at + 1..]);
        prop_assume!(bent != given);
        prop_assert_eq!(cursors().read(List::Audit, &bent).unwrap_err().kind(), Kind::NotFound);
    }

    #[test]
    fn what_has_not_the_form_of_a_cursor_is_malformed(text in ".{0,80}") {
        let kind = cursors().read(List::Audit, &text).unwrap_err().kind();
        prop_assert!([Kind::Malformed, Kind::NotFound].contains(&kind));
    }
}
