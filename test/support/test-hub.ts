import { create } from '@bufbuild/protobuf';
import type { Hono } from 'hono';
import type { ParseInput, ParseResult } from '../../src/cirrus-yml/parse-configuration.ts';
import type { AuditLog } from '../../src/hub/audit/audit.ts';
import { createHttpApp, type HttpAppDeps } from '../../src/hub/http/http-app.ts';
import { RequestCounts } from '../../src/hub/metrics/request-counts.ts';
import { createSourceStore, type SourceStore } from '../../src/hub/source/source-store.ts';
import { AppError } from '../../src/lib/errors.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { processEnvironment } from '../../src/platform/environment.ts';
import { TaskSchema } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { FakeAdministration, FakeControl } from './fake-operations.ts';
import { MemoryHub } from './memory-hub.ts';
import { MemoryCrons, MemoryVault } from './memory-stores.ts';
import { quietLogger } from './quiet-logger.ts';
import { tempFolder } from './temp-folder.ts';

export interface TestHub {
  readonly core: MemoryHub;
  readonly vault: MemoryVault;
  readonly administration: FakeAdministration;
  readonly control: FakeControl;
  readonly crons: MemoryCrons;
  /** `WHO ACTION SUBJECT` of each change. */
  readonly audited: string[];
  readonly app: Hono;
  readonly source: SourceStore;
  readonly lines: Record<string, unknown>[];
  readonly parsed: ParseInput[];
  readonly stop: AbortController;
  [Symbol.dispose](): void;
}

/**
 * A language of one word per task, so that these tests do not depend on the real one: `bad` in the text is an error
 * at line 2, `odd` a warning, `far` something that only a hosted service could run.
 */
export function parseWords({ text }: ParseInput): ParseResult {
  const at = { line: 2, column: 3, hint: 'say something else' };
  if (text.includes('bad')) {
    return {
      tasks: [],
      problems: [{ severity: 'error', message: 'bad word', ...at }],
      foreign: [],
      plan: [],
      encrypted: [],
    };
  }
  const tasks = text.split(/\s+/).filter((word) => word !== '');
  return {
    tasks: tasks.map((name) => create(TaskSchema, { name, commands: [{ name: 'main' }], environment: { A: 'file' } })),
    problems: text.includes('odd') ? [{ severity: 'warning', message: 'odd word', ...at }] : [],
    foreign: text.includes('far') ? [{ severity: 'error', message: 'far word', ...at }] : [],
    plan: [],
    encrypted: [],
  };
}

/** The HTTP side over a heart in memory; tokens `adm`, `sub` and `rea` have the roles that they sound like. */
export async function testHub(clock: Clock, overrides: Partial<HttpAppDeps> = {}): Promise<TestHub> {
  const folder = tempFolder();
  const core = new MemoryHub();
  for (const role of ['admin', 'submit', 'read'] as const) core.tokens.set(role.slice(0, 3), role);
  const { log, lines } = quietLogger();
  const stop = new AbortController();
  const publicUrl = () => 'http://127.0.0.1:7480';
  const options = { folder: folder.path, publicUrl, clock, log, env: processEnvironment(), maxTreeBytes: 100_000 };
  const source = await createSourceStore(options, stop.signal);
  const parsed: ParseInput[] = [];
  const vault = new MemoryVault();
  const [administration, control, requests] = [new FakeAdministration(), new FakeControl(core), new RequestCounts()];
  const crons = new MemoryCrons();
  const audited: string[] = [];
  const audit: AuditLog = {
    record: async ({ name }, action, subject) => void audited.push(`${name} ${action} ${subject}`),
    list: async () => ({ items: [], next: null }),
  };
  const app = createHttpApp({
    core,
    ...{ vault, administration, control, requests, crons, audit },
    remotes: { fetch: async () => Promise.reject(new AppError('CONFIG', 'repository is not among those')) },
    isStoreUp: async () => true,
    isDraining: () => false,
    metrics: async () => 'pwagent_hub_info 1\n',
    source,
    door: { handle: async () => new Response(null, { status: 404 }) },
    artifacts: {
      list: async () => [],
      find: async () => undefined,
      report: async () => ({ annotations: [], annotationsCut: false, notes: [], cacheAttempts: [], utilization: null }),
      agentLog: async () => undefined,
    },
    parse: (input) => {
      parsed.push(input);
      return parseWords(input);
    },
    clock,
    log,
    publicUrl,
    listensOnLoopback: true,
    page: async () => ({ find: () => undefined }),
    stop: stop.signal,
    ...overrides,
  });
  return {
    core,
    ...{ vault, administration, control, crons, audited },
    app,
    source,
    lines,
    parsed,
    stop,
    [Symbol.dispose]: () => {
      stop.abort();
      folder[Symbol.dispose]();
    },
  };
}
