import { describe, expect, test } from 'bun:test';
import { type BuildOrigin, repositoryName, WORK_TREE } from '../../../src/hub/variables/origin.ts';
import { buildVariables, taskVariables } from '../../../src/hub/variables/variables.ts';

const build = { id: '12', branch: 'main', revision: 'abc', message: 'a title\n\na body' };
const task = { id: '34', name: 'unit', groupId: 2, siblings: 5 };

/** Every variable that comes from the server, by the specification of the agent, section 5.1. */
const ALWAYS = {
  CI: 'true',
  CONTINUOUS_INTEGRATION: 'true',
  CIRRUS_CI: 'true',
  CIRRUS_ENVIRONMENT: 'pwagent',
  CIRRUS_BUILD_ID: '12',
  CIRRUS_TASK_ID: '34',
  CIRRUS_TASK_NAME: 'unit',
  CI_NODE_INDEX: '2',
  CI_NODE_TOTAL: '5',
  CIRRUS_CHANGE_IN_REPO: 'abc',
  CIRRUS_CHANGE_MESSAGE: 'a title\n\na body',
  CIRRUS_CHANGE_TITLE: 'a title',
  CIRRUS_USER_COLLABORATOR: 'true',
  CIRRUS_USER_PERMISSION: 'write',
};

const REPOSITORY = {
  CIRRUS_REPO_CLONE_URL: 'https://git.example:8443/acme/app.git',
  CIRRUS_REPO_CLONE_HOST: 'git.example:8443',
  CIRRUS_REPO_OWNER: 'acme',
  CIRRUS_REPO_NAME: 'app',
  CIRRUS_REPO_FULL_NAME: 'acme/app',
};

const repository = repositoryName('https://git.example:8443/acme/app.git');
const pullRequest = {
  number: 7,
  title: 'T',
  body: 'B',
  draft: true,
  labels: ['one', 'two words'],
  baseBranch: 'main',
  baseRevision: 'base',
};

const CASES: readonly (readonly [title: string, origin: BuildOrigin, expected: Record<string, string>])[] = [
  [
    'a work tree',
    WORK_TREE,
    {
      CIRRUS_BRANCH: 'main',
      CIRRUS_BUILD_SOURCE: 'submit',
      CIRRUS_REPO_OWNER: 'local',
      CIRRUS_REPO_NAME: 'worktree',
      CIRRUS_REPO_FULL_NAME: 'local/worktree',
    },
  ],
  [
    'a revision of a repository',
    { source: 'repository', repository, defaultBranch: 'trunk', changeTimestampS: 1_767_225_600, trusted: true },
    {
      ...REPOSITORY,
      CIRRUS_BRANCH: 'main',
      CIRRUS_BUILD_SOURCE: 'repository',
      CIRRUS_DEFAULT_BRANCH: 'trunk',
      CIRRUS_CHANGE_TIMESTAMP: '1767225600',
    },
  ],
  [
    'a tag, which has no branch: agents would clone that instead',
    { source: 'push', repository, tag: 'v1.0', trusted: true },
    { ...REPOSITORY, CIRRUS_TAG: 'v1.0', CIRRUS_BUILD_SOURCE: 'push' },
  ],
  [
    'a cron',
    { source: 'cron', repository, cron: 'nightly', trusted: true },
    { ...REPOSITORY, CIRRUS_BRANCH: 'main', CIRRUS_CRON: 'nightly', CIRRUS_BUILD_SOURCE: 'cron' },
  ],
  [
    'a pull request of a stranger',
    { source: 'pull_request', repository, pullRequest, trusted: false },
    {
      ...REPOSITORY,
      CIRRUS_BRANCH: 'main',
      CIRRUS_BUILD_SOURCE: 'pull_request',
      CIRRUS_PR: '7',
      CIRRUS_PR_TITLE: 'T',
      CIRRUS_PR_BODY: 'B',
      CIRRUS_PR_DRAFT: 'true',
      CIRRUS_PR_LABELS: 'one,two words',
      CIRRUS_BASE_BRANCH: 'main',
      CIRRUS_BASE_SHA: 'base',
      CIRRUS_USER_COLLABORATOR: 'false',
      CIRRUS_USER_PERMISSION: 'read',
    },
  ],
];

describe('variables of a task', () => {
  test.each(CASES)('of %s', (_title, origin, expected) => {
    expect(taskVariables(origin, build, task)).toEqual({ ...ALWAYS, ...expected });
  });

  test('those that are not known are not there: an agent takes an empty CIRRUS_PR or CIRRUS_TAG for one', () => {
    const names = Object.keys(taskVariables(WORK_TREE, build, task));
    expect(names.filter((name) => /PR|TAG|CRON|TIMESTAMP|DEFAULT|CLONE/.test(name))).toEqual([]);
  });

  test('conditions see what is known before there are tasks', () => {
    const names = Object.keys(buildVariables(WORK_TREE, build));
    expect(names.filter((name) => /TASK|NODE/.test(name))).toEqual([]);
    expect(names).toContain('CIRRUS_BRANCH');
  });
});

test.each([
  ['https://github.com/acme/app.git', 'github.com', 'acme/app', 'acme', 'app'],
  ['https://gitlab.example/group/sub/app', 'gitlab.example', 'group/sub/app', 'group/sub', 'app'],
  ['file:///srv/git/app.git', '', 'git/app', 'git', 'app'],
])('%s is named', (url, host, fullName, owner, name) => {
  expect(repositoryName(url)).toEqual({ url, host, fullName, owner, name });
});

test.each(['nothing', 'https://github.com', 'https://github.com/'])('%s names no repository', (url) => {
  expect(repositoryName(url)).toBeUndefined();
});
