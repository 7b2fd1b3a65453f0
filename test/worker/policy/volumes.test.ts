import { describe, expect, test } from 'bun:test';
import type { Mount } from '../../../src/isolation/placement.ts';
import { container, hostOf, outcome, policyOf, tart } from './policy-support.ts';

const TREE = {
  ...{ '/tmp': '', '/tmp/subdir': '', '/etc': '', '/var': '', '/var/cache': '', '/var/cache/subdir': '' },
  ...{ '/read-write': '', '/read-only': '', '/var/cache/out': '/etc', '/alias': '/var/cache', '/var/a:b': '' },
  ...{ '/var/cache/colon': '/var/a:b', '/var/cache/gone': '/etc/none' },
};
const host = hostOf(TREE);

interface Asked {
  readonly source: string;
  readonly name?: string;
  readonly target?: string;
  readonly readOnly?: boolean;
  readonly cleanup?: boolean;
}

async function mountsOf(rules: string, volumes: readonly Asked[], on = host): Promise<readonly Mount[] | string> {
  const policy = policyOf(`{allowed-isolations: {tart: {allowed-volumes: ${rules}}}}`);
  const found = await outcome(policy, tart({ volumes: [...volumes] }), on);
  if (typeof found === 'string') return found;
  if (found.kind !== 'tart') throw new Error('not Tart');
  return found.mounts;
}

/** Section 8.2 of the worker's specification; a rule `X/*` now covers `X` itself, as its documentation says. */
describe('rules /tmp and /var/cache/*', () => {
  const rules = '[{source: /tmp}, {source: "/var/cache/*"}]';
  test.each([
    ['/tmp', '/tmp'],
    ['/tmp/', '/tmp'],
    ['//tmp//.', '/tmp'],
    ['/tmp/subdir', undefined],
    ['/tmp/../../etc/passwd', undefined],
    ['/var/cache/', '/var/cache'],
    ['/var/cache/subdir', '/var/cache/subdir'],
    ['/var/cache', '/var/cache'],
    ['/var/cachet', undefined],
    ['/var', undefined],
    ['/', undefined],
    ['/var/cache/../../etc/passwd', undefined],
    // W25: what is checked is where the path really leads, and that is mounted
    ['/var/cache/out', undefined],
    ['/var/cache/out/../cache', undefined],
    ['/alias/subdir', '/var/cache/subdir'],
    ['/var/cache/colon', undefined],
    ['/var/cache/gone', undefined],
  ])('%s', async (source, mounted) => {
    const found = await mountsOf(rules, [{ source }]);
    expect(typeof found === 'string' ? undefined : found[0]?.source).toBe(mounted);
  });
});

test.each([
  ['/read-write', false, false],
  ['/read-write', true, true],
  ['/read-only', false, true],
  ['/read-only', true, true],
])('%s, asked read-only %p: mounted read-only %p', async (source, readOnly, expected) => {
  const rules = '[{source: /read-write}, {source: /read-only, force-readonly: true}]';
  expect(await mountsOf(rules, [{ source, readOnly, name: 'x', target: '/t' }])).toEqual([
    { source, create: false, readOnly: expected, target: '/t', name: 'x' },
  ]);
});

test('the first rule that covers a path decides', async () => {
  const rules = '[{source: /var/cache, force-readonly: true}, {source: "/var/*"}]';
  expect(await mountsOf(rules, [{ source: '/var/cache' }])).toMatchObject([{ readOnly: true }]);
  expect(await mountsOf(rules, [{ source: '/var/cache/subdir' }])).toMatchObject([{ readOnly: false }]);
});

test('a rule may itself name a link', async () => {
  expect(await mountsOf('[{source: "/alias/*"}]', [{ source: '/var/cache/subdir' }])).toMatchObject([
    { source: '/var/cache/subdir' },
  ]);
});

test('a rule with a star in the middle', async () => {
  expect(await mountsOf('[{source: "/v*/subdir"}]', [{ source: '/var/cache/subdir' }])).toHaveLength(1);
  expect(await mountsOf('[{source: "/v*/subdir"}]', [{ source: '/var/cache' }])).toBeString();
});

test('a file system that folds case: other letters reach no other rule', async () => {
  const folding = hostOf({ '/Users': '', '/Users/ci': '' }, { foldsCase: true });
  const rules = '[{source: /users/CI, force-readonly: true}, {source: "/Users/*"}]';
  expect(await mountsOf(rules, [{ source: '/USERS/Ci' }], folding)).toMatchObject([
    { source: '/Users/ci', readOnly: true },
  ]);
  expect(await mountsOf(rules, [{ source: '/USERS/CI' }], hostOf({ '/Users': '' }))).toBeString();
});

test('W24: what the wire says about cleaning up is not even passed on', async () => {
  const [mount] = await mountsOf('[{source: /tmp}]', [{ source: '/tmp', cleanup: true }]);
  expect(mount).toEqual({ source: '/tmp', create: false, readOnly: false, target: '', name: '' });
});

test('one missing folder may be made, a missing parent may not', async () => {
  const rules = '[{source: "/tmp/*"}]';
  expect(await mountsOf(rules, [{ source: '/tmp/new' }])).toMatchObject([{ source: '/tmp/new', create: true }]);
  expect(await mountsOf(rules, [{ source: '/tmp/new/deep' }])).toContain('nor does the folder that it would be in');
  expect(await mountsOf(rules, [{ source: '/tmp/new/../../etc' }])).toContain('cannot be followed (ENOENT)');
});

describe('texts that could steer an engine', () => {
  test.each<[Asked, string]>([
    [{ source: '/tmp:/etc' }, 'the source of a volume "/tmp:/etc" holds a colon'],
    [{ source: '/tmp\n' }, 'holds a colon or a control character'],
    [{ source: '/tmp', name: 'a:b' }, 'the name of a volume "a:b" holds a colon'],
    [{ source: '/tmp', name: '../x' }, 'volume name "../x" is a path'],
    [{ source: '/tmp', name: '..' }, 'is a path'],
    [{ source: '/tmp', target: '/a\u0007' }, 'the target of a volume'],
    [{ source: 'tmp' }, 'is no absolute path'],
    [{ source: '' }, 'is no absolute path'],
    [{ source: `/${'a'.repeat(5_000)}` }, 'longer than 4096'],
  ])('%j', async (volume, expected) => {
    expect(await mountsOf('[{source: "*"}]', [volume])).toContain(expected);
  });

  test('a link that leads to such a name', async () => {
    expect(await mountsOf('[{source: "*"}]', [{ source: '/var/cache/colon' }])).toContain('"/var/a:b" holds a colon');
  });

  test('two shares of one name', async () => {
    const volumes = [
      { source: '/tmp', name: 'A' },
      { source: '/etc', name: 'a' },
    ];
    expect(await mountsOf('[{source: "*"}]', volumes)).toBe('invalid isolation: two volumes are called "a"');
  });
});

describe('refusals', () => {
  test('Tart without rules mounts nothing, and says which key to write', async () => {
    const expected =
      'the security settings of this worker forbid the volume /etc: security.allowed-isolations.tart.allowed-volumes allows nothing; to allow it, add "- source: /etc" to security.allowed-isolations.tart.allowed-volumes in the worker\'s configuration';
    expect(await outcome(policyOf(undefined), tart({ volumes: [{ source: '/etc' }] }), host)).toBe(expected);
    expect(await mountsOf('[]', [{ source: '/etc' }])).toBe(expected);
  });

  test('name, source, where it leads, and the rules', async () => {
    const rules = '[{source: /tmp, force-readonly: true}, {source: "/var/cache/*"}]';
    expect(await mountsOf(rules, [{ source: '/var/cache/out', name: 'cache' }])).toBe(
      'the security settings of this worker forbid the volume "cache" (/var/cache/out, which is /etc): security.allowed-isolations.tart.allowed-volumes allows /tmp (read-only), /var/cache/*; to allow it, add "- source: /etc" to security.allowed-isolations.tart.allowed-volumes in the worker\'s configuration',
    );
  });
});

describe('W28: containers', () => {
  const volumes = [{ source: '/tmp/a/b', target: '/in', readOnly: true }];
  test('without rules they mount what the task asks', async () => {
    for (const security of [undefined, '{allowed-isolations: {container: {}}}']) {
      expect(await outcome(policyOf(security), container({ volumes }), host)).toMatchObject({
        kind: 'container',
        mounts: [{ source: '/tmp/a/b', create: true, readOnly: true, target: '/in' }],
      });
    }
  });

  test.each([
    ['[]', '/tmp', undefined],
    ['[{source: /tmp}]', '/etc', undefined],
    ['[{source: /tmp, force-readonly: true}]', '/tmp', true],
    ['[{source: "/tmp/*"}]', '/tmp/subdir', false],
  ])('allowed-volumes: %s, %s', async (rules, source, readOnly) => {
    const policy = policyOf(`{allowed-isolations: {container: {allowed-volumes: ${rules}}}}`);
    const found = await outcome(policy, container({ volumes: [{ source, target: '/in' }] }), host);
    if (readOnly === undefined) expect(found).toContain('security.allowed-isolations.container.allowed-volumes');
    else expect(found).toMatchObject({ mounts: [{ source, readOnly }] });
  });

  test('a target that is not absolute', async () => {
    const found = await outcome(policyOf(undefined), container({ volumes: [{ source: '/tmp', target: 'in' }] }), host);
    expect(found).toContain('volume target "in" is no absolute path');
  });
});
