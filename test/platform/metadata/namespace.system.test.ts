import { expect } from 'bun:test';
import { resolve } from 'node:path';
import { NetworkNamespace, networkNamespaceGap } from '../../support/network-namespace.ts';
import { testNeeding } from '../../support/requirement.ts';

const SERVICE = resolve(import.meta.dir, '../../support/fake-metadata-program.ts');
const READER = resolve(import.meta.dir, 'fixtures/read-identity.ts');
const inNamespace = testNeeding('metadata at its real address', networkNamespaceGap());

/** A proxy at which nobody listens: whoever asks it gets no answer. */
const PROXY = Object.fromEntries(
  ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'].map((name) => [name, 'http://127.0.0.1:9']),
);

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes('\n')) break;
  }
  return text.trim();
}

for (const [host, prefix, endpoint] of [
  ['169.254.169.254', 32, 'http://169.254.169.254'],
  ['fd00:ec2::254', 128, 'http://[fd00:ec2::254]'],
] as const) {
  inNamespace(`${host} is read at its real address, past any proxy`, async () => {
    await using namespace = new NetworkNamespace([`${host}/${prefix}`]);
    const service = namespace.spawn([process.execPath, SERVICE, host, '80']);
    expect(await firstLine(service.stdout)).toBe(endpoint);
    const reader = namespace.spawn([process.execPath, READER, endpoint], PROXY);
    expect(JSON.parse(await new Response(reader.stdout).text())).toMatchObject({
      ok: true,
      value: { instanceId: 'i-0123456789abcdef0' },
    });
  });
}
