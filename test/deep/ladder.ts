import { join } from 'node:path';
import { systemClock } from '../../src/platform/clock.ts';
import { findProcess } from '../../src/platform/process-table.ts';
import { currentUser } from '../../src/platform/users.ts';
import { askSupervisor } from '../../src/supervisor/status-client.ts';
import type { StatusReport } from '../../src/supervisor/status-report.ts';
import { Cluster, killGroup, type Started } from '../e2e/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const STEP_TIMEOUT_MS = 1_000;
const NEVER = new AbortController().signal;

/** Beyond what a rung and the pause after it may take: starts of processes on a machine under load. */
const SLACK_MS = 4_000;

/** What fails at once is tried again after 1, 2, 4, … s: these come first, so that the pauses stay short. */
const QUICK = ['fails', 'is killed'] as const;
const SLOW = ['hangs', 'has no effect', 'hangs with children'] as const;
type Way = (typeof QUICK)[number] | (typeof SLOW)[number];

function wayOf(round: number): Way {
  const way = round < 3 ? QUICK[round % QUICK.length] : SLOW[round % SLOW.length];
  return way ?? 'hangs';
}

/** The commands of each way; `$F` notes processes that must not outlive their round. */
const SCRIPTS: Readonly<Record<Way, string>> = {
  fails: 'exit 7',
  'is killed': 'kill -9 $$',
  hangs: 'echo $$ >> "$F"; trap "" TERM INT HUP; while :; do sleep 1; done',
  'has no effect': 'exit 0',
  'hangs with children':
    'echo $$ >> "$F"; trap "" TERM; (trap "" TERM; exec sleep 600) & echo $! >> "$F"; (exec sleep 601) & echo $! >> "$F"; wait; sleep 602',
};

export interface LadderTally {
  rounds: number;
  readonly ways: Partial<Record<Way, number>>;
  /** Longest time from the start of one command to that of the next. */
  longestGapMs: number;
  /** Processes of commands that hung, all of them ended. */
  hung: number;
  /** How often status was asked while the ladder was climbed, and its slowest answer. */
  asked: number;
  slowestAnswerMs: number;
}

function writeConfiguration(cluster: Cluster): string {
  const { root } = cluster;
  const ways = Array.from({ length: 100 }, (_, round) => `${round}) ${SCRIPTS[wayOf(round)]} ;;`).join('\n');
  const script = `#!/bin/sh
F=${root}/hung
N=$(wc -l < ${root}/runs)
echo "$(date +%s%N) $$" >> ${root}/runs
case $N in
${ways}
esac
`;
  const command = cluster.file('end.sh', script, 0o755);
  cluster.file('runs', '');
  cluster.file('worker.yml', 'name: w1\nrpc: {endpoint: "http://127.0.0.1:1"}\n');
  cluster.file('token', 'none\n', 0o600);
  return cluster.file(
    'pwagent.yml',
    `name: box
metadata: {source: none}
lifetime: {max: 1s, idle-check: 1h, jitter: 0}
worker:
  user: ${currentUser().name}
  config: ${root}/worker.yml
  token-file: ${root}/token
  grace: 500ms
  directory: ${root}
  path: "${process.env.PATH}"
shutdown:
  command: ["${command}"]
  step-timeout: ${STEP_TIMEOUT_MS}ms
  before: [["/bin/sh", "-c", "echo $$ >> ${root}/hung; exec sleep 603"], ["/bin/false"]]
  before-timeout: 500ms
disk: {min-free: 0}
state-dir: ${join(root, 'state')}
control: {socket: ${join(root, 's.sock')}}
`,
  );
}

function runsOf(cluster: Cluster): number[] {
  const lines = cluster.read('runs').split('\n');
  return lines.filter((line) => line.includes(' ')).map((line) => Number(line.split(' ')[0]) / 1e6);
}

async function statusOf(cluster: Cluster, tally: LadderTally): Promise<StatusReport> {
  const startMs = performance.now();
  const asked = await askSupervisor(join(cluster.root, 's.sock'), systemClock, NEVER);
  if (asked.tag !== 'answer') throw new Error(`status is ${asked.tag} while the ladder is climbed`);
  tally.asked += 1;
  tally.slowestAnswerMs = Math.max(tally.slowestAnswerMs, performance.now() - startMs);
  return asked.answer.status;
}

/** The pause after a round, by the promise: what a command takes, then 1 s, or 2^round s after a quick failure. */
function boundMs(round: number): number {
  const pauseMs = round < 3 ? 1_000 * 2 ** round : 1_000;
  return STEP_TIMEOUT_MS + 500 + pauseMs + SLACK_MS;
}

async function follow(cluster: Cluster, supervisor: Started, rounds: number, tally: LadderTally): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    const within = round === 0 ? 20_000 : boundMs(round - 1);
    const goesOn = () => {
      if (supervisor.child.exitCode !== null) throw new Error(`the supervisor left: ${supervisor.stderr()}`);
      return runsOf(cluster).length > round;
    };
    await waitFor(`command ${round + 1} runs`, goesOn, within);
    const { phase, shutdown } = await statusOf(cluster, tally);
    if (!['stopping', 'halted'].includes(phase)) throw new Error(`phase ${phase} while the ladder is climbed`);
    const attempts = shutdown?.attempts ?? 0;
    if (attempts < round + 1) throw new Error(`status tells ${attempts} attempts after ${round + 1}`);
    tally.rounds += 1;
    tally.ways[wayOf(round)] = (tally.ways[wayOf(round)] ?? 0) + 1;
  }
  const starts = runsOf(cluster);
  const gaps = starts.slice(1).map((startMs, index) => startMs - (starts[index] ?? startMs));
  tally.longestGapMs = Math.max(0, ...gaps);
}

function hungOf(cluster: Cluster): number[] {
  return cluster.read('hung').split('\n').filter(Boolean).map(Number);
}

/** Of the commands and hooks that hung, none may outlive its time but the last, whose time runs yet. */
async function noneLeft(cluster: Cluster, tally: LadderTally): Promise<void> {
  const hung = hungOf(cluster);
  await waitFor('hanging commands are ended', () => hung.every((pid) => findProcess(pid) === undefined), 20_000);
  tally.hung = hung.length;
}

/**
 * The compiled supervisor at the end of its life with hooks and a shutdown command that fail, hang, fork and do nothing,
 * for `rounds` rounds. Throws when it gives up, comes late, stops answering, or leaves a hanging command alive.
 */
export async function climbInVain(rounds: number): Promise<LadderTally> {
  const cluster = new Cluster();
  const tally: LadderTally = { rounds: 0, ways: {}, longestGapMs: 0, hung: 0, asked: 0, slowestAnswerMs: 0 };
  let started: Started | undefined;
  try {
    const supervisor = cluster.start(['run', '--config', writeConfiguration(cluster)]);
    started = supervisor;
    await follow(cluster, supervisor, rounds, tally);
    await noneLeft(cluster, tally);
    return tally;
  } finally {
    if (started !== undefined) killGroup(started.pid);
    endHung(hungOf(cluster)); // before the wait for the supervisor's output: they hold it open
    await cluster.close();
  }
}

/** After a failure: processes that the commands of this very run noted. */
function endHung(noted: readonly number[]): void {
  for (const pid of noted) {
    if (/sleep 60[0-3]|end\.sh/.test(findProcess(pid)?.command ?? '')) process.kill(pid, 'SIGKILL');
  }
}

export function tellLadder({ rounds, ways, longestGapMs, hung, asked, slowestAnswerMs }: LadderTally): string {
  const counts = Object.entries(ways).map(([way, count]) => `${count} × ${way}`);
  return `ladder: ${rounds} rounds (${counts.join(', ')}), at most ${Math.round(longestGapMs)} ms from one to the next; ${hung} hanging processes ended; ${asked} times asked for its status, slowest answer ${Math.round(slowestAnswerMs)} ms`;
}
