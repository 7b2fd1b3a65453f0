import { describe, expect, test } from 'bun:test';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { currentUser } from '../../src/platform/users.ts';
import { type ArmingFacts, decideArming, parseMarker, readMarker } from '../../src/supervisor/arming.ts';
import { tempFolder } from '../support/temp-folder.ts';

const ID = 'i-0123456789abcdef0';
const FACTS: ArmingFacts = {
  uid: 0,
  source: 'ec2',
  endpoint: 'http://169.254.169.254',
  instanceId: ID,
  marker: { tag: 'present', holds: ID },
};

describe('armed only when every condition holds', () => {
  test.each([
    ['an instance of the pool', {}],
    ['a machine image', { marker: { tag: 'present', holds: 'any' } }],
    ['a slash at the end', { endpoint: 'http://169.254.169.254/' }],
    ['the address of IPv6', { endpoint: 'http://[fd00:ec2::254]' }],
  ] as const)('armed: %s', (_title, changes) => {
    expect(decideArming({ ...FACTS, ...changes })).toEqual({ armed: true, permit: { instanceId: ID } });
  });

  test.each([
    ['not root', { uid: 501 }, 'does not run as root'],
    ['no metadata', { source: 'none' }, 'source is not EC2'],
    ['loopback', { endpoint: 'http://127.0.0.1:1338' }, 'not the link-local address'],
    ['another port', { endpoint: 'http://169.254.169.254:80' }, 'not the link-local address'],
    ['a name that begins alike', { endpoint: 'http://169.254.169.254.example' }, 'not the link-local address'],
    ['a user before it', { endpoint: 'http://169.254.169.254@localhost' }, 'not the link-local address'],
    ['the number', { endpoint: 'http://2852039166' }, 'not the link-local address'],
    ['a line break', { endpoint: 'http://169.254.169.254\n' }, 'not the link-local address'],
    ['https', { endpoint: 'https://169.254.169.254' }, 'not the link-local address'],
    ['a path', { endpoint: 'http://169.254.169.254/x' }, 'not the link-local address'],
    ['no identity', { instanceId: undefined }, 'no identity document'],
    ['an identity that is none', { instanceId: 'any' }, 'no identity document'],
    ['no marker', { marker: { tag: 'absent' } }, 'no marker on this machine'],
    ['a doubtful marker', { marker: { tag: 'refused', why: 'others may write it' } }, 'others may write it'],
    ['the marker of another', { marker: { tag: 'present', holds: 'i-00000000000000000' } }, 'that of i-0000'],
  ] as const)('not armed: %s', (_title, changes, why) => {
    expect(decideArming({ ...FACTS, ...changes })).toEqual({ armed: false, why: expect.stringContaining(why) });
  });
});

test.each([
  [`${ID}\n`, { tag: 'present', holds: ID }],
  ['any', { tag: 'present', holds: 'any' }],
  ['', { tag: 'refused', why: expect.any(String) }],
  ['any i-0', { tag: 'refused', why: expect.any(String) }],
  ['ANY', { tag: 'refused', why: expect.any(String) }],
] as const)('the text %j', (text, marker) => expect<unknown>(parseMarker(text)).toEqual(marker));

describe('readMarker', () => {
  const own = currentUser().uid;

  test('a file of its owner that nobody else may write', async () => {
    using folder = tempFolder();
    const file = `${folder.path}/armed`;
    expect(await readMarker(file, own)).toEqual({ tag: 'absent' });
    writeFileSync(file, `${ID}\n`);
    chmodSync(file, 0o644);
    expect(await readMarker(file, own)).toEqual({ tag: 'present', holds: ID });
    expect((await readMarker(file, own + 1)).tag).toBe('refused');
  });

  test.each([
    ['writable by the group', (file: string) => chmodSync(file, 0o664)],
    ['writable by all', (file: string) => chmodSync(file, 0o646)],
    ['in a folder that others may write', (file: string) => chmodSync(file.replace(/\/armed$/, ''), 0o1777)],
    ['too long', (file: string) => writeFileSync(file, `${ID}${' '.repeat(300)}`)],
  ])('T09 refused: %s', async (_title, spoil) => {
    using folder = tempFolder();
    const file = `${folder.path}/armed`;
    writeFileSync(file, ID);
    chmodSync(file, 0o644);
    spoil(file);
    expect((await readMarker(file, own)).tag).toBe('refused');
  });

  test('T09 refused: a link to the right text, a folder', async () => {
    using folder = tempFolder();
    writeFileSync(`${folder.path}/real`, ID, { mode: 0o600 });
    symlinkSync('real', `${folder.path}/armed`);
    mkdirSync(`${folder.path}/folder`, { mode: 0o700 });
    expect((await readMarker(`${folder.path}/armed`, own)).tag).toBe('refused');
    expect((await readMarker(`${folder.path}/folder`, own)).tag).toBe('refused');
  });
});
