//! Tests: what a device is called.

use super::*;

#[test]
fn names_come_back_from_the_disk_and_an_unknown_device_is_called_by_its_id() {
    let (me, phone) = (DeviceId::from_bytes([1; 32]), DeviceId::from_bytes([2; 32]));
    let local = BTreeMap::from([
        (device_key(&phone), b"phone".to_vec()),
        (b"d-too-short".to_vec(), b"nobody".to_vec()),
        (b"n".to_vec(), b"another note".to_vec()),
    ]);
    let names = Names::load(&local, me);
    assert_eq!(names.of(&phone), "phone");
    assert!(!names.of(&me).is_empty(), "the machine has some name");
    let other = DeviceId::from_bytes([3; 32]);
    assert!(other.to_string().starts_with(&names.of(&other)));
    assert_eq!(names.names.len(), 2);
}

#[test]
fn a_name_is_cut_at_a_character_and_control_characters_are_refused() {
    let long = "\u{e9}".repeat(40);
    assert_eq!(clipped(&long).len(), MAX_NAME_BYTES);
    assert_eq!(clipped("phone"), "phone");
    assert!(usable("").is_err() && usable("a\nb").is_err() && usable(&long).is_err());
    assert!(usable("my phone").is_ok());
}
