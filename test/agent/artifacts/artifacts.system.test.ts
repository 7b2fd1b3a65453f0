import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type CommandSchema, CommandSchema as Schema } from '../../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { FakeAgentServer } from '../../support/fake-agent-server.ts';
import { FakeArtifactStore } from '../../support/fake-artifact-store.ts';
import { runTestAgent } from '../../support/run-test-agent.ts';
import { tempFolder } from '../../support/temp-folder.ts';

type Init = MessageInitShape<typeof CommandSchema>;

function artifacts(paths: readonly string[], more: { type?: string; format?: string } = {}) {
  const init: Init = {
    name: 'binary',
    instruction: { case: 'artifactsInstruction', value: { paths: [...paths], ...more } },
  };
  return create(Schema, init);
}

let folder: ReturnType<typeof tempFolder>;
let store: FakeArtifactStore;

beforeEach(() => {
  folder = tempFolder();
  mkdirSync(join(folder.path, 'work'));
  store = new FakeArtifactStore();
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

function put(path: string, content = ''): void {
  writeFileSync(join(folder.path, 'work', path), content);
}

/** Runs a task with one artifacts instruction and gives its result and its log. */
async function run(paths: readonly string[], more: { type?: string; format?: string } = {}): Promise<[string, string]> {
  await using server = new FakeAgentServer(
    {
      environment: { OUT: 'out', MY_TOKEN: 'hidden-secret-value' },
      commands: [artifacts(paths, more)],
      serverToken: 'server secret',
      timeoutInSeconds: 60n,
    },
    store.handlers,
  );
  await server.start();
  expect(await runTestAgent(server, folder.path)).toBeNull();
  return [server.results.binary ?? '', server.saved('binary') ?? ''];
}

describe('artifacts over HTTP', () => {
  test('each file goes to its address with its length, and all are committed under the name of the instruction', async () => {
    mkdirSync(join(folder.path, 'work/out'));
    put('out/a.txt', 'content of a');
    put('out/empty');
    const [status, log] = await run(['$OUT/*'], { type: 'text/plain' });
    expect([status, log]).toEqual(['COMPLETED', 'Uploaded 2 artifacts (12 B).\n']);
    expect(store.groups).toEqual([['out/a.txt 12', 'out/empty 0']]);
    const seen = store.puts.map(({ path, headers, body }) => [
      path,
      body,
      headers.get('content-type'),
      headers.get('content-length'),
      headers.get('transfer-encoding'),
      headers.get('x-store'),
    ]);
    expect(seen.sort()).toEqual([
      ['out/a.txt', 'content of a', 'application/octet-stream', '12', null, 'yes'],
      ['out/empty', '', 'application/octet-stream', '0', null, 'yes'],
    ]);
    expect(store.commits).toMatchObject([
      { name: 'binary', type: 'text/plain', format: '', files: [{ path: 'out/a.txt' }, { path: 'out/empty' }] },
    ]);
  });

  test('P6: addresses are asked for in groups of 100, and several files travel at a time', async () => {
    for (let index = 0; index < 250; index += 1) put(`f${String(index).padStart(3, '0')}`, 'x');
    store.together = 4; // else they wait for ever
    expect((await run(['f*', 'f00*']))[1]).toBe('Uploaded 250 artifacts (250 B).\n');
    expect(store.groups.map((group) => group.length)).toEqual([100, 100, 50]);
    expect(new Set(store.puts.map(({ path }) => path)).size).toBe(250);
    expect(store.puts).toHaveLength(250);
  });

  test('P6: only the file that failed is sent again, to a new address', async () => {
    put('a', 'A');
    put('b', 'B');
    store.refusals.set('a', [500, 403]);
    expect((await run(['*']))[0]).toBe('COMPLETED');
    expect(store.groups).toEqual([['a 1', 'b 1'], ['a 1'], ['a 1']]);
    expect(store.puts.map(({ path }) => path).sort()).toEqual(['a', 'b']);
  });

  test('a store that keeps refusing fails the step with one sentence', async () => {
    put('a', 'A');
    store.refusals.set('a', [507, 507, 507, 507]);
    const [status, log] = await run(['a']);
    expect(status).toBe('FAILED');
    expect(log).toContain('artifact a could not be uploaded: the store answered 507');
    expect(store.commits).toEqual([]);
  });

  test('a server that is away for a moment is asked again', async () => {
    put('a', 'A');
    store.faults.set('generate', { status: 'UNAVAILABLE', times: 2 });
    store.faults.set('commit', { status: 'UNAVAILABLE', times: 1 });
    expect((await run(['a']))[0]).toBe('COMPLETED');
  });

  test('a server that refuses for good fails the step', async () => {
    put('a', 'A');
    store.faults.set('generate', { status: 'PERMISSION_DENIED', times: 1 });
    const [status, log] = await run(['a']);
    expect(status).toBe('FAILED');
    expect(log).toContain('artifacts "binary" were not uploaded: the server refused them');
  });
});

describe('artifacts over gRPC', () => {
  test('C22: a server without addresses gets a stream, empty files included', async () => {
    store.faults.set('generate', { status: 'UNIMPLEMENTED', times: 1 });
    put('a', 'content');
    put('empty');
    put('large', 'x'.repeat(2_500_000));
    const [status, log] = await run(['*'], { type: 't', format: '' });
    expect([status, log]).toEqual(['COMPLETED', 'Uploaded 3 artifacts (2.4 MiB).\n']);
    expect([...store.streamed.keys()].sort()).toEqual(['', 'a', 'empty', 'large']);
    expect(store.streamed.get('')).toBe('binary t ');
    expect(store.streamed.get('empty')).toBe('');
    expect(store.streamed.get('large')).toBe('x'.repeat(2_500_000));
  });

  test('a broken stream is begun anew', async () => {
    store.faults.set('generate', { status: 'UNIMPLEMENTED', times: 1 });
    store.faults.set('stream', { status: 'UNAVAILABLE', times: 1 });
    put('a', 'content');
    expect((await run(['*']))[0]).toBe('COMPLETED');
    expect(store.streamed.get('a')).toBe('content');
  });

  test('a server that knows neither way is told plainly', async () => {
    await using server = new FakeAgentServer({
      commands: [artifacts(['a'])],
      serverToken: 'server secret',
      timeoutInSeconds: 60n,
    });
    await server.start();
    put('a', 'A');
    await runTestAgent(server, folder.path);
    expect(server.results.binary).toBe('FAILED');
    expect(server.saved('binary')).toContain('this server stores no artifacts');
  });
});

describe.each(['HTTP', 'gRPC'])('files that change between the match and the upload over %s', (way) => {
  const start = () => {
    if (way === 'gRPC') store.faults.set('generate', { status: 'UNIMPLEMENTED', times: 1 });
  };
  const contents = () => (way === 'gRPC' ? [...store.streamed] : store.puts.map(({ path, body }) => [path, body]));

  test('one that has gone is left out with a line', async () => {
    start();
    put('a', 'A');
    put('b', 'B');
    put('c', 'C');
    store.meanwhile = () => {
      rmSync(join(folder.path, 'work/b'), { force: true });
      rmSync(join(folder.path, 'work/c'), { force: true });
    };
    const [status, log] = await run(['*']);
    expect([status, log]).toEqual([
      'COMPLETED',
      'Uploaded 1 artifact (1 B).\nWarning: b and 1 more had gone before the upload.\n',
    ]);
    expect(contents().filter(([path]) => path !== '')).toEqual([['a', 'A']]);
    if (way === 'HTTP') expect(store.commits).toMatchObject([{ files: [{ path: 'a' }] }]);
  });

  test('one that has shrunk or grown comes as it is now, up to the size that was found', async () => {
    start();
    put('grown', 'four');
    put('shrunk', 'four');
    store.meanwhile = () => {
      put('grown', 'four and more');
      put('shrunk', 'two');
    };
    expect((await run(['*']))[0]).toBe('COMPLETED');
    const sent = contents().filter(([path]) => path !== '');
    expect(sent.sort()).toEqual([
      ['grown', 'four'],
      ['shrunk', 'two'],
    ]);
    if (way === 'HTTP') expect(store.groups).toContainEqual(['shrunk 3']);
  });
});

describe('names', () => {
  test('that are not UTF-8 are left out with a line; a line break does not break the log', async () => {
    put('line\nbreak', '');
    mkdirSync(join(folder.path, 'work/fol\nder'));
    writeFileSync(Buffer.from([...Buffer.from(`${folder.path}/work/raw`), 0xff]), '');
    const [status, log] = await run(['*']);
    expect([status, log]).toEqual([
      'COMPLETED',
      [
        'Skipped: fol\ufffdder is a folder (its contents match FOLDER/**).',
        'Skipped: raw\ufffd is a name that is not UTF-8, which artifacts cannot have.',
        'Uploaded 1 artifact (0 B).\n',
      ].join('\n'),
    ]);
    expect(store.groups).toEqual([['line\nbreak 0']]);
  });
});

describe('what is no artifact', () => {
  test('no paths, no match, folders and special files', async () => {
    expect(await run([])).toEqual(['COMPLETED', 'No paths are given, so there is nothing to upload.\n']);
    expect(await run(['dist/*'])).toEqual(['COMPLETED', '0 artifacts: nothing matches "dist/*".\n']);
    mkdirSync(join(folder.path, 'work/dist'));
    const [status, log] = await run(['dist']);
    expect(status).toBe('COMPLETED');
    expect(log).toContain('Skipped: dist is a folder (its contents match FOLDER/**).');
  });

  test('a match outside the working folder fails the step', async () => {
    writeFileSync(join(folder.path, 'outside'), 'secret');
    const [status, log] = await run(['../outside']);
    expect(status).toBe('FAILED');
    expect(log).toContain('lies outside the working folder');
    expect(store.groups).toEqual([]);
  });

  test('a pattern that means nothing fails the step and is named', async () => {
    const [status, log] = await run(['[a']);
    expect(status).toBe('FAILED');
    expect(log).toContain('pattern "[a" opens a bracket');
  });
});

describe('annotations', () => {
  const REPORT =
    '<testsuite><testcase classname="C" name="t"><failure>at src/a.ts:7 hidden-secret-value</failure></testcase></testsuite>';

  test('a report is uploaded, read, and told with paths of the work tree and without secrets', async () => {
    mkdirSync(join(folder.path, 'work/pkg/src'), { recursive: true });
    put('pkg/src/a.ts');
    put('r.xml', REPORT);
    const [status, log] = await run(['*.xml'], { format: 'JUnit' });
    expect([status, log]).toEqual([
      'COMPLETED',
      `Uploaded 1 artifact (${REPORT.length} B).\nReported 1 annotations.\n`,
    ]);
    expect(store.annotations).toMatchObject([
      {
        level: 2,
        message: 'C.t',
        rawDetails: 'at src/a.ts:7 HIDDEN-BY-CIRRUS-CI',
        fileLocation: { path: 'pkg/src/a.ts', startLine: 7n, endLine: 7n },
      },
    ]);
  });

  test('a report of another format fails the step after the upload', async () => {
    put('r.xml', 'no xml at all');
    const [status, log] = await run(['*.xml'], { format: 'junit' });
    expect(status).toBe('FAILED');
    expect(log).toContain('report r.xml cannot be read as junit');
    expect(store.commits).toHaveLength(1);
  });

  test('an unknown format annotates nothing and says what is known', async () => {
    put('r', 'x');
    const [status, log] = await run(['r'], { format: 'nosuch' });
    expect(status).toBe('COMPLETED');
    expect(log).toContain('Format "nosuch" is not known');
  });

  test('a server that does not take them does not fail the step', async () => {
    store.faults.set('annotate', { status: 'PERMISSION_DENIED', times: 9 });
    put('r.xml', REPORT);
    const [status, log] = await run(['*.xml'], { format: 'junit' });
    expect(status).toBe('COMPLETED');
    expect(log).toContain('The server did not take the annotations');
  });

  test('a report with hundreds of thousands of findings is told in part', async () => {
    const line = JSON.stringify({ level: 'notice', message: 'm' });
    put('f', `${line}\n`.repeat(200_000));
    const [status, log] = await run(['f'], { format: 'cirrus' });
    expect(status).toBe('COMPLETED');
    expect(log).toContain('Reported 10000 annotations; 190000 more are in the report alone.');
  }, 20_000);

  test('a report that has gone since its upload fails the step with a sentence', async () => {
    put('f', '{}');
    const commit = store.commits;
    commit.push = (...requests) => {
      rmSync(join(folder.path, 'work/f'));
      return Array.prototype.push.apply(commit, requests);
    };
    const [status, log] = await run(['f'], { format: 'cirrus' });
    expect([status, log.split('\n')[1]]).toEqual(['FAILED', 'report f cannot be read (ENOENT)']);
  });

  test('thousands of findings go in batches', async () => {
    put('f', Array.from({ length: 250 }, (_, n) => JSON.stringify({ level: 'notice', message: `m${n}` })).join('\n'));
    await run(['f'], { format: 'cirrus' });
    expect(store.annotations).toHaveLength(250);
    rmSync(join(folder.path, 'work/f'));
  });
});
