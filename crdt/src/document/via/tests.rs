//! Mailboxes in text: what was written is read, and nothing that somebody wrote otherwise is more than nothing.

use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn what_is_written_is_read(record in proptest::collection::vec(any::<u8>(), 1..=MAX_MAILBOX_BYTES), port in 1_u16..) {
        let mailbox = Mailbox { record, via: format!("http://10.0.0.1:{port}") };
        prop_assert!(mailbox.is_well_formed());
        prop_assert_eq!(Mailbox::parse(&mailbox.text()), Some(mailbox));
    }

    #[test]
    fn no_text_is_more_than_a_mailbox_or_none(text in ".{0,400}", record in "[0-9a-fA-F]{0,300}", via in "(https?://)?.{0,220}") {
        for text in [text, format!("{record} {via}")] {
            prop_assert!(Mailbox::parse(&text).is_none_or(|mailbox| mailbox.is_well_formed()));
        }
    }
}
