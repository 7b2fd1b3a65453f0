import type { Clock } from '../platform/clock.ts';
import { randomToken } from '../platform/random.ts';
import type { HubTime } from './ages.ts';
import type { Changes } from './changes.ts';
import type { DiskWatch } from './disk-watch.ts';
import type { Explainer } from './explainer.ts';
import type { Fleet } from './fleet.ts';
import type { LogReader } from './logs/log-reader.ts';
import type { BuildFilter, KnownCaller, TaskFilter } from './lookups.ts';
import type { BuildView, HubCore, LogChunk, NewBuild, TaskView, WorkerView } from './model.ts';
import { type Page, type PageAsk, pageOf } from './page.ts';
import { noEffects, refreshBuild, tellEffects } from './store/build-progress.ts';
import { type BuildRecord, findBuild, insertBuild, newestBuilds } from './store/builds.ts';
import type { Bus } from './store/bus.ts';
import type { Database, Queries } from './store/database.ts';
import { type IdSource, idOf } from './store/ids.ts';
import { instructionsOf } from './store/instructions.ts';
import { linkedTasks } from './store/linked-tasks.ts';
import { insertOrigin } from './store/origins.ts';
import { listReports, saveReport } from './store/supervisors.ts';
import { findTask, newestTasks, placedTasks, type TaskRecord, tasksOfBuild } from './store/tasks.ts';
import { findToken, stateOfToken, type TokenRecord } from './store/tokens.ts';
import { endOf, type SupervisorView } from './supervisor-view.ts';
import type { HubTaskControl } from './task-control.ts';
import { buildView, taskView, workerView } from './views.ts';

export interface CoreDeps {
  readonly store: Database;
  readonly fleet: Fleet;
  readonly explainer: Explainer;
  readonly control: HubTaskControl;
  readonly logs: LogReader;
  readonly disk: Pick<DiskWatch, 'expectRoom'>;
  readonly changes: Changes;
  readonly bus: Bus;
  readonly time: HubTime;
  readonly ids: IdSource;
  readonly clock: Pick<Clock, 'wallMs'>;
}

const beforeOf = (after: string | undefined) => (after === undefined ? undefined : idOf(after));

/** What the HTTP side sees of the hub. */
export class Core implements HubCore {
  constructor(private readonly deps: CoreDeps) {}

  async createBuild(build: NewBuild): Promise<BuildView> {
    const { store, ids, time, bus, control, disk } = this.deps;
    disk.expectRoom();
    const secrets = () => ({ clientSecret: randomToken(), serverSecret: randomToken() });
    const minted = { buildId: ids.next(), tasks: build.tasks.map(() => ({ id: ids.next(), ...secrets() })) };
    const effects = noEffects();
    await store.write(async (sql) => {
      const now = time.now();
      await insertBuild(sql, build, minted, now.wallMs);
      if (build.origin !== undefined) await insertOrigin(sql, minted.buildId, build.origin);
      await refreshBuild(sql, minted.buildId, now, effects);
      if (build.supersedes !== false) await control.supersede({ sql, now, effects }, minted.buildId);
    });
    tellEffects(bus, effects);
    const view = await this.getBuild(String(minted.buildId));
    if (view === undefined) throw new TypeError('a build has gone that was just stored');
    return view;
  }

  listBuilds({ limit, after }: PageAsk, filter: BuildFilter = {}): Promise<Page<BuildView>> {
    return this.deps.store.read(async (sql) => {
      const page = pageOf(await newestBuilds(sql, limit + 1, beforeOf(after), filter), limit, ({ id }) => String(id));
      const items: BuildView[] = [];
      for (const build of page.items) items.push(await this.#view(sql, build));
      return { ...page, items };
    });
  }

  listTasks({ limit, after }: PageAsk, { status, buildId }: TaskFilter = {}): Promise<Page<TaskView>> {
    const filter = { status, buildId: buildId === undefined ? undefined : idOf(buildId) };
    return this.deps.store.read(async (sql) => {
      const page = pageOf(await newestTasks(sql, limit + 1, beforeOf(after), filter), limit, ({ id }) => String(id));
      const items: TaskView[] = [];
      for (const task of page.items) items.push(...(await this.#taskViews(sql, task.buildId, [task])));
      return { ...page, items };
    });
  }

  getBuild(id: string): Promise<BuildView | undefined> {
    return this.deps.store.read(async (sql) => {
      const build = await findBuild(sql, idOf(id));
      return build === undefined ? undefined : this.#view(sql, build);
    });
  }

  getTask(id: string): Promise<TaskView | undefined> {
    return this.deps.store.read(async (sql) => {
      const task = await findTask(sql, idOf(id));
      if (task === undefined) return undefined;
      const [view] = await this.#taskViews(sql, task.buildId, [task]);
      return view;
    });
  }

  async #view(sql: Queries, build: BuildRecord): Promise<BuildView> {
    return buildView(build, await this.#taskViews(sql, build.id, await tasksOfBuild(sql, build.id)));
  }

  async #taskViews(sql: Queries, buildId: number, tasks: readonly TaskRecord[]): Promise<TaskView[]> {
    const linked = await linkedTasks(sql, buildId);
    const say = this.deps.explainer.sentences();
    const views: TaskView[] = [];
    for (const task of tasks) {
      views.push(taskView(task, linked, await instructionsOf(sql, task.id), say(task)));
    }
    return views;
  }

  async listWorkers(): Promise<WorkerView[]> {
    const { store, fleet } = this.deps;
    const placed = Map.groupBy(await store.read((sql) => placedTasks(sql)), ({ workerId }) => workerId);
    const supervisors = await store.read(listReports);
    return fleet
      .members()
      .sort((left, right) => left.record.name.localeCompare(right.record.name))
      .map((member) => {
        const running = (placed.get(member.record.id) ?? []).map(({ id }) => String(id));
        const supervisor = supervisors.get(member.record.name) ?? null;
        return workerView(member.record, fleet.isOnline(member), member.lastSeenMs, running, supervisor);
      });
  }

  async saveSupervisor(workerName: string, report: Omit<SupervisorView, 'receivedAt'>): Promise<void> {
    const { store, clock, changes, fleet } = this.deps;
    await store.write((sql) => saveReport(sql, workerName, report, clock.wallMs()));
    fleet.endsAt(workerName, endOf(report));
    changes.notify();
  }

  async #validToken(token: string): Promise<TokenRecord | undefined> {
    const found = await this.deps.store.read((sql) => findToken(sql, token));
    return found !== undefined && stateOfToken(found, this.deps.clock.wallMs()) === 'valid' ? found : undefined;
  }

  async isPoolToken(token: string): Promise<boolean> {
    return ((await this.#validToken(token))?.poolId ?? null) !== null;
  }

  readLogs(buildId: string, afterSeq: number): Promise<LogChunk[]> {
    return this.deps.logs.chunks(idOf(buildId), afterSeq);
  }

  readLog(taskId: string, instruction: string): AsyncIterable<Uint8Array> {
    return this.deps.logs.whole({ buildId: 0, taskId: idOf(taskId), instruction });
  }

  watch(buildId: string | undefined, onChange: () => void, signal: AbortSignal): void {
    this.deps.changes.watch(buildId === undefined ? undefined : idOf(buildId), onChange, signal);
  }

  async callerOf(token: string): Promise<KnownCaller | undefined> {
    const known = await this.#validToken(token);
    if (known === undefined || known.role === null) return undefined;
    return { name: `token ${known.id}`, role: known.role };
  }
}
