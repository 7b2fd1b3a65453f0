import { expect, test } from 'bun:test';
import { createServer } from 'node:net';
import { connect } from '../../src/rpc/client.ts';
import { parseEndpoint } from '../../src/rpc/endpoint.ts';
import { explainFailure } from '../../src/rpc/explain-failure.ts';
import { CirrusWorkersService } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { startRpcServer, unaryHandler } from '../../src/rpc/server.ts';
import { AUTHORITY_FILE, certificate } from '../support/certificates.ts';

const { register } = CirrusWorkersService.method;
const handlers = [unaryHandler(register, async () => ({ sessionToken: 'x' }))];
const wrapped = (reason: string) => `No connection established. Last error: ${reason}. Resolution note: `;

/** What a client says about a server there that it cannot call. */
async function complaint(url: string, roots: readonly string[], timeoutMs = 5_000): Promise<string> {
  const client = connect(parseEndpoint(url), roots);
  try {
    const call = client.unary(register, {}, { headers: {}, timeoutMs }, new AbortController().signal);
    return await call.then(
      () => 'no complaint',
      (error: Error) => error.message,
    );
  } finally {
    client.close();
  }
}

test.each([
  ['loopback', [], 'is not trusted (unable to verify the first certificate); set SSL_CERT_FILE'],
  ['stranger', [], 'is not trusted (self signed certificate)'],
  ['elsewhere', ['authority'], 'is for another name'],
  ['expired', ['expired'], 'has expired (certificate has expired); renew it, or set the clock'],
  ['future', ['future'], 'is not valid yet (certificate is not yet valid); set the clock of this machine'],
] as const)('TLS failures are told apart: %s', async (name, trusted, sentence) => {
  const roots = await Promise.all(
    trusted.map((root) => (root === 'authority' ? Bun.file(AUTHORITY_FILE).text() : certificate(root).certificate)),
  );
  const server = await startRpcServer({ listen: '127.0.0.1:0', certificate: certificate(name), handlers, onBug() {} });
  expect(await complaint(`https://127.0.0.1:${server.port}`, roots)).toContain(
    `the certificate of the server ${sentence}`,
  );
  await server.stop(AbortSignal.abort());
});

test('clear text and TLS taken for each other', async () => {
  const [secure, clear] = await Promise.all([
    startRpcServer({ listen: '127.0.0.1:0', certificate: certificate('loopback'), handlers, onBug() {} }),
    startRpcServer({ listen: '127.0.0.1:0', handlers, onBug() {} }),
  ]);
  expect(await complaint(`http://127.0.0.1:${secure.port}`, [])).toContain('use https:// if it wants TLS');
  expect(await complaint(`https://127.0.0.1:${clear.port}`, [])).toContain('use http:// if it is meant');
  await Promise.all([secure.stop(AbortSignal.abort()), clear.stop(AbortSignal.abort())]);
});

test('a server that accepts and never answers', async () => {
  const mute = createServer(() => {});
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  const { port } = mute.address() as { port: number };
  expect(await complaint(`https://127.0.0.1:${port}`, [], 300)).toContain('no connection came about in time');
  mute.close();
});

test.each([
  [wrapped('Error: connect ECONNREFUSED 127.0.0.1:1'), 'no connection (connect ECONNREFUSED 127.0.0.1:1)'],
  [
    wrapped('Error: connect EMFILE'),
    'no connection: too many files are open; raise the limit of this process (ulimit -n)',
  ],
  [
    'Name resolution failed for target dns:no-such-host.invalid:80',
    'no machine is known by the name no-such-host.invalid',
  ],
  ['Deadline exceeded after 15.001s,remote_addr=127.0.0.1:1', 'the server does not answer in time'],
  ['unknown token', 'unknown token'],
])('%s', (details, sentence) => {
  expect(explainFailure(details)).toBe(sentence);
});

test('a header value that HTTP cannot hold is an error of the call, not a crash', async () => {
  const server = await startRpcServer({ listen: '127.0.0.1:0', handlers, onBug() {} });
  const client = connect(parseEndpoint(`http://127.0.0.1:${server.port}`), []);
  const call = { headers: { 'worker-name': 'Büro\n' }, timeoutMs: 5_000 };
  await expect(client.unary(register, {}, call, new AbortController().signal)).rejects.toMatchObject({
    status: 'INTERNAL',
    message: 'the value of the header worker-name cannot be sent',
  });
  client.close();
  await server.stop(AbortSignal.abort());
});
