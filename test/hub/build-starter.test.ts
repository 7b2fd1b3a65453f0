import { expect, test } from 'bun:test';
import { parseConfiguration } from '../../src/cirrus-yml/parse-configuration.ts';
import { type StartBuildDeps, startRepositoryBuild } from '../../src/hub/build-starter.ts';
import type { RemoteRepositories } from '../../src/hub/source/remote-repository.ts';
import type { WantedRevision } from '../../src/hub/source/wanted-revision.ts';
import { MemoryHub } from '../support/memory-hub.ts';
import { MemoryVault } from '../support/memory-stores.ts';

const never = new AbortController().signal;
const url = 'https://git.example/acme/app.git';
const CONFIGURATION = [
  'persistent_worker: {}',
  'deploy_task:',
  '  only_if: $CIRRUS_CRON == "nightly" || $CIRRUS_BRANCH == "main"',
  '  trigger_type: manual',
  '  env: {KEY: "ENCRYPTED[k]"}',
  '  d_script: make deploy',
  'docs_task:',
  "  only_if: changesInclude('docs/**')",
  '  d_script: make docs',
].join('\n');

function world(changed: readonly string[] = ['src/a.c']) {
  const core = new MemoryHub();
  const vault = new MemoryVault();
  const asked: (WantedRevision & { readonly token: string | undefined })[] = [];
  const remotes: RemoteRepositories = {
    async fetch(wanted, token) {
      asked.push({ ...wanted, token });
      const config = { path: '.cirrus.yml', text: CONFIGURATION };
      const about = { tag: undefined, defaultBranch: 'main', message: 'm', timestampS: 7, config };
      return { url, revision: 'abc', branch: 'main', ...about, affectedFiles: changed };
    },
  };
  const source = {} as StartBuildDeps['source']; // a repository needs no stored tree
  return { core, vault, asked, deps: { core, vault, remotes, source, parse: parseConfiguration } };
}

test('a revision becomes a build that clones from the repository; properties of the scheduler reach it', async () => {
  const { core, vault, asked, deps } = world();
  await vault.map('ENCRYPTED[k]', 'git.example/acme/app', 'plain-of-k');
  await vault.map('CIRRUS_REPO_CLONE_TOKEN', 'git.example/acme/app', 'plain-tok');
  const outcome = await startRepositoryBuild(deps, { url, rev: 'abc', environment: {}, priority: 5 }, never);
  expect(outcome.kind).toBe('started');
  expect(asked).toMatchObject([{ url, rev: 'abc', token: 'plain-tok' }]);
  const [build] = core.created;
  expect(build).toMatchObject({
    ...{ branch: 'main', revision: 'abc', message: 'm', treeId: '', priority: 5 },
    ...{ repository: 'git.example/acme/app', supersedes: false },
    origin: { source: 'repository', defaultBranch: 'main', changeTimestampS: 7, trusted: true },
  });
  expect(build?.tasks.map(({ name, metadata }) => [name, metadata?.properties.trigger_type])).toEqual([
    ['deploy', 'manual'],
  ]);
  expect(JSON.stringify(build, (_key, value) => (typeof value === 'bigint' ? Number(value) : value))).not.toMatch(
    /plain-/,
  );
});

test('what the commit changed decides changesInclude; the cron is in the conditions', async () => {
  const { core, vault, deps } = world(['docs/x/y.md']);
  await vault.map('ENCRYPTED[k]', null, 'value');
  await startRepositoryBuild(deps, { url, branch: 'main', cron: 'nightly', environment: {} }, never);
  expect(core.created[0]?.tasks.map(({ name }) => name)).toEqual(['deploy', 'docs']);
  expect(core.created[0]?.origin).toMatchObject({ source: 'cron', cron: 'nightly' });
});

test('a secret of another repository is none of this one: the place is told, and nothing was started', async () => {
  const { core, vault, deps } = world();
  await vault.map('ENCRYPTED[k]', 'git.example/acme/other', 'value');
  const outcome = await startRepositoryBuild(deps, { url, environment: {} }, never);
  expect(outcome).toMatchObject({
    kind: 'refused',
    problems: [{ file: '.cirrus.yml', line: 5, column: 14, severity: 'error' }],
  });
  expect(core.created).toEqual([]);
});

test('a token of the caller wins over the mapped one', async () => {
  const { vault, asked, deps } = world();
  await vault.map('ENCRYPTED[k]', null, 'value');
  const environment = { CIRRUS_REPO_CLONE_TOKEN: 'mine' };
  await startRepositoryBuild(deps, { url, environment }, never);
  expect(asked[0]?.token).toBe('mine');
});
