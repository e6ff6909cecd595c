//! What is noted can be read again, also while the file grows and when it is cut.

use super::*;

#[test]
fn records_are_read_back_and_a_cut_record_is_left_for_later() {
    let records: Vec<Record> = (0..5_u8)
        .map(|n| Record { lane: n % 4, from: [n; 32], bytes: vec![n; usize::from(n) * 100] })
        .collect();
    let mut file = Vec::new();
    records.iter().for_each(|record| write_record(&mut file, record).unwrap());
    assert_eq!(parse(&file), (records.clone(), file.len()));
    for cut in 0..file.len() {
        let (found, used) = parse(&file[..cut]);
        assert!(used <= cut);
        assert_eq!(found, records[..found.len()]);
    }
}

#[test]
fn a_length_that_cannot_be_ends_the_reading() {
    assert_eq!(parse(&[0xff; 64]), (Vec::new(), 0));
    assert_eq!(parse(&[0, 0, 0, 1, 9]), (Vec::new(), 0));
}

#[tokio::test]
async fn a_follower_sees_what_is_noted_after_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tap");
    std::fs::write(&path, []).unwrap();
    let (give, mut followed) = tokio::sync::mpsc::channel(8);
    follow(path.clone(), give);
    let record = Record { lane: LANE_MEDIA, from: [3; 32], bytes: b"frame".to_vec() };
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    // The follower may or may not have looked at the file yet: note until one record arrives.
    let got = loop {
        write_record(&mut file, &record).unwrap();
        tokio::select! {
            got = followed.recv() => break got.unwrap(),
            () = tokio::task::yield_now() => {}
        }
    };
    assert_eq!(got, record);
}
