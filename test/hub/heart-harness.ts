import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { BlobLimits } from '../../src/hub/blobs/blob-desk.ts';
import type { BlobStore } from '../../src/hub/blobs/blob-store.ts';
import { openFolderBlobs } from '../../src/hub/blobs/folder-blobs.ts';
import { type Heart, startHeart } from '../../src/hub/heart.ts';
import { folderObjects } from '../../src/hub/logs/object-store.ts';
import { openLogs } from '../../src/hub/logs/open-logs.ts';
import type { BuildView, TaskView } from '../../src/hub/model.ts';
import type { SourceAccess } from '../../src/hub/source/source-access.ts';
import { Database } from '../../src/hub/store/database.ts';
import { ensurePool } from '../../src/hub/store/pools.ts';
import { addToken } from '../../src/hub/store/tokens.ts';
import { createLogger } from '../../src/lib/log.ts';
import { connect, type RpcClient } from '../../src/rpc/client.ts';
import { parseEndpoint } from '../../src/rpc/endpoint.ts';
import {
  CommandSchema,
  IsolationSchema,
  PersistentWorkerInstanceSchema,
  type Task,
  TaskSchema,
} from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { type RpcServer, startRpcServer } from '../../src/rpc/server.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { wideDisk } from './wide-disk.ts';

export const POOL_TOKEN = 'pool-token';

/** Resolves when `check` is true; fails after five real seconds. */
export async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 5_000;
  while (!(await check())) {
    if (performance.now() > endMs) throw new Error('the condition did not come true');
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

export interface TaskWish {
  readonly name: string;
  readonly labels?: Record<string, string>;
  readonly resources?: Record<string, number>;
  /** Names of tasks before it in the list. */
  readonly needs?: readonly string[];
  readonly env?: Record<string, string>;
  readonly properties?: Record<string, string>;
  readonly scripts?: readonly string[];
}

/** Tasks for persistent workers, as the parser makes them. */
export function makeTasks(wishes: readonly TaskWish[]): Task[] {
  return wishes.map(
    ({ name, labels = {}, resources = {}, needs = [], env = {}, properties = {}, scripts = ['main'] }, index) =>
      create(TaskSchema, {
        localGroupId: BigInt(index),
        requiredGroups: needs.map((need) => BigInt(wishes.findIndex((wish) => wish.name === need))),
        name,
        environment: env,
        metadata: { properties: { timeout_in: '600', allow_failures: 'false', ...properties } },
        commands: scripts.map((script) =>
          create(CommandSchema, {
            name: script,
            instruction: { case: 'scriptInstruction', value: { scripts: ['true'] } },
          }),
        ),
        instance: anyPack(
          PersistentWorkerInstanceSchema,
          create(PersistentWorkerInstanceSchema, {
            labels,
            resources,
            isolation: create(IsolationSchema, { type: { case: 'none', value: {} } }),
          }),
        ),
      }),
  );
}

const source: SourceAccess = {
  environmentFor: ({ branch }, validForMs) => ({
    environment: { CIRRUS_BRANCH: branch, CIRRUS_REPO_CLONE_URL: `http://x/s3cr3t?for=${validForMs}` },
    secrets: ['s3cr3t', ''],
  }),
};

const vault = { find: async (name: string) => (name === 'ENCRYPTED[known]' ? 'opened' : undefined) };

interface PublicAddress {
  text: string;
  given: boolean;
}

/** A heart over a store, behind a real gRPC server, in virtual time. */
export class HubUnderTest {
  readonly log: string[] = [];

  private constructor(
    readonly clock: FakeClock,
    readonly store: Database,
    readonly heart: Heart,
    private readonly server: RpcServer,
    private readonly logLines: string[],
    private readonly scratch: ReturnType<typeof tempFolder>,
    private readonly logFolder: string,
    /** Where tasks are told to reach the hub by HTTP; tests that serve it put the address here. */
    readonly web: PublicAddress,
    readonly blobs: BlobStore,
    /** Timers of the hub that nobody has asked anything. */
    readonly idleTimers: number,
  ) {
    this.log = logLines;
  }

  /** `path` of the database; a hub that was stopped is started again over the same one. */
  static async start(
    path = ':memory:',
    clock = new FakeClock(),
    limits: Partial<BlobLimits> = {},
    otherBlobs?: BlobStore,
  ): Promise<HubUnderTest> {
    const lines: string[] = [];
    const log = createLogger({ level: 'debug', format: 'text', colour: false, write: (line) => lines.push(line) });
    const store = await Database.open(path);
    const scratch = tempFolder();
    const folder = /^postgres:|:memory:/.test(path) ? scratch.path : `${path}.logs`;
    const logs = await openLogs({ store, folder, objects: folderObjects(scratch.path), clock, log });
    const blobs =
      otherBlobs ??
      (await openFolderBlobs(/^postgres:|:memory:/.test(path) ? `${scratch.path}/blobs` : `${path}.blobs`));
    const web: PublicAddress = { text: 'http://127.0.0.1:1', given: true };
    const content = { blobs, publicUrl: () => web, limits };
    const heart = await startHeart({
      store,
      hub: 'hub',
      logs,
      disk: wideDisk(clock, log),
      source,
      vault,
      content,
      clock,
      random: () => 0.5,
      log,
    });
    await store.write(async (sql) => {
      const isNew = (await sql`SELECT id FROM pools`).length === 0;
      const pool = await ensurePool(sql, 'default', heart.ids.next(), clock.wallMs());
      if (isNew) await addToken(sql, POOL_TOKEN, { poolId: pool.id }, { nowMs: clock.wallMs() });
    });
    const onBug = (method: string, error: unknown) => lines.push(`BUG ${method} ${String(error)}`);
    const server = await startRpcServer({ listen: '127.0.0.1:0', handlers: heart.handlers, onBug });
    await clock.advance(0); // its regular work has begun to wait
    const idle = clock.pending;
    return new HubUnderTest(clock, store, heart, server, lines, scratch, folder, web, blobs, idle);
  }

  get port(): number {
    return this.server.port;
  }

  client(): RpcClient {
    return connect(parseEndpoint(`http://127.0.0.1:${this.server.port}`), []);
  }

  submit(...wishes: TaskWish[]): Promise<BuildView> {
    const build = { branch: 'main', revision: 'abc', message: 'work', treeId: 'tree' };
    return this.heart.core.createBuild({ ...build, tasks: makeTasks(wishes) });
  }

  /** The task of that id as it stands now. */
  async task(id: string): Promise<TaskView> {
    const view = await this.heart.core.getTask(id);
    if (view === undefined) throw new Error(`no task ${id}`);
    return view;
  }

  /** Copies of logs that are being kept aside. */
  async copiesAside(): Promise<number> {
    const rows = await this.store.read((sql) => sql`SELECT upload FROM log_spool`);
    return rows.length + [...new Bun.Glob('**/*.part').scanSync({ cwd: this.logFolder })].length;
  }

  /** Ends without ceremony, as a kill would. */
  async stop(): Promise<void> {
    this.heart.release();
    await this.server.stop(AbortSignal.abort());
    await this.heart.stop();
    await this.store.close();
    this.scratch[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Log lines that tell of a bug. */
  get bugs(): string[] {
    return this.logLines.filter((line) => line.startsWith('BUG') || line.includes('failed error='));
  }
}
