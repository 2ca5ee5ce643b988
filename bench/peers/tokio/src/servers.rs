// SPDX-License-Identifier: MIT

//! The servers: a task a connection. HTTP is done by hand: Debian has no release of a crate for it
//! that goes with this Tokio.

use crate::fail;
use std::future::Future;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves each connection in a task of its own. The listener's backlog is 1024.
async fn serve<F: Future<Output = io::Result<()>> + Send + 'static>(
    serve_one: fn(TcpStream) -> F,
) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("port={}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve_one(stream));
    }
}

async fn echo_one(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 4096];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..n]).await?;
    }
}

pub async fn echo() {
    serve(echo_one).await.unwrap_or_else(|why| fail(why))
}

const HELLO: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

/// Requests come one after the other, but in as many pieces as the network likes.
async fn http_one(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 4096];
    let mut length = 0;
    loop {
        let n = stream.read(&mut buffer[length..]).await?;
        length += n;
        if n == 0 {
            return Ok(()); // the end, or a request that is too long
        }
        if !buffer[..length].windows(4).any(|four| four == b"\r\n\r\n") {
            continue;
        }
        let answer = if buffer.starts_with(b"GET / ") { HELLO } else { NOT_FOUND };
        length = 0;
        stream.write_all(answer).await?;
    }
}

pub async fn http() {
    serve(http_one).await.unwrap_or_else(|why| fail(why))
}
