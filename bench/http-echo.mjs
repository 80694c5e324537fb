// A bare HTTP server for transport.mjs: reads what it is sent and answers with the bytes it was last given at /answer. With the argument `json` it
// reads each body as JSON and writes its answer as JSON anew, which is the least that a server has to do that understands what it is asked.
import http from 'node:http';

const isJson = process.argv[2] === 'json';
let answer = Buffer.alloc(0);
let answered;

function answerTo(body) {
  if (!isJson) return answer;
  if (typeof JSON.parse(body.toString()) !== 'object') throw new Error('the body is no object');
  return Buffer.from(JSON.stringify(answered));
}

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    if (request.url === '/answer') {
      answer = body;
      answered = JSON.parse(body.toString());
    }
    const bytes = answerTo(body);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length });
    response.end(bytes);
  });
});
server.listen(0, '127.0.0.1', () => console.log(`127.0.0.1:${server.address().port}`));
