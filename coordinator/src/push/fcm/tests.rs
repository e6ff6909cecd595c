//! Google's published table of errors.

use super::*;

fn said(status: u16, code: &str, retry_ms: Option<u64>) -> Verdict {
    let kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
    let details =
        json!([{"@type": "type.googleapis.com/google.rpc.Help"}, {"@type": kind, "errorCode": code}]);
    let body = json!({"error": {"code": status, "status": "X", "details": details}}).to_string().into_bytes();
    verdict(&Answer { status, retry_ms, body })
}

#[test]
fn what_is_made_of_each_row_of_the_published_table() {
    let table = [
        (400, "INVALID_ARGUMENT", Verdict::Gone),
        (404, "UNREGISTERED", Verdict::Gone),
        (403, "SENDER_ID_MISMATCH", Verdict::Gone),
        (429, "QUOTA_EXCEEDED", Verdict::Later(Some(QUOTA_MS))),
        (503, "UNAVAILABLE", Verdict::Later(None)),
        (500, "INTERNAL", Verdict::Later(None)),
        (401, "THIRD_PARTY_AUTH_ERROR", Verdict::Refused),
        (400, "UNSPECIFIED_ERROR", Verdict::Refused),
    ];
    for (status, code, expected) in table {
        assert_eq!(said(status, code, None), expected, "{status} {code}");
    }
    assert_eq!(said(429, "QUOTA_EXCEEDED", Some(9_000)), Verdict::Later(Some(9_000)));
    assert_eq!(said(503, "UNAVAILABLE", Some(9_000)), Verdict::Later(Some(9_000)));
}

#[test]
fn without_a_code_the_status_decides() {
    let bare = |status| verdict(&Answer { status, retry_ms: None, body: b"<html>".to_vec() });
    assert_eq!(bare(200), Verdict::Taken);
    assert_eq!(bare(401), Verdict::Later(None), "another access token is asked for");
    assert_eq!(bare(429), Verdict::Later(Some(QUOTA_MS)));
    assert_eq!(bare(502), Verdict::Later(None));
    for status in [301, 400, 403, 404] {
        assert_eq!(bare(status), Verdict::Refused, "{status}: the project or the path, not the token");
    }
}

#[test]
fn a_file_that_is_no_account_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account.json");
    let config = FcmConfig { account: file.clone(), ..FcmConfig::default() };
    let says = || format!("{:#}", Fcm::open(&config).unwrap_err());
    assert!(says().contains("push.fcm.account"));
    std::fs::write(&file, "{}").unwrap();
    assert!(says().contains("service account"));
    let account = json!({"project_id": "p", "client_email": "e", "private_key": "none", "token_uri": "https://t.example"});
    std::fs::write(&file, account.to_string()).unwrap();
    assert!(says().contains("RSA"));
    assert!(Fcm::open(&FcmConfig::default()).unwrap().is_none());
}
