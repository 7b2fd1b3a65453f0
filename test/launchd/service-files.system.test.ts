import { describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { spawn } from '../../src/platform/processes.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const FOLDER = resolve(import.meta.dir, '../../launchd');
const SCRIPT = `${FOLDER}/deadline.sh`;

type Value = string | number | boolean | readonly Value[] | { readonly [key: string]: Value };

/** Reads the part of the property list format that the files use; throws on anything that is not well formed. */
function parsePlist(text: string): Value {
  const tokens = [
    ...text.replace(/<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!DOCTYPE[^>]*>/g, '').matchAll(/<(\/?)(\w+)[^>]*?(\/?)>|([^<]+)/g),
  ];
  const words = tokens
    .filter((token) => token[4] === undefined || token[4].trim() !== '')
    .map((token) => token[0].trim());
  let position = 0;
  const take = (wanted?: string) => {
    const word = words[position++];
    if (word === undefined || (wanted !== undefined && word !== wanted))
      throw new Error(`expected ${wanted}, not ${word}`);
    return word;
  };
  const leaf = (name: string) => {
    const content = words[position] === `</${name}>` ? '' : take();
    take(`</${name}>`);
    return content;
  };
  const list = (end: string, each: () => void) => {
    while (words[position] !== end) each();
    take(end);
  };
  const value = (): Value => {
    const open = take();
    if (open === '<true/>' || open === '<false/>') return open === '<true/>';
    if (open === '<string>') return leaf('string');
    if (open === '<integer>') return Number(leaf('integer'));
    if (open === '<array>') {
      const items: Value[] = [];
      list('</array>', () => items.push(value()));
      return items;
    }
    if (open !== '<dict>') throw new Error(`unexpected ${open}`);
    const entries: Record<string, Value> = {};
    list('</dict>', () => {
      take('<key>');
      const key = leaf('key');
      entries[key] = value();
    });
    return entries;
  };
  take('<plist version="1.0">');
  const root = value();
  take('</plist>');
  return root;
}

const readPlist = (name: string) => parsePlist(readFileSync(`${FOLDER}/${name}.plist`, 'utf8'));

describe('LaunchDaemons', () => {
  const common = {
    RunAtLoad: true,
    KeepAlive: true,
    ThrottleInterval: 10,
    ProcessType: 'Interactive',
    AbandonProcessGroup: false,
    WorkingDirectory: '/',
  };

  test('supervisor', () => {
    expect(readPlist('dev.pwagent')).toEqual({
      ...common,
      Label: 'dev.pwagent',
      ProgramArguments: ['/usr/local/bin/pwagent', 'run'],
      ExitTimeOut: 60, // more than the default worker.grace
      Umask: 0o077,
      StandardOutPath: '/var/log/pwagent.log',
      StandardErrorPath: '/var/log/pwagent.log',
    });
  });

  test('deadline: needs nothing of pwagent', () => {
    expect(readPlist('dev.pwagent.deadline')).toEqual({
      ...common,
      Label: 'dev.pwagent.deadline',
      ProgramArguments: ['/bin/sh', '/usr/local/libexec/pwagent/deadline.sh'],
      ExitTimeOut: 5,
      StandardOutPath: '/var/log/pwagent-deadline.log',
      StandardErrorPath: '/var/log/pwagent-deadline.log',
    });
  });

  test('the reader of this test refuses what is not well formed', () => {
    expect(() => parsePlist('<plist version="1.0"><dict><key>a</key></dict></plist>')).toThrow();
  });
});

test('the systemd unit keeps the supervisor up and stops it in good order', () => {
  const unit = readFileSync(`${FOLDER}/pwagent.service`, 'utf8');
  for (const line of [
    'ExecStart=/usr/local/bin/pwagent run',
    'Restart=always',
    'StartLimitIntervalSec=0',
    'KillMode=mixed',
    'TimeoutStopSec=60',
    'WantedBy=multi-user.target',
  ]) {
    expect(unit.split('\n')).toContain(line);
  }
});

test('the systemd unit of the deadline is started again for ever and needs nothing but its script', () => {
  const unit = readFileSync(`${FOLDER}/pwagent-deadline.service`, 'utf8');
  for (const line of [
    'ExecStart=/bin/sh /usr/local/libexec/pwagent/deadline.sh',
    'Restart=always',
    'StartLimitIntervalSec=0',
    'WantedBy=multi-user.target',
  ]) {
    expect(unit.split('\n')).toContain(line);
  }
  expect(unit).not.toMatch(/^(?:Requires|Wants|After|BindsTo|PartOf)=/m);
});

describe('deadline.sh', () => {
  /** Runs the script until it orders (to a recording command) or has counted a tick, which it does when it waits. */
  async function runScript(folder: string, seconds: number, state: Readonly<Record<string, string>> = {}) {
    mkdirSync(`${folder}/state`, { recursive: true });
    for (const [name, text] of Object.entries(state)) writeFileSync(`${folder}/state/${name}`, text);
    writeFileSync(`${folder}/off.sh`, `#!/bin/sh\necho off > ${folder}/ordered\n`, { mode: 0o755 });
    const read = (name: string) =>
      existsSync(`${folder}/state/${name}`) ? readFileSync(`${folder}/state/${name}`, 'utf8').trim() : null;
    const ordered = () => existsSync(`${folder}/ordered`);
    const script = await spawn({
      argv: ['/bin/sh', SCRIPT],
      env: {
        PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
        PWAGENT_DEADLINE_DIR: `${folder}/state`,
        PWAGENT_DEADLINE_SECONDS: String(seconds),
        PWAGENT_DEADLINE_TICK: '1',
        PWAGENT_DEADLINE_COMMAND: `${folder}/off.sh`,
      },
    });
    try {
      await waitFor('an order or a tick', () => ordered() || (read('counted') ?? null) !== (state.counted ?? null));
    } finally {
      script.signalGroup('SIGKILL');
      await script.exited;
    }
    return { ordered: ordered(), read };
  }

  const LONG_AGO = '1750000000';

  test('may be run, and its limit is two days', () => {
    expect(statSync(SCRIPT).mode & 0o111).not.toBe(0);
    expect(readFileSync(SCRIPT, 'utf8')).toContain('SECONDS:-172800}');
  });

  test.each([
    ['T13 the ticks of all boots together are over', { counted: '200' }, 100, true],
    ['T13 the wall clock says so', { began: LONG_AGO }, 100, true],
    ['a spoiled count is none', { counted: 'x' }, 100, false],
    ['it has just begun', {}, 100, false],
  ] as const)('%s', async (_title, state, seconds, ordered) => {
    using folder = tempFolder();
    expect((await runScript(folder.path, seconds, state)).ordered).toBe(ordered);
  });

  test('counts and remembers when it began', async () => {
    using folder = tempFolder();
    const { read } = await runScript(folder.path, 100);
    expect(Number(read('counted'))).toBeGreaterThanOrEqual(1);
    expect(Number(read('began'))).toBeGreaterThan(Number(LONG_AGO));
  });

  test('a boot after the order begins anew; a restart in the same boot goes on ordering', async () => {
    using anew = tempFolder();
    expect(
      (await runScript(anew.path, 100, { ordered: 'another boot', counted: '200', began: LONG_AGO })).ordered,
    ).toBe(false);
    using same = tempFolder();
    const { read } = await runScript(same.path, 100, { counted: '200' });
    const boot = read('ordered') ?? '';
    expect(boot).not.toBe('');
    expect((await runScript(same.path, 100, { ordered: boot })).ordered).toBe(true);
  });
});
