//! Tests: what goes in comes out, what was changed is named, and no bytes whatever stop a reader.

use proptest::prelude::*;
use rand_core::SeedableRng as _;

use super::*;

/// As cheap as Argon2 allows: what is tested here is the format.
const CHEAP: Cost = Cost { memory_kib: MEMORY_MIN_KIB, passes: 1 };

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn name(text: &str) -> Redacted<String> {
    Redacted(text.to_owned())
}

fn example() -> Backup {
    let contact = |at: u8| Contact { account: AccountId([at; 32]), name: name("Ben") };
    let group = |at: u8| GroupNote {
        group: GroupId([at; 32]),
        name: name("Sunday ride"),
        with: (at == 2).then_some(AccountId([7; 32])),
        heads: vec![OpId([at; 32]), OpId([9; 32])],
    };
    Backup {
        account: AccountSecret::generate(&mut rng(1)),
        name: name("Ada"),
        made_ms: 1_790_000_000_000,
        contacts: vec![contact(1), contact(2)],
        groups: vec![group(1), group(2)],
        places: vec![Place { peer: [5; 32], addresses: vec![name("/ip4/192.168.1.5/udp/4001/quic-v1")] }],
    }
}

fn same(left: &Backup, right: &Backup) -> bool {
    left.account.id() == right.account.id()
        && (&left.name, left.made_ms) == (&right.name, right.made_ms)
        && left.contacts == right.contacts
        && left.groups == right.groups
        && left.places == right.places
}

fn sealed(backup: &Backup) -> Vec<u8> {
    seal(backup, "a passphrase", CHEAP, &mut rng(2)).expect("it fits")
}

fn refused(bytes: &[u8]) -> BackupError {
    open(bytes, "a passphrase").expect_err("it was changed")
}

#[test]
fn the_file_is_as_it_is_drawn() {
    let file = sealed(&example());
    assert_eq!(&file[..10], b"halloobk\x01\x04");
    assert_eq!((&file[10..14], &file[14..18]), (&[0, 0, 0, 8][..], &[0, 0, 0, 1][..]));
    let table: Vec<u8> = file[42..62].chunks_exact(5).map(|entry| entry[0]).collect();
    assert_eq!(table, [1, 2, 3, 4]);
    assert_eq!(file[62..70], kdf::hash("backup head", &[&file[..62]])[..8]);
    assert_eq!(file.len(), 70 + 4 * (1024 + 16), "each part is padded");
}

#[test]
fn the_cost_of_a_file_is_the_one_that_the_documents_name() {
    assert_eq!(Cost::FILE, Cost { memory_kib: 131_072, passes: 3 });
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&[VERSION, 4]);
    head.extend_from_slice(&Cost::FILE.memory_kib.to_be_bytes());
    head.extend_from_slice(&Cost::FILE.passes.to_be_bytes());
    head.extend_from_slice(&[0; SALT + CHECK]);
    for part in 1..=4 {
        head.extend_from_slice(&[part, 0, 0, 4, 16]);
    }
    let digest = digest_of(&head);
    head.extend_from_slice(&digest);
    assert_eq!(Head::parse(&head).map(|head| head.cost), Ok(Cost::FILE), "a reader takes what is written");
}

#[test]
fn another_passphrase_is_called_wrong_and_not_damaged() {
    let file = sealed(&example());
    assert_eq!(open(&file, "b passphrase").err(), Some(BackupError::Passphrase));
    assert_eq!(open(&file, "").err(), Some(BackupError::Passphrase));
    assert_eq!(seal(&example(), "", CHEAP, &mut rng(1)).err(), Some(BackupError::Empty));
}

#[test]
fn two_files_of_one_backup_share_neither_salt_nor_bytes() {
    let mut rng = rng(3);
    let one = seal(&example(), "p", CHEAP, &mut rng).expect("it fits");
    let two = seal(&example(), "p", CHEAP, &mut rng).expect("it fits");
    assert_ne!(one[18..34], two[18..34]);
    assert!(one[70..].chunks(16).zip(two[70..].chunks(16)).all(|(a, b)| a != b));
}

#[test]
fn damage_is_named_by_the_part_that_it_hit_and_the_rest_is_still_read() {
    let whole = sealed(&example());
    let part = 1024 + 16;
    for (at, damaged) in Part::ALL.into_iter().enumerate() {
        let mut file = whole.clone();
        file[70 + at * part + 17] ^= 1;
        if damaged == Part::Account {
            assert_eq!(refused(&file), BackupError::Damaged(damaged));
            continue;
        }
        let opened = open(&file, "a passphrase").expect("the account is whole");
        assert_eq!(opened.damaged, [damaged]);
        assert_eq!(opened.backup.account.id(), example().account.id());
        assert_eq!(opened.backup.groups.is_empty(), damaged == Part::Groups);
        file.truncate(70 + at * part + 17);
        assert_eq!(refused(&file), BackupError::Cut(damaged));
    }
    for at in 9..70 {
        let mut file = whole.clone();
        file[at] ^= 1;
        let told = refused(&file);
        assert!(matches!(told, BackupError::Head | BackupError::Cut(_)), "byte {at}: {told}");
    }
    assert_eq!(refused(&[whole.as_slice(), b"x"].concat()), BackupError::Cut(Part::Places));
}

#[test]
fn a_table_of_parts_that_is_not_ours_is_refused_though_its_digest_fits() {
    let whole = sealed(&example());
    // A part twice, one in another place, one that is too short for its tag, one that is longer than any.
    for (at, bytes) in [(47, &[1][..]), (42, &[4]), (43, &[0, 0, 0, 15]), (48, &[0, 16, 0, 1]), (9, &[3])] {
        let mut file = whole.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        let digest = digest_of(&file[..62]);
        file[62..70].copy_from_slice(&digest);
        assert!(matches!(refused(&file), BackupError::Head | BackupError::Cut(_)), "byte {at}");
    }
}

#[test]
fn padding_is_what_is_drawn_and_nothing_hides_in_it() {
    let plain = parts::encode(&example(), Part::Places);
    let end = plain.expose().iter().rposition(|byte| *byte != 0).expect("it ends");
    assert_eq!((plain.expose()[end], plain.expose().len()), (0x80, 1024));
    for (at, byte) in [(end, 0x81), (end + 1, 1), (1023, 1)] {
        let mut bytes = plain.expose().clone();
        bytes[at] = byte;
        assert_eq!(parts::decode(&mut parts::empty(), Part::Places, &bytes), None, "byte {at}");
    }
    let longer = [plain.expose().as_slice(), &[0; 1024]].concat();
    assert_eq!(parts::decode(&mut parts::empty(), Part::Places, &longer), None);
}

#[test]
fn parts_of_two_files_by_one_passphrase_cannot_be_exchanged() {
    let (one, two) =
        (sealed(&example()), seal(&example(), "a passphrase", CHEAP, &mut rng(9)).expect("it fits"));
    let mixed = [&one[..70 + 1040], &two[70 + 1040..]].concat();
    let opened = open(&mixed, "a passphrase").expect("the account is of the head");
    assert_eq!(opened.damaged, [Part::Contacts, Part::Groups, Part::Places]);
    let mut swapped = one.clone();
    swapped[70 + 1040..70 + 2080].copy_from_slice(&one[70 + 2080..70 + 3120]);
    assert_eq!(open(&swapped, "a passphrase").expect("the account is whole").damaged, [Part::Contacts]);
}

#[test]
fn what_is_no_backup_and_what_is_of_a_later_version_is_told_apart() {
    assert_eq!(refused(b""), BackupError::Other);
    assert_eq!(refused(b"age-encryption.org/v1"), BackupError::Other);
    let mut newer = sealed(&example());
    newer[8] = 2;
    assert_eq!(refused(&newer), BackupError::Newer(2));
}

#[test]
fn a_file_that_asks_for_more_memory_than_a_phone_has_is_refused_unopened() {
    let mut file = sealed(&example());
    for (memory, passes) in [(MEMORY_MAX_KIB + 1, 1), (u32::MAX, 1), (0, 1), (8, PASSES_MAX + 1), (8, 0)] {
        file[10..14].copy_from_slice(&u32::to_be_bytes(memory));
        file[14..18].copy_from_slice(&u32::to_be_bytes(passes));
        let digest = digest_of(&file[..62]);
        file[62..70].copy_from_slice(&digest);
        assert_eq!(refused(&file), BackupError::Head);
    }
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let mut much = example();
    much.contacts = vec![much.contacts[0].clone(); 5_000];
    assert_eq!(seal(&much, "p", CHEAP, &mut rng(1)).err(), Some(BackupError::TooMuch(Part::Contacts)));
    let mut long = example();
    long.groups[0].heads = vec![OpId([1; 32]); 65];
    assert_eq!(seal(&long, "p", CHEAP, &mut rng(1)).err(), Some(BackupError::TooMuch(Part::Groups)));
}

#[test]
fn nothing_of_a_person_is_printed() {
    let text = format!("{:?}", open(&sealed(&example()), "a passphrase"));
    assert!(!text.contains("Ada") && !text.contains("Sunday") && !text.contains("192.168"), "{text}");
}

/// Seeded, so that a failure is found again: any bytes behind a sound beginning, with a digest that fits.
#[test]
fn no_bytes_whatever_stop_a_reader() {
    let mut rng = rng(11);
    let whole = sealed(&example());
    for round in 0..4_000 {
        let mut file = whole.clone();
        for _ in 0..=rng.next_u32() % 4 {
            let at = rng.next_u32() as usize % file.len();
            file[at] = rng.next_u32() as u8;
        }
        file.truncate(rng.next_u32() as usize % (2 * file.len()));
        if round % 2 == 0 && file.len() >= 70 {
            // What costs time is left as it was; everything else may be anything.
            file[10..18].copy_from_slice(&whole[10..18]);
            let digest = digest_of(&file[..62]);
            file[62..70].copy_from_slice(&digest);
        }
        if let Ok(opened) = open(&file, "a passphrase") {
            assert_eq!(opened.backup.account.id(), example().account.id(), "round {round}");
        }
        let mut noise = vec![0; rng.next_u32() as usize % 200];
        rng.fill_bytes(&mut noise);
        for part in Part::ALL {
            let mut into = parts::empty();
            noise.push(0x80);
            noise.resize(noise.len().next_multiple_of(1024), 0);
            let _any = parts::decode(&mut into, part, &noise);
        }
    }
}

prop_compose! {
    fn text()(text in "\\PC{0,40}") -> Redacted<String> { Redacted(text) }
}

prop_compose! {
    fn group()(group: [u8; 32], name in text(), with: Option<[u8; 32]>, heads in prop::collection::vec(any::<[u8; 32]>(), 0..64)) -> GroupNote {
        GroupNote { group: GroupId(group), name, with: with.map(AccountId), heads: heads.into_iter().map(OpId).collect() }
    }
}

prop_compose! {
    fn backup()(
        seed: u64,
        name in text(),
        made_ms: u64,
        contacts in prop::collection::vec((any::<[u8; 32]>(), text()), 0..40),
        groups in prop::collection::vec(group(), 0..12),
        places in prop::collection::vec((any::<[u8; 32]>(), prop::collection::vec(text(), 0..5)), 0..20),
    ) -> Backup {
        let contacts = contacts.into_iter().map(|(account, name)| Contact { account: AccountId(account), name });
        let places = places.into_iter().map(|(peer, addresses)| Place { peer, addresses });
        let account = AccountSecret::generate(&mut rng(seed));
        Backup { account, name, made_ms, contacts: contacts.collect(), groups, places: places.collect() }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_goes_in_comes_out(backup in backup(), passphrase in "\\PC{1,30}", seed: u64) {
        let file = seal(&backup, &passphrase, CHEAP, &mut rng(seed)).expect("it fits");
        let opened = open(&file, &passphrase).expect("it opens");
        prop_assert!(opened.damaged.is_empty() && same(&opened.backup, &backup));
        for (part, plain) in plaintext(&file, &passphrase).expect("it opens") {
            let plain = plain.expect("nothing is damaged");
            prop_assert!(plain == parts::encode(&backup, part));
        }
    }
}
