import type { BuildFilter, KnownCaller, TaskFilter } from '../../src/hub/lookups.ts';
import type {
  BuildView,
  HubCore,
  InstructionView,
  LogChunk,
  NewBuild,
  Role,
  StatusName,
  TaskView,
  WorkerView,
} from '../../src/hub/model.ts';
import { type Page, type PageAsk, pageOf } from '../../src/hub/page.ts';
import type { SupervisorView } from '../../src/hub/supervisor-view.ts';

const EPOCH = '2026-01-01T00:00:00.000Z';

/** A task as tests describe it; everything else has a plain value. */
export type TaskSketch = Partial<TaskView> & { readonly name: string };

export function taskView(buildId: string, index: number, sketch: TaskSketch): TaskView {
  return {
    id: `${buildId}${index}`,
    buildId,
    status: 'CREATED',
    reason: null,
    worker: null,
    labels: {},
    resources: {},
    dependsOn: [],
    createdAt: EPOCH,
    startedAt: null,
    finishedAt: null,
    instructions: [],
    run: 1,
    runCause: 'first',
    previousRun: null,
    nextRun: null,
    hold: null,
    ...sketch,
  };
}

export function instructionView(name: string, sketch: Partial<InstructionView> = {}): InstructionView {
  return { name, kind: 'script', status: 'CREATED', exitCode: null, durationMs: null, ...sketch };
}

/** The heart of a hub without workers and without a store: tests move its builds and logs by hand. */
export class MemoryHub implements HubCore {
  readonly builds = new Map<string, BuildView>();
  readonly created: NewBuild[] = [];
  readonly logs: (LogChunk & { readonly buildId: string })[] = [];
  readonly workers: WorkerView[] = [];
  readonly tokens = new Map<string, Role>();
  readonly #watchers = new Set<{ readonly buildId: string | undefined; readonly onChange: () => void }>();
  #seq = 0;

  /** How many watches are open: none may be left behind by a reader that went away. */
  get watchers(): number {
    return this.#watchers.size;
  }

  changed(buildId: string): void {
    for (const watcher of [...this.#watchers]) {
      if (watcher.buildId === undefined || watcher.buildId === buildId) watcher.onChange();
    }
  }

  put(build: Partial<BuildView> & { readonly id: string }, tasks?: readonly TaskSketch[]): BuildView {
    const before = this.builds.get(build.id);
    const stored: BuildView = {
      status: 'CREATED',
      branch: 'main',
      revision: 'abc',
      message: 'a message',
      createdAt: EPOCH,
      finishedAt: null,
      repository: '',
      pullRequest: null,
      priority: 0,
      tasks: [],
      earlierRuns: [],
      ...before,
      ...build,
      ...(tasks === undefined ? {} : { tasks: tasks.map((sketch, index) => taskView(build.id, index, sketch)) }),
    };
    this.builds.set(build.id, stored);
    this.changed(build.id);
    return stored;
  }

  /** Ends a build and all its tasks. */
  finish(id: string, status: StatusName): void {
    const build = this.builds.get(id);
    if (build === undefined) throw new Error(`no build ${id}`);
    const tasks = build.tasks.map((task) => ({ ...task, status, finishedAt: EPOCH }));
    this.builds.set(id, { ...build, tasks, status, finishedAt: EPOCH });
    this.changed(id);
  }

  log(taskId: string, instruction: string, text: string | Uint8Array, replaces = false): number {
    const build = [...this.builds.values()].find(({ tasks }) => tasks.some(({ id }) => id === taskId));
    if (build === undefined) throw new Error(`no task ${taskId}`);
    const data = typeof text === 'string' ? new TextEncoder().encode(text) : text;
    const earlier = this.logs.filter((chunk) => chunk.taskId === taskId && chunk.instruction === instruction);
    const offset = replaces ? 0 : earlier.reduce((sum, chunk) => sum + chunk.data.length, 0);
    this.#seq += 1;
    this.logs.push({ buildId: build.id, seq: this.#seq, taskId, instruction, offset, replaces, data });
    this.changed(build.id);
    return this.#seq;
  }

  createBuild = async (build: NewBuild): Promise<BuildView> => {
    this.created.push(build);
    const { branch, revision, message } = build;
    const tasks = build.tasks.map(({ name, commands }) => ({
      name,
      instructions: commands.map((command) => instructionView(command.name)),
    }));
    return this.put({ id: `b${this.created.length}`, branch, revision, message }, tasks);
  };

  listBuilds = async ({ limit, after }: PageAsk, { status, branch }: BuildFilter = {}): Promise<Page<BuildView>> => {
    const all = [...this.builds.values()].reverse();
    const start = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1;
    const kept = all
      .slice(start)
      .filter((build) => (status ?? build.status) === build.status && (branch ?? build.branch) === build.branch);
    return pageOf(kept, limit, ({ id }) => id);
  };

  listTasks = async ({ limit }: PageAsk, { status, buildId }: TaskFilter = {}): Promise<Page<TaskView>> => {
    const all = [...this.builds.values()].flatMap(({ tasks }) => tasks).reverse();
    const kept = all.filter(
      (task) => (status ?? task.status) === task.status && (buildId ?? task.buildId) === task.buildId,
    );
    return pageOf(kept, limit, ({ id }) => id);
  };

  getBuild = async (id: string): Promise<BuildView | undefined> => this.builds.get(id);

  getTask = async (id: string): Promise<TaskView | undefined> =>
    [...this.builds.values()].flatMap(({ tasks }) => tasks).find((task) => task.id === id);

  listWorkers = async (): Promise<WorkerView[]> => [...this.workers];

  readLogs = async (buildId: string, afterSeq: number): Promise<LogChunk[]> =>
    this.logs.filter((chunk) => chunk.buildId === buildId && chunk.seq > afterSeq).slice(0, 10);

  async *readLog(taskId: string, instruction: string): AsyncGenerator<Uint8Array> {
    const chunks = this.logs.filter((chunk) => chunk.taskId === taskId && chunk.instruction === instruction);
    const start = chunks.findLastIndex(({ replaces }) => replaces);
    for (const { data } of chunks.slice(Math.max(0, start))) yield data;
  }

  watch = (buildId: string | undefined, onChange: () => void, signal: AbortSignal): void => {
    const watcher = { buildId, onChange };
    this.#watchers.add(watcher);
    signal.addEventListener('abort', () => this.#watchers.delete(watcher), { once: true });
  };

  readonly reports = new Map<string, Omit<SupervisorView, 'receivedAt'>>();
  readonly poolTokens = new Set<string>();
  saveSupervisor = async (name: string, report: Omit<SupervisorView, 'receivedAt'>): Promise<void> => {
    this.reports.set(name, report);
  };
  isPoolToken = async (token: string): Promise<boolean> => this.poolTokens.has(token);
  callerOf = async (token: string): Promise<KnownCaller | undefined> => {
    const role = this.tokens.get(token);
    return role === undefined ? undefined : { name: `token ${token}`, role };
  };
}
