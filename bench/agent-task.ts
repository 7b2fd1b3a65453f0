import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { AppError } from '../src/lib/errors.ts';
import { type Exit, spawn } from '../src/platform/processes.ts';
import { CirrusCIService, CommandSchema, type LogEntry, Status } from '../src/rpc/gen/cirrus_ci_service_pb.ts';
import { startRpcServer, unaryHandler, uploadHandler } from '../src/rpc/server.ts';
import { benchEnvironment, executable } from './executable.ts';
import { type Outcome, rowOf } from './report.ts';

interface TaskRun {
  readonly exit: Exit;
  /** Bytes of log that came in, live and as a copy. */
  readonly logBytes: number;
  readonly scriptMs: number;
  /** From the start of the process to its end, and from the commands to the final report. */
  readonly totalMs: number;
  readonly taskMs: number;
  readonly peakMiB: number;
}

interface Task {
  readonly script: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Whether the server confirms live logs, as ours does; else it gets a copy of each. */
  readonly resumable: boolean;
}

async function countBytes(messages: AsyncIterable<LogEntry>): Promise<number> {
  let bytes = 0;
  for await (const { value } of messages) if (value.case === 'chunk') bytes += value.value.data.length;
  return bytes;
}

/** Peak of the resident memory so far; 0 where the system does not tell. */
function peakOf(pid: number): number {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return 0;
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(file, 'utf8'))?.[1] ?? 0) / 1024;
}

/** Runs one task with the compiled agent against a server in this process that only counts. */
async function runTask(folder: string, { script, environment = {}, resumable }: Task): Promise<TaskRun> {
  const { method } = CirrusCIService;
  const command = create(CommandSchema, {
    name: 'main',
    instruction: { case: 'scriptInstruction', value: { scripts: [script] } },
  });
  const seen = { bytes: 0, scriptMs: 0, commandsAtMs: 0, finishedAtMs: 0 };
  const take = async (messages: AsyncIterable<LogEntry>) => {
    const bytes = await countBytes(messages);
    seen.bytes += bytes;
    return { bytesLogged: BigInt(bytes) };
  };
  const handlers = [
    unaryHandler(method.initialCommands, async () => {
      seen.commandsAtMs = performance.now();
      const base = { serverToken: 's', timeoutInSeconds: 600n, commands: [command], environment: { ...environment } };
      return { ...base, resumableLogs: resumable };
    }),
    unaryHandler(method.reportCommandUpdates, async () => ({})),
    unaryHandler(method.heartbeat, async () => ({})),
    unaryHandler(method.reportAgentLogs, async () => ({})),
    unaryHandler(method.reportAgentFinished, async ({ commandResults }) => {
      seen.finishedAtMs = performance.now();
      const last = commandResults.find(({ status }) => status === Status.COMPLETED);
      seen.scriptMs = Number(last?.durationInNanos ?? 0n) / 1e6;
      return {};
    }),
    uploadHandler(method.streamLogs, take),
    uploadHandler(method.saveLogs, take),
  ];
  const onBug = (_method: string, error: unknown) => {
    throw error;
  };
  const server = await startRpcServer({ listen: '127.0.0.1:0', handlers, onBug });
  const flags = ['-api-endpoint', `http://127.0.0.1:${server.port}`, '-pre-created-working-dir', join(folder, 'work')];
  const argv = [executable(), 'agent', ...flags, '-task-id', '1', '-server-token', 's', '-client-token', 'c'];
  const startMs = performance.now();
  const child = await spawn({ argv, env: benchEnvironment(folder) });
  let peakMiB = 0;
  const watch = setInterval(() => {
    peakMiB = Math.max(peakMiB, peakOf(child.pid));
  }, 20);
  const exit = await child.exited;
  const totalMs = performance.now() - startMs;
  clearInterval(watch);
  await server.stop(AbortSignal.abort());
  if (exit.code !== 0 || seen.scriptMs === 0) throw new AppError('JOB_FAILED', 'the task did not complete');
  const taskMs = seen.finishedAtMs - seen.commandsAtMs;
  return { exit, logBytes: seen.bytes, scriptMs: seen.scriptMs, totalMs, taskMs, peakMiB };
}

const MEBIBYTES = 512;
const LOG_ROUNDS = 5;
const printing = (mebibytes: number) =>
  `line="this is a line of a log as compilers print it, with a path src/a/b/c.ts:12:3"; ( yes "$line" || true ) | head -c ${mebibytes}M`;
const SECRETS = { DEPLOY_TOKEN: 'a-token-that-never-occurs', DB_PASSWORD: 'a password that does not either' };

function megabytesPerSecond({ taskMs }: TaskRun): number {
  return (MEBIBYTES * 1.048576 * 1_000) / taskMs;
}

async function rounds(count: number, signal: AbortSignal, run: () => Promise<TaskRun>): Promise<TaskRun[]> {
  const runs: TaskRun[] = [];
  for (let round = 0; round < count; round += 1) {
    signal.throwIfAborted();
    runs.push(await run());
  }
  return runs;
}

/** Peak of an agent's resident memory in MiB while a script prints so many of them; all of them must come in. */
export async function peakOfLog(folder: string, mebibytes: number): Promise<number> {
  const { peakMiB, logBytes } = await runTask(folder, { script: printing(mebibytes), resumable: true });
  if (logBytes < mebibytes * 2 ** 20) throw new AppError('JOB_FAILED', `only ${logBytes} bytes of log came in`);
  return peakMiB;
}

export async function agentLog(folder: string, signal: AbortSignal): Promise<Outcome> {
  const script = printing(MEBIBYTES);
  const plain = await rounds(LOG_ROUNDS, signal, () => runTask(folder, { script, resumable: true }));
  const masked = await rounds(LOG_ROUNDS, signal, () =>
    runTask(folder, { script, resumable: true, environment: SECRETS }),
  );
  const stamped = await rounds(LOG_ROUNDS, signal, () =>
    runTask(folder, { script, resumable: true, environment: { ...SECRETS, CIRRUS_LOG_TIMESTAMP: 'true' } }),
  );
  const copied = await rounds(LOG_ROUNDS, signal, () =>
    runTask(folder, { script, resumable: false, environment: SECRETS }),
  );
  const quiet = await rounds(LOG_ROUNDS, signal, () => runTask(folder, { script: 'sleep 1', resumable: true }));
  const large = await rounds(1, signal, () =>
    runTask(folder, { script: printing(1_024), resumable: true, environment: SECRETS }),
  );
  const speed = (what: string, runs: readonly TaskRun[]) =>
    rowOf(what, 'MB/s', runs.map(megabytesPerSecond), { atLeast: 100 });
  return {
    name: 'agent-log',
    title: 'Log of a task',
    method: `a script that prints ${MEBIBYTES} MiB of lines of 81 bytes, ${LOG_ROUNDS} times each; from the commands to the final report, so that every byte is on its server, which counts and throws away. Two secrets to hide, in all their encodings, unless a row says otherwise.`,
    bounds:
      'the pipe of the script, the copy on disk and the wire, about a third each; hiding secrets jumps over most bytes.',
    rows: [
      speed('without secrets', plain),
      speed('with two secrets', masked),
      speed('with two secrets and the time in front of each line', stamped),
      speed('with two secrets, to a server that wants a copy at the end', copied),
      rowOf(
        'peak memory of the agent, a script that prints nothing',
        'MiB',
        quiet.map(({ peakMiB }) => peakMiB),
      ),
      rowOf(
        `peak memory of the agent, ${MEBIBYTES} MiB of log`,
        'MiB',
        masked.map(({ peakMiB }) => peakMiB),
      ),
      rowOf(
        'peak memory of the agent, 1 GiB of log',
        'MiB',
        large.map(({ peakMiB }) => peakMiB),
      ),
    ],
  };
}

const TASKS = 50;

export async function emptyTask(folder: string, signal: AbortSignal): Promise<Outcome> {
  const bare: number[] = [];
  const runs: TaskRun[] = [];
  mkdirSync(join(folder, 'work'), { recursive: true });
  const file = join(folder, 'script.sh');
  writeFileSync(file, 'set -e\nset -o pipefail\nset -o verbose\ntrue\n');
  for (let round = 0; round < TASKS; round += 1) {
    signal.throwIfAborted();
    const startMs = performance.now();
    await (await spawn({ argv: ['/bin/bash', file], env: benchEnvironment(folder) })).exited;
    bare.push(performance.now() - startMs);
    runs.push(await runTask(folder, { script: 'true', resumable: true }));
  }
  const over = (figure: (run: TaskRun) => number) => runs.map((run, at) => figure(run) - (bare[at] ?? 0));
  return {
    name: 'empty-task',
    title: 'A task that does nothing',
    method: `a task with one script of one line, \`true\`, ${TASKS} times, against a server in the process of the benchmark; the same script by itself right before each.`,
    bounds:
      'the first part is the start of the executable with the libraries of gRPC and its messages, about 40 ms; the rest are four calls, the shell, and a look at what still runs.',
    rows: [
      rowOf('the bare script', 'ms', bare),
      rowOf(
        'over the bare script: commands there → final report taken',
        'ms',
        over(({ taskMs }) => taskMs),
        { goal: 60 },
      ),
      rowOf(
        'over the bare script: start of the agent → its end',
        'ms',
        over(({ totalMs }) => totalMs),
        { goal: 60 },
      ),
      rowOf(
        'the step as it is reported',
        'ms',
        runs.map(({ scriptMs }) => scriptMs),
      ),
    ],
  };
}
