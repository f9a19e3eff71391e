// Feeds messages to llhttp, the parser of Node.js, and prints what it saw of each.
//
// In: a batch is a 32-bit length and so many bytes, which are messages: a kind (1 request, 2 response), a 32-bit
// length, the bytes. Out, a line for each message: what was seen in it, separated by `|`; of each the first token,
// the target, the body, the keep-alive flag, the upgrade flag, the fields, in hexadecimal where they are bytes.
// A batch is read whole before anything is printed, so that neither side waits for the other.
'use strict';
const { HTTPParser, methods } = require('_http_common');

const hex = (text) => Buffer.from(text, 'latin1').toString('hex');

function read(kind, bytes) {
  const seen = [];
  let now = null;
  const parser = new HTTPParser();
  parser.initialize(kind, {});
  // Fields and target come ahead of the rest in a message that follows one with trailers; trailers come while there is
  // a message, and are left out.
  let ahead = { fields: [], url: '' };
  parser[HTTPParser.kOnHeaders | 0] = (fields, url) => {
    if (now === null) ahead = { fields: ahead.fields.concat(fields), url: ahead.url + url };
  };
  parser[HTTPParser.kOnHeadersComplete | 0] = (major, minor, whole, method, line, status, reason, upgrade, keep) => {
    const { fields, url } = whole ? { fields: whole, url: line } : ahead;
    ahead = { fields: [], url: '' };
    const pairs = [];
    for (let at = 0; at < fields.length; at += 2) pairs.push(hex(fields[at]) + ':' + hex(fields[at + 1]));
    const first = kind === 1 ? methods[method] : String(status);
    now = { head: [hex(first), hex(url || '')], body: '', flags: [keep ? 1 : 0, upgrade ? 1 : 0], pairs };
    return 0;
  };
  parser[HTTPParser.kOnBody | 0] = (chunk) => { now.body += chunk.toString('hex'); };
  parser[HTTPParser.kOnMessageComplete | 0] = () => {
    seen.push([...now.head, now.body, ...now.flags, now.pairs.join(';')].join(','));
    now = null;
  };
  if (!(parser.execute(bytes) instanceof Error)) parser.finish();
  return seen.join('|');
}

let input = Buffer.alloc(0);
process.stdin.on('data', (more) => {
  input = Buffer.concat([input, more]);
  while (input.length >= 4 && input.length >= 4 + input.readUInt32LE(0)) {
    const end = 4 + input.readUInt32LE(0);
    const lines = [];
    for (let at = 4; at < end;) {
      const len = input.readUInt32LE(at + 1);
      lines.push(read(input[at], input.subarray(at + 5, at + 5 + len)));
      at += 5 + len;
    }
    input = input.subarray(end);
    process.stdout.write(lines.join('\n') + '\n');
  }
});
