import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Secret } from '../../lib/secret.ts';
import { tempFolder } from '../../platform/host.ts';
import { readSecretFile } from '../../platform/text-file.ts';
import type { CliContext } from '../context.ts';
import { createHubRequests } from '../hub-cli/hub-request.ts';
import { run as showStatus } from '../status.ts';
import { submitAndFollow } from '../submit/submit-and-follow.ts';
import { painter } from '../submit/text-style.ts';
import { startDemoHub } from './demo-hub.ts';
import { startDemoSupervisor } from './demo-supervisor.ts';
import { type DemoPaths, demoPaths, SAMPLE_PROJECT } from './plan.ts';

export interface DemoOptions {
  /** Absolute path of the work tree; one without `.cirrus.yml` is replaced by a sample. */
  readonly folder: string;
  readonly once: boolean;
}

/** What must be undone, whatever happens; the last thing made is the first to go. */
class CleanUp {
  readonly #steps: (() => Promise<void>)[] = [];

  add(step: () => Promise<void>): void {
    this.#steps.unshift(step);
  }

  async run(): Promise<void> {
    for (const step of this.#steps) await step().catch(() => {}); // one that fails must not keep the others
  }
}

async function workTree(folder: string, paths: DemoPaths): Promise<{ folder: string; sample: boolean }> {
  if (existsSync(join(folder, '.cirrus.yml'))) return { folder, sample: false };
  const sample = join(paths.root, 'sample');
  await mkdir(sample);
  for (const [name, content] of Object.entries(SAMPLE_PROJECT)) await writeFile(join(sample, name), content);
  return { folder: sample, sample: true };
}

function untilStopped(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    signal.addEventListener('abort', () => done(), { once: true });
  });
}

async function play(options: DemoOptions, context: CliContext, cleanUp: CleanUp): Promise<boolean> {
  const { stdout, env, stop } = context;
  const paint = painter(stdout.colour);
  const step = (what: string, detail: string) =>
    stdout.write(`${paint('32', '●')} ${what.padEnd(11)} ${paint('90', detail)}\n`);
  const paths = demoPaths(await mkdtemp(join(tempFolder(), 'pwagent-demo-')));
  cleanUp.add(() => rm(paths.root, { recursive: true, force: true, maxRetries: 5 }));
  await mkdir(paths.temporary, { mode: 0o700 });
  stdout.write(`${paint('1', 'pwagent demo')}: everything lives in ${paths.root} and goes away with Ctrl-C\n`);
  const tree = await workTree(options.folder, paths);
  const hub = await startDemoHub(paths, env, stop);
  cleanUp.add(() => hub.stop(AbortSignal.any([context.hurry])));
  step('hub', `${hub.publicUrl}  (workers: 127.0.0.1:${hub.grpcPort})`);
  const supervisor = await startDemoSupervisor(paths, hub, env);
  cleanUp.add(() => supervisor.stop());
  step(
    'supervisor',
    `pid ${supervisor.pid}, --dry-run: it ends the worker on time, and would then power off the machine`,
  );
  step('work tree', tree.sample ? 'a small sample, since this folder has no .cirrus.yml' : tree.folder);
  const outcome = await Promise.race([
    supervisor.broken,
    submitAndFollow(
      {
        api: createHubRequests(hub.publicUrl, new Secret(readSecretFile(hub.tokens.adminToken, 'admin token'))),
        source: { kind: 'tree', folder: tree.folder, file: '.cirrus.yml' },
        ...{ variables: {}, json: false, follow: true },
      },
      context,
    ),
  ]);
  const passed = outcome.exitCode === 0;
  if (stop.aborted) return passed;
  stdout.write('\n');
  await showStatus(['--socket', paths.socket], context);
  stdout.write(`\nThe page: ${paint('1', outcome.build?.url ?? hub.publicUrl)}\n`);
  if (options.once) return passed;
  stdout.write(`Serving until Ctrl-C. Run another build from a second terminal:\n`);
  stdout.write(`  pwagent submit --hub ${hub.publicUrl} --token-file ${hub.tokens.adminToken}\n`);
  await Promise.race([supervisor.broken, untilStopped(stop)]);
  return true;
}

/** Plays the demo and takes everything away again. Returns whether the build passed (true after serving until Ctrl-C). */
export async function runDemo(options: DemoOptions, context: CliContext): Promise<boolean> {
  const cleanUp = new CleanUp();
  try {
    return await play(options, context, cleanUp);
  } catch (error) {
    if (!context.stop.aborted) throw error;
    return false; // Ctrl-C cuts through whatever was under way
  } finally {
    if (context.stop.aborted) context.stdout.write('\nending worker, supervisor and hub\n');
    await cleanUp.run();
  }
}
