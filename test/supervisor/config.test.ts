import { describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { describeError } from '../../src/lib/errors.ts';
import { hardCapWarning, parseSupervisorConfig, problemOfProgram } from '../../src/supervisor/config.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { HOUR } from './policy-support.ts';

function problemsOf(text: string): string {
  try {
    parseSupervisorConfig(text, 'p.yml');
    return '';
  } catch (error) {
    return describeError(error);
  }
}

test('an empty file gives the documented defaults', () => {
  const config = parseSupervisorConfig('', 'p.yml');
  const life = { lifetimeMs: 48 * HOUR, idleCheckMs: 24 * HOUR, jitterMs: 4 * HOUR, hardCapMs: 2 * HOUR };
  expect(config.life).toEqual({ ...life, drainPollMs: 60_000, from: 'start', maxTasks: 0, noticeMarginMs: 300_000 });
  expect(config.metadata).toEqual({
    source: 'auto',
    endpoint: 'http://169.254.169.254',
    readyTag: 'PWPoolReady',
    readyPollMs: 10_000,
    lostAfterMs: 30_000,
    blockForWorker: true,
  });
  expect(config.worker).toMatchObject({ dedicated: false, onExit: 'shutdown', restartLimit: 3, restartWindowMs: HOUR });
  expect(config.worker).toMatchObject({
    staleAfterMs: 600_000,
    graceMs: 30_000,
    logFile: '/var/db/pwagent/worker.log',
  });
  expect(config.shutdown).toEqual({
    ladder: undefined,
    command: undefined,
    stepTimeoutMs: 120_000,
    before: [],
    beforeTimeoutMs: 60_000,
  });
  expect([config.minFreeBytes, config.socket]).toEqual([5 * 2 ** 30, '/var/run/pwagent.sock']);
});

test('every key that works is read', () => {
  const config = parseSupervisorConfig(
    `
name: Mac-7
metadata: { source: ec2, endpoint: "http://127.0.0.1:1", ready-tag: T, ready-poll: 1s, lost-after: 2s, block-for-worker: false }
lifetime: { max: 1d, idle-check: 10h, jitter: 0, hard-cap: 30m, drain-poll: 5s, from: boot, max-tasks: 3, notice-margin: 1m }
worker:
  mode: builtin
  user: ci
  dedicated: true
  config: /w.yml
  token-file: /t
  on-exit: restart
  restart: { limit: 1, window: 10m }
  stale-after: 1m
  on-dirty: drain
  grace: 5s
  environment: { A_B: c }
  path: /bin
  directory: /srv
  log-file: /l
  log-limit: 1 MB
shutdown: { ladder: [command], command: [/bin/sh, -c, x], step-timeout: 9s, before: [[/bin/sh]], before-timeout: 1s }
disk: { min-free: 0 }
state-dir: /s
control: { socket: /c }
metrics: { listen: "127.0.0.1:9180" }
hub: { url: "https://hub.example/", token-file: /ht }
log: { level: debug, file: /f, rotate-size: 1MiB, max-rotations: 2 }
`,
    'p.yml',
  );
  expect(config).toEqual({
    file: 'p.yml',
    name: 'Mac-7',
    metadata: {
      source: 'ec2',
      endpoint: 'http://127.0.0.1:1',
      readyTag: 'T',
      readyPollMs: 1_000,
      lostAfterMs: 2_000,
      blockForWorker: false,
    },
    life: {
      lifetimeMs: 24 * HOUR,
      idleCheckMs: 10 * HOUR,
      jitterMs: 0,
      hardCapMs: HOUR / 2,
      drainPollMs: 5_000,
      from: 'boot',
      maxTasks: 3,
      noticeMarginMs: 60_000,
    },
    worker: {
      mode: 'builtin',
      command: [],
      busy: { preset: 'none', processes: [] },
      drain: { signal: undefined, command: undefined },
      undrain: { signal: undefined, command: undefined },
      progress: undefined,
      onDirty: 'drain',
      user: 'ci',
      dedicated: true,
      configFile: '/w.yml',
      tokenFile: '/t',
      onExit: 'restart',
      restartLimit: 1,
      restartWindowMs: 600_000,
      staleAfterMs: 60_000,
      graceMs: 5_000,
      environment: { A_B: 'c' },
      path: '/bin',
      directory: '/srv',
      logFile: '/l',
      logLimitBytes: 1e6,
    },
    shutdown: {
      ladder: ['command'],
      command: ['/bin/sh', '-c', 'x'],
      stepTimeoutMs: 9_000,
      before: [['/bin/sh']],
      beforeTimeoutMs: 1_000,
    },
    minFreeBytes: 0,
    stateDir: '/s',
    socket: '/c',
    metricsListen: '127.0.0.1:9180',
    hub: { url: 'https://hub.example', tokenFile: '/ht' },
    log: { level: 'debug', file: '/f', maxBytes: 2 ** 20, keep: 2 },
  });
});

describe('what is refused, with place and remedy', () => {
  test.each([
    ['lifetime: { max: 48 }', 'p.yml:1:13: lifetime.max: expected a duration such as 90s or 10m, never a bare number'],
    ['lifetime: { idle-chek: 1h }', 'p.yml:1:13: unknown key "lifetime.idle-chek"; did you mean "idle-check"?'],
    ['lifetime: { jitter: 30h }', 'lifetime.jitter: is longer than lifetime.idle-check; make it shorter'],
    ['metadata: { source: gce }', 'metadata.source: '],
    ['metadata: { ready-tag: "a b" }', 'metadata.ready-tag: is not a key that a tag in instance metadata can have'],
    ['metadata: { endpoint: 169.254.169.254 }', 'metadata.endpoint: must be http://169.254.169.254, '],
    ['lifetime: { max-tasks: -1 }', 'lifetime.max-tasks'],
    ['worker: { mode: command }', 'worker.command: names no program'],
    ['worker: { mode: command, command: [/bin/sh], token-file: /t }', 'worker.token-file: needs mode: builtin'],
    ['worker: { busy: { preset: gitlab } }', 'worker.busy: needs mode: command'],
    ['worker: { drain: { signal: SIGINT } }', 'worker.drain: needs mode: command'],
    [
      'worker: { mode: command, command: [/bin/sh], drain: { signal: INT } }',
      'worker.drain.signal: is not the name of a signal, such as SIGINT',
    ],
    [
      'worker: { mode: command, command: [/bin/sh], drain: { signal: SIGINT, command: [/bin/sh] } }',
      'worker.drain: takes a signal or a command, not both',
    ],
    ['worker: { environment: { "a b": c } }', 'worker.environment.a b'],
    ['hub: { url: x }', 'hub.url: must be the address of a hub'],
    ['hub: { url: "http://h" }', 'hub.token-file: is needed with hub.url'],
    ['hub: { url: "http://u:p@h", token-file: /t }', 'hub.url: must be the address of a hub'],
    ['metrics: { listen: "0.0.0.0:9180" }', 'metrics.listen: must be a loopback address with a port'],
    ['shutdown: { ladder: [] }', 'shutdown.ladder: must name at least one rung'],
    ['shutdown: { ladder: [reboot] }', 'shutdown.ladder.0'],
    ['shutdown: { command: [] }', 'shutdown.command: names no program'],
    ['shutdown: { command: [shutdown] }', '"shutdown" must be an absolute path'],
    ['shutdown:\n  command: [/does/not/exist]', 'p.yml:2:3: shutdown.command: /does/not/exist does not exist; correct'],
    ['shutdown: { before: [[/does/not/exist]] }', 'shutdown.before.0: /does/not/exist does not exist'],
    ['shutdown: { step-timeout: 0 }', 'shutdown.step-timeout: must be at least 1s'],
    [`control: { socket: /${'x'.repeat(97)} }`, 'is longer than the 97 bytes'],
    ['state-dir: here', 'state-dir: must be an absolute path'],
    ['log: { level: loud }', 'log.level: must be one of'],
  ])('%s', (text, told) => expect(problemsOf(text)).toContain(told));
});

test('a program must be a file that may be run', () => {
  using folder = tempFolder();
  const plain = `${folder.path}/plain`;
  writeFileSync(plain, '#!/bin/sh\n', { mode: 0o644 });
  expect(problemOfProgram(plain)).toBe(`${plain} is not executable; run chmod +x ${plain}`);
  expect(problemOfProgram(folder.path)).toContain('is not a program');
  expect(problemOfProgram('/bin/sh')).toBeUndefined();
});

test('a hard cap that can come too late is told with the arithmetic', () => {
  const life = {
    lifetimeMs: 29 * HOUR,
    idleCheckMs: 24 * HOUR,
    jitterMs: 4 * HOUR,
    hardCapMs: 2 * HOUR,
    from: 'start',
  } as const;
  expect(hardCapWarning(life)).toContain(
    '1d idle-check + 4h jitter + 2h hard-cap = 1d 6h, more than lifetime.max 1d 5h',
  );
  expect(hardCapWarning({ ...life, lifetimeMs: 30 * HOUR })).toBeUndefined();
});
