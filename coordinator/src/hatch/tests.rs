//! Who asks by the hatch is given all rows, also after one who only looked; where nobody serves it is said so.

use super::*;
use crate::hall;
use halloo_store::batch::Batch;
use halloo_store::memory::MemoryStore;

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_is_given_all_rows_as_long_as_it_serves() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_owned();
    let store = Arc::new(MemoryStore::new());
    let mut batch = Batch::new();
    batch.put(b"k".to_vec(), vec![7; 9_000]);
    store.commit(&batch).unwrap();
    assert!(!is_served(&data) && export(&data).unwrap().is_none());
    // As a killed process leaves it.
    drop(Hatch::open(&data).unwrap());
    assert!(!is_served(&data) && export(&data).unwrap().is_none());
    let (closer, closing) = hall::closing();
    let given = Given { store, office: None };
    let running = tokio::spawn(Hatch::open(&data).unwrap().run(given, closing));
    assert!(is_served(&data));
    let asked = data.clone();
    let given = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        export(&asked).unwrap().expect("it serves").read_to_end(&mut bytes).unwrap();
        bytes
    });
    let copy = data.join("copy");
    std::fs::write(&copy, given.await.unwrap()).unwrap();
    assert_eq!(halloo_store::export::verify(&copy).unwrap().records, 1);
    assert!(!data.join(EXPORT).exists(), "nothing is left behind");
    let asked = data.clone();
    let refused = tokio::task::spawn_blocking(move || invitation(&asked, 1, 7)).await.unwrap();
    assert!(refused.unwrap_err().to_string().contains("the room auth is closed"));
    let asked = data.clone();
    let refused = tokio::task::spawn_blocking(move || order(&asked, &Order::Roles)).await.unwrap();
    assert!(refused.unwrap_err().to_string().contains("the room auth is closed"));
    closer.close();
    running.await.unwrap();
    assert!(!is_served(&data));
}
