import { describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { run as doctor } from '../../src/cli/doctor.ts';
import type { Machine } from '../../src/cli/install/world.ts';
import { run as install } from '../../src/cli/install.ts';
import { run as uninstall } from '../../src/cli/uninstall.ts';
import { AppError } from '../../src/lib/errors.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { createMetadata } from '../../src/platform/metadata/metadata.ts';
import { findProcess } from '../../src/platform/process-table.ts';
import { spawn } from '../../src/platform/processes.ts';
import { testContext } from '../support/cli-context.ts';
import { FakeMetadata } from '../support/fake-metadata.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Whoever runs the tests, with programs that do nothing and remember how they were called. */
function machineOf(platform: 'darwin' | 'linux', metadata?: FakeMetadata) {
  const called: string[] = [];
  const machine: Machine = {
    platform,
    uid: process.geteuid?.() ?? 1,
    run: (argv) => {
      called.push(argv.join(' '));
      return Promise.resolve({ code: 0, stdout: '', stderr: '' });
    },
    metadataAt: () => {
      if (metadata === undefined) throw new Error('nobody may ask a metadata service');
      const fetching = (url: string, init: BunFetchRequestInit) => fetch(url, init);
      return createMetadata({ endpoint: metadata.endpoint, fetch: fetching, clock: systemClock });
    },
  };
  return { machine, called };
}

async function say(command: typeof install, args: readonly string[], machine: Machine) {
  const context = testContext({});
  const code = await command(args, context, machine).catch((error: { exitCode?: number; message: string }) => {
    context.stderr.write(error.message);
    return error.exitCode ?? -1;
  });
  return { code, out: context.out(), err: context.err() };
}

function everythingIn(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
}

describe.each(['darwin', 'linux'] as const)('staged for %s', (platform) => {
  function stage() {
    const folder = tempFolder();
    const root = `${folder.path}/root`;
    mkdirSync(root);
    writeFileSync(`${folder.path}/binary`, 'program');
    writeFileSync(`${folder.path}/token`, 't0ken\n');
    const args = ['--root', root, '--image', '--binary', `${folder.path}/binary`];
    args.push('--token-file', `${folder.path}/token`, '--rpc-endpoint', 'https://hub.example:7481');
    return { root, args, [Symbol.dispose]: () => folder[Symbol.dispose]() };
  }

  test('a dry run tells everything and changes nothing', async () => {
    using staged = stage();
    const { machine } = machineOf(platform);
    const { code, out } = await say(install, [...staged.args, '--dry-run'], machine);
    expect([code, everythingIn(staged.root)]).toEqual([0, []]);
    expect(out).toContain('would write /usr/local/libexec/pwagent/deadline.sh (0755)');
    expect(out).not.toContain('t0ken');
  });

  test('installs, finds nothing to do, is found right by the doctor, and goes again', async () => {
    using staged = stage();
    const { machine, called } = machineOf(platform);
    const first = await say(install, staged.args, machine);
    expect([first.code, first.err]).toEqual([0, '']);
    expect(first.out).not.toContain('t0ken');
    expect(called).toEqual([]); // nothing is started, no account is made
    const at = (path: string) => statSync(`${staged.root}${path}`).mode & 0o777;
    expect([at('/usr/local/bin/pwagent'), at('/etc/pwagent/token'), at('/etc/pwagent/worker.yml')]).toEqual([
      0o755, 0o600, 0o600,
    ]);
    expect([at('/etc/pwagent/pwagent.yml'), at('/var/db/pwagent')]).toEqual([0o644, 0o700]);
    expect(readFileSync(`${staged.root}/etc/pwagent/token`, 'utf8')).toBe('t0ken');
    expect(readFileSync(`${staged.root}/etc/pwagent/marker`, 'utf8')).toBe('any\n');
    const second = await say(install, staged.args, machine);
    expect(second.out).toEndWith('nothing to do: everything is as it should be\n');
    const checked = await say(doctor, ['--root', staged.root, '--json'], machine);
    const report = JSON.parse(checked.out) as { ok: boolean; checks: { name: string; verdict: string }[] };
    const wrong = report.checks.filter(({ verdict }) => verdict !== 'ok').map(({ name }) => name);
    expect(wrong).toEqual(platform === 'darwin' ? ['signature'] : []); // the stand-in is no Mach-O
    expect([checked.code, report.ok]).toEqual(platform === 'darwin' ? [1, false] : [0, true]);
    expect((await say(uninstall, ['--root', staged.root, '--dry-run'], machine)).out).toContain('would remove');
    expect(existsSync(`${staged.root}/usr/local/bin/pwagent`)).toBe(true);
    const gone = await say(uninstall, ['--root', staged.root], machine);
    expect(gone.out).toContain('kept: /etc/pwagent/pwagent.yml, /etc/pwagent/worker.yml, /etc/pwagent/token');
    expect(everythingIn(staged.root).filter((path) => /pwagent/.test(path))).toEqual([
      'etc/pwagent',
      'etc/pwagent/pwagent.yml',
      'etc/pwagent/token',
      'etc/pwagent/worker.yml',
      'var/db/pwagent',
    ]);
  });

  test('an older set-up is listed, and goes with --replace', async () => {
    using staged = stage();
    mkdirSync(`${staged.root}/var/tmp`, { recursive: true });
    writeFileSync(`${staged.root}/var/tmp/shutdown.sh`, '');
    const { machine } = machineOf(platform);
    const listed = await say(install, staged.args, machine);
    expect(listed.out).toContain('an older set-up is here; --replace would remove /var/tmp/shutdown.sh');
    expect(existsSync(`${staged.root}/var/tmp/shutdown.sh`)).toBe(true);
    const replaced = await say(install, [...staged.args, '--replace'], machine);
    expect(replaced.out).toContain('remove /var/tmp/shutdown.sh');
    expect(existsSync(`${staged.root}/var/tmp/shutdown.sh`)).toBe(false);
  });
});

test('the token comes from its source with the role of the instance, into a file for root alone', async () => {
  await using metadata = await new FakeMetadata().start();
  using folder = tempFolder();
  const asked: (string | null)[] = [];
  const aws = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) => {
      asked.push(request.headers.get('x-amz-target'), request.headers.get('x-amz-security-token'));
      return Response.json({ Parameter: { Value: 'from-ssm' } });
    },
  });
  try {
    writeFileSync(`${folder.path}/binary`, 'program');
    const args = ['--root', `${folder.path}/root`, '--binary', `${folder.path}/binary`];
    args.push('--token-source', 'ssm:/pool/token', '--aws-endpoint', `http://127.0.0.1:${aws.port}/`);
    const { machine } = machineOf('darwin', metadata);
    const { code, out } = await say(install, args, machine);
    expect([code, asked]).toEqual([0, ['AmazonSSM.GetParameter', metadata.instance.role?.token ?? '']]);
    expect(out).not.toContain('from-ssm');
    expect(readFileSync(`${folder.path}/root/etc/pwagent/token`, 'utf8')).toBe('from-ssm');
    expect(statSync(`${folder.path}/root/etc/pwagent/token`).mode & 0o777).toBe(0o600);
    // What is staged here will run elsewhere: this instance is not the one that may be ended.
    expect(existsSync(`${folder.path}/root/etc/pwagent/marker`)).toBe(false);
  } finally {
    await aws.stop(true);
  }
});

test('processes of this machine are none of a staged one', async () => {
  using folder = tempFolder();
  writeFileSync(`${folder.path}/service_pool.sh`, 'while :; do sleep 1; done\n');
  const old = await spawn({ argv: ['/bin/sh', `${folder.path}/service_pool.sh`], env: { PATH: '/usr/bin:/bin' } });
  try {
    const { machine } = machineOf('linux');
    const args = ['--root', `${folder.path}/root`, '--binary', `${folder.path}/service_pool.sh`, '--replace'];
    const { code, out } = await say(install, args, machine);
    expect([code, out.includes('end process')]).toEqual([0, false]);
    expect(findProcess(old.pid)?.pid).toBe(old.pid);
  } finally {
    old.signalGroup('SIGKILL');
    await old.exited;
  }
});

describe('refused in one sentence', () => {
  test.each([
    ['without root', ['--binary', '/bin/sh'], 77, 'pwagent install needs root'],
    ['a relative root', ['--root', 'stage'], 64, '--root must be an absolute path'],
    ['two tokens', ['--token-file', '/x', '--token-source', 'ssm:x'], 64, 'exclude each other'],
    ['two workers', ['--worker-config', '/x', '--rpc-endpoint', 'http://h:1'], 64, 'exclude each other'],
    ['a source that is none', ['--token-source', 'vault:x', '--binary', '/bin/sh'], 64, 'no source of a token'],
    ['an endpoint that is none', ['--rpc-endpoint', 'http://'], 78, 'endpoint'],
    [
      'no executable',
      ['--binary', '/nowhere', '--root', '/nowhere', '--dry-run'],
      78,
      'the executable /nowhere does not exist',
    ],
    ['a checkout', ['--root', '/nowhere', '--dry-run'], 78, 'this is a checkout'],
    ['a token file that is missing', ['--token-file', '/nowhere'], 78, '/nowhere does not exist'],
  ])('%s', async (_title, args, exitCode, sentence) => {
    await using metadata = await new FakeMetadata().start();
    const { machine, called } = machineOf('linux', metadata);
    const { code, err } = await say(install, args, { ...machine, uid: 501 });
    expect([code, err.includes(sentence) || err]).toEqual([exitCode, true]);
    expect(called.filter((line) => !/is-active/.test(line))).toEqual([]);
  });

  test('a system that nobody knows', async () => {
    const { machine } = machineOf('linux');
    expect(await say(doctor, [], { ...machine, platform: 'win32' })).toMatchObject({ code: 78 });
  });

  test('a user that the configuration does not name', async () => {
    using folder = tempFolder();
    writeFileSync(`${folder.path}/own.yml`, 'worker: { user: ci }\n');
    const args = ['--root', `${folder.path}/root`, '--binary', '/bin/sh', '--user', 'other'];
    const { machine } = machineOf('linux');
    const { code, err } = await say(install, [...args, '--config', `${folder.path}/own.yml`], machine);
    expect([code, err]).toEqual([78, 'the configuration names the user ci, not other']);
  });

  test('a configuration that is wrong, with its place', async () => {
    using folder = tempFolder();
    mkdirSync(`${folder.path}/etc/pwagent`, { recursive: true });
    writeFileSync(`${folder.path}/etc/pwagent/pwagent.yml`, 'lifetime: { max: 48 }\n');
    const { machine } = machineOf('linux');
    const { code, err } = await say(install, ['--root', folder.path, '--binary', '/bin/sh'], machine);
    expect([code, err.includes('lifetime.max')]).toEqual([78, true]);
    expect(everythingIn(folder.path)).toEqual(['etc', 'etc/pwagent', 'etc/pwagent/pwagent.yml']);
  });
});

test('the doctor tells people how to mend each thing', async () => {
  using folder = tempFolder();
  const { machine } = machineOf('linux');
  const { code, out } = await say(doctor, ['--root', folder.path], machine);
  expect(code).toBe(1);
  expect(out).toContain('fail  configuration       /etc/pwagent/pwagent.yml is missing\n');
  expect(out).toContain('→ run pwagent install');
});

test('a machine without a service manager is told about, not a reason to give up', async () => {
  await using metadata = await new FakeMetadata().start();
  const { machine } = machineOf('linux', metadata);
  const run = () => Promise.reject(new AppError('CONFIG', 'program systemctl was not found'));
  const { code, out } = await say(doctor, ['--json', '--aws-endpoint', 'http://127.0.0.1:9'], { ...machine, run });
  const { checks } = JSON.parse(out) as { checks: { name: string; verdict: string }[] };
  expect(code).toBe(1);
  expect(checks.find(({ name }) => name === 'metadata')?.verdict).toBe('ok');
  expect(checks.find(({ name }) => name === 'supervisor service')?.verdict).toBe('fail');
});
