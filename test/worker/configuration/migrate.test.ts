import { describe, expect, test } from 'bun:test';
import { parse } from 'yaml';
import { AppError } from '../../../src/lib/errors.ts';
import { migrateWorkerFile } from '../../../src/worker/configuration/migration/migrate.ts';
import { parseWorkerFile } from '../../../src/worker/configuration/worker-file.ts';

/** Keys of the notes, without those that every file of these tests gets. */
function migrated(text: string): { keys: string[]; value: unknown; text: string } {
  const { notes, text: mended } = migrateWorkerFile(text, 'old.yml');
  parseWorkerFile(mended, 'mended', undefined); // throws unless it is a good file here
  const keys = notes
    .map((note) => note.slice(0, note.indexOf(': ')))
    .filter((key) => key !== 'rpc.endpoint' && !/^token|^name/.test(key));
  return { keys, value: parse(mended), text: mended };
}

const ENDPOINT = { rpc: { endpoint: 'http://127.0.0.1:7481' } };
const CLOSED = 'https://grpc.cirrus-ci.com:443';

test('comments and what needs no mending stay', () => {
  const text = '# head\ntoken: abc # tail\nrpc:\n  endpoint: http://hub:1\nlabels:\n  a: 16.0\n';
  expect(migrateWorkerFile(text, 'old.yml')).toEqual({
    notes: ['token, labels, rpc: flags and the variables PWAGENT_… win over the file; before, the file won over flags'],
    text,
  });
});

describe('keys that behave differently', () => {
  test.each<[string, string[], unknown]>([
    ['labels: {os: plan9, name: x, a: b}', ['labels', 'labels.name', 'labels.os'], { labels: { a: 'b' } }],
    [
      'resources: {a: .nan, b: -1, c: .inf, d: 1}',
      ['resources', 'resources.a', 'resources.b', 'resources.c'],
      { resources: { d: 1 } },
    ],
    ['labels:', ['labels', 'labels'], { labels: null }],
    ['log: {file: w}', ['log.rotate-size'], { log: { file: 'w', 'rotate-size': '100 MiB' } }],
    ['log: {file: w, rotate-size: 640 KB}', ['log.rotate-size'], { log: { file: 'w', 'rotate-size': '640 KB' } }],
    ['log: {file: w, rotate-size: 100 MiB}', ['log.rotate-size'], { log: { file: 'w', 'rotate-size': '100 MiB' } }],
    ['log: {level: info}', [], { log: { level: 'info' } }],
    [
      'tart-pre-pull: {images: [a], lastcheck: 1}',
      ['tart-pre-pull.lastcheck', 'tart-pre-pull'],
      { 'tart-pre-pull': { images: ['a'] } },
    ],
    [
      'resource-modifiers: [{match: {}, mutex: 1}]',
      ['resource-modifiers.0.mutex', 'resource-modifiers'],
      { 'resource-modifiers': [{ match: {} }] },
    ],
    ['a: &a {b: 1}\nsecurity: {}'.slice(13), [], { security: {} }],
    ['security:', ['security'], {}],
    [
      'security: {allowed-isolations: }',
      ['security.allowed-isolations'],
      { security: { 'allowed-isolations': { none: {}, container: {}, parallels: {}, tart: {}, vetu: {} } } },
    ],
    [
      'security: {allowed-isolations: {tart: {allowed-images: [a?], allowed-volumes: [{source: rel}, {source: "/a/*", force-readonly: true}]}}}',
      [
        'security.allowed-isolations.tart.allowed-images.0',
        'security.allowed-isolations.tart.allowed-volumes',
        'security.allowed-isolations.tart.allowed-volumes.0.source',
        'security.allowed-isolations.tart.allowed-volumes.1.source',
        'security.allowed-isolations.tart.allowed-volumes.1.force-readonly',
      ],
      {
        security: {
          'allowed-isolations': {
            tart: { 'allowed-images': ['a?'], 'allowed-volumes': [{ source: '/a/*', 'force-readonly': true }] },
          },
        },
      },
    ],
    [
      'standby: {isolation: {vetu: {image: a, imgae: b}}, warmup: {script: x, x: 1}, more: 1}',
      ['standby', 'standby.more', 'standby.warmup.x', 'standby.isolation.vetu.imgae', 'standby.warmup'],
      { standby: { isolation: { vetu: { image: 'a' } }, warmup: { script: 'x' } } },
    ],
  ])('%s', (text, keys, value) => {
    const found = migrated(text);
    expect(found.keys).toEqual(keys);
    expect(found.value).toEqual({ ...ENDPOINT, ...(value as object) });
  });
});

describe('the closed service', () => {
  test.each([
    ['token: x', { token: 'x', ...ENDPOINT }],
    [`token: x\nrpc: {endpoint: "${CLOSED}"}`, { token: 'x', ...ENDPOINT }],
    ['upstreams: [{token: a}]', { upstreams: [{ token: 'a', endpoint: 'http://127.0.0.1:7481' }] }],
    [
      `rpc: {endpoint: "${CLOSED}"}\nupstreams: [{token: a, endpoint: "http://h:1"}, {token: b, endpoint: grpc.cirrus-ci.com}]`,
      {
        upstreams: [
          { token: 'a', endpoint: 'http://h:1' },
          { token: 'b', endpoint: 'http://127.0.0.1:7481' },
        ],
      },
    ],
  ])('%s', (text, value) => {
    expect(migrated(text).value).toEqual(value);
  });
});

/** Weakness 46. */
test.each([
  ['640 KB', 'files were rotated at 100 MiB; here at 640000 bytes, as it says'],
  ['100 MiB', 'files were rotated at 104 MiB; here at 104857600 bytes, as it says'],
])('log.rotate-size: %s', (size, says) => {
  const { notes } = migrateWorkerFile(`log: {file: w, rotate-size: ${size}}`, 'old.yml');
  expect(notes).toContain(`log.rotate-size: ${says}`);
});

test('a second document and an empty file', () => {
  expect(migrated('token: a\n---\ntoken: b').value).toEqual({ token: 'a', ...ENDPOINT });
  expect(migrated('').keys).toEqual(['the file']);
});

test.each(['a: [', '- a', 'just text'])('%j is told with its place', (text) => {
  expect(() => migrateWorkerFile(text, 'old.yml')).toThrow(AppError);
});
