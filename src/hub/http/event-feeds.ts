import { formatStreamEvent } from '../../lib/event-stream.ts';
import type { Clock } from '../../platform/clock.ts';
import type { BuildView, HubCore, LogChunk, StatusName } from '../model.ts';
import { createWake } from './wake.ts';

/** Quiet streams say something this often, so that proxies keep them and readers notice a dead hub. */
export const HEARTBEAT_MS = 15_000;
/** The overview is for eyes: more often than this would only burn processor time. */
const OVERVIEW_PAUSE_MS = 250;
const OVERVIEW_BUILDS = 50;
const HEARTBEAT = ': still here\n\n';

const FINISHED: readonly StatusName[] = ['COMPLETED', 'FAILED', 'ABORTED', 'SKIPPED'];

/** Whether a build, task or instruction with this status will not change any more. */
export function isFinished(status: StatusName): boolean {
  return FINISHED.includes(status);
}

export interface FeedDeps {
  readonly core: HubCore;
  readonly clock: Clock;
  /** A build as it is told to clients. */
  readonly present: (build: BuildView) => BuildView & { readonly url: string };
}

function logEvent(chunk: LogChunk): string {
  const { seq, taskId, instruction, offset, replaces } = chunk;
  const data = Buffer.from(chunk.data).toString('base64');
  const body = JSON.stringify({ seq, taskId, instruction, offset, replaces, data });
  return formatStreamEvent('log', body, String(seq));
}

/**
 * The events of one build, as text of an event stream: `build` at first and after each change, `log` for each chunk
 * above `afterSeq`, and `end` once it is finished and its logs are out. Logs that were stored before a change of the
 * build come before it. Asks for more only when it is pulled, so a slow reader costs nothing.
 */
export async function* buildFeed(
  { core, clock, present }: FeedDeps,
  first: BuildView,
  afterSeq: number,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const wake = createWake(clock);
  core.watch(first.id, wake.ring, signal);
  let seq = afterSeq;
  let sent = JSON.stringify(present(first));
  yield formatStreamEvent('build', sent);
  for (;;) {
    const build = (await core.getBuild(first.id)) ?? first;
    for (
      let chunks = await core.readLogs(first.id, seq);
      chunks.length > 0;
      chunks = await core.readLogs(first.id, seq)
    ) {
      for (const chunk of chunks) {
        seq = chunk.seq;
        yield logEvent(chunk);
      }
    }
    const now = JSON.stringify(present(build));
    if (now !== sent) yield formatStreamEvent('build', now);
    sent = now;
    if (isFinished(build.status)) break;
    while ((await wake.next(HEARTBEAT_MS, signal)) === 'quiet') yield HEARTBEAT;
  }
  yield formatStreamEvent('end', '{}');
}

/** The newest builds and all workers: the event `overview`, at first, after changes, and with each heartbeat. */
export async function* overviewFeed({ core, clock, present }: FeedDeps, signal: AbortSignal): AsyncGenerator<string> {
  const wake = createWake(clock);
  core.watch(undefined, wake.ring, signal);
  for (;;) {
    const ask = { limit: OVERVIEW_BUILDS, after: undefined };
    const [builds, workers] = await Promise.all([core.listBuilds(ask), core.listWorkers()]);
    yield formatStreamEvent('overview', JSON.stringify({ builds: builds.items.map(present), workers }));
    await clock.sleep(OVERVIEW_PAUSE_MS, signal);
    await wake.next(HEARTBEAT_MS, signal); // workers come and go without a change of any build
  }
}
