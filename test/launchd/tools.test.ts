import { describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { programGap, testNeeding } from '../support/requirement.ts';
import { tempFolder } from '../support/temp-folder.ts';

const FOLDER = resolve(import.meta.dir, '../../launchd');
const read = (name: string) => readFileSync(`${FOLDER}/${name}`, 'utf8');

const withPlistutil = testNeeding('property lists parsed by libplist', programGap('plistutil', 'libplist-utils'));
const withSystemd = testNeeding('systemd-analyze verify of the units', programGap('systemd-analyze', 'systemd'));
const withShellcheck = testNeeding('shellcheck of the scripts', programGap('shellcheck'));

const PLISTS = ['dev.pwagent.plist', 'dev.pwagent.deadline.plist', 'dev.pwagent.hub.plist'];
const UNITS = ['pwagent.service', 'pwagent-deadline.service', 'pwagent-hub.service'];
const SCRIPTS = ['deadline.sh', 'user-data.sh'];

/** Keys and values of a property list in the order of the file, without blanks and comments. */
function contentOf(plist: string): string[] {
  return [...plist.replace(/<!--[\s\S]*?-->/g, '').matchAll(/<(key|string|integer)>([^<]*)<|<(true|false)\/>/g)].map(
    (match) => match[3] ?? `${match[1]} ${match[2]}`,
  );
}

describe('property lists', () => {
  for (const name of PLISTS) {
    withPlistutil(name, () => {
      using folder = tempFolder();
      const binary = `${folder.path}/binary`;
      const made = spawnSync('plistutil', ['-i', `${FOLDER}/${name}`, '-f', 'bin', '-o', binary]);
      expect(made.status).toBe(0);
      expect(readFileSync(binary).subarray(0, 6).toString()).toBe('bplist');
      const back = spawnSync('plistutil', ['-i', binary], { encoding: 'utf8' });
      expect(contentOf(back.stdout)).toEqual(contentOf(read(name)));
      expect(contentOf(back.stdout).length).toBeGreaterThan(15);
    });
  }
});

describe('units', () => {
  for (const name of UNITS) {
    withSystemd(name, () => {
      using folder = tempFolder();
      // The executable is not installed here; everything else is as it is.
      const text = read(name).replace('/usr/local/bin/pwagent', '/bin/true');
      writeFileSync(`${folder.path}/${name}`, text);
      const asked = spawnSync('systemd-analyze', ['verify', '--man=no', `${folder.path}/${name}`], {
        encoding: 'utf8',
      });
      expect([asked.stderr.split('\n').filter((line) => line.includes(folder.path)), asked.status]).toEqual([[], 0]);
    });
  }
});

describe('scripts', () => {
  for (const name of SCRIPTS) {
    test(`${name} is well formed`, () => {
      const asked = spawnSync('/bin/sh', ['-n', `${FOLDER}/${name}`], { encoding: 'utf8' });
      expect([asked.stderr, asked.status]).toEqual(['', 0]);
    });

    withShellcheck(`${name} passes shellcheck`, () => {
      const asked = spawnSync('shellcheck', ['--shell=sh', `${FOLDER}/${name}`], { encoding: 'utf8' });
      expect([asked.stdout, asked.status]).toEqual(['', 0]);
    });
  }
});

test('the policy in the guide is JSON and gives no more than it says', () => {
  const [policy = ''] = [...read('README.md').matchAll(/^```json\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');
  const { Statement } = JSON.parse(policy) as { Statement: { Sid: string; Action: string; Condition?: object }[] };
  expect(Statement.map(({ Sid, Action, Condition }) => [Sid, Action, Condition !== undefined])).toEqual([
    ['Token', 'ssm:GetParameter', false],
    ['Look', 'ec2:DescribeInstanceAttribute', false],
    ['EndItself', 'ec2:TerminateInstances', true],
    ['TellWhy', 'ec2:CreateTags', true],
  ]);
});

describe('user data', () => {
  /** EC2 takes 16 KB, before Base64; a quarter stays free for whoever adapts it. */
  const LIMIT_BYTES = 16_384;

  test('stays under the limit of EC2', () => {
    expect(Buffer.byteLength(read('user-data.sh'))).toBeLessThan(LIMIT_BYTES * 0.75);
  });

  test('carries the very files of the deadline', () => {
    const script = read('user-data.sh');
    expect(script).toContain(`<<'DEADLINE'\n${read('deadline.sh')}DEADLINE\n`);
    expect(script).toContain(`<<'PLIST'\n${read('dev.pwagent.deadline.plist')}PLIST\n`);
  });

  test('the deadline stands before anything that is fetched', () => {
    const script = read('user-data.sh');
    expect(script.indexOf('install_deadline ||')).toBeLessThan(script.indexOf('\nfetch '));
    expect(script.indexOf('"$scratch/setup.script" <')).toBeLessThan(script.indexOf('pwagent install'));
  });
});
