//! A mail client that speaks SMTP or LMTP line by line.

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

use super::TIMEOUT;

/// A connection to a mail server.
#[derive(Debug)]
pub struct Postman {
    stream: BufReader<TcpStream>,
}

impl Postman {
    /// Connects.
    pub async fn calling(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// Connects and reads the greeting.
    pub async fn at(port: u16) -> Self {
        let mut this = Self::calling(port).await;
        let greeting = this.hear().await;
        assert!(greeting.starts_with("220 "), "{greeting}");
        this
    }

    /// Connects and sends this greeting, such as `EHLO tests`.
    pub async fn greeted(port: u16, greeting: &str) -> Self {
        let mut this = Self::at(port).await;
        let answer = this.say(greeting).await;
        assert!(answer.contains("250 "), "{answer}");
        this
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).await.unwrap();
    }

    /// Reads a reply with all its lines; empty if the server has closed the connection.
    pub async fn hear(&mut self) -> String {
        let mut answer = String::new();
        loop {
            let mut line = String::new();
            let read = timeout(TIMEOUT, self.stream.read_line(&mut line));
            if read.await.expect("it answers").unwrap_or(0) == 0 {
                return answer;
            }
            answer.push_str(&line);
            if line.as_bytes().get(3) != Some(&b'-') {
                return answer;
            }
        }
    }

    /// Sends a line; answers the reply.
    pub async fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes()).await;
        self.hear().await
    }

    /// Reads until the server closes the connection.
    pub async fn rest(mut self) -> String {
        let mut rest = String::new();
        let read = timeout(TIMEOUT, self.stream.read_to_string(&mut rest));
        let _ = read.await.expect("it hangs up");
        rest
    }

    /// Sends a mail to these recipients; answers the replies to refused recipients, and then the
    /// reply for each of the others.
    pub async fn bring(&mut self, to: &[&str], mail: &str) -> Vec<String> {
        self.say("MAIL FROM:<ada@example.com>").await;
        let mut accepted = 0;
        let mut answers = Vec::new();
        for address in to {
            let answer = self.say(&format!("RCPT TO:<{address}>")).await;
            if answer.starts_with("250") {
                accepted += 1
            } else {
                answers.push(answer)
            }
        }
        if accepted == 0 {
            self.say("RSET").await;
            return answers;
        }
        assert!(self.say("DATA").await.starts_with("354"));
        self.send(format!("{mail}\r\n.\r\n").as_bytes()).await;
        for _ in 0..accepted {
            answers.push(self.hear().await);
        }
        answers
    }
}
