import type { parseConfiguration } from '../cirrus-yml/parse-configuration.ts';
import type { Problem } from '../cirrus-yml/problem.ts';
import { AppError } from '../lib/errors.ts';
import type { BuildView, HubCore } from './model.ts';
import { CLONE_TOKEN, secretsNamedBy, unmappedProblems } from './secrets/encrypted.ts';
import type { SecretVault } from './secrets/vault.ts';
import type { RemoteRepositories } from './source/remote-repository.ts';
import { repositoryKey } from './source/repository-policy.ts';
import type { SourceStore } from './source/source-store.ts';
import type { WantedRevision } from './source/wanted-revision.ts';
import { type BuildOrigin, repositoryName, WORK_TREE } from './variables/origin.ts';
import { buildVariables } from './variables/variables.ts';

/** A problem with the file it is in. */
export type PlacedProblem = Problem & { readonly file: string };

export type StartOutcome =
  | { readonly kind: 'started'; readonly build: BuildView; readonly warnings: readonly PlacedProblem[] }
  | { readonly kind: 'refused'; readonly problems: readonly PlacedProblem[] };

export interface StartBuildDeps {
  readonly core: HubCore;
  readonly source: SourceStore;
  readonly remotes: RemoteRepositories;
  readonly vault: SecretVault;
  readonly parse: typeof parseConfiguration;
}

/** What both ways of starting a build come to. */
interface Prepared {
  readonly origin: BuildOrigin;
  readonly branch: string;
  readonly revision: string;
  readonly message: string;
  /** Empty for a build whose tasks clone from elsewhere. */
  readonly treeId: string;
  readonly config: { readonly path: string; readonly text: string };
  readonly affectedFiles: readonly string[];
  /** Variables of whoever asked; they win over those of the file. */
  readonly environment: Readonly<Record<string, string>>;
  readonly priority?: number | undefined;
}

/** The names under which secrets of a build are looked up; untrusted builds have none. */
async function mappedNames(vault: SecretVault, names: readonly string[], { origin }: Prepared): Promise<Set<string>> {
  const key = origin.repository === undefined ? '' : repositoryKey(origin.repository.url);
  const mapped = new Set<string>();
  for (const name of names) if ((await vault.find(name, key)) !== undefined) mapped.add(name);
  return mapped;
}

/** One word for a build that does not exist yet: conditions may look at the variable, no task sees this value. */
const UNBORN = '0';

async function start({ core, vault, parse }: StartBuildDeps, prepared: Prepared): Promise<StartOutcome> {
  const { origin, branch, revision, message, treeId, config, affectedFiles, environment, priority } = prepared;
  const refuse = (problems: readonly Problem[]): StartOutcome => ({
    kind: 'refused',
    problems: problems.map((problem) => ({ file: config.path, ...problem })),
  });
  const known = buildVariables(origin, { id: UNBORN, branch, revision, message });
  const parsed = parse({
    text: config.text,
    environment: { ...known, ...environment },
    affectedFiles,
    declaredProperties: true, // triggers, locks and labels of pull requests are the scheduler's business
  });
  const tasks = parsed.tasks.map((task) => ({ ...task, environment: { ...task.environment, ...environment } }));
  const mapped = await mappedNames(vault, secretsNamedBy(tasks), prepared);
  // A mixed file is no mistake, but a build of it would wait for ever for machines that nobody has.
  const told = parsed.problems.filter(({ kind }) => kind !== 'encrypted');
  const problems = [...told, ...parsed.foreign, ...unmappedProblems(tasks, parsed.encrypted, mapped)];
  problems.sort((left, right) => left.line - right.line || left.column - right.column);
  if (problems.some(({ severity }) => severity === 'error')) return refuse(problems);
  if (tasks.length === 0) {
    const hint = 'add a task, or check the only_if conditions';
    return refuse([...problems, { severity: 'error', line: 1, column: 1, message: 'no task is left to run', hint }]);
  }
  // only a push supersedes what was pushed before: a commit that somebody asks for, or a clock, may be older
  const named = origin.repository === undefined ? {} : { repository: repositoryKey(origin.repository.url) };
  const repository = { ...named, supersedes: origin.source === 'push' || origin.source === 'pull_request' };
  const asked = priority === undefined ? {} : { priority };
  const build = await core.createBuild({ branch, revision, message, treeId, tasks, origin, ...repository, ...asked });
  return { kind: 'started', build, warnings: problems.map((problem) => ({ file: config.path, ...problem })) };
}

export interface TreeRequest {
  readonly tree: string;
  readonly branch: string;
  readonly message: string;
  readonly config: { readonly path: string; readonly text: string };
  readonly environment: Readonly<Record<string, string>>;
  readonly priority?: number | undefined;
}

/** Makes a build out of an uploaded tree and a configuration. Throws `AppError` (CONFIG) for a tree that is not here. */
export async function startTreeBuild(
  deps: StartBuildDeps,
  request: TreeRequest,
  signal: AbortSignal,
): Promise<StartOutcome> {
  const { tree: treeId, branch, message } = request;
  const { source } = deps;
  if (!(await source.hasTree(treeId))) {
    const hint = 'upload it with PUT /api/v1/trees first';
    throw new AppError('CONFIG', `work tree ${treeId} is not here`, { hint });
  }
  const revision = await source.commit(treeId, branch, message, signal);
  return start(deps, { ...request, origin: WORK_TREE, revision, treeId, affectedFiles: [] });
}

export interface RepositoryRequest extends WantedRevision {
  readonly environment: Readonly<Record<string, string>>;
  readonly priority?: number | undefined;
  /** Name of the cron that fires. */
  readonly cron?: string | undefined;
}

/** Makes a build of a revision of a repository, whose tasks clone it from there. Throws `AppError`. */
export async function startRepositoryBuild(
  deps: StartBuildDeps,
  request: RepositoryRequest,
  signal: AbortSignal,
): Promise<StartOutcome> {
  const { environment, cron } = request;
  const token = environment[CLONE_TOKEN] ?? (await deps.vault.find(CLONE_TOKEN, repositoryKey(request.url)));
  const { url, revision, branch, tag, defaultBranch, message, timestampS, config, affectedFiles } =
    await deps.remotes.fetch(request, token, signal);
  const origin: BuildOrigin = {
    source: cron === undefined ? 'repository' : 'cron',
    repository: repositoryName(url),
    changeTimestampS: timestampS,
    trusted: true,
    ...{ tag, defaultBranch, cron },
  };
  const { priority } = request;
  return start(deps, { origin, branch, revision, message, treeId: '', config, affectedFiles, environment, priority });
}
