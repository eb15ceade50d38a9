//! Who may talk to it: whatever form a request has, a stranger's name is refused.

use pipectl_emulator::{Config, Emulator};

use crate::common::{address, directory, exchange, start};

async fn statuses(emulator: &Emulator, requests: &[String]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for request in requests {
        let (status, answer) = exchange(emulator, request).await;
        assert!(
            status != 403 || answer.contains("AccessDenied"),
            "{request}: {answer}"
        );
        statuses.push(status);
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused_in_every_form_of_a_request() {
    let dir = directory();
    let emulator = start(dir.path()).await;
    let end = "Connection: close\r\n\r\n";
    let path = "/_pipectl/health";
    let own = address(&emulator);
    let strangers = [
        format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\n{end}"),
        format!("GET {path} HTTP/1.1\r\nHost: localhost:80@evil.example\r\n{end}"),
        format!("GET {path} HTTP/1.1\r\nHost: [::1].evil.example\r\n{end}"),
        format!("GET {path} HTTP/1.1\r\nHost: 0.0.0.0\r\n{end}"),
        format!("GET {path} HTTP/1.0\r\n{end}"),
        format!("GET {path} HTTP/1.1\r\nHost:\r\n{end}"),
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n{end}"),
        format!("GET http://evil.example{path} HTTP/1.1\r\nHost: localhost\r\n{end}"),
        format!("GET http://{own}{path} HTTP/1.1\r\nHost: evil.example\r\n{end}"),
        format!("GET http://u:p@{own}{path} HTTP/1.1\r\nHost: {own}\r\n{end}"),
        format!("GET {path} HTTP/1.1\r\nHost: {own}\r\nOrigin: https://evil.example\r\n{end}"),
        format!("GET {path} HTTP/1.1\r\nHost: {own}\r\nOrigin: null\r\n{end}"),
        format!(
            "OPTIONS /uploads HTTP/1.1\r\nHost: {own}\r\nOrigin: https://evil.example\r\n{end}"
        ),
    ];
    for status in statuses(&emulator, &strangers).await {
        assert!(matches!(status, 400 | 403), "{status}");
    }
    let friends = [
        format!("GET {path} HTTP/1.1\r\nHost: {own}\r\n{end}"),
        format!("GET {path} HTTP/1.1\r\nHost: localhost:1\r\n{end}"),
        format!("GET {path} HTTP/1.1\r\nHost: LOCALHOST.\r\n{end}"),
        format!("GET {path} HTTP/1.1\r\nHost: [::1]:4566\r\n{end}"),
        format!("GET http://{own}{path} HTTP/1.1\r\nHost: {own}\r\n{end}"),
        format!("GET {path} HTTP/1.1\r\nHost: {own}\r\nOrigin: http://localhost:3000\r\n{end}"),
    ];
    assert_eq!(statuses(&emulator, &friends).await, [200; 6]);
    emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_listens_on_loopback_only_unless_told() {
    let dir = directory();
    let emulator = start(dir.path()).await;
    assert!(emulator.endpoint().starts_with("http://127.0.0.1:"));
    emulator.stop().await;
    let config = Config {
        address: "0.0.0.0".parse().expect("an address"),
        ..Config::new(dir.path())
    };
    let wide = Emulator::start(config).await.expect("it starts");
    let request = "GET /_pipectl/health HTTP/1.1\r\nHost: dev.example\r\nConnection: close\r\n\r\n";
    assert_eq!(
        exchange(&wide, request).await.0,
        200,
        "told so, it has other names"
    );
    wide.stop().await;
}
