import { expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseConfigFile } from '../../src/lib/config-file.ts';
import { configSchema } from '../../src/supervisor/config-schema.ts';
import { parseWorkerFile, workerSchema } from '../../src/worker/configuration/worker-file.ts';

const ROOT = resolve(import.meta.dir, '../..');
const text = readFileSync(resolve(ROOT, 'docs/configuration.md'), 'utf8');
const [supervisor = '', worker = ''] = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');

/** Keys of an object and of the objects in it, as dotted paths. */
function keysOf(value: unknown, prefix = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [prefix];
  const entries = Object.entries(value);
  return entries.length === 0
    ? [prefix]
    : entries.flatMap(([key, inner]) => keysOf(inner, prefix === '' ? key : `${prefix}.${key}`));
}

test('the example of the supervisor is valid, and says the defaults', () => {
  const schema = configSchema(() => undefined);
  const documented = parseConfigFile(supervisor, 'docs/configuration.md', schema);
  const defaults = parseConfigFile('', 'empty', schema);
  const own = new Set(['name', 'worker.user', 'worker.config', 'worker.token-file', 'shutdown.command']);
  for (const key of keysOf(defaults)) {
    if (own.has(key)) continue;
    const at = (value: unknown) =>
      key.split('.').reduce<unknown>((inner, step) => (inner as Record<string, unknown>)?.[step], value);
    expect([key, at(documented)]).toEqual([key, at(defaults)]);
  }
});

test('the example of the worker is valid', () => {
  const documented = parseWorkerFile(worker, 'docs/configuration.md', undefined);
  const every = Object.keys(workerSchema(undefined).shape);
  expect(Object.keys(documented).sort()).toEqual(every.filter((key) => key !== 'upstreams').sort());
  const list = /^# (upstreams: .*)$/m.exec(worker)?.[1] ?? '';
  expect(parseWorkerFile(list, 'docs/configuration.md', undefined).upstreams).toHaveLength(2);
});

test('every file that README and docs point to is there', () => {
  for (const file of ['README.md', ...new Bun.Glob('docs/*.md').scanSync({ cwd: ROOT })]) {
    const folder = resolve(ROOT, file, '..');
    const links = [...readFileSync(resolve(ROOT, file), 'utf8').matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(
      (match) => match[1] ?? '',
    );
    for (const link of links) expect([file, link, existsSync(resolve(folder, link))]).toEqual([file, link, true]);
  }
});
