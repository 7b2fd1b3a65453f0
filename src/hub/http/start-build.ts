import type { parseConfiguration } from '../../cirrus-yml/parse-configuration.ts';
import type { Problem } from '../../cirrus-yml/problem.ts';
import type { BuildView, HubCore } from '../model.ts';
import type { SourceStore } from '../source/source-store.ts';
import { HttpError } from './http-error.ts';
import type { NewBuildRequest } from './request-schemas.ts';

/** A problem with the file it is in. */
export type PlacedProblem = Problem & { readonly file: string };

export type StartOutcome =
  | { readonly kind: 'started'; readonly build: BuildView; readonly warnings: readonly PlacedProblem[] }
  | { readonly kind: 'refused'; readonly problems: readonly PlacedProblem[] };

export interface StartBuildDeps {
  readonly core: HubCore;
  readonly source: SourceStore;
  readonly parse: typeof parseConfiguration;
}

/**
 * Makes a build out of an uploaded tree and a configuration. Variables of the request reach conditions of the
 * configuration, and each task's environment, where they win over what the file says.
 */
export async function startBuild(
  { core, source, parse }: StartBuildDeps,
  request: NewBuildRequest,
  signal: AbortSignal,
): Promise<StartOutcome> {
  const { tree: treeId, branch, message, config, environment } = request;
  if (!(await source.hasTree(treeId))) {
    throw new HttpError(404, `work tree ${treeId} is not here`, 'upload it with PUT /api/v1/trees first');
  }
  const revision = await source.commit(treeId, branch, message, signal);
  const known = { CIRRUS_BRANCH: branch, CIRRUS_CHANGE_IN_REPO: revision, CIRRUS_CHANGE_MESSAGE: message };
  const parsed = parse({ text: config.text, environment: { ...known, ...environment } });
  // A mixed file is no mistake, but a build of it would wait for ever for machines that nobody has.
  const problems = [...parsed.problems, ...parsed.foreign].map((problem) => ({ file: config.path, ...problem }));
  if (problems.some(({ severity }) => severity === 'error')) return { kind: 'refused', problems };
  if (parsed.tasks.length === 0) {
    const message = 'no task is left to run';
    const hint = 'add a task, or check the only_if conditions';
    return {
      kind: 'refused',
      problems: [...problems, { file: config.path, severity: 'error', line: 1, column: 1, message, hint }],
    };
  }
  const tasks = parsed.tasks.map((task) => ({ ...task, environment: { ...task.environment, ...environment } }));
  const build = await core.createBuild({ branch, revision, message, treeId, tasks });
  return { kind: 'started', build, warnings: problems };
}
