import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { formatProblem } from '../../cirrus-yml/format-problem.ts';
import type { PublishedBuild } from '../../hub/http/wire.ts';
import { AppError, EXIT, type ExitCode } from '../../lib/errors.ts';
import { type Clock, systemClock } from '../../platform/clock.ts';
import { errnoOf } from '../../platform/files.ts';
import { type Random, systemRandom } from '../../platform/random.ts';
import type { CliContext, Output } from '../context.ts';
import { followBuild } from './follow-build.ts';
import { createHubClient, type HubClient, type HubProblem } from './hub-client.ts';
import { describeTree, listFiles } from './list-files.ts';
import { packTree } from './pack-tree.ts';
import { NOTHING_TOLD, renderEvent } from './render-events.ts';
import { progressText, renderResult, resultJson } from './render-result.ts';
import { createScreen } from './screen.ts';
import type { SubmitOptions } from './submit-options.ts';
import { painter } from './text-style.ts';

export interface SubmitDeps {
  readonly clock: Clock;
  readonly random: Random;
}

export interface SubmitOutcome {
  /** As it was last seen; undefined when the configuration was refused. */
  readonly build: PublishedBuild | undefined;
  /** 0 passed (or started, when not followed), 1 not passed or not waited for, 78 configuration refused. */
  readonly exitCode: ExitCode;
}

type TreeSource = SubmitOptions['source'] & { readonly kind: 'tree' };

const SYSTEM: SubmitDeps = { clock: systemClock, random: systemRandom };

async function readConfiguration({ folder, file }: TreeSource): Promise<string> {
  try {
    return await readFile(resolve(folder, file), 'utf8');
  } catch (error) {
    const reason = errnoOf(error) === 'ENOENT' ? 'there is no such file' : `this cannot be read (${errnoOf(error)})`;
    const hint = 'name the configuration with -f, relative to the work tree';
    throw new AppError('CONFIG', reason, { place: { file: resolve(folder, file) }, hint, cause: error });
  }
}

function tellProblems(problems: readonly HubProblem[], text: string, out: Output): void {
  for (const problem of problems) out.write(formatProblem(problem, { file: problem.file, text, colour: out.colour }));
}

/** Sends the work tree. Returns what to order, and the configuration for showing its mistakes. */
async function prepareTree(source: TreeSource, client: HubClient, { stderr, env, stop }: CliContext) {
  const { folder, file } = source;
  const text = await readConfiguration(source);
  await client.check(stop);
  const [paths, { branch, message }] = await Promise.all([
    listFiles(folder, env, stop),
    describeTree(folder, env, stop),
  ]);
  const warn = (what: string) => stderr.write(`pwagent: ${painter(stderr.colour)('33', 'warning:')} ${what}\n`);
  const tree = await client.upload(packTree(folder, paths, warn), stop);
  return { order: { tree, branch, message, config: { path: file, text } }, text };
}

function prepareRepository({ url, rev, branch, file }: SubmitOptions['source'] & { readonly kind: 'repository' }) {
  const config = file === undefined ? {} : { config: { path: file } };
  return { order: { repository: { url, rev }, branch, ...config }, text: '' };
}

async function start(
  { source, variables, priority }: SubmitOptions,
  client: HubClient,
  context: CliContext,
): Promise<PublishedBuild | undefined> {
  const { stderr, stop, hurry } = context;
  const { order, text } =
    source.kind === 'tree' ? await prepareTree(source, client, context) : prepareRepository(source);
  stop.throwIfAborted();
  const outcome = await client.order({ ...order, environment: variables, priority }, hurry); // once asked for, a build starts: better to learn which one
  tellProblems(outcome.kind === 'started' ? outcome.warnings : outcome.problems, text, stderr);
  return outcome.kind === 'started' ? outcome.build : undefined;
}

/** Shows the build until it is finished. Returns how it was last seen and whether that is the end. */
async function watch(
  first: PublishedBuild,
  client: HubClient,
  { clock, random }: SubmitDeps,
  { json }: SubmitOptions,
  { stdout, stop }: CliContext,
): Promise<{ readonly build: PublishedBuild; readonly complete: boolean }> {
  let build = first;
  let state = NOTHING_TOLD;
  const status = () => progressText(build, clock.wallMs(), stdout.columns);
  const silent: Output = { ...stdout, isTty: false, write: () => {} };
  const screen = createScreen(json ? silent : stdout, clock, status);
  try {
    for await (const event of followBuild({ client, clock, random }, first.id, stop)) {
      if (event.kind === 'build') build = event.build;
      const rendered = renderEvent(state, event, stdout.colour);
      state = rendered.state;
      screen.print(rendered.lines);
    }
    return { build, complete: true };
  } catch (error) {
    if (!stop.aborted) throw error;
    return { build, complete: false };
  } finally {
    screen.close();
  }
}

async function follow(
  started: PublishedBuild,
  client: HubClient,
  deps: SubmitDeps,
  options: SubmitOptions,
  context: CliContext,
): Promise<SubmitOutcome> {
  const { stdout, stderr } = context;
  const { build, complete } = await watch(started, client, deps, options, context);
  if (options.json) stdout.write(`${JSON.stringify(resultJson(build))}\n`);
  if (!complete) {
    stderr.write(`pwagent: no longer following; build ${build.id} goes on, look at ${build.url}\n`);
    return { build, exitCode: EXIT.jobFailed };
  }
  if (!options.json) stdout.write(`${renderResult(build, stdout.colour).join('\n')}\n`);
  return { build, exitCode: build.status === 'COMPLETED' ? EXIT.ok : EXIT.jobFailed };
}

/**
 * Sends a work tree to a hub, starts a build of it, and shows it to the end. Ends early when `context.stop` aborts;
 * the build then goes on. Throws `AppError`: UNAVAILABLE, NO_PERMISSION, CONFIG.
 */
export async function submitAndFollow(
  options: SubmitOptions,
  context: CliContext,
  deps: SubmitDeps = SYSTEM,
): Promise<SubmitOutcome> {
  const client = createHubClient(options.api);
  const { stdout, stderr, stop } = context;
  let build: PublishedBuild | undefined;
  try {
    build = await start(options, client, context);
  } catch (error) {
    if (!stop.aborted) throw error;
    stderr.write('pwagent: stopped before the build was started\n');
    return { build: undefined, exitCode: EXIT.jobFailed };
  }
  if (build === undefined) return { build, exitCode: EXIT.configuration };
  if (!options.json) stdout.write(`${painter(stdout.colour)('1', `build ${build.id}`)}  ${build.url}\n`);
  if (options.follow) return follow(build, client, deps, options, context);
  if (options.json) stdout.write(`${JSON.stringify(resultJson(build))}\n`);
  return { build, exitCode: EXIT.ok };
}
