import { describe, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { hashDockerfile } from '../../src/cirrus-yml/dockerfile/hash-dockerfile.ts';
import { findSourcePaths } from '../../src/cirrus-yml/dockerfile/source-paths.ts';
import { memoryFiles } from './memory-files.ts';

describe('what a Dockerfile copies from its folder', () => {
  test.each<[string, string, string[]]>([
    ['nothing', 'FROM scratch\nRUN make\n', []],
    ['files', 'COPY a b /to/\nADD c /to\n', ['a', 'b', 'c']],
    ['flags', 'COPY --chown=1:2 --link a /to\n', ['a']],
    ['another stage', 'COPY --from=build a /to\n', []],
    ['an address', 'ADD https://host/x /to\n', []],
    ['a list', 'COPY ["a b", "c", "/to"]\n', ['a b', 'c']],
    ['a line that goes on', 'COPY a \\\n  # why\n  b /to\n', ['a', 'b']],
    ['a comment', '# COPY a /to\n', []],
    ['small letters', 'copy a /to\n', ['a']],
    ['an argument', 'ARG DIR=src\nCOPY ${DIR}/a $DIR/b /to\n', ['src/a', 'src/b']],
    ['an argument from outside', 'ARG OUT=src\nCOPY $OUT/a /to\n', ['given/a']],
    ['a variable of a variable', 'ARG A=x\nENV B=$A/y\nCOPY $B /to\n', ['x/y']],
    ['the older form', 'ENV B y\nCOPY $B /to\n', ['y']],
    ['a default', 'COPY ${NONE:-z} /to\n', ['z']],
  ])('%s', (_title, text, expected) => {
    expect(findSourcePaths(text, { OUT: 'given' })).toEqual(expected);
  });
});

function digest(kind: 'md5' | 'sha256', text: string): string {
  return createHash(kind).update(text).digest('hex');
}

describe('the identity of an image', () => {
  const files = memoryFiles({
    D: 'FROM x',
    C: 'COPY src /',
    M: 'COPY src nope /',
    'src/b': 'B',
    'src/deep/c': 'C',
    'src/a': 'A',
    'ctx/src/z': 'Z',
  });
  const hash = (path: string, args: Record<string, string> = {}, variables: Record<string, string> = {}) =>
    hashDockerfile(files, { path, args, variables: new Map(Object.entries(variables)) });

  test.each<[string, ReturnType<typeof hash>, string]>([
    ['text alone', hash('D'), digest('md5', 'FROM x')],
    ['a path with detours', hash('./src/../D'), digest('md5', 'FROM x')],
    ['arguments, sorted', hash('D', { b: '2', a: '1' }), digest('md5', 'FROM xa1, b2')],
    ['the usual processor', hash('D', {}, { CIRRUS_ARCH: 'amd64' }), digest('md5', 'FROM x')],
    ['another processor', hash('D', {}, { CIRRUS_ARCH: 'arm64' }), digest('md5', 'FROM xarm64')],
    ['a folder, its files first', hash('C'), digest('sha256', 'COPY src /ABC')],
    ['another context', hash('C', {}, { CIRRUS_DOCKER_CONTEXT: 'ctx' }), digest('sha256', 'COPY src /Z')],
  ])('%s', (_title, found, expected) => expect(found).toEqual({ hash: expected, missing: [] }));

  test('sources that are missing do not count, and are told', () => {
    expect(hash('M')).toEqual({ hash: digest('sha256', 'COPY src nope /ABC'), missing: ['nope'] });
  });

  test('no Dockerfile, no identity', () => expect([hash('nope'), hash('src')]).toEqual([undefined, undefined]));

  test('a folder that contains itself ends', () => {
    const endless = {
      read: (path: string) => (path === 'C' ? files.read('C') : { tag: 'folder' as const, names: ['x'] }),
    };
    expect(hashDockerfile(endless, { path: 'C', args: {}, variables: new Map() })?.missing).toEqual(['src']);
  });
});
