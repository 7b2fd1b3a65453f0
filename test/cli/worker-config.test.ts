import { describe, expect, test } from 'bun:test';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { run as validate } from '../../src/cli/validate.ts';
import { run } from '../../src/cli/worker-config.ts';
import { AppError, describeError } from '../../src/lib/errors.ts';
import { testContext } from '../support/cli-context.ts';
import { tempFolder } from '../support/temp-folder.ts';

async function config(args: readonly string[], env: Record<string, string> = {}) {
  const context = testContext(env);
  try {
    return { code: await run(args, context), out: context.out(), err: context.err() };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { code: error.exitCode, out: context.out(), err: describeError(error) };
  }
}

/** The user documentation of the old worker: every block pasted as it stands. */
describe('the documentation that people have', () => {
  const text = readFileSync(resolve(import.meta.dir, '../conformance/persistent-workers.md'), 'utf8');
  const blocks = text.split(/^#+ /m).flatMap((section) => {
    const heading = section.split('\n')[0] ?? '';
    return [...section.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map((match): [string, string] => [
      heading,
      match[1] ?? '',
    ]);
  });
  const isTasks = (block: string) => /^(?:task|persistent_worker):/m.test(block);

  test('has blocks of both kinds', () => {
    expect([blocks.length, blocks.filter(([, block]) => isTasks(block)).length]).toEqual([15, 6]);
  });

  test.each(blocks.filter(([, block]) => !isTasks(block)))('%s: --check takes it', async (_heading, block) => {
    using folder = tempFolder();
    const file = `${folder.path}/worker.yml`;
    writeFileSync(file, block, { mode: 0o600 });
    const { code, out, err } = await config(['--check', '-f', file]);
    expect([code, err]).toEqual([
      0,
      /^token:/m.test(block) ? '' : expect.stringContaining('no registration token yet'),
    ]);
    expect(parse(out)).toMatchObject({ name: expect.any(String), log: { level: expect.any(String) } });
    expect(out).not.toContain('e3b0c44298fc1c149afbf4c8996fb924');
  });

  test.each(blocks.filter(([, block]) => isTasks(block)))(
    '%s: is for .cirrus.yml, and --check says so',
    async (_heading, block) => {
      using folder = tempFolder();
      const file = `${folder.path}/block.yml`;
      writeFileSync(file, block);
      const refused = await config(['--check', '-f', file]);
      expect([refused.code, refused.err]).toEqual([78, expect.stringContaining('belongs into .cirrus.yml')]);
      const whole = /^task:/m.test(block) ? block : `${block}\ntask: {script: make}\n`;
      writeFileSync(file, whole);
      expect(await validate([file], testContext({ HOME: folder.path }))).toBe(0);
    },
  );
});

test('--check: flags and environment count (W49: --debug is about this log), warnings are told, secrets are not', async () => {
  using folder = tempFolder();
  const file = `${folder.path}/worker.yml`;
  writeFileSync(file, 'name: a\nlabels: {x: 1}\nsecurity: {allowed-isolations: {none: }}\n', { mode: 0o644 });
  const env = { PWAGENT_TOKEN: 'hunter2', PWAGENT_NAME: 'b' };
  const { code, out, err } = await config(['--check', '-f', file, '--labels', 'x=2', '--debug'], env);
  expect(code).toBe(0);
  expect(parse(out)).toMatchObject({ name: 'b', token: '***', labels: { x: '2' }, log: { level: 'debug' } });
  expect(err).toBe(
    `pwagent: overridden: name of ${file} by PWAGENT_NAME, labels.x of ${file} by --labels\npwagent: security.allowed-isolations.none has no value, so none is denied; write "none: {}" to allow it\n`,
  );
});

describe('W29: tokens', () => {
  test('on the command line they are taken, with a warning that says why', async () => {
    const { code, err } = await config(['--check', '--token', 'hunter2']);
    expect([code, err]).toEqual([0, expect.stringContaining('--token shows the token to every user of this machine')]);
    expect(err).not.toContain('hunter2');
  });

  test('in files that others may open, with a warning that says what to do', async () => {
    using folder = tempFolder();
    const [token, file] = [`${folder.path}/token`, `${folder.path}/worker.yml`];
    writeFileSync(token, 'hunter2\n');
    writeFileSync(file, 'upstreams: [{token: hunter2}]');
    chmodSync(token, 0o644); // whatever umask the tests run under
    chmodSync(file, 0o640);
    expect((await config(['--check', '--token-file', token])).err).toContain(`run chmod 600 ${token}`);
    expect((await config(['--check', '-f', file])).err).toContain(`run chmod 600 ${file}`);
    writeFileSync(file, 'token: ${PWAGENT_TOKEN}');
    expect((await config(['--check', '-f', file], { PWAGENT_TOKEN: 'a' })).err).toBe('');
  });

  test.each([
    [['--token', 'a', '--token-file', 'b'], 64, '--token and --token-file exclude each other'],
    [['--token-file', '/nowhere/token'], 78, 'token file /nowhere/token does not exist'],
  ])('%j', async (args, code, sentence) => {
    expect(await config(['--check', ...args])).toMatchObject({ code, err: expect.stringContaining(sentence) });
  });
});

test.each([
  [[], 'one of --check, --schema and --migrate FILE is wanted'],
  [['--check', '--schema'], 'one of --check'],
  [['--check', 'more'], 'too many arguments'],
])('%j is a mistake', async (args, sentence) => {
  expect(await config(args)).toMatchObject({ code: 64, err: expect.stringContaining(sentence) });
});

test('--schema prints JSON', async () => {
  expect(JSON.parse((await config(['--schema'])).out)).toMatchObject({
    title: 'worker.yml of pwagent',
    type: 'object',
  });
});

describe('--migrate', () => {
  test('prints notes as comments, and a file that --check takes', async () => {
    using folder = tempFolder();
    const [old, mended] = [`${folder.path}/old.yml`, `${folder.path}/new.yml`];
    writeFileSync(old, 'token: t\nlabels: {os: plan9}\nlog: {file: w.log}\n');
    const { code, out } = await config(['--migrate', old]);
    expect(code).toBe(0);
    expect(out).toStartWith('# What behaves differently here:\n# - token, labels: flags and');
    expect(out).toContain('# - labels.os: replaced');
    writeFileSync(mended, out, { mode: 0o600 });
    expect(await config(['--check', '-f', mended])).toMatchObject({ code: 0, err: '' });
  });

  test('nothing to say', async () => {
    using folder = tempFolder();
    writeFileSync(`${folder.path}/w.yml`, 'upstreams: [{token: a, endpoint: "http://a:1"}]\n');
    expect((await config(['--migrate', `${folder.path}/w.yml`])).out).toStartWith(
      '# Nothing in this file behaves differently here.\n',
    );
  });

  test('what cannot be mended is told, and the file printed all the same', async () => {
    using folder = tempFolder();
    writeFileSync(`${folder.path}/w.yml`, 'tokn: t\nrpc: {endpoint: "http://a:1"}\n');
    const { code, out, err } = await config(['--migrate', `${folder.path}/w.yml`]);
    expect([code, out, err]).toEqual([
      78,
      expect.stringContaining('tokn: t\n'),
      expect.stringContaining('what is left to mend by hand:\n'),
    ]);
    expect(err).toContain('did you mean "token"?');
  });
});
