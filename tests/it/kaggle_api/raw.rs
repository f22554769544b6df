//! A service whose answers are written out byte by byte.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use remedia::clock::Clock;
use remedia::http::{Client, ClientOptions, Secret, Timeouts};
use remedia::kaggle::{Connection, Endpoint, Kaggle, KaggleEnvironment, Reference};

pub(super) const TOKEN: &str = "KGAT_do_not_show";

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) head: String,
    pub(super) body: String,
}

/// Answers each request by what `answer` gives for it: the whole answer, from its status line on.
pub(super) struct Raw {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Raw {
    pub(super) fn start(
        answer: impl Fn(&Asked, usize, &str) -> String + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (base, seen) = (url.clone(), Arc::clone(&asked));
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (base, seen, answer) = (base.clone(), Arc::clone(&seen), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream.unwrap(), &base, &seen, &*answer));
            }
        });
        Self { url, asked }
    }

    pub(super) fn kaggle(&self) -> Kaggle {
        let connection = self.connection(ClientOptions::default());
        let environment = KaggleEnvironment {
            api_token: Some(Secret::new(TOKEN)),
            ..KaggleEnvironment::default()
        };
        let signed_in = connection.sign_in(&environment).unwrap();
        Kaggle::new(connection, signed_in)
    }

    pub(super) fn connection(&self, options: ClientOptions) -> Connection {
        let timeouts = Timeouts {
            connect: Duration::from_secs(5),
            response: Duration::from_secs(5),
            pause: Duration::from_secs(2),
        };
        let options = ClientOptions {
            timeouts,
            ..options
        };
        let clock = Clock::frozen("2026-11-23T08:00:00Z".parse().unwrap());
        let endpoint = Endpoint::from_override(&format!("{}/api/v1", self.url)).unwrap();
        Connection::new(Client::new(options, clock), endpoint, clock).with_sleeper(Arc::new(|_| {}))
    }

    pub(super) fn asked(&self, part: &str) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|asked| asked.line.contains(part))
            .cloned()
            .collect()
    }
}

fn serve(
    stream: TcpStream,
    base: &str,
    seen: &Mutex<Vec<Asked>>,
    answer: &(dyn Fn(&Asked, usize, &str) -> String + Send + Sync),
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let lower = head.to_lowercase();
        let length = lower
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.trim().parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let asked = Asked {
            line: head.lines().next().unwrap().to_owned(),
            head: lower,
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        let before = {
            let mut seen = seen.lock().unwrap();
            let same = seen.iter().filter(|other| other.line == asked.line).count();
            seen.push(asked.clone());
            same
        };
        let text = if asked.line.contains("IntrospectToken") {
            json(r#"{"active":true,"username":"tester"}"#)
        } else {
            answer(&asked, before, base)
        };
        if writer.write_all(text.as_bytes()).is_err() || text.contains("connection: close") {
            return;
        }
    }
}

pub(super) fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

pub(super) fn json(body: &str) -> String {
    answer("200 OK", "content-type: application/json\r\n", body)
}

pub(super) fn reference(slug: &str) -> Reference {
    Reference::new("tester", slug).unwrap()
}
