import { describe, expect, test } from 'bun:test';
import { connect as connectSocket } from 'node:net';
import fc from 'fast-check';
import { checkBlobUrl, signBlobPath } from '../../../src/hub/blobs/blob-url.ts';
import { rangeOf } from '../../../src/hub/blobs/byte-range.ts';
import { waitFor } from '../../support/wait-for.ts';
import { agents, ContentRig, sha256 } from './content-rig.ts';

const KEY = { id: '0123abcd', secret: new Uint8Array(32).fill(7) };
const GRANT = {
  object: 'a'.repeat(32),
  action: 'part',
  part: 3,
  maxBytes: 1_000,
  expiresAtMs: 5_000,
  fileName: '',
} as const;

describe('a signed address', () => {
  test('says what it allows, until it expires', () => {
    const url = new URL(signBlobPath(GRANT, KEY), 'http://hub');
    expect(checkBlobUrl(url, KEY, 4_999)).toEqual({ kind: 'valid', grant: GRANT });
    expect(checkBlobUrl(url, KEY, 5_000)).toEqual({ kind: 'expired' });
    expect(checkBlobUrl(url, { ...KEY, secret: new Uint8Array(32) }, 0)).toEqual({ kind: 'wrong' });
  });

  test('with anything in it changed is worth nothing', () => {
    const path = signBlobPath({ ...GRANT, fileName: 'a b' }, KEY);
    const changes = fc.record({ at: fc.nat(path.length - 1), to: fc.constantFrom(...'0129afz&=%.') });
    fc.assert(
      fc.property(changes, ({ at, to }) => {
        const changed = new URL(path.slice(0, at) + to + path.slice(at + 1), 'http://hub');
        const checked = checkBlobUrl(changed, KEY, 0);
        const same =
          `${changed.pathname}${changed.search}` === path || new URLSearchParams(changed.search).get('key') !== KEY.id;
        if (!same && checked.kind !== 'wrong')
          expect(checked).toEqual(checkBlobUrl(new URL(path, 'http://hub'), KEY, 0));
      }),
      { numRuns: 500 },
    );
  });

  test.each(['action', 'part', 'max', 'expires', 'signature'])('without %s is worth nothing', (name) => {
    const url = new URL(signBlobPath(GRANT, KEY), 'http://hub');
    url.searchParams.delete(name);
    expect(checkBlobUrl(url, KEY, 0)).toEqual({ kind: 'wrong' });
  });
});

test.each([
  [undefined, undefined],
  ['bytes=0-3', { from: 0, to: 4 }],
  ['bytes=4-', { from: 4, to: 10 }],
  ['bytes=-3', { from: 7, to: 10 }],
  ['bytes=-30', { from: 0, to: 10 }],
  ['bytes=8-99', { from: 8, to: 10 }],
  ['bytes=10-', 'impossible'],
  ['bytes=-0', 'impossible'],
  ['bytes=3-2', undefined],
  ['bytes=-', undefined],
  ['bytes=0-1,4-5', undefined],
  ['lines=1-2', undefined],
  ['bytes=99999999999999999-', undefined],
] as const)('range %p', (header, expected) => {
  expect(rangeOf(header, 10)).toEqual(expected as never);
});

describe('the door', () => {
  test('gives ranges, heads and nothing that a browser would show', async () => {
    await using rig = await ContentRig.start();
    await rig.store('k', '<script>alert(1)</script>');
    const { urls } = await rig.call(agents.generateCacheDownloadURLs, { cacheKey: 'k' });
    const [url = ''] = urls;
    const whole = await fetch(url);
    expect(whole.headers.get('content-type')).toBe('application/octet-stream');
    expect(whole.headers.get('x-content-type-options')).toBe('nosniff');
    expect(whole.headers.get('content-disposition')).toStartWith('attachment;');
    expect(whole.headers.get('content-length')).toBe('25');
    const part = await fetch(url, { headers: { range: 'bytes=8-12' } });
    expect([part.status, await part.text()]).toEqual([206, 'alert']);
    expect(part.headers.get('content-range')).toBe('bytes 8-12/25');
    const beyond = await fetch(url, { headers: { range: 'bytes=25-' } });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */25']);
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '25', '']);
  });

  test('takes what an address is for and nothing else', async () => {
    await using rig = await ContentRig.start();
    const { url } = await rig.call(agents.generateCacheUploadURL, { cacheKey: 'k' });
    expect((await fetch(url)).status).toBe(405);
    expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(405);
    expect((await fetch(url.replace('action=put', 'action=get'))).status).toBe(403);
    expect((await fetch(url.replace(/max=\d+/, 'max=99999999999999'), { method: 'PUT', body: 'x' })).status).toBe(403);
    expect((await fetch(url.replace(/key=\w+/, 'key=00000000'), { method: 'PUT', body: 'x' })).status).toBe(403);
    expect((await fetch(`${rig.hub.web.text}/blobs/..%2f..%2fhub.db?action=get`)).status).toBe(403);
    expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(200);
  });

  test('a PUT that is repeated after its answer was lost succeeds and changes nothing', async () => {
    await using rig = await ContentRig.start();
    const { url } = await rig.call(agents.generateCacheUploadURL, { cacheKey: 'k' });
    expect((await fetch(url, { method: 'PUT', body: 'first' })).status).toBe(200);
    expect((await fetch(url, { method: 'PUT', body: 'other' })).status).toBe(200);
    expect(await rig.fetch('k')).toBe('first');
  });

  test('a sender that breaks off leaves nothing; the next one is taken', async () => {
    await using rig = await ContentRig.start();
    const { url } = await rig.call(agents.generateCacheUploadURL, { cacheKey: 'k' });
    const { port, pathname, search } = new URL(url);
    const socket = connectSocket(Number(port), '127.0.0.1');
    const head = `PUT ${pathname}${search} HTTP/1.1\r\nHost: hub\r\nContent-Length: 100000\r\n\r\n`;
    socket.write(head + 'x'.repeat(50_000));
    await waitFor('the content to come in', async () => (await rig.stored()).length === 1);
    expect((await fetch(url, { method: 'PUT', body: 'second' })).status).toBe(409); // while the first one is at it
    socket.destroy();
    await waitFor('the part to be gone', async () => (await rig.stored()).length === 0);
    expect(await rig.fetch('k')).toBeUndefined();
    expect((await fetch(url, { method: 'PUT', body: 'second' })).status).toBe(200);
    expect(await rig.fetch('k')).toBe('second');
    expect(rig.hub.bugs).toEqual([]);
  });

  test('large content comes through whole', async () => {
    await using rig = await ContentRig.start();
    const piece = new Uint8Array(1024 * 1024).map((_, index) => (index * 31) % 251);
    const body = new Uint8Array(32 * piece.length);
    for (let n = 0; n < 32; n += 1) body.set(piece, n * piece.length);
    expect((await rig.store('big', body)).status).toBe(200);
    const { urls } = await rig.call(agents.generateCacheDownloadURLs, { cacheKey: 'big' });
    const back = new Uint8Array(await (await fetch(urls[0] ?? '')).arrayBuffer());
    expect(sha256(back)).toBe(sha256(body));
  });
});
