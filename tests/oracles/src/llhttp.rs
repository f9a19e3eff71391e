//! llhttp as a reader, by way of `node`, whose parser it is: no crate binds it, and no C source is kept here.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::seen::{Seen, sorted};

/// A running `node`; it ends when its input does.
#[derive(Debug)]
pub struct Llhttp {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// Which messages are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Requests.
    Request = 1,
    /// Responses to GET.
    Response = 2,
}

/// A message, and whether the reader gave the rest of the bytes to another protocol.
pub type Read = (Seen, bool);

impl Llhttp {
    /// Starts `node`; none where it is not installed, or brings an llhttp older than the known differences are of.
    ///
    /// # Errors
    /// If it is there and cannot be started.
    pub fn start() -> io::Result<Option<Self>> {
        const OLDEST: u32 = 9;
        let version = Command::new("node").args(["-p", "process.versions.llhttp"]).output();
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let major = version.ok().and_then(|version| version.split('.').next()?.trim().parse().ok());
        if major.is_none_or(|major: u32| major < OLDEST) {
            return Ok(None);
        }
        let mut node = Command::new("node");
        node.args(["--no-deprecation", "-e", include_str!("llhttp.js")]);
        let mut child = match node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or_else(|| io::Error::other("node has no output"))?;
        Ok(Some(Self { child, input, output: BufReader::new(output) }))
    }

    /// What is seen in each of `messages`, whole messages only.
    ///
    /// # Errors
    /// If `node` ends or answers something else.
    pub fn read<'m>(
        &mut self,
        kind: Kind,
        messages: impl Iterator<Item = &'m [u8]>,
    ) -> io::Result<Vec<Vec<Read>>> {
        let (mut batch, mut count) = (Vec::new(), 0);
        for message in messages {
            count += 1;
            batch.push(kind as u8);
            batch.extend_from_slice(&(message.len() as u32).to_le_bytes());
            batch.extend_from_slice(message);
        }
        let input = self.input.as_mut().ok_or_else(|| io::Error::other("node has no input"))?;
        input.write_all(&(batch.len() as u32).to_le_bytes())?;
        input.write_all(&batch)?;
        input.flush()?;
        (0..count).map(|_| self.line()).collect()
    }

    fn line(&mut self) -> io::Result<Vec<Read>> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err(io::Error::other("node ended"));
        }
        let line = line.trim_end();
        let parts = line.split('|').filter(|part| !part.is_empty());
        parts.map(|part| seen(part).ok_or_else(|| io::Error::other(format!("node said {line}")))).collect()
    }
}

impl Drop for Llhttp {
    fn drop(&mut self) {
        self.input = None;
        let _ended = self.child.wait();
    }
}

fn seen(text: &str) -> Option<Read> {
    let mut parts = text.split(',');
    let mut next = || parts.next();
    let (first, target, body) = (bytes(next()?)?, bytes(next()?)?, bytes(next()?)?);
    let (keep_alive, upgrade) = (next()? == "1", next()? == "1");
    let pairs = next()?.split(';').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once(':')?;
        Some((bytes(name)?, bytes(value)?))
    });
    let fields = sorted(pairs.collect::<Option<Vec<_>>>()?.into_iter());
    Some((Seen { first, target, fields, body, keep_alive, len: None }, upgrade))
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
