//! Every name leads to a source and a sink or to a clear refusal.

use super::*;
use crate::media::device::FRAME;

#[test]
fn null_and_files_open_and_missing_files_are_named() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("x.wav");
    let mut frame = [0.0; FRAME];
    DeviceName::Null.source().expect("null").read(&mut frame);
    DeviceName::Null.sink().expect("null").write(&frame).expect("swallowed");
    let missing = DeviceName::File(path.clone()).source().err().expect("missing");
    assert!(missing.to_string().contains("x.wav"), "{missing}");
    DeviceName::File(path.clone()).sink().expect("made").write(&frame).expect("written");
    DeviceName::File(path).source().expect("now it is there");
}

#[cfg(feature = "device")]
#[test]
fn a_device_of_no_such_name_is_refused_with_the_next_step() {
    let name = DeviceName::Device(Some("no such device, surely".into()));
    for text in
        [name.source().err().expect("refused").to_string(), name.sink().err().expect("refused").to_string()]
    {
        assert!(text.contains("no such device, surely") && text.contains("halloo doctor"), "{text}");
    }
}
