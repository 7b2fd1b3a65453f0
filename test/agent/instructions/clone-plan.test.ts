import { describe, expect, test } from 'bun:test';
import { cloneUrlOf, redactAddress } from '../../../src/agent/instructions/clone-address.ts';
import { planClone } from '../../../src/agent/instructions/clone-plan.ts';
import { gitEnvironment, gitSettings } from '../../../src/agent/instructions/git.ts';
import { judgeFetch, reasonOf, tellsMissing } from '../../../src/agent/instructions/git-verdict.ts';

describe('the address that may be shown', () => {
  test.each<[string, string[], string, string[]]>([
    ['https://host/a/b.git', [], 'https://host/a/b.git', []],
    ['https://user:pass%21word@host/a.git', [], 'https://host/a.git', ['pass%21word', 'pass!word']],
    ['https://long-token@host/a.git', [], 'https://host/a.git', ['long-token']],
    ['http://h:1/git/TOKEN/b.git', ['TOKEN', 'other'], 'http://h:1/git/redacted/b.git', ['TOKEN']],
    ['ssh://git@host/a.git', [], 'ssh://host/a.git', []],
    ['git@host:a/b.git', [], 'git@host:a/b.git', []],
    ['/srv/repo.git', [], '/srv/repo.git', []],
  ])('%s with %j', (real, known, shown, secrets) => {
    const address = redactAddress(real, known);
    expect(address.shown).toBe(shown);
    for (const secret of secrets) expect(address.secrets).toContain(secret);
    const { rewrite, credentials } = address;
    if (credentials !== undefined)
      expect(real).toBe(
        `${shown.replace('//', `//${new URL(real).username}${new URL(real).password && `:${new URL(real).password}`}@`)}`,
      );
    else if (rewrite !== undefined) expect(shown.replace(rewrite.shown, rewrite.real)).toBe(real);
    else expect(shown).toBe(real);
  });

  test.each([
    ['https://user:pass%21word@host/a.git', 'https://host', 'user', 'pass!word'],
    ['http://user:password@host:444/a/b.git', 'http://host:444', 'user', 'password'],
    ['https://only-a-token@host/a.git', 'https://host', 'only-a-token', ''],
  ])('the credentials of %s are for its host alone', (real, origin, username, password) => {
    const { credentials, rewrite } = redactAddress(real, []);
    expect(credentials).toEqual({ origin, username, password });
    expect(rewrite).toBeUndefined();
  });

  test('a secret in the path and credentials before it are rewritten up to the host', () => {
    const { rewrite, shown } = redactAddress('https://user:password@host/TOKEN/a.git', ['TOKEN']);
    expect(shown).toBe('https://host/redacted/a.git');
    expect(rewrite).toEqual({ shown: 'https://host/redacted', real: 'https://user:password@host/TOKEN' });
    expect(redactAddress('ssh://git@host/a.git', []).rewrite).toEqual({
      shown: 'ssh://host/',
      real: 'ssh://git@host/',
    });
  });

  test('a token becomes the address of the hosting service', () => {
    const environment = {
      CIRRUS_REPO_CLONE_TOKEN: 't/o',
      CIRRUS_REPO_CLONE_HOST: 'github.com',
      CIRRUS_REPO_FULL_NAME: 'a/b',
      CIRRUS_REPO_CLONE_URL: 'https://elsewhere/',
    };
    expect(cloneUrlOf(environment)).toBe('https://x-access-token:t%2Fo@github.com/a/b.git');
    expect(cloneUrlOf({ CIRRUS_REPO_CLONE_URL: 'u' })).toBe('u');
    expect(cloneUrlOf({})).toBeUndefined();
    expect(() => cloneUrlOf({ CIRRUS_REPO_CLONE_TOKEN: 't' })).toThrow('without the repository');
  });
});

const BASE = { tags: false, submodules: false, depth: 0, revision: undefined, branch: undefined };

test.each<[Record<string, string>, Record<string, unknown>]>([
  [
    { CIRRUS_BRANCH: 'main', CIRRUS_CHANGE_IN_REPO: 'abc', CIRRUS_CLONE_DEPTH: '5', CIRRUS_CLONE_TAGS: 'true' },
    {
      what: 'branch main',
      remoteRef: 'refs/heads/main',
      localRef: 'refs/remotes/origin/main',
      revision: 'abc',
      branch: 'main',
      depth: 5,
      tags: true,
    },
  ],
  [
    { CIRRUS_BRANCH: 'pull/7', CIRRUS_PR: '7', CIRRUS_CHANGE_IN_REPO: 'abc' },
    { what: 'pull request 7', remoteRef: 'refs/pull/7/head', localRef: 'refs/remotes/origin/pull/7', revision: 'abc' },
  ],
  [
    {
      CIRRUS_PR: '7',
      CIRRUS_CHANGE_IN_REPO: 'abc',
      CIRRUS_RESOLUTION_STRATEGY: 'MERGE_FOR_PRS',
      CIRRUS_CLONE_DEPTH: '1',
    },
    { what: 'pull request 7', remoteRef: 'refs/pull/7/merge', localRef: 'refs/remotes/origin/pull/7', depth: 2 },
  ],
  [
    { CIRRUS_BRANCH: 'main', CIRRUS_CHANGE_IN_REPO: 'abc', CIRRUS_RESOLUTION_STRATEGY: 'MERGE_FOR_PRS' },
    {
      what: 'branch main',
      remoteRef: 'refs/heads/main',
      localRef: 'refs/remotes/origin/main',
      revision: 'abc',
      branch: 'main',
    },
  ],
  [
    { CIRRUS_TAG: 'v1', CIRRUS_CLONE_DEPTH: 'many', CIRRUS_CLONE_SUBMODULES: 'true' },
    { what: 'tag v1', remoteRef: 'refs/tags/v1', localRef: 'refs/tags/v1', tags: true, submodules: true },
  ],
  [
    { CIRRUS_PR: '', CIRRUS_TAG: '', CIRRUS_BRANCH: 'main' }, // set, but empty: there is no pull request and no tag
    { what: 'branch main', remoteRef: 'refs/heads/main', localRef: 'refs/remotes/origin/main', branch: 'main' },
  ],
  [{}, { what: 'the default branch', remoteRef: 'HEAD', localRef: 'refs/remotes/origin/HEAD' }],
])('the plan for %j', (environment, plan) => {
  expect(planClone(environment) as unknown).toEqual({ ...BASE, ...plan });
});

test.each([
  ["fatal: unable to access 'http://h/': Failed to connect to h port 1: Connection refused", 'again'],
  ["fatal: unable to access 'http://h/': The requested URL returned error: 503", 'again'],
  ["fatal: unable to access 'http://h/': The requested URL returned error: 403", 'refused'],
  ['fatal: could not read Username for https://h: terminal prompts disabled', 'refused'],
  ["fatal: repository 'http://h/x/' not found", 'refused'],
  ['fatal: unable to access: server certificate verification failed. CAfile: none', 'refused'],
  ['fatal: unable to access: SSL certificate problem: unable to get local issuer certificate', 'refused'],
  ['fatal: remote error: upload-pack: not our ref 123', 'another way'],
  ["fatal: couldn't find remote ref refs/heads/x", 'another way'],
] as const)('%s → %s', (text, verdict) => {
  expect(judgeFetch(text)).toBe(verdict);
});

test.each([
  ['fatal: remote error: upload-pack: not our ref 123', true],
  ["fatal: couldn't find remote ref refs/heads/x", true],
  ['', true],
  ['fatal: protocol error: bad line length 9', false],
])('%j tells that the revision is missing: %p', (text, expected) => {
  expect(tellsMissing(text)).toBe(expected);
});

test('the reason is the last line that git marks', () => {
  expect(reasonOf('From x\nerror: a\nfatal: b c\n hint\n')).toBe('b c');
  expect(reasonOf('')).toBe('it said nothing');
});

test('git does not see the settings of a hook or a user around it', () => {
  const env = gitEnvironment(
    { GIT_DIR: '/x', GIT_CONFIG_COUNT: '1', GIT_SSL_CAINFO: '/ca', PATH: '/bin' },
    { GIT_AUTHOR_NAME: 'x' },
  );
  expect(env).toMatchObject({
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_SSL_CAINFO: '/ca',
    PATH: '/bin',
  });
  expect(Object.keys(env)).not.toContain('GIT_DIR');
  expect(Object.keys(env)).not.toContain('GIT_CONFIG_COUNT');
});

test('the settings carry the address in quotes', () => {
  const settings = gitSettings({ shown: 's', secrets: [], rewrite: { shown: 'a"b', real: 'c\\d' } });
  expect(settings).toContain('[url "c\\\\d"]\n\tinsteadOf = "a\\"b"\n');
});
