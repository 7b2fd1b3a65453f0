import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { artifactPathProblem, attachment, downloadName } from '../../../src/hub/blobs/artifact-path.ts';
import type { BlobLimits } from '../../../src/hub/blobs/blob-desk.ts';
import { ADDRESS_MS } from '../../../src/hub/blobs/blob-desk.ts';
import { agents, bytesOf, ContentRig, sha256, statusOf } from './content-rig.ts';

const file = (path: string, content: string) => ({ path, sizeInBytes: BigInt(content.length) });

/** Uploads as agents do: addresses, one PUT each, commit. */
async function upload(rig: ContentRig, files: Record<string, string>, name = 'binaries') {
  const wanted = Object.entries(files).map(([path, content]) => file(path, content));
  const { urls } = await rig.call(agents.generateArtifactUploadURLs, { name, files: wanted });
  for (const [index, content] of Object.values(files).entries()) {
    const { url = '', headers } = urls[index] ?? {};
    const response = await fetch(url, { method: 'PUT', body: content === '' ? null : content, headers: headers ?? {} });
    expect(response.status).toBe(200);
  }
  await rig.call(agents.commitUploadedArtifacts, { name, type: 'text/plain', format: 'junit', files: wanted });
}

const listed = async (rig: ContentRig) =>
  (await rig.hub.heart.artifacts.list(Number(rig.task.taskId), 100)).map(({ name, path, sizeBytes }) => [
    name,
    path,
    sizeBytes,
  ]);

async function download(rig: ContentRig, path: string, name = 'binaries'): Promise<Response> {
  const found = await rig.hub.heart.artifacts.find(Number(rig.task.taskId), name, path);
  return fetch(rig.hub.web.text + (found?.downloadPath ?? '/none'));
}

/** A stream as agents without addresses send it. */
async function stream(rig: ContentRig, name: string, ...chunks: [path: string, data: string][]) {
  const call = rig.worker.client.upload(agents.uploadArtifacts, rig.headers(), AbortSignal.timeout(10_000));
  const header = { name, type: '', format: '' };
  await call.write({ value: { case: 'artifactsUpload', value: header } });
  for (const [artifactPath, data] of chunks) {
    await call.write({ value: { case: 'chunk', value: { artifactPath, data: bytesOf(data) } } }).catch(() => {});
  }
  return Number((await call.finish()).bytesSaved);
}

describe('artifacts by address', () => {
  test('are seen once they are committed, and come back as they were', async () => {
    await using rig = await ContentRig.start();
    await upload(rig, { 'dist/app.tar': 'content', empty: '', 'dist/ünï cödé.txt': 'x' });
    expect(await listed(rig)).toEqual([
      ['binaries', 'dist/app.tar', 7],
      ['binaries', 'dist/ünï cödé.txt', 1],
      ['binaries', 'empty', 0],
    ]);
    const response = await download(rig, 'dist/app.tar');
    expect([response.status, await response.text()]).toEqual([200, 'content']);
    expect(response.headers.get('content-disposition')).toBe(attachment('app.tar'));
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(await (await download(rig, 'empty')).text()).toBe('');
    const [first] = await rig.hub.heart.artifacts.list(Number(rig.task.taskId), 1);
    expect(first).toMatchObject({ type: 'text/plain', format: 'junit', digest: sha256('content') });
    expect(rig.hub.bugs).toEqual([]);
  });

  test('nothing is seen when one of them has not come; a second attempt of the whole works', async () => {
    await using rig = await ContentRig.start();
    const files = [file('a', 'aa'), file('b', 'bb')];
    const { urls } = await rig.call(agents.generateArtifactUploadURLs, { name: 'binaries', files });
    await fetch(urls[0]?.url ?? '', { method: 'PUT', body: 'aa' });
    const commit = () => rig.call(agents.commitUploadedArtifacts, { name: 'binaries', files });
    expect(await statusOf(commit())).toBe('FAILED_PRECONDITION');
    expect(await listed(rig)).toEqual([]);
    await upload(rig, { a: 'aa', b: 'bb' });
    expect(await statusOf(commit())).toBe('OK'); // a repetition whose first answer was lost
    expect(await listed(rig)).toHaveLength(2);
    rig.hub.clock.stepWall(ADDRESS_MS);
    await rig.hub.heart.keeper.keep();
    expect(await rig.stored()).toHaveLength(2); // the content of the first attempt has gone
  });

  test('a file that is sent again takes the place of the first', async () => {
    await using rig = await ContentRig.start();
    await upload(rig, { a: 'one' });
    await upload(rig, { a: 'three' });
    expect(await listed(rig)).toEqual([['binaries', 'a', 5]]);
    expect(await (await download(rig, 'a')).text()).toBe('three');
  });

  test('content of another size than announced is refused', async () => {
    await using rig = await ContentRig.start();
    const { urls } = await rig.call(agents.generateArtifactUploadURLs, { name: 'n', files: [file('a', 'four')] });
    const put = async (body: string) => (await fetch(urls[0]?.url ?? '', { method: 'PUT', body })).status;
    expect([await put('fiv'), await put('fives'), await put('four')]).toEqual([400, 413, 200]);
    expect(await rig.stored()).toHaveLength(1);
  });

  test.each<[string, Partial<BlobLimits>]>([
    ['one file', { artifactBytes: 3 }],
    ['all files', { taskArtifactBytes: 5 }],
    ['their number', { taskArtifactFiles: 1 }],
  ])('limits: %s', async (_title, limits) => {
    await using rig = await ContentRig.start(limits);
    const files = [file('a', 'aaaa'), file('b', 'bb')];
    const outcome = await statusOf(rig.call(agents.generateArtifactUploadURLs, { name: 'n', files }));
    expect(['INVALID_ARGUMENT', 'FAILED_PRECONDITION']).toContain(outcome);
    expect(await statusOf(rig.call(agents.generateArtifactUploadURLs, { name: 'n', files: [file('b', 'bb')] }))).toBe(
      'OK',
    );
  });

  test('promises of many attempts to one file count once', async () => {
    await using rig = await ContentRig.start({ taskArtifactBytes: 5 });
    for (let turn = 0; turn < 5; turn += 1) await upload(rig, { a: 'aaaa' });
    expect(await listed(rig)).toHaveLength(1);
  });
});

describe('artifacts by stream', () => {
  test('come file after file, in pieces', async () => {
    await using rig = await ContentRig.start();
    expect(await stream(rig, 'binaries', ['a', 'on'], ['a', 'e'], ['b/c', 'two'], ['empty', ''])).toBe(6);
    expect(await listed(rig)).toEqual([
      ['binaries', 'a', 3],
      ['binaries', 'b/c', 3],
      ['binaries', 'empty', 0],
    ]);
    expect(await (await download(rig, 'a')).text()).toBe('one');
    expect(rig.hub.bugs).toEqual([]);
  });

  test.each<[string, [string, string][], string]>([
    [
      'a file comes twice',
      [
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
      ],
      'INVALID_ARGUMENT',
    ],
    [
      'a path leads out',
      [
        ['a', '1'],
        ['../b', '2'],
      ],
      'INVALID_ARGUMENT',
    ],
    ['it is too large', [['a', 'x'.repeat(20)]], 'INVALID_ARGUMENT'],
  ])('%s: refused, and nothing is seen', async (_title, chunks, status) => {
    await using rig = await ContentRig.start({ artifactBytes: 10 });
    expect(await statusOf(stream(rig, 'binaries', ...chunks))).toBe(status);
    expect(await listed(rig)).toEqual([]);
    expect(rig.hub.bugs).toEqual([]);
  });

  test('without a header they are refused', async () => {
    await using rig = await ContentRig.start();
    const call = rig.worker.client.upload(agents.uploadArtifacts, rig.headers(), AbortSignal.timeout(10_000));
    await call.write({ value: { case: 'chunk', value: { artifactPath: 'a', data: bytesOf('x') } } });
    expect(await statusOf(call.finish())).toBe('INVALID_ARGUMENT');
  });

  test('what breaks off is not seen', async () => {
    await using rig = await ContentRig.start();
    const cut = new AbortController();
    const call = rig.worker.client.upload(agents.uploadArtifacts, rig.headers(), cut.signal);
    await call.write({ value: { case: 'artifactsUpload', value: { name: 'n' } } });
    await call.write({ value: { case: 'chunk', value: { artifactPath: 'a', data: bytesOf('x') } } });
    cut.abort();
    await call.finish().catch(() => {});
    expect(await listed(rig)).toEqual([]);
    expect(rig.hub.bugs).toEqual([]);
  });
});

describe('hostile names', () => {
  const HOSTILE = [
    ['', 'is empty'],
    ['/etc/passwd', 'is not relative'],
    ['C:/windows/system32', 'is not relative'],
    ['../../x', 'has the part ".."'],
    ['a/../b', 'has the part ".."'],
    ['./a', 'has the part "."'],
    ['a//b', 'has an empty part'],
    ['a/', 'has an empty part'],
    ['a\\..\\b', 'has a backslash'],
    ['a\0b', 'has a control character'],
    ['a\nb', 'has a control character'],
    ['\u001b]0;x\u0007', 'has a control character'],
    ['invoice\u202egnp.exe', 'has a character in it that changes how the rest is read'],
    ['x'.repeat(256), 'has a part longer than 255 bytes'],
    [`${'x'.repeat(200)}/`.repeat(6), 'is longer than 1024 bytes'],
    ['ü'.repeat(128), 'has a part longer than 255 bytes'],
  ] as const;

  test.each(HOSTILE)('%j %s', (path, problem) => {
    expect(artifactPathProblem(path)).toStartWith(problem);
  });

  test.each([
    'a',
    'a/b',
    '.hidden',
    'a..b/...',
    'con',
    'aux.c',
    'ü/😀',
    "it's",
    'a b',
    '%2e%2e/x',
    '-rf',
    'x'.repeat(255),
  ])('%j may be', (path) => {
    expect(artifactPathProblem(path)).toBeUndefined();
  });

  test('are refused by every method, with the name and the reason', async () => {
    await using rig = await ContentRig.start();
    for (const [path] of HOSTILE) {
      const files = [{ path, sizeInBytes: 1n }];
      expect(await statusOf(rig.call(agents.generateArtifactUploadURLs, { name: 'n', files }))).toBe(
        'INVALID_ARGUMENT',
      );
      expect(await statusOf(rig.call(agents.commitUploadedArtifacts, { name: 'n', files }))).toBe('INVALID_ARGUMENT');
    }
    const twice = [file('a', 'x'), file('a', 'x')];
    const call = rig.call(agents.generateArtifactUploadURLs, { name: 'n', files: twice });
    expect(await call.catch((error: Error) => error.message)).toBe('the path "a" is named twice');
    const negative = [{ path: 'a', sizeInBytes: -1n }];
    expect(await statusOf(rig.call(agents.generateArtifactUploadURLs, { name: 'n', files: negative }))).toBe(
      'INVALID_ARGUMENT',
    );
    expect(await statusOf(rig.call(agents.generateArtifactUploadURLs, { name: '', files: [] }))).toBe(
      'INVALID_ARGUMENT',
    );
    expect(await rig.stored()).toEqual([]);
  });

  test.each([
    ['dist/app.tar', 'app.tar'],
    ['aux.c', '_aux.c'],
    ['CON', '_CON'],
    ['.bashrc', '_.bashrc'],
    ['a<b>:"|?*', 'a_b______'],
    ['name. ', 'name_'],
    ['...', '_'],
  ])('%s is saved as %s', (path, name) => {
    expect(downloadName(path)).toBe(name);
  });

  test('no name gets out of its header or into a folder', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (path) => {
        const name = downloadName(path);
        expect(name).toMatch(/^[^/\\\p{C}]+$/u);
        expect(attachment(name)).toMatch(/^attachment; filename="[\x20-\x7e]*"; filename\*=UTF-8''[\w.~%$&+^`|-]*$/);
      }),
    );
  });
});
