import { describe, expect, test } from 'bun:test';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parseConfiguration } from '../../../src/cirrus-yml/parse-configuration.ts';
import { secretsNamedBy, unmappedProblems } from '../../../src/hub/secrets/encrypted.ts';
import { loadSecretsKey } from '../../../src/hub/secrets/key-file.ts';
import { open, seal } from '../../../src/hub/secrets/seal.ts';
import { createVault } from '../../../src/hub/secrets/vault.ts';
import { Database } from '../../../src/hub/store/database.ts';
import { AppError } from '../../../src/lib/errors.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const KEY = new Uint8Array(32).fill(7);

describe('a seal', () => {
  test('opens with the same key and the same name alone', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (value, name) => {
        const sealed = seal(value, name, KEY);
        expect(open(sealed, name, KEY)).toBe(value);
        expect(() => open(sealed, `${name}x`, KEY)).toThrow(AppError);
        expect(() => open(sealed, name, new Uint8Array(32))).toThrow('cannot be opened');
        expect(() => open(sealed.subarray(1), name, KEY)).toThrow(AppError);
      }),
    );
  });

  test('is different each time, and holds nothing of the value', () => {
    const [first, second] = [seal('a long secret value', 'n', KEY), seal('a long secret value', 'n', KEY)];
    expect(Buffer.compare(first, second)).not.toBe(0);
    expect(Buffer.from(first).toString('latin1')).not.toContain('secret');
  });
});

describe('the key file', () => {
  test('is made once, for its owner alone', async () => {
    using folder = tempFolder();
    const path = join(folder.path, 'secrets-key');
    const key = await loadSecretsKey(path);
    expect([statSync(path).mode & 0o777, key.length]).toEqual([0o600, 32]);
    chmodSync(path, 0o644);
    expect(await loadSecretsKey(path)).toEqual(key);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8').trim()).toHaveLength(64);
  });

  test('is one, however many hubs start at once', async () => {
    using folder = tempFolder();
    const path = join(folder.path, 'secrets-key');
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadSecretsKey(path)));
    expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(1);
    expect(readdirSync(folder.path)).toEqual(['secrets-key']);
  });

  test('with something else in it is never written over', async () => {
    using folder = tempFolder();
    const path = join(folder.path, 'secrets-key');
    writeFileSync(path, 'not a key\n');
    await expect(loadSecretsKey(path)).rejects.toMatchObject({ code: 'CONFIG' });
    expect(readFileSync(path, 'utf8')).toBe('not a key\n');
  });
});

test('the vault tells names, and values to nobody but who asks for one; the repository’s own comes first', async () => {
  const store = await Database.open(':memory:');
  const vault = createVault(store, KEY, new FakeClock());
  await vault.map('ENCRYPTED[a]', null, 'for all');
  await vault.map('ENCRYPTED[a]', 'h/o/r', 'for one');
  await vault.map('ENCRYPTED[b]', 'h/o/r', 'private');
  await vault.map('ENCRYPTED[b]', 'h/o/r', 'newer');
  expect(await vault.find('ENCRYPTED[a]', '')).toBe('for all');
  expect(await vault.find('ENCRYPTED[a]', 'h/o/r')).toBe('for one');
  expect(await vault.find('ENCRYPTED[a]', 'h/o/other')).toBe('for all');
  expect(await vault.find('ENCRYPTED[b]', 'h/o/r')).toBe('newer');
  expect(await vault.find('ENCRYPTED[b]', '')).toBeUndefined();
  const { items, next } = await vault.list({ limit: 2, after: undefined });
  expect(items.map(({ name, repository }) => [name, repository])).toEqual([
    ['ENCRYPTED[a]', null],
    ['ENCRYPTED[a]', 'h/o/r'],
  ]);
  expect((await vault.list({ limit: 2, after: next ?? '' })).items).toHaveLength(1);
  expect([await vault.remove('ENCRYPTED[a]', null), await vault.remove('ENCRYPTED[a]', null)]).toEqual([true, false]);
  const rows = await store.read((sql) => sql<{ sealed: Uint8Array }[]>`SELECT sealed FROM secrets`);
  expect(rows.map(({ sealed }) => Buffer.from(sealed).toString('latin1')).join()).not.toMatch(/newer|for one/);
  await store.close();
});

describe('unmapped secrets', () => {
  const text = [
    'env: {ROOT: "ENCRYPTED[root]"}',
    'persistent_worker: {}',
    'a_task:',
    '  env: {MAPPED: "ENCRYPTED[!m!]", MISSING: "ENCRYPTED[x]"}',
    '  a_script: make',
    'b_task:',
    '  only_if: false',
    '  env: {LEFT: "ENCRYPTED[left out]"}',
    '  b_script: make',
  ].join('\n');

  test('are told at each place of what runs, and nowhere else', () => {
    const { tasks, encrypted } = parseConfiguration({ text, environment: {} });
    expect(secretsNamedBy(tasks).sort()).toEqual(['ENCRYPTED[!m!]', 'ENCRYPTED[root]', 'ENCRYPTED[x]']);
    const problems = unmappedProblems(tasks, encrypted, new Set(['ENCRYPTED[!m!]']));
    expect(problems.map(({ severity, line, column }) => [severity, line, column])).toEqual([
      ['error', 1, 13],
      ['error', 4, 44],
    ]);
    expect(problems[1]?.hint).toContain("pwagent secrets map 'ENCRYPTED[x]'");
  });

  test('an encrypted value that is no variable is refused where it stands', () => {
    const tart =
      'task:\n  persistent_worker:\n    isolation:\n      tart: {image: i, user: u, password: "ENCRYPTED[p]"}\n';
    const { tasks, encrypted } = parseConfiguration({ text: `${tart}  a_script: b\n`, environment: {} });
    const problems = unmappedProblems(tasks, encrypted, new Set(['ENCRYPTED[p]']));
    expect(problems).toMatchObject([{ line: 4, message: 'an encrypted value can stand in env alone' }]);
  });
});
