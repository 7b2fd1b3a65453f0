import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { listProcesses, type ProcessInfo } from '../../../src/platform/process-table.ts';
import { spawn } from '../../../src/platform/processes.ts';
import { busyProcesses, commandContains, runnersOf } from '../../../src/supervisor/runner/busy-rule.ts';
import { presetOf } from '../../../src/supervisor/runner/presets.ts';
import { waitFor } from '../../support/wait-for.ts';

const USER = 501;

function info(pid: number, command: string, more: Partial<ProcessInfo> = {}): ProcessInfo {
  return { pid, ppid: 1, pgid: pid, uid: USER, started: String(pid), command, ...more };
}

describe('a pattern', () => {
  test.each([
    ['Runner.Worker', '/a/bin/Runner.Worker spawnclient 1 2', true],
    ['Runner.Worker', '/a/bin/RunnerXWorker spawnclient', false], // a dot is a dot
    ['agent*bootstrap', '/a/buildkite-agent --debug bootstrap --job 7', true],
    ['agent*bootstrap', 'bootstrap agent', false],
    ['xcodebuild -scheme', 'xcodebuild  -scheme', false],
    ['*', '', true],
    ['a**b', 'xaby', true],
  ])('%p in %p: %p', (pattern, command, found) => expect(commandContains(command, pattern)).toBe(found));

  const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '/', '*', '.'), maxLength: 12 });

  test('without a wildcard is a substring; pieces in order with anything between are found', () => {
    fc.assert(
      fc.property(text, text, (command, pattern) => {
        if (!pattern.includes('*')) expect(commandContains(command, pattern)).toBe(command.includes(pattern));
      }),
    );
    fc.assert(
      fc.property(fc.array(text), text, text, (pieces, before, after) => {
        const plain = pieces.map((piece) => piece.replaceAll('*', ''));
        expect(commandContains(before + plain.join('..') + after, plain.join('*'))).toBe(true);
      }),
    );
  });

  test('agrees with the regular expression that it stands for', () => {
    fc.assert(
      fc.property(text, text, (command, pattern) => {
        const escaped = pattern.split('*').map((piece) => piece.replace(/[.\\/]/g, '\\$&'));
        expect(commandContains(command, pattern)).toBe(new RegExp(escaped.join('[^]*')).test(command));
      }),
    );
  });

  test('a hostile one is no burden', () => {
    // were it tried in every way, this test would never end
    expect(commandContains('a'.repeat(100_000), `${'a*'.repeat(2_000)}b`)).toBe(false);
  });
});

describe('busy', () => {
  const table = [
    info(10, '/r/bin/Runner.Listener run'),
    info(11, '/r/bin/Runner.Worker spawnclient 1 2', { ppid: 10 }),
    info(12, 'make -j8', { ppid: 11 }),
    info(13, '/r/bin/Runner.Worker spawnclient 1 2', { uid: 502 }),
    info(99, 'pwagent run --config /etc/make.yml'),
  ];
  const pids = (rule: Parameters<typeof busyProcesses>[2], uid = USER) =>
    busyProcesses(table, uid, rule, 99).map(({ pid }) => pid);

  test('only of the user, and never the supervisor', () => {
    expect(pids({ shape: undefined, patterns: ['make'] })).toEqual([12]);
    expect(pids({ shape: presetOf('github-actions').shape, patterns: [] })).toEqual([11]);
    expect(pids({ shape: presetOf('github-actions').shape, patterns: [] }, 502)).toEqual([13]);
    expect(pids({ shape: undefined, patterns: [] })).toEqual([]);
  });

  test('own patterns count beside the preset, even for the runner', () => {
    const { shape } = presetOf('github-actions');
    expect(pids({ shape, patterns: ['make', 'Listener'] })).toEqual([10, 11, 12]);
  });

  test('helpers under the name of the runner are not the runner', () => {
    const { shape } = presetOf('gitlab');
    const family = [
      info(20, '/usr/local/bin/gitlab-runner --log-level debug run --config /c'),
      info(21, 'bash --login', { ppid: 20 }),
      info(22, 'gitlab-runner artifacts-uploader --name run --url x', { ppid: 20 }),
    ];
    if (shape === undefined) throw new Error('gitlab has a shape');
    expect(runnersOf(family, shape).map(({ pid }) => pid)).toEqual([20]);
    expect(busyProcesses(family, USER, { shape, patterns: [] }, 99).map(({ pid }) => pid)).toEqual([21]);
  });
});

describe('presets', () => {
  const seen: readonly (readonly [Parameters<typeof presetOf>[0], string, 'runner' | 'job' | 'neither'])[] = [
    ['github-actions', '/Users/m/actions-runner/bin/Runner.Listener run --startuptype service', 'runner'],
    ['github-actions', '/Users/m/my runner/bin/Runner.Worker spawnclient 109 112', 'job'],
    ['github-actions', './bin/Runner.Worker spawnclient 109 112', 'job'],
    ['github-actions', '/Users/m/actions-runner/bin/Runner.Listener configure', 'neither'],
    ['github-actions', '/bin/bash /Users/m/actions-runner/run.sh', 'neither'],
    ['github-actions', 'tail -f /Users/m/Runner.Worker', 'neither'],
    ['github-actions', '/usr/bin/tail -f /Users/m/Runner.Worker', 'neither'],
    ['buildkite', '/opt/homebrew/bin/buildkite-agent start --bootstrap-script buildkite-agent bootstrap', 'runner'],
    ['buildkite', '/opt/homebrew/bin/buildkite-agent bootstrap', 'job'],
    ['buildkite', 'buildkite-agent artifact upload start.log', 'neither'],
    ['gitlab', 'gitlab-runner run --working-directory /Users/m', 'runner'],
    ['gitlab', 'gitlab-runner artifacts-uploader --url x', 'neither'],
    ['forgejo', '/usr/local/bin/forgejo-runner-6.3.1-linux-amd64 -c config.yml daemon', 'runner'],
    ['forgejo', 'act_runner daemon', 'runner'],
    ['forgejo', 'forgejo-runner register', 'neither'],
    ['cirrus', '/opt/homebrew/bin/cirrus worker run --file /Users/m/worker.yml', 'runner'],
    ['cirrus', 'cirrus --verbose worker run', 'runner'],
    ['cirrus', '/Users/m/Library/Caches/cirrus/cirrus-ci-agent-1.144.0 -api-endpoint x', 'job'],
    ['cirrus', '/Users/m/Application Support/cirrus-ci-agent', 'job'],
    ['cirrus', '/tmp/cirrus agent --task 7', 'job'],
    ['cirrus', 'cirrus-0.150.0-darwin-arm64 agent', 'job'],
    ['cirrus', 'cirrus-0.150.0-darwin-arm64 --x agent', 'neither'],
    ['cirrus', 'cirrus run agent', 'neither'],
    ['cirrus', 'cirrus worker pause', 'neither'],
    ['cirrus', 'grep cirrus-ci-agent', 'neither'],
  ];
  test.each(seen)('%s: %p is %s', (name, command, what) => {
    const { shape } = presetOf(name);
    expect(shape?.isRunner(command)).toBe(what === 'runner');
    const isBusy = busyProcesses([info(1, command)], USER, { shape, patterns: [] }, 99).length > 0;
    expect(isBusy).toBe(what === 'job');
  });

  test('children of these runners are jobs, whatever they are called', () => {
    for (const [name, command] of [
      ['gitlab', 'gitlab-runner run'],
      ['forgejo', 'forgejo-runner daemon'],
      ['buildkite', 'buildkite-agent start'],
    ] as const) {
      const table = [info(5, command), info(6, 'sh -c x', { ppid: 5 }), info(7, 'make', { ppid: 6 })];
      const busy = busyProcesses(table, USER, { shape: presetOf(name).shape, patterns: [] }, 99);
      expect(busy.map(({ pid }) => pid)).toEqual([6]);
    }
  });

  test('no command line is a burden', () => {
    for (const [name] of seen) {
      const { shape } = presetOf(name);
      for (const piece of ['/', ' ', 'cirrus ', '/buildkite-agent', '/a b', 'worker ']) {
        expect(shape?.isRunner(`/${piece.repeat(50_000)}`)).toBe(false);
        expect(shape?.isJob(`/${piece.repeat(50_000)}`)).toBe(false);
      }
    }
  });
});

test('a process is found under the name that it shows', async () => {
  const { spawn: start } = await import('node:child_process');
  const child = start('/bin/sleep', ['60'], { argv0: '/x y/name-of-a-test', stdio: 'ignore' });
  const other = await spawn({ argv: ['/bin/sleep', '60'], env: {} });
  try {
    const uid = process.getuid?.() ?? -1;
    const rule = { shape: undefined, patterns: ['y/name-of-a-test 60'] };
    await waitFor('the process', () => listProcesses().some(({ pid, command }) => pid === child.pid && command !== ''));
    const busy = await waitFor('its name', () => {
      const found = busyProcesses(listProcesses(), uid, rule, process.pid).map(({ pid }) => pid);
      return found.includes(child.pid ?? 0) && found;
    });
    expect(busy).not.toContain(other.pid);
  } finally {
    child.kill('SIGKILL');
    other.signal('SIGKILL');
  }
});
