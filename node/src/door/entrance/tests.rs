//! A token lets in once, sessions end, and neither grows without end.

use super::*;

fn entrance() -> Entrance {
    Entrance::new(SocketAddr::from(([127, 0, 0, 1], 4711)))
}

#[tokio::test(start_paused = true)]
async fn a_token_opens_one_session_and_is_dead_afterwards() {
    let entrance = entrance();
    let made = entrance.token().unwrap();
    assert_eq!(made.url, format!("http://127.0.0.1:4711/#{}", made.token));
    assert_eq!(made.token.len(), 64);
    let session = entrance.enter(&made.token).unwrap().unwrap();
    assert!(entrance.is_open(&session.0));
    assert!(entrance.enter(&made.token).unwrap().is_none(), "used");
    assert!(!entrance.is_open(&made.token), "a token is no bearer");
    assert!(entrance.enter(&session.0).unwrap().is_none(), "a bearer is no token");
    for wrong in ["", "0", &"0".repeat(64), "\u{1f44d}"] {
        assert!(entrance.enter(wrong).unwrap().is_none() && !entrance.is_open(wrong), "{wrong}");
    }
    entrance.leave(&session.0);
    assert!(!entrance.is_open(&session.0));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_nobody_used_and_a_session_end_by_themselves() {
    let entrance = entrance();
    let (unused, used) = (entrance.token().unwrap(), entrance.token().unwrap());
    let session = entrance.enter(&used.token).unwrap().unwrap();
    tokio::time::advance(TOKEN_LIFE).await;
    assert!(entrance.enter(&unused.token).unwrap().is_none());
    assert!(entrance.is_open(&session.0));
    tokio::time::advance(SESSION_LIFE - TOKEN_LIFE).await;
    assert!(!entrance.is_open(&session.0));
}

#[tokio::test(start_paused = true)]
async fn of_too_many_the_oldest_gives_way() {
    let entrance = entrance();
    let made: Vec<_> = (0..=TOKENS_MAX).map(|_| entrance.token().unwrap()).collect();
    assert!(entrance.enter(&made[0].token).unwrap().is_none());
    assert!(entrance.enter(&made[1].token).unwrap().is_some());
    let open = |_| entrance.enter(&entrance.token().unwrap().token).unwrap().unwrap();
    let sessions: Vec<_> = (0..=SESSIONS_MAX).map(open).collect();
    assert!(!entrance.is_open(&sessions[0].0));
    assert!(sessions[1..].iter().all(|session| entrance.is_open(&session.0)));
    assert!(!format!("{entrance:?} {:?} {:?}", made[0], sessions[0]).contains(&made[0].token));
}
