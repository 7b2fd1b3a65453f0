import { AppError, describeError, EXIT } from '../lib/errors.ts';
import type { Clock } from '../platform/clock.ts';
import { type ControlChannel, parentChannel } from '../platform/control-channel.ts';
import { type OutputPipe, openOutputPipe } from '../platform/pipe.ts';
import { type Child, type Exit, spawn } from '../platform/processes.ts';
import {
  parseWorkerMessage,
  type RunningTask,
  type SupervisorMessage,
  type WorkerMessage,
} from '../platform/worker-link.ts';
import { endFamily, endUser, familyOf, type ProcessMark, type ProcessPort, withFamily } from './process-family.ts';
import type { WorkerPlan } from './worker-plan.ts';

/** At lifetime and hard cap the worker has this long to leave before it is killed. */
const URGENT_GRACE_MS = 5_000;

/** After the worker's end its last words may still be on their way. */
const LAST_WORDS_MS = 200;
const TAIL_CHARACTERS = 4_000;

/** A task's processes show up a little after the report that it runs. */
const LOOK_AGAIN_MS = 1_000;

export interface KeeperEvents {
  message(message: WorkerMessage): void;
  /** The worker ended without being asked, or could not be started (`code` 78 then, or null). */
  exited(exit: { readonly code: number | null; readonly why: string; readonly left: readonly RunningTask[] }): void;
  /** The processes that a successor would have to end are others now. */
  marksChanged(): void;
}

export interface KeeperDeps {
  readonly plan: WorkerPlan;
  readonly graceMs: number;
  readonly clock: Clock;
  readonly processes: ProcessPort;
  /** Takes what the worker prints. */
  readonly output: (data: Uint8Array) => void;
  readonly events: KeeperEvents;
  /** Aborts when the supervisor leaves at once. */
  readonly leave: AbortSignal;
}

function describeExit(pid: number, { code, signal }: Exit, tail: string): string {
  const how = signal === null ? `ended with code ${code}` : `was killed by ${signal}`;
  const lines = tail
    .replace(/\r/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const told = lines.findLast((line) => line.startsWith('pwagent: '))?.slice('pwagent: '.length);
  const words = (told ?? '').replace(/\p{Cc}+/gu, ' ').slice(0, 500);
  return `the worker (pid ${pid}) ${how}${words === '' ? '' : `: ${words}`}`;
}

/** Starts the worker, listens to it, and ends it with all that it started and nothing else. */
export class WorkerKeeper {
  readonly #deps: KeeperDeps;
  #marks: readonly ProcessMark[];
  #child: Child | undefined;
  #channel: ControlChannel | undefined;
  #heardMs = 0;
  #startedWallMs = 0;
  #reported: readonly RunningTask[] = [];
  #closed = false;

  /** `leftovers`: what a predecessor left; ended before the first worker starts. */
  constructor(deps: KeeperDeps, leftovers: readonly ProcessMark[]) {
    this.#deps = deps;
    this.#marks = leftovers;
  }

  get marks(): readonly ProcessMark[] {
    return this.#marks;
  }

  /** The process that is there, if any. */
  get process(): { readonly pid: number; readonly startedWallMs: number } | undefined {
    return this.#child === undefined ? undefined : { pid: this.#child.pid, startedWallMs: this.#startedWallMs };
  }

  /** Milliseconds since the worker was last heard; null without one. The machine's sleep does not count. */
  silentMs(): number | null {
    return this.#child === undefined ? null : this.#deps.clock.monoMs() - this.#heardMs;
  }

  send(message: SupervisorMessage): void {
    this.#channel?.send(message);
  }

  /** Starts a worker in the place of whatever is left of an earlier one. Outcomes come as events; never rejects. */
  async start(): Promise<void> {
    const { plan, clock, events } = this.#deps;
    try {
      await this.#endAll(new AbortController().signal);
      const setup = plan.setup?.();
      if (this.#closed) return;
      const [child, pipe] = await this.#spawn(setup !== undefined);
      this.#heardMs = clock.monoMs();
      this.#startedWallMs = clock.wallMs();
      this.#child = child;
      this.#mark(child.pid);
      const tail = this.#collectOutput(child, pipe);
      this.#listen(child);
      if (setup !== undefined) this.send(setup);
      void child.exited.then((exit) => this.#onExit(child, exit, tail));
      if (this.#closed) this.kill(); // the end was ordered while it came up
    } catch (error) {
      if (this.#closed || this.#deps.leave.aborted) return;
      const code = error instanceof AppError && error.code === 'CONFIG' ? EXIT.configuration : null;
      events.exited({ code, why: `the worker cannot be started: ${describeError(error)}`, left: [] });
    }
  }

  /** One that is none of ours gets a pipe of the kernel: its scripts may open /dev/stderr (see `pipe.ts`). */
  async #spawn(ours: boolean): Promise<readonly [Child, OutputPipe | undefined]> {
    const { argv, env, cwd, switchTo } = this.#deps.plan;
    const pipe = ours ? undefined : openOutputPipe();
    const output = pipe?.writeFd ?? 'pipe';
    const user = switchTo === undefined ? {} : { user: switchTo };
    try {
      return [await spawn({ argv, env, cwd, stdout: output, stderr: output, control: ours, ...user }), pipe];
    } catch (error) {
      await pipe?.close();
      throw error;
    } finally {
      pipe?.closeWriteEnd();
    }
  }

  /** Ends the worker and what it started, for good; with `urgent` aborted within seconds. Its exit is no event then. */
  end(urgent: AbortSignal): Promise<void> {
    this.#closed = true;
    return this.#endAll(urgent);
  }

  async #endAll(urgent: AbortSignal): Promise<void> {
    const { plan, clock, processes, graceMs, leave } = this.#deps;
    this.#child = undefined;
    this.#channel = undefined;
    this.#reported = [];
    const options = { graceMs, urgent, urgentGraceMs: Math.min(graceMs, URGENT_GRACE_MS) };
    const endsSomething = this.#marks.length > 0;
    if (endsSomething) await endFamily(this.#marks, processes, options, clock, leave);
    if (plan.killWholeUser) endUser(plan.user.uid, processes);
    this.#marks = [];
    if (endsSomething) this.#deps.events.marksChanged();
  }

  /** Ends everything without grace, in one turn. */
  kill(): void {
    const { processes } = this.#deps;
    for (const { pid, pgid } of familyOf(processes.list(), this.#marks, processes.ownPid)) {
      processes.signal(pgid === pid ? -pid : pid, 'SIGKILL');
    }
  }

  /** What the worker started and what is still there; the worker's own process is left out. */
  left(deadLeader?: number): readonly RunningTask[] {
    const { processes, clock } = this.#deps;
    const family = familyOf(processes.list(), this.#marks, processes.ownPid, deadLeader);
    this.#remember(family);
    const others = family.filter(({ pid }) => pid !== this.#marks[0]?.pid);
    if (others.length === 0 || this.#reported.length > 0) return others.length === 0 ? [] : this.#reported;
    const seenAt = new Date(clock.wallMs()).toISOString();
    return others.slice(0, 100).map(({ pid }) => ({ id: `process ${pid}`, startedAt: seenAt }));
  }

  /** Takes note of what the worker has started since. */
  refresh(): void {
    if (this.#child === undefined || this.#reported.length === 0) return;
    const { processes } = this.#deps;
    this.#remember(familyOf(processes.list(), this.#marks, processes.ownPid));
  }

  #remember(family: Parameters<typeof withFamily>[1]): void {
    const [leader, ...others] = this.#marks;
    const alive = others.filter((mark) =>
      family.some(({ pid, started }) => pid === mark.pid && started === mark.started),
    );
    const next = withFamily(leader === undefined ? alive : [leader, ...alive], family);
    const changed = next.length !== this.#marks.length || next.some((mark, index) => mark !== this.#marks[index]);
    this.#marks = next;
    if (changed) this.#deps.events.marksChanged();
  }

  #mark(pid: number): void {
    const started = this.#deps.processes.list().find((info) => info.pid === pid)?.started ?? '';
    this.#marks = [{ pid, started }];
    this.#deps.events.marksChanged();
  }

  #listen(child: Child): void {
    if (child.control === null) return;
    this.#channel = parentChannel(child.control);
    this.#channel.listen(
      (raw) => {
        const message = parseWorkerMessage(raw);
        if (message === undefined || this.#child !== child) return;
        this.#heardMs = this.#deps.clock.monoMs();
        if (message.type === 'state') this.#noteReport(message.running);
        this.#deps.events.message(message);
      },
      () => {}, // a closed channel is followed by the exit, or by silence that the hung-worker rule sees
    );
  }

  #noteReport(running: readonly RunningTask[]): void {
    this.#reported = running;
    this.refresh();
    this.#deps.clock.after(LOOK_AGAIN_MS, () => this.refresh());
  }

  #collectOutput(child: Child, pipe: OutputPipe | undefined): { text: string; ended: Promise<unknown> } {
    const tail = { text: '', ended: Promise.resolve() as Promise<unknown> };
    const take = (data: Uint8Array) => {
      this.#deps.output(data);
      tail.text = (tail.text + new TextDecoder().decode(data)).slice(-TAIL_CHARACTERS);
    };
    const ends = [child.stdout, child.stderr].map((stream) => {
      stream?.on('data', take);
      return new Promise<void>((resolve) => (stream === null ? resolve() : stream.once('end', resolve)));
    });
    if (pipe !== undefined) ends.push(pipe.read(async (data) => take(data)).finally(() => pipe.close()));
    tail.ended = Promise.all(ends);
    return tail;
  }

  async #onExit(child: Child, exit: Exit, tail: { readonly text: string; readonly ended: Promise<unknown> }) {
    if (this.#child !== child) return; // it was asked to
    const left = this.left(child.pid);
    this.#child = undefined;
    this.#channel = undefined;
    await Promise.race([tail.ended, new Promise<void>((resolve) => this.#deps.clock.after(LAST_WORDS_MS, resolve))]);
    this.#deps.events.exited({ code: exit.code, why: describeExit(child.pid, exit, tail.text), left });
  }
}
