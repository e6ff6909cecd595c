//! Names as people type them.

use super::*;

#[test]
fn names_are_what_people_type() {
    let read = |text: &str| text.parse::<DeviceName>().expect("never fails");
    assert_eq!(read("device"), DeviceName::Device(None));
    assert_eq!(read("device:USB"), DeviceName::Device(Some("USB".into())));
    assert_eq!(read("null"), DeviceName::Null);
    assert_eq!(read("-"), DeviceName::Pipe);
    assert_eq!(read("a/b.wav"), DeviceName::File("a/b.wav".into()));
    assert_eq!(read("devices.wav"), DeviceName::File("devices.wav".into()));
}

#[test]
fn null_is_silent_both_ways() {
    let mut frame = [0.5; FRAME];
    assert_eq!(NullSource.read(&mut frame), Read::Silence);
    assert!(frame.iter().all(|sample| *sample == 0.0));
    assert!(NullSink.write(&frame).is_ok());
    assert_eq!((NullSource.xruns(), NullSink.xruns()), (0, 0));
}
