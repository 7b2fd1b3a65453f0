import { BUILD } from '../platform/version.ts';
import type { Deadline } from './deadlines.ts';
import type { Phase, State } from './policy-types.ts';

/** What `pwagent status --json` prints. Times are RFC 3339 UTC. */
export interface StatusReport {
  readonly version: string;
  readonly name: string;
  readonly phase: Phase;
  readonly reason: string;
  readonly armed: boolean;
  readonly launchedAt: string;
  readonly now: string;
  readonly ageSeconds: number;
  readonly deadlines: readonly {
    readonly rule: string;
    readonly dueAt: string;
    readonly inSeconds: number;
    readonly suspended: boolean;
  }[];
  readonly worker: {
    readonly mode: 'builtin' | 'command';
    readonly user: string;
    readonly pid: number | null;
    readonly startedAt: string | null;
    readonly restarts: number;
    readonly intake: 'open' | 'paused';
    readonly running: readonly { readonly id: string; readonly startedAt: string }[];
  };
  readonly ready: { readonly tag: string | null; readonly value: string | null; readonly since: string | null };
  readonly metadata: {
    readonly source: 'none' | 'ec2' | 'auto';
    readonly reachable: boolean | null;
    readonly lastAnswerAt: string | null;
  };
  readonly disk: { readonly path: string; readonly freeBytes: number | null };
  readonly shutdown: {
    readonly attempts: number;
    readonly lastStep: string | null;
    readonly lastError: string | null;
  } | null;
}

/** One line over the control socket; `exitCode` is what `pwagent status` ends with. */
export interface StatusAnswer {
  readonly pid: number;
  readonly exitCode: number;
  readonly status: StatusReport;
}

function isWell({ worker, trouble, lowDisk, metadata }: State): boolean {
  return worker.tag === 'up' && trouble === null && !lowDisk && !metadata.lost;
}

/** 0 serving, 1 on the way down, 2 withdrawn, 3 something is wrong. */
export function statusExitCode(state: State): number {
  switch (state.phase) {
    case 'serving':
      return isWell(state) ? 0 : 3;
    case 'starting':
      return 3;
    case 'withdrawn':
      return 2;
    case 'stopping':
      return state.ladder.fruitless ? 3 : 1;
    case 'draining':
    case 'halted':
      return 1;
  }
}

/** The one sentence that says most about the state. */
export function reasonOf(state: State): string {
  if (state.phase !== 'starting' && state.phase !== 'serving') return state.reason;
  if (state.metadata.lost) return 'metadata-lost';
  if (state.trouble !== null) return state.trouble;
  if (state.unusable !== null) return state.unusable.why;
  return state.lowDisk ? 'free disk space is below disk.min-free' : state.reason;
}

export interface ReportInput {
  readonly name: string;
  readonly mode: StatusReport['worker']['mode'];
  readonly armed: boolean;
  readonly cloud: {
    readonly source: StatusReport['metadata']['source'];
    /** Null where no tag is read. */
    readonly readyTag: string | null;
    readonly lastAnswerWallMs: number | null;
  };
  /** Account of the worker. */
  readonly user: string;
  readonly process: { readonly pid: number; readonly startedWallMs: number } | undefined;
  readonly state: State;
  readonly deadlines: readonly Deadline[];
  readonly ageMs: number;
  readonly wallMs: number;
  readonly disk: StatusReport['disk'];
}

function rfc3339(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

function workerPart({ state, user, process, mode }: ReportInput): StatusReport['worker'] {
  return {
    mode,
    user,
    pid: process?.pid ?? null,
    startedAt: process === undefined ? null : rfc3339(process.startedWallMs),
    restarts: state.restartAgesMs.length,
    intake: state.intake,
    running: state.running,
  };
}

function cloudPart({ state, cloud, ageMs, wallMs }: ReportInput): Pick<StatusReport, 'ready' | 'metadata'> {
  const { ready } = state;
  const since = ready === null ? null : rfc3339(wallMs + ready.sinceAgeMs - ageMs);
  const { lastAnswerWallMs, source } = cloud;
  const asked = lastAnswerWallMs !== null || state.metadata.failures > 0;
  return {
    ready: { tag: cloud.readyTag, value: ready?.value ?? null, since },
    metadata: {
      source,
      reachable: asked ? state.metadata.failures === 0 : null,
      lastAnswerAt: lastAnswerWallMs === null ? null : rfc3339(lastAnswerWallMs),
    },
  };
}

/** The report for people and machines; docs/status.md says what each field means. */
export function buildReport(input: ReportInput): StatusReport {
  const { name, state, deadlines, ageMs, wallMs, disk } = input;
  const { attempts, lastStep, lastError } = state.ladder;
  const ends = lastStep !== null || state.phase === 'stopping' || state.phase === 'halted';
  return {
    version: BUILD.version,
    name,
    phase: state.phase,
    reason: reasonOf(state),
    armed: input.armed,
    launchedAt: rfc3339(wallMs - ageMs),
    now: rfc3339(wallMs),
    ageSeconds: Math.floor(ageMs / 1_000),
    deadlines: deadlines.map(({ rule, dueAgeMs, suspended }) => ({
      rule,
      dueAt: rfc3339(wallMs + dueAgeMs - ageMs),
      inSeconds: Math.round((dueAgeMs - ageMs) / 1_000),
      suspended,
    })),
    worker: workerPart(input),
    ...cloudPart(input),
    disk,
    shutdown: ends ? { attempts, lastStep, lastError } : null,
  };
}
