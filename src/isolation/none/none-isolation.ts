import { lchown } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { describeError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import type { ControlChannel } from '../../platform/control-channel.ts';
import type { Child, Exit } from '../../platform/processes.ts';
import type { AgentOutcome, AgentTask, Instance } from '../instance.ts';
import { type AgentCommand, type AgentProcess, startAgent } from './agent-process.ts';
import { killMarked, TASK_MARK } from './leftovers.ts';
import type { SpareAgent } from './spare-agent.ts';
import type { WorkingFolder, WorkingFolders } from './working-folder.ts';

export interface NoneOptions extends AgentCommand {
  readonly folders: WorkingFolders;
  /** Agents that are started ahead of their tasks. */
  readonly spare?: SpareAgent | undefined;
  /** Time between asking a cancelled agent to end and killing it, in milliseconds. */
  readonly cancelGraceMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Time between the agent's last word and its exit, after which it is killed. */
const EXIT_AFTER_DONE_MS = 10_000;

/** Time that the agent's last word has to arrive after its exit: whoever else holds its channel must not hold the worker. */
const WORD_AFTER_EXIT_MS = 2_000;

function describeExit({ code, signal }: Exit): string {
  const memory = signal === 'SIGKILL' ? ', as the system does when memory runs out' : '';
  return signal === null ? `exit code ${code}` : `signal ${signal}${memory}`;
}

/** Hears the agent's last word: its problem or null; undefined when it died without one. */
function lastWord(channel: ControlChannel): Promise<string | null | undefined> {
  return new Promise((resolve) => {
    channel.listen(
      (message) => {
        const { type, problem } = message as { type?: unknown; problem?: unknown };
        if (type === 'done') resolve(typeof problem === 'string' ? problem : null);
      },
      () => resolve(undefined),
    );
  });
}

/** Starts the clock of `ms` at which the whole group of the agent is killed; returns how to stop it. */
function killAfter(child: Child, ms: number, clock: Clock): () => void {
  return clock.after(ms, () => child.signalGroup('SIGKILL'));
}

async function supervise(
  child: Child,
  word: Promise<string | null | undefined>,
  options: NoneOptions,
  signal: AbortSignal,
) {
  const stoppers: (() => void)[] = [];
  const cancel = () => {
    child.signal('SIGTERM');
    stoppers.push(killAfter(child, options.cancelGraceMs, options.clock));
  };
  if (signal.aborted) cancel();
  signal.addEventListener('abort', cancel, { once: true });
  void word.then(() => stoppers.push(killAfter(child, EXIT_AFTER_DONE_MS, options.clock)));
  const exit = await child.exited;
  signal.removeEventListener('abort', cancel);
  const late = new Promise<undefined>((resolve) =>
    stoppers.push(options.clock.after(WORD_AFTER_EXIT_MS, () => resolve(undefined))),
  );
  const problem = await Promise.race([word, late]); // the channel closes with the process: settled by now or in a moment
  for (const stop of stoppers) stop();
  return { exit, problem };
}

function outcomeOf(exit: Exit, problem: string | null | undefined, cancelled: boolean): AgentOutcome {
  if (problem !== undefined) return { problem };
  return { problem: cancelled ? null : `the agent ended unexpectedly with ${describeExit(exit)}` };
}

/** No isolation: the agent is a child process of the worker, with a folder of its own. */
class NoneInstance implements Instance {
  #processes: 'gone' | undefined;

  constructor(
    private readonly folder: WorkingFolder,
    private readonly waiting: AgentProcess | undefined,
    private readonly options: NoneOptions,
  ) {}

  async run(task: AgentTask, signal: AbortSignal): Promise<AgentOutcome> {
    const { mark } = this.folder;
    const waiting = this.waiting?.alive === true ? this.waiting : undefined;
    const { child, channel } = waiting ?? (await startAgent(this.options, task.environment, mark, this.folder.path));
    const log = this.options.log.child({ taskId: task.taskId });
    if (child.stderr !== null) {
      createInterface(child.stderr).on('line', (line) => log.debug('agent', { line: line.slice(0, 1_000) }));
    }
    const word = lastWord(channel);
    channel.send({
      type: 'task',
      apiEndpoint: task.apiEndpoint,
      taskId: task.taskId,
      serverToken: task.serverSecret,
      clientToken: task.clientSecret,
      workingDirectory: this.folder.path,
      privateDirectory: this.folder.privatePath,
      environment: { ...task.environment, [TASK_MARK]: mark },
    });
    const { exit, problem } = await supervise(child, word, this.options, signal);
    child.signalGroup('SIGKILL');
    const left = await killMarked(this.folder.mark, this.options.clock);
    this.#processes = 'gone';
    if (left > 0) log.warn('processes outlived their task and were killed', { processes: left });
    return outcomeOf(exit, problem, signal.aborted);
  }

  async close(): Promise<readonly string[]> {
    try {
      await this.folder.remove(this.#processes);
      return [];
    } catch (error) {
      return [describeError(error)];
    } finally {
      this.options.spare?.ended();
    }
  }
}

/** Prepares the place for one task without isolation. Rejects with an `AppError` when no folder can be made. */
export async function createNoneInstance(options: NoneOptions): Promise<Instance> {
  const { folders, agentUser, spare } = options;
  const agent = spare?.begin();
  try {
    const folder = await folders.make(agent?.mark);
    if (agentUser !== undefined) {
      for (const path of [folder.path, folder.privatePath]) await lchown(path, agentUser.uid, agentUser.gid);
    }
    return new NoneInstance(folder, agent, options);
  } catch (error) {
    agent?.child.signalGroup('SIGKILL');
    spare?.ended();
    throw error;
  }
}
