import { describe, expect, test } from 'bun:test';
import { agentRoute, streamAddress } from '../../../src/hub/blobs/agent-route.ts';
import { ADDRESS_MS } from '../../../src/hub/blobs/blob-desk.ts';
import { partsProblem } from '../../../src/hub/blobs/multipart.ts';
import { ByteStream } from '../../../src/rpc/gen/google_bytestream_pb.ts';
import { agents, bytesOf, ContentRig, sha256, statusOf } from './content-rig.ts';

const cacheKey = { cacheKey: 'big' };

const create = async (rig: ContentRig) => (await rig.call(agents.multipartCacheUploadCreate, cacheKey)).uploadId;

async function put(rig: ContentRig, uploadId: string, partNumber: number, content: string) {
  const contentLength = BigInt(content.length);
  const { url } = await rig.call(agents.multipartCacheUploadPart, { cacheKey, uploadId, partNumber, contentLength });
  const response = await fetch(url, { method: 'PUT', body: content });
  expect(response.status).toBe(200);
  return { partNumber, etag: response.headers.get('etag') ?? '' };
}

describe('a cache in parts', () => {
  test('comes in any order, side by side, and is one', async () => {
    await using rig = await ContentRig.start();
    const uploadId = await create(rig);
    const parts = await Promise.all([
      put(rig, uploadId, 3, 'c'),
      put(rig, uploadId, 1, 'aa'),
      put(rig, uploadId, 2, 'b'),
    ]);
    parts.sort((left, right) => left.partNumber - right.partNumber);
    expect(await rig.fetch('big')).toBeUndefined();
    await rig.call(agents.multipartCacheUploadCommit, { cacheKey, uploadId, parts });
    expect(await rig.fetch('big')).toBe('aabc');
    await rig.call(agents.multipartCacheUploadCommit, { cacheKey, uploadId, parts }); // repeated by its sender
    expect(await rig.stored()).toHaveLength(1);
    expect(rig.hub.bugs).toEqual([]);
  });

  test('a part that is sent again takes the place of the first', async () => {
    await using rig = await ContentRig.start();
    const uploadId = await create(rig);
    const first = await put(rig, uploadId, 1, 'xx');
    const second = await put(rig, uploadId, 1, 'yy');
    const commit = (part: typeof first) =>
      rig.call(agents.multipartCacheUploadCommit, { cacheKey, uploadId, parts: [part] });
    expect(await statusOf(commit(first))).toBe('FAILED_PRECONDITION');
    await commit(second);
    expect(await rig.fetch('big')).toBe('yy');
  });

  test('what does not fit together is refused', async () => {
    const came = [
      { part: 1, size: 1, etag: 'a' },
      { part: 3, size: 1, etag: 'c' },
    ];
    const one = { part: 1, etag: '"a"' };
    expect(partsProblem([], came)).toBe('an upload needs at least one part');
    expect(partsProblem([one, { part: 2, etag: 'b' }], came)).toBe('part 2 has not come');
    expect(partsProblem([{ part: 3, etag: 'c' }, one], came)).toBe('part 1 is named twice or out of order');
    expect(partsProblem([one, one], came)).toBe('part 1 is named twice or out of order');
    expect(partsProblem([{ part: 1, etag: 'b' }], came)).toStartWith('part 1 has another etag');
    expect(partsProblem([one, { part: 3, etag: 'c' }], came)).toBeUndefined();
  });

  test('belongs to its task and key; numbers and sizes have bounds', async () => {
    await using rig = await ContentRig.start({ cacheBytes: 10 });
    const uploadId = await create(rig);
    const part = (over: object) =>
      statusOf(
        rig.call(agents.multipartCacheUploadPart, { cacheKey, uploadId, partNumber: 1, contentLength: 1n, ...over }),
      );
    expect(await part({})).toBe('OK');
    expect(await part({ cacheKey: { cacheKey: 'other' } })).toBe('NOT_FOUND');
    expect(await part({ uploadId: '00'.repeat(16) })).toBe('NOT_FOUND');
    expect(await part({ partNumber: 0 })).toBe('INVALID_ARGUMENT');
    expect(await part({ partNumber: 10_001 })).toBe('INVALID_ARGUMENT');
    expect(await part({ contentLength: 11n })).toBe('INVALID_ARGUMENT');
    const parts = [await put(rig, uploadId, 1, 'x'.repeat(6)), await put(rig, uploadId, 2, 'x'.repeat(6))];
    const commit = rig.call(agents.multipartCacheUploadCommit, { cacheKey, uploadId, parts });
    expect(await statusOf(commit)).toBe('FAILED_PRECONDITION');
    expect(await rig.fetch('big')).toBeUndefined();
  });

  test('that nobody commits goes, with all of its parts', async () => {
    await using rig = await ContentRig.start();
    const uploadId = await create(rig);
    await put(rig, uploadId, 1, 'x');
    await put(rig, uploadId, 2, 'y');
    rig.hub.clock.stepWall(ADDRESS_MS);
    await rig.hub.heart.keeper.keep();
    expect(await rig.stored()).toEqual([]);
    const commit = rig.call(agents.multipartCacheUploadCommit, {
      cacheKey,
      uploadId,
      parts: [{ partNumber: 1, etag: 'x' }],
    });
    expect(await statusOf(commit)).toBe('NOT_FOUND');
  });
});

test.each([
  ['http://127.0.0.1:7481', 'http://127.0.0.1:7480', false, 'http'],
  ['http://localhost:7481', 'http://127.0.0.1:7480', false, 'http'],
  ['https://hub.example:7481', 'https://hub.example:7480', false, 'http'],
  ['HUB.example:7481', 'https://hub.example', false, 'http'],
  ['http://192.168.64.1:7481', 'http://127.0.0.1:7480', false, 'grpc://192.168.64.1:7481'],
  ['https://host.docker.internal:7481', 'http://10.0.0.5:7480', false, 'grpcs://host.docker.internal:7481'],
  ['unix:///agent.sock', 'http://127.0.0.1:7480', false, 'unix:///agent.sock'],
  ['http://192.168.64.1:7481', 'https://hub.example', true, 'http'],
  ['', 'http://127.0.0.1:7480', false, 'http'],
] as const)('an agent that calls %s of a hub at %s (given: %p) goes by %s', (endpoint, text, given, expected) => {
  const route = agentRoute(endpoint, { text, given });
  expect(route.kind === 'http' ? 'http' : route.address).toBe(expected);
});

test('addresses of streams are those of calls', () => {
  const all = ['http://a:1', 'https://a:1', 'unix:/x', 'a:1'].map(streamAddress);
  expect(all).toEqual(['grpc://a:1', 'grpcs://a:1', 'unix:/x', 'a:1']);
});

describe('an agent that reaches the hub by gRPC alone', () => {
  const ENDPOINT = 'http://192.168.64.1:7481';
  const start = async () => {
    const rig = await ContentRig.start({ cacheBytes: 1_000_000 });
    rig.hub.web.given = false;
    return rig;
  };
  const write = async (
    rig: ContentRig,
    messages: { resourceName?: string; writeOffset: bigint; data?: Uint8Array; finishWrite?: boolean }[],
  ) => {
    const call = rig.worker.client.upload(ByteStream.method.write, rig.headers(ENDPOINT), AbortSignal.timeout(10_000));
    for (const message of messages) await call.write(message).catch(() => {});
    return Number((await call.finish()).committedSize);
  };
  const read = async (
    rig: ContentRig,
    resourceName: string,
    range: { readOffset?: bigint; readLimit?: bigint } = {},
  ) => {
    const pieces: Uint8Array[] = [];
    const request = { resourceName, ...range };
    const answers = rig.worker.client.download(
      ByteStream.method.read,
      request,
      rig.headers(ENDPOINT),
      AbortSignal.timeout(10_000),
    );
    for await (const { data } of answers) pieces.push(data);
    return Buffer.concat(pieces);
  };

  test('is told so, and brings and fetches caches by ByteStream', async () => {
    await using rig = await start();
    const { url, extraHeaders } = await rig.call(agents.generateCacheUploadURL, { cacheKey: 'k' }, ENDPOINT);
    expect([url, extraHeaders]).toEqual(['grpc://192.168.64.1:7481', {}]);
    const content = new Uint8Array(300_000).map((_, index) => index % 251);
    const messages = [];
    for (let at = 0; at < content.length; at += 65_536) {
      const data = content.subarray(at, at + 65_536);
      messages.push({ resourceName: at === 0 ? 'k' : '', writeOffset: BigInt(at), data });
    }
    messages.push({ resourceName: '', writeOffset: 300_000n, finishWrite: true });
    expect(await write(rig, messages)).toBe(300_000);
    const { urls } = await rig.call(agents.generateCacheDownloadURLs, { cacheKey: 'k' }, ENDPOINT);
    expect(urls).toEqual(['grpc://192.168.64.1:7481']);
    expect(sha256(await read(rig, 'k'))).toBe(sha256(content));
    expect([...(await read(rig, 'k', { readOffset: 250n, readLimit: 3n }))]).toEqual([250, 0, 1]);
    expect(await statusOf(read(rig, 'none'))).toBe('NOT_FOUND');
    expect(await statusOf(read(rig, 'k', { readOffset: 300_001n }))).toBe('OUT_OF_RANGE');
    expect(rig.hub.bugs).toEqual([]);
  });

  test('artifacts come by stream, parts of caches not at all', async () => {
    await using rig = await start();
    const files = [{ path: 'a', sizeInBytes: 1n }];
    expect(await statusOf(rig.call(agents.generateArtifactUploadURLs, { name: 'n', files }, ENDPOINT))).toBe(
      'UNIMPLEMENTED',
    );
    expect(await statusOf(rig.call(agents.multipartCacheUploadCreate, cacheKey, ENDPOINT))).toBe('UNIMPLEMENTED');
  });

  test.each([
    ['a gap', [{ resourceName: 'k', writeOffset: 1n, data: bytesOf('x') }], 'INVALID_ARGUMENT'],
    [
      'another name',
      [
        { resourceName: 'k', writeOffset: 0n },
        { resourceName: 'l', writeOffset: 0n },
      ],
      'INVALID_ARGUMENT',
    ],
    ['no name', [{ resourceName: '', writeOffset: 0n, finishWrite: true }], 'INVALID_ARGUMENT'],
    ['no end', [{ resourceName: 'k', writeOffset: 0n, data: bytesOf('x') }], 'CANCELLED'],
    ['nothing', [], 'INVALID_ARGUMENT'],
    ['too much', [{ resourceName: 'k', writeOffset: 0n, data: new Uint8Array(1_000_001) }], 'INVALID_ARGUMENT'],
  ])('a write with %s is refused and leaves nothing', async (_title, messages, status) => {
    await using rig = await start();
    expect(await statusOf(write(rig, messages))).toBe(status);
    expect(await rig.stored()).toEqual([]);
    expect(rig.hub.bugs).toEqual([]);
  });
});
