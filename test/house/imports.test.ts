import { describe, expect, test } from 'bun:test';
import { dirname, relative, resolve } from 'node:path';

/** Which room may import from which; `lib` from nothing. The rule is drawn in docs/architecture.md. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ['cli', 'platform', 'lib'],
  cli: ['install', 'supervisor', 'worker', 'isolation', 'agent', 'hub', 'pool', 'cirrus-yml', 'rpc', 'platform', 'lib'],
  install: ['supervisor', 'platform', 'lib'],
  supervisor: ['platform', 'lib'],
  worker: ['isolation', 'rpc', 'platform', 'lib'],
  isolation: ['platform', 'rpc', 'lib'],
  agent: ['rpc', 'platform', 'lib'],
  hub: ['cirrus-yml', 'rpc', 'platform', 'lib'],
  pool: ['platform', 'lib'],
  'cirrus-yml': ['rpc', 'lib'],
  rpc: ['platform', 'lib'],
  platform: ['lib'],
  lib: [],
};

const SRC = resolve(import.meta.dir, '../../src');

function roomOf(path: string): string {
  const [room = ''] = relative(SRC, path).split('/');
  return room === 'main.ts' ? 'main' : room;
}

const files = [...new Bun.Glob('**/*.{ts,tsx}').scanSync({ cwd: SRC, absolute: true })].filter(
  (path) => !path.includes('/gen/'),
);

function importsOf(source: string): string[] {
  return [...source.matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*)['"](\.{1,2}\/[^'"]+)['"]/g)].map(
    (match) => match[1] ?? '',
  );
}

describe('imports point down', () => {
  test.each(files.map((path) => [relative(SRC, path), path]))('%s', async (_name, path) => {
    const room = roomOf(path);
    const allowed = MAY_IMPORT[room];
    expect(allowed).toBeDefined();
    for (const target of importsOf(await Bun.file(path).text())) {
      const to = resolve(dirname(path), target);
      if (!to.startsWith(SRC)) continue; // package.json, for the version
      const other = roomOf(to);
      if (other !== room)
        expect(`${room} → ${other}`).toBe(`${room} → ${allowed?.find((name) => name === other) ?? 'not allowed'}`);
    }
  });
});

/** Names that only the platform room may use: time, chance, processes and the environment come in as parameters. */
const PLATFORM_ONLY = [
  /\bDate\.now\(/,
  /\bnew Date\(\)/,
  /\bperformance\.now\(/,
  /\bsetTimeout\(/,
  /\bsetInterval\(/,
  /\bBun\.sleep\(/,
  /\bMath\.random\(/,
  /\brandomUUID/,
  /\bchild_process\b/,
  /\bBun\.spawn/,
  /\bprocess\.env\b/,
];
const MAIN_ONLY = [/\bprocess\.exit\(/, /\bprocess\.on\(/];

describe('time, chance, processes and signals stay where they belong', () => {
  const outside = files.filter((path) => roomOf(path) !== 'platform' && !path.includes('/hub/web/'));
  test.each(outside.map((path) => [relative(SRC, path), path]))('%s', async (_name, path) => {
    const source = await Bun.file(path).text();
    const forbidden = roomOf(path) === 'main' ? PLATFORM_ONLY : [...PLATFORM_ONLY, ...MAIN_ONLY];
    expect(forbidden.filter((pattern) => pattern.test(source))).toEqual([]);
  });
});
