import type { PollResponse_AgentAwareTask } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../../src/rpc/rpc-error.ts';
import { type HubAddress, LoadWorker, submitter } from './load-client.ts';

/** What the load did, and every promise that it saw broken. */
export interface LoadTally {
  submitted: string[];
  /** By task id: how often a worker ran it to its end. */
  readonly ran: Map<string, number>;
  /** By task id: the bytes of its log that were acknowledged. */
  readonly acknowledged: Map<string, number>;
  refusals: number;
  readonly broken: string[];
}

/** What may become of a call while hubs die; anything else is the hub's own word. */
const PASSING = [
  'UNAVAILABLE',
  'CANCELLED',
  'DEADLINE_EXCEEDED',
  'UNKNOWN',
  'INTERNAL',
  'RESOURCE_EXHAUSTED',
  'ABORTED',
];

const CONFIGURATION = `
first_task: { persistent_worker: { resources: { slots: 1 } }, speak_script: 'true' }
second_task: { persistent_worker: { resources: { slots: 1 } }, depends_on: [first], speak_script: 'true' }
`;

const LINES = 30;

/** The log of a task: its own, so that a byte of another is found. */
export function logOf(taskId: string): Buffer {
  return Buffer.from(Array.from({ length: LINES }, (_, line) => `task ${taskId} line ${line}\n`).join(''));
}

const pause = (ms: number) => Bun.sleep(ms);

/** Repeats a call until it is answered; false when the hub does not want it any more. */
async function insist(call: () => Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    try {
      await call();
      return true;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (!PASSING.includes(error.status)) return false;
      await pause(20);
    }
  }
  return false;
}

/** Workers and submissions that go on whatever happens to the hub, as real ones do. */
export class HubLoad {
  readonly tally: LoadTally = { submitted: [], ran: new Map(), acknowledged: new Map(), refusals: 0, broken: [] };
  /** Tasks that run right now, with their worker. */
  readonly #running = new Map<string, string>();
  readonly #stop = new AbortController();
  readonly #submitting = new AbortController();
  readonly #loops: Promise<void>[] = [];

  constructor(private readonly hub: HubAddress) {}

  start(workers: number, slots: number): void {
    this.#loops.push(this.#submit());
    for (let number = 1; number <= workers; number += 1) this.#loops.push(this.#work(`load-${number}`, slots));
  }

  async #submit(): Promise<void> {
    const signal = this.#submitting.signal;
    let submit: ((text: string) => Promise<{ id: string }>) | undefined;
    while (!signal.aborted) {
      try {
        submit ??= await submitter(this.hub, signal);
        this.tally.submitted.push((await submit(CONFIGURATION)).id);
        await pause(30);
      } catch {
        this.tally.refusals += 1; // nothing was promised
        await pause(20);
      }
    }
  }

  async #work(name: string, slots: number): Promise<void> {
    const worker = new LoadWorker(this.hub, name, { slots });
    const own = new Map<string, AbortController>();
    const signal = this.#stop.signal;
    await insist(() => worker.register(signal), signal);
    while (!signal.aborted) {
      try {
        const { tasksToStart, tasksToStop } = await worker.poll([...own.keys()], signal);
        for (const id of tasksToStop) own.get(id)?.abort();
        for (const task of tasksToStart) {
          if (own.has(task.taskId)) continue; // handed out again, since its report was still under way
          const stop = new AbortController();
          own.set(task.taskId, stop);
          void this.#run(worker, task, AbortSignal.any([stop.signal, signal])).finally(() => own.delete(task.taskId));
        }
      } catch (error) {
        if (signal.aborted) break;
        if (error instanceof RpcError && error.status === 'PERMISSION_DENIED') {
          await insist(() => worker.register(signal), signal);
        }
        await pause(20);
      }
    }
    worker.close();
  }

  async #run(worker: LoadWorker, task: PollResponse_AgentAwareTask, signal: AbortSignal): Promise<void> {
    const { taskId } = task;
    const other = this.#running.get(taskId);
    if (other !== undefined) this.tally.broken.push(`task ${taskId} runs on ${other} and on ${worker.name}`);
    this.#running.set(taskId, worker.name);
    try {
      if (!(await insist(() => worker.started(task, signal), signal))) return;
      await this.#speak(worker, task, signal);
      if (!(await insist(() => worker.finished(task, ['speak'], signal), signal))) return;
      this.tally.ran.set(taskId, (this.tally.ran.get(taskId) ?? 0) + 1);
    } finally {
      this.#running.delete(taskId);
      await insist(() => worker.stopped(task, this.#stop.signal), this.#stop.signal);
    }
  }

  async #speak(worker: LoadWorker, task: PollResponse_AgentAwareTask, signal: AbortSignal): Promise<void> {
    const log = logOf(task.taskId);
    for (let sent = 0; sent < log.length; ) {
      const end = Math.min(log.length, sent + 200);
      const pieces = [log.subarray(sent, sent + 90), log.subarray(sent + 90, end)];
      if (!(await insist(() => worker.stream(task, 'speak', sent, pieces, signal), signal))) return;
      sent = end;
      this.tally.acknowledged.set(task.taskId, sent);
    }
  }

  /** Ends the submissions and waits until every build is over; then the workers end. Throws after `withinMs`. */
  async finish(withinMs: number): Promise<void> {
    this.#submitting.abort();
    const endMs = performance.now() + withinMs;
    for (const id of this.tally.submitted) {
      for (;;) {
        const build = await this.#build(id);
        if (build !== undefined && !['CREATED', 'EXECUTING'].includes(build.status)) break;
        if (performance.now() > endMs) throw new Error(`build ${id} is not over: ${JSON.stringify(build)}`);
        await pause(50);
      }
    }
    this.#stop.abort();
    await Promise.all(this.#loops);
  }

  /** Ends everything at once, for when a promise was broken. */
  abandon(): void {
    this.#submitting.abort();
    this.#stop.abort();
  }

  /** Asks until there is an answer: hubs die, and limit how much one client may ask. */
  async #ask(path: string): Promise<Response | undefined> {
    const headers = { authorization: `Bearer ${this.hub.adminToken}` };
    for (let attempt = 0; attempt < 600; attempt += 1) {
      const answer = await fetch(`${this.hub.http}/api/v1/${path}`, { headers }).catch(() => undefined);
      if (answer !== undefined && answer.status !== 429 && answer.status !== 503) return answer;
      await pause(50);
    }
    return undefined;
  }

  async #build(id: string) {
    const answer = await this.#ask(`builds/${id}`);
    if (answer?.status === 404) this.tally.broken.push(`build ${id} was acknowledged and is gone`);
    return answer?.ok ? ((await answer.json()) as Build) : undefined;
  }

  /** Compares what is stored with what was acknowledged. */
  async verify(): Promise<void> {
    const { broken, ran, submitted } = this.tally;
    for (const id of submitted) {
      const build = await this.#build(id);
      if (build?.status !== 'COMPLETED') broken.push(`build ${id} is ${JSON.stringify(build)}`);
      for (const task of build?.tasks ?? []) {
        if (!ran.has(task.id)) broken.push(`task ${task.id} is ${task.status} and nobody ran it`);
        const log = await this.#log(task.id);
        if (!log.equals(logOf(task.id)))
          broken.push(`the log of task ${task.id} has ${log.length} bytes: ${log.subarray(-200)}`);
      }
    }
  }

  async #log(taskId: string): Promise<Buffer> {
    const answer = await this.#ask(`tasks/${taskId}/logs/speak`);
    return Buffer.from((await answer?.arrayBuffer()) ?? new ArrayBuffer());
  }
}

interface Build {
  readonly status: string;
  readonly tasks: readonly { readonly id: string; readonly status: string }[];
}
