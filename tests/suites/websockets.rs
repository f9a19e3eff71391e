//! httpd's t/modules/proxy_websockets.t: messages of growing sizes through a tunnel, each of them echoed.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::support::client::Client;
use crate::support::origin::{Ledger, Origin, read_head};
use crate::support::server::Server;
use crate::support::told::figure;

/// What is sent, and how often repeated. The fifth is turned off in the source, as it was not reliable there.
const MESSAGES: [(&str, usize); 6] =
    [("ping0", 1), ("ping1", 10), ("ping2", 100), ("ping3", 1024), ("ping4", 4096), ("sendquit", 1)];

/// What ends the tunnel.
const QUIT: &[u8] = b"quit";

#[test]
fn suite_httpd_proxy_websockets() {
    let origin = Origin::conversing(echo);
    let server =
        Server::conf(&format!("ProxyPass /proxy/wsoc {}/modules/lua/websockets.lua\n", origin.url()));
    let mut client = server.client();
    client.send(
        b"GET /proxy/wsoc HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    assert_eq!(client.response().status, 101);
    for (text, times) in MESSAGES {
        let message = text.repeat(times).into_bytes();
        client.send(&frame(&message, true));
        assert!(answer(&mut client) == message, "{text} {times} times is not what came back");
    }
    client.send(&frame(QUIT, true));
    assert!(client.is_closed(), "the end of the tunnel was not passed on");
    let count = MESSAGES.len();
    figure(format_args!("httpd proxy_websockets.t: {count} rows, {count} as expected, 0 deviations"));
}

fn echo(_: usize, mut stream: TcpStream, _: &Ledger) -> io::Result<()> {
    read_head(&mut stream, &mut Vec::new())?;
    stream.write_all(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    )?;
    loop {
        let message = read_frame(&mut stream)?;
        if message == QUIT {
            return Ok(());
        }
        stream.write_all(&frame(&message, false))?;
    }
}

/// The key that a client hides its bytes with (RFC 6455 section 5.3).
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// One text message in one frame; that of a client is masked.
fn frame(message: &[u8], masked: bool) -> Vec<u8> {
    let mask_bit = u8::from(masked) << 7;
    let mut out = vec![0x81];
    match u16::try_from(message.len()).unwrap() {
        short @ ..126 => out.push(mask_bit | short as u8),
        long => {
            out.push(mask_bit | 126);
            out.extend_from_slice(&long.to_be_bytes());
        }
    }
    if masked {
        out.extend_from_slice(&MASK);
    }
    let start = out.len();
    out.extend_from_slice(message);
    if masked {
        hide(&mut out[start..]);
    }
    out
}

fn hide(bytes: &mut [u8]) {
    bytes.iter_mut().zip(MASK.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
}

/// The content of a client's frame.
fn read_frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut start = [0; 2];
    stream.read_exact(&mut start)?;
    let mut length = u16::from(start[1] & 0x7f);
    if length == 126 {
        let mut long = [0; 2];
        stream.read_exact(&mut long)?;
        length = u16::from_be_bytes(long);
    }
    let mut masked = vec![0; MASK.len() + usize::from(length)];
    stream.read_exact(&mut masked)?;
    let mut content = masked.split_off(MASK.len());
    hide(&mut content);
    Ok(content)
}

/// The content of the next frame, which is not masked.
fn answer(client: &mut Client) -> Vec<u8> {
    let start = client.bytes(2);
    let length = match start[1] {
        126 => usize::from(u16::from_be_bytes(client.bytes(2).try_into().unwrap())),
        short => usize::from(short),
    };
    client.bytes(length)
}
